"""Who lives in the region, and with whom?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from carerecord.region.organisations import ELM_BANK, GREENHEAD, KIRKGATE, QUAYSIDE, SALTMARSH
from carerecord.region.people.names import COMMUNITIES, ETHNICITY, names
from carerecord.region.people.nhs_number import fresh
from carerecord.region.shapes import Address, RegionPerson

_PLACES = (  # town, postcode district, the practice where most of its people are registered
    ("Aldermoor", "ZZ1", ELM_BANK), ("Aldermoor", "ZZ2", GREENHEAD), ("Fenwick", "ZZ4", QUAYSIDE),
    ("Fenwick", "ZZ5", SALTMARSH), ("North Fells", "ZZ7", KIRKGATE),
)  # fmt: skip
_STREETS = (
    "Station Road", "Church Lane", "Mill Street", "Beck Side", "Albert Terrace", "Victoria Road", "Harbour Street",
    "Orchard Close", "Moor View", "Weavers Row", "Chapel Hill", "Park Avenue", "Quarry Bank", "Ropewalk",
    "Northgate", "Sycamore Drive", "Greenfield Way", "Lower Fold", "St Oswin's Crescent", "Tannery Yard",
)  # fmt: skip
_HOMES = ("Rowan Court Care Home", "The Limes Residential Home", "Harbour View Nursing Home")
_SHAPES = ("couple", "family", "single", "elders", "lone-parent", "students", "care-home", "three-generations")
_SHARE = (27, 23, 20, 15, 6, 3, 3, 3)
Sex = Literal["male", "female"]
_SEXES: tuple[Sex, ...] = ("male", "female")
_MADE_AT_ONCE = 12  # the odd ones, once in each region


@dataclass
class _Town:
    """What is drawn from while the region fills up."""

    rng: random.Random
    today: date
    taken: set[str]
    count: int = 0

    def born(self, low: int, high: int) -> date:
        """A birth date of somebody aged `low` to `high` (completed years)."""
        days = self.rng.randrange(low * 365 + low // 4 + 1, (high + 1) * 365 + high // 4)
        return self.today - timedelta(days=days)

    def home(self, line: str | None = None) -> tuple[Address, str]:
        town, district, practice = self.rng.choices(_PLACES, (30, 16, 24, 12, 18))[0]
        if self.rng.random() < 0.08:
            practice = self.rng.choice((ELM_BANK, QUAYSIDE, KIRKGATE))
        street = line or f"{self.rng.randrange(1, 180)} {self.rng.choice(_STREETS)}"
        postcode = f"{district} {self.rng.randrange(1, 10)}{''.join(self.rng.choices('ABDEFGHJLNPQRSTUWXYZ', k=2))}"
        return Address((street, town), postcode), practice

    def person(
        self, community: str, sex: Literal["male", "female"], born: date, family: str, home: tuple[Address, str],
        household: str, given: str = "",
    ) -> RegionPerson:  # fmt: skip
        rng = self.rng
        self.count += 1
        first = given or names().given_name(rng, community, sex, born.year)
        more = (names().given_name(rng, community, sex, born.year),) if rng.random() < 0.55 else ()
        age = (self.today - born).days // 365
        title = ("Mr" if sex == "male" else rng.choice(("Mrs", "Mrs", "Miss", "Ms"))) if age >= 18 else (
            "Master" if sex == "male" else "Miss")  # fmt: skip
        died = None
        if age > 66 and rng.random() < 0.09:
            died = self.today - timedelta(days=rng.randrange(20, 900))
        preferred = {"Margaret": "Maggie", "William": "Bill", "Robert": "Bob", "Elizabeth": "Liz", "Thomas": "Tom",
                     "Katarzyna": "Kasia", "James": "Jim", "Patricia": "Pat"}.get(first)  # fmt: skip
        return RegionPerson(
            key=f"p{self.count:05d}",
            nhs_number=fresh(rng, self.taken),
            family=family,
            given=(first, *(name for name in more if name != first)),
            title=title,
            sex=sex,
            born=born,
            address=home[0],
            phone=f"07700 900{rng.randrange(1000):03d}",
            practice=home[1],
            ethnicity=ETHNICITY[community],
            died=died,
            preferred=preferred if rng.random() < 0.6 else None,
            maiden=names().family(rng, community) if title == "Mrs" and rng.random() < 0.8 else None,
            household=household,
        )


def make_people(rng: random.Random, count: int, today: date, taken: set[str]) -> tuple[RegionPerson, ...]:
    """`count` people in households as they stand `today`, the odd ones first where there is room for them."""
    town = _Town(rng, today, taken)
    made: list[RegionPerson] = []
    if count > 3 * _MADE_AT_ONCE:
        made.extend(_odd_ones(town))
    number = 0
    while len(made) < count:
        number += 1
        made.extend(_household(town, f"h{number:05d}"))
    return tuple(made[:count])


def _household(town: _Town, key: str) -> Iterator[RegionPerson]:
    rng = town.rng
    community = rng.choices(tuple(COMMUNITIES), tuple(COMMUNITIES.values()))[0]
    family = names().family(rng, community)
    shape = rng.choices(_SHAPES, _SHARE)[0]
    home = town.home(rng.choice(_HOMES) if shape == "care-home" else None)

    def one(low: int, high: int, sex: Sex | None = None, name: str = family) -> RegionPerson:
        chosen = sex if sex is not None else rng.choice(_SEXES)
        return town.person(community, chosen, town.born(low, high), name, home, key)

    if shape == "single":
        yield one(22, 89)
    elif shape in ("couple", "elders"):
        low, high = (67, 92) if shape == "elders" else (24, 66)
        first = one(low, high, "female")
        yield first
        age = (town.today - first.born).days // 365
        yield one(max(19, age - 4), age + 4, "male")
    elif shape == "students":
        for _ in range(3):
            yield one(18, 23, name=names().family(rng, community))
    elif shape == "care-home":
        for _ in range(2):
            yield one(79, 98, name=names().family(rng, "british"))
    else:
        mother = one(26, 53, "female")
        yield mother
        age = (town.today - mother.born).days // 365
        if shape != "lone-parent":
            yield one(age, age + 5, "male")
        if shape == "three-generations":
            yield one(age + 24, age + 34, "female")
        yield from _children(town, community, family, home, key, age)


def _children(
    town: _Town, community: str, family: str, home: tuple[Address, str], key: str, age: int
) -> Iterator[RegionPerson]:
    rng = town.rng
    low, high = max(0, age - 38), min(age - 21, 17)
    for _ in range(rng.choice((1, 2, 2, 3))):
        if high < low:
            return
        child = town.person(community, rng.choice(_SEXES), town.born(low, high), family, home, key)
        low, high = max(0, low - 4), (town.today - child.born).days // 365 - 2
        if rng.random() < 0.03:
            twin = town.person(community, child.sex, child.born, family, home, key)
            while twin.given[0] == child.given[0]:
                twin = replace(twin, given=(names().given_name(rng, community, twin.sex, twin.born.year),))
            yield replace(child, twin=1)
            yield replace(twin, twin=2)
        else:
            yield child


def _odd_ones(town: _Town) -> Iterator[RegionPerson]:
    """People whose names, numbers or dates try a system, one of each."""

    def home(practice: str) -> tuple[Address, str]:
        return town.home()[0], practice

    def one(given: str, family: str, sex: Literal["male", "female"], low: int, high: int, practice: str,
            community: str = "british", **more: object) -> RegionPerson:  # fmt: skip
        made = town.person(community, sex, town.born(low, high), family, home(practice), "", given)
        return replace(made, household=made.key, died=None, **more)  # type: ignore[arg-type]

    born = town.born(44, 46)
    for practice in (ELM_BANK, KIRKGATE):  # two strangers with one name and one birth date
        yield replace(one("John", "Williams", "male", 40, 50, practice), born=born, given=("John",), preferred=None)
    twin_home = home(QUAYSIDE)
    twins_born = town.born(9, 9)
    for order, given in enumerate(("Isaac", "Jacob"), 1):
        twin = town.person("british", "male", twins_born, "Hartley", twin_home, "twins", given)
        yield replace(twin, twin=order)
    yield one("Siobhán", "O'Brien", "female", 30, 40, ELM_BANK, "irish")
    yield one("Zoë", "Fletcher-Nwosu", "female", 25, 35, QUAYSIDE)
    yield one("Łukasz", "Wisniewski", "male", 30, 45, ELM_BANK, "european")
    yield one("Wilhelmina Alexandra", "Featherstonehaugh-Cholmondeley", "female", 70, 80, KIRKGATE,
              preferred="Billie")  # fmt: skip
    yield one("Renée", "Dubois", "female", 50, 60, QUAYSIDE, "european")
    yield one("XXTESTPATIENT", "DONOTUSE", "female", 30, 40, ELM_BANK, test=True, preferred=None, title="Ms")
    yield one("Helen", "Marwood", "female", 34, 36, QUAYSIDE, restricted=True)
    late = one("Arthur", "Whitaker", "male", 84, 86, ELM_BANK)
    yield replace(late, died=town.today - timedelta(days=46))
