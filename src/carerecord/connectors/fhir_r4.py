"""How is one FHIR R4 system asked about one person? All searches at once, page by page, read as they arrive.

`ask` always comes back by its deadline with a `Reply`: what arrived, and for each section how whole that is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import msgspec
from yarl import URL

from carerecord.connectors.fhir_content import content_of
from carerecord.connectors.fhir_r4_asks import WITH_MEDICATION, match_body, searches, sections_of, types_of
from carerecord.connectors.fhir_r4_offers import Offers
from carerecord.connectors.fhir_r4_take import Read
from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.connectors.site import Site
from carerecord.connectors.talk import Lost, Talk, complete, is_sure, lost_by, refusal
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import NoAnswer, NotThere, WebTrouble
from carerecord.connectors.windows import Content, One
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import Bundle, Known, parse, split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.sections import SECTION_IDS, Search
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.turns import Turns

MOST_ENTRIES = 20_000  # of one source for one person
_NOT_SEARCHED = frozenset({400, 404, 405, 410, 422, 501})  # what servers answer for a type or parameter that they do not have


class FhirR4:
    """The window to every FHIR R4 source. `read` validates and reads one resource that is not `known`; it raises Unreadable."""

    def __init__(self, web: Web, clock: Clock, read: Read, turns: Turns | None = None, *, known: Known | None = None) -> None:
        self._web, self._clock, self._read, self._known = web, clock, read, known
        self._turns = turns or Turns()
        self._offers = Offers(web)

    async def close(self) -> None:
        await self._offers.close()

    async def ask(self, asking: Asking, *, until: float) -> Reply:
        """What `asking.source` holds for this person, by `until` (event loop's clock). Raises nothing but cancellation."""
        began = time.perf_counter()
        offered = self._offers.types(asking.source) if asking.source.asks == "search" else None
        talk = FhirTalk(self._web, asking, until, self._read, self._turns, stamp(self._clock.now()), offered, self._known)
        reply = await talk.through()
        return msgspec.structs.replace(
            reply, elapsed_s=time.perf_counter() - began, as_at=stamp(self._clock.now()), sections=complete(reply, asking)
        )

    async def read_one(self, about: Asking, resource_type: str, id_: str, *, until: float) -> One:
        """One resource exactly as its source holds it now.

        Raises:
            WebTrouble: it did not come.
        """
        source = about.source
        site = Site.of(source)
        path = f"{resource_type}/{id_}"
        answered = await self._web.patiently(
            lambda: self._web.get(site, path, until=until, most_bytes=source.most_bytes), until=until
        )
        if answered.status in (404, 410):
            raise NotThere(refusal(answered.status))
        if not answered.ok:
            raise NoAnswer(refusal(answered.status))
        return One(answered.body)

    async def document(self, about: Asking, reference: Mapping[str, Any], *, until: float) -> Content:
        return await content_of(self._web, about.source, reference, until=until)

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


class FhirTalk(Talk):
    """One FHIR R4 source, one person, one opening."""

    def __init__(
        self, web: Web, asking: Asking, until: float, read: Read, turns: Turns, now: str, offered: frozenset[str] | None,
        known: Known | None = None,
    ) -> None:  # fmt: skip
        super().__init__(web, asking, until, read, turns, now)
        self._offered, self._known = offered, known

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
            return self._several(ids)
        # The same question for each id; the index says that they are one person.
        asks = [ask for local_id in ids for ask in self._questions(local_id)]
        await _all_of(asks)
        if self._answered and self._taken.waits:
            async with self._turns.mine() as turn:
                await self._taken.finish(turn)
        return self._reply(ids)

    def _questions(self, local_id: str) -> list[Coroutine[Any, Any, None]]:
        wanted = searches(self._asking.sections, self._offered)
        if self._source.asks == "everything":
            return [self._everything(local_id)]
        return [self._who(local_id), *(self._search(local_id, search) for search in wanted)]

    async def _find(self) -> tuple[str, ...]:
        """Ask the source who this is, and keep what it says of them."""
        expected = self._asking.expected
        if self._source.knows_by == "local" or not expected.nhs_number:
            return ()
        answered = await self._patiently(lambda: self._ask_who(expected))
        if answered.status in (404, 410):
            # Nobody found is an empty Bundle. This is a wrong address, or a server without the search: no word on the person.
            raise NoAnswer("It cannot be asked who a person is, so whether it knows this one cannot be known.")
        if not answered.ok:
            raise NoAnswer(refusal(answered.status))
        patients = [entry for entry in split(answered.body).entries if entry.type == "Patient"]
        for entry in patients:
            self._taken.patient(parse(entry.raw), entry.raw)
        if self._source.knows_by == "match":
            self._taken.said = [said for said in self._taken.said if is_sure(said, expected)]
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
                self._taken.patient(parse(answered.body), answered.body)
                self._answered += 1
            elif answered.status in (404, 410):
                self._unknown = True
            else:
                self._lose(SECTION_IDS, Lost("no answer", refusal(answered.status)))
        except WebTrouble as trouble:
            self._lose(SECTION_IDS, lost_by(trouble))
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

    async def _everything(self, local_id: str) -> None:
        params = (("_type", types_of(self._asking.sections, self._offered)), ("_count", str(self._source.page_size)))
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
                    bundle = split(answered.body, self._known)
                    self._answered += 1
                    came += await self._taken.page(bundle, type_, turn)
                if not bundle.next:
                    return self._ended(bundle, fills, type_, came)
                link = self._site.within(bundle.next)
            except WebTrouble as trouble:
                lost = lost_by(trouble)
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
        return self._lose(fills, Lost("incomplete" if page else "no answer", refusal(answered.status)))

    def _others_filled(self, section: str) -> bool:
        """Whether another search that fills this section did work: a type that a server lacks is then no gap."""
        kinds = {search.type for search in searches(frozenset({section}))}
        return bool(kinds & self._taken.answered_types)


async def _all_of(asks: list[Coroutine[Any, Any, None]]) -> None:
    if len(asks) == 1:
        await asks[0]
        return
    async with asyncio.TaskGroup() as together:
        for ask in asks:
            together.create_task(ask)


def _next(web: Web, site: Site, link: URL, until: float, most: int) -> Callable[[], Awaitable[Answered]]:
    return lambda: web.get(site, link, until=until, most_bytes=most)
