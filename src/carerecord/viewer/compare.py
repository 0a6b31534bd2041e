"""One person or two? Two people's demographics side by side, with each source's own words, and nothing clinical.

Both are opened at the records desk first, so that policy decides and the look is in the book before anything is shown.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from starlette.responses import Response

from carerecord.contracts.actors import Reason
from carerecord.contracts.patients import SEARCH, Match, Person, SearchAsked, SourcePatient
from carerecord.contracts.records import OPEN, OpenAsked, Record
from carerecord.fhir.identifiers import NHS_NUMBER_STATUS
from carerecord.kit import request as requests
from carerecord.pages.formatting import Formatter, joined
from carerecord.pages.names import cui_name, preferred
from carerecord.viewer.opening import who
from carerecord.viewer.reasons import choices
from carerecord.viewer.registry import source_names
from carerecord.viewer.visit import Visit

MOST = 5  # matches to choose from, on either side
_SIDES = ("left", "right")
_PLACES = ("Address", "Postcode", "Telephone", "GP practice")
_HIDDEN = "Not shown: restricted"


@dataclass(frozen=True)
class Line:
    """One field of both. What is not recorded on one side is no difference, and no agreement."""

    what: str
    left: str
    right: str

    @property
    def verdict(self) -> str:
        if _HIDDEN in (self.left, self.right):
            return "not shown"
        if not (self.left and self.right):
            return "recorded once" if self.left or self.right else "not recorded"
        return "same" if _plain(self.left) == _plain(self.right) else "differs"


@dataclass(frozen=True)
class Side:
    """The search for one of the two."""

    name: str  # left | right
    typed: str
    matches: tuple[Match, ...] = ()
    says: str = ""


async def compare(visit: Visit) -> Response:
    """Find both, choose both, see both: three steps of one page. Nobody's id ever stands in an address."""
    await visit.must("review")
    ids = [visit.sent(side) for side in _SIDES]
    if all(ids):
        return await _compared(visit, *ids)
    typed = [visit.sent(f"{side}_text")[:200] for side in _SIDES]
    if visit.request.method != "POST":
        return visit.page("compare.html", sides=(), typed=typed, why="", faults=())
    if not all(typed):
        missing = [
            (f"{side}_text", f"Say who the {word} person is")
            for side, word, text in zip(_SIDES, ("first", "second"), typed, strict=True)
            if not text
        ]
        return visit.page("compare.html", 422, sides=(), typed=typed, why=visit.sent("why"), faults=missing)
    return await _choice(visit, typed)


async def _choice(visit: Visit, typed: list[str], faults: tuple[tuple[str, str], ...] = ()) -> Response:
    sides = await asyncio.gather(*(_found(visit, side, text) for side, text in zip(_SIDES, typed, strict=True)))
    status = 422 if faults else 200
    return visit.page("compare.html", status, sides=sides, typed=typed, why=visit.sent("why"), faults=faults)


async def _found(visit: Visit, side: str, text: str) -> Side:
    found = await visit.face.calls.ask(SEARCH, SearchAsked(text, most=MOST, actor=visit.actor, request=requests.current()))
    says = found.say or ("More people fit than can be told apart. Say more." if found.too_many else "")
    return Side(side, text, found.matches[:MOST], says or ("" if found.matches else "Nobody fits. Try fewer words or a number."))


async def _compared(visit: Visit, left: str, right: str) -> Response:
    why = visit.sent("why")[:500] or "Comparing two entries that may be one person"
    reason = Reason(choices(visit.actor.role.code)[0][0], why)
    one, other = await asyncio.gather(_seen(visit, left, reason), _seen(visit, right, reason))
    fmt = Formatter(visit.face.clock.now())
    return visit.page(
        "compared.html", one=one, other=other, lines=lines(one, other, fmt), names=await source_names(visit), why=why,
        together=other.patient in one.ids, stated=(_stated(one), _stated(other)),
    )  # fmt: skip


async def _seen(visit: Visit, patient: str, reason: Reason) -> Person:
    """Opened, permitted and written down; then the same person with each source's own words.

    Raises:
        Refused: with the rule that decided.
        NotFound: there is nobody of that id, for this reader.
    """
    asked = OpenAsked(visit.actor, patient, reason, requests.current())
    async with aclosing(cast("AsyncGenerator[Record, None]", visit.face.calls.stream(OPEN, asked))) as chunks:
        async for _ in chunks:
            pass
    return await who(visit, patient)


def lines(one: Person, other: Person, fmt: Formatter) -> tuple[Line, ...]:
    """Field by field, as the index holds them; what differs first."""
    left, right = _fields(one, fmt), _fields(other, fmt)
    rank = {"differs": 0, "same": 1, "recorded once": 2, "not shown": 3, "not recorded": 4}
    return tuple(sorted((Line(what, left[what], right[what]) for what in left), key=lambda each: rank[each.verdict]))


def _fields(person: Person, fmt: Formatter) -> dict[str, str]:
    """What each field says, "" where nothing is recorded. A protected person's places are not told."""
    said = person.demographics
    others = (f"{each.family.upper()}, {' '.join(each.given)}" for each in said.names[1:])
    told = (said.address, said.postcode, said.phone, said.gp_name or said.gp)
    died, undated = fmt.died(said), said.deceased == "true" and not said.death_doubted  # alone it would read as none recorded
    places = dict.fromkeys(_PLACES, _HIDDEN) if said.restricted else dict(zip(_PLACES, told, strict=True))
    return {
        "Name": cui_name(said) if said.names else "",
        "Other names": "; ".join(dict.fromkeys(others)),
        "Preferred name": preferred(said),
        "Born": fmt.date(said.birth_date) if said.birth_date else "",
        "Gender": fmt.gender(said.gender) if said.gender else "",
        "NHS No.": fmt.nhs_number(said.nhs_number) if said.nhs_number else "",
        "NHS No. status": NHS_NUMBER_STATUS.get(said.nhs_number_status, "") if said.nhs_number else "",
        **places,
        "Death": f"Yes, {died}" if undated else died,
        "Twin or other multiple birth": "" if said.multiple_birth in ("", "false") else "Yes",
        "Interpreter": said.interpreter,
        "Local numbers": joined(sorted({each.value for each in person.identifiers})),
    }


def _stated(person: Person) -> tuple[SourcePatient, ...]:
    return tuple(sorted(person.statements, key=lambda each: each.source))


def _plain(text: str) -> str:
    """Letters and digits alone: a comma or a capital is no difference between people."""
    return "".join(each for each in text.casefold() if each.isalnum())
