"""In which characters is a message written? What MSH-18 says, unless the bytes say otherwise."""

from typing import Final

from carerecord.ingest.hl7v2.shapes import Unreadable

# Table 0211 and what is found in its place, in the spelling of Python's codecs.
CODECS: Final = {
    "": "", "ASCII": "", "US-ASCII": "", "8859/1": "latin-1", "ISO-8859-1": "latin-1", "ISO8859-1": "latin-1",
    "ISO_8859-1": "latin-1",
    "LATIN1": "latin-1", "8859/2": "iso8859-2", "8859/3": "iso8859-3", "8859/4": "iso8859-4", "8859/5": "iso8859-5",
    "8859/6": "iso8859-6", "8859/7": "iso8859-7", "8859/8": "iso8859-8", "8859/9": "iso8859-9", "8859/15": "iso8859-15",
    "UNICODE": "utf-8", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8", "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32", "WINDOWS-1252": "cp1252", "CP1252": "cp1252", "WINDOWS1252": "cp1252", "1252": "cp1252",
}  # fmt: skip
_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_C1: Final = frozenset(map(chr, range(0x80, 0xA0)))
# In these no word is spelt as UTF-8 spells a letter: what is well-formed UTF-8 is that, whatever the header was copied from.
_WESTERN: Final = frozenset(("latin-1", "iso8859-15", "cp1252"))
AS_WINDOWS: Final = "MSH-18 does not fit the bytes: read as Windows-1252"
AS_UTF_8: Final = "MSH-18 does not fit the bytes: read as UTF-8"


def decoded(raw: bytes, default: str = "") -> tuple[str, str, tuple[str, ...]]:
    """The text of a message, the codec it was read by, and what to say of that.

    A message that claims a set which its bytes contradict is read as what the bytes are (UTF-8 where they are well-formed UTF-8,
    which chance does not produce; else Windows-1252), and says so: refusing it would lose a result for the sake of an accent.

    Raises:
        Unreadable: the bytes are of no set that is known here.
    """
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return _strict(raw, codec), codec, ()
    if raw[:8].count(0) >= 3:
        codec = "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
        return _strict(raw, codec), codec, ()
    if raw.isascii():
        return raw.decode("ascii"), "ascii", ()
    said = _said(raw) or default.strip().upper()
    codec = CODECS.get(said, "")
    if codec in _WESTERN and _is_utf_8(raw):
        return raw.decode("utf-8"), "utf-8", (AS_UTF_8,)
    if codec == "latin-1":
        text = raw.decode("latin-1")
        if _C1.isdisjoint(text):
            return text, codec, ()
        return _windows(raw)
    if codec and codec != "utf-8":
        return _strict(raw, codec), codec, ()
    try:
        return raw.decode("utf-8"), "utf-8", () if codec else (AS_UTF_8,)
    except UnicodeDecodeError:
        return _windows(raw)


def _is_utf_8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _said(raw: bytes) -> str:
    """MSH-18, its first repetition; the bytes of a header are ASCII in every set that is read here."""
    end = min((at for at in (raw.find(b"\r"), raw.find(b"\n")) if at >= 0), default=len(raw))
    fields = raw[:end].split(raw[3:4]) if len(raw) > 3 else []
    return fields[17].split(b"~")[0].decode("latin-1").strip().upper() if len(fields) > 17 else ""


def _windows(raw: bytes) -> tuple[str, str, tuple[str, ...]]:
    return _strict(raw, "cp1252"), "cp1252", (AS_WINDOWS,)


def _strict(raw: bytes, codec: str) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as fault:
        raise Unreadable(f"byte {fault.start + 1} of the message is no character of the set that it is written in") from None
