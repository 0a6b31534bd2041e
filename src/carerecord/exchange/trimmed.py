"""What of a resource does a client want? `_summary` and `_elements`, cut from the bytes member by member."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec import Raw

_members: Final = msgspec.json.Decoder(dict[str, Raw])
_meta: Final = msgspec.json.Decoder(dict[str, Raw])
_ALWAYS: Final = ("resourceType", "id", "meta")
_SUBSETTED: Final = b'{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
# Members that a summary leaves out: the long ones. Every other stays, which FHIR allows a server to do.
_LONG: Final = frozenset(("text", "contained", "content", "note", "presentedForm", "photo", "section", "description"))


def trimming(summary: str, elements: Sequence[str]) -> Callable[[bytes], bytes] | None:
    """What is done to each resource of a page; None where nothing is."""
    if not elements and summary in ("", "false"):
        return None
    return partial(trimmed, summary=summary, elements=elements)


def trimmed(text: bytes, summary: str, elements: Sequence[str], *, mandatory: Sequence[str] = ()) -> bytes:
    """The bytes that are left, marked as SUBSETTED; the same bytes where nothing was asked."""
    if not elements and summary in ("", "false"):
        return text
    members = _members.decode(text)
    if elements or summary == "text":
        kept = {*_ALWAYS, *mandatory, *(elements or ("text",)), *(f"_{each}" for each in elements)}
        members = {name: each for name, each in members.items() if name in kept or name == "status"}
    elif summary == "data":
        members.pop("text", None)
    elif summary == "true":
        members = {name: each for name, each in members.items() if name not in _LONG}
    members["meta"] = _marked(members.get("meta", Raw(b"{}")))
    return msgspec.json.encode(members)


def _marked(meta: Raw) -> Raw:
    told = _meta.decode(meta)
    tags = bytes(told.get("tag", Raw(b"[]"))).strip()
    told["tag"] = Raw(tags[:-1] + (b"," if len(tags) > 2 else b"") + _SUBSETTED + b"]")
    return Raw(msgspec.json.encode(told))
