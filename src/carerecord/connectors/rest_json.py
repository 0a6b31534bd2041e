"""How is a system asked that speaks no FHIR but JSON or XML of its own? By its supplier's mapping, and its answers read as R4.

What comes out of a mapping is checked and read exactly as if a FHIR server had sent it; nothing here knows any supplier.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from carerecord.connectors.fhir_r4_take import Read, said_in
from carerecord.connectors.reply import Asking, Reply
from carerecord.connectors.rest_json_mapping import BadMapping, Request, Supplier, mapping_of
from carerecord.connectors.rest_json_paths import BadPath, Scope, one, text_of
from carerecord.connectors.rest_json_sending import Sending, written
from carerecord.connectors.rest_json_take import MOST_JSON_BYTES, Made, answer_of, around_of, as_json, made_of, people_of
from carerecord.connectors.talk import Lost, Talk, complete, lost_by, refusal
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import NoAnswer, NotThere, WebTrouble
from carerecord.connectors.windows import Content, One
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import Bundle, Entry, Faulty
from carerecord.fhir.errors import Unreadable
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.turns import Turns

MOST_ITEMS = 20_000  # of one source for one person


class RestJson:
    """The window to every source whose registry table names a mapping."""

    def __init__(self, web: Web, clock: Clock, read: Read, turns: Turns | None = None) -> None:
        self._web, self._clock, self._read = web, clock, read
        self._turns = turns or Turns()

    async def close(self) -> None:
        return None

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        """What `asking.source` holds for this person, by `until` (event loop's clock). Raises nothing but cancellation."""
        began = time.perf_counter()
        try:
            supplier = mapping_of(asking.source.mapping)
        except BadMapping:
            reply = Reply(asking.source, "unreadable", "The mapping of its answers cannot be used here.")
        else:
            reply = await self._talk(supplier, asking, until).through()
        return msgspec.structs.replace(
            reply, elapsed_s=time.perf_counter() - began, as_at=stamp(self._clock.now()), sections=complete(reply, asking)
        )

    async def read_one(self, about: Asking, resource_type: str, id_: str, *, until: float) -> One:
        """Asked for among all of its kind: such an API knows no other way."""
        try:
            supplier = mapping_of(about.source.mapping)
        except BadMapping:
            raise NotThere("The mapping of its answers cannot be used here.") from None
        talk = self._talk(supplier, about, until, keep=(resource_type, id_))
        reply = await talk.through()
        if talk.kept is not None:
            return talk.kept
        if reply.state in ("live", "not recorded", "none held"):
            raise NotThere("It no longer holds this.")
        raise NoAnswer(reply.says or "It did not answer.")

    async def document(self, about: Asking, reference: Mapping[str, Any], *, until: float) -> Content:
        raise NotThere("Its documents cannot be fetched.")

    async def attending(self, source: Source, local_id: str, *, until: float) -> tuple[Mapping[str, Any], ...]:
        return ()

    def _talk(self, supplier: Supplier, asking: Asking, until: float, *, keep: tuple[str, str] = ("", "")) -> "_Talk":
        return _Talk(supplier, self._web, asking, until, self._read, self._turns, stamp(self._clock.now()), keep)


class _Talk(Talk):
    """One source, one person, one opening."""

    def __init__(
        self, supplier: Supplier, web: Web, asking: Asking, until: float, read: Read, turns: Turns, now: str,
        keep: tuple[str, str],
    ) -> None:  # fmt: skip
        super().__init__(web, asking, until, read, turns, now)
        self._supplier, self._keep = supplier, keep
        self.kept: One | None = None
        self._unmapped: set[tuple[str, ...]] = set()

    async def through(self) -> Reply:
        source = self._source
        try:
            ids = await self._who()
        except WebTrouble as trouble:
            return Reply(source, "no answer", trouble.says, failed=True)
        except (Unreadable, BadPath) as fault:
            return Reply(source, "unreadable", f"Who it is about cannot be read: {fault.reason}.")
        if not ids:
            if self._asking.local_ids:
                self._unknown = True
                return self._reply(self._asking.local_ids)
            return Reply(source, "none held", "It does not know this person.")
        if len(ids) > 1 and not self._asking.local_ids:
            return self._several(ids)
        wanted = [each for each in self._supplier.requests if each.sections & self._asking.sections]
        for section in self._asking.sections - {section for each in wanted for section in each.sections}:
            self._lose((section,), Lost("not shared", "It cannot be asked for this."))
        async with asyncio.TaskGroup() as together:
            for local_id in ids:
                for request in wanted:
                    together.create_task(self._pages(request, local_id))
        async with self._turns.mine() as turn:
            await self._taken.finish(turn)
        if self._unmapped:
            kinds = f"{len(self._unmapped)} kind{'s' if len(self._unmapped) > 1 else ''} of field"
            self._taken.warnings.append(f"it sends {kinds} that our mapping does not know")
        return self._reply(ids)

    async def _who(self) -> tuple[str, ...]:
        """Who this is there: the ids under which the source itself says that it knows the person."""
        person, expected, known = self._supplier.person, self._asking.expected, self._asking.local_ids
        if known and person.read:
            return tuple([each for id_ in known for each in await self._person(person.read, id_)])
        if not person.find or self._source.knows_by == "local" or not expected.nhs_number:
            return ()
        found = await self._person(person.find, "")
        return tuple(each for each in found if each in known) if known else found

    async def _person(self, sending: Sending, local_id: str) -> tuple[str, ...]:
        answered = await self._send(sending, self._values(local_id))
        if answered.status in sending.nothing_is:
            return ()
        if not answered.ok:
            raise NoAnswer(refusal(answered.status))
        people = people_of(self._supplier, await answer_of(answered.body, self._supplier.answers, self._turns))
        if not local_id:
            # An API that finds people who are nearly meant: those of this very number, where there are any.
            number = self._asking.expected.nhs_number
            people = [each for each in people if said_in(each).nhs_number == number] or people
        self._answered += 1
        for each in people:
            self._taken.patient(each)
        return tuple(dict.fromkeys(said_in(each).local_id for each in people))

    async def _pages(self, request: Request, local_id: str) -> None:
        """The first page and those that follow, each read before the next is asked for."""
        page, link, cursor, came = 0, "", "", 0
        seen: set[str] = set()
        first = request.paging.first if request.paging else 1
        while page < self._source.most_pages:
            try:
                values = self._values(local_id, page=page + first, offset=page * self._source.page_size, cursor=cursor)
                answered = await self._follow(link) if link else await self._send(request.sending, values)
                if not answered.ok:
                    return self._refused(request, answered.status, page)
                self._bytes_left = max(0, self._bytes_left - len(answered.body))
                answer = await answer_of(answered.body, self._supplier.answers, self._turns)
                async with self._turns.mine() as turn:
                    around = around_of(self._supplier, answer)
                    made = [each async for each in made_of(request, answer, around, local_id, turn)]
                    self._answered += 1
                    came += await self._take(request, made, turn)
                total, link, cursor, more = self._turned(request, answer, page + first, len(made))
            except WebTrouble as trouble:
                lost = lost_by(trouble)
                return self._lose(request.sections, Lost("incomplete", trouble.says) if page else lost)
            except (Unreadable, BadPath) as fault:
                says = f"Its answer cannot be read: {fault.reason}."
                return self._lose(request.sections, Lost("incomplete" if page else "unreadable", says))
            if not more:
                if total is not None and total > came:
                    self._lose(request.sections, Lost("incomplete", f"{came} of {total} came."))
                return None
            if (link or cursor) and (link or cursor) in seen:
                return self._lose(request.sections, Lost("incomplete", "Its pages lead round in a circle."))
            if self._taken.count > MOST_ITEMS:
                return self._lose(request.sections, Lost("incomplete", "It sends more than can be taken in."))
            seen.add(link or cursor)
            page += 1
        self._lose(request.sections, Lost("incomplete", "It has more pages than are asked for."))

    async def _take(self, request: Request, made: Sequence[Made], turn: Any) -> int:
        for type_ in dict.fromkeys(each.type for each in made):
            mine = [each for each in made if each.type == type_]
            sound = tuple(Entry(type_, each.id, each.raw) for each in mine if not each.fault)
            faulty = tuple(Faulty(place, each.fault, b"") for place, each in enumerate(mine) if each.fault)
            await self._taken.page(Bundle("searchset", sound, (), faulty), type_, turn)
            if faulty:
                self._lose(request.sections, Lost("incomplete", f"{len(faulty)} of {len(mine)} could not be read."))
            for each in mine:
                if (type_, each.id) == self._keep and not each.fault:
                    self.kept = One(each.raw, msgspec.json.format(as_json(each.sent), indent=2).decode())
        self._unmapped.update(names for each in made for names in each.unknown)
        return sum(each.counted for each in made)

    def _turned(self, request: Request, answer: Any, number: int, came: int) -> tuple[int | None, str, str, bool]:
        """How many there are in all, and where the next page is: its link, its cursor, whether there is one."""
        root, turning = Scope(answer, ()), request.paging
        stated = text_of(one(root, request.total)) if request.total else ""
        total = int(stated) if _is_count(stated) else None
        if turning is None:
            return total, "", "", False
        if turning.next is not None:
            following = text_of(one(root, turning.next))
            is_link = turning.style == "link"
            return total, following if is_link else "", "" if is_link else following, bool(following)
        more = text_of(one(root, turning.more)).lower() in ("true", "1", "yes", "y") if turning.more else False
        last = text_of(one(root, turning.last)) if turning.last else ""
        return total, "", "", bool(came) and (more or (_is_count(last) and number - turning.first + 1 < int(last)))

    def _refused(self, request: Request, status: int, page: int) -> None:
        if page == 0 and status in request.sending.nothing_is:
            self._answered += 1
            return None
        return self._lose(request.sections, Lost("incomplete" if page else "no answer", refusal(status)))

    async def _send(self, sending: Sending, values: Mapping[str, str]) -> Answered:
        out, web, site = written(sending, values), self._web, self._site
        accept = f"application/{self._supplier.answers}"
        most, headers = self._most(), self._supplier.headers
        if out.method == "GET":
            return await self._patiently(
                lambda: web.get(
                    site, out.path, params=out.query, headers=headers, accept=accept, until=self._until, most_bytes=most
                )
            )
        return await self._patiently(
            lambda: web.post(
                site, out.path, params=out.query, form=out.form, body=out.body, kind=out.kind, headers=headers, accept=accept,
                until=self._until, most_bytes=most,
            )
        )

    async def _follow(self, link: str) -> Answered:
        url, accept = self._site.within(link), f"application/{self._supplier.answers}"
        return await self._patiently(
            lambda: self._web.get(
                self._site, url, headers=self._supplier.headers, accept=accept, until=self._until, most_bytes=self._most()
            )
        )

    def _most(self) -> int:
        return min(self._bytes_left, MOST_JSON_BYTES) if self._supplier.answers == "json" else self._bytes_left

    def _values(self, local_id: str, *, page: int = 1, offset: int = 0, cursor: str = "") -> Mapping[str, str]:
        expected = self._asking.expected
        return {
            "local_id": local_id, "nhs_number": expected.nhs_number, "birth_date": expected.birth_date,
            "family": expected.family, "given": expected.given, "page": str(page), "page_size": str(self._source.page_size),
            "offset": str(offset), "cursor": cursor,
        }  # fmt: skip


def _is_count(said: str) -> bool:
    """Not what is only called a digit, such as a raised two, nor a number of thousands of them."""
    return said.isdecimal() and len(said) <= 15
