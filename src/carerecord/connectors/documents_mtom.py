"""How is a message of several parts written and taken apart? MIME multipart/related, as SOAP 1.2 with MTOM and XOP uses it."""

import secrets
from collections.abc import Mapping
from email.message import Message
from typing import Final

from msgspec import Struct

from carerecord.fhir.errors import Unreadable

MOST_PARTS: Final = 100
SOAP: Final = "application/soap+xml"


class Parts(Struct, frozen=True):
    """A message: its root, and what the root includes, by Content-ID without angle brackets."""

    root: bytes
    by_id: Mapping[str, bytes]


def packed(soap: bytes, action: str) -> tuple[str, bytes]:
    """One SOAP envelope as a message of one part: its Content-Type line and its body."""
    boundary = f"MIMEBoundary_{secrets.token_hex(16)}"
    kind = (
        f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; start="<root@carerecord>"; '
        f'start-info="{SOAP}"; action="{action}"'
    )
    head = (
        f'--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type="{SOAP}"\r\n'
        "Content-Transfer-Encoding: binary\r\nContent-ID: <root@carerecord>\r\n\r\n"
    )
    return kind, head.encode() + soap + f"\r\n--{boundary}--\r\n".encode()


def unpacked(content_type: str, body: bytes) -> Parts:
    """Take a message apart. One that is no multipart is its own root.

    Raises:
        Unreadable: it says that it has parts, and they cannot be told apart.
    """
    kind, parameters = _header(content_type)
    if not kind.startswith("multipart/"):
        return Parts(body, {})
    boundary = parameters.get("boundary", "").encode()
    if not boundary:
        raise Unreadable("a message of parts that does not say where they begin")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Unreadable("a message of parts that was cut short")
    if len(pieces) > MOST_PARTS:
        raise Unreadable("a message of more parts than are taken in")
    found: dict[str, bytes] = {}
    first = ""
    for place, piece in enumerate(pieces[1:-1]):
        head, divided, content = piece.lstrip(b" \t").removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if not divided:
            raise Unreadable("a part of a message without a head")
        id_ = _content_id(head) or f"part-{place}"
        if id_ in found:
            raise Unreadable("two parts of a message with one name")
        found[id_] = content
        first = first or id_
    start = parameters.get("start", "").strip("<> ") or first
    if start not in found:
        raise Unreadable("a message of parts without its root")
    return Parts(found[start], found)


def _header(line: str) -> tuple[str, dict[str, str]]:
    message = Message()
    message["Content-Type"] = line.replace("\r", " ").replace("\n", " ")
    told = message.get_params(failobj=[]) or []
    return message.get_content_type(), {name.lower(): value for name, value in told[1:] if isinstance(value, str)}


def _content_id(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-id":
            return value.strip().strip(b"<>").decode("ascii", "replace")
    return ""
