"""What does the first segment of an HL7 v2 message say, and how is the message acknowledged? MSH alone; nothing else is read.

Source: HL7 v2.5.1 chapter 2, sections 2.9.2 (enhanced mode), 2.14.9 (MSH), 2.14.8 (MSA), 2.14.5 (ERR).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

_TRIGGER: Final = re.compile(rb"([A-Z][A-Z0-9]{2})(?:\^([A-Z][A-Z0-9]{2}))?")
_VERSION: Final = re.compile(rb"2\.[0-9](?:\.[0-9])?")
_MOST: Final = 199  # of a field that is echoed; HL7 allows 199 for MSH-10 and 227 for names
_ENDS: Final = re.compile(rb"[\r\n]")


class Unheaded(Exception):
    """There is no MSH that could be answered. `reason` is for a person and holds nothing of the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Verdict(StrEnum):
    """What became of a message, before it is put in the letters of its sender's mode."""

    TAKEN = "A"
    UNREADABLE = "E"  # its content cannot be read; to send it again will not help
    UNABLE = "R"  # it could not be made durable now, or this sender may not send it


@dataclass(frozen=True, eq=False)
class Form:
    """All of an MSH but MSH-7 and MSH-10, as bytes: what messages of one sender and kind have alike. Missing is empty."""

    separator: bytes
    encoding: bytes  # MSH-2
    application: bytes = b""  # MSH-3, its first component
    facility: bytes = b""
    to_application: bytes = b""
    to_facility: bytes = b""
    type: bytes = b""
    trigger: bytes = b""
    processing: bytes = b"P"
    version: bytes = b"2.4"
    accept: bytes = b""  # MSH-15: AL | NE | ER | SU
    application_ack: bytes = b""  # MSH-16
    charset: bytes = b""

    @cached_property
    def named(self) -> str:
        """ADT^A01, for pages and logs: code words alone, "?" for anything else."""
        return f"{self.type.decode()}^{self.trigger.decode()}" if self.trigger else self.type.decode() or "?"

    @cached_property
    def answer(self) -> tuple[bytes, bytes, bytes]:
        """What all answers have alike: up to MSH-7, from there to MSH-10, from there to MSA-1."""
        fs, version, between = self.separator, self.version, self.encoding[:1] or b"^"
        kind = b"ACK"
        if version >= b"2.2" and self.trigger:
            kind += between + self.trigger
            if version >= b"2.3.1":
                kind += between + b"ACK"
        to = (self.to_application or b"CARERECORD", self.to_facility)
        begins = [b"MSH", self.encoding or b"^~\\&", *to, self.application, self.facility, b""]
        zone = b"+0000" if version >= b"2.3" else b""
        ends = [b"", self.processing, version]
        if self.charset and version >= b"2.3":
            ends += [b"", b"", b"", b"", b"", self.charset]
        return fs.join(begins), fs.join([zone, b"", kind, b""]), fs.join(ends) + b"\rMSA" + fs


class Head(Struct, frozen=True, gc=False):
    """What MSH says."""

    form: Form
    sent: bytes = b""
    control: bytes = b""
    rest: bytes = b""  # the segment without MSH-7 and MSH-10
    ends: int = 0  # where the segment does, in the message; 0 = it is the head of a batch's first message


_FIRST: Final = re.compile(rb"[\r\n](?=MSH[^A-Za-z0-9\s])")  # of a batch
# What a file or a sender may put before a message, and is no part of it: a frame, blanks, the mark of UTF-8.
_AHEAD: Final = re.compile(rb"(?:[\x0b \t\r\n]|\xef\xbb\xbf)+(?=MSH|FHS|BHS)")
_MOST_AHEAD: Final = 64
_UTF_16: Final = re.compile(rb"\xff\xfe|\xfe\xff|M\0S\0H\0|\0M\0S\0H")
UNKNOWN: Final = Head(Form(b"|", b"^~\\&"))  # stands for an MSH that could not be read: an answer can be made all the same


def read(raw: bytes) -> Head:
    """The head of a message without its frame; of a batch (FHS, BHS) that of its first message.

    Raises:
        Unheaded: it begins with no MSH, or with one that names no fields.
    """
    begins = raw[:3]
    if begins != b"MSH":
        if begins in (b"FHS", b"BHS") and (first := _FIRST.search(raw)) is not None:
            return replace(read(raw[first.end() : first.end() + 4_096]), ends=0)
        if ahead := _AHEAD.match(raw, 0, _MOST_AHEAD):
            bare = read(raw[ahead.end() :])
            return replace(bare, ends=bare.ends + ahead.end() if bare.ends else 0)
        if _UTF_16.match(raw):
            raise Unheaded("It is written in UTF-16: its sender has to write UTF-8, or a set of one byte a letter.")
        raise Unheaded("It does not begin with MSH.")
    found = _ENDS.search(raw, 8, 8_192)
    ends = found.start() if found else min(len(raw), 8_192)
    separator = raw[3:4]
    if not separator or separator.isalnum() or separator.isspace():
        raise Unheaded("MSH names no field separator.")
    fields = raw[:ends].split(separator)
    if len(fields) < 9:
        raise Unheaded("MSH ends before MSH-9, which says what kind of message it is.")
    if len(fields) == 9:
        fields.append(b"")
    sent, control = fields[6], fields[9]
    fields[6] = fields[9] = b""
    rest = separator.join(fields)
    return Head(_form(rest, separator), sent, control[:_MOST], rest, ends)


@lru_cache(512)
def _form(rest: bytes, separator: bytes) -> Form:
    fields = rest.split(separator)
    fields += [b""] * (18 - len(fields))
    encoding = fields[1]
    between = encoding[:1] or b"^"
    found = _TRIGGER.match(fields[8].replace(between, b"^"))
    kind, trigger = (found[1], found[2] or b"") if found else (b"", b"")
    version = _VERSION.match(fields[11])
    return Form(
        separator, encoding, fields[2].split(between, 1)[0], fields[3].split(between, 1)[0], fields[4], fields[5],
        kind, trigger, fields[10][:1] or b"P", version[0] if version else b"2.4",
        fields[14][:2].upper(), fields[15][:2].upper(), fields[17],
    )  # fmt: skip


def code(head: Head, verdict: Verdict, *, acknowledge: str = "as-asked", unable: str = "AR") -> str:
    """The two letters of the answer; "" where the sender wants none.

    Original mode, where MSH-15 and MSH-16 are empty, or the sender's row says so: AA, AE, AR. Enhanced mode: the commit
    acknowledgement that MSH-15 asks for, CA, CE or CR. Where it asks for none of this outcome and MSH-16 does, the one answer is
    AA, AE or AR, given as soon as the message is durable: whatever follows is in our own queue.
    """
    letter: str = verdict
    if verdict is Verdict.UNABLE and unable != "AR":
        if unable == "silence":
            return ""
        letter = "E"
    accept, application_ack = head.form.accept, head.form.application_ack
    if acknowledge == "original" or not (accept or application_ack):
        return "A" + letter
    asked = (("C", accept), ("A", application_ack))
    return next((family + letter for family, said in asked if letter in _WANTED.get(said, "AER")), "")


_WANTED: Final = {b"": "", b"NE": "", b"ER": "ER", b"SU": "A"}  # any other word: always


_HL70357: Final = {
    Verdict.TAKEN: b"",
    Verdict.UNREADABLE: b"207^Application internal error^HL70357",
    Verdict.UNABLE: b"207^Application internal error^HL70357",
}


def acknowledgement(head: Head, letters: str, verdict: Verdict, reason: str, *, now: datetime, ours: bytes) -> bytes:
    """The message that answers, without its frame, in the sender's own separators and version; `ours` is its MSH-10.

    `reason` is ours, in ASCII, and holds nothing of the message.
    """
    form = head.form
    fs, (to_msh_7, to_msh_10, to_msa) = form.separator, form.answer
    second = _second(now.replace(microsecond=0))
    ack = b"".join((to_msh_7, second, to_msh_10, ours, to_msa, letters.encode(), fs, head.control, b"\r"))
    if not reason:
        return ack
    text = _escaped(reason.encode("ascii", "replace"), form)
    ack = ack[:-1] + fs + text[:80] + b"\r"
    if form.version >= b"2.5":
        coded = _HL70357[verdict].replace(b"^", form.encoding[:1] or b"^")
        ack += fs.join([b"ERR", b"", b"", coded, b"E", b"", b"", b"", text[:250]]) + b"\r"
    return ack


@lru_cache(4)
def _second(now: datetime) -> bytes:
    return now.strftime("%Y%m%d%H%M%S").encode()


def _escaped(text: bytes, form: Form) -> bytes:
    """Our words hold none of the sender's separators: what would be one becomes a blank."""
    for each in form.separator + form.encoding:
        text = text.replace(bytes((each,)), b" ")
    return text
