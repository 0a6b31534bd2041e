"""Which documents of one person are kept? `$docref`, for the time of care that is asked for."""

import re
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from carerecord.contracts.holdings import SEARCH, FindAsked, Held, Page
from carerecord.contracts.permit import Withheld
from carerecord.exchange import parameters
from carerecord.exchange.links import MOST, Query
from carerecord.exchange.searching import searchset
from carerecord.exchange.visit import Visit
from carerecord.kit.errors import NotUnderstood

MOST_DOCUMENTS: Final = 5_000
_TAKEN: Final = frozenset(("patient", "start", "end", "type", "on-demand"))
_RESULT: Final = frozenset(("_format", "_pretty"))
_ID: Final = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})\Z")
_DATE: Final = re.compile(r"\d{4}(-\d\d(-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d))?)?)?\Z")


async def docref(visit: Visit) -> Response:
    """Current DocumentReferences of one person whose time of care (their own date, where none is said) lies in what is asked for.

    Raises:
        NotUnderstood: it does not say whose, or with a parameter or time that is not taken.
    """
    visit.must("DocumentReference", "s")
    visit.must("DocumentReference", "r")
    told = await _told(visit)
    found = _ID.match(told.get("patient", ""))
    if found is None:
        raise NotUnderstood("$docref needs to say whose: add patient=ID.")
    for name in ("start", "end"):
        if told.get(name) and not _DATE.match(told[name].replace(" ", "+")):
            raise NotUnderstood(f"{name} is a date or a dateTime, as FHIR writes them.")
    whose: Query = (("patient", found[1]), ("status", "current"), *((("type", told["type"]),) if told.get("type") else ()))
    bounds = [(mark, told[name].replace(" ", "+")) for name, mark in (("start", "ge"), ("end", "le")) if told.get(name)]
    asked = [whose]
    if bounds:
        # The time of care is `context.period`, searched as `period`; many documents state none, and are judged by their date.
        asked = [
            (*whose, *(("period", mark + when) for mark, when in bounds)),
            (*whose, ("period:missing", "true"), *(("date", mark + when) for mark, when in bounds)),
        ]
    helds: dict[str, Held] = {}
    withheld: dict[Withheld, None] = {}
    for query in asked:
        for page in await _all(visit, query):
            helds |= {held.id: held for held in page.matches}
            withheld |= dict.fromkeys(page.withheld)
    here = f"{visit.base}/DocumentReference/$docref"
    kept = tuple((name, value) for name, value in told.items())
    return searchset(visit, Page(tuple(helds.values()), total=len(helds), withheld=tuple(withheld)), here, kept, "", ())


async def _told(visit: Visit) -> Mapping[str, str]:
    pairs = [pair for pair in await parameters.asked(visit) if pair[0] not in _RESULT]
    if unknown := {name for name, _ in pairs} - _TAKEN:
        raise NotUnderstood(f"$docref takes {', '.join(sorted(_TAKEN))}, not {', '.join(sorted(unknown))[:80]}.")
    return dict(pairs)


async def _all(visit: Visit, query: Query) -> list[Page]:
    found: list[Page] = []
    many = 0
    cursor = ""
    while True:
        asked = FindAsked(
            "DocumentReference", query, visit.reach("s"), True, visit.base, cursor, MOST, visit.client, visit.request_id
        )
        page = await visit.face.calls.ask(SEARCH, asked)
        found.append(page)
        many += len(page.matches)
        cursor = page.next
        if not cursor:
            return found
        if many >= MOST_DOCUMENTS:
            raise NotUnderstood("This person has more documents than are told at once: add a type, start or end.")
