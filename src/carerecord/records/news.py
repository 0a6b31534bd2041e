"""Has anything come about this person since a record was opened? Under the same check as an opening; no source is asked.

Only what is kept here can be heard: a source that is asked live tells nobody when it has changed.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from carerecord.contracts.holdings import NEWEST
from carerecord.contracts.patients import WHO, WhoAsked
from carerecord.contracts.records import News, NewsAsked
from carerecord.kit.errors import TooMany, Unavailable
from carerecord.records.choosing import askings, choose, wanted
from carerecord.records.heard import kept_sections, known, read, since
from carerecord.records.kept import kept_asked
from carerecord.records.service import Desk

MOST: Final = 40  # questions of one user within WITHIN_S: a dozen open pages
WITHIN_S: Final = 10.0
USERS: Final = 20_000  # whose questions are counted; of more, the oldest are let go of


@dataclass
class Messenger:
    """Asked by every open page every few seconds, so it does no more than it must."""

    desk: Desk
    ticking: Callable[[], float]
    _counts: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)

    async def news(self, asked: NewsAsked) -> News:
        """What has changed since the record was as it is `heard`.

        Raises:
            NotUnderstood: `heard` is not what a record said.
            TooMany: this user asks too often.
            Refused, NotFound: as for an opening.
            Unavailable: it cannot be known.
        """
        before = read(asked.heard)
        self._count(asked.actor.key)
        desk = self.desk
        person, registry = await asyncio.gather(
            desk.calls.ask(WHO, WhoAsked(asked.patient, statements=False)), desk.registry()
        )
        pointers, silent = await desk.where(person)
        if silent:
            raise Unavailable("Which sources know this person cannot be known just now.", service="locator")
        chosen = choose(
            registry, pointers, person, closed=registry.closed_to(asked.actor),
            always=asked.actor.role.code in desk.settings.always_ask_roles,
        )  # fmt: skip
        permit = await desk.permit(asked.actor, person, asked.reason, wanted(chosen), ("holdings",))
        choices = {each.source.id: each for each in chosen}
        permitted = askings(chosen, permit, person, asked.actor)
        copies = kept_asked(permit, permitted, choices, desk.patient_id)
        marks = await desk.calls.ask(NEWEST, copies) if copies.entries else ()
        now = known(desk.news_key, person, pointers, kept_sections(permitted, choices), marks)
        names = {each.source.id: each.source.name for each in permitted}
        return News(since(before, now, marks, names, {each.source.id for each in chosen if each.asked}))

    def _count(self, user: str) -> None:
        now = self.ticking()
        began, many = self._counts.pop(user, (now, 0))
        if now - began >= WITHIN_S:
            began, many = now, 0
        self._counts[user] = began, many + 1
        if len(self._counts) > USERS:
            self._counts.popitem(last=False)
        if many >= MOST:
            raise TooMany("That was asked too often. Wait a moment.", retry_after_s=str(int(WITHIN_S)))
