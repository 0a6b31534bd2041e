"""Which resources answer a search? An index says which are worth opening, the body decides, and a grant comes before counts."""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import msgspec

from carerecord.contracts.holdings import FindAsked, Held, Page, Reach
from carerecord.fhir.bundle import parse
from carerecord.fhir.search.match import Answers, answers
from carerecord.fhir.search.parameters import Parameter, Parameters
from carerecord.fhir.search.query import BadSearch, Chained, Clause, Has, Include, Query, read
from carerecord.fhir.search.values import Link, Number, Span, Text, Token, link
from carerecord.holdings import store
from carerecord.holdings.bodies import Bodies
from carerecord.holdings.index import Index
from carerecord.holdings.store import Key, Row
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Database, Pool
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.turns import Turns

MOST_CANDIDATES: Final = 20_000  # bodies that one search may open: a whole long record, and no more
MOST_PEOPLE: Final = 1_000
MOST_INCLUDED: Final = 1_000
CONFIDENTIALITY: Final = ("U", "L", "M", "N", "R", "V")
NOBODY: Final = "of:"
_WHOSE: Final = ("patient", "subject", "beneficiary")

Parsed = dict[str, Any]


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the whole order is worked out anew, as it stood when the first page was made."""

    asked: str  # a hash of the search: a cursor is good for no other
    at: str
    place: int


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
class Finder:
    db: Pool
    clock: Clock
    bodies: Bodies
    index: Index
    parameters: Parameters
    turns: Turns
    sealed: Callable[[bytes], str]  # a MAC over a cursor

    async def search(self, asked: FindAsked) -> tuple[Page, list[str]]:
        """One page, and whose records it shows.

        Raises:
            NotUnderstood: the search, or its cursor, is not one that can be answered; it says why.
        """
        try:
            query = read(asked.type, asked.query, self.parameters, strict=asked.strict)
            found = await self.all_of(self.db, query, asked.reach, base=asked.base)
        except BadSearch as bad:
            raise NotUnderstood(bad.reason) from None
        found = _sorted(found, query)
        begun = self._opened(asked) if asked.cursor else 0
        size = asked.most if query.count is None else min(query.count, asked.most)
        if query.summary == "count" or query.count == 0:
            return Page((), total=len(found), ignored=query.ignored), [each.row.patient for each in found]
        page = found[begun : begun + size]
        included = await self._included(page, query.includes, asked.reach)
        more = begun + size < len(found)
        answer = Page(
            tuple(each.held for each in page),
            tuple(each.held for each in included),
            None if query.total == "none" else len(found),
            self._cursor(asked, begun + size) if more else "",
            query.ignored,
        )
        return answer, [each.row.patient for each in (*page, *included)]

    async def all_of(self, db: Database, query: Query, reach: Reach, *, base: str = "") -> list[Found]:
        """Everything that answers, newest first.

        Raises:
            BadSearch: it does not say whose, and is not one that can be asked of everybody.
        """
        if not may_see(reach, query.type):
            return []
        own = [each for each in query.clauses if isinstance(each, Clause)]
        tests = [answers(each, base=base, now=self.clock.now()) for each in own]
        whose: list[str] | None = None
        for each in query.clauses:
            if isinstance(each, Chained):
                ids = await self._chained(db, each, reach, base)
                tests.append(_points_at(each, ids))
                if each.target == "Patient" and each.parameter.code in _WHOSE:
                    whose = sorted(ids)
        rows = await self._candidates(db, query, own, whose, reach)
        found = await self._opened_and_tested(rows, tests)
        for each in query.clauses:
            if isinstance(each, Has):
                found = [one for one in found if await self._has(db, one, each, reach, base)]
        return found

    async def _candidates(
        self, db: Database, query: Query, clauses: Sequence[Clause], chained: list[str] | None, reach: Reach
    ) -> tuple[Row, ...]:
        most = _most(reach)
        ids = next((each.values for each in clauses if each.parameter.code == "_id" and not each.modifier), None)
        if ids is not None:
            known = await store.addresses(db, [(query.type, id_) for id_ in ids])
            keys = [(lies.patient, type_, id_) for (type_, id_), lies in known.items()]
            return await store.rows_of(db, _within(keys, reach), most)
        whose = chained if chained is not None else self._whose(clauses)
        if whose is None and query.type == "Patient" and reach.patients is not None:
            whose = list(reach.patients)
        if whose is not None:
            if reach.patients is not None:
                whose = [each for each in whose if each in reach.patients]
            narrowed = [hashes for each in clauses if (hashes := self.index.narrows(each)) is not None]
            return await store.candidates(db, whose, query.type, narrowed, most, MOST_CANDIDATES)
        for clause in clauses:
            if (hashes := self.index.across(clause)) is not None:
                keys = list(await store.found_across(db, query.type, hashes, MOST_PEOPLE))
                return await store.rows_of(db, _within(keys, reach), most)
        if reach.patients is not None:
            narrowed = [hashes for each in clauses if (hashes := self.index.narrows(each)) is not None]
            return await store.candidates(db, reach.patients, query.type, narrowed, most, MOST_CANDIDATES)
        if not self.of_a_person(query.type):
            narrowed = [hashes for each in clauses if (hashes := self.index.narrows(each)) is not None]
            owners = await store.owners(db, NOBODY)
            return await store.candidates(db, owners, query.type, narrowed, most, MOST_CANDIDATES)
        wide = "identifier" + (", family, given, name or birthdate" if query.type == "Patient" else "")
        raise BadSearch("", f"A search for {query.type} needs to say whose: add patient=…, or search by _id or {wide}.")

    def of_a_person(self, type_: str) -> bool:
        """Whether resources of this type lie in people's records."""
        known = self.parameters.of(type_)
        return type_ == "Patient" or any(code in known for code in _WHOSE)

    def _whose(self, clauses: Sequence[Clause]) -> list[str] | None:
        """The records that the search names; None where it names none."""
        for each in clauses:
            if each.parameter.code in _WHOSE and each.modifier in ("", "Patient"):
                said = [link(value).id or value for value in each.values]
                return list(dict.fromkeys(said))
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

    async def _chained(self, db: Database, chained: Chained, reach: Reach, base: str) -> set[str]:
        """The ids of those that this may point at: they are looked for first."""
        targets = await self.all_of(db, Query(chained.target, (chained.then,)), reach, base=base)
        return {each.row.id for each in targets}

    async def _has(self, db: Database, found: Found, has: Has, reach: Reach, base: str) -> bool:
        """Whether something in the same record points at it and answers."""
        points = Clause(has.parameter, (f"{found.row.type}/{found.row.id}",))
        if not may_see(reach, has.type):
            return False
        clauses: list[Clause | Chained | Has] = [points, has.then]
        own = [each for each in clauses if isinstance(each, Clause)]
        narrowed = [hashes for each in own if (hashes := self.index.narrows(each)) is not None]
        rows = await store.candidates(db, [found.row.patient], has.type, narrowed, _most(reach), MOST_CANDIDATES)
        tests = [answers(each, base=base, now=self.clock.now()) for each in own]
        if isinstance(has.then, Chained):
            tests.append(_points_at(has.then, await self._chained(db, has.then, reach, base)))
        hits = await self._opened_and_tested(rows, tests)
        if isinstance(has.then, Has):
            return any([await self._has(db, each, has.then, reach, base) for each in hits])
        return bool(hits)

    async def _included(self, page: Sequence[Found], includes: Iterable[Include], reach: Reach) -> list[Found]:
        seen = {(each.row.type, each.row.id) for each in page}
        found: list[Found] = []
        wave = list(page)
        todo = list(includes)
        while wave and todo and len(found) < MOST_INCLUDED:
            new: list[Found] = []
            for include in todo:
                wanted = await (self._pointing_at if include.reverse else self._pointed_at)(wave, include, reach)
                for each in wanted:
                    if (each.row.type, each.row.id) not in seen:
                        seen.add((each.row.type, each.row.id))
                        new.append(each)
            found += new
            wave, todo = new, [each for each in todo if each.iterate]
        return found[:MOST_INCLUDED]

    async def _pointed_at(self, wave: Sequence[Found], include: Include, reach: Reach) -> list[Found]:
        wanted: dict[tuple[str, str], None] = {}
        for each in wave:
            if include.source and each.row.type != include.source:
                continue
            for parameter in self._references(include.parameter, each.row.type):
                for value in parameter.values(each.parsed):
                    if not isinstance(value, Link) or not value.id or value.url:
                        continue
                    if (not include.target or value.type == include.target) and may_see(reach, value.type):
                        wanted[value.type, value.id] = None
        known = await store.addresses(self.db, list(wanted)) if wanted else {}
        keys = [(lies.patient, type_, id_) for (type_, id_), lies in known.items()]
        return await self._opened_and_tested(await store.rows_of(self.db, _within(keys, reach), _most(reach)), ())

    async def _pointing_at(self, wave: Sequence[Found], include: Include, reach: Reach) -> list[Found]:
        if not may_see(reach, include.source):
            return []
        found: list[Found] = []
        for parameter in self._references(include.parameter, include.source):
            by_patient: dict[str, list[str]] = {}
            for each in wave:
                if not include.target or each.row.type == include.target:
                    by_patient.setdefault(each.row.patient, []).append(f"{each.row.type}/{each.row.id}")
            for patient, places in by_patient.items():
                clause = Clause(parameter, tuple(places))
                hashes = self.index.narrows(clause) or []
                rows = await store.candidates(self.db, [patient], include.source, [hashes], _most(reach), MOST_INCLUDED)
                found += await self._opened_and_tested(rows, [answers(clause)])
        return found

    def _references(self, parameter: Parameter | None, type_: str) -> list[Parameter]:
        if parameter is not None:
            return [parameter]
        return [each for each in self.parameters.of(type_).values() if each.type == "reference"]

    def _cursor(self, asked: FindAsked, place: int) -> str:
        text = msgspec.json.encode(Cursor(_same(asked), stamp(self.clock.now()), place))
        return f"{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{self.sealed(text)[:32]}"

    def _opened(self, asked: FindAsked) -> int:
        written, _, mac = asked.cursor.partition(".")
        try:
            text = base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))
            cursor = msgspec.json.decode(text, type=Cursor)
        except (ValueError, msgspec.DecodeError):
            raise NotUnderstood("This page link is not one of ours. Begin the search again.") from None
        if self.sealed(text)[:32] != mac or cursor.asked != _same(asked):
            raise NotUnderstood("This page link is not one of ours, or belongs to another search. Begin the search again.")
        return cursor.place


def _points_at(chained: Chained, ids: set[str]) -> Answers:
    parameter, type_ = chained.parameter, chained.target
    return lambda resource: any(
        isinstance(value, Link) and value.type == type_ and value.id in ids for value in parameter.values(resource)
    )


def _same(asked: FindAsked) -> str:
    return sha256(msgspec.json.encode((asked.type, asked.query, asked.reach, asked.most))).hexdigest()[:24]


def may_see(reach: Reach, type_: str) -> bool:
    return "*" in reach.types or type_ in reach.types


def _most(reach: Reach) -> int:
    return CONFIDENTIALITY.index(reach.most_confidential) if reach.most_confidential in CONFIDENTIALITY else 3


def _within(keys: Sequence[Key], reach: Reach) -> list[Key]:
    if reach.patients is None:
        return list(keys)
    return [key for key in keys if key[0] in reach.patients or key[0].startswith(NOBODY)]


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

