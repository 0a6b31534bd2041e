"""Say where a person's information lies, and learn it."""

from dataclasses import dataclass
from datetime import datetime

from carerecord.contracts.locator import LearnAsked, Learned, Pointer, SeenAsked, Sweep, SweepAsked, WhereAsked
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotUnderstood
from carerecord.locator import store


@dataclass(frozen=True)
class Locator:
    db: Pool
    clock: Clock

    async def where(self, asked: WhereAsked) -> tuple[Pointer, ...]:
        return await store.pointers_for(self.db, asked.person)

    async def learn(self, asked: LearnAsked) -> Learned:
        """Take in that these sources know these people; the same again changes nothing. Answers how many were new."""
        if not asked.pointers:
            return Learned(0)
        return Learned(await store.learn(self.db, asked.pointers, self.clock.now()))

    async def seen(self, asked: SeenAsked) -> Learned:
        """Take in what sources held when they answered.

        Raises:
            NotUnderstood: a time without its zone, or none.
        """
        if not asked.seen:
            return Learned(0)
        return Learned(await store.seen(self.db, asked.seen, [_moment(each.at) for each in asked.seen]))

    async def swept(self, asked: SweepAsked) -> Sweep:
        return await store.swept(self.db)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise NotUnderstood("The time at which a source answered needs a zone.")
    return at
