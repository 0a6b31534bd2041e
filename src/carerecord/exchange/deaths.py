"""Is a death that a Patient tells of in doubt? Of those that tell of one the index is asked, before they are handed over."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

from carerecord.contracts.holdings import Held, Page, Written
from carerecord.contracts.patients import DEATHS, DeathsAsked, Identifier
from carerecord.fhir.bundle import parse
from carerecord.fhir.deaths import in_doubt, says_died
from carerecord.fhir.person import person
from carerecord.kit.calls import Calls
from carerecord.kit.errors import Unavailable

_SAYS = b'"deceased'


async def of_one(calls: Calls, held: Held) -> Held:
    return (await of_some(calls, (held,)))[0]


async def of_written(calls: Calls, made: Written) -> Written:
    """What was written stands, though the index does not answer: it is answered in the client's own words then."""
    if made.held is None:
        return made
    with suppress(Unavailable):
        return replace(made, held=await of_one(calls, made.held))
    return made


async def of_page(calls: Calls, page: Page) -> Page:
    told = await of_some(calls, (*page.matches, *page.included))
    many = len(page.matches)
    return replace(page, matches=told[:many], included=told[many:])


async def of_some(calls: Calls, helds: Sequence[Held]) -> tuple[Held, ...]:
    dead = {place: each.text for place, each in enumerate(helds) if each.type == "Patient" and _SAYS in each.text}
    told = list(helds)
    for (place, text), now in zip(dead.items(), await of_texts(calls, list(dead.values())), strict=True):
        if now is not text:
            told[place] = replace(helds[place], raw=Raw(now))
    return tuple(told)


async def of_texts(calls: Calls, texts: Sequence[bytes]) -> list[bytes]:
    """The same; of a Patient whose death is in doubt as it says that it is."""
    told = list(texts)
    dead: dict[int, dict[str, Any]] = {}
    for place, text in enumerate(texts):
        if _SAYS in text and (parsed := parse(text)).get("resourceType") == "Patient" and says_died(parsed):
            dead[place] = parsed
    if dead:
        doubts = await calls.ask(DEATHS, DeathsAsked(tuple([tuple(_numbers(each)) for each in dead.values()])))
        for (place, parsed), why in zip(dead.items(), doubts, strict=True):
            if why:
                told[place] = in_doubt(parsed, why)
    return told


def _numbers(patient: dict[str, Any]) -> Iterable[Identifier]:
    return [Identifier(each.system, each.value) for each in person(patient).identifiers if not each.ends]
