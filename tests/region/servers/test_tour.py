"""Is each scene one click away, with the right moment, user and patient?"""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from tests.region.servers.a_system import a_region

from carerecord.region.servers.http import Listener
from carerecord.region.servers.tour import Tour
from carerecord.region.shapes import Fault

FRONT = "http://127.0.0.1:8080"


class Moments:
    """What the tour set."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, tuple[Fault, ...]]] = []

    async def begin(self, scene: int, faults: Sequence[Fault]) -> None:
        self.begun.append((scene, tuple(faults)))


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
        "reason": "Attending",
        "purpose": "direct-care",
        "scene": 1,
    }
    assert again == 404


async def test_an_address_never_says_who_the_patient_is(web: aiohttp.ClientSession, tour: str) -> None:
    async with web.post(f"{tour}/scene/1", allow_redirects=False) as reply:
        assert "9990000018" not in reply.headers["Location"]
        assert "arlow" not in reply.headers["Location"]
