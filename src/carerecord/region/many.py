"""How does the region grow to hundreds of systems? Small clinics of invented places, each of which knows a handful of people.

They share one process and share no section that is always asked for, as most systems of a real region do: a visiting clinic
has letters and contacts, not a list of medicines. One person is known to very many of them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from string import ascii_uppercase, digits

from carerecord.region.organisations.dialects import DIALECTS
from carerecord.region.people.chart import By, Chart
from carerecord.region.people.patient import open_chart
from carerecord.region.shapes import Holding, Organisation, Region, RegionPerson, System, SystemKind

MOST = 600  # two letters or digits tell so many apart
KNOWN_TO = 24  # of these systems, by the one whom very many know
_EACH_KNOWS = 3
_SYSTEMS_OF_ONE = 3
_FIRST = ("Amble", "Birk", "Cald", "Dray", "Egre", "Fos", "Gar", "Hawk", "Ings", "Kes", "Lang", "Mos", "Nether", "Oxen",
          "Pick", "Quern", "Raven", "Scar", "Thorn", "Ulls", "Wether", "Whit", "Yar", "Ash", "Brack")  # fmt: skip
_LAST = ("thwaite", "by", "ton", "ford", "ley", "wick", "dale", "holme")


@dataclass(frozen=True)
class _Sort:
    """One sort of small system."""

    word: str
    name: str
    kind: SystemKind
    sections: tuple[str, ...]
    doctor: str
    job: str
    visit: str


_SORTS = (
    _Sort("outpatients", "Out-patients", "clinic", ("encounters", "documents", "appointments", "professionals"),
          "Dr U Tarn", "consultant physician", "Out-patient clinic"),
    _Sort("therapy", "Therapy", "community", ("encounters", "observations", "documents"), "J Fell", "occupational therapist",
          "Therapy session"),
    _Sort("imaging", "Imaging", "radiology", ("results", "documents"), "Dr K Moss", "radiologist", ""),
)  # fmt: skip


def widened(region: Region, sources: int) -> Region:
    """The same region with small systems added until it has `sources` in all; as it is when it has as many already.

    Raises:
        ValueError: more than can be told apart.
    """
    wanted = sources - len(region.systems)
    if wanted <= 0:
        return region
    if sources > MOST:
        raise ValueError(f"A region has at most {MOST} systems.")
    organisations = tuple(_organisation(number) for number in range(-(-wanted // _SYSTEMS_OF_ONE)))
    marks = _marks({system.mark for system in region.systems})
    systems = tuple(_system(number, organisations[number // _SYSTEMS_OF_ONE], next(marks)) for number in range(wanted))
    spared = {key for scene in region.scenes for key in (scene.patient, *scene.others)}
    living = [(number, person) for number, person in enumerate(region.people)
              if person.key not in spared and person.died is None and not person.test and not person.restricted]  # fmt: skip
    known = _knowing(region, living, systems)
    return replace(
        region,
        organisations=(*region.organisations, *organisations),
        systems=(*region.systems, *systems),
        holdings={**region.holdings, **known},
    )


def _organisation(number: int) -> Organisation:
    last, first = divmod(number, len(_FIRST))
    place = f"{_FIRST[first]}{_LAST[last]}"
    return Organisation(f"NZ{number:03d}", f"{place} Clinic", "community", "01632 960 970", "01632 960 974", (place,), "ZZ8 1AA")


def _system(number: int, organisation: Organisation, mark: str) -> System:
    sort = _SORTS[number % len(_SORTS)]
    place = organisation.name.removesuffix(" Clinic")
    key = f"{place.lower()}-{sort.word}"
    dialects = [each for each in DIALECTS.values() if not each.omits]
    return System(
        key=key, ods=organisation.ods, name=f"{place} {sort.name}", mark=mark, kind=sort.kind,
        patient_system=f"https://{key}.region.example/Id/patient-number", knows_by="nhs-number",
        sections=("demographics", *sort.sections), latency_s=0.2 + 0.05 * (number % 9),
        dialect=dialects[number % len(dialects)], small=True,
    )  # fmt: skip


def _marks(taken: set[str]) -> Iterator[str]:
    return (one + other for one in ascii_uppercase for other in digits + ascii_uppercase if one + other not in taken)


def _knowing(
    region: Region, living: Sequence[tuple[int, RegionPerson]], systems: Sequence[System]
) -> dict[str, tuple[Holding, ...]]:
    """What each system holds: of three people drawn by the region's seed, and of the one whom very many know."""
    rng = random.Random(f"many {region.seed}")
    held = Counter(holding.person for holdings in region.holdings.values() for holding in holdings)
    often = max(living, key=lambda each: (held[each[1].key], -each[0]), default=None)
    found: dict[str, tuple[Holding, ...]] = {}
    for place, system in enumerate(systems):
        drawn = rng.sample(living, min(_EACH_KNOWS, len(living)))
        if often is not None and place < KNOWN_TO and often not in drawn:
            drawn.append(often)
        found[system.key] = tuple(_chart(region, system, number, person, rng) for number, person in drawn)
    return found


def _chart(region: Region, system: System, number: int, person: RegionPerson, rng: random.Random) -> Holding:
    sort = next(each for each in _SORTS if system.key.endswith(each.word))
    chart: Chart = open_chart(system, person, number, By(sort.doctor, sort.job), region.now)
    day = max(person.born, region.now.date() - timedelta(days=rng.randrange(10, 900)))
    if sort.visit:
        chart.encounter(sort.visit, day, reason="Review")
        chart.letter(f"{sort.visit} letter", "Seen and reviewed. No change.", day)
    else:
        chart.report("X-ray", day, (), "No acute abnormality.", category="RAD")
    return chart.holding()
