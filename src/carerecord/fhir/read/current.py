"""Does a medicine count as current, as past, or can neither be said? By one rule, with its reason in words.

The rule is the medicines guide's ("Query for Current Medication", UK Core implementation guide for medicines, after the
Faculty of Clinical Informatics' rendering of a consolidated medication record, appendix A): an acute medicine is current
until its end, or, with no end, for two years from its issue; a repeat one while no end has passed and it was authorised or
issued in the last two years; what is given in a hospital stay is not counted. Where the rule and the source's own status
disagree, or a day or a status that it needs is missing, the medicine is neither: a page lists it apart, to be checked.
"""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from msgspec import Struct

from carerecord.fhir.times import when

# Days stand in `because` as FHIR writes them; a page writes them for its reader.
_OVER: Final = {
    "entered-in-error": "entered in error",
    "stopped": "stopped",
    "cancelled": "cancelled",
    "not-taken": "said not to be taken",
    "not-done": "not given",
    "declined": "declined",
}
_YEARS: Final = 2
_SUPPLY_DAYS: Final = 84  # a supply without a stated length: UK repeats are for 28, 56 or 84 days
_LONGEST_SUPPLY: Final = 3_660
_DAY: Final = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01])(?:T.*)?)?)?\Z")
_GOING: Final = frozenset(("active", "on-hold", "in-progress", "preparation", "completed"))
_NOT_YET: Final = {"draft": "a draft, not an order", "intended": "not begun: its source says that it is meant to be taken"}
_NO_ORDER: Final = frozenset(("proposal", "option"))


class Told(Struct, frozen=True, gc=False):
    """What a resource says that the rule needs. Times as received."""

    kind: str  # as in `Medicine`
    status: str  # FHIR's code
    intent: str = ""
    course: str = ""  # repeat | acute | ""
    in_stay: bool = False  # ordered for a stay in hospital
    started: str = ""  # authorised, or begun
    ended: str = ""  # when the taking ends or ended
    expires: str = ""  # when what was authorised runs out
    issued: str = ""  # last issued or supplied
    asserted: str = ""  # when it was recorded that it is taken
    lasts_days: float | None = None  # how long one supply lasts


class Standing(Struct, frozen=True, gc=False):
    current: bool  # False: it is over
    unsure: bool  # neither current nor past for certain
    because: str
    stale: bool = False  # unsure for want of a recent day alone


def standing(told: Told, now: datetime | None) -> Standing:
    """The outcome for one statement of one source. Without `now` only the source's own word counts."""
    if told.status in _OVER:
        return _past(_OVER[told.status] + (f" {told.ended[:10]}" if told.ended else ""))
    if told.status in _NOT_YET:
        return _unsure(_NOT_YET[told.status])
    if told.status not in _GOING:
        return _unsure("its source does not say whether it is current")
    if told.intent in _NO_ORDER:
        return _unsure("a proposal, not an order")
    if told.kind == "administration":
        return _given(told)
    if told.kind in ("dispense", "issue"):
        return _supplied(told, now)
    if now is None:
        return _past("its source says that it is completed") if told.status == "completed" else Standing(True, False, "")
    return _taken(told, now)


def _given(told: Told) -> Standing:
    if told.status == "completed":
        return _past("a dose that was given")
    return Standing(True, False, "being given when its source answered") if told.status == "in-progress" else _unsure(
        "its giving was interrupted")  # fmt: skip


def _supplied(told: Told, now: datetime | None) -> Standing:
    """A supply is in use for as long as it lasts."""
    what = "issued" if told.kind == "issue" else "dispensed"
    handed = when(told.issued)
    if handed is None:
        if told.kind == "dispense" and told.status in ("preparation", "in-progress"):
            return Standing(True, False, "being dispensed when its source answered")
        return _unsure(f"its source does not say when it was {what}")
    over = when(told.expires, end=True) if told.expires else None
    stated = told.lasts_days is not None and told.lasts_days > 0
    if over is None:
        over = handed + timedelta(days=min(told.lasts_days or _SUPPLY_DAYS, _LONGEST_SUPPLY) if stated else _SUPPLY_DAYS)
    length = f"for {told.lasts_days:g} days" if stated else "until " + told.expires[:10] if told.expires else (
        f"for how long is not said: taken as {_SUPPLY_DAYS} days")  # fmt: skip
    because = f"{what} {told.issued[:10]} {length}"
    return Standing(True, False, because) if now is None or over >= now else _past(because)


def _taken(told: Told, now: datetime) -> Standing:
    over = when(told.ended, end=True) if told.ended else None
    if over is not None and over < now:
        still = "; its source still calls it active" if told.status == "active" else ""
        return _past(f"its time ended {told.ended[:10]}{still}")
    if told.status == "completed":
        if over is not None:
            return Standing(True, False, f"its time runs until {told.ended[:10]}")
        return _past("its source says that it is completed")
    if told.started[:10] > _day(now.date()) and _DAY.match(told.started):
        return _unsure(f"not begun: starts {told.started[:10]}")
    if told.in_stay:
        return _unsure("ordered for a stay in hospital")
    if over is not None:
        return _recent(told, now, f"its time runs until {told.ended[:10]}")
    runs_out = when(told.expires, end=True) if told.expires else None
    if runs_out is not None and runs_out < now:
        return _unsure(f"active by its source, but what was authorised ran out {told.expires[:10]}")
    return _recent(told, now, "")


def _recent(told: Told, now: datetime, runs: str) -> Standing:
    """Whether it was authorised, issued or recorded as taken in the last two years. An acute medicine that has an end needs no
    such day; the rule asks it of a repeat one in every case."""
    if runs and told.course != "repeat":
        return Standing(True, False, runs)
    day, at, what = _last_day(told.issued), told.issued, "issued"  # the last of the three, the first of those that are equal
    if (other := _last_day(told.started)) > day:
        day, at, what = other, told.started, "authorised"
    if (other := _last_day(told.asserted)) > day:
        day, at, what = other, told.asserted, "recorded"
    if not day:
        return Standing(True, True, "active by its source, which gives no day on which it was authorised or issued", True)
    if day >= _years_before(now.date()):
        return Standing(True, False, recently(told.course, what, at))
    because = f"active by its source, but not authorised or issued for {_YEARS} years: last {what} {at[:10]}"
    return Standing(True, True, because, True)


def is_recent(at: str, now: datetime) -> bool:
    """Whether a day lies in the two years that the rule looks back."""
    return _last_day(at) >= _years_before(now.date())


def recently(course: str, what: str, at: str) -> str:
    """The reason in words: "repeat, last issued 2026-11-02"."""
    return f"{course + ', ' if course else ''}{what if what == 'authorised' else 'last ' + what} {at[:10]}"


def _last_day(at: str) -> str:
    """The last day that a FHIR time covers, for comparing as text (parsing it costs more than all the rest); "" for no time."""
    if not at or not _DAY.match(at):
        return ""
    return at[:10] if len(at) >= 10 else f"{at}-31" if len(at) == 7 else f"{at}-12-31"


@lru_cache(8)
def _years_before(of: date) -> str:
    """The day two years ago, as text to compare with: of a 29th of February what comes after the 28th."""
    return f"{of.year - _YEARS:04}{_day(of)[4:]}"


@lru_cache(8)
def _day(of: date) -> str:
    return of.isoformat()


def _past(because: str) -> Standing:
    return Standing(False, False, because)


def _unsure(because: str) -> Standing:
    return Standing(True, True, because)
