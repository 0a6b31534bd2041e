"""Is each scene one click away, with the right moment, user and patient?"""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from tests.region.servers.a_system import a_region

from carerecord.region.servers.http import HTML, Asked, Listener, Reply, redirect
from carerecord.region.servers.tour import Tour
from carerecord.region.servers.visitor import Visitor
from carerecord.region.shapes import Fault, Scene, User

FRONT = "http://127.0.0.1:8080"


class Moments:
    """What the tour set, and whom it looked up."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, tuple[Fault, ...]]] = []
        self.looked_up: list[tuple[int, str]] = []
        self.silent = False

    async def begin(self, scene: int, faults: Sequence[Fault]) -> None:
        self.begun.append((scene, tuple(faults)))

    async def found(self, scene: Scene, user: User) -> str:
        if self.silent:
            raise LookupError("carerecord does not answer <yet>.")
        self.looked_up.append((scene.number, user.username))
        return "/patient/opaque"


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
async def tour(moments: Moments) -> AsyncIterator[str]:
    listener = Listener(Tour(a_region(), FRONT, begin=moments.begin, found=moments.found))
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
    assert parse_qs(to.query) == {"provider": ["aldermoor"], "login_hint": ["priya.nair"], "after": ["/patient/opaque"]}
    assert moments.begun == [(1, ())]
    assert moments.looked_up == [(1, "priya.nair")]


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


async def test_a_visitor_before_carerecord_is_ready_is_told_so(web: aiohttp.ClientSession, tour: str, moments: Moments) -> None:
    moments.silent = True
    async with web.post(f"{tour}/scene/1", allow_redirects=False) as reply:
        assert reply.status == 502
        assert "does not answer &lt;yet&gt;" in await reply.text()


async def test_the_patient_is_looked_up_by_the_pages_that_everybody_uses() -> None:
    searched: list[dict[str, str]] = []

    def front(asked: Asked) -> Reply:
        match asked.method, asked.path:
            case "GET", "/sign-in":
                return redirect(
                    f"/{'home' if asked.value('login_hint') == 'priya.nair' else 'nobody'}", ("Set-Cookie", "session=s; Path=/")
                )
            case "GET", "/home":
                form = (
                    '<form action="/search" method="post"><input type="hidden" name="csrf" value="c"><input name="words"></form>'
                )
                return Reply(('<form action="/sign-out" method="post"><button></button></form>' + form).encode(), 200, HTML)
            case "POST", "/search":
                searched.append({**asked.form, "cookie": asked.cookie("session"), "origin": asked.headers["origin"]})
                return Reply(b'<a href="/help">Help</a><a href="/patient/x7?k=1">Ann</a>', 200, HTML)
        return Reply(b"", 404, HTML)

    listener = Listener(front)
    await listener.listen()
    region = a_region()
    user = next(user for user in region.users if user.username == "priya.nair")
    found = await Visitor(listener.address).found(region.scenes[0], user)
    await listener.refuse()

    assert found == "/patient/x7?k=1"
    assert searched == [{"csrf": "c", "words": "9990000018", "cookie": "s", "origin": listener.address}]
    with pytest.raises(LookupError, match="does not answer"):
        await Visitor(listener.address).found(region.scenes[0], user)
