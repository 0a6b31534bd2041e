"""Is each scene one click away, with the right moment, user and patient?"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from tests.region.servers.a_system import a_region

from carerecord.region.servers.engine import NotTaken
from carerecord.region.servers.http import Listener
from carerecord.region.servers.tour import Tour
from carerecord.region.shapes import Fault, Sent, View

FRONT = "http://127.0.0.1:8080"


class Moments:
    """What the tour set."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, tuple[Fault, ...]]] = []
        self.sent: list[tuple[Sent, ...]] = []
        self.refused = ""

    async def begin(self, scene: int, view: View) -> None:
        if self.refused:
            raise NotTaken(self.refused)
        self.begun.append((scene, view.faults))
        self.sent.append(view.sends)


def ticket_of(address: str) -> str:
    after = parse_qs(urlsplit(address).query)["after"][0]
    return parse_qs(urlsplit(after).query)["ticket"][0]


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
async def tour(moments: Moments) -> AsyncIterator[str]:
    listener = Listener(Tour(a_region(), FRONT, begin=moments.begin))
    await listener.listen()
    yield listener.address
    await listener.refuse()
    assert listener.faults == []


async def test_the_page_tells_the_scene_and_needs_no_script(web: aiohttp.ClientSession, tour: str) -> None:
    async with web.get(tour) as reply:
        page = await reply.text()

    assert "<strong>Ann Marlow</strong>, 78" in page
    assert "The clinic &lt;is&gt; silent" in page
    assert 'class="src src--gap" title="A Clinic does not answer"' in page
    assert "Open as A&amp;E doctor" in page
    assert "<script" not in page


async def test_one_click_sets_the_moment_and_leads_to_sign_in_and_patient(
    web: aiohttp.ClientSession, tour: str, moments: Moments
) -> None:
    async with web.post(f"{tour}/scene/1", allow_redirects=False) as reply:
        to = urlsplit(reply.headers["Location"])

    assert f"{to.scheme}://{to.netloc}{to.path}" == f"{FRONT}/sign-in"
    told = parse_qs(to.query)
    assert (reply.status, told["provider"], told["login_hint"]) == (303, ["aldermoor"], ["priya.nair"])
    assert told["after"][0].startswith("/arrive?ticket=")
    assert moments.begun == [(1, ())]


async def test_a_further_view_is_another_user_with_further_faults(
    web: aiohttp.ClientSession, tour: str, moments: Moments
) -> None:
    async with web.post(f"{tour}/scene/1/1", allow_redirects=False) as reply:
        assert "leah.marsden" in reply.headers["Location"]

    assert moments.begun == [(1, (Fault("clinic", "slow", seconds=1.0),))]


async def test_who_goes_to_a_further_view_at_once_misses_no_message_and_nobody_hears_one_again(
    web: aiohttp.ClientSession, moments: Moments
) -> None:
    region = a_region()
    first, second, third = (Sent("lab", "ORU^R01", (f"OBX|{each}",)) for each in ("P", "C", "W"))
    views = View("priya.nair", "corrected", sends=(second,)), View("priya.nair", "withdrawn", sends=(third,))
    scene = replace(region.scenes[0], sends=(first,), views=views)
    listener = Listener(Tour(replace(region, scenes=(scene,)), FRONT, begin=moments.begin))
    await listener.listen()
    for path in ("/scene/1/1", "/scene/1/2", "/scene/1/2"):
        async with web.post(listener.address + path, allow_redirects=False) as reply:
            assert reply.status == 303
    await listener.refuse()

    assert moments.sent == [(first, second), (third,), (third,)]


@pytest.mark.parametrize("path", ["/scene/2", "/scene/1/2", "/scene/1/0", "/scene/x", "/else"])
async def test_what_is_not_on_the_tour_is_not_found(web: aiohttp.ClientSession, tour: str, path: str) -> None:
    async with web.post(tour + path, allow_redirects=False) as reply:
        assert reply.status == 404


async def test_the_ticket_says_whom_the_visitor_came_for_and_only_once(web: aiohttp.ClientSession, tour: str) -> None:
    async with web.post(f"{tour}/scene/1", allow_redirects=False) as reply:
        ticket = ticket_of(reply.headers["Location"])
    async with web.get(f"{tour}/ticket/{ticket}") as reply:
        told = await reply.json()
    async with web.get(f"{tour}/ticket/{ticket}") as reply:
        again = reply.status

    assert ticket.isalnum()
    assert told == {
        "nhs_number": "9990000018",
        "birth_date": "1948-03-02",
        "given": "Ann",
        "reason": "Attending",
        "purpose": "direct-care",
        "scene": 1,
    }
    assert again == 404


async def test_an_address_never_says_who_the_patient_is(web: aiohttp.ClientSession, tour: str) -> None:
    async with web.post(f"{tour}/scene/1", allow_redirects=False) as reply:
        assert "9990000018" not in reply.headers["Location"]
        assert "arlow" not in reply.headers["Location"]


@pytest.fixture
async def wide(moments: Moments) -> AsyncIterator[str]:
    """The same tour, with views of another person, for another purpose, of a page, and one that is for the check alone."""
    region = a_region()
    other = replace(region.people[0], key="zoe", nhs_number="9990000026", born=date(2001, 2, 3))
    views = (
        View("priya.nair", "her sister", patient="zoe", reason="On the way to her", purpose="emergency"),
        View("leah.marsden", "the review", page="/reviews"),
        View("leah.marsden", "pressed", page="/reviews", press=("Undo",)),
    )
    scene = replace(region.scenes[0], views=views)
    listener = Listener(Tour(replace(region, people=(*region.people, other), scenes=(scene,)), FRONT, begin=moments.begin))
    await listener.listen()
    yield listener.address
    await listener.refuse()


async def test_a_view_may_be_of_another_person_of_the_scene_for_another_purpose(
    web: aiohttp.ClientSession, wide: str
) -> None:
    async with web.post(f"{wide}/scene/1/1", allow_redirects=False) as reply:
        ticket = ticket_of(reply.headers["Location"])
    async with web.get(f"{wide}/ticket/{ticket}") as reply:
        told = await reply.json()

    assert (told["nhs_number"], told["birth_date"]) == ("9990000026", "2001-02-03")
    assert (told["reason"], told["purpose"]) == ("On the way to her", "emergency")


async def test_a_view_of_a_page_leads_there_after_sign_in(web: aiohttp.ClientSession, wide: str) -> None:
    async with web.post(f"{wide}/scene/1/2", allow_redirects=False) as reply:
        told = parse_qs(urlsplit(reply.headers["Location"]).query)

    assert told["after"] == ["/reviews"]
    assert told["login_hint"] == ["leah.marsden"]


async def test_what_is_for_the_check_alone_is_no_button_of_the_tour(web: aiohttp.ClientSession, wide: str) -> None:
    async with web.get(wide) as reply:
        page = await reply.text()

    assert "Open the review" in page
    assert "/scene/1/2" in page
    assert "/scene/1/3" not in page


async def test_a_message_that_was_not_taken_is_told_and_nobody_is_sent_on(
    web: aiohttp.ClientSession, tour: str, moments: Moments
) -> None:
    moments.refused = "Aldermoor Patient Administration: nobody takes its messages"
    async with web.post(f"{tour}/scene/1", allow_redirects=False) as reply:
        page = await reply.text()

    assert (reply.status, "nobody takes its messages" in page) == (503, True)
