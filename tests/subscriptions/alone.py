"""The service by itself, on a real database, beside neighbours with a memory; also as a process of its own, to be killed."""

import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from carerecord.contracts.holdings import (
    ANSWERS,
    PEOPLE_KEPT,
    WATCHABLE,
    WRITE,
    Kept,
    PeopleKeptAsked,
    PersonKept,
    WriteAsked,
    Written,
)
from carerecord.contracts.identity import CLIENTS, ClientRow, ClientsAsked
from carerecord.contracts.patients import KNOWN_AS, WHO, Demographics, KnownAs, KnownAsAsked, Person, WhoAsked
from carerecord.contracts.policy import MAY_TELL, Decision, MayTellAsked
from carerecord.contracts.subscriptions import (
    STANDING,
    SUBSCRIBE,
    SUBSCRIBED,
    Standing,
    StandingAsked,
    SubscribeAsked,
    Subscribed,
    SubscribedAsked,
    Subscriber,
)
from carerecord.contracts.watches import Answering, AnswersAsked, Watchable, WatchableAsked
from carerecord.kit.calls import Direct
from carerecord.kit.db import Pool, open_pool
from carerecord.kit.errors import NotUnderstood, Unavailable
from carerecord.kit.events import Event
from carerecord.kit.part import Job, Part, answer
from carerecord.subscriptions import api as subscriptions
from tests.both_ways.supplies import supplies_for
from tests.conftest import TestDatabase
from tests.subscriptions.asked import asking

BOARD = Subscriber("board", "R9A", "A ward board", ("system/*.rs",))
BASE = "https://record.example/fhir"
QUICK = {"loopback": "true", "first_wait_s": "0.05", "longest_wait_s": "0.1", "within_s": "1.0", "handshake_tries": "2"}


@dataclass
class Neighbours:
    """What holdings, identity, patients and policy say. Everything is theirs to tell, unless it stands here."""

    hidden: set[str] = field(default_factory=set)  # ids that holdings lets nobody see
    refuses: set[str] = field(default_factory=set)  # sources of which policy lets nobody be told
    away: bool = False
    broken: tuple[str, str] = ("", "")  # a parameter that holdings understands no more
    revoked: set[str] = field(default_factory=set)
    asked: list[MayTellAsked] = field(default_factory=list)

    def ways(self) -> dict[str, Direct]:
        return {
            "holdings": Direct((
                answer(WATCHABLE, self._watchable), answer(ANSWERS, self._answers), answer(PEOPLE_KEPT, self._kept),
                answer(WRITE, self._judged),
            )),
            "identity": Direct((answer(CLIENTS, self._clients),)),
            "patients": Direct((answer(KNOWN_AS, self._known), answer(WHO, self._who))),
            "policy": Direct((answer(MAY_TELL, self._may),)),
        }  # fmt: skip

    async def _watchable(self, _: WatchableAsked) -> Watchable:
        return Watchable(())

    async def _judged(self, asked: WriteAsked) -> tuple[Written, ...]:
        assert asked.check_only
        return (Written(200),)

    async def _answers(self, asked: AnswersAsked) -> tuple[Answering, ...]:
        if self.broken[0] and any(self.broken in watch.query for watch in asked.watches):
            raise NotUnderstood("There is no such parameter any more.")
        return tuple([
            Answering(tuple([each.id not in self.hidden for _ in asked.watches]), "p1", "results") for each in asked.changed
        ])  # fmt: skip

    async def _kept(self, _: PeopleKeptAsked) -> tuple[PersonKept, ...]:
        number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}
        return (PersonKept("p1", "", "", Raw(json.dumps({"resourceType": "Patient", "identifier": [number]}).encode())),)

    async def _clients(self, _: ClientsAsked) -> tuple[ClientRow, ...]:
        return tuple([
            ClientRow(id_, id_, "R9A", ("system/*.rs",), revoked=id_ in self.revoked) for id_ in ("board", "other")
        ])  # fmt: skip

    async def _known(self, _: KnownAsAsked) -> KnownAs:
        return KnownAs(("n1",), ())

    async def _who(self, _: WhoAsked) -> Person:
        return Person(("n1",), "n1", Demographics())

    async def _may(self, asked: MayTellAsked) -> Decision:
        if self.away:
            raise Unavailable("Consent does not answer.", service="consent")
        self.asked.append(asked)
        return Decision(asked.about.source not in self.refuses, "consent/objection", "")


@dataclass
class Alone:
    part: Part
    pool: Pool
    neighbours: Neighbours

    async def ask(self, question: Any, asked: Any) -> Any:
        return await next(each.handler for each in self.part.answers if each.question is question)(asked)

    async def subscribe(self, endpoint: str, *, by: Subscriber = BOARD, active: bool = True, **more: Any) -> str:
        resource = asking(endpoint, **more.pop("channel", {})) | more
        made: Subscribed = await self.ask(SUBSCRIBE, SubscribeAsked(by, Raw(json.dumps(resource).encode()), BASE))
        if active:
            await self.until(made.id, "active", by=by)
        return made.id

    async def until(self, id_: str, status: str, *, by: Subscriber = BOARD) -> Subscribed:
        found: Subscribed | None = None
        for _ in range(500):
            found = (await self.ask(SUBSCRIBED, SubscribedAsked(by, id_)))[0]
            if found.status == status:
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(found)

    async def standing(self, id_: str) -> Standing:
        (found,) = await self.ask(STANDING, StandingAsked(id_))
        assert isinstance(found, Standing)
        return found

    async def change(self, *ids: str, source: str = "", method: str = "C") -> None:
        """Holdings tells, in one event, that these Observations changed."""
        body = Kept("c", "R9A", tuple([("p1", "Observation", id_, 1, method) for id_ in ids]), source=source)
        (heard,) = self.part.hears
        event = Event(str(uuid.uuid4()), "Kept", datetime.now(UTC), "holdings", Raw(msgspec.json.encode(body)))
        async with self.pool.acquire() as db, db.transaction():
            await heard.effect(db, [event])
        assert heard.afterwards is not None
        heard.afterwards()


@asynccontextmanager
async def alone(
    database: TestDatabase, folder: Path, *, neighbours: Neighbours | None = None, **settings: str
) -> AsyncIterator[Alone]:
    beside = neighbours or Neighbours()
    part = subscriptions.build(
        supplies_for("subscriptions", database, data_dir=folder, ways=beside.ways(), settings=QUICK | settings)
    )
    await part.start()

    async def kept_up(job: Job) -> None:
        await job.run()

    jobs = [asyncio.create_task(kept_up(each)) for each in part.jobs]
    try:
        yield Alone(part, database.pool, beside)
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await part.stop()


async def _stay(dsn: str, folder: str) -> None:
    pool = await open_pool(dsn, service="subscriptions")
    async with alone(TestDatabase("", dsn, pool), Path(folder)):
        print("ready", flush=True)
        await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(_stay(*sys.argv[1:3]))
