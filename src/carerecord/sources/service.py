"""Keep the registry in force: read the folder, notice a change, write it down, answer who takes part and to whom it is open."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
from carerecord.contracts.sources import (
    Board,
    BoardAsked,
    Noted,
    ObservedAsked,
    Probe,
    ProbeAsked,
    Registry,
    RegistryAnswer,
    RegistryAsked,
    Source,
    StageAsked,
    Staged,
)  # fmt: skip
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound, Refused
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log
from carerecord.sources.board import board
from carerecord.sources.model import changes, digests, reached_as, read_registry, version_of
from carerecord.sources.modules import narrowed
from carerecord.sources.probe import probe
from carerecord.sources.stages import Set, SetStages, in_force
from carerecord.sources.staging import RULE, Evidence, check_evidence, sections_meant, told, who_sets
from carerecord.sources.store.probes import add_probe, good_probes, last_probes, probe_of
from carerecord.sources.store.seen import add_seen, forget_before, seen_since
from carerecord.sources.store.stages import WHOLE, name_sections, set_stages, write_stages
from carerecord.sources.store.versions import add_version, last_version

LOOK_EVERY_S = 1.0
BOARD_DAYS = 7  # the days that the board adds up
KEPT_DAYS = 35
READ = ("*.toml", "*.csv", "mappings/*.toml")

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass
class Keeper:
    """The registry as the folder has it now, and as people have opened it."""

    folder: Path
    db: Pool
    outbox: Outbox
    clock: Clock
    log: Log
    secrets: Callable[[str], str]
    evidence_days: int = 7
    registry: Registry = field(default_factory=lambda: Registry("", ()))  # in force
    _written: Registry = field(default_factory=lambda: Registry("", ()))  # as the files have it
    _changed: SetStages = field(default_factory=dict)
    _read_as: Fingerprint = ()
    _drawn_up: bool = False  # what is in force is of these files

    async def read(self) -> None:
        """Take the folder as it is; when it differs from what was in force, that is written down before it takes effect."""
        seen = await asyncio.to_thread(_fingerprint, self.folder)
        if not self._written.version or seen != self._read_as:
            written = read_registry(await asyncio.to_thread(_texts, self.folder))
            version, before = await last_version(self.db)
            if written.version != version:
                now = digests(written.sources, written.modules, written.senders)
                changed = changes(before, now)
                at = self.clock.now()
                async with self.db.acquire() as connection, connection.transaction():
                    await add_version(connection, written.version, now, at)
                    line = self._line("registry-changed", [each.split(" ")[0] for each in changed], changed)
                    await self.outbox.announce("Line", line, connection)
            for problem in written.problems:
                self.log.warning("registry.problem", problem=problem)
            self._written, self._read_as, self._drawn_up = written, seen, False
        await self.restage()

    async def restage(self) -> None:
        """Take the stages as they are: this process or another may have been told of a change."""
        changed = await set_stages(self.db)
        if any(section == WHOLE for _, section in changed):
            known = {each.id: [shared.section for shared in each.sections] for each in self._written.sources}
            async with self.db.acquire() as connection, connection.transaction():
                await name_sections(connection, known)
            changed = await set_stages(self.db)
        if changed == self._changed and self._drawn_up:
            return
        written = self._written
        sources = narrowed(in_force(written, changed), written.modules, written.copies_of)
        version = version_of(
            sources, written.always_ask, written.testers, written.modules, written.senders, written.copies_of
        )
        self.registry, self._changed, self._drawn_up = replace(written, version=version, sources=sources), changed, True

    def _line(
        self, what: str, sources: Sequence[str], states: tuple[str, ...], actor: Actor | None = None, *, rule: str = "",
        reason: str = "", outcome: str = "success",
    ) -> Line:  # fmt: skip
        return Line(
            id=str(uuid.uuid4()), at=stamp(self.clock.now()), what=what, service="sources", actor=actor,
            sources=tuple(sources), states=states, rule=rule, reason=reason, outcome=outcome,
        )  # fmt: skip

    async def watch(self) -> None:
        """Look at the folder and at the stages every second; until cancelled."""
        forgotten = self.clock.now().date()
        await forget_before(self.db, forgotten - timedelta(days=KEPT_DAYS))
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.read()
            if (today := self.clock.now().date()) != forgotten:
                await forget_before(self.db, today - timedelta(days=KEPT_DAYS))
                forgotten = today

    async def answer_registry(self, asked: RegistryAsked) -> RegistryAnswer:
        if asked.known_version and asked.known_version == self.registry.version:
            return RegistryAnswer(None)
        return RegistryAnswer(self.registry)

    def source(self, name: str) -> Source:
        for each in self.registry.sources:
            if each.id == name:
                return each
        raise NotFound(f"No source is called {name}. Known: {', '.join(each.id for each in self.registry.sources) or 'none'}.")

    async def answer_probe(self, asked: ProbeAsked) -> Probe:
        """Probe it, and keep what was found: it is the evidence with which a section may be opened."""
        source = self.source(asked.source)
        found = await probe(source, self.secrets)
        at = self.clock.now()
        by = asked.actor.name if asked.actor else "at the command line"
        kept = replace(found, id=uuid.uuid4().hex[:16], at=stamp(at), by=by)
        said = f"{source.id}={'passed' if kept.ok else 'found something wrong'} {kept.id}"
        async with self.db.acquire() as connection, connection.transaction():
            await add_probe(connection, kept, reached_as(source), at)
            line = self._line("source-probed", [source.id], (said,), asked.actor)
            await self.outbox.announce("Line", line, connection)
        return kept

    async def answer_stage(self, asked: StageAsked) -> Staged:
        """Open a section to more, or to fewer. Written down in the same transaction; a refusal is written down too.

        Raises:
            Refused, NotFound, NotUnderstood, NotAcceptable: see `staging`.
        """
        await self.restage()  # another process may have changed it a moment ago
        source = self.source(asked.source)
        try:
            actor = who_sets(asked, self.registry)
        except Refused:
            wanted = (f"{source.id}/{asked.section}→{asked.stage}"[:100],)
            line = self._line("stage-changed", [source.id], wanted, asked.actor, rule=RULE, outcome="refused")
            await self.outbox.announce("Line", line)
            raise
        meant = sections_meant(asked, source)
        found = await probe_of(self.db, asked.evidence) if asked.evidence else None
        now = self.clock.now()
        evidence = Evidence(*found) if found else None
        check_evidence(asked, source, meant, evidence, now=now, days=self.evidence_days)
        said = Set(asked.stage, asked.organisations, actor.name, now, asked.evidence)
        via = "" if asked.actor else "Said at the command line by the owner of the data folder."
        because = " ".join(filter(None, (f"Probe {asked.evidence}." if asked.evidence else "", via)))
        async with self.db.acquire() as connection, connection.transaction():
            await write_stages(connection, source.id, [each.section for each in meant], said)
            line = self._line("stage-changed", [source.id], told(source.id, meant, asked), actor, rule=RULE, reason=because)
            await self.outbox.announce("Line", line, connection)
        await self.restage()
        return Staged(source.id, self.source(source.id).sections)

    async def answer_observed(self, asked: ObservedAsked) -> Noted:
        known = {each.id for each in self.registry.sources}
        told_of = tuple(each for each in asked.observed if each.source in known)
        if told_of:
            async with self.db.acquire() as connection, connection.transaction():
                await add_seen(connection, self.clock.now().date(), told_of)
        return Noted(len(told_of))

    async def answer_board(self, _: BoardAsked) -> Board:
        now = self.clock.now()
        since = (now - timedelta(days=BOARD_DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
        good = await good_probes(self.db, now - timedelta(days=self.evidence_days))
        return board(
            self.registry, self._changed, await last_probes(self.db), good, await seen_since(self.db, since.date()),
            now=now, since=since, evidence_days=self.evidence_days,
        )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    return sorted(file for pattern in READ for file in folder.glob(pattern) if file.is_file())


def _fingerprint(folder: Path) -> Fingerprint:
    return tuple((str(file.relative_to(folder)), (stat := file.stat()).st_mtime_ns, stat.st_size) for file in _files(folder))


def _texts(folder: Path) -> Mapping[str, str]:
    """What cannot be read as UTF-8 becomes a mark that the reader of it meets, so that one bad letter spoils its row alone."""
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8", errors="replace") for file in _files(folder)
    }
