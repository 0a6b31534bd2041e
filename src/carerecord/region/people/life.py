"""What has befallen one person, and which systems wrote it down?

The practice knows everybody. Every other system knows those to whom something happened there: a clinic of a story, an
attendance, a blood test, a dispensed medicine. Nothing is written before birth, after death or after today.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from carerecord.region.people.codes import PROBLEMS
from carerecord.region.people.happenings import ordinary
from carerecord.region.people.lived import Life
from carerecord.region.people.practice import practice_basics
from carerecord.region.people.stories import STORIES, Story
from carerecord.region.people.telling import tell_story
from carerecord.region.shapes import Holding, RegionPerson


def live(
    person: RegionPerson, number: int, rng: random.Random, now: datetime, household: Iterable[RegionPerson], seed: int
) -> tuple[RegionPerson, tuple[Holding, ...]]:
    """The person, with the names of the stories that befell them, and what each system holds."""
    life = Life(person, number, rng, now, seed)
    if person.test:
        life.practice.problem(PROBLEMS["asthma"], life.ago(900), note="Test patient: not a person.")
        return _told(life, ())
    stories = [story for story in STORIES if _befalls(story, life)]
    practice_basics(life, household)
    for story in stories:
        tell_story(story, life)
    ordinary(life)
    return _told(life, stories)


def _told(life: Life, stories: Iterable[Story]) -> tuple[RegionPerson, tuple[Holding, ...]]:
    names = "+".join(story.key for story in stories) or "healthy"
    return replace(life.person, story=names), tuple(chart.holding() for chart in life.charts.values())


def _befalls(story: Story, life: Life) -> bool:
    low, high = story.ages
    right = low <= life.age <= high and story.sex in (None, life.person.sex)
    return right and life.rng.random() < story.share
