"""How often must a message wait for the event loop before it is answered? Beside filing each round is a millisecond."""

import asyncio
from typing import Any, cast

from tests.ingest.a_hospital import PAS, adt, framed

from carerecord.contracts.sources import Registry
from carerecord.ingest.journal.arrivals import Journal
from carerecord.ingest.journal.sealing import Seals
from carerecord.ingest.kinds import fault_in
from carerecord.ingest.mllp import Connection, Desk
from carerecord.ingest.senders import Senders
from carerecord.kit.clock import SystemClock
from carerecord.kit.log import log_for


class _Prompt:
    """A database that has committed by the next round."""

    async def acquire(self) -> "_Prompt":
        return self

    async def execute(self, _: str, *__: Any) -> str:
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(committed.set_result, None)
        await committed
        return "INSERT 0 2"


class _Wire:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def get_extra_info(self, _: str) -> None: ...


async def test_a_message_waits_for_one_round_before_its_commit_and_one_after_it():
    senders, clock, log = Senders(b"k"), SystemClock(), log_for("ingest")
    senders.take(Registry("1", (), senders=(PAS,)))
    journal = Journal(cast(Any, _Prompt()), Seals(b"k" * 32), clock, log)
    desk = Desk(journal, senders, clock, log, fault_in, lambda _: None, plaintext=True)
    wires = [_Wire(), _Wire()]
    lines = [Connection(desk) for _ in wires]
    for line, wire in zip(lines, wires, strict=True):
        line.connection_made(cast(Any, wire))

    for number, line in enumerate(lines):
        line.data_received(framed(adt(number=f"M{number}", control=f"C{number}")))
    rounds = 0
    while not all(wire.written for wire in wires):
        await asyncio.sleep(0)
        rounds += 1
        assert rounds < 20

    assert rounds <= 3, "one of them is the commit's own"
    assert [b"MSA|AA|C%d" % number in wire.written for number, wire in enumerate(wires)] == [True, True]
