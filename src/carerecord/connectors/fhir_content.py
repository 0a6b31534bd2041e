"""How is the document fetched that a DocumentReference speaks of? From its own server alone, held to its size and hash."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from carerecord.connectors.site import Site
from carerecord.connectors.talk import refusal
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import NoAnswer, NotThere
from carerecord.connectors.windows import Content
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import parse
from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable

ANY_TYPE: Final = "application/octet-stream"


async def content_of(web: Web, source: Source, reference: Mapping[str, Any], *, until: float) -> Content:
    """The first attachment that can be had: inline, or by an address below the source's own (nobody is followed elsewhere).

    Raises:
        WebTrouble: it did not come. NotThere: there is none. Unreadable: it is not what its DocumentReference says.
    """
    attachments = [dict_in(each, "attachment") for each in dicts_in(dict(reference), "content")]
    chosen = next((each for each in attachments if text_in(each, "data") or text_in(each, "url")), None)
    if chosen is None:
        raise NotThere("It names no document that could be fetched.")
    said = media_type(text_in(chosen, "contentType"))
    if data := text_in(chosen, "data"):
        return checked(Content(decoded(data), said or ANY_TYPE), chosen)
    site = Site.of(source)
    link = site.within(text_in(chosen, "url"))
    accept = f"{said or '*/*'}, application/fhir+json;q=0.5"
    answered = await web.patiently(
        lambda: web.get(site, link, accept=accept, until=until, most_bytes=source.most_bytes), until=until
    )
    if answered.status in (404, 410):
        raise NotThere("It no longer holds this document.")
    if not answered.ok:
        raise NoAnswer(refusal(answered.status))
    got = media_type(answered.content_type)
    if got in ("application/fhir+json", "application/json") and said not in (got, "application/json"):
        return checked(_of_binary(answered.body), chosen)
    return checked(Content(answered.body, got or said or ANY_TYPE), chosen)


def inline(reference: Mapping[str, Any]) -> Content:
    """The first attachment that lies within its DocumentReference.

    Raises:
        NotThere: none does. Unreadable: it is not what its DocumentReference says.
    """
    attachments = [dict_in(each, "attachment") for each in dicts_in(dict(reference), "content")]
    for each in attachments:
        if data := text_in(each, "data"):
            return checked(Content(decoded(data), media_type(text_in(each, "contentType")) or ANY_TYPE), each)
    raise NotThere("No document lies within it.")


def checked(content: Content, attachment: Mapping[str, Any]) -> Content:
    """The content, held to the type, size and SHA-1 hash that its DocumentReference states (R4: base64 of the digest)."""
    said = media_type(text_in(dict(attachment), "contentType"))
    if said and content.content_type not in (said, ANY_TYPE):
        raise Unreadable("the document that came is of another type than was said")
    size, stated = attachment.get("size"), text_in(dict(attachment), "hash")
    if isinstance(size, int) and not isinstance(size, bool) and size != len(content.body):
        raise Unreadable("the document that came is not as long as was said")
    if stated and not matches_hash(content.body, stated):
        raise Unreadable("the document that came is not the one that was listed: its hash differs")
    return Content(content.body, said or content.content_type)


def matches_hash(body: bytes, stated: str) -> bool:
    """Whether a SHA-1 stated in base64 (FHIR) or in hex (XDS; some FHIR servers) is that of `body`."""
    digest = hashlib.sha1(body, usedforsecurity=False)
    return stated.strip() in (base64.b64encode(digest.digest()).decode(), digest.hexdigest(), digest.hexdigest().upper()) or (
        stated.strip() == base64.b64encode(digest.hexdigest().encode()).decode()
    )


def media_type(line: str) -> str:
    return line.split(";")[0].strip().lower()


def decoded(data: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("the document inside is not written in base64") from None


def _of_binary(body: bytes) -> Content:
    binary = parse(body)
    if binary.get("resourceType") != "Binary":
        raise Unreadable("what came is no document")
    return Content(decoded(text_in(binary, "data")), media_type(text_in(binary, "contentType")) or ANY_TYPE)
