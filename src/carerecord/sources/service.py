"""Keep the registry in force: read the folder, notice a change, write it down, answer who takes part."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from carerecord.contracts.audit import Line
from carerecord.contracts.sources import Probe, ProbeAsked, Registry, RegistryAnswer, RegistryAsked, Source
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log
from carerecord.sources.model import changes, digests, read_registry
from carerecord.sources.probe import probe
from carerecord.sources.store import add_version, last_version

LOOK_EVERY_S = 1.0

Fingerprint = tuple[tuple[str, int, int], ...]


@dataclass
class Keeper:
    """The registry as the folder has it now."""

    folder: Path
    db: Pool
    outbox: Outbox
    clock: Clock
    log: Log
    secrets: Callable[[str], str]
    registry: Registry = field(default_factory=lambda: Registry("", ()))
    _read_as: Fingerprint = ()

    async def read(self) -> None:
        """Take the folder as it is; when it differs from what was in force, that is written down before it takes effect."""
        seen = await asyncio.to_thread(_fingerprint, self.folder)
        if self.registry.version and seen == self._read_as:
            return
        files = await asyncio.to_thread(_texts, self.folder)
        registry = read_registry(files)
        version, before = await last_version(self.db)
        if registry.version != version:
            now = digests(registry.sources)
            at = self.clock.now()
            async with self.db.acquire() as connection, connection.transaction():
                await add_version(connection, registry.version, now, at)
                await self.outbox.announce("Line", self._line(changes(before, now)), connection)
        for problem in registry.problems:
            self.log.warning("registry.problem", problem=problem)
        self.registry, self._read_as = registry, seen

    def _line(self, changed: tuple[str, ...]) -> Line:
        return Line(
            id=str(uuid.uuid4()),
            at=stamp(self.clock.now()),
            what="registry-changed",
            service="sources",
            actor=None,
            sources=tuple(each.split(" ")[0] for each in changed),
            states=changed,
        )

    async def watch(self) -> None:
        """Look at the folder every second; until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.read()

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
        source = self.source(asked.source)
        return await probe(source, self.secrets)


def _fingerprint(folder: Path) -> Fingerprint:
    return tuple(
        (file.name, (stat := file.stat()).st_mtime_ns, stat.st_size) for file in sorted(folder.glob("*.toml")) if file.is_file()
    )


def _texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.toml")) if file.is_file()}
