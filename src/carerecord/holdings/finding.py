"""Which resources answer a search? An index says which are worth opening, the body decides, and a grant comes before counts."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from carerecord.contracts.holdings import FindAsked, Held, Page, Reach
from carerecord.fhir.bundle import parse
from carerecord.fhir.search.match import Answers, answers
from carerecord.fhir.search.parameters import Parameter, Parameters
from carerecord.fhir.search.query import BadSearch, Chained, Clause, Has, Include, Query, read
from carerecord.fhir.search.values import Link, Number, Span, Text, Token, link
from carerecord.holdings.bodies import Bodies
from carerecord.holdings.index import Index
from carerecord.holdings.paging import Links, Place, same
from carerecord.holdings.reaching import NOBODY, WHOSE, all_within, may_see, most, of_a_person
from carerecord.holdings.store import changing, looking
from carerecord.holdings.store.changing import Row
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Database, Pool
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.turns import Turns

MOST_OPENED: Final = 20_000  # bodies that one search may open: a whole long record, and no more
MOST_INCLUDED: Final = 1_000
ID: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9\-.]{1,64}\Z")  # not . or .., which a proxy would resolve
_LONGEST_STEP: Final = 1_000  # rows asked of the database at once, after a first step of a page

Parsed = dict[str, Any]


@dataclass(frozen=True)
class Found:
    row: Row
    text: bytes
    parsed: Parsed

    @property
    def held(self) -> Held:
        row = self.row
        return Held(row.type, row.id, row.version, stamp(row.at), msgspec.Raw(self.text))


@dataclass(frozen=True)
class View:
    """For whom, and as of when: None = now."""

    db: Database
    reach: Reach
    base: str = ""
    moment: datetime | None = None


@dataclass(frozen=True)
class Finder:
    db: Pool
    clock: Clock
    bodies: Bodies
    index: Index
    parameters: Parameters
    turns: Turns
    links: Links

    async def search(self, asked: FindAsked) -> tuple[Page, list[str]]:
        """One page, and whose records it shows. No more is opened than the page needs, unless it is to be sorted or counted.

        Raises:
            NotUnderstood: the search, or its cursor, is not one that can be answered; it says why.
        """
        key = same(asked.type, asked.query, asked.reach, asked.most, asked.client.id)
        place = self.links.read(asked.cursor, key)
        view = View(self.db, asked.reach, asked.base, place.moment if place else None)
        try:
            query = read(asked.type, asked.query, self.parameters, strict=asked.strict)
            size = asked.most if query.count is None else min(query.count, asked.most)
            if query.summary == "count" or query.count == 0:
                every = await self.all_of(query, view)
                return Page((), total=len(every), ignored=query.ignored), [each.row.patient for each in every]
            total: int | None
            if query.sort or query.total in ("accurate", "estimate"):
                every = _sorted(await self.all_of(query, view), query)
                skip, total = place.skip if place else 0, len(every)
                page = every[skip : skip + size + 1]
            else:
                page = [each async for each in self._upto(query, view, size + 1, place)]
                skip, total = 0, len(page) if place is None and len(page) <= size else None
            more, page = len(page) > size, page[:size]
            included = await self._included(page, query.includes, view)
        except BadSearch as bad:
            raise NotUnderstood(bad.reason) from None
        following = ""
        if more:
            last = page[-1].row
            # Clocks of several writers differ a little: what is shown stood at the moment of the page, by definition.
            moment = view.moment or max(self.clock.now(), *(each.row.at for each in page))
            following = self.links.write(Place(key, moment, skip + size, last.when_at, last.patient, last.type, last.id))
        answer = Page(
            tuple(each.held for each in page), tuple(each.held for each in included),
            None if query.total == "none" else total, following, query.ignored,
        )  # fmt: skip
        return answer, [each.row.patient for each in (*page, *included)]

    async def all_of(self, query: Query, view: View, upto: int = MOST_OPENED) -> list[Found]:
        """Everything that answers, newest first; no more than `upto`.

        Raises:
            BadSearch: it does not say whose, and is not one that can be asked of everybody; or far too much would be opened.
        """
        return [each async for each in self._upto(query, view, upto)]

    async def _upto(self, query: Query, view: View, upto: int, place: Place | None = None) -> AsyncIterator[Found]:
        if not may_see(view.reach, query.type):
            return
        own = [each for each in query.clauses if isinstance(each, Clause)]
        tests = [answers(each, base=view.base, now=self.clock.now()) for each in own]
        whose: list[str] | None = None
        for each in query.clauses:
            if isinstance(each, Chained):
                ids = await self._chained(each, view)
                tests.append(_points_at(each, ids))
                if each.target == "Patient" and each.parameter.code in WHOSE:
                    whose = sorted(ids)
        points = [each for each in query.clauses if isinstance(each, Has)]
        opened = shown = 0
        async for rows in self._candidates(query.type, own, whose, view, min(upto, _LONGEST_STEP), place):
            opened += len(rows)
            if opened > MOST_OPENED:
                raise BadSearch("", f"More than {MOST_OPENED:,} resources would have to be opened: narrow the search.")
            for found in await self._opened_and_tested(rows, tests):
                if all([await self._has(found, each, view) for each in points]):
                    yield found
                    shown += 1
                    if shown == upto:
                        return

    async def _candidates(
        self, type_: str, clauses: Sequence[Clause], chained: list[str] | None, view: View, step: int, place: Place | None
    ) -> AsyncIterator[list[Row]]:
        """Rows worth opening, in steps, in one order whatever the step; those after `place`."""
        reach, db = view.reach, view.db
        ids = next((each.values for each in clauses if each.parameter.code == "_id" and not each.modifier), None)
        if ids is not None:
            known = await changing.addresses(db, [(type_, id_) for id_ in ids if ID.match(id_)])
            keys = all_within([(lies.patient, *key) for key, lies in known.items()], reach, self.parameters)
            named = sorted(await looking.rows_of(db, keys, most(reach), view.moment), key=lambda row: (row.patient, row.id))
            yield [row for row in named if place is None or (row.patient, row.id) > (place.patient, place.id)]
            return
        whose = chained if chained is not None else self._whose(clauses, view.base)
        if whose is None and type_ == "Patient" and reach.patients is not None:
            whose = list(reach.patients)
        if whose is not None and reach.patients is not None:
            whose = [each for each in whose if each in reach.patients]
        if whose is None:
            wide = [hashes for each in clauses if (hashes := self.index.across(each)) is not None]
            if wide:
                async for rows in self._of_everybody(type_, wide, view, step, place):
                    yield rows
                return
            if reach.patients is not None:
                whose = list(reach.patients)
            elif not of_a_person(type_, self.parameters):
                whose = list(await looking.owners(db, NOBODY))
            else:
                by = "identifier" + (", family, given, name or birthdate" if type_ == "Patient" else "")
                raise BadSearch("", f"A search for {type_} needs to say whose: add patient=…, or search by _id or {by}.")
        narrowed = [hashes for each in clauses if (hashes := self.index.narrows(each)) is not None]
        after = (place.when, place.id) if place is not None and place.when is not None else None
        while whose:
            rows = list(
                await looking.in_records(db, whose, type_, narrowed, most(reach), step, after=after, moment=view.moment)
            )
            yield rows
            if len(rows) < step:
                return
            after, step = (rows[-1].when_at, rows[-1].id), min(step * 2, _LONGEST_STEP)

    async def _of_everybody(
        self, type_: str, wide: Sequence[Sequence[int]], view: View, step: int, place: Place | None
    ) -> AsyncIterator[list[Row]]:
        after = (place.patient, place.id) if place else ("", "")
        while True:
            keys = await looking.across(view.db, type_, wide, step, after)
            within = all_within(keys, view.reach, self.parameters)
            rows = await looking.rows_of(view.db, within, most(view.reach), view.moment)
            yield sorted(rows, key=lambda row: (row.patient, row.id))
            if len(keys) < step:
                return
            after, step = (keys[-1][0], keys[-1][2]), min(step * 2, _LONGEST_STEP)

    def _whose(self, clauses: Sequence[Clause], base: str) -> list[str] | None:
        """The records that the search names; None where it names none."""
        for each in clauses:
            if each.parameter.code in WHOSE and each.modifier in ("", "Patient"):
                said = [(link(value), value) for value in each.values]
                if all((at.type in ("", "Patient") and (not at.url or _ours(at.url, base))) or ID.match(v) for at, v in said):
                    named = [at.id or value for at, value in said]
                    return list(dict.fromkeys(id_ for id_ in named if ID.match(id_)))
        return None

    async def _opened_and_tested(self, rows: Sequence[Row], tests: Sequence[Answers]) -> list[Found]:
        found: list[Found] = []
        async with self.turns.mine() as turn:
            for row in rows:
                text = self.text(row)
                parsed = parse(text)
                if all(test(parsed) for test in tests):
                    found.append(Found(row, text, parsed))
                await turn.over()
        return found

    def text(self, row: Row) -> bytes:
        return self.bodies.unpack(row.body, organisation=row.organisation, patient=row.patient, place=row.place)

    async def _chained(self, chained: Chained, view: View) -> set[str]:
        """The ids of those that this may point at: they are looked for first."""
        targets = await self.all_of(Query(chained.target, (chained.then,)), view, _LONGEST_STEP + 1)
        if len(targets) > _LONGEST_STEP:
            raise BadSearch(chained.parameter.code, f"more than {_LONGEST_STEP:,} answer the chain: narrow it")
        return {each.row.id for each in targets}

    async def _has(self, found: Found, has: Has, view: View) -> bool:
        """Whether something in the same record points at it and answers."""
        if not may_see(view.reach, has.type):
            return False
        points = Clause(has.parameter, (f"{found.row.type}/{found.row.id}",))
        own = [points, has.then] if isinstance(has.then, Clause) else [points]
        tests = [answers(each, base=view.base, now=self.clock.now()) for each in own]
        if isinstance(has.then, Chained):
            tests.append(_points_at(has.then, await self._chained(has.then, view)))
        narrowed = [hashes for each in own if (hashes := self.index.narrows(each)) is not None]
        rows = await looking.in_records(
            view.db, [found.row.patient], has.type, narrowed, most(view.reach), MOST_OPENED, moment=view.moment
        )
        hits = await self._opened_and_tested(rows, tests)
        if isinstance(has.then, Has):
            return any([await self._has(each, has.then, view) for each in hits])
        return bool(hits)

    async def _included(self, page: Sequence[Found], includes: Iterable[Include], view: View) -> list[Found]:
        seen = {(each.row.type, each.row.id) for each in page}
        found: list[Found] = []
        wave = list(page)
        todo = list(includes)
        while wave and todo and len(found) < MOST_INCLUDED:
            new: list[Found] = []
            for include in todo:
                wanted = await (self._pointing_at if include.reverse else self._pointed_at)(wave, include, view)
                for each in wanted:
                    if (each.row.type, each.row.id) not in seen:
                        seen.add((each.row.type, each.row.id))
                        new.append(each)
            found += new
            wave, todo = new, [each for each in todo if each.iterate]
        return found[:MOST_INCLUDED]

    async def _pointed_at(self, wave: Sequence[Found], include: Include, view: View) -> list[Found]:
        wanted: dict[tuple[str, str], None] = {}
        for each in wave:
            if include.source and each.row.type != include.source:
                continue
            for parameter in self._references(include.parameter, each.row.type):
                for value in parameter.values(each.parsed):
                    if not isinstance(value, Link) or not value.id or value.url:
                        continue
                    if (not include.target or value.type == include.target) and may_see(view.reach, value.type):
                        wanted[value.type, value.id] = None
        known = await changing.addresses(view.db, list(wanted)) if wanted else {}
        keys = all_within([(lies.patient, *key) for key, lies in known.items()], view.reach, self.parameters)
        return await self._opened_and_tested(await looking.rows_of(view.db, keys, most(view.reach), view.moment), ())

    async def _pointing_at(self, wave: Sequence[Found], include: Include, view: View) -> list[Found]:
        if not may_see(view.reach, include.source):
            return []
        found: list[Found] = []
        for parameter in self._references(include.parameter, include.source):
            by_patient: dict[str, list[str]] = {}
            for each in wave:
                if not include.target or each.row.type == include.target:
                    by_patient.setdefault(each.row.patient, []).append(f"{each.row.type}/{each.row.id}")
            for patient, places in by_patient.items():
                clause = Clause(parameter, tuple(places))
                hashes = self.index.narrows(clause)
                narrowed = [] if hashes is None else [hashes]
                rows = await looking.in_records(
                    view.db, [patient], include.source, narrowed, most(view.reach), MOST_INCLUDED, moment=view.moment
                )
                found += await self._opened_and_tested(rows, [answers(clause)])
        return found

    def _references(self, parameter: Parameter | None, type_: str) -> list[Parameter]:
        if parameter is not None:
            return [parameter]
        return [each for each in self.parameters.of(type_).values() if each.type == "reference"]


def _points_at(chained: Chained, ids: set[str]) -> Answers:
    parameter, type_ = chained.parameter, chained.target
    return lambda resource: any(
        isinstance(value, Link) and value.type == type_ and value.id in ids for value in parameter.values(resource)
    )


def _ours(url: str, base: str) -> bool:
    return bool(base) and url.startswith(base + "/")


def _sorted(found: list[Found], query: Query) -> list[Found]:
    """By what the client says, those without a value last; a stable order underneath."""
    for parameter, falls in reversed(query.sort):
        with_value = [(key, each) for each in found if (key := _first(parameter, each.parsed, falls)) is not None]
        without = [each for each in found if _first(parameter, each.parsed, falls) is None]
        with_value.sort(key=lambda pair: pair[0], reverse=falls)
        found = [each for _, each in with_value] + without
    return found


def _first(parameter: Parameter, resource: Mapping[str, Any], falls: bool) -> Any:
    keys: list[Any] = []
    for value in parameter.values(resource):
        if isinstance(value, Span):
            keys.append(value.until if falls else value.since)
        elif isinstance(value, Text):
            keys.append(value.folded)
        elif isinstance(value, Number):
            keys.append(value.low if value.low is not None else value.high)
        elif isinstance(value, Token):
            keys.append(value.code)
        elif isinstance(value, str):
            keys.append(value)
    known = [key for key in keys if key is not None]
    return (max(known) if falls else min(known)) if known else None

