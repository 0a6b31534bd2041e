"""What is kept of one person, for one opening of the record? All of it in one go, and nothing that its permit does not grant."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from carerecord.contracts.holdings import Held, KeptMark, KeptOf, PresentAsked, RecordAsked, Withdrawn
from carerecord.contracts.permit import Permit
from carerecord.fhir.bundle import parse
from carerecord.fhir.sections import SECTIONS
from carerecord.holdings.finding import Finder
from carerecord.holdings.reaching import NOBODY, STRICTEST
from carerecord.holdings.store import changing, looking, of_sources
from carerecord.holdings.store.changing import Row
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotFound

MOST: Final = 20_000  # of one person at once
MOST_BESIDE: Final = 500
# In nobody's record, and needed to read what refers to them.
_BESIDE: Final = re.compile(
    rb'"reference"\s*:\s*"(Medication|PractitionerRole|Practitioner|Organization|Location|HealthcareService|Substance|Device)'
    rb'/([A-Za-z0-9\-.]{1,64})"'
)
IN_PROGRESS: Final = frozenset(("in-progress", "arrived", "triaged", "onleave"))
# Lists carry the warnings that must be shown with what they list.
ALWAYS: Final = frozenset(("Patient", "List"))

_TYPES_OF: Final[Mapping[str, frozenset[str]]] = {
    each.id: frozenset(search.type for search in each.searches) for each in SECTIONS.values()
}


@dataclass(frozen=True)
class Drawer:
    """`check` raises Refused for a permit that was not made for this service, or is over."""

    finder: Finder
    check: Callable[[Permit], object]

    async def record(self, asked: RecordAsked) -> tuple[KeptOf, ...]:
        """What is kept of these entries, by source, each as it stands.

        Raises:
            Refused: the permit is not one. NotFound: `only` names what is not there, or not for this permit.
        """
        self.check(asked.permit)
        types = _types(asked)
        whose = _whose(asked, types)
        if not whose:
            return ()
        wanted = sorted(set().union(*types.values()))
        rows = await of_sources.kept_of(self.finder.db, whose, wanted, STRICTEST, MOST + 1, asked.only)
        gone = () if asked.only != ("", "") else await of_sources.gone_of(self.finder.db, whose, wanted, MOST)
        more = len(rows) > MOST
        by_source: dict[str, list[Row]] = {}
        for row in rows[:MOST]:
            if row.type in types[row.source]:
                by_source.setdefault(row.source, []).append(row)
        if asked.only != ("", "") and not by_source:
            raise NotFound("There is no such resource.")
        withdrawn: dict[str, list[Withdrawn]] = {}
        for each in gone:
            if each.type in types[each.source] - ALWAYS:
                withdrawn.setdefault(each.source, []).append(Withdrawn(each.type, stamp(each.at)))
        answers = []
        for source in sorted({*by_source, *withdrawn}):
            back = tuple(withdrawn.get(source, ()))
            if found := by_source.get(source, []):
                answers.append(replace(await self._of(source, found, more), withdrawn=back))
            else:
                answers.append(KeptOf(source, max(each.at for each in back), (), withdrawn=back))
        return tuple(answers)

    async def newest(self, asked: RecordAsked) -> tuple[KeptMark, ...]:
        """Of what `record` would answer, what tells whether it has changed: in one statement, and no body is opened.

        Raises:
            Refused: the permit is not one.
        """
        self.check(asked.permit)
        types = _types(asked)
        whose = _whose(asked, types)
        if not whose:
            return ()
        sums = await of_sources.sums_of(self.finder.db, whose, sorted(set().union(*types.values())), STRICTEST)
        more = sum(many for *_, gone, many, _, _ in sums if not gone) > MOST
        marks: dict[str, KeptMark] = {}
        for source, type_, gone, many, versions, at in sums:
            if type_ not in types[source] or (gone and type_ in ALWAYS):
                continue
            mark = marks.get(source) or KeptMark(source, more=more)
            newest = max(mark.at, stamp(at))
            if gone:
                marks[source] = replace(mark, gone=mark.gone + many, at=newest)
            else:
                marks[source] = replace(mark, many=mark.many + many, versions=mark.versions + versions, at=newest)
        return tuple(marks[each] for each in sorted(marks))

    async def present(self, asked: PresentAsked) -> tuple[KeptOf, ...]:
        """Encounters in progress, by source, and nothing else of anybody."""
        whose = [(patient, each.source) for each in asked.entries for patient in each.patients]
        rows = await of_sources.kept_of(self.finder.db, whose, ["Encounter"], STRICTEST, MOST) if whose else ()
        by_source: dict[str, list[Held]] = {}
        for row in rows:
            held = _held(row, self.finder.whole(row))
            if parse(held.text).get("status") in IN_PROGRESS:
                by_source.setdefault(row.source, []).append(held)
        return tuple(KeptOf(source, max(each.at for each in found), tuple(found)) for source, found in sorted(by_source.items()))

    async def _of(self, source: str, rows: Sequence[Row], more: bool) -> KeptOf:
        resources: list[Held] = []
        names: dict[tuple[str, str], None] = {}
        async with self.finder.turns.mine() as turn:
            for row in rows:
                text = self.finder.whole(row)
                names.update(dict.fromkeys((type_.decode(), id_.decode()) for type_, id_ in _BESIDE.findall(text)))
                resources.append(_held(row, text))
                await turn.over()
        newest = max(row.at for row in rows)
        return KeptOf(source, stamp(newest), tuple(resources), await self._beside(list(names)[:MOST_BESIDE]), more)

    async def _beside(self, names: Sequence[tuple[str, str]]) -> tuple[Held, ...]:
        """Of what is referred to, that alone which lies in nobody's record."""
        if not names:
            return ()
        lie = await changing.addresses(self.finder.db, names)
        keys = [(lies.patient, *name) for name, lies in lie.items() if lies.patient.startswith(NOBODY)]
        rows = await looking.rows_of(self.finder.db, keys, STRICTEST)
        return tuple([_held(row, self.finder.whole(row)) for row in rows])


def _whose(asked: RecordAsked, types: Mapping[str, frozenset[str]]) -> list[tuple[str, str]]:
    return [(patient, each.source) for each in asked.entries if each.source in types for patient in each.patients]


def _types(asked: RecordAsked) -> dict[str, frozenset[str]]:
    """For each source, the types that fill what is both wanted and granted."""
    granted = frozenset(asked.permit.grants)
    sections: dict[str, set[str]] = {}
    for each in asked.wanted:
        if each in granted and each.section in _TYPES_OF:
            sections.setdefault(each.source, set()).add(each.section)
    return {source: _filling(names) for source, names in sections.items()}


def _filling(sections: Iterable[str]) -> frozenset[str]:
    return ALWAYS.union(*(_TYPES_OF[each] for each in sections))


def _held(row: Row, text: bytes) -> Held:
    return Held(row.type, row.id, row.version, stamp(row.at), Raw(text))


