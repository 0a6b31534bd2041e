"""A region of the United Kingdom that never was: who is who is known, and the records err as registration desks do.

How often each error happens is `Errors`, and nowhere else. Names come from the lists of the pretend region; how common each is
follows a law of ranks. Households share family name, address and telephone; twins share all but the given name and the number.
"""

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

from benchmarks.truth.sets import Truth
from carerecord.contracts.patients import Demographics, Identifier, Name, SourcePatient
from carerecord.fhir.identifiers import NHS_NUMBER, make_nhs_number
from carerecord.patients import nicknames
from carerecord.region.people.names import COMMUNITIES, Names, names

TODAY = date(2026, 11, 22)
SOURCES = ("gp", "acute", "community", "mental-health", "maternity", "social-care")
_STREETS = (
    "High Street", "Station Road", "Church Lane", "Victoria Road", "Green Lane", "Manor Road", "Kings Road", "Queens Road",
    "Mill Lane", "Park Avenue", "London Road", "Albert Road", "New Road", "Chapel Street", "Grange Road", "The Crescent",
    "Windsor Drive", "York Road", "Springfield Road", "George Street", "Alexandra Road", "North Street", "Broadway",
    "Highfield Road", "Stanley Road", "Elm Grove",
)  # fmt: skip
_KEYS = dict(zip("qwertyuiopasdfghjklzxcvbnm", "wertyuiopasdfghjklzxcvbnmq", strict=True))


@dataclass(frozen=True)
class Errors:
    """The share of records in which each happens. What the promise names is as promised; the rest is a registration desk's."""

    no_number: float = 0.12
    anothers_number: float = 0.01
    birth_date: float = 0.05
    changed_family: float = 0.08  # of people: records before and after differ
    moved: float = 0.15  # of people
    twins: float = 0.02  # of people
    same_family_household: float = 0.20  # of people live with somebody of their family name
    misspelt: float = 0.04  # of names
    short_form: float = 0.05
    no_second_name: float = 0.5
    initial: float = 0.01
    sex: float = 0.002
    no_address: float = 0.03
    no_phone: float = 0.3
    new_phone: float = 0.2
    default_date: float = 0.003  # 01-Jan of the year, or 01-Jan-1900
    alias: float = 0.002  # "Unknown Male 47"
    surgery: float = 0.004  # the surgery's address and telephone stand for the person's


@dataclass(frozen=True)
class Somebody:
    id: str
    given: tuple[str, ...]
    family: str
    former: str
    born: date
    sex: str
    number: str
    address: str
    postcode: str
    phone: str
    old_address: str
    old_postcode: str
    twin: str = ""


@dataclass
class Region:
    chance: random.Random
    errors: Errors
    lists: Names
    nine: int = 400_000_000

    def number(self) -> str:
        while True:
            self.nine += 1 + self.chance.randrange(40)
            if made := make_nhs_number(str(self.nine)):
                return made

    def community(self) -> str:
        return self.chance.choices(list(COMMUNITIES), list(COMMUNITIES.values()))[0]

    def family(self, community: str) -> str:
        listed = self.lists.families[community]
        # Real family names have a long tail that no list of 280 has: half are made of two, so that they are as many as in life.
        first = listed[min(len(listed) - 1, int(len(listed) ** self.chance.random()))]
        if self.chance.random() < 0.5:
            return first
        second = self.chance.choice(listed).lower()
        return first[: self.chance.randrange(2, 5)].rstrip("'- ") + second[self.chance.randrange(0, 3) :]

    def place(self) -> tuple[str, str]:
        district = self.chance.randrange(1, 60)
        letters = "ABDEFGHJLNPQRSTUWXYZ"
        code = f"QX{district} {self.chance.randrange(1, 10)}{self.chance.choice(letters)}{self.chance.choice(letters)}"
        street = self.chance.choice(_STREETS)
        flat = f"Flat {self.chance.randrange(1, 30)}, " if self.chance.random() < 0.15 else ""
        return f"{flat}{self.chance.randrange(1, 160)} {street}, Town {district}", code

    def phone(self) -> str:
        return f"07{self.chance.randrange(100_000_000, 999_999_999)}"

    def somebody(self, community: str, family: str, place: tuple[str, str], born: date, sex: str = "") -> Somebody:
        sex = sex or self.chance.choice(("female", "male"))
        many = 2 if self.chance.random() < 0.7 else 1
        given = tuple(self.lists.given_name(self.chance, community, sex, born.year) for _ in range(many))
        changed = self.chance.random() < self.errors.changed_family
        old = self.place() if self.chance.random() < self.errors.moved else place
        return Somebody(
            id=f"p{self.nine}-{self.chance.randrange(10**9)}", given=given, family=family,
            former=self.family(community) if changed else family, born=born, sex=sex, number=self.number(), address=place[0],
            postcode=place[1], phone=self.phone(), old_address=old[0], old_postcode=old[1],
        )  # fmt: skip


def people(count: int, region: Region) -> list[Somebody]:
    chance, errors = region.chance, region.errors
    found: list[Somebody] = []
    while len(found) < count:
        community = region.community()
        family, place = region.family(community), region.place()
        born = TODAY - timedelta(days=chance.randrange(30, 34_000))
        first = region.somebody(community, family, place, born)
        found.append(first)
        if chance.random() < errors.twins / 2:
            sex = first.sex if chance.random() < 0.65 else ""
            twin = region.somebody(community, family, place, born, sex)
            while twin.given[0] == first.given[0]:
                twin = region.somebody(community, family, place, born, sex)
            both = f"{first.id}+{twin.id}"
            found[-1] = first = replace(first, twin=both)
            found.append(replace(first, id=twin.id, given=twin.given, sex=twin.sex, number=twin.number))
        if chance.random() < errors.same_family_household * 0.55:
            for _ in range(chance.choices((1, 2, 3), (6, 3, 1))[0]):
                away = chance.choice((-1, 1)) * chance.choice((chance.randrange(330, 2500), chance.randrange(7000, 13000)))
                their = min(born + timedelta(days=away), TODAY - timedelta(days=1))
                kin = region.somebody(community, family, place, their)
                if chance.random() < 0.06 and abs(away) > 6000:  # a parent of the same name
                    kin = replace(kin, given=first.given, sex=first.sex)
                found.append(replace(kin, phone=first.phone) if chance.random() < 0.5 else kin)
    return found[:count]


def uk(records: int, seed: int, errors: Errors | None = None) -> Truth:
    region = Region(random.Random(seed), errors or Errors(), names())
    chance = region.chance
    everybody = people(int(records / 2.3), region)
    statements: list[SourcePatient] = []
    about: list[str] = []
    order = list(range(len(everybody)))
    while len(statements) < records:
        chance.shuffle(order)
        for at in order:
            who = everybody[at]
            known = chance.choices((1, 2, 3, 4), (25, 35, 25, 15))[0]
            for source in chance.sample(SOURCES, known):
                statements.append(_told(region, who, source, len(statements), everybody))
                about.append(who.id)
            if len(statements) >= records:
                break
        else:
            break
    return Truth(f"uk of seed {seed}", tuple(statements), tuple(about))


def twins_of(records: int, seed: int) -> frozenset[frozenset[str]]:
    """The pairs of ids that are twins, made anew from the same seed."""
    region = Region(random.Random(seed), Errors(), names())
    return frozenset(frozenset(each.twin.split("+")) for each in people(int(records / 2.3), region) if each.twin)


def _told(region: Region, who: Somebody, source: str, local: int, everybody: list[Somebody]) -> SourcePatient:
    chance, errors = region.chance, region.errors
    roll = chance.random
    given = list(who.given[:1] if roll() < errors.no_second_name else who.given)
    family = who.former if roll() < 0.4 else who.family
    if roll() < errors.short_form and (forms := sorted(nicknames.forms_of(given[0].lower()))):
        given[0] = chance.choice(forms).title()
    if roll() < errors.misspelt:
        given[0] = _slip(given[0], chance)
    if roll() < errors.misspelt:
        family = _slip(family, chance)
    if roll() < errors.initial:
        given[0] = given[0][:1]
    born, stated = who.born, ""
    if roll() < errors.birth_date:
        stated = _wrong_date(born, chance)
    elif roll() < errors.default_date:
        stated = chance.choice((f"{born.year}-01-01", "1900-01-01"))
    number = who.number
    if roll() < errors.no_number:
        number = ""
    elif roll() < errors.anothers_number / (1 - errors.no_number):
        number = chance.choice(everybody).number
    before = roll() < 0.4
    address, postcode = (who.old_address, who.old_postcode) if before else (who.address, who.postcode)
    phone = "" if roll() < errors.no_phone else region.phone() if roll() < errors.new_phone else who.phone
    if roll() < errors.no_address:
        address, postcode = "", ""
    elif roll() < errors.surgery:
        address, postcode, phone = "The Surgery, 1 High Street", "QX1 1AA", "01632960001"
    if roll() < errors.alias:
        given, family = ["Unknown", "Male" if who.sex == "male" else "Female", str(chance.randrange(99))], "Unknown"
    sex = who.sex if roll() >= errors.sex else ("male" if who.sex == "female" else "female")
    demographics = Demographics(
        names=(Name(family, tuple(given)),), birth_date=stated or born.isoformat(), gender=sex, nhs_number=number,
        nhs_number_status="02" if number else "", address=address, postcode=postcode, phone=phone,
    )  # fmt: skip
    identifiers = (Identifier(NHS_NUMBER, number),) if number else ()
    return SourcePatient(source, str(local), identifiers, demographics)


def _slip(word: str, chance: random.Random) -> str:
    if len(word) < 3:
        return word
    at = chance.randrange(1, len(word) - 1)
    kind = chance.randrange(4)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + _KEYS.get(word[at].lower(), "e") + word[at + 1 :]


def _wrong_date(born: date, chance: random.Random) -> str:
    day, month, year = born.day, born.month, born.year
    kind = chance.randrange(20)
    if kind < 6 and day <= 12:
        day, month = month, day
    elif kind < 10:
        year += chance.choice((-10, 10, -1, 1))
    elif kind < 16:
        day = max(1, min(28, day + chance.choice((-1, 1, 10, -10))))
    elif kind < 19:
        month = 1 + month % 12
    else:
        day, month, year = 1 + chance.randrange(28), 1 + chance.randrange(12), year + chance.randrange(-5, 6)
    return f"{year:04}-{month:02}-{min(day, 28):02}"
