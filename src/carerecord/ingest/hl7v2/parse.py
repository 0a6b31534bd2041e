"""How does a message of HL7 v2 come apart: segments, fields, repetitions, components, and nothing that anybody means by them?

Splitting is all that happens: no table of versions is asked, so 2.1 to 2.8 and every local segment come apart alike. A field is
taken apart when it is first asked for.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from carerecord.ingest.hl7v2.charsets import decoded
from carerecord.ingest.hl7v2.escapes import Delimiters, unescaped
from carerecord.ingest.hl7v2.shapes import Unreadable

DELETED: Final = '""'
_FRAME: Final = b"\x0b\x1c \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_STARTS: Final = re.compile(rb"(?:\A|[\r\n\x0b])(?=(?:MSH|FHS|BHS|BTS|FTS)[^A-Za-z0-9\s])")
_HEADERS: Final = frozenset(("MSH", "FHS", "BHS"))
_ENVELOPES: Final = (b"FHS", b"BHS", b"BTS", b"FTS")
_NO_TEXT: Final = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f]")  # FHIR's texts may not hold them, nor may XML
_AS_TEXT: Final = {**dict.fromkeys(range(1, 0x20)), 9: "\t", 10: "\n", 11: "\n", 12: "\n", 13: "\r"}  # a new page is a new line
NO_TEXT: Final = "it holds control characters: a new page is kept as a new line, the others are left out"
BROKEN_LINE: Final = "a line break stood inside a field: kept as part of its text"


class Part:
    """One repetition of a field. Asking for a component marks it as read; what was never read can be listed afterwards."""

    __slots__ = ("_apart", "_codec", "_inner", "_marks", "_plain", "_read", "raw")

    def __init__(self, raw: str, marks: Delimiters, codec: str) -> None:
        self.raw, self._marks, self._codec = raw, marks, codec
        self._apart: list[str] | None = None  # its components, once one is asked for
        self._plain = False
        self._read = 0  # a bit for each component that was read whole
        self._inner: set[tuple[int, int]] | None = None  # subcomponents that were read one by one

    @property
    def _components(self) -> list[str]:
        if self._apart is None:
            raw, marks = self.raw, self._marks
            self._apart = raw.split(marks.component)
            # Most have neither subcomponents nor escapes: their components are the text itself.
            self._plain = marks.sub not in raw and marks.escape not in raw and DELETED not in raw
        return self._apart

    @property
    def many(self) -> int:
        return len(self._components)

    def __getitem__(self, component: int) -> str:
        """The text of a component (counted from 1), or of its first subcomponent where it has several; "" where empty."""
        components = self._apart or self._components
        if not self._plain:
            return self.sub(component, 1)
        if component > len(components):
            return ""
        self._read |= 1 << component
        return components[component - 1].strip()

    def first(self, many: int) -> list[str]:
        """The texts of so many components; "" for those that are empty."""
        components = self._apart or self._components
        if not self._plain:
            return [self.sub(component, 1) for component in range(1, many + 1)]
        self._read |= (2 << many) - 2
        found = [each.strip() for each in components[:many]]
        return found + [""] * (many - len(found))

    def sub(self, component: int, sub: int) -> str:
        components = self._apart or self._components
        said = components[component - 1] if component <= len(components) else ""
        if not said:
            return ""
        if self._marks.sub in said:
            inner = said.split(self._marks.sub)
            said = inner[sub - 1] if sub <= len(inner) else ""
            if self._inner is None:
                self._inner = set()
            self._inner.add((component, sub))
        elif sub > 1:
            return ""
        else:
            self._read |= 1 << component
        return "" if said == DELETED else unescaped(said, self._marks, self._codec).strip()

    def words_in(self, component: int) -> str:
        """The text of a component that has no subcomponents by right: "Group & Screen", though nobody escaped the sign."""
        components = self._components
        if self._plain or component > len(components) or self._marks.sub not in components[component - 1]:
            return self[component]
        self._read |= 1 << component
        return unescaped(components[component - 1], self._marks, self._codec).strip()

    def peek(self, component: int) -> str:
        """The text of a component, not marked as read: for deciding whether it is to be."""
        components = self._apart or self._components
        said = components[component - 1] if component <= len(components) else ""
        return "" if said == DELETED else said.partition(self._marks.sub)[0].strip()

    @property
    def deleted(self) -> bool:
        return self.raw == DELETED

    @property
    def empty(self) -> bool:
        return self.raw == DELETED or not (self.raw[:1].isalnum() or self.raw.strip(_blank(self._marks)))

    @property
    def whole(self) -> str:
        """All of it as one text, its delimiters as they came: whoever forgot to escape one loses nothing behind it."""
        self._read, raw = -1, self.raw
        if raw == DELETED:
            return ""
        return (unescaped(raw, self._marks, self._codec) if self._marks.escape in raw else raw).strip()

    @property
    def words(self) -> str:
        """All of its components as words, one after the other."""
        self._read = -1
        said = (unescaped(each, self._marks, self._codec).strip() for each in self._components if each != DELETED)
        return " ".join(filter(None, said))

    def unread(self) -> list[str]:
        """Places with something in them that nobody asked for: ".3", ".3.2"."""
        found: list[str] = []
        if self._read == -1:
            return found
        for component, said in enumerate(self._components, 1):
            if not said or self._read >> component & 1 or said == DELETED:
                continue
            inner = said.split(self._marks.sub)
            if len(inner) == 1:
                found.append(f".{component}")
                continue
            read = self._inner or ()
            for sub, each in enumerate(inner, 1):
                if each and each != DELETED and (component, sub) not in read:
                    found.append(f".{component}.{sub}")
        return found


@lru_cache(64)
def _blank(marks: Delimiters) -> str:
    return "".join(marks[:5]) + " "


class Segment:
    """One line of a message. Fields are counted as HL7 counts them: in MSH, field 1 is the separator itself."""

    __slots__ = ("_codec", "_marks", "_parts", "_words", "fields", "line", "name", "number")

    def __init__(self, line: str, number: int, marks: Delimiters, codec: str) -> None:
        self.line, self.number, self._marks, self._codec = line, number, marks, codec
        self.name = line[:3]
        self.fields = line.split(marks.field)  # as received, escapes and all; [0] is the name
        if self.name in _HEADERS:
            self.fields.insert(1, marks.field)
        self._parts: dict[int, list[Part]] = {}
        self._words: set[int] = set()  # fields of one word that were read whole: most are, and need not be taken apart

    def raw(self, field: int) -> str:
        fields = self.fields
        return fields[field] if field < len(fields) else ""

    def parts(self, field: int) -> Sequence[Part]:
        """The repetitions of a field; () where it is empty. One that holds `""` alone is there, and `deleted`."""
        fields = self.fields
        if field >= len(fields) or not (said := fields[field]):
            return ()
        return self._parts.get(field) or self._taken_apart(field, said)

    def part(self, field: int) -> Part | None:
        fields = self.fields
        if field >= len(fields) or not (said := fields[field]):
            return None
        found = self._parts.get(field) or self._taken_apart(field, said)
        return found[0] if found else None

    def text(self, field: int, component: int = 1) -> str:
        fields = self.fields
        if field >= len(fields) or not (said := fields[field]):
            return ""
        if component == 1 and said.isalnum():
            self._words.add(field)
            return said
        found = self._parts.get(field) or self._taken_apart(field, said)
        return found[0][component] if found else ""

    def _taken_apart(self, field: int, said: str) -> list[Part]:
        if self._marks.repetition not in said or (self.name == "MSH" and field < 3):
            found = [Part(said, self._marks, self._codec)]
        else:
            found = [Part(each, self._marks, self._codec) for each in said.split(self._marks.repetition) if each]
        self._parts[field] = found
        return found

    def deletes(self, field: int) -> bool:
        fields = self.fields
        return field < len(fields) and fields[field] == DELETED

    def unread(self) -> list[str]:
        """Fields, or components of them, that hold something and were never asked for: "PID-23", "PID-5.6"."""
        out = []
        blank = _blank(self._marks)
        for number, said in enumerate(self.fields[1:], 1):
            if not said or said == DELETED or number in self._words:
                continue
            if (parts := self._parts.get(number)) is None:
                if said.strip(blank):
                    out.append(f"{self.name}-{number}")
                continue
            for part in parts:
                out += [f"{self.name}-{number}{place}" for place in part.unread()]
        return out


class Message:
    """One message, split."""

    __slots__ = ("codec", "marks", "notes", "segments")

    def __init__(self, segments: tuple[Segment, ...], marks: Delimiters, codec: str, notes: tuple[str, ...]) -> None:
        self.segments, self.marks, self.codec, self.notes = segments, marks, codec, notes

    @property
    def header(self) -> Segment:
        return self.segments[0]

    def every(self, name: str) -> list[Segment]:
        return [each for each in self.segments if each.name == name]

    def first(self, name: str) -> Segment | None:
        return next((each for each in self.segments if each.name == name), None)

    @property
    def trigger(self) -> tuple[str, str]:
        """("ADT", "A01"): MSH-9.1, and MSH-9.2 or, where that is empty, EVN-1. MSH-9.3 names a structure and decides nothing."""
        said = self.header.part(9)
        code, event = (said[1], said[2]) if said else ("", "")
        if not event and (evn := self.first("EVN")) is not None:
            event = evn.text(1)
        return code.upper(), event.upper()

    @property
    def version(self) -> str:
        return self.header.text(12)

    @property
    def control_id(self) -> str:
        return self.header.text(10)

    def fresh(self) -> "Message":
        """The same message with nothing marked as read."""
        again = tuple(Segment(each.line, each.number, self.marks, self.codec) for each in self.segments)
        return Message(again, self.marks, self.codec, self.notes)

    def __str__(self) -> str:
        """The message again, as it is sent."""
        return "".join(f"{each.line}\r" for each in self.segments)


def split(raw: bytes) -> tuple[bytes, ...]:
    """The single messages of a batch (FHS, BHS) or of a file; one for a plain message, () for an envelope with nothing in it."""
    raw = raw.strip(_FRAME).removeprefix(_BOM).lstrip(_FRAME)
    if raw[:3] == b"MSH" and raw.find(b"MSH", 3) < 0:
        return (raw,)
    found = list(pieces(raw))
    return tuple(each for each in found if not each.startswith(_ENVELOPES)) or (() if found else (raw,))


def pieces(raw: bytes) -> Iterator[bytes]:
    """Of a batch or a file: its messages, and what is laid around them. Each is looked for when it is asked for."""
    begun = 0
    for found in _STARTS.finditer(raw):
        if piece := raw[begun : found.start()].strip(_FRAME):
            yield piece
        begun = found.end()
    if piece := raw[begun:].strip(_FRAME):
        yield piece


def within(raw: bytes) -> Iterator[bytes]:
    """The single messages of a batch, one after the other."""
    return (each for each in pieces(raw.strip(_FRAME).removeprefix(_BOM)) if not each.startswith(_ENVELOPES))


def is_plain(raw: bytes) -> bool:
    """Whether it is one of those that nothing can keep `parse` from reading: nearly all are, and a look at the bytes tells."""
    if raw[:3] != b"MSH" or len(raw) < 9 or not raw.isascii() or b"\n" in raw or b"\0" in raw or raw.find(b"MSH", 3) >= 0:
        return False
    ends = raw.find(b"\r")
    fields = raw[: ends if ends >= 0 else len(raw)].split(raw[3:4], 9)
    start = raw[:12].decode("ascii")
    try:
        _delimiters(start)
    except Unreadable:
        return False
    return not _NO_TEXT.search(start) and len(fields) > 8 and fields[8][:1].isalpha()


def parse(raw: bytes, charset: str = "") -> Message:
    """Take one message apart, without its MLLP frame. `charset` is the sender's own, where MSH-18 is empty.

    Raises:
        Unreadable: it is no message of HL7 v2; the reason says where, in segment and character, and holds none of it.
    """
    raw = raw.strip(_FRAME)
    if not raw:
        raise Unreadable("the message is empty")
    text, codec, notes = decoded(raw, charset)
    text = text.lstrip("\ufeff")
    if _NO_TEXT.search(text):
        text, notes = text.translate(_AS_TEXT), (*notes, NO_TEXT)
    marks = _delimiters(text[:12])
    lines = _lines(text, marks.field)
    if "\0" in text:
        at = next(number for number, line in enumerate(lines) if "\0" in line)
        raise Unreadable(f"segment {at + 1} holds a NUL at character {lines[at].index(chr(0)) + 1}")
    if "\n" in text and any("\n" in line for line in lines):
        notes = (*notes, BROKEN_LINE)
    segments = [Segment(line, number, marks, codec) for number, line in enumerate(lines, 1)]
    again = next((each.number for each in segments[1:] if each.name == "MSH"), 0)
    if again:
        raise Unreadable(f"segment {again} starts a second message")
    message = Message(tuple(segments), marks, codec, notes)
    if len(message.header.fields) < 10 or not message.header.text(9):
        raise Unreadable("MSH-9, the type of the message, is empty (segment 1, field 9)")
    return message


@lru_cache(256)  # a sender always begins alike
def _delimiters(text: str) -> Delimiters:
    if not text.startswith("MSH"):
        raise Unreadable("it does not start with MSH (segment 1, character 1)")
    if len(text) < 9:
        raise Unreadable("MSH is cut short (segment 1)")
    field = text[3]
    if field.isalnum() or field in '\r\n" ':
        raise Unreadable("the character after MSH cannot separate fields (segment 1, character 4)")
    said = text[4 : text.find(field, 4)] if text.find(field, 4) > 0 else ""
    if not 1 <= len(said) <= 5:
        raise Unreadable("MSH-2 does not name one to five delimiters (segment 1, character 5)")
    if len(set(said + field)) != len(said) + 1 or any(each.isalnum() or each.isspace() or each == '"' for each in said):
        raise Unreadable("two delimiters in MSH-2 are the same, or one of them is a letter (segment 1, character 5)")
    # Where a sender names fewer, the missing ones are those that everybody uses, unless they are taken.
    usual = [mark if mark not in said + field else "\0" for mark in "^~\\&"]
    component, repetition, escape, sub = [*said, *usual[len(said) :]][:4]
    return Delimiters(field, component, repetition, escape, sub, said[4] if len(said) > 4 else "")


def _lines(text: str, field: str) -> list[str]:
    """One text a segment. A line break is one between segments where a segment's name follows; elsewhere it is part of a text."""
    if "\n" not in text:
        lines = text.split("\r")
        while lines and not lines[-1]:
            lines.pop()
        if all(line[3:4] == field and line[:3].isalnum() and line[:3].isupper() for line in lines):
            return lines  # as nearly always
    found = [line.rstrip("\r\n") for line in _starts_of_segments(field).split(text)]
    return [line.replace("\r\n", "\n").replace("\r", "\n") for line in found if line]


@lru_cache(16)
def _starts_of_segments(field: str) -> re.Pattern[str]:
    # All line ends in a row are one: looked at from each of them anew, a page of them would take minutes.
    return re.compile(rf"(?<![\r\n])[\r\n]++(?=[A-Z][A-Z0-9]{{2}}(?:{re.escape(field)}|[\r\n]|\Z))")
