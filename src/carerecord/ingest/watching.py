"""How are files taken in that a source lays into a folder? Each message or row into the journal, then the file is set apart.

A file stays where it is until all of it is durable: whoever is killed meanwhile, it is read again from its beginning, and what
was taken already is known. Beside each file that is done lies a receipt, whose counts its sender can hold against their own.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from carerecord.ingest import extracts, hl7v2
from carerecord.ingest.hl7v2 import Unreadable
from carerecord.ingest.kinds import END_HEAD
from carerecord.ingest.receive import Receiver
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.log import Log

LOOKS_EVERY_S: Final = 2.0
AT_ONCE: Final = 200  # messages that wait for one commit together
MOST_BYTES: Final = 500_000_000
DONE, REFUSED = "done", "refused"
_UNFINISHED: Final = (".part", ".tmp", ".filepart", ".crdownload")


class _Unable(Exception):
    """It could not be made durable now: the file stays, and is read again."""


@dataclass
class Watcher:
    """The folder, with one folder in it for each sender, named by its id in the registry."""

    folder: Path
    receiver: Receiver
    clock: Clock
    log: Log
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _of_nobody: int = 0  # files that lie where no sender's are looked for

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
        for sender, path, size, changed in await asyncio.to_thread(self._waiting, sorted(known)):
            whole = self._seen.get(path) == (size, changed)
            self._seen[path] = (size, changed)
            if whole:
                await self._take(sender, path, datetime.fromtimestamp(changed / 1e9, UTC))
                self._seen.pop(path, None)

    async def _look_beside(self, senders: frozenset[str]) -> None:
        """Nobody takes what lies beside the senders' folders, or in one that is called otherwise: it is said once."""
        found = await asyncio.to_thread(_files_beside, self.folder, senders)
        if found > self._of_nobody:
            self.log.warning("folder.of_nobody", files=found)
        self._of_nobody = found

    def _waiting(self, senders: list[str]) -> list[tuple[str, Path, int, int]]:
        found = []
        for sender in senders:
            own = self.folder / sender
            own.mkdir(parents=True, exist_ok=True)
            for path in sorted(own.iterdir()):
                if path.is_file() and not path.name.startswith(".") and path.suffix not in _UNFINISHED:
                    told = path.stat()
                    found.append((sender, path, told.st_size, told.st_mtime_ns))
        return found

    async def _take(self, sender: str, path: Path, at: datetime) -> None:
        try:
            body, digest = await asyncio.to_thread(_read, path)
            if (same := await asyncio.to_thread(_done_before, path.parent, digest)) is not None:
                await self._set_apart(path, DONE, {"sha256": digest, "same_as": same, "messages": 0})
                return
            messages = await asyncio.to_thread(_messages_of, path, body, stamp(at))
            mapping = self.receiver.senders.by_id()[sender].mapping
            if path.suffix == ".csv" and extracts.is_full(mapping):
                messages = _ended(messages, path.stem, stamp(at))
            counts = await self._taken(sender, messages)
        except Unreadable as fault:
            await self._set_apart(path, REFUSED, {"why": fault.reason})
            self.log.warning("folder.refused", sender=sender)
            return
        except (_Unable, OSError) as error:
            self.log.warning("folder.waits", sender=sender, because=type(error).__name__)
            return
        await self._set_apart(path, DONE, {"sha256": digest, "messages": sum(counts.values()), **counts})
        self.log.info("folder.taken", sender=sender, messages=sum(counts.values()), unreadable=counts["unreadable"])

    async def _taken(self, sender: str, messages: Iterator[bytes]) -> dict[str, int]:
        counts = {"taken": 0, "unreadable": 0}
        while part := await asyncio.to_thread(_next, messages):
            async with self.receiver.turns.mine() as turn:
                read = []
                for each in part:
                    read.append(self.receiver.read(each, sender))
                    await turn.over()
            for told in await self.receiver.taken(read):
                if told.outcome == "unable":
                    raise _Unable
                counts[told.outcome] += told.trigger != END_HEAD.form.named
        return counts

    async def _set_apart(self, path: Path, where: str, receipt: dict[str, object]) -> None:
        told = {"file": path.name, "at": stamp(self.clock.now()), **receipt}
        await asyncio.to_thread(_moved, path, where, json.dumps(told, indent=1) + "\n")


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


def _next(messages: Iterator[bytes]) -> list[bytes]:
    """In a thread: a large file is long to read."""
    return list(islice(messages, AT_ONCE))


def _read(path: Path) -> tuple[bytes, str]:
    if path.stat().st_size > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES} bytes: send it in parts")
    body = path.read_bytes()
    return body, hashlib.sha256(body).hexdigest()


def _messages_of(path: Path, body: bytes, at: str) -> Iterator[bytes]:
    """Raises Unreadable: nobody can say what it holds."""
    if path.suffix == ".csv":
        return extracts.rows_of(body, path.stem, at)
    if path.suffix == ".ndjson":
        return iter([line.strip() for line in body.splitlines() if line.strip()])
    if path.suffix in (".json", ".xml"):
        return iter((body.strip(),))
    if path.suffix in (".hl7", ".er7"):
        return iter(hl7v2.split(body))
    raise Unreadable("its name ends in none of .csv, .hl7, .er7, .json, .ndjson, .xml: nobody can say what it holds")


def _ended(messages: Iterator[bytes], name: str, at: str) -> Iterator[bytes]:
    rows = 0
    for each in messages:
        rows += 1
        yield each
    yield extracts.end_of(name, at, rows)


def _done_before(own: Path, digest: str) -> str | None:
    """The name of the file that was done last, where it is the very same. One from before that says something anew."""
    last: dict[str, object] = {}
    for receipt in (own / DONE).glob("*.receipt.json"):
        try:
            told = json.loads(receipt.read_text())
        except ValueError:
            continue
        if "same_as" not in told and str(told.get("at")) >= str(last.get("at", "")):
            last = told
    return str(last.get("file")) if last.get("sha256") == digest else None


def _moved(path: Path, where: str, receipt: str) -> None:
    """The receipt first: a file without one would be read again, a receipt without its file is only a receipt."""
    to = path.parent / where
    to.mkdir(exist_ok=True)
    name, count = path.name, 1
    while (to / name).exists():
        count += 1
        name = f"{path.stem}-{count}{path.suffix}"
    (to / f"{name}.receipt.json").write_text(receipt)
    path.rename(to / name)
