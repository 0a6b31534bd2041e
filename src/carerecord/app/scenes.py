"""Does each scene of the tour show what it must? Walked as a visitor would, one click after another."""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import aiohttp

from carerecord.app.walk import Form, Page, Walker, a_session
from carerecord.region.scenes.all import tell_scenes
from carerecord.region.shapes import Scene, View

Say = Callable[[str], None]
WITHIN_S = 5.0  # what a trust sends is in the record by then


async def walk_scenes(tour: str, control: str, numbers: Sequence[int], say: Say) -> int:
    """Walk every complete scene, or those of these numbers; 0 when each shows what it must, else 1."""
    failed = 0
    scenes = [scene for scene in tell_scenes(datetime.now(UTC)).scenes if scene.complete]
    if unknown := set(numbers) - {scene.number for scene in scenes}:
        on_tour = ", ".join(str(each.number) for each in scenes)
        raise LookupError(f"There is no scene {min(unknown)} on the tour, only {on_tour}.")
    scenes = [scene for scene in scenes if not numbers or scene.number in numbers]
    for scene in scenes:
        began = time.monotonic()
        try:
            faults = await walk_scene(scene, tour, control)
        except LookupError as error:
            faults = [str(error)]
        except (aiohttp.ClientError, TimeoutError) as error:
            faults = [f"a page did not come ({type(error).__name__})"]
        took_s = time.monotonic() - began
        say(f"  {'ok  ' if not faults else 'FAIL'} scene {scene.number}: {scene.title} ({took_s:.1f} s)")
        for fault in faults:
            say(f"       {fault}")
        failed += bool(faults)
    say(f"{len(scenes) - failed} of {len(scenes)} scenes show what they must")
    return min(failed, 1)


async def walk_scene(scene: Scene, tour: str, control: str) -> list[str]:
    """What is wrong with one scene and its further views, in words; nothing when all is well."""
    async with a_session() as session:
        async with session.post(f"{control}/control", json={"reset": True, "scene": scene.number}) as reply:
            if reply.status != 200:
                return [f"the region's control answered {reply.status}"]
        walker = Walker(session)
        record, faults = await _shown(walker, tour, scene, f"/scene/{scene.number}")
        faults += [f"the first paint does not say {words!r}" for words in record.first_lacks(scene.at_first_paint)]
        if scene.after_retry:
            again = await walker.send(record, record.form("/again", source=scene.faults[0].system))
            faults += [f"after asking again, the page does not say {words!r}" for words in again.lacks(scene.after_retry)]
        for place, view in enumerate(scene.views, 1):
            walker.forget()
            _, more = await _shown(walker, tour, view, f"/scene/{scene.number}/{place}")
            faults += [f"{view.says}: {fault}" for fault in more]
        return faults


async def _shown(walker: Walker, tour: str, scene: Scene | View, click: str) -> tuple[Page, list[str]]:
    """The page that a click leads to, and what is wrong with it. What was sent a moment ago has five seconds to be on it."""
    opens = isinstance(scene, Scene) or not scene.page
    page = await _arrive(walker, tour, click, opens=opens)
    for words in scene.press if isinstance(scene, View) else ():
        page = await walker.press(page, words)
    faults, until = _faults(scene, page), time.monotonic() + WITHIN_S
    while faults and scene.sends and time.monotonic() < until:
        await asyncio.sleep(0.5)
        page = await walker.get(page.address)
        faults = _faults(scene, page)
    return page, faults


async def _arrive(walker: Walker, tour: str, click: str, *, opens: bool = True) -> Page:
    """From the tour's page to the record: the scene's own click, then the one that opens. Or to a page that is no record."""
    page = await walker.get(tour)
    form = next((form for form in page.forms if form.action == click), Form(click, "post"))
    page = await walker.send(page, form)
    if not opens:
        return page
    if not any("/open" in form.action for form in page.forms):
        raise LookupError(f"the scene's click led to a page that says: {page.words[:300]}")
    return await walker.send(page, page.form("/open"))


def _faults(scene: Scene | View, record: Page) -> list[str]:
    faults = [f"the page does not say {words!r}" for words in record.lacks(scene.must_show)]
    faults += [f"the page says {words!r}" for words in record.holds(scene.must_not_show)]
    if record.status != 200:
        faults.append(f"the record answered {record.status}")
    return faults
