"""Can the habits of a running region be switched from outside, and do they come back as they were?"""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from tests.region.servers.a_system import a_region

from carerecord.region.parts import PartOfRegion, serve_part
from carerecord.region.servers.control import FrontControl, say
from carerecord.region.servers.http import Listener


@pytest.fixture
async def told() -> AsyncIterator[tuple[str, str]]:
    """The front control and the clinic's FHIR address."""
    part = PartOfRegion("all", systems=("clinic",), providers=("aldermoor",), pds=True)
    where, listeners = await serve_part(a_region(), part, "http://127.0.0.1:8080")
    front = Listener(FrontControl([where.control]))
    await front.listen()
    yield front.address, where.systems["clinic"][0]
    for listener in (front, *listeners):
        await listener.refuse()
        assert listener.faults == []


async def order(control: str, **what: Any) -> tuple[int, Any]:
    status, body = await say(control, "POST", "/control", orjson.dumps(what))
    return status, orjson.loads(body)


async def answered(address: str) -> int:
    async with aiohttp.ClientSession() as web, web.get(f"{address}/Observation?patient=p1") as reply:
        return reply.status


async def test_a_habit_is_set_and_a_reset_brings_back_the_usual_ones(told: tuple[str, str]) -> None:
    control, clinic = told
    assert await answered(clinic) == 503  # its usual fault, for the first opening

    await order(control, set={"clinic": [{"kind": "status", "status": 500}]})
    assert await answered(clinic) == 500

    await order(control, reset=True)
    assert await answered(clinic) == 503


async def test_a_scene_resets_and_may_add(told: tuple[str, str]) -> None:
    control, _ = told
    _, state = await order(control, scene=3, add={"clinic": [{"kind": "hang", "patient": "p2"}]})

    assert [habit["kind"] for habit in state["habits"]["clinic"]] == ["status", "hang"]


async def test_a_system_is_switched_off_and_on_and_a_reset_switches_it_on(told: tuple[str, str]) -> None:
    control, clinic = told
    for again in ({"listen": ["clinic"]}, {"reset": ["clinic"]}):
        await order(control, refuse=["clinic"])
        with pytest.raises(aiohttp.ClientConnectorError):
            await answered(clinic)
        await order(control, **again)
        assert await answered(clinic) in (200, 503)


async def test_the_state_names_everything_that_can_be_switched(told: tuple[str, str]) -> None:
    status, body = await say(told[0], "GET", "/control")

    assert (status, set(orjson.loads(body)["habits"])) == (200, {"clinic", "aldermoor", "pds"})


@pytest.mark.parametrize("odd", [{"nonsense": 1}, {"set": {"clinic": [{"kind": "dance"}]}}])
async def test_an_order_that_is_not_understood_is_refused(told: tuple[str, str], odd: dict[str, Any]) -> None:
    status, said = await order(told[0], **odd)

    assert status == 400
    assert "error" in said
