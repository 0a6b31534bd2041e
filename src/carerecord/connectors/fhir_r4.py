"""How is one FHIR R4 system asked about one person? All searches at once, page by page, read as they arrive.

`ask` always comes back by its deadline with a `Reply`: what arrived, and for each section how whole that is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

import msgspec
from yarl import URL

from carerecord.connectors.fhir_r4_asks import WITH_MEDICATION, match_body, searches, sections_of
from carerecord.connectors.fhir_r4_offers import Offers
from carerecord.connectors.fhir_r4_take import Read, Taken
from carerecord.connectors.reply import Asking, Expected, Reply, Said, worst
from carerecord.connectors.web import Answered, CutShort, NoAnswer, NotThere, Site, TooLarge, Web, WebTrouble
from carerecord.contracts.records import Choice, SectionState
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import Bundle, parse, split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.sections import SECTION_IDS, Search
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.turns import Turns

MOST_ENTRIES = 20_000  # of one source for one person
MATCH_TRIES = 3
_NOT_SEARCHED = frozenset({400, 404, 405, 410, 422, 501})  # what servers answer for a type or parameter that they do not have


class Lost(msgspec.Struct, frozen=True):
    """Why some of what was asked for did not come."""

    state: str  # no answer | unreadable | incomplete | not shared
    says: str


class FhirR4:
    """The window to every FHIR R4 source. `read` validates and reads one resource; it raises Unreadable."""

    def __init__(self, web: Web, clock: Clock, read: Read, turns: Turns | None = None) -> None:
        self._web, self._clock, self._read = web, clock, read
        self._turns = turns or Turns()
        self._offers = Offers(web)

    async def close(self) -> None:
        await self._offers.close()

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        """What `asking.source` holds for this person, by `until` (event loop's clock). Raises nothing but cancellation."""
        began = time.perf_counter()
        offered = self._offers.types(asking.source) if asking.source.asks == "search" else None
        talk = _Talk(self._web, asking, until, self._read, self._turns, stamp(self._clock.now()), offered)
        reply = await talk.through()
        return msgspec.structs.replace(
            reply, elapsed_s=time.perf_counter() - began, as_at=stamp(self._clock.now()), sections=_complete(reply, asking)
        )

    async def read_one(self, source: Source, resource_type: str, id_: str, *, until: float) -> bytes:
        """One resource exactly as its source holds it now.

        Raises:
            WebTrouble: it did not come.
        """
        site = Site.of(source)
        path = f"{resource_type}/{id_}"
        answered = await self._web.patiently(
            lambda: self._web.get(site, path, until=until, most_bytes=source.most_bytes), until=until
        )
        if answered.status in (404, 410):
            raise NotThere(_refusal(answered.status))
        if not answered.ok:
            raise NoAnswer(_refusal(answered.status))
        return answered.body

    async def attending(self, source: Source, local_id: str, *, until: float) -> tuple[Mapping[str, Any], ...]:
        """The encounters in progress there, as parsed resources; none when it does not say so in time."""
        site = Site.of(source)
        form = (("patient", local_id), ("status", "in-progress"), ("_count", "20"))
        try:
            answered = await self._web.post(site, "Encounter/_search", form=form, until=until, most_bytes=1_000_000)
            if not answered.ok:
                return ()
            found = [parse(entry.raw) for entry in split(answered.body).entries if entry.type == "Encounter"]
        except (WebTrouble, Unreadable):
            return ()
        return tuple(each for each in found if each.get("status") in ("in-progress", "arrived", "triaged", "onleave"))


class _Talk:
    """One source, one person, one opening."""

    def __init__(
        self, web: Web, asking: Asking, until: float, read: Read, turns: Turns, now: str, offered: frozenset[str] | None
    ) -> None:
        self._offered, self._turns = offered, turns
        self._web, self._asking, self._until = web, asking, until
        self._source, self._site = asking.source, Site.of(asking.source)
        self._lost: dict[str, Lost] = {}  # by section: the worst that befell it
        self._taken = Taken(asking, read, now)
        self._bytes_left = asking.source.most_bytes
        self._answered = 0  # requests that brought something usable
        self._unknown = False

    async def through(self) -> Reply:
        source = self._source
        try:
            ids = self._asking.local_ids or await self._find()
        except WebTrouble as trouble:
            return Reply(source, "no answer", trouble.says, failed=True)
        except Unreadable as fault:
            return Reply(source, "unreadable", f"Its answer cannot be read: {fault.reason}.")
        if not ids:
            return Reply(source, "none held", "It does not know this person.")
        if len(ids) > 1 and not self._asking.local_ids:
            choices = tuple(_choice(each) for each in self._taken.said)
            return Reply(source, "incomplete", "It holds more than one entry for this NHS number.", ids, choices=choices)
        # The same question for each id; the index says that they are one person.
        asks = [ask for local_id in ids for ask in self._questions(local_id)]
        await _all_of(asks)
        if self._answered:
            async with self._turns.mine() as turn:
                await self._taken.finish(turn)
        return self._reply(ids)

    def _questions(self, local_id: str) -> list[Coroutine[Any, Any, None]]:
        wanted = searches(self._asking.sections, self._offered)
        if self._source.asks == "everything":
            return [self._everything(local_id, wanted)]
        return [self._who(local_id), *(self._search(local_id, search) for search in wanted)]

    async def _find(self) -> tuple[str, ...]:
        """Ask the source who this is, and keep what it says of them."""
        expected = self._asking.expected
        if self._source.knows_by == "local" or not expected.nhs_number:
            return ()
        answered = await self._patiently(lambda: self._ask_who(expected))
        if answered.status in (404, 410):
            return ()
        if not answered.ok:
            raise NoAnswer(_refusal(answered.status))
        patients = [entry for entry in split(answered.body).entries if entry.type == "Patient"]
        for entry in patients:
            self._taken.patient(parse(entry.raw))
        if self._source.knows_by == "match":
            self._taken.said = [said for said in self._taken.said if _is_sure(said, expected)]
        self._answered += 1
        return tuple(dict.fromkeys(said.local_id for said in self._taken.said))

    def _ask_who(self, expected: Expected) -> Awaitable[Answered]:
        if self._source.knows_by == "match":
            return self._web.post(self._site, "Patient/$match", body=match_body(expected), until=self._until)
        form = (("identifier", f"{NHS_NUMBER}|{expected.nhs_number}"),)
        return self._web.post(self._site, "Patient/_search", form=form, until=self._until)

    async def _who(self, local_id: str) -> None:
        """The Patient itself: nothing is shown of a source whose Patient is somebody else."""
        if any(said.local_id == local_id for said in self._taken.said):
            return
        try:
            answered = await self._patiently(lambda: self._web.get(self._site, f"Patient/{local_id}", until=self._until))
            if answered.ok:
                self._taken.patient(parse(answered.body))
                self._answered += 1
            elif answered.status in (404, 410):
                self._unknown = True
            else:
                self._lose(SECTION_IDS, Lost("no answer", _refusal(answered.status)))
        except WebTrouble as trouble:
            self._lose(SECTION_IDS, _lost(trouble))
        except Unreadable as fault:
            self._lose(SECTION_IDS, Lost("unreadable", f"Who it is about cannot be read: {fault.reason}."))

    async def _search(self, local_id: str, search: Search) -> None:
        form = [("patient", local_id), ("_count", str(self._source.page_size)), *search.params]
        if search.type in WITH_MEDICATION:
            form.append(("_include", f"{search.type}:medication"))
        fills = sections_of(search.type) & self._asking.sections
        path = f"{search.type}/_search"
        await self._pages(
            lambda: self._web.post(self._site, path, form=form, until=self._until, most_bytes=self._bytes_left),
            fills,
            search.type,
        )

    async def _everything(self, local_id: str, wanted: Iterable[Search]) -> None:
        types = ",".join(sorted({"Patient", "Medication", *(search.type for search in wanted)}))
        params = (("_type", types), ("_count", str(self._source.page_size)))
        path = f"Patient/{local_id}/$everything"
        await self._pages(
            lambda: self._web.get(self._site, path, params=params, until=self._until, most_bytes=self._bytes_left),
            self._asking.sections,
            "",
        )

    async def _pages(self, first: Callable[[], Awaitable[Answered]], fills: frozenset[str], type_: str) -> None:
        """The first page and those that follow, each read before the next is asked for."""
        seen: set[URL] = set()
        ask, came = first, 0
        for page in range(self._source.most_pages):
            try:
                answered = await self._patiently(ask)
                if not answered.ok:
                    return self._refused(answered, fills, type_, page)
                self._bytes_left = max(0, self._bytes_left - len(answered.body))
                async with self._turns.mine() as turn:
                    bundle = split(answered.body)
                    self._answered += 1
                    came += await self._taken.page(bundle, type_, turn)
                if not bundle.next:
                    return self._ended(bundle, fills, type_, came)
                link = self._site.within(bundle.next)
            except WebTrouble as trouble:
                lost = _lost(trouble)
                return self._lose(fills, Lost("incomplete", trouble.says) if page else lost)
            except Unreadable as fault:
                says = f"Its answer cannot be read: {fault.reason}."
                return self._lose(fills, Lost("incomplete" if page else "unreadable", says))
            if link in seen:
                return self._lose(fills, Lost("incomplete", "Its pages lead round in a circle."))
            if self._taken.count > MOST_ENTRIES:
                return self._lose(fills, Lost("incomplete", "It sends more than can be taken in."))
            seen.add(link)
            ask = _next(self._web, self._site, link, self._until, self._bytes_left)
        self._lose(fills, Lost("incomplete", "It has more pages than are asked for."))

    def _ended(self, bundle: Bundle, fills: frozenset[str], type_: str, came: int) -> None:
        if type_ and bundle.total is not None and bundle.total > came:
            self._lose(fills, Lost("incomplete", f"{came} of {bundle.total} came."))

    def _refused(self, answered: Answered, fills: frozenset[str], type_: str, page: int) -> None:
        if type_ and page == 0 and answered.status in _NOT_SEARCHED:
            if answered.status in (404, 410):
                self._taken.not_found += 1
            return self._lose(fills, Lost("not shared", "It cannot be searched for this."))
        if not type_ and answered.status in (404, 410):
            self._unknown = True
            return None
        return self._lose(fills, Lost("incomplete" if page else "no answer", _refusal(answered.status)))

    def _lose(self, sections: Iterable[str], lost: Lost) -> None:
        for section in sections:
            held = self._lost.get(section)
            if held is None or worst((held.state, lost.state)) != held.state:
                self._lost[section] = lost

    async def _patiently(self, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        return await self._web.patiently(ask, until=self._until, tries=MATCH_TRIES)

    def _reply(self, ids: tuple[str, ...]) -> Reply:
        taken = self._taken
        if self._unknown:
            # The index knows of an entry there, so this is no proof that nothing was ever recorded.
            says = "It no longer knows this person. What it held may have moved elsewhere."
            return Reply(self._source, "incomplete", says, ids)
        states = tuple(self._section(section) for section in SECTION_IDS if section in self._asking.sections)
        failed = not self._answered
        state = worst(tuple(each.state for each in states if each.state != "not shared"))
        if any(each.count for each in states):
            # Something is shown: the whole is then at best incomplete, never silent.
            state = state if state in ("live", "incomplete") else "live" if state in _HARMLESS else "incomplete"
        elif taken.unreadable and state in _HARMLESS:
            state = "incomplete"
        says = next((each.says for each in states if each.state == state and each.says), "")
        if state == "incomplete" and not says:
            says = next((each.says for each in states if each.says), "")
        if taken.unreadable and state == "incomplete":
            says = f"{len(taken.entries)} of {len(taken.entries) + taken.unreadable} shown"
        return Reply(
            self._source,
            state,
            says,
            ids,
            sections=states,
            entries=tuple(taken.entries),
            said=tuple(taken.said),
            tally=taken.tally(),
            warnings=tuple(dict.fromkeys(taken.warnings)),
            dropped=taken.dropped,
            failed=failed,
        )

    def _section(self, section: str) -> SectionState:
        taken, lost = self._taken, self._lost.get(section)
        count, broken = taken.shown_in.get(section, 0), taken.unreadable_in.get(section, 0)
        if lost is not None and lost.state == "not shared" and self._others_filled(section):
            lost = None
        if lost is None and taken.partial:
            lost = Lost("incomplete", taken.partial)
        if lost is None and broken:
            lost = Lost("incomplete", f"{count} of {count + broken} shown")
        if lost is None:
            return SectionState(section, "live" if count else "not recorded", count, 0, count)
        state = "incomplete" if count and lost.state != "not shared" else lost.state
        return SectionState(section, state, count, broken, count + broken, lost.says)

    def _others_filled(self, section: str) -> bool:
        """Whether another search that fills this section did work: a type that a server lacks is then no gap."""
        kinds = {search.type for search in searches(frozenset({section}))}
        return bool(kinds & self._taken.answered_types)


_HARMLESS = frozenset({"live", "not recorded", "none held", "not shared"})


async def _all_of(asks: list[Coroutine[Any, Any, None]]) -> None:
    if len(asks) == 1:
        await asks[0]
        return
    async with asyncio.TaskGroup() as together:
        for ask in asks:
            together.create_task(ask)


def _next(web: Web, site: Site, link: URL, until: float, most: int) -> Callable[[], Awaitable[Answered]]:
    return lambda: web.get(site, link, until=until, most_bytes=most)


def _complete(reply: Reply, asking: Asking) -> tuple[SectionState, ...]:
    """One state for each section that was asked for, also where the source failed as a whole."""
    if reply.sections:
        return reply.sections
    return tuple(SectionState(each, reply.state, says=reply.says) for each in SECTION_IDS if each in asking.sections)


def _lost(trouble: WebTrouble) -> Lost:
    return Lost("incomplete" if isinstance(trouble, (CutShort, TooLarge)) else "no answer", trouble.says)


def _refusal(status: int) -> str:
    if status in (401, 403):
        return "It does not let us ask this."
    if status == 429:
        return "It is asked too often just now."
    return f"It answered that it cannot ({status})."


def _choice(said: Said) -> Choice:
    name = ", ".join(filter(None, (said.family[0] if said.family else "", said.given[0] if said.given else "")))
    return Choice(said.local_id, name, said.birth_date, said.gender)


def _is_sure(said: Said, expected: Expected) -> bool:
    """A match by the source's own rules is taken only when the number and the birth date agree."""
    return said.nhs_number == expected.nhs_number and (not expected.birth_date or said.birth_date == expected.birth_date)
