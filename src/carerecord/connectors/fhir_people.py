"""How are all people of a FHIR R4 source gone through, page by page, from the beginning or from where one stopped?"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from msgspec import Struct

from carerecord.connectors.site import Site
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import NoAnswer, WebTrouble
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.person import PersonFacts, person

PAGE_WITHIN_S: Final = 60.0  # a page with its retries
MOST_PAGES: Final = 100_000
_LONGEST_ID: Final = 500  # FHIR allows 64


class PageGone(WebTrouble):
    """The source no longer keeps the page where the last run stopped: begin anew."""


class GoesRound(WebTrouble):
    """The source's pages lead back to people already given, without end."""


class Broken(Struct, frozen=True):
    """An entry that could not be read. What it says stays at the source."""

    reference: str  # Patient/ID where it has an id, else its place on the page
    reason: str  # never what was received


class Page(Struct, frozen=True):
    people: tuple[PersonFacts, ...]
    broken: tuple[Broken, ...]
    next: str  # where the next page is; "" after the last


async def pages(web: Web, source: Source, *, start: str = "", since: str = "") -> AsyncGenerator[Page, None]:
    """The source's Patients, each page once read. `start` is the `next` of a page; `since` asks for what changed from then on.

    A source that does not understand `since` answers with everybody, or refuses; then everybody is asked for.

    Raises:
        PageGone: `start` is no longer kept there. GoesRound: its links have no end. WebTrouble: it does not answer.
    """
    site = Site.of(source)
    link, seen, visited = start, set[str](), set[str]()
    for _ in range(MOST_PAGES):
        answered = await _page(web, site, source, link, since)
        page = _read(answered, site)
        given = {each.id for each in page.people}
        if page.next and (page.next in visited or (given and given <= seen)):
            raise GoesRound("Its pages of patients lead back to the first ones, so the end is never reached.")
        seen |= given
        visited.add(page.next)
        yield page
        if not page.next:
            return
        link = page.next
    raise GoesRound("Its pages of patients have no end.")


async def _page(web: Web, site: Site, source: Source, link: str, since: str) -> Answered:
    until = asyncio.get_running_loop().time() + PAGE_WITHIN_S

    async def ask(path: str, *params: tuple[str, str]) -> Answered:
        where = site.within(path) if link else path
        return await web.patiently(
            lambda: web.get(site, where, params=params, until=until, most_bytes=source.most_bytes), until=until, tries=4
        )

    if link:
        answered = await ask(link)
        if answered.status in (400, 404, 410):
            raise PageGone("It no longer keeps the page where the last run stopped.")
    else:
        count = ("_count", str(source.page_size))
        answered = await ask("Patient", count, *((("_lastUpdated", f"ge{since}"),) if since else ()))
        if since and answered.status in (400, 422, 501):
            answered = await ask("Patient", count)
    if not answered.ok:
        raise NoAnswer(f"It answered with status {answered.status} when asked for its patients.")
    return answered


def _read(answered: Answered, site: Site) -> Page:
    try:
        bundle = split(answered.body)
    except Unreadable:
        raise NoAnswer("Its page of patients could not be read.") from None
    people: list[PersonFacts] = []
    broken = [Broken(f"entry {each.position + 1}", each.reason) for each in bundle.faulty]
    for entry in bundle.entries:
        if entry.mode != "match":
            continue  # what it sent along unasked
        if not entry.id:
            broken.append(Broken("entry without id", "it has no id, so it cannot be asked for"))
            continue
        if len(entry.id) > _LONGEST_ID or not entry.id.isprintable():
            broken.append(Broken("entry with an odd id", "its id is longer than any, or holds what is no letter"))
            continue
        try:
            people.append(person(entry.raw))
        except Unreadable as fault:
            broken.append(Broken(f"{entry.type}/{entry.id}", fault.reason))
    following = str(site.within(bundle.next)) if bundle.next else ""
    return Page(tuple(people), tuple(broken), following)
