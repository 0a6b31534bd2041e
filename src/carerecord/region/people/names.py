"""What are people of a given age, sex and community called?"""

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

# How the region's families are made up, close to the census of England and Wales of 2021.
COMMUNITIES: Mapping[str, float] = {
    "british": 78, "irish": 4, "south-asian": 8, "african": 3, "caribbean": 2, "european": 4, "chinese": 1,
}  # fmt: skip
ETHNICITY: Mapping[str, str] = {
    "british": "White: English, Welsh, Scottish, Northern Irish or British",
    "irish": "White: Irish",
    "south-asian": "Asian or Asian British",
    "african": "Black or Black British: African",
    "caribbean": "Black or Black British: Caribbean",
    "european": "White: any other White background",
    "chinese": "Asian or Asian British: Chinese",
}
# Given names of families whose names the national lists of 1904 to 1994 hardly hold.
_GIVEN: Mapping[str, tuple[str, str]] = {
    "south-asian": (
        "Aisha Fatima Zara Maryam Ayesha Sana Priya Anjali Meera Sunita Harpreet Manjit Nasreen Shazia Kiran Rukhsana",
        "Mohammed Ali Imran Tariq Arjun Rajesh Vikram Harjit Gurpreet Bilal Hamza Usman Sanjay Amir Yusuf Kamal",
    ),
    "african": (
        "Abena Ama Chidinma Ngozi Folake Amina Fatou Grace Blessing Esther Adaeze Hodan Selam",
        "Kwame Kofi Chinedu Emeka Tunde Samuel Daniel Abdi Ibrahim Emmanuel Yonas Sekou",
    ),
    "european": (
        "Zofia Agnieszka Katarzyna Magdalena Elena Ioana Maria Sofia Chiara Renée Zoë",
        "Łukasz Piotr Tomasz Marek Andrei Mihai João Luca Marco José Stefan",
    ),
    "chinese": ("Mei Li Na Xiu Ying Hui Grace Amy", "Wei Jun Ming Hao Kai David Jason Peter"),
    "irish": (
        "Siobhán Aoife Niamh Bridget Róisín Sinéad Maeve Kathleen",
        "Seán Patrick Liam Declan Cormac Brendan Eoin Michael",
    ),
}
# The names most given in 2019 (Office for National Statistics, Open Government Licence v3.0).
_RECENT = (
    "Olivia Amelia Isla Ava Mia Isabella Sophia Grace Lily Freya Emily Ivy Ella Rosie Evie Florence Poppy Charlotte",
    "Oliver George Noah Arthur Harry Leo Muhammad Jack Charlie Oscar Jacob Henry Thomas Freddie Alfie Theo William",
)


@dataclass(frozen=True)
class Names:
    families: Mapping[str, tuple[str, ...]]  # by community
    given: Mapping[tuple[str, int], tuple[str, ...]]  # by sex and decade's list, most given first

    def family(self, rng: random.Random, community: str) -> str:
        return rng.choice(self.families[community])

    def given_name(self, rng: random.Random, community: str, sex: str, birth_year: int) -> str:
        place = 0 if sex == "female" else 1
        if community in _GIVEN and rng.random() < 0.8:
            return rng.choice(_GIVEN[community][place].split())
        if birth_year >= 2000:
            return rng.choice(_RECENT[place].split())
        decade = min(1994, max(1904, round((birth_year - 4) / 10) * 10 + 4))
        ranked = self.given[(sex, decade)]
        # Names thin out towards the end of a top hundred about as the inverse of their rank.
        rank = int(len(ranked) ** rng.random()) - 1
        return ranked[min(rank, len(ranked) - 1)]


@cache
def names() -> Names:
    """The lists that come with the package, read once."""
    folder = resources.files("carerecord.region") / "data"
    families: dict[str, list[str]] = {}
    community = ""
    for line in (folder / "surnames.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            community = line.strip("[]")
        elif line and not line.startswith("#"):
            families.setdefault(community, []).append(line)
    given: dict[tuple[str, int], tuple[str, ...]] = {}
    for sex, file in (("female", "given-girls.csv"), ("male", "given-boys.csv")):
        lines = (folder / file).read_text(encoding="utf-8").splitlines()
        head, *rows = csv.reader(line for line in lines if not line.startswith("#"))
        for column, decade in enumerate(head[1:], 1):
            given[(sex, int(decade))] = tuple(row[column].strip().title() for row in rows if row[column].strip())
    return Names({name: tuple(each) for name, each in families.items()}, given)
