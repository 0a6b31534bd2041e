"""What does carerecord look like now? Starts a demo of its own, walks it in Chromium, and writes docs/pictures/*.png.

Numbers of scenes as arguments: the pictures of those alone.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
LARGEST_BYTES = 300_000
SCENES = {**dict.fromkeys((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15), ""), 11: "/1"}  # the further view in which most is to be seen
FILED_WITHIN_MS = 6_000  # what the tour's click has a hospital send
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


@dataclass(frozen=True)
class Demo:
    front: str
    tour: str
    control: str

    def reset(self, scene: int) -> None:
        told = json.dumps({"reset": True, "scene": scene}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.control}/control", told), timeout=10):  # noqa: S310 - our own
            return


@contextmanager
def a_demo(folder: Path) -> Iterator[Demo]:
    """A demo of the usual seed, so that the people of the pictures stay the same."""
    command = [sys.executable, "-m", "carerecord", "demo", "--port", "0", "--people", "60"]
    environment = os.environ | {"CARERECORD_DATA_DIR": str(folder)}
    program = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
    assert program.stdout is not None
    try:
        if not any(line.startswith("carerecord is ready at") for line in program.stdout):
            raise SystemExit("the demo did not start; see above")
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        yield Demo(run["front"], run["tour"], run["control"])
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(60)


def arrive(page: Page, demo: Demo, scene: int) -> None:
    """By the tour's click to the record, and until the last source has joined it."""
    demo.reset(scene)
    page.goto(demo.tour)
    page.locator(f'form[action$="/scene/{scene}{SCENES[scene]}"] button').first.click()
    if scene in (10, 11):
        page.wait_for_timeout(FILED_WITHIN_MS)
    page.get_by_role("button", name="Open the record").click(no_wait_after=True)
    page.wait_for_selector("#record")
    page.wait_for_load_state()


def scene_pictures(page: Page, demo: Demo, scenes: Iterable[int]) -> None:
    """One picture of each scene of the tour as its visitor meets it."""
    for scene in scenes:
        page.context.clear_cookies()
        arrive(page, demo, scene)
        page.evaluate("window.scrollTo(0, 0)")
        picture(page, f"scene-{scene}")


def review_picture(page: Page, demo: Demo) -> None:
    """The review of the twins."""
    page.context.clear_cookies()
    page.goto(demo.tour)
    page.get_by_role("button", name="Open the review, side by side").click()
    page.wait_for_selector("h1")
    picture(page, "scene-8-review")


def picture(page: Page, name: str, clip: FloatRect | None = None) -> None:
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file, animations="disabled", caret="hide", clip=clip)
    smaller(file)
    sys.stderr.write(f"{file.relative_to(PICTURES.parents[1])}: {file.stat().st_size:,} bytes\n")


def smaller(file: Path) -> None:
    """To a palette, where a tool for that is installed; a picture too large all the same is said and left out."""
    draft = file.with_suffix(".8.png")
    if tool := shutil.which("pngquant"):
        subprocess.run([tool, "--force", "--output", str(draft), "128", str(file)], check=False)  # noqa: S603
    elif tool := shutil.which("convert"):
        subprocess.run([tool, str(file), "-strip", "+dither", "-colors", "128", f"png8:{draft}"], check=False)  # noqa: S603
    if draft.exists() and draft.stat().st_size < file.stat().st_size:
        draft.replace(file)
    draft.unlink(missing_ok=True)
    if file.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{file.name} has {file.stat().st_size:,} bytes, more than {LARGEST_BYTES:,}")


def take(browser: Browser, demo: Demo, scenes: Sequence[int]) -> None:
    def page_of(size: dict[str, int]) -> Page:
        made = browser.new_context(viewport=size, locale="en-GB", timezone_id="Europe/London", reduced_motion="reduce")  # type: ignore[arg-type]
        page = made.new_page()
        page.set_default_timeout(60_000)
        return page

    if scenes:
        scene_pictures(page_of(WIDE), demo, scenes)
        return

    page = page_of(WIDE)
    page.goto(demo.tour)
    picture(page, "tour")
    arrive(page, demo, 1)
    page.evaluate("window.scrollTo(0, 0)")
    picture(page, "record")
    page.goto(f"{demo.front}/search")
    page.locator('input[name="text"]').fill("edith marlow")
    page.get_by_role("button", name="Search").click()
    page.wait_for_load_state()
    picture(page, "search")

    page = page_of(WIDE)
    arrive(page, demo, 4)
    page.set_viewport_size({"width": WIDE["width"], "height": 9000})  # so tall that the banner sticks to nothing
    page.evaluate("window.scrollTo(0, 0)")
    found = page.locator("#medicines").bounding_box()
    assert found is not None
    picture(page, "medicines", {**found, "height": min(found["height"], WIDE["height"])})

    page = page_of(WIDE)
    scene_pictures(page, demo, SCENES)
    review_picture(page, demo)

    page = page_of(PHONE)
    arrive(page, demo, 1)
    page.evaluate("window.scrollTo(0, 0)")
    picture(page, "phone")


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with (
        tempfile.TemporaryDirectory(prefix="carerecord-pictures-") as folder,
        a_demo(Path(folder) / "data") as demo,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        take(browser, demo, [int(each) for each in sys.argv[1:]])
        browser.close()


if __name__ == "__main__":
    main()
