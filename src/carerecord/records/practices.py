"""With which practice is this person registered now, and which practice is then asked? By the national register, not by memory.

Practices that speak GP Connect give a record of the people who are registered with them and of nobody else, so registration is
what decides whom to ask: when a person changes practice, the next opening asks the new one, and nobody has configured anything.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from carerecord.connectors.pds import Pds, Registered
from carerecord.connectors.web_trouble import WebTrouble
from carerecord.contracts.patients import Person
from carerecord.contracts.sources import Registry, Source
from carerecord.fhir.errors import NotAnNhsNumber

MOST_KEPT = 2_000


class Practice(Struct, frozen=True):
    """Where a person is registered."""

    ods: str = ""  # "" = not known
    sure: bool = False  # the register says so now; else it is what the index last heard


class ByRegistration(Struct, frozen=True):
    """Whether a practice is asked, and what the record says of it when it is not."""

    asked: bool
    why_not: str = ""
    state: str = "not asked"


ASKED = ByRegistration(True)


def by_registration(
    source: Source, registry: Registry, practice: Practice, *, numbered: bool, known: bool, insisted: bool
) -> ByRegistration | None:
    """Is this GP Connect source asked? None: it has no part in this record. Pure.

    `known`: it gave a record of this person before. `insisted`: a user wants it asked.
    """
    if not numbered:
        return ByRegistration(False, "It is asked by NHS number, and none is known for this person.")
    if insisted and not source.any_practice:
        return ASKED
    if source.any_practice:
        if practice.ods and practice.ods in _with_a_table(registry):
            return None  # its own table is how it is asked
        return ASKED if practice.ods else ByRegistration(False, "The practice where this person is registered is not known.")
    if practice.ods == source.organisation or known:
        return ASKED
    if practice.sure and practice.ods:
        return ByRegistration(False, "This person is registered with another practice.", "registered elsewhere")
    return ByRegistration(False, "No sign that this person is registered with it.")


def _with_a_table(registry: Registry) -> frozenset[str]:
    spoken = (each for each in registry.sources if each.connector == "gp_connect" and not each.retired)
    return frozenset(each.organisation for each in spoken if not each.any_practice)


@dataclass
class Practices:
    """Asks the register, and remembers an answer for a minute at most, in memory alone."""

    pds: Pds
    within_s: float  # longer than this an opening does not wait for the register
    kept_s: float = 60.0
    ticking: Callable[[], float] = time.monotonic
    _kept: "OrderedDict[str, tuple[str, float]]" = field(default_factory=OrderedDict)

    async def of(self, person: Person, registry: Registry, organisation: str) -> Practice:
        """The practice of this person. Where no GP Connect source takes part, nobody is asked."""
        number = person.demographics.nhs_number
        spoken = any(each.connector == "gp_connect" and not each.retired for each in registry.sources)
        register = next((each for each in registry.sources if each.connector == "pds" and not each.retired), None)
        if not number or not spoken:
            return Practice()
        kept = self._kept.get(number)
        if kept and kept[1] > self.ticking():
            return Practice(kept[0], sure=True)
        if register is not None:
            try:
                async with asyncio.timeout(self.within_s):
                    found = await self.pds.read(register, number, organisation=organisation)
                if isinstance(found, Registered):
                    self._keep(number, found.person.practice.ods)
                    return Practice(found.person.practice.ods, sure=True)
            except (TimeoutError, WebTrouble, NotAnNhsNumber):
                pass  # the register is silent: what the index heard last is better than asking nobody
        return Practice(person.demographics.gp)

    def clear(self) -> None:
        self._kept.clear()

    def sweep(self) -> None:
        """Let go of what is older than a minute. Called once a second."""
        now = self.ticking()
        while self._kept and (len(self._kept) > MOST_KEPT or next(iter(self._kept.values()))[1] <= now):
            self._kept.popitem(last=False)

    def _keep(self, number: str, ods: str) -> None:
        self._kept.pop(number, None)
        self._kept[number] = ods, self.ticking() + self.kept_s
