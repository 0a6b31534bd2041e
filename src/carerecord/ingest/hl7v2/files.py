"""How does a file inside a message (OBX of type ED or RP) become a document?"""

import base64
import binascii
from typing import Any, Final

from carerecord.ingest.hl7v2 import values
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN
from carerecord.ingest.hl7v2.visits import Visit

_TYPES: Final = {
    "PDF": "application/pdf", "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif",
    "TIFF": "image/tiff",
    "TIF": "image/tiff", "BMP": "image/bmp", "HTML": "text/html", "XML": "application/xml", "RTF": "application/rtf",
    "TXT": "text/plain",
    "PLAIN": "text/plain", "TEXT": "text/plain", "ASCII": "text/plain", "DOC": "application/msword",
    "MSWORD": "application/msword",
    "DOCX": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "DICOM": "application/dicom",
    "BASIC": "audio/basic", "MP4": "video/mp4", "CDA": "application/xml", "X-HL7-CDA-LEVEL-ONE": "application/xml",
}  # fmt: skip
_STARTS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


def file_of(
    reading: Reading, obx: Segment, visit: Visit, told_apart: tuple[str, ...], report: str, status: str
) -> tuple[str, dict[str, Any]]:
    """The DocumentReference of a report's own file, and its key."""
    thing = f"DocumentReference/{stable_id(reading.sender, 'DocumentReference', *told_apart)}"
    facts: dict[str, Any] = {WITHDRAWN: None, "status": "current"}
    doc_status = {"final": "final", "corrected": "amended", "preliminary": "preliminary"}.get(status)
    if doc_status:
        facts["docStatus"] = doc_status
    code = values.concept(reading, obx.part(3))
    if code:
        facts["type"] = code
    said = obx.text(11).upper()
    if said in ("D", "W"):
        facts[WITHDRAWN] = "the document was withdrawn by its sender"
    if when := reading.time(obx, 14):
        facts["context:period"] = {"start": when}
    if visit.number:
        facts["context:encounter"] = [visit.reference]
    facts["context:related"] = [{"reference": report}]
    attachment = attached(reading, obx)
    facts["content"] = [{"attachment": attachment or {"title": "The file could not be read"}}]
    return thing, facts


def attached(reading: Reading, obx: Segment) -> Resource:
    """The Attachment of an ED (its bytes) or an RP (where they lie); {} where it is neither, which is noted."""
    part = obx.part(5)
    if part is None or part.empty:
        return {}
    kind, subtype, encoding = part.peek(2).upper(), part.peek(3).upper(), part.peek(4).upper()
    if obx.raw(2).strip().upper() == "RP":
        address = part[1]
        if not address.startswith(("https://", "http://")):
            reading.note("OBX-5 points to a file by no web address")
            return {}
        return {"url": address, **_typed(kind, subtype, part)}
    _ = part[1], part[2], part[3], part[4]
    data = part[5] or (part[1] if not part.peek(2) else "")
    content = _bytes(data, encoding)
    if content is None or not content:
        reading.note("the file in OBX-5 is not encoded as it says")
        return {}
    found = _typed(kind, subtype, part)
    shown_by_itself = next((type_ for start, type_ in _STARTS if content.startswith(start)), "")
    if shown_by_itself:
        found["contentType"] = shown_by_itself
    return {**found, "data": base64.b64encode(content).decode(), "size": len(content)}


def _typed(kind: str, subtype: str, part: Any) -> Resource:
    for said in (subtype, kind):
        if said in _TYPES:
            _ = part[2], part[3]
            return {"contentType": _TYPES[said]}
        if "/" in said:
            _ = part[2], part[3]
            return {"contentType": "".join(said.lower().split())}
    return {}


def _bytes(data: str, encoding: str) -> bytes | None:
    squeezed = "".join(data.split())
    try:
        if encoding in ("A", "ASCII", ""):
            try:
                return base64.b64decode(squeezed, validate=True) if not encoding else data.encode()
            except (binascii.Error, ValueError):
                return data.encode()
        if encoding == "HEX":
            return bytes.fromhex(squeezed)
        return base64.b64decode(squeezed, validate=True)
    except (binascii.Error, ValueError):
        return None
