"""How does a place travel through a client and come back unchanged? As text with a MAC: opaque, and of our making or refused."""

import base64
import hmac
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

Place = TypeVar("Place")

_MAC: Final = 32  # letters


def written(text: bytes, sealed: Callable[[bytes], str]) -> str:
    return f"{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{sealed(text)[:_MAC]}"


def opened(link: str, sealed: Callable[[bytes], str]) -> bytes | None:
    """None: it is not one of ours, or was edited."""
    told, _, mac = link.partition(".")
    try:
        text = base64.urlsafe_b64decode(told.encode("ascii") + b"=" * (-len(told) % 4))
        same = hmac.compare_digest(sealed(text)[:_MAC].encode(), mac.encode())
    except ValueError:
        return None
    return text if same else None


def place(link: str, sealed: Callable[[bytes], str], of: type[Place]) -> Place | None:
    """What was written into it. None: it is not one of ours, was edited, or is of an earlier make."""
    text = opened(link, sealed)
    try:
        return msgspec.json.decode(text, type=of) if text is not None else None
    except msgspec.MsgspecError:
        return None
