"""How are files taken in that a source lays into a folder? Each message or row into the journal, then the file is set apart.

A file stays where it is until all of it is durable: whoever is killed meanwhile, it is read again from its beginning, and what
was taken already is known. So does one that is written on while it is read. Beside each file that is done lies a receipt, whose
counts its sender can hold against their own, with the lines that could not be read.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct

from carerecord.ingest import laid
from carerecord.ingest.hl7v2 import Unreadable
from carerecord.ingest.kinds import BATCH_HEAD, END_HEAD
from carerecord.ingest.laid import DONE, RECEIPT, REFUSED
from carerecord.ingest.receive import Receiver
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.log import Log

LOOKS_EVERY_S: Final = 2.0
AT_ONCE: Final = 200  # messages that wait for one commit together …
AT_ONCE_BYTES: Final = 8_000_000  # … or so many bytes of them
WATCHED_S: Final = 120.0  # for so long a file that is done may prove to be written on
MOST_FAULTS: Final = 1_000  # of one file, told one by one
_UNFINISHED: Final = (".part", ".tmp", ".filepart", ".crdownload")


class _Unable(Exception):
    """It could not be made durable now: the file stays, and is read again."""


class _Told(Struct, frozen=True):
    """As which a file stands in its folder: another one under its name, or one that was written on, is told otherwise."""

    size: int
    changed: int
    node: int


@dataclass
class _Counts:
    """What became of the messages of one file."""

    taken: int = 0
    unreadable: int = 0
    faults: list[dict[str, object]] = field(default_factory=list)
    envelope: str = ""  # what that of a batch says of how many came, where it is not true

    def add(self, outcome: str, place: int, why: str) -> None:
        if outcome == "taken":
            self.taken += 1
            return
        self.unreadable += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append({"line": place, "says": why})

    def told(self) -> dict[str, object]:
        counts = {"messages": self.taken + self.unreadable, "taken": self.taken, "unreadable": self.unreadable}
        odd = {"envelope": self.envelope} if self.envelope else {}
        return {**counts, **odd, **({"faults": self.faults} if self.faults else {})}


@dataclass(frozen=True)
class _Apart:
    """A file that was done a moment ago."""

    path: Path
    was: Path
    told: _Told
    until: float


@dataclass
class Watcher:
    """The folder, with one folder in it for each sender, named by its id in the registry."""

    folder: Path
    receiver: Receiver
    clock: Clock
    log: Log
    _seen: dict[Path, _Told] = field(default_factory=dict)
    _of_nobody: int = 0  # files that lie where no sender's are looked for
    _closed: Mapping[str, str] = field(default_factory=dict)  # senders whose folder cannot be looked into, and why
    _apart: list[_Apart] = field(default_factory=list)

    async def work(self) -> None:
        """Until cancelled. A file is read once it has stopped growing."""
        while True:
            await self.look()
            await asyncio.sleep(LOOKS_EVERY_S)

    async def look(self) -> None:
        if not self.receiver.senders.registry_version:
            return
        known = self.receiver.senders.by_id()
        await self._look_beside(frozenset(known))
        await self._look_back()
        waiting, closed = await asyncio.to_thread(_waiting, self.folder, sorted(known))
        for sender, because in closed.items():
            if self._closed.get(sender) != because:
                self.log.error("folder.closed", sender=sender, because=because)
        self._closed = closed
        for sender, path, told in waiting:
            whole = self._seen.get(path) == told
            self._seen[path] = told
            if whole:
                try:
                    await self._take(sender, path, told)
                except (_Unable, OSError) as error:
                    self.log.warning("folder.waits", sender=sender, because=type(error).__name__)
                except Exception as error:  # a fault of one file is not the others'
                    self.log.error("folder.failed", sender=sender, exc_info=error)
                self._seen.pop(path, None)

    async def _look_back(self) -> None:
        """What was done and is written on after all goes back to where it lay, and is read again: it broke off meanwhile."""
        now = time.monotonic()
        for each in self._apart:
            with suppress(OSError):  # it stays where it is
                if await asyncio.to_thread(_put_back, each):
                    self.log.warning("folder.grew")
        self._apart = [each for each in self._apart if each.until > now and not _is_gone(each.path)]

    async def _look_beside(self, senders: frozenset[str]) -> None:
        """Nobody takes what lies beside the senders' folders, or in one that is called otherwise: it is said once."""
        found = await asyncio.to_thread(_files_beside, self.folder, senders)
        if found > self._of_nobody:
            self.log.warning("folder.of_nobody", files=found)
        self._of_nobody = found

    async def _take(self, sender: str, path: Path, told: _Told) -> None:
        """Raises _Unable, OSError: it stays, and is read again."""
        at = stamp(datetime.fromtimestamp(told.changed / 1e9, UTC))
        counts, digest = _Counts(), ""
        try:
            digest = await asyncio.to_thread(laid.digest, path)
            if (same := await asyncio.to_thread(_done_before, path, digest)) is not None:
                await self._set_apart(path, told, DONE, {"sha256": digest, "same_as": same, "messages": 0})
                return
            mapping = self.receiver.senders.by_id()[sender].mapping
            await self._taken(sender, laid.held(path, at, mapping), counts)
        except Unreadable as fault:
            if await self._set_apart(path, told, REFUSED, {"sha256": digest, "why": fault.reason, **counts.told()}):
                self.log.warning("folder.refused", sender=sender)
            return
        if await self._set_apart(path, told, DONE, {"sha256": digest, **counts.told()}):
            many = counts.taken + counts.unreadable
            self.log.info("folder.taken", sender=sender, messages=many, unreadable=counts.unreadable)

    async def _taken(self, sender: str, messages: Iterator[laid.Held], counts: _Counts) -> None:
        """Raises Unreadable: behind what was taken nothing more can be read."""
        fault: Unreadable | None = None
        while fault is None:
            part, fault = await asyncio.to_thread(_next, messages)
            if not part:
                break
            async with self.receiver.turns.mine() as turn:
                read = []
                for _, raw, why in part:
                    read.append(await self.receiver.read(raw, sender, why=why))
                    await turn.over()
            for (place, _, _), answered in zip(part, await self.receiver.taken(read), strict=True):
                if answered.outcome == "unable":
                    raise _Unable
                if answered.trigger == BATCH_HEAD.form.named:
                    counts.envelope = answered.reason
                elif answered.trigger != END_HEAD.form.named:
                    counts.add(answered.outcome, place, answered.reason)
        if fault is not None:
            raise fault

    async def _set_apart(self, path: Path, told: _Told, where: str, receipt: dict[str, object]) -> bool:
        """False: it is not the file any more that was read, and stays."""
        says = {"file": path.name, "at": stamp(self.clock.now()), "bytes": told.size, **receipt}
        to = await asyncio.to_thread(_moved, path, told, where, json.dumps(says, indent=1) + "\n")
        if to is None:
            self.log.warning("folder.changed")
            return False
        self._apart.append(_Apart(to, path, told, time.monotonic() + WATCHED_S))
        return True


def _waiting(folder: Path, senders: Sequence[str]) -> tuple[list[tuple[str, Path, _Told]], dict[str, str]]:
    """What lies there to be read; and whose folder cannot be looked into, and why."""
    found: list[tuple[str, Path, _Told]] = []
    closed: dict[str, str] = {}
    for sender in senders:
        own = folder / sender
        try:
            own.mkdir(parents=True, exist_ok=True)
            for path in sorted(own.iterdir()):
                if path.name.startswith(".") or path.suffix in _UNFINISHED or not path.is_file():
                    continue
                if (told := _told(path)) is not None:
                    found.append((sender, path, told))
        except OSError as error:
            closed[sender] = type(error).__name__
    return found, closed


def _files_beside(folder: Path, senders: frozenset[str]) -> int:
    try:
        beside = [each for each in folder.iterdir() if each.name not in senders and not each.name.startswith(".")]
    except OSError:  # not there yet
        return 0
    return sum(map(_files_at, beside))


def _files_at(path: Path) -> int:
    """It, or those in it: 0 where it may not be opened, as `lost+found` of a disk, or is gone in this moment."""
    try:
        return 1 if path.is_file() else sum(within.is_file() for within in path.iterdir())
    except OSError:
        return 0


def _next(messages: Iterator[laid.Held]) -> tuple[list[laid.Held], Unreadable | None]:
    """The next of them, and why there can be no more. In a thread: a large file is long to read."""
    part: list[laid.Held] = []
    size = 0
    try:
        for each in islice(messages, AT_ONCE):
            part.append(each)
            size += len(each[1])
            if size > AT_ONCE_BYTES:
                break
    except Unreadable as fault:
        return part, fault
    return part, None


def _told(path: Path) -> _Told | None:
    """None: it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _Told(found.st_size, found.st_mtime_ns, found.st_ino)


def _is_gone(path: Path) -> bool:
    """False also where nobody can say: its folder is closed just now."""
    with suppress(OSError):
        return not path.exists()
    return False


def _done_before(path: Path, digest: str) -> str | None:
    """The name of the file that was done last, where it is the very same. One from before that says something anew."""
    last: dict[str, object] = {}
    for receipt in (path.parent / DONE).glob(f"*{RECEIPT}"):
        try:
            told = json.loads(receipt.read_text())
        except ValueError:
            continue
        if told.get("file") == path.name and not (path.parent / DONE / path.name).exists():
            continue  # killed between the receipt and the move: it is read again, and nothing of it is taken twice
        if "same_as" not in told and str(told.get("at")) >= str(last.get("at", "")):
            last = told
    return str(last.get("file")) if last.get("sha256") == digest else None


def _moved(path: Path, told: _Told, where: str, receipt: str) -> Path | None:
    """The receipt first: a file without one would be read again, a receipt without its file is only a receipt."""
    if _told(path) != told:
        return None
    to = path.parent / where
    to.mkdir(exist_ok=True)
    name, count = path.name, 1
    while (to / name).exists():
        count += 1
        name = f"{path.stem}-{count}{path.suffix}"
    beside = _receipt_of(to / name)
    beside.write_text(receipt)
    path.rename(to / name)
    if _told(to / name) == told:
        return to / name
    (to / name).rename(path)  # another took its name between the look and the move
    beside.unlink()
    return None


def _receipt_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{RECEIPT}")


def _put_back(apart: _Apart) -> bool:
    """Not where another lies under its name by now: that one holds what is meant."""
    now = _told(apart.path)
    if now is None or now == apart.told or apart.was.exists():
        return False
    apart.path.rename(apart.was)
    _receipt_of(apart.path).unlink(missing_ok=True)
    return True
