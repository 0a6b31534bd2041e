"""Who plays in a scene, and when? Small means to tell one: people of an exact age, charts, times relative to now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from carerecord.region.organisations import ORGANISATION_BY_ODS, SYSTEM_BY_KEY
from carerecord.region.people.chart import LONDON, By, Chart
from carerecord.region.people.codes import DRUGS
from carerecord.region.people.nhs_number import fixed
from carerecord.region.people.patient import open_chart
from carerecord.region.people.staff import staff_of
from carerecord.region.shapes import Address, Holding, RegionPerson

OSEI = By("Dr A Osei", "GP")
HOWE = By("Dr M Howe", "GP")
NAIR = By("Dr P Nair", "emergency medicine")
PRACTICE = {"A99917": OSEI, "A99924": HOWE, "A99931": By("Dr N Kapoor", "GP")}


@dataclass(frozen=True)
class Told:
    """Who takes part and what the systems hold about them."""

    people: tuple[RegionPerson, ...]
    holdings: tuple[Holding, ...]


@dataclass
class Cast:
    """`first` is the running number of the scene's first person; ten are kept for each scene."""

    now: datetime
    first: int
    people: list[RegionPerson] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)

    # --- time

    @property
    def today(self) -> date:
        return self.now.date()

    def days(self, ago: float) -> date:
        return self.today - timedelta(days=int(ago))

    def minutes(self, ago: int) -> datetime:
        return self.now - timedelta(minutes=ago)

    def at(self, ago: int, hour: int, minute: int = 0) -> datetime:
        return datetime.combine(self.days(ago), time(hour, minute), LONDON)

    def years(self, ago: int, month: int, day: int) -> date:
        """That day of the year that was `ago` years before this one."""
        return date(self.today.year - ago, month, day)

    def born(self, age: int, month: int, day: int) -> date:
        """A birthday such that the person is `age` today."""
        had = (month, day) <= (self.today.month, self.today.day)
        return date(self.today.year - age - (0 if had else 1), month, day)

    # --- people and charts

    def person(
        self, key: str, digits: str, title: str, given: str, family: str, sex: Literal["male", "female"], born: date,
        address: tuple[str, str, str], practice: str, **more: Any,
    ) -> RegionPerson:  # fmt: skip
        street, town, postcode = address
        made = RegionPerson(
            key=key, nhs_number=fixed(digits), family=family, given=tuple(given.split()), title=title, sex=sex, born=born,
            address=Address((street, town), postcode), phone=f"07700 900{int(digits) % 1000:03d}", practice=practice,
            ethnicity=more.pop("ethnicity", "White: English, Welsh, Scottish, Northern Irish or British"),
            household=more.pop("household", key), story="scene", **more,
        )  # fmt: skip
        self.people.append(made)
        return made

    def chart(self, person: RegionPerson, system: str, by: By | None = None, *habits: str) -> Chart:
        place = SYSTEM_BY_KEY[system]
        staff = by or (PRACTICE[place.ods] if place.kind == "gp" else staff_of(system))
        number = self.first + self.people.index(person)
        made = open_chart(place, person, number, staff, self.now, frozenset(habits))
        self.charts.append(made)
        return made

    def told(self) -> Told:
        return Told(tuple(self.people), tuple(chart.holding() for chart in self.charts))


def practice_team(chart: Chart, since: date) -> None:
    surgery = ORGANISATION_BY_ODS[chart.system.ods]
    members = (By(chart.by.name, "usual GP", surgery.bypass_phone), By("Practice nurse", "nurse", surgery.phone))
    chart.team("Practice team", members, since)


def winters(chart: Chart, cast: Cast, count: int) -> None:
    """Influenza each autumn that has been."""
    for back in range(count):
        day = cast.years(back, 10, 8)
        chart.immunise("Influenza vaccine", day if day < cast.today else cast.years(back + 1, 10, 9), target="influenza")


def monthly(chart: Chart, drug: str, text: str, days: Sequence[int], cast: Cast, **more: Any) -> None:
    """The same medicine dispensed again and again."""
    for ago in days:
        chart.dispense(DRUGS[drug], text, cast.at(ago, 10, 26), **more)
