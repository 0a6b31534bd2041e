"""The whole demo, started as a person starts it, walked in a real browser: real sign-in, real sources, real silence."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from carerecord.app.house import reserved
from tests.browser.test_access import WIDTHS, at_width, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

READY_WITHIN_S = 90


@dataclass(frozen=True)
class Demo:
    front: str
    tour: str
    control: str

    def reset(self, scene: int = 0) -> None:
        told = {"reset": True, "scene": scene} if scene else {"reset": True}
        wanted = urllib.request.Request(
            f"{self.control}/control", json.dumps(told).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(wanted, timeout=10) as reply:
            assert reply.status == 200


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`carerecord demo` in a process of its own, on a folder and a port of its own."""
    folder = tmp_path_factory.mktemp("demo")
    port = reserved(0, "127.0.0.1")
    log = (folder / "demo.log").open("wb")
    program = subprocess.Popen(
        [sys.executable, "-m", "carerecord", "demo", "--port", str(port), "--people", "30"],
        env={**os.environ, "CARERECORD_DATA_DIR": str(folder / "data")},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        until = time.monotonic() + READY_WITHIN_S
        while "carerecord is ready" not in (folder / "demo.log").read_text(errors="replace"):
            assert program.poll() is None, (folder / "demo.log").read_text(errors="replace")[-3000:]
            assert time.monotonic() < until, "the demo was not ready in time"
            time.sleep(0.1)
        run = json.loads((folder / "data" / "run.json").read_text())
        yield Demo(run["front"], run["tour"], run["control"])
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(30)
        log.close()


@pytest.fixture
def visitor(chromium: Browser, demo: Demo) -> Iterator[BrowserContext]:
    """A browser profile of its own. A request to anything but this machine fails the test."""
    made = chromium.new_context(viewport={"width": 1280, "height": 900})
    outside: list[str] = []
    made.on("request", lambda request: outside.append(request.url) if "//127.0.0.1:" not in request.url else None)
    yield made
    made.close()
    assert outside == []


def arrive(context: BrowserContext, demo: Demo, scene: int) -> Page:
    """The one click of the tour, then the one that opens."""
    demo.reset(scene)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(demo.tour)
    page.locator(f'form[action$="/scene/{scene}"] button').first.click()
    page.get_by_role("button", name="Open the record").click(no_wait_after=True)
    page.wait_for_selector("#record")
    return page


def test_the_silent_gp_is_asked_again_and_the_allergy_title_turns(visitor: BrowserContext, demo: Demo):
    page = arrive(visitor, demo, 1)
    expect(page.locator("#allergy")).to_contain_text("Allergies unavailable")
    expect(page.locator("#medicines")).to_contain_text(re.compile("apixaban", re.IGNORECASE))
    page.wait_for_load_state()
    page.locator("#allergy").get_by_role("button", name=re.compile("Retry")).click()
    expect(page.locator("#allergy")).to_contain_text("Known allergies")
    expect(page.locator("#announce")).to_contain_text("Known allergies")


def test_first_content_is_there_within_two_seconds_while_a_source_is_slow(visitor: BrowserContext, demo: Demo):
    demo.reset(9)
    page = visitor.new_page()
    page.goto(demo.tour)
    page.locator('form[action$="/scene/9"] button').first.click()
    button = page.get_by_role("button", name="Open the record")
    expect(button).to_be_visible()
    button.click(no_wait_after=True)
    page.wait_for_selector("#record", timeout=30_000)
    expect(page.locator("#status")).to_contain_text(re.compile("still loading", re.IGNORECASE))
    expect(page.locator("#announce")).to_contain_text("North Fells Ambulance", timeout=30_000)
    expect(page.locator("#status")).to_contain_text(re.compile("Joined late|joined after the first second"))
    body = page.inner_text("body")
    assert "14 of 15" in body
    assert "Calvin" not in body


def test_live_records_break_no_rule_of_access(visitor: BrowserContext, demo: Demo):
    for scene, widths in ((4, WIDTHS[::2]), (9, WIDTHS[1::2])):
        page = arrive(visitor, demo, scene)
        page.wait_for_load_state()
        for width in widths:
            at_width(page, width)
            assert violations(page) == [], (scene, width)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (scene, width)
        page.close()


def sign_in(context: BrowserContext, demo: Demo, provider: str, person: str) -> Page:
    """Choose the organisation, then oneself on that organisation's own page."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(demo.front)
    page.get_by_role("button", name=re.compile(provider)).or_(page.get_by_role("link", name=re.compile(provider))).first.click()
    page.get_by_role("button", name=re.compile(person)).or_(page.get_by_role("link", name=re.compile(person))).first.click()
    return page


def test_a_receptionist_finds_a_person_and_sees_nothing_clinical(visitor: BrowserContext, demo: Demo):
    demo.reset()
    page = sign_in(visitor, demo, "Aldermoor University Hospitals", "Leah Marsden")
    page.get_by_label(re.compile("Name, NHS number")).fill("doyle leanne")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("(Choose|Check first) DOYLE, Leanne")).click()
    page.get_by_label(re.compile("few words")).fill("Booking her in")
    page.get_by_role("button", name="Open the record").click(no_wait_after=True)
    page.wait_for_selector("#record")
    page.wait_for_load_state()
    body = page.inner_text("body").lower()
    for word in ("clozapine", "schizophrenia", "neutrophil", "38.9", "crisis"):
        assert word not in body
    assert "doyle" in body


def test_a_social_worker_sees_contacts_and_no_medicines(visitor: BrowserContext, demo: Demo):
    demo.reset()
    page = sign_in(visitor, demo, "Aldermoor Council", "Grace Ellershaw")
    page.get_by_label(re.compile("Name, NHS number")).fill("marlow edith")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("(Choose|Check first) MARLOW, Edith")).click()
    page.get_by_label("Safeguarding").check()
    page.get_by_label(re.compile("few words")).fill("Third fall this year")
    page.get_by_role("button", name="Open the record").click(no_wait_after=True)
    page.wait_for_selector("#record")
    page.wait_for_load_state()
    body = page.inner_text("body")
    assert "Falls clinic" in body
    # Flags of safeguarding and safety are for social workers; a clinical alert, which may name a medicine, is not.
    for word in ("bisoprolol", "apixaban", "28 tablets", "0 current"):
        assert word not in body.lower()
    assert "01632" in body


def test_after_sign_out_the_browser_holds_nothing_and_back_shows_nothing(visitor: BrowserContext, demo: Demo):
    page = arrive(visitor, demo, 4)
    page.wait_for_load_state()
    page.get_by_role("button", name="Sign out").or_(page.get_by_role("link", name="Sign out")).first.click()
    page.wait_for_load_state()
    kept = {cookie["name"] for cookie in visitor.cookies(demo.front) if cookie["name"].startswith("carerecord")}
    assert "carerecord_session" not in kept
    page.goto(demo.front)
    stored = page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, (await caches.keys()).length,"
        " (await indexedDB.databases()).length]"
    )
    assert stored == [0, 0, 0, 0]
    for _ in range(4):
        _back(page)
        assert "SINGH" not in page.inner_text("body")


def _back(page: Page) -> None:
    with suppress(Error):  # the answer to a form is not kept: the browser then shows a page of its own (ERR_CACHE_MISS)
        page.go_back()
    page.wait_for_load_state()


def test_no_file_of_the_browsers_profile_holds_what_was_shown(chromium: Browser, demo: Demo, tmp_path: Path):
    """A profile on disk, as a ward's computer has, looked through after the browser has closed."""
    profile = tmp_path / "profile"
    context = chromium.browser_type.launch_persistent_context(
        str(profile), executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    page = arrive(context, demo, 4)
    page.wait_for_load_state()
    page.get_by_role("button", name="Sign out").or_(page.get_by_role("link", name="Sign out")).first.click()
    page.wait_for_load_state()
    context.close()
    shown = (b"furosemide", b"Furosemide", b"creatinine", b"Creatinine", b"SINGH", b"Singh")
    for file in profile.rglob("*"):
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            wide = [word.decode().encode("utf-16-le") for word in shown]
            assert not [word for word in (*shown, *wide) if word in data], file.relative_to(profile)


def test_a_data_quality_officer_sets_two_people_side_by_side_and_sees_nothing_clinical(visitor: BrowserContext, demo: Demo):
    demo.reset()
    page = sign_in(visitor, demo, "Primary care in Fells and Harbour", "Piotr Lisowski")
    page.get_by_label("First person").fill("singh harold")
    page.get_by_label("Second person").fill("marlow edith")
    page.keyboard.press("Enter")
    for side in ("left", "right"):
        page.locator(f"#{side}-1").check()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="One person or two?")).to_be_visible()
    body = page.inner_text("body")
    assert "SINGH, Harold" in body
    assert "MARLOW, Edith" in body
    assert "Elm Bank Surgery" in body, "each source's own words"
    for word in ("apixaban", "ramipril", "potassium", "Sexual Health", "allerg"):
        assert word.lower() not in body.lower()
    assert "SINGH" not in page.url


def test_a_paramedic_reads_the_respect_form_on_a_phone_without_a_click_on_the_record(visitor: BrowserContext, demo: Demo):
    demo.reset(3)
    page = sign_in(visitor, demo, "North Fells Ambulance", "Rhona Blake")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_label(re.compile("Name, NHS number")).fill("achebe gwendolyn")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("(Choose|Check first) ACHEBE, Gwendolyn")).click()
    page.get_by_label("Emergency").check()
    page.get_by_label(re.compile("few words")).fill("Called to the care home, breathless")
    page.get_by_role("button", name="Open the record").click(no_wait_after=True)
    page.wait_for_selector("#record")
    respect = page.locator("#decisions").get_by_text("ReSPECT").first
    expect(respect).to_be_in_viewport()
    page.wait_for_load_state()
    headings = page.locator(".cr-glance h2").all_inner_texts()
    assert headings[:2] == ["Plans and decisions", "Needs attention"]
