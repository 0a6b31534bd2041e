"""How are the reads and searches of one Bundle answered? At the same time, each with its own fault."""

import asyncio
import re
from collections.abc import Coroutine, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from carerecord.contracts.holdings import READ, SEARCHES, FindAsked, FindsAsked, Issue, ReadAsked, Sought
from carerecord.exchange import answers, by_owner, deaths
from carerecord.exchange.links import Query, pairs_of
from carerecord.exchange.owners import OWNED_ELSEWHERE
from carerecord.exchange.resources import kept_here
from carerecord.exchange.searching import answered, search_for
from carerecord.exchange.visit import Visit
from carerecord.kit.calls import broken
from carerecord.kit.errors import NotUnderstood

_ADDRESS: Final = re.compile(r"/?(?P<type>[A-Z][A-Za-z]+)(?:/(?P<id>[A-Za-z0-9\-.]{1,64}))?/?\Z")
_LONG: Final = 20  # resources of a page, after which others have their turn
_Search = tuple[Query, FindAsked]


class Address(NamedTuple):
    type: str
    id: str  # "" = none
    query: str


def addressed(url: str) -> Address | None:
    """What an entry names; None for what is no address of ours."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    found = _ADDRESS.match(parts.path)
    return Address(found["type"], found["id"] or "", parts.query) if found else None


async def each(visit: Visit, urls: Sequence[str]) -> list[bytes]:
    """In their order. The searches are one question, so they share statements and a line of the book."""
    told: dict[int, bytes] = {}
    alone: dict[int, Coroutine[Any, Any, bytes]] = {}
    searches: dict[int, _Search] = {}
    for place, url in enumerate(urls):
        try:
            asked = addressed(url)
            if asked is None:
                raise NotUnderstood("An entry asks for Type/id, or Type?search.")
            if asked.type in OWNED_ELSEWHERE:
                alone[place] = by_owner.answered(visit, "GET", asked.type, asked.id, asked.query, b"", {})
            elif asked.id:
                alone[place] = _read(visit, asked.type, asked.id)
            else:
                searches[place] = _search(visit, asked.type, asked.query)
        except Exception as error:
            told[place] = refused(visit, error)
    found, others = await asyncio.gather(
        _searched(visit, list(searches.values())), asyncio.gather(*[_contained(visit, one) for one in alone.values()])
    )
    told.update(zip(searches, found, strict=True))
    told.update(zip(alone, others, strict=True))
    return [told[place] for place in range(len(urls))]


def refused(visit: Visit, error: Exception) -> bytes:
    """The entry of one that could not be answered."""
    told = broken(error)
    if told is not error:
        visit.face.log.error("exchange.failed", exc_info=error)
    return answers.refused_entry(told.status, [Issue("error", told.issue, "", told.says)])


async def _contained(visit: Visit, answering: Coroutine[Any, Any, bytes]) -> bytes:
    try:
        return await answering
    except Exception as error:
        return refused(visit, error)


async def _read(visit: Visit, type_: str, id_: str) -> bytes:
    kept_here(visit, type_)
    visit.must(type_, "r")
    held = await visit.face.calls.ask(READ, ReadAsked(type_, id_, visit.reach("r"), 0, visit.client, visit.request_id))
    if held.gone:
        return b'{"response":{"status":"410"}}'
    held = await deaths.of_one(visit.face.calls, held)
    return b'{"resource":%s,"response":%s}' % (held.text, answers.response(200, held))


def _search(visit: Visit, type_: str, query: str) -> _Search:
    """Raises Refused: the scopes do not allow it. NotHere: no type of R4. NotUnderstood: no search."""
    kept_here(visit, type_)
    visit.must(type_, "s")
    pairs = pairs_of(query)
    return pairs, search_for(visit, type_, pairs)


async def _searched(visit: Visit, searches: Sequence[_Search]) -> list[bytes]:
    if not searches:
        return []
    try:
        asked = FindsAsked(tuple([one for _, one in searches]), visit.client, visit.request_id)
        found = await visit.face.calls.ask(SEARCHES, asked)
    except Exception as error:
        return [refused(visit, error)] * len(searches)
    told: list[bytes] = []
    for one, sought in zip(searches, found, strict=True):
        told.append(await _told(visit, one, sought))
        if sought.page is not None and len(sought.page.matches) > _LONG:
            await asyncio.sleep(0)
    return told


async def _told(visit: Visit, search: _Search, sought: Sought) -> bytes:
    if sought.page is None:
        return answers.refused_entry(sought.status, sought.issues)
    pairs, asked = search
    try:
        page = await deaths.of_page(visit.face.calls, sought.page)
        return b'{"resource":%s,"response":{"status":"200"}}' % answered(visit, asked, pairs, page)
    except Exception as error:
        return refused(visit, error)
