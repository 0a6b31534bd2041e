"""Who is meant? A search by whatever is known; best first, with why it matched; what was not typed is masked."""

import re
from dataclasses import dataclass

from msgspec.structs import replace
from starlette.responses import Response

from carerecord.contracts.patients import SEARCH, Found, Match, SearchAsked
from carerecord.kit import request as requests
from carerecord.kit.errors import Unavailable
from carerecord.pages.names import nhs_number
from carerecord.viewer.registry import told_of
from carerecord.viewer.visit import Visit

_NEAR = re.compile(r"near|sounds|same start|swapped|order|one letter|exchanged|initial|similar")


@dataclass(frozen=True)
class Hit:
    """One person of the answer, masked."""

    match: Match
    grade: str  # Strong match, Near match, Weak match
    number: str
    hidden: str  # what a screen reader is told of the mask
    lives: str
    why: tuple[tuple[bool, str], ...]  # (same rather than near, words)


async def search(visit: Visit) -> Response:
    await visit.must("search")
    typed = {name: visit.sent(name)[:200] for name in ("text", "birth_date", "postcode")}
    if visit.request.method != "POST":
        return visit.page("search.html", typed=typed, hits=(), found=None, index_away=False)
    asked = SearchAsked(
        typed["text"], birth_date=typed["birth_date"], postcode=typed["postcode"], actor=visit.actor, request=requests.current()
    )
    if not any(typed.values()):
        nothing = Found((), say="Type a name, a number, a birth date or a postcode.")
        return visit.page("search.html", 422, typed=typed, hits=(), found=nothing, index_away=False)
    try:
        found = await visit.face.calls.ask(SEARCH, asked)
    except Unavailable:
        return visit.page("search.html", 503, typed=typed, hits=(), found=None, index_away=True)
    people = await told_of(visit, *(each.person for each in found.matches))
    told = (replace(each, person=person) for each, person in zip(found.matches, people, strict=True))
    hits = tuple(_hit(each, " ".join(typed.values())) for each in told)
    return visit.page("search.html", typed=typed, hits=hits, found=found, index_away=False)


def _hit(match: Match, typed: str) -> Hit:
    person = match.person.demographics
    digits = re.sub(r"\D", "", typed)
    grade = "Strong match" if match.strong else "Near match" if match.score >= 0.6 else "Weak match"
    number, hidden = masked_number(person.nhs_number, digits)
    why = tuple((_NEAR.search(each) is None, each) for each in match.why)
    return Hit(match, grade, number, hidden, masked_postcode(person.postcode, typed), why)


def masked_number(number: str, typed_digits: str) -> tuple[str, str]:
    """The last four digits, or all ten to somebody who typed them."""
    if not number:
        return "Unknown", ""
    if number in typed_digits:
        return nhs_number(number), ""
    return f"••• ••• {number[-4:]}", "first six digits hidden"


def masked_postcode(postcode: str, typed: str) -> str:
    """The district; all of it to somebody who typed it."""
    plain = postcode.replace(" ", "").lower()
    if not plain or plain in typed.replace(" ", "").lower():
        return postcode
    return f"{postcode.split(' ')[0]} •••" if " " in postcode else f"{postcode[:-3]} •••"
