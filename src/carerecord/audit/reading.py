"""Which lines does a reader ask for? Newest first from a place on; a narrow question reads no more than one answer may cost."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from carerecord.audit import store
from carerecord.audit.model import Standing, shown
from carerecord.contracts.audit import Line, LooksAsked
from carerecord.kit.db import Database
from carerecord.kit.errors import NotUnderstood

MOST: Final = 1_000
READ_AT_MOST: Final = 50_000  # lines, for the few that fit: some 0.3 s of this process
_PAGE: Final = 2_000
_END_OF_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)
Place = tuple[datetime, int]
Read = tuple[tuple[Line, ...], str]  # lines, and where to read on: "" at the end


async def page(db: Database, person: tuple[str, ...], before: str, most: int) -> tuple[tuple[Standing, ...], str]:
    """The lines about `person`, or about anybody, and where to read on.

    Raises:
        NotUnderstood: `before` is neither a moment nor what was said of where to read on.
    """
    most = max(0, min(most, MOST))
    standing = await _from(db, person, _place(before), most)
    return standing, _after(standing) if len(standing) == most > 0 else ""


async def looks(db: Database, asked: LooksAsked) -> Read:
    """The lines that fit all that was asked. Where few do, the answer ends after so many lines as one may cost, and says where.

    Raises:
        NotUnderstood: `before` or `since` cannot be read.
    """
    if not (asked.since or asked.name or asked.organisation or asked.role):
        standing, after = await page(db, asked.person, asked.before, asked.most)
        return tuple(shown(each) for each in standing), after
    most, since, place = max(1, min(asked.most, MOST)), _moment(asked.since), _place(asked.before)
    found: list[Line] = []
    for _ in range(READ_AT_MOST // _PAGE):
        standing = await _from(db, asked.person, place, _PAGE)
        for each in standing:
            if since is not None and each.at < since:
                return tuple(found), ""
            if fits(line := shown(each), asked):
                found.append(line)
                if len(found) == most:
                    return tuple(found), _after((each,))
        if len(standing) < _PAGE:
            return tuple(found), ""
        place = standing[-1].at, standing[-1].seq
    return tuple(found), _after(standing)


def fits(line: Line, asked: LooksAsked) -> bool:
    """Whether whoever acted is one of those that are asked about. The platform itself has no name, role or organisation."""
    if not (asked.name or asked.organisation or asked.role):
        return True
    if line.actor is None:
        return False
    role, at_whose = line.actor.role, asked.organisation.casefold()
    return (
        asked.name.casefold() in line.actor.name.casefold()
        and asked.role in ("", role.code)
        and (at_whose == role.organisation.casefold() or at_whose in role.organisation_name.casefold())
    )


async def _from(db: Database, person: tuple[str, ...], place: Place, most: int) -> tuple[Standing, ...]:
    return await (store.about(db, person, *place, most) if person else store.latest(db, *place, most))


def _after(standing: Sequence[Standing]) -> str:
    return f"{standing[-1].at.isoformat()} {standing[-1].seq}"


def _place(before: str) -> Place:
    """Where to read on: a moment, or what was said of it before (a moment and a number)."""
    moment, _, seq = before.partition(" ")
    if len(seq) > 18 or not (seq or "0").isdecimal():
        raise NotUnderstood("`before` is a moment, or what the last answer said as `next`.")
    return _moment(moment) or _END_OF_TIME, int(seq or 0)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # by our clock before the year 1, or after 9999
        raise NotUnderstood("`before` and `since` are moments, such as 2026-11-22T14:00:00Z.") from None
    return at
