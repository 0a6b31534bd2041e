"""The demo with each service in a process of its own: the same tour, and what people meet while any one of them is down."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from tests.app.a_demo import Carerecord, Running, a_demo
from tests.app.test_demo import opened_by_number

from carerecord.app.apart_door import START, STOP, ApartAsked
from carerecord.app.catalogue import CATALOGUE, NAMES
from carerecord.app.gate import Gate
from carerecord.app.operator import apart_calls
from carerecord.app.walk import Page, Walker, a_session
from carerecord.region.scenes.all import tell_scenes

pytestmark = pytest.mark.timeout(300)

SEARCH_PAGE, SEARCH, RECORD = "the search page", "the search", "the record"
UNNOTICED = (RECORD, 200, "methotrexate")
# Who is down: where a doctor who looks for somebody is stopped, with which status, and what the page says. The others: nowhere.
WHILE_DOWN = {
    "identity": (SEARCH_PAGE, 503, "The identity service does not answer"),
    "policy": (SEARCH_PAGE, 503, "The policy service does not answer"),
    "patients": (SEARCH, 503, "The patient index does not answer"),
    "consent": (RECORD, 403, "What this person has said about sharing cannot be known"),
    "records": (RECORD, 503, "The records service does not answer"),
    "locator": (RECORD, 200, "Who holds information could not be looked up: all who may know the person were asked"),
}


class Doctor:
    """Signed in once, from then on looking for one person again and again."""

    def __init__(self, front: str, number: str, session: aiohttp.ClientSession) -> None:
        self._front, self._number, self._walker = front, number, Walker(session)

    async def sign_in(self) -> None:
        await self._walker.get(f"{self._front}/sign-in?provider=aldermoor&login_hint=priya.nair&after=/search")

    async def look(self) -> tuple[str, Page]:
        page = await self._walker.get(f"{self._front}/search")
        if page.status != 200:
            return SEARCH_PAGE, page
        page = await self._walker.send(page, page.form("Search"), {"text": self._number})
        if page.status != 200:
            return SEARCH, page
        if not any("/open" in form.action for form in page.forms):
            (opening,) = {link for _, link in page.links if link.endswith("/open")}
            page = await self._walker.get(self._front + opening)
        told = {"purpose": "direct-care", "text": "Seen in the emergency department"}
        return RECORD, await self._walker.send(page, page.form("/open"), told)


@contextmanager
def stopped(demo: Running, carerecord: Carerecord, name: str) -> Iterator[None]:
    said = carerecord(demo.folder, "apart", "stop", name)
    assert re.match(rf"{name} +stopped", said.stdout), said.stderr
    try:
        yield
    finally:
        assert carerecord(demo.folder, "apart", "start", name).returncode == 0


def test_the_tour_is_the_same_and_each_service_that_is_down_shows_what_the_catalogue_says(
    tmp_path: Path, carerecord: Carerecord
) -> None:
    with a_demo(tmp_path / "data", "--apart", people=20) as demo:
        for each in CATALOGUE:
            assert f"apart stop {each.name:<9} {each.without}" in demo.said
        commands = [" ".join(each.cmdline()) for each in demo.family()]
        for name in NAMES:
            assert sum(f"--target {name} " in command for command in commands) == 1, name
        checked = carerecord(demo.folder, "demo", "--check", "--scene", "1", "--scene", "5")
        assert "2 of 2 scenes show what they must" in checked.stderr, checked.stderr

        number = next(each.nhs_number for each in tell_scenes(datetime.now(UTC)).scenes if each.number == 5)
        asyncio.run(_look_while_each_is_down(demo, number))

        listed = carerecord(demo.folder, "apart", "list").stdout
        assert [line.split()[:2] for line in listed.splitlines()] == [[name, "running"] for name in NAMES]
        with stopped(demo, carerecord, "viewer"):
            assert asyncio.run(no_page(demo.front))
        assert "15 mg once a week" in asyncio.run(opened_by_number(demo.front, number)).words
        assert carerecord(demo.folder, "verify-audit").returncode == 0
        assert "starting it again" not in demo.said, "what was stopped on purpose stays down until it is started"


async def _look_while_each_is_down(demo: Running, number: str) -> None:
    async with a_session() as session, apart_calls(Gate(data_dir=demo.folder)) as apart:
        doctor = Doctor(demo.front, number, session)
        await doctor.sign_in()
        for name in (*WHILE_DOWN, "sources", "audit"):
            where, status, words = WHILE_DOWN.get(name, UNNOTICED)
            await apart.ask(STOP, ApartAsked(name))
            place, page = await doctor.look()
            await apart.ask(START, ApartAsked(name))
            assert (place, page.status) == (where, status), f"{name}: {page.words[:300]}"
            assert words.lower() in page.words.lower(), f"{name}: {page.words[:300]}"
        place, page = await doctor.look()
        assert (place, page.status) == (RECORD, 200), "every one is met again without anybody's help"


async def no_page(front: str) -> bool:
    """Refused by the machine, or by the door that several faces share."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{front}/search") as reply:
                return reply.status == 503
        except aiohttp.ClientConnectorError:
            return True


def test_a_house_that_does_not_run_apart_says_how_to_start_one(demo: Running, carerecord: Carerecord) -> None:
    refused = carerecord(demo.folder, "apart", "list")
    assert refused.returncode == 1
    assert "Start it first: make demo-apart" in refused.stderr
