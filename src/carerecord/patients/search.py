"""Who might be meant? Understand, gather candidates, score, leave out whom the asker may not find, write it down, answer."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from msgspec import structs

from carerecord.contracts.actors import Actor
from carerecord.contracts.audit import Line
from carerecord.contracts.patients import Found, Match, SearchAsked
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Connection, Pool
from carerecord.kit.errors import NotSignedIn, TooMany
from carerecord.kit.events import Outbox
from carerecord.patients import matching
from carerecord.patients.criteria import ADD_MORE, understand
from carerecord.patients.matching import Fit, Sought, Traits
from carerecord.patients.model import Entry, person_of, restricted
from carerecord.patients.store import finding, kept, likeness

NEXT_TO_EQUAL = 0.15  # matches that lie this close to the best cannot be told apart by their order
POOR = 0.5  # beside a match that fits in all, those below are noise
PACE = "search/pace"
NOBODY = "Nobody was found. Check the spelling and the date, or try a number."


@dataclass
class Pace:
    """How many searches each user has made in the last minute. It bounds enumeration; it is not a record of who searched."""

    most: int
    _made: dict[str, deque[float]] = field(default_factory=dict)
    _told: dict[str, float] = field(default_factory=dict)  # when somebody's haste was last told

    def step(self, who: str, now: float) -> None:
        """Raises TooMany: the user has searched more often than one person can read."""
        for other in [key for key, made in self._made.items() if made[-1] < now - 60]:
            del self._made[other]
        made = self._made.setdefault(who, deque())
        while made and made[0] < now - 60:
            made.popleft()
        if len(made) >= self.most:
            wait_s = max(1, round(60 - (now - made[0])))
            raise TooMany(f"That is many searches in one minute. Wait {wait_s} seconds.", retry_after_s=str(wait_s))
        made.append(now)

    def tells(self, who: str, now: float) -> bool:
        """Whether this haste is worth a line: once in a minute for each user, not at each refusal."""
        self._told = {other: at for other, at in self._told.items() if at > now - 60}
        return who not in self._told and self._told.setdefault(who, now) == now


@dataclass(frozen=True)
class Searching:
    db: Pool
    outbox: Outbox
    clock: Clock
    pace: Pace
    restricted_for: tuple[str, ...]  # role codes that may find a restricted person, by exact NHS number and birth date

    async def search(self, asked: SearchAsked) -> Found:
        """Best first, with why; too many is said instead of shown.

        A restricted person is found only by exact NHS number and birth date, by a role that may; to everyone else the answer
        is the one for a person who is not there. Everybody who is shown stands in the line that is written first.

        Raises:
            NotSignedIn: nobody asks. TooMany: the user searches too often. Unavailable: the search could not be written down.
        """
        if asked.actor is None:
            raise NotSignedIn("A search needs somebody who searches.")
        now = self.clock.now()
        try:
            self.pace.step(asked.actor.key, now.timestamp())
        except TooMany:
            if self.pace.tells(asked.actor.key, now.timestamp()):
                await self.outbox.announce("Line", _too_many(asked, now))
            raise
        found, kinds = await self._find(asked, asked.actor, now.date())
        await self.outbox.announce("Line", _line(asked, found, kinds, now))
        return found

    async def _find(self, asked: SearchAsked, actor: Actor, today: date) -> tuple[Found, tuple[str, ...]]:
        understood = understand(asked, today)
        if not understood.enough:
            return Found((), say=understood.say), understood.kinds
        sought = understood.sought
        async with self.db.acquire() as db:
            candidates = await _exactly(db, sought)
            fits = await self._fits(db, sought, candidates, actor)
            if not any(best.decisive for best, _ in fits) and _alike(fits) <= max(1, asked.most):
                nearly = await _nearly(db, sought) if len(candidates) < finding.MOST else []
                fits = await self._fits(db, sought, dict.fromkeys((*candidates, *nearly)), actor)
            fits = await self._unsevered(db, sought, fits)
        if fits and fits[0][0].exact:
            fits = [pair for pair in fits if pair[0].score >= POOR]
        cut = len(candidates) >= finding.MOST and not any(best.decisive for best, _ in fits)
        alike = _alike(fits)
        if fits and (alike > max(1, asked.most) or (cut and not sought.births)):
            say = f"More than {asked.most} people fit. {ADD_MORE}"
            return Found((), too_many=True, say=understood.say or say), understood.kinds
        return Found(_matches(fits[: max(1, asked.most)]), say=understood.say or ("" if fits else NOBODY)), understood.kinds

    async def _unsevered(
        self, db: Connection, sought: Sought, fits: list[tuple[Fit, tuple[Entry, ...]]]
    ) -> list[tuple[Fit, tuple[Entry, ...]]]:
        """Of two histories that must never meet, the one that fits better: no answer shows both. The number of one leads to it
        alone, although a source may state both numbers of one entry.
        """
        named = [{name for entry in entries for name in (entry.id, entry.nhs_number) if name} for _, entries in fits]
        severed = await likeness.severed_from(db, [name for names in named for name in names])
        if not severed:
            return fits
        typed = {sought.nhs_number, *sought.numbers, *sought.maybe}
        told: list[int] = []
        for place, names in enumerate(named):
            others = frozenset().union(*(severed.get(name, frozenset()) for name in names))
            if not (typed & others or any(named[earlier] & others for earlier in told)):
                told.append(place)
        return [fits[place] for place in told]

    async def _fits(
        self, db: Connection, sought: Sought, candidates: Iterable[str], actor: Actor
    ) -> list[tuple[Fit, tuple[Entry, ...]]]:
        """The people behind the candidates who fit well enough and whom the asker may find, best first."""
        sets = await kept.sets_of(db, candidates)
        fits = [
            (best, entries)
            for entries in sets.values()
            if (best := _best(sought, entries)).score >= matching.WORTH_SHOWING and self._may_find(sought, entries, actor)
        ]
        fits.sort(key=_rank)
        return fits

    def _may_find(self, sought: Sought, entries: Sequence[Entry], actor: Actor) -> bool:
        if not restricted(entries):
            return True
        return actor.role.code in self.restricted_for and any(
            entry.nhs_number and entry.nhs_number == sought.nhs_number and Traits.of(entry.stated, "").birth in sought.births
            for entry in entries
        )


def _rank(pair: tuple[Fit, tuple[Entry, ...]]) -> tuple[float, bool, str]:
    """Of those who fit alike, whoever's number is verified: a stray entry under a sibling's number comes after the sibling."""
    best, entries = pair
    return -best.score, not any(entry.verified for entry in entries), min(entry.id for entry in entries)


async def _exactly(db: Connection, sought: Sought) -> dict[str, None]:
    """Ids that share a number; a birth date or postcode with something beside it; or, where that is all, two words of a name."""
    found: dict[str, None] = {}
    slots, whole = _slots(sought)
    facts = bool(slots) + bool(sought.births) + bool(sought.postcode)
    numbers = {*sought.numbers, *sought.maybe, *((sought.nhs_number,) if sought.nhs_number else ())}
    if sought.nhs_slips and facts:
        numbers |= sought.nhs_slips
    if numbers:
        found |= dict.fromkeys(await finding.by_number(db, numbers))
    if sought.births and facts >= 2:
        found |= dict.fromkeys(await finding.by_birth_date(db, sought.births))
    if sought.postcode and facts >= 2:
        found |= dict.fromkeys(await finding.by_postcode(db, sought.postcode))
    if not sought.births and not sought.postcode and len(slots) >= 2 and whole:
        found |= dict.fromkeys(await finding.by_names(db, finding.with_forms(whole), min(2, len(whole))))
    return found


async def _nearly(db: Connection, sought: Sought) -> list[str]:
    """Ids with a word one slip away or begun so: and two of them, or a birth date that is near too."""
    slots, whole = _slots(sought)
    if not whole:
        return []
    near = await finding.with_near(db, whole)
    found: list[str] = []
    if sought.births:
        found += await finding.by_birth_date_and_name(db, sought.near_births, {word for slot in near for word in slot})
    if len(slots) >= 2:
        found += await finding.by_names(db, near, min(2, len(whole)))
    return found


def _alike(fits: Sequence[tuple[Fit, Sequence[Entry]]]) -> int:
    """How many cannot be told from the best by their order."""
    return sum(1 for best, _ in fits if best.score >= fits[0][0].score - NEXT_TO_EQUAL)


def _slots(sought: Sought) -> tuple[matching.Slots, matching.Slots]:
    """The words typed; and those of them that are keys: an initial is none, it is compared afterwards."""
    slots = (*sought.words, *sought.family, *sought.given)
    return slots, tuple(slot for slot in slots if len(slot[0]) > 1)


def _best(sought: Sought, entries: Sequence[Entry]) -> Fit:
    """The entry that fits best; every number of the person counts for each of their entries."""
    traits = [Traits.of(entry.stated, entry.nhs_number) for entry in entries]
    numbers = frozenset().union(*(each.numbers for each in traits))
    fits = [
        _unless_in_doubt(matching.fit(sought, structs.replace(each, numbers=numbers)), entry)
        for each, entry in zip(traits, entries, strict=True)
    ]
    return max(fits, key=lambda each: (each.score, each.decisive, each.why))


def _unless_in_doubt(found: Fit, entry: Entry) -> Fit:
    """A number that a trace contradicted decides nothing."""
    return structs.replace(found, decisive=False) if entry.nhs_status in ("04", "05") else found


def _matches(fits: Sequence[tuple[Fit, Sequence[Entry]]]) -> tuple[Match, ...]:
    only = sum(1 for best, _ in fits if best.decisive) == 1
    return tuple(Match(person_of(entries), best.score, best.decisive and only, best.why) for best, entries in fits)


def _line(asked: SearchAsked, found: Found, kinds: tuple[str, ...], now: datetime) -> Line:
    return Line(
        id="",
        at=stamp(now),
        what="searched",
        service="patients",
        actor=asked.actor,
        patients=tuple(match.person.patient for match in found.matches),
        reason=f"by {', '.join(kinds)}" if kinds else "",
        request=asked.request,
    )


def _too_many(asked: SearchAsked, now: datetime) -> Line:
    """For the privacy officer: it may be haste, or somebody who tries numbers one after the other."""
    return Line(
        id="", at=stamp(now), what="searched-too-often", service="patients", actor=asked.actor, outcome="refused",
        rule=PACE, request=asked.request,
    )  # fmt: skip
