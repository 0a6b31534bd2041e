"""Does each scene of the tour show what it must? Walked as a visitor would, one click after another."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from carerecord.app.walk import Page, Walker, a_session
from carerecord.region.scenes.all import tell_scenes
from carerecord.region.shapes import Scene

Say = Callable[[str], None]


async def walk_scenes(front: str, tour: str, control: str, say: Say) -> int:
    """Walk every complete scene; the number of those that failed."""
    failed = 0
    scenes = [scene for scene in tell_scenes(datetime.now(UTC)).scenes if scene.complete]
    for scene in scenes:
        began = time.monotonic()
        try:
            faults = await walk_scene(scene, front, tour, control)
        except LookupError as error:
            faults = [str(error)]
        took_s = time.monotonic() - began
        say(f"  {'ok  ' if not faults else 'FAIL'} scene {scene.number}: {scene.title} ({took_s:.1f} s)")
        for fault in faults:
            say(f"       {fault}")
        failed += bool(faults)
    say(f"{len(scenes) - failed} of {len(scenes)} scenes show what they must")
    return min(failed, 1)


async def walk_scene(scene: Scene, front: str, tour: str, control: str) -> list[str]:
    """What is wrong with one scene, in words; nothing when all is well."""
    async with a_session() as session:
        async with session.post(f"{control}/control", json={"reset": True, "scene": scene.number}) as reply:
            if reply.status != 200:
                return [f"the region's control answered {reply.status}"]
        walker = Walker(session)
        record = await _arrive(walker, scene, tour)
        faults = _faults(scene, record)
        if scene.after_retry:
            again = await walker.send(record, record.form("/again", source=scene.faults[0].system))
            faults += [f"after asking again, the page does not say {words!r}" for words in again.lacks(scene.after_retry)]
        return faults


async def _arrive(walker: Walker, scene: Scene, tour: str) -> Page:
    """From the tour's page to the record: the scene's own click, then the one that opens."""
    page = await walker.get(tour)
    page = await walker.send(page, page.form(f"/scene/{scene.number}"))
    if not any("/open" in form.action for form in page.forms):
        raise LookupError(f"the scene's click led to a page that says: {page.words[:300]}")
    return await walker.send(page, page.form("/open"))


def _faults(scene: Scene, record: Page) -> list[str]:
    faults = [f"the page does not say {words!r}" for words in record.lacks(scene.must_show)]
    faults += [f"the page says {words!r}" for words in record.holds(scene.must_not_show)]
    faults += [f"the first paint does not say {words!r}" for words in record.first_lacks(scene.at_first_paint)]
    if record.status != 200:
        faults.append(f"the record answered {record.status}")
    return faults
