"""Make the whole region: people, what every system holds about them, the register, the scenes, the faults."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, datetime

from carerecord.region.organisations import ORGANISATIONS, PROVIDERS, SYSTEMS, USERS
from carerecord.region.people.chart import LONDON
from carerecord.region.people.households import make_people
from carerecord.region.people.life import live
from carerecord.region.people.patient import register_entry
from carerecord.region.scenes.all import tell_scenes
from carerecord.region.shapes import Fault, Holding, Region, RegionPerson

_FIRST_NUMBER = 1000  # running numbers below belong to the scenes' people
# The day on which the households were settled. Births, titles and deaths are reckoned from it and not from today, so that
# a region made again tomorrow has the same people, a day older.
_SETTLED = date(2026, 11, 1)


def make_region(seed: int, people: int = 300, *, now: datetime) -> Region:
    """The region of `seed` as it stands at `now` (with a zone); `people` counts the scenes' people too.

    The same arguments give the same region, byte for byte. The scenes' people are always there, so a region is never
    smaller than they are.
    """
    now = now.astimezone(LONDON).replace(second=0, microsecond=0)
    told = tell_scenes(now)
    taken = {person.nhs_number for person in told.people}
    rng = random.Random(f"people {seed}")
    others = make_people(rng, max(0, people - len(told.people)), min(_SETTLED, now.date()), taken)
    households: dict[str, list[RegionPerson]] = defaultdict(list)
    for person in others:
        households[person.household].append(person)

    everyone: list[RegionPerson] = list(told.people)
    holdings: dict[str, list[Holding]] = {system.key: [] for system in SYSTEMS}
    for holding in told.holdings:
        holdings[holding.system].append(holding)
    for number, person in enumerate(others, _FIRST_NUMBER):
        own = random.Random(f"life {seed} {number}")
        lived, held = live(person, number, own, now, households[person.household], seed)
        everyone.append(lived)
        for holding in held:
            holdings[holding.system].append(holding)

    scenes_people = {person.key for person in told.people}
    return Region(
        seed=seed,
        now=now,
        organisations=ORGANISATIONS,
        providers=PROVIDERS,
        systems=SYSTEMS,
        users=USERS,
        people=tuple(everyone),
        holdings={key: tuple(each) for key, each in holdings.items()},
        register={person.nhs_number: register_entry(person) for person in everyone},
        scenes=told.scenes,
        faults=(
            *(fault for scene in told.scenes for fault in scene.faults),
            *_own_troubles({key: tuple(each) for key, each in holdings.items()}, scenes_people),
        ),
    )


def _own_troubles(holdings: dict[str, tuple[Holding, ...]], spared: set[str]) -> list[Fault]:
    """One system that is down and one that fails now and then; the scenes' people are spared."""
    down = [Fault("fenwick-radiology", "unavailable", each.patient_id)
            for each in holdings["fenwick-radiology"] if each.person not in spared]  # fmt: skip
    flaky = [Fault("fenwick-pathology", "flaky", each.patient_id, share=0.25)
             for each in holdings["fenwick-pathology"] if each.person not in spared]  # fmt: skip
    return down + flaky
