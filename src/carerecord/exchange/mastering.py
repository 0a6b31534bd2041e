"""Which writes must say what they replace? Those of what is kept here alone, as the registry has it at the moment of the write.

Of a section whose arrangement is `master` there is no other copy by which a lost update could be mended. It goes by the types
that such a section may hold, since a write can change under which heading a resource stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from carerecord.contracts.holdings import Change, Client
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAsked
from carerecord.fhir.sections import SECTIONS
from carerecord.kit.calls import Calls
from carerecord.kit.errors import Unavailable

_REPLACES: Final = ("update", "patch", "delete")


@dataclass
class Masters:
    """The registry as it was last told: asked each time, and sent only when it has changed."""

    calls: Calls
    _known: Registry = field(default_factory=lambda: Registry("", ()))

    async def minded(self, client: Client, changes: Sequence[Change]) -> tuple[Change, ...]:
        """The same, each marked that must say which version it replaces.

        Raises:
            Unavailable: one replaces something blindly, and the registry cannot be asked whether it may.
        """
        if not client.source or all(map(_says, changes)):
            return tuple(changes)
        alone = await self._types(client.source)
        return tuple([each if _says(each) or each.type not in alone else replace(each, must_match=True) for each in changes])

    async def client(self, client: Client) -> Client:
        """For an import, whose lines say of no version: the client as it is while something of its source is kept here alone.

        Asked when it begins, and whenever the client looks how far it is.
        """
        return replace(client, must_match=True) if client.source and await self._types(client.source) else client

    async def _types(self, source: str) -> frozenset[str]:
        try:
            answer = await self.calls.ask(REGISTRY, RegistryAsked(self._known.version))
        except Unavailable:
            says = "Whether this is kept here alone cannot be known just now. Send If-Match, or try again in a moment."
            raise Unavailable(says, service="sources") from None
        self._known = answer.registry or self._known
        shared = next((each.sections for each in self._known.sources if each.id == source), ())
        alone = [SECTIONS[each.section] for each in shared if each.arrangement == "master" and each.section in SECTIONS]
        return frozenset(search.type for each in alone for search in each.searches)


def _says(change: Change) -> bool:
    return change.method not in _REPLACES or bool(change.if_match)
