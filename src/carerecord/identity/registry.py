"""Which providers are in force now? Follows the folder; a file that is no TOML changes nothing."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carerecord.contracts.identity import Provider
from carerecord.identity.providers import Trust, TrustedProvider, read_providers
from carerecord.kit.log import Log

LOOK_EVERY_S = 0.7


@dataclass
class Registry:
    """The providers that the folder names."""

    folder: Path
    log: Log
    trust: Trust = field(default_factory=Trust)
    _files: Mapping[str, str] = field(default_factory=dict)

    def trusted(self, provider: str, issuer: str = "") -> TrustedProvider | None:
        """The provider of this id, if it is trusted now and (when told) still the same issuer."""
        found = self.trust.providers.get(provider)
        return found if found is not None and issuer in ("", found.issuer) else None

    def listed(self) -> tuple[Provider, ...]:
        found = sorted(self.trust.providers.values(), key=lambda each: each.name)
        return tuple(Provider(each.id, each.organisation, each.name, each.issuer) for each in found)

    async def read(self) -> None:
        """Take the folder as it is. What is half written signs nobody out: the providers before it stay in force."""
        files = await asyncio.to_thread(_texts, self.folder)
        if files == self._files:
            return
        self._files, told = files, read_providers(files)
        for problem in told.problems:
            self.log.warning("provider.problem", problem=problem)
        if told.whole or not self.trust.providers:
            self.trust = told
            self.log.info("provider.registry", providers=sorted(told.providers))

    async def watch(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.read()
            except (OSError, UnicodeDecodeError) as error:
                self.log.warning("provider.folder_not_read", exc_info=error)


def _texts(folder: Path) -> Mapping[str, str]:
    return {file.name: file.read_text("utf-8") for file in sorted(folder.glob("*.toml")) if file.is_file()}
