"""What makes the book tell when it has been tampered with? A hash of each line and of all before it; no input or output."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from carerecord.contracts.audit import Line

EMPTY = b"\0" * 32  # the hash before the first line

_line = msgspec.json.Decoder(Line)


@dataclass(frozen=True)
class Told:
    """A line to be added."""

    teller: str
    event: UUID
    at: datetime
    body: bytes
    patients: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A line as it stands in the book."""

    seq: int
    teller: str
    event: UUID
    at: datetime
    body: bytes
    hash: bytes
    patients: tuple[str, ...] = ()


def told(teller: str, event: str, at: datetime, body: bytes) -> Told:
    """The line of this event. One that cannot be read is added all the same, under the event's time: the book refuses nothing."""
    line = read(body)
    when = _moment(line.at) if line is not None else None
    return Told(teller, UUID(event), when or at, body, tuple(dict.fromkeys(line.patients)) if line is not None else ())


def read(body: bytes) -> Line | None:
    try:
        return _line.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def shown(standing: Standing) -> Line:
    """The line for a reader: its id is the event's where its teller gave none."""
    line = read(standing.body)
    if line is None:
        return Line(str(standing.event), standing.at.isoformat(), "unreadable", standing.teller, None, outcome="failed")
    return line if line.id else msgspec.structs.replace(line, id=str(standing.event))


def hash_after(before: bytes, seq: int, teller: str, event: UUID, at: datetime, body: bytes) -> bytes:
    """SHA-256 over the hash so far and every field, each with its length, so that nothing can slide from one into the next."""
    running = sha256(b"\x01" + before)
    for part in (str(seq).encode(), teller.encode(), event.bytes, at.astimezone(UTC).isoformat().encode(), body):
        running.update(len(part).to_bytes(8, "big"))
        running.update(part)
    return running.digest()


def chained(seq: int, before: bytes, lines: Sequence[Told]) -> Iterator[Standing]:
    """The lines as they will stand after line `seq` whose hash is `before`."""
    for line in lines:
        seq += 1
        before = hash_after(before, seq, line.teller, line.event, line.at, line.body)
        yield Standing(seq, line.teller, line.event, line.at, line.body, before, line.patients)


def first_bad(seq: int, before: bytes, lines: Sequence[Standing]) -> int | None:
    """The number of the first line, following line `seq` with hash `before`, that does not agree; None when all do."""
    for line in lines:
        seq += 1
        if line.seq != seq or line.hash != hash_after(before, seq, line.teller, line.event, line.at, line.body):
            return seq
        named = read(line.body)
        if set(line.patients) != set(named.patients if named is not None else ()):
            return seq
        before = line.hash
    return None


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
