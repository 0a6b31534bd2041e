"""A search of several types at once: one type after the other, on pages that go on where the last one stopped."""

from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from carerecord.contracts.holdings import SEARCH, Page
from carerecord.exchange import answers, deaths
from carerecord.exchange.links import CURSOR, USUAL, Query, address, pairs_of, size
from carerecord.exchange.resources import kept_here
from carerecord.exchange.searching import entries_of, posted, search_for
from carerecord.exchange.trimmed import trimming
from carerecord.exchange.visit import Visit
from carerecord.kit import links
from carerecord.kit.errors import NotUnderstood

MOST_TYPES: Final = 20
_TYPE: Final = "_type"
_COUNTED: Final = ("accurate", "estimate")


class _Place(Struct, frozen=True, array_like=True):
    asked: str  # a hash of the question and of who asked
    number: int = 0  # of the type that comes next
    most: int = 0  # as its pages were begun with
    cursor: str = ""  # within it


async def by_get(visit: Visit) -> Response:
    return await _search(visit, pairs_of(visit.query))


async def by_post(visit: Visit) -> Response:
    return await _search(visit, await posted(visit))


async def _search(visit: Visit, pairs: Query) -> Response:
    """Every parameter is one of every type: what one of them does not have is said.

    Raises:
        NotUnderstood: it names no types or too many, is to be sorted, or goes on by a link that is none of ours.
        Refused: the token's scopes do not allow one of them. NotHere: nobody here keeps one of them.
    """
    types = _types(pairs)
    for type_ in types:
        kept_here(visit, type_)
        visit.must(type_, "s")
    told = dict(pairs)
    if "_sort" in told:
        says = "_sort: several types come one after the other, each with its newest first. Search for one to sort it."
        raise NotUnderstood(says)
    query = tuple(pair for pair in pairs if pair[0] not in (_TYPE, CURSOR))
    most = size(told.get("_count", ""), USUAL)
    question = sha256(msgspec.json.encode((types, query, visit.client.id, visit.known.scopes))).hexdigest()[:24]
    place = _read(visit, told[CURSOR], question) if CURSOR in told else _Place(question, 0, most)

    found: list[Page] = []
    wanted = most
    while place.number < len(types) and wanted > 0:
        asked = search_for(visit, types[place.number], query)
        page = await visit.face.calls.ask(SEARCH, replace(asked, cursor=place.cursor, most=place.most))
        found.append(await deaths.of_page(visit.face.calls, page))
        wanted -= len(page.matches)
        if page.next:
            place = replace(place, cursor=page.next)
            break
        place = _Place(question, place.number + 1, wanted)
    more = place.number < len(types)
    if more and not place.cursor:
        place = _Place(question, place.number, most)

    total = None if CURSOR in told else await _total(visit, found, types[len(found) :], query, complete=not more)
    said = tuple(pair for pair in pairs if pair[0] != CURSOR and pair[0] not in _ignored(found))
    following = [("next", address(visit.base, (*said, (CURSOR, _written(visit, place)))))] if more else []
    trim = trimming(told.get("_summary", ""), [each for each in told.get("_elements", "").split(",") if each])
    entries = [entry for page in found for entry in entries_of(page, visit.base, trim)]
    return answers.Written(answers.bundle("searchset", entries, [("self", address(visit.base, said)), *following], total=total))


def _types(pairs: Query) -> tuple[str, ...]:
    types = tuple(dict.fromkeys(each for name, value in pairs if name == _TYPE for each in value.split(",") if each))
    if not 0 < len(types) <= MOST_TYPES:
        raise NotUnderstood(f"A search of several types says which, {MOST_TYPES} at most: add _type=Observation,Condition.")
    return types


async def _total(visit: Visit, found: list[Page], others: tuple[str, ...], query: Query, *, complete: bool) -> int | None:
    """All that answer: where everything was looked at, or where the client wants them counted."""
    told = [page.total for page in found]
    if not complete:
        if dict(query).get("_total") not in _COUNTED:
            return None
        counting = (*(pair for pair in query if pair[0] not in ("_summary", "_count")), ("_summary", "count"))
        told += [(await visit.face.calls.ask(SEARCH, search_for(visit, type_, counting))).total for type_ in others]
    known = [each for each in told if each is not None]
    return sum(known) if len(known) == len(told) else None


def _ignored(found: list[Page]) -> set[str]:
    return {name for page in found for name in page.ignored}


def _read(visit: Visit, cursor: str, question: str) -> _Place:
    place = links.place(cursor, visit.face.shelf.sealed, _Place)
    if place is None or place.asked != question:
        raise NotUnderstood("This page link is not one of ours, or belongs to another question. Begin again.")
    return place


def _written(visit: Visit, place: _Place) -> str:
    return links.written(msgspec.json.encode(place), visit.face.shelf.sealed)
