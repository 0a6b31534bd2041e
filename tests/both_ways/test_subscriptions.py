"""What may be asked of subscriptions is the same in process and across a socket, its refusals too."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from carerecord.contracts.holdings import WATCHABLE, WRITE, WriteAsked, Written
from carerecord.contracts.subscriptions import (
    AMEND,
    RESUME,
    STANDING,
    SUBSCRIBE,
    SUBSCRIBED,
    UNSUBSCRIBE,
    AmendAsked,
    ResumeAsked,
    Standing,
    StandingAsked,
    SubscribeAsked,
    Subscribed,
    SubscribedAsked,
    Subscriber,
    UnsubscribeAsked,
)
from carerecord.contracts.watches import Watchable, WatchableAsked
from carerecord.kit.calls import Direct
from carerecord.kit.part import Part, answer
from carerecord.subscriptions import api as subscriptions
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import Said, agree
from tests.subscriptions.asked import asking

BOARD = Subscriber("board", "R9A", "A ward board", ("system/*.rs",))
BASE = "https://record.example/fhir"


def raw(criteria: str = "Observation?patient=p1", **channel: Any) -> msgspec.Raw:
    asked = asking("https://board.example/told", criteria, header=["Authorization: Bearer swordfish"], **channel)
    return msgspec.Raw(json.dumps(asked).encode())


async def test_subscriptions(service_database, tmp_path: Path):
    async def watchable(asked: WatchableAsked) -> Watchable:
        return Watchable(tuple(name for name, _ in asked.query))

    async def judged(_: WriteAsked) -> tuple[Written, ...]:
        return (Written(200),)

    async def make(_: AsyncExitStack) -> Part:
        ways = {"holdings": Direct((answer(WATCHABLE, watchable), answer(WRITE, judged)))}
        return subscriptions.build(
            supplies_for("subscriptions", await service_database("subscriptions"), data_dir=tmp_path, ways=ways)
        )

    def made(told: list[Said]) -> str:
        return msgspec.json.decode(told[0].chunks[0], type=Subscribed).id

    answers = await agree(
        make,
        [
            (SUBSCRIBE, SubscribeAsked(BOARD, raw(), BASE)),
            (SUBSCRIBE, SubscribeAsked(BOARD, raw(payload="application/fhir+json", _payload=None), BASE)),
            (SUBSCRIBED, SubscribedAsked(BOARD)),
            (SUBSCRIBED, lambda told: SubscribedAsked(Subscriber("another", "R9A", ""), made(told))),
            (AMEND, lambda told: AmendAsked(BOARD, made(told), raw("Encounter"), BASE, if_match=1)),
            (AMEND, lambda told: AmendAsked(BOARD, made(told), raw("Encounter"), BASE, if_match=1)),
            (STANDING, StandingAsked()),
            (RESUME, lambda told: ResumeAsked(made(told))),
            (UNSUBSCRIBE, lambda told: UnsubscribeAsked(BOARD, made(told), if_match=1)),
            (UNSUBSCRIBE, lambda told: UnsubscribeAsked(BOARD, made(told))),
            (SUBSCRIBED, lambda told: SubscribedAsked(BOARD, made(told))),
        ],
    )
    assert [each.error for each in answers] == [
        "", "NotAcceptable", "", "NotFound", "", "Conflict", "", "", "Conflict", "", "NotFound",
    ]  # fmt: skip
    assert b"swordfish" in answers[0].chunks[0], "its own client is shown what it wrote"
    assert b"swordfish" not in answers[6].chunks[0]
    standing = msgspec.json.decode(answers[6].chunks[0], type=tuple[Standing, ...])
    assert [(each.type, each.host, each.headers) for each in standing] == [("Encounter", "board.example", ("Authorization",))]
