"""The trusts' engines send over a real connection, one answer after another, and say what was not taken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from carerecord.region.organisations.sending import SENDING, SENDING_BY_KEY
from carerecord.region.servers.engine import Engines, NotTaken, written
from carerecord.region.shapes import Sent

PAS = SENDING_BY_KEY["aldermoor-pas"]
ADMITTED = Sent("aldermoor-pas", "ADT^A01^ADT_A01", ("EVN|A01|@-40m@", "PID|1||1^^^ALDERMOOR^MR||X^Y"))


@asynccontextmanager
async def taker(code: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Whoever takes messages: its address, and what came. "" answers nothing and hangs up."""
    came: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                came.append((await reader.readuntil(b"\x1c\r"))[1:-2])
                if not code:
                    return
                writer.write(b"\x0bMSH|^~\\&|\rMSA|" + code.encode() + b"|1\r\x1c\r")
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", came


def test_times_are_counted_from_the_sending() -> None:
    now = datetime(2026, 11, 22, 9, 30, tzinfo=ZoneInfo("Europe/London"))
    lines = written(ADMITTED, PAS, now, "AD1").decode().split("\r")
    assert lines[0] == r"MSH|^~\&|PAS|ALDERMOOR|CARERECORD|FELLS|20261122093000+0000||ADT^A01^ADT_A01|AD1|P|2.4"
    assert lines[1] == "EVN|A01|20261122085000+0000"


async def test_messages_go_one_after_another_and_each_has_a_number_of_its_own() -> None:
    async with taker("AA") as (address, came):
        engines = Engines(address, SENDING)
        await engines.send((ADMITTED, ADMITTED))
        await engines.close()
    numbers = [each.split(b"|")[9] for each in came]
    assert len(set(numbers)) == len(numbers) == 2


@pytest.mark.parametrize("code", ["AE", "AR", ""])
async def test_what_is_not_taken_is_said_without_a_word_of_the_message(code: str) -> None:
    async with taker(code) as (address, _):
        engines = Engines(address, SENDING)
        with pytest.raises(NotTaken) as told:
            await engines.send((ADMITTED,))
        await engines.close()
    assert PAS.name in str(told.value)
    assert "ALDERMOOR^MR" not in str(told.value)


async def test_a_region_that_was_told_no_place_says_so() -> None:
    with pytest.raises(NotTaken, match="not told"):
        await Engines("", SENDING).send((ADMITTED,))
