"""A real Chromium, and something for it to look at: the viewer over fakes, or a running deployment by CARERECORD_LIVE_DEMO."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from carerecord.viewer.visit import SESSION_COOKIE
from tests.viewer.neighbours import Neighbours, actor

CHROMIUM = Path("/usr/bin/chromium")
expect.set_options(timeout=20_000)  # a busy machine is no defect of the page
AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"


@dataclass
class Front:
    """A front door for a browser, and what stands behind it."""

    address: str
    neighbours: Neighbours


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        """The test's own process keeps its signals."""


@pytest.fixture(scope="session")
def front() -> Iterator[Front]:
    """The viewer over fakes, on a free port, for the whole run."""
    neighbours = Neighbours(
        actors={
            "session-1": actor("emergency-doctor"),
            "desk": actor("receptionist", "Ms Leah Marsden"),
            "social": actor("social-worker", "Ms Grace Ellershaw"),
            "admin": actor("administrator", "Mr Owen Tranter"),
            "privacy": actor("privacy-officer", "Ms Ruth Adeyemi"),
            "safety": actor("clinical-safety-officer", "Dr Amina Rahman"),
            "paramedic": actor("paramedic", "Mr Liam Foster"),
            "pharmacist": actor("hospital-pharmacist", "Ms Hana Suzuki"),
            "quality": actor("data-quality-officer", "Mr Tom Aske"),
        }
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(neighbours.app(), log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield Front(f"http://127.0.0.1:{listening.getsockname()[1]}", neighbours)
    server.should_exit = True
    thread.join(5)
    listening.close()


@pytest.fixture(scope="package")  # no longer: while Playwright is open its event loop runs in this thread, and no other can
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Debian's Chromium is not installed")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, front: Front) -> Iterator[BrowserContext]:
    """A browser profile of its own, signed in as an A&E doctor. A request to any other host fails the test."""
    made = chromium.new_context(viewport={"width": 1280, "height": 900})
    outside: list[str] = []
    made.on("request", lambda request: outside.append(request.url) if not request.url.startswith(front.address) else None)
    signed_in(made, front, "session-1")
    yield made
    made.close()
    assert outside == [], "a page asked another host"


@pytest.fixture
def page(context: BrowserContext) -> Page:
    made = context.new_page()
    faults: list[str] = []
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
    made.set_default_timeout(15_000)
    made.faults = faults  # type: ignore[attr-defined]
    return made


def signed_in(context: BrowserContext, front: Front, session: str) -> None:
    context.add_cookies([{"name": SESSION_COOKIE, "value": session, "url": front.address, "httpOnly": True, "sameSite": "Lax"}])


def open_record(page: Page, front: Front, patient: str, *, wait: bool = True) -> None:
    """Confirm, say why, open: as a person does."""
    page.goto(f"{front.address}/patients/{patient}/open")
    page.get_by_role("button", name="Open the record").click(no_wait_after=not wait)
    page.wait_for_selector("#record")


@pytest.fixture(scope="session")
def live_demo() -> str:
    """The address of a whole running demo; CARERECORD_LIVE_DEMO names it."""
    address = os.environ.get("CARERECORD_LIVE_DEMO", "")
    if not address:
        pytest.skip("no demo runs: CARERECORD_LIVE_DEMO names none")
    return address
