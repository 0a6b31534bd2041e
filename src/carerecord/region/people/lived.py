"""One person while the charts are being written: what is drawn from, and the chart at each system."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from carerecord.region.organisations import GP_SYSTEM_BY_ODS, QUAYSIDE, SALTMARSH, SYSTEM_BY_KEY
from carerecord.region.people.chart import LONDON, By, Chart
from carerecord.region.people.patient import habits_of, open_chart
from carerecord.region.people.staff import DOCTORS, staff_of
from carerecord.region.shapes import RegionPerson


@dataclass
class Life:
    """One person while the charts are being written."""

    person: RegionPerson
    number: int
    rng: random.Random
    now: datetime
    seed: int
    charts: dict[str, Chart] = field(default_factory=dict)

    @property
    def last(self) -> date:
        """The last day on which something can have happened."""
        return self.person.died or self.now.date()

    @property
    def age(self) -> int:
        return (self.last - self.person.born).days // 365

    def at(self, key: str) -> Chart:
        """The chart at one system, opened when first needed."""
        if key not in self.charts:
            system = SYSTEM_BY_KEY[key]
            by = By(DOCTORS[system.ods][self.number % 2], "GP") if system.kind == "gp" else staff_of(key)
            habits = habits_of(system, self.person, random.Random(f"habits {self.seed} {self.number} {key}"))
            self.charts[key] = open_chart(system, self.person, self.number, by, self.now, habits)
        return self.charts[key]

    @property
    def practice(self) -> Chart:
        return self.at(GP_SYSTEM_BY_ODS[self.person.practice])

    @property
    def trust(self) -> str:
        return "fenwick" if self.person.practice in (QUAYSIDE, SALTMARSH) else "aldermoor"

    @property
    def pharmacy(self) -> str:
        return "quay-pharmacy" if self.trust == "fenwick" else "hartley-pharmacy"

    def ago(self, days: float) -> date:
        """That many days before the last day, not before birth."""
        return max(self.person.born, self.last - timedelta(days=int(days)))

    def hour(self, day: date) -> datetime:
        moment = datetime.combine(day, time(8 + self.rng.randrange(10), self.rng.choice((0, 5, 10, 20, 35, 50))), LONDON)
        return min(moment, self.now - timedelta(hours=1))
