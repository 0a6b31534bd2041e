"""Which sections of which sources are not open to this actor yet? The registry is asked each time, and sent when it changed."""

from dataclasses import dataclass, field

from carerecord.contracts.actors import Actor
from carerecord.contracts.policy import Rule
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAsked
from carerecord.kit.calls import Calls
from carerecord.kit.errors import Unavailable
from carerecord.policy.model import Verdict

NOT_OPEN = Verdict(
    "not-open",
    Rule(
        "stage/not-open", "Not switched on yet.",
        "DCB0160 (clinical risk management in deployment): a source is opened section by section, on evidence",
    ),
)  # fmt: skip


_NOBODY = Registry("", ())


@dataclass
class Stages:
    calls: Calls
    _registry: Registry | None = field(default=None, repr=False)

    async def closed_to(self, actor: Actor) -> frozenset[tuple[str, str]]:
        """Source and section of what is not open to this actor.

        Raises:
            Unavailable: as `registry`.
        """
        return (await self.registry()).closed_to(actor)

    async def registry(self) -> Registry:
        """Who takes part.

        While the registry is silent the last word from it holds: nobody can open or close anything then either.

        Raises:
            Unavailable: it is silent, and has said nothing yet.
        """
        try:
            answer = await self.calls.ask(REGISTRY, RegistryAsked(self._registry.version if self._registry else ""))
            if answer.registry is not None:
                self._registry = answer.registry
        except Unavailable:
            if self._registry is None:
                raise Unavailable(
                    "Which sources are switched on for whom cannot be known, because the registry of sources does not answer. "
                    "Nothing is shown until it does.",
                    service="sources",
                ) from None
        return self._registry or _NOBODY
