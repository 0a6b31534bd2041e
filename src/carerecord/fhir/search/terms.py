"""For which codes does a value set stand, or a branch of a code system? Of HL7's own that R4 publishes, and of no others."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.errors import FhirError

AMONG: Final = frozenset(("in", "not-in", "below", "above"))  # the modifiers of a token that are asked here
MOST_CODES: Final = 500  # of one clause, as many as may be written one by one: a row of the index is compared with each
_OWN: Final = "R4's own are"
# A system or value set is named again in an error; anything that could be a number of somebody is not.
_ADDRESS: Final = re.compile(r"(?!.*(?:\d-?){9})(?:https?://|urn:)[\w./:#~-]{1,150}")


class NotLoaded(FhirError):
    """What was asked for is not among the systems and value sets that are loaded, or not so written."""


class Codes(Struct, frozen=True):
    """Without case, as codes are compared in every search."""

    coded: frozenset[tuple[str, str]]  # each with its system
    plain: frozenset[str]  # the same, of an element that has no system


class Terms:
    """`told` is made at set-up: systems, what stands above each code, value sets, and why others are not told."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._systems: Mapping[str, list[str]] = told["systems"]
        self._above: Mapping[str, Mapping[str, list[str]]] = told["above"]
        self._sets: Mapping[str, Mapping[str, list[str] | None]] = told["sets"]
        self._lacking: Mapping[str, str] = told["lacking"]

    def codes(self, modifier: str, asked: Iterable[tuple[str | None, str]]) -> Codes:
        """All for which the values stand, of which each is a system, None where none is written, and a code.

        Raises:
            NotLoaded: one of them cannot be told from what is loaded; it says what is not.
        """
        found: set[tuple[str, str]] = set()
        for system, code in dict.fromkeys(asked):
            found |= self._of_set(system, code) if modifier in ("in", "not-in") else self._branch(modifier, system, code)
            if len(found) > MOST_CODES:
                raise NotLoaded(f"asks for more than {MOST_CODES:,} codes: ask for fewer")
        folded = frozenset((system, code.casefold()) for system, code in found)
        return Codes(folded, frozenset(code for _, code in folded))

    def _of_set(self, version_of: str | None, said: str) -> set[tuple[str, str]]:
        if version_of is not None:
            raise NotLoaded("takes the address of a value set without a version: R4's are loaded")
        if said in self._lacking:
            raise NotLoaded(f"cannot tell the codes of {said}: it {self._lacking[said]}")
        if said not in self._sets:
            raise NotLoaded(f"needs a value set that is loaded: {_named(said)} is not, {_OWN}")
        return {
            (system, code)
            for system, codes in self._sets[said].items()
            for code in (self._systems[system] if codes is None else codes)
        }

    def _branch(self, modifier: str, system: str | None, code: str) -> set[tuple[str, str]]:
        if not system or not code:
            raise NotLoaded("is written system|code")
        if system not in self._systems:
            raise NotLoaded(f"needs a code system that is loaded: {_named(system)} is not, {_OWN}")
        if code not in self._systems[system]:
            raise NotLoaded(f"names a code that {system} does not have")
        above = self._above.get(system, {})
        found, more = {code}, {code}
        while more:
            if modifier == "above":
                more = {over for each in more for over in above.get(each, ())} - found
            else:
                more = {each for each, over in above.items() if not more.isdisjoint(over)} - found
            found |= more
        return {(system, each) for each in found}


NO_TERMS: Final = Terms({"systems": {}, "above": {}, "sets": {}, "lacking": {}})


def _named(address: str) -> str:
    return address if _ADDRESS.fullmatch(address) else "what is asked for"
