"""Does a pretend system misbehave exactly as it is told to, and for exactly those it is told?"""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import orjson
import pytest
from tests.region.servers.a_system import a_system, holdings

from carerecord.region.servers.certificates import Authority
from carerecord.region.servers.habits import Habit, habit_of
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.shapes import Fault


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        yield session


@pytest.fixture
async def clinic() -> AsyncIterator[RunningServer]:
    async with running([Serving(a_system(), holdings())]) as servers:
        yield servers["clinic"]


async def status(
    web: aiohttp.ClientSession, server: RunningServer, what: str = "Observation?patient=p1", request: str = ""
) -> int:
    async with web.get(f"{server.address}/{what}", headers={"X-Request-ID": request} if request else {}) as reply:
        await reply.read()
        return reply.status


async def body(web: aiohttp.ClientSession, server: RunningServer, what: str = "Observation?patient=p1") -> bytes:
    async with web.get(f"{server.address}/{what}") as reply:
        return await reply.read()


async def test_a_habit_touches_its_patient_and_type_alone(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(Habit("status", patient="p1", type="Observation", status=500))

    assert await status(web, clinic) == 500
    assert await status(web, clinic, "MedicationRequest?patient=p1") == 200
    assert await status(web, clinic, "Observation?patient=p2") == 200
    clinic.reset()
    assert await status(web, clinic) == 200


async def test_enrolment_goes_on_while_the_clinical_side_is_down(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(habit_of(Fault("clinic", "unavailable")))

    assert await status(web, clinic, "Patient?_count=1") == 200
    assert await status(web, clinic, "metadata") == 200
    assert await status(web, clinic, "Patient/p1") == 503


async def test_down_for_one_opening_then_well(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(habit_of(Fault("clinic", "unavailable", "p1", openings=1)))

    assert [await status(web, clinic, request="opening-1") for _ in range(2)] == [503, 503]
    assert await status(web, clinic, request="retry-2") == 200
    assert await status(web, clinic, request="opening-1") == 503


async def test_requests_without_an_id_and_close_in_time_are_one_opening(
    web: aiohttp.ClientSession, clinic: RunningServer
) -> None:
    clinic.set(Habit("status", openings=1))

    assert [await status(web, clinic) for _ in range(3)] == [503, 503, 503]


async def test_too_many_requests_says_when_to_come_again(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(Habit("status", status=429, retry_after="1", times=1))
    async with web.get(f"{clinic.address}/Observation?patient=p1") as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (429, "1")

    assert await status(web, clinic) == 200


async def test_a_share_of_the_requests_fails(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(habit_of(Fault("clinic", "flaky", share=0.3)))

    failed = sum([await status(web, clinic) == 503 for _ in range(200)])

    assert 30 < failed < 90


async def test_slow_is_slow_for_that_patient(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(Habit("slow", patient="p1", seconds=0.3))
    began = time.perf_counter()
    await status(web, clinic, "Observation?patient=p2")
    quick = time.perf_counter() - began
    await status(web, clinic)

    assert quick < 0.2 < time.perf_counter() - began - quick


@pytest.mark.parametrize("kind", ["silent", "hang"])
async def test_a_hung_system_keeps_the_socket_until_we_let_go(
    web: aiohttp.ClientSession, clinic: RunningServer, kind: str
) -> None:
    clinic.set(Habit(kind))  # type: ignore[arg-type]
    asking = asyncio.create_task(body(web, clinic))
    answered, _ = await asyncio.wait({asking}, timeout=0.3)
    async with asyncio.timeout(20):
        while not clinic.connections:
            await asyncio.sleep(0.01)
        asking.cancel()
        while clinic.connections:
            await asyncio.sleep(0.01)

    assert not answered


@pytest.mark.parametrize("kind", ["cut", "chunk-cut", "reset"])
async def test_a_cut_answer_is_an_error_of_the_wire(web: aiohttp.ClientSession, clinic: RunningServer, kind: str) -> None:
    clinic.set(Habit(kind))  # type: ignore[arg-type]

    with pytest.raises(aiohttp.ClientError):
        await body(web, clinic)


@pytest.mark.parametrize("kind", ["html", "garbage", "truncated"])
async def test_what_is_not_json_comes_with_a_200(web: aiohttp.ClientSession, clinic: RunningServer, kind: str) -> None:
    clinic.set(Habit(kind))  # type: ignore[arg-type]

    assert await status(web, clinic) == 200
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(await body(web, clinic))


async def test_a_huge_answer_is_streamed_to_its_last_byte(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(Habit("huge", size_bytes=5_000_000))

    assert len(orjson.loads(await body(web, clinic))["entry"]) > 70


@pytest.mark.parametrize("kind", ["endless", "cyclic"])
async def test_next_never_ends(web: aiohttp.ClientSession, clinic: RunningServer, kind: str) -> None:
    clinic.set(Habit(kind))  # type: ignore[arg-type]
    address, seen = f"{clinic.address}/Observation?patient=p2", list[str]()
    for _ in range(5):
        seen.append(address)
        async with web.get(address) as reply:
            page = await reply.json(content_type=None)
        address = next(link["url"] for link in page["link"] if link["relation"] == "next")

    assert len(set(seen)) == (5 if kind == "endless" else 2)


async def test_the_wrong_patient_comes_with_that_patient(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(habit_of(Fault("clinic", "wrong-patient", "p1", other="p2")))
    found = orjson.loads(await body(web, clinic))

    assert [entry["resource"]["id"] for entry in found["entry"]] == ["p2-o0", "p2"]


async def test_two_patients_answer_to_one_number(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(Habit("two-matches"))
    found = orjson.loads(await body(web, clinic, "Patient?identifier=9990000018"))

    assert [entry["resource"]["id"] for entry in found["entry"]] == ["p1", "p1-b"]


async def test_a_refused_connection_comes_back_on_the_same_port(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    before = clinic.address
    await clinic.refuse()
    with pytest.raises(aiohttp.ClientConnectorError):
        await status(web, clinic)
    await clinic.listen()

    assert (clinic.address, await status(web, clinic)) == (before, 200)


@pytest.mark.parametrize("rounds", range(6))
async def test_who_comes_while_the_door_closes_is_not_left_waiting(clinic: RunningServer, rounds: int) -> None:
    """Between the kernel's accepting a connection and its being known here lie some rounds of the event loop."""
    with socket.create_connection(("127.0.0.1", clinic.listener.port), 5) as coming:
        coming.setblocking(False)
        for _ in range(rounds):
            await asyncio.sleep(0)
        await clinic.refuse()
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(coming, 1), 5) == b""

    assert clinic.connections == 0


@pytest.mark.parametrize("made", ["good", "expired", "wrong_name", "untrusted"])
async def test_certificates_are_good_or_bad_as_made(made: str) -> None:
    authority = Authority()
    issued = Authority("Another").good() if made == "untrusted" else getattr(authority, made)()
    trusting = ssl.create_default_context(cadata=authority.ca.decode())
    async with running([Serving(a_system(), holdings(), certificate=issued)]) as servers, aiohttp.ClientSession() as web:
        asking = web.get(f"{servers['clinic'].address}/Observation?patient=p1", ssl=trusting)
        if made == "good":
            async with asking as reply:
                assert reply.status == 200
        else:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await asking


async def test_a_varied_delay_stays_within_its_spread(web: aiohttp.ClientSession, clinic: RunningServer) -> None:
    clinic.set(Habit("slow", seconds=0.1, spread=0.5))
    took = []
    for _ in range(12):
        began = time.perf_counter()
        await status(web, clinic)
        took.append(time.perf_counter() - began)

    assert min(took) >= 0.05
    assert max(took) - min(took) > 0.02
