"""Who is met in the scenes, which sources know them, and what is common to their records?"""

from carerecord.contracts.records import AllergyTitle, Entry
from tests.pages.a_record import ago, person

EDITH = person("Marlow", "Edith", "Mrs", "1948-06-19", "female", "9990000018")
HAROLD = person("Singh", "Harold", "Mr", "1955-02-03", "male", "9990000026")
COLIN = person("Barker", "Colin", "Mr", "1974-05-30", "male", "9990000034")
GWENDOLYN = person("Achebe", "Gwendolyn", "Mrs", "1940-03-11", "female", "9990000042")
LEANNE = person("Doyle", "Leanne", "Miss", "1985-04-02", "female", "9990000069")

ALL_SOURCES = (
    "elm-bank",
    "aldermoor-epr",
    "aldermoor-emergency",
    "aldermoor-pathology",
    "fenwick-epr",
    "hartley-pharmacy",
    "aldermoor-community",
    "st-oswins",
    "aldermoor-council",
    "north-fells-ambulance",
)

UNAVAILABLE = AllergyTitle(
    "Allergies unavailable",
    "Elm Bank Surgery did not answer at 14:02. Do not rely on Aldermoor's “no known allergies” of 2019.",
    updated=ago(),
)


def keys(entries: list[Entry], title: str) -> tuple[str, ...]:
    return tuple(each.key for each in entries if each.facts.title == title)
