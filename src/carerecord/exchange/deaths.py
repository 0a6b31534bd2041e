"""Is a death that a Patient tells of in doubt? Of those that tell of one the index is asked, before they are handed over."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from msgspec import Raw
from msgspec.structs import replace

from carerecord.contracts.holdings import Held, Page, Written
from carerecord.contracts.patients import DEATHS, DeathsAsked, Identifier
from carerecord.fhir.bundle import parse
from carerecord.fhir.deaths import IN_DOUBT, in_doubt, says_died
from carerecord.fhir.person import person
from carerecord.kit.calls import Calls
from carerecord.kit.errors import CareRecordError

_SAYS: Final = b'"deceased'


def is_told(held: Held) -> bool:
    """Of a death, plainly or as one in doubt: which of the two it is changes while nothing is written."""
    if held.type != "Patient":
        return False
    return IN_DOUBT.encode() in held.text or (_SAYS in held.text and says_died(parse(held.text)))


async def of_one(calls: Calls, held: Held) -> Held:
    return (await of_some(calls, (held,)))[0]


async def of_written(calls: Calls, made: tuple[Written, ...]) -> tuple[Written, ...]:
    """What was written stands, whatever becomes of the question: a client that is told of a fault would send it again. It is
    answered as it was kept then.
    """
    with suppress(CareRecordError):
        told = iter(await of_some(calls, [each.held for each in made if each.held is not None]))
        return tuple([each if each.held is None else replace(each, held=next(told)) for each in made])
    return made


async def of_page(calls: Calls, page: Page) -> Page:
    if not any(map(_may_tell, page.matches)) and not any(map(_may_tell, page.included)):
        return page  # nearly always
    told = await of_some(calls, (*page.matches, *page.included))
    many = len(page.matches)
    return replace(page, matches=told[:many], included=told[many:])


async def of_some(calls: Calls, helds: Sequence[Held]) -> tuple[Held, ...]:
    dead = {place: each.text for place, each in enumerate(helds) if _may_tell(each)}
    if not dead:
        return tuple(helds)
    told = list(helds)
    for (place, text), now in zip(dead.items(), await of_texts(calls, list(dead.values())), strict=True):
        if now is not text:
            told[place] = replace(helds[place], raw=Raw(now))
    return tuple(told)


def _may_tell(held: Held) -> bool:
    """Of a death; whether it does, its parts say."""
    return held.type == "Patient" and _SAYS in held.text


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
