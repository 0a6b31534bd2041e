"""Which resources answer a search? An index says which are worth opening, the body decides, and a grant comes before counts."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from carerecord.contracts.holdings import FindAsked, Page
from carerecord.fhir.search import compartments
from carerecord.fhir.search.compartments import Compartments
from carerecord.fhir.search.match import Answers, answers
from carerecord.fhir.search.parameters import Parameters
from carerecord.fhir.search.query import BadSearch, Chained, Clause, Either, Has, Query, read
from carerecord.fhir.search.values import Link, Value, link
from carerecord.fhir.whereabouts import unlocated_text
from carerecord.holdings.bodies import Bodies
from carerecord.holdings.including import Including
from carerecord.holdings.index import Index
from carerecord.holdings.opening import Exam, Found, held, opened
from carerecord.holdings.opening import View as View
from carerecord.holdings.ordering import ordered
from carerecord.holdings.paging import Links, Place, same
from carerecord.holdings.reaching import GUARDED, NOBODY, WHOM, WHOSE, all_within, may_see, most, of_a_person, within
from carerecord.holdings.reaching import ID as ID
from carerecord.holdings.store import changing, looking, together
from carerecord.holdings.store.changing import Row
from carerecord.holdings.store.together import MOST_GROUPS, Across, InRecord, Reached
from carerecord.holdings.surrounding import narrowed
from carerecord.holdings.together import Together
from carerecord.holdings.veils import Veils, looked_at
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotUnderstood
from carerecord.kit.turns import Turns

MOST_OPENED: Final = 20_000  # bodies that one search may open: a whole long record, and no more
_LONGEST_STEP: Final = 1_000  # rows asked of the database at once, after a first step of a page


class Looked:
    """What is asked of the database so often that several ask at once."""

    def __init__(self, db: Pool) -> None:
        self.last = Together[tuple[str, str], Row | None](partial(together.last_of_each, db))
        self.in_record = Together[InRecord, tuple[Row, ...]](partial(together.in_record_of_each, db))
        self.across = Together[Across, Reached](partial(together.across_of_each, db))


@dataclass(frozen=True)
class Finder:
    db: Pool
    clock: Clock
    bodies: Bodies
    index: Index
    parameters: Parameters
    turns: Turns
    links: Links
    compartments: Compartments = field(default_factory=compartments.load, repr=False)
    looked: Looked = field(init=False, repr=False)
    veils: Veils = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "looked", Looked(self.db))
        object.__setattr__(self, "veils", Veils(self.whole))

    async def search(self, asked: FindAsked) -> tuple[Page, list[str]]:
        """One page, and whose records it shows. No more is opened than the page needs, unless it is to be sorted or counted.

        Raises:
            NotUnderstood: the search, or its cursor, is not one that can be answered; it says why.
        """
        place = self.links.read(asked.cursor, _key(asked)) if asked.cursor else None
        view = View(self.db, asked.reach, asked.base, place.moment if place else None)
        try:
            query = read(asked.type, asked.query, self.parameters, strict=asked.strict)
            if asked.around:
                around = await narrowed(query, asked.around, self, view)
                if around is None:
                    return Page((), total=0, ignored=query.ignored, withheld=view.told), []
                query = around
            size = asked.most if query.count is None else min(query.count, asked.most)
            if query.summary == "count" or query.count == 0:
                every = await self.all_of(query, view)
                page_of_none = Page((), total=len(every), ignored=query.ignored, withheld=view.told)
                return page_of_none, [each.row.patient for each in every]
            along = Including(self, query.includes, view)
            total: int | None
            if query.sort or query.total in ("accurate", "estimate"):
                every = ordered(await self.all_of(query, view, along=along), query)
                skip, total = place.skip if place else 0, len(every)
                page = every[skip : skip + size + 1]
            else:
                page = await self._some(query, view, size + 1, place, along)
                skip, total = 0, len(page) if place is None and len(page) <= size else None
            more, page = len(page) > size, page[:size]
            included, whole = await along.along_with(page)
            # What does not fit beside a page comes beside a shorter one; the rest is behind its link.
            while not whole and len(page) > 1:
                more, page = True, page[: len(page) // 2]
                included, whole = await along.along_with(page)
        except BadSearch as bad:
            raise NotUnderstood(bad.reason) from None
        following = ""
        if more:
            last = page[-1].row
            # Clocks of several writers differ a little: what is shown stood at the moment of the page, by definition.
            moment = view.moment or max(self.clock.now(), *(each.row.at for each in page))
            following = self.links.write(
                Place(_key(asked), moment, skip + len(page), last.when_at, last.patient, last.type, last.id)
            )
        answer = Page(
            held(page), held(included),
            None if query.total == "none" else total, following, query.ignored, not whole, view.told,
        )  # fmt: skip
        return answer, [each.row.patient for each in (*page, *included)]

    async def all_of(
        self, query: Query, view: View, upto: int = MOST_OPENED, *, along: Including | None = None
    ) -> list[Found]:
        """Everything that answers, newest first; no more than `upto`.

        Raises:
            BadSearch: it does not say whose, and is not one that can be asked of everybody; or far too much would be opened.
        """
        return await self._some(query, view, upto, along=along)

    async def current(self, wanted: Sequence[tuple[str, str]], view: View, at_hand: Sequence[Row] = ()) -> list[Row]:
        """Of these types and ids what stands and may be seen; as of the moment of the view. `at_hand`: last versions that were
        looked up just now."""
        if not wanted:
            return []
        if view.db is self.db and view.moment is None:
            strictest = most(view.reach)
            there = {(row.type, row.id): row for row in at_hand}
            rest = [each for each in wanted if each not in there]
            rows = [*(there[each] for each in wanted if each in there), *(await self.looked.last.all(rest) if rest else ())]
            seen = [
                row
                for row in rows
                if row is not None and row.method != "D" and row.confidential <= strictest
                and within(view.reach, row.patient, row.type, self.parameters)
            ]  # fmt: skip
            return await self._named(seen, view)
        known = await changing.addresses(view.db, wanted)
        keys = all_within([(lies.patient, *key) for key, lies in known.items()], view.reach, self.parameters)
        return await self._named(await looking.rows_of(view.db, keys, most(view.reach), view.moment), view)

    async def _named(self, rows: Sequence[Row], view: View) -> list[Row]:
        """Of resources that were named one by one, those that are not kept back; their records count as looked through."""
        shown: dict[tuple[str, str], Row | None] = {}
        for type_ in {row.type for row in rows if row.veiled}:
            mine = [row for row in rows if row.type == type_]
            lifted = await self.veils.lifted(mine, view, (type_,), {row.patient for row in mine})
            shown |= dict.fromkeys([(type_, row.id) for row in mine]) | {(type_, row.id): row for row in lifted}
        return [each for row in rows if (each := shown.get((row.type, row.id), row)) is not None]

    async def lifted(self, row: Row, view: View) -> Row | None:
        """This version as it may be shown; None where it is kept back, or what it has become since."""
        last = await self.looked.last.ask((row.type, row.id))
        rows = [row, *([last] if last else [])]
        shown = await self.veils.lifted(rows, view, (row.type,), {each.patient for each in rows})
        if len(shown) < len(rows):
            return None
        return looked_at(shown[0], masked=any(each.masked for each in shown))

    async def opened(self, rows: Sequence[Row], exam: Exam) -> list[Found]:
        return await opened(rows, exam, self.text, self.turns)

    def text(self, row: Row) -> bytes:
        """As it is shown: what nobody looked at that lies behind a veil is taken for a restricted person's."""
        return unlocated_text(self.whole(row)) if row.veiled or row.masked else self.whole(row)

    def whole(self, row: Row) -> bytes:
        """As it was written. For our own work, which shows it to nobody, and for openings under a permit."""
        return self.bodies.unpack(row.body, organisation=row.organisation, patient=row.patient, place=row.place)

    async def _some(
        self, query: Query, view: View, upto: int, place: Place | None = None, along: Including | None = None
    ) -> list[Found]:
        """The first that answer, `upto` of them, in the order of the index; those after `place`."""
        if query.type == GUARDED:
            raise BadSearch("", f"A {GUARDED} is read by its id, and is not searched for.")
        if not may_see(view.reach, query.type):
            return []
        own = [each for each in query.clauses if isinstance(each, Clause)]
        either = [each for each in query.clauses if isinstance(each, Either)]
        tests = [*self._tests(own, view), *(_any_of(self._tests(each.clauses, view)) for each in either)]
        whose: list[str] | None = None
        led = [each for each in query.clauses if isinstance(each, Chained) and self._is_led(each, own, view)]
        for each in query.clauses:
            if isinstance(each, Chained) and each not in led:
                ids = await self._chained(each, view)
                tests.append(_points_at(each, ids))
                if each.target == "Patient" and each.parameter.code in WHOSE:
                    whose = sorted(ids)
        points = [each for each in query.clauses if isinstance(each, Has)]
        tested = [each.parameter for each in query.clauses if isinstance(each, Clause | Chained)]
        tested += [each.parameter for one in either for each in one.clauses]
        later = [*(parameter for parameter, _ in query.sort), *(each.parameter for each in led)]
        later += along.parameters(query.type) if along else []
        exam = Exam(tests, tested, lambda _: later)
        bodies, shown = 0, list[Found]()
        async for rows in self._candidates(query.type, own, either, whose, view, min(upto, _LONGEST_STEP), place, along):
            bodies += len(rows)
            if bodies > MOST_OPENED:
                raise BadSearch("", f"More than {MOST_OPENED:,} resources would have to be opened: narrow the search.")
            found = await self.opened(rows, exam)
            for chained in led:
                found = await self._led(found, chained, view)
            if not points:
                shown += found[: upto - len(shown)]
            for hit in found if points else ():
                if len(shown) < upto and all([await self._has(hit, has, view) for has in points]):
                    shown.append(hit)
            if len(shown) >= upto:
                break
        return shown

    def _tests(self, clauses: Sequence[Clause], view: View) -> list[Answers]:
        now = self.clock.now()
        return [answers(each, base=view.base, now=now) for each in clauses]

    async def _candidates(
        self, type_: str, clauses: Sequence[Clause], either: Sequence[Either], chained: list[str] | None, view: View, step: int,
        place: Place | None, along: Including | None,
    ) -> AsyncIterator[Sequence[Row]]:  # fmt: skip
        """Rows worth opening, in steps, in one order whatever the step; those after `place`."""
        reach = view.reach
        ids = next((each.values for each in clauses if each.parameter.code == "_id" and not each.modifier), None)
        if ids is not None:
            wanted = [(type_, id_) for id_ in dict.fromkeys(ids) if ID.match(id_)]
            named = sorted(await self.current(wanted, view), key=lambda row: (row.patient, row.id))
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
                by_number = all(each.parameter.code == "identifier" for each in clauses if self.index.across(each) is not None)
                async for rows in self._of_everybody(type_, wide, view, step, place, told=by_number):
                    yield rows
                return
            if reach.patients is not None:
                whose = list(reach.patients)
            elif not of_a_person(type_, self.parameters):
                whose = list(await looking.owners(view.db, NOBODY))
            else:
                by = "identifier" + (", family, given, name or birthdate" if type_ == "Patient" else "")
                raise BadSearch("", f"A search for {type_} needs to say whose: add patient=…, or search by _id or {by}.")
        narrowing: list[Clause | Either] = [*clauses, *either]
        narrow = [hashes for each in narrowing if (hashes := self.index.narrows(each)) is not None]
        after = (place.when, place.id) if place is not None and place.when is not None else None
        while whose:
            rows = await self._in_records(type_, whose, narrow, view, step, after, along)
            yield await self.veils.lifted(rows, view, (type_,), whose)
            if len(rows) < step:
                return
            after, step = (rows[-1].when_at, rows[-1].id), min(step * 2, _LONGEST_STEP)

    async def _in_records(
        self, type_: str, whose: Sequence[str], narrowed: Sequence[Sequence[int]], view: View, step: int,
        after: tuple[datetime, str] | None, along: Including | None,
    ) -> Sequence[Row]:  # fmt: skip
        if len(whose) == 1 and after is None and view.moment is None and view.db is self.db and len(narrowed) <= MOST_GROUPS:
            beside = along is not None and type_ != WHOM and along.whose(type_)
            rows = await self.looked.in_record.ask(InRecord(whose[0], type_, narrowed, most(view.reach), step, beside))
            if along is not None and rows and rows[-1].type != type_:
                along.at_hand, rows = rows[-1:], rows[:-1]
            return rows
        return await looking.in_records(
            view.db, whose, type_, narrowed, most(view.reach), step, after=after, moment=view.moment
        )

    async def in_records(
        self, whose: Sequence[str], type_: str, narrowed: Sequence[Sequence[int]], upto: int, view: View
    ) -> Sequence[Row]:
        """What lies in these records, newest first, and is not kept back: so many, or all."""
        shown: list[Row] = []
        after: tuple[datetime, str] | None = None
        while True:
            rows = await looking.in_records(
                view.db, whose, type_, narrowed, most(view.reach), upto, after=after, moment=view.moment
            )
            shown += await self.veils.lifted(rows, view, (type_,), whose)
            if len(rows) < upto or len(shown) >= upto:
                return shown[:upto]
            after = rows[-1].when_at, rows[-1].id

    async def _of_everybody(
        self, type_: str, wide: Sequence[Sequence[int]], view: View, step: int, place: Place | None, *, told: bool
    ) -> AsyncIterator[Sequence[Row]]:
        """`told`: that somebody who is found so far is kept back. A name or a birth date would be told with it."""
        after = (place.patient, place.id) if place else ("", "")
        if place is None and view.moment is None and view.db is self.db and len(wide) <= MOST_GROUPS:
            reached = await self.looked.across.ask(Across(type_, wide, most(view.reach), step))
            mine = [row for row in reached.rows if within(view.reach, row.patient, row.type, self.parameters)]
            yield await self._of_some(mine, view, type_, told=told)
            if len(reached.keys) < step:
                return
            after, step = reached.keys[-1], min(step * 2, _LONGEST_STEP)
        while True:
            keys = await looking.across(view.db, type_, wide, step, after)
            reachable = all_within(keys, view.reach, self.parameters)
            rows = await looking.rows_of(view.db, reachable, most(view.reach), view.moment)
            yield sorted(await self._of_some(rows, view, type_, told=told), key=lambda row: (row.patient, row.id))
            if len(keys) < step:
                return
            after, step = (keys[-1][0], keys[-1][2]), min(step * 2, _LONGEST_STEP)

    async def _of_some(self, rows: Sequence[Row], view: View, type_: str, *, told: bool) -> Sequence[Row]:
        return await self.veils.lifted(rows, view, (type_,), {row.patient for row in rows} if told else ())

    def _whose(self, clauses: Sequence[Clause], base: str) -> list[str] | None:
        """The records that the search names; None where it names none."""
        for each in clauses:
            if each.parameter.code in WHOSE and each.modifier in ("", "Patient"):
                said = [(link(value), value) for value in each.values]
                if all((at.type in ("", "Patient") and (not at.url or _ours(at.url, base))) or ID.match(v) for at, v in said):
                    named = [at.id or value for at, value in said]
                    return list(dict.fromkeys(id_ for id_ in named if ID.match(id_)))
        return None

    async def _chained(self, chained: Chained, view: View) -> set[str]:
        """The ids of those that this may point at: they are looked for first."""
        targets = await self.all_of(Query(chained.target, (chained.then,)), view, _LONGEST_STEP + 1)
        if len(targets) > _LONGEST_STEP:
            raise BadSearch(chained.parameter.code, f"more than {_LONGEST_STEP:,} answer the chain: narrow it")
        return {each.row.id for each in targets}

    def _is_led(self, chained: Chained, own: Sequence[Clause], view: View) -> bool:
        """Whether what it points at is read from what points, and not looked for first: where the search says which, or whose."""
        if chained.target == "Patient" and chained.parameter.code in WHOSE:
            return False
        named = any(each.parameter.code == "_id" and not each.modifier for each in own)
        return named or self._whose(own, view.base) is not None

    async def _led(self, found: Sequence[Found], chained: Chained, view: View) -> list[Found]:
        """Those that point at something that answers, wherever it lies."""
        target, then = chained.target, chained.then
        if target == GUARDED:
            raise BadSearch("", f"A {GUARDED} is read by its id, and is not searched for.")
        if not may_see(view.reach, target):
            return []
        pointed = [{each.id for each in _links(hit.values(chained.parameter), target, view.base)} for hit in found]
        rows = await self.current([(target, id_) for id_ in sorted(set[str]().union(*pointed))], view)
        own = [then] if isinstance(then, Clause) else []
        later = [then.parameter] if isinstance(then, Chained) else []
        hits = await self.opened(rows, Exam(self._tests(own, view), [each.parameter for each in own], lambda _: later))
        if isinstance(then, Chained):
            hits = await self._led(hits, then, view)
        elif isinstance(then, Has):
            hits = [hit for hit in hits if await self._has(hit, then, view)]
        answer = {hit.row.id for hit in hits}
        return [hit for hit, ids in zip(found, pointed, strict=True) if ids & answer]

    async def _has(self, found: Found, has: Has, view: View) -> bool:
        """Whether something in the same record points at it and answers."""
        if not may_see(view.reach, has.type):
            return False
        points = Clause(has.parameter, (f"{found.row.type}/{found.row.id}",))
        then = has.then
        own = [points, then] if isinstance(then, Clause) else [points]
        narrowed = [hashes for each in own if (hashes := self.index.narrows(each)) is not None]
        rows = await self.in_records([found.row.patient], has.type, narrowed, MOST_OPENED, view)
        later = [then.parameter] if isinstance(then, Chained) else []
        hits = await self.opened(rows, Exam(self._tests(own, view), [each.parameter for each in own], lambda _: later))
        if isinstance(then, Has):
            return any([await self._has(each, then, view) for each in hits])
        return bool(await self._led(hits, then, view) if isinstance(then, Chained) else hits)


def _key(asked: FindAsked) -> str:
    return same(asked.type, asked.query, asked.reach, asked.most, asked.client.id, asked.around)


def _any_of(tests: Sequence[Answers]) -> Answers:
    return lambda resource: any(test(resource) for test in tests)


def _points_at(chained: Chained, ids: set[str]) -> Answers:
    parameter, type_ = chained.parameter, chained.target
    return lambda resource: any(
        isinstance(value, Link) and value.type == type_ and value.id in ids for value in parameter.values(resource)
    )


def _links(values: Iterable[Value], type_: str, base: str) -> Iterator[Link]:
    """Those to something of this type that is kept here."""
    for each in values:
        if isinstance(each, Link) and each.type == type_ and each.id and (not each.url or _ours(each.url, base)):
            yield each


def _ours(url: str, base: str) -> bool:
    return bool(base) and url.startswith(base + "/")
