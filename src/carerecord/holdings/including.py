"""What comes along with a page? What its resources point at, and what points at them; and on, where the client says so."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from carerecord.fhir.search.match import answers
from carerecord.fhir.search.parameters import Parameter
from carerecord.fhir.search.partly import Raws
from carerecord.fhir.search.query import Clause, Include
from carerecord.fhir.search.values import Link
from carerecord.holdings.opening import Exam, Found, View
from carerecord.holdings.reaching import GUARDED, WHOM, WHOSE, may_see
from carerecord.holdings.store.changing import Row

if TYPE_CHECKING:
    from carerecord.holdings.finding import Finder

MOST_INCLUDED: Final = 1_000


class Including:
    """Of one search."""

    def __init__(self, finder: "Finder", includes: Iterable[Include], view: View) -> None:
        self._finder, self._includes, self._view = finder, list(includes), view
        self.at_hand: Sequence[Row] = ()  # what was looked up before it was known that it comes along

    def parameters(self, type_: str) -> list[Parameter]:
        """Those whose values of a resource of this type are asked for."""
        return [
            parameter
            for each in self._includes
            if not each.reverse and each.source in ("", type_)
            for parameter in self._references(each.parameter, type_)
        ]

    def whose(self, type_: str) -> bool:
        """Whether resources of this type are to bring along the Patient in whose record they lie."""
        return may_see(self._view.reach, WHOM) and any(
            not each.reverse and each.parameter is not None and each.parameter.code in WHOSE
            for each in self._includes
            if each.source in ("", type_) and each.target in ("", WHOM)
        )

    async def along_with(self, page: Sequence[Found]) -> tuple[list[Found], bool]:
        """What comes along, and whether that is all of it."""
        seen = {(each.row.type, each.row.id) for each in page}
        found: list[Found] = []
        wave, todo = list(page), self._includes
        while wave and todo:
            new: list[Found] = []
            for include in todo:
                wanted = await (self._pointing_at if include.reverse else self._pointed_at)(wave, include)
                for each in wanted:
                    if (each.row.type, each.row.id) not in seen:
                        seen.add((each.row.type, each.row.id))
                        new.append(each)
                if len(found) + len(new) > MOST_INCLUDED:
                    return [*found, *new][:MOST_INCLUDED], False
            found += new
            wave, todo = new, [each for each in todo if each.iterate]
        return found, True

    async def _pointed_at(self, wave: Sequence[Found], include: Include) -> list[Found]:
        wanted: dict[tuple[str, str], None] = {}
        heard: set[tuple[str, str, Raws]] = set()  # many say the same: of one visit, of one person
        for each in wave:
            if include.source and each.row.type != include.source:
                continue
            for parameter in self._references(include.parameter, each.row.type):
                said = (each.row.type, parameter.code, each.said(parameter))
                if said in heard:
                    continue
                heard.add(said)
                for value in each.values(parameter):
                    if not isinstance(value, Link) or not value.id or value.url:
                        continue
                    asked = value.type != GUARDED and (not include.target or value.type == include.target)
                    if asked and may_see(self._view.reach, value.type):
                        wanted[value.type, value.id] = None
        return await self._open(await self._finder.current(list(wanted), self._view, self.at_hand))

    async def _pointing_at(self, wave: Sequence[Found], include: Include) -> list[Found]:
        view, finder = self._view, self._finder
        if include.source == GUARDED or not may_see(view.reach, include.source):
            return []
        found: list[Found] = []
        for parameter in self._references(include.parameter, include.source):
            by_patient: dict[str, list[str]] = {}
            for each in wave:
                if not include.target or each.row.type == include.target:
                    by_patient.setdefault(each.row.patient, []).append(f"{each.row.type}/{each.row.id}")
            for patient, places in by_patient.items():
                clause = Clause(parameter, tuple(places))
                hashes = finder.index.narrows(clause)
                narrowed = [] if hashes is None else [hashes]
                rows = await finder.in_records([patient], include.source, narrowed, MOST_INCLUDED + 1, view)
                found += await self._open(rows, clause)
                if len(found) > MOST_INCLUDED:
                    return found
        return found

    async def _open(self, rows: Sequence[Row], clause: Clause | None = None) -> list[Found]:
        tests = [] if clause is None else [answers(clause)]
        tested = [] if clause is None else [clause.parameter]
        return await self._finder.opened(rows, Exam(tests, tested, self.parameters))

    def _references(self, parameter: Parameter | None, type_: str) -> list[Parameter]:
        if parameter is not None:
            return [parameter]
        return [each for each in self._finder.parameters.of(type_).values() if each.type == "reference"]
