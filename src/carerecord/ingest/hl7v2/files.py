"""How does a file inside a message (OBX of type ED or RP) become a document?"""

import base64
import binascii
import re
from email import message_from_string
from typing import Any, Final

from carerecord.ingest.hl7v2 import values
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Part, Segment
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
NOT_READ: Final = "The file could not be read"
_FILES: Final = frozenset(("ED", "RP"))
TEXTS: Final = frozenset(("TX", "FT", "ST"))
_ENCODINGS: Final = frozenset(("A", "ASCII", "HEX", "BASE64", "B64"))
_PDF_AS_TEXT: Final = "JVBERi0"
# How base64 of a PDF, RTF, PNG, JPEG, TIFF, ZIP (DOCX) or XML begins.
_OPENINGS: Final = (_PDF_AS_TEXT, "e1xydGY", "iVBORw0K", "/9j/", "SUkq", "TU0A", "UEsDB", "PD94bWw")
_PIECE: Final = re.compile(r"[A-Za-z0-9+/=\r\n]+\Z")
_FOLDED: Final = (" ", "\t")
_ENDED_TWICE: Final = re.compile(r"\n\n(?=content-|mime-version:)", re.IGNORECASE)  # a line of a head, by \X0D0A\
_DOC_STATUS: Final = {"final": "final", "corrected": "amended", "partial": "preliminary", "preliminary": "preliminary"}
_STARTS: Final = (
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


def is_file(obx: Segment) -> bool:
    """Of a kind that is one, or a PDF that was laid into a text."""
    kind = obx.raw(2).strip().upper()
    return kind in _FILES or (kind in TEXTS and obx.raw(5).startswith(_PDF_AS_TEXT))


def goes_on(obx: Segment, before: list[Segment]) -> bool:
    """Whether its bytes are the next piece of a file: what begins as no file does, behind one that begins as one."""
    first = before[0]
    if not is_file(first) or obx.raw(2) != first.raw(2) or obx.raw(3) != first.raw(3):
        return False
    if _is_headed(first):
        return _is_a_line(obx) and (not _is_headed(obx) or all(_is_of_a_head(each) for each in before))
    if not _opens(first):
        return False
    one, other = first.part(5), obx.part(5)
    if one is None or other is None or _opens(obx) or not _PIECE.match(_data(other)[1]):
        return False
    return not other.peek(2) or (one.peek(2), one.peek(3)) == (other.peek(2), other.peek(3))


def _is_headed(obx: Segment) -> bool:
    """Whether the head of a file as mail has it begins or goes on in it: a kind, an encoding, then the file itself."""
    return obx.raw(5).lower().startswith(("content-", "mime-version:"))


def _is_of_a_head(obx: Segment) -> bool:
    """Whether it is nothing but a line of such a head."""
    return (_is_headed(obx) or obx.raw(5).startswith(_FOLDED)) and "\n" not in _line(obx)


def _line(obx: Segment) -> str:
    part = obx.part(5)
    return "" if part is None else f"{' ' if obx.raw(5).startswith(_FOLDED) else ''}{part.whole}"


def _is_a_line(obx: Segment) -> bool:
    part = obx.part(5)
    return part is None or part.many == 1


def _mailed(reading: Reading, lines: list[Segment]) -> Resource:
    whole = message_from_string(_ENDED_TWICE.sub("\n", "\n".join(map(_line, lines))))
    body = next((each for each in whole.walk() if not each.is_multipart()), whole)
    said = str(body.get_payload())
    encoding = str(body.get("content-transfer-encoding", "")).strip().upper()
    content = _bytes([said], "BASE64") if encoding == "BASE64" else body.get_payload(decode=True)
    if not isinstance(content, bytes) or not content.strip():
        reading.note("the file in OBX-5 is not encoded as it says")
        return {}
    found: Resource = {"contentType": body.get_content_type(), **_shown_by_itself(content)}
    if name := re.split(r"[/\\]", body.get_filename() or "")[-1]:
        found["title"] = name
    return {**found, "data": base64.b64encode(content).decode(), "size": len(content)}


def _shown_by_itself(content: bytes) -> Resource:
    return next(({"contentType": type_} for start, type_ in _STARTS if content.startswith(start)), {})


def _opens(obx: Segment) -> bool:
    part = obx.part(5)
    return part is not None and _data(part)[1].startswith(_OPENINGS)


def file_of(
    reading: Reading,
    lines: list[Segment],
    notes: list[str],
    visit: Visit,
    told_apart: tuple[str, ...],
    report: str,
    facts: Resource,
) -> tuple[str, dict[str, Any]]:
    """The DocumentReference of a report's own file, and its key. `facts`: those of the report."""
    obx = lines[0]
    thing = f"DocumentReference/{stable_id(reading.sender, 'DocumentReference', *told_apart)}"
    made: dict[str, Any] = {WITHDRAWN: None, "status": "current"}
    if doc_status := _DOC_STATUS.get(facts["status"]):
        made["docStatus"] = doc_status
    if code := values.concept(reading, obx.part(3)) or facts["code"]:
        made["type"] = code
    said = obx.text(11).upper()
    if said in ("D", "W"):
        made[WITHDRAWN] = "the document was withdrawn by its sender"
    taken = facts.get("effectivePeriod") or {"start": facts.get("effectiveDateTime")}
    if when := reading.time(obx, 14) or taken["start"]:
        made["context:period"] = {"start": when}
    if "issued" in facts:
        made["date"] = facts["issued"]
    if visit.number:
        made["context:encounter"] = [visit.reference]
    made["context:related"] = [{"reference": report}]
    if notes:
        made["description"] = "\n".join(notes)
    attachment = attached(reading, lines)
    made["content"] = [{"attachment": attachment or {"title": NOT_READ}}]
    return thing, made


def attached(reading: Reading, lines: list[Segment]) -> Resource:
    """The Attachment of an ED (its bytes, in one OBX or several) or an RP (where they lie); {} where it is neither: noted."""
    part = lines[0].part(5)
    if part is None or part.empty:
        return {}
    if _is_headed(lines[0]):
        return _mailed(reading, lines)
    kind, subtype = part.peek(2).upper(), part.peek(3).upper()
    if lines[0].raw(2).strip().upper() == "RP":
        address = part[1]
        if not address.startswith(("https://", "http://")):
            reading.note("OBX-5 points to a file by no web address")
            return {}
        return {"url": address, **_typed(kind, subtype, part)}
    parts = [each for line in lines for each in line.parts(5)]
    content = _bytes([_data(each)[1] for each in parts], _data(part)[0])
    for each in parts:
        _ = each.whole
    if content is None or not content:
        reading.note("the file in OBX-5 is not encoded as it says")
        return {}
    found = {**_typed(kind, subtype, part), **_shown_by_itself(content)}
    return {"contentType": "application/octet-stream", **found, "data": base64.b64encode(content).decode(), "size": len(content)}


def _data(part: Part) -> tuple[str, str]:
    """How it says that it is encoded, and what is. Some leave a component before it out."""
    for at in (4, 3, 2):
        if (encoding := part.peek(at).upper()) in _ENCODINGS:
            return encoding, part[at + 1]
    return "", part[5] or (part[1] if not part.peek(2) else "")


def _typed(kind: str, subtype: str, part: Any) -> Resource:
    for said in (subtype, kind):
        if said in _TYPES:
            _ = part[2], part[3]
            return {"contentType": _TYPES[said]}
        if "/" in said:
            _ = part[2], part[3]
            return {"contentType": "".join(said.lower().split())}
    return {}


def _bytes(pieces: list[str], encoding: str) -> bytes | None:
    """Of one text that was cut in pieces, or of pieces that were encoded one by one."""
    whole = "".join(pieces)
    if encoding in ("A", "ASCII"):
        return whole.encode()
    decode = bytes.fromhex if encoding == "HEX" else _from_base64
    for parts in ([whole], pieces):
        try:
            return b"".join(decode("".join(each.split())) for each in parts)
        except (binascii.Error, ValueError):
            continue
    return whole.encode() if not encoding else None


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
