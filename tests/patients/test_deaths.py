"""A death that one says, and the register or its own teller takes back: what is said of the person then?"""

import pytest
from tests.patients.people import Desk, nhs, stated

from carerecord.contracts.patients import DeathsAsked, Demographics, Identifier, Name, TracedAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.patients.asking import Asking
from carerecord.patients.store.finding import MOST

MARLOW, DIED = nhs(1), "2026-11-20"


async def known_as(desk: Desk, register: str | None, **hospital: str) -> Demographics:
    """The person of a hospital's entry, traced where the register says something of their death ("" = nothing)."""
    (found,) = await desk.enrol(stated("hospital", "1", number=MARLOW, status="02", **hospital))
    if register is not None:
        edith = (Name("Marlow", ("Edith",)),)
        answer = Demographics(names=edith, birth_date="1948-03-14", gender="female", nhs_number=MARLOW, deceased=register)
        await desk.tracing.traced(TracedAsked(found.patient, "verified", answer))
    return (await desk.who(found.patient)).demographics


@pytest.mark.parametrize(
    ("register", "hospital", "deceased", "doubted"),
    [
        (None, {"deceased": DIED}, DIED, ""),
        (DIED, {"deceased": DIED}, DIED, ""),
        (DIED, {}, DIED, ""),
        ("", {}, "", ""),
        ("", {"deceased": DIED}, DIED, "register"),
        ("", {"death_doubted": "taken back"}, "", "taken back"),
        (None, {"death_doubted": "taken back"}, "", "taken back"),
        (None, {"deceased": DIED, "death_doubted": "taken back"}, DIED, "taken back"),
        (DIED, {"death_doubted": "taken back"}, DIED, "taken back"),
        (DIED, {"deceased": DIED, "death_doubted": "taken back"}, DIED, ""),
    ],
)  # fmt: skip
async def test_a_death_that_somebody_contradicts_is_in_doubt(desk, register, hospital, deceased, doubted):
    person = await known_as(desk, register, **hospital)
    assert (person.deceased, person.death_doubted) == (deceased, doubted)


async def test_a_number_of_which_nothing_is_left_is_nobodys_and_puts_no_death_in_doubt(desk):
    local = Identifier("https://hospital.test/Id", "H1")
    await desk.enrol(stated("hospital", "1", local="H1", death_doubted="taken back"))
    told = await Asking(desk.db).deaths(DeathsAsked(((local,), (Identifier(NHS_NUMBER, "---"),), ())))
    assert told == ("taken back", "", "")


async def test_what_a_crowd_bears_is_no_number_and_puts_no_death_of_it_in_doubt(desk):
    junk, own = Identifier("https://hospital.test/Id", "0000000"), Identifier(NHS_NUMBER, MARLOW)
    await desk.enrol(stated("hospital", "1", number=MARLOW, local="0000000", death_doubted="taken back"))
    asked = DeathsAsked(((junk,), (own, junk)))
    assert await Asking(desk.db).deaths(asked) == ("taken back", "taken back")
    await desk.enrol(*[stated("hospital", f"x{n}", f"Name{n}", "", local="0000000") for n in range(MOST)])
    assert await Asking(desk.db).deaths(asked) == ("", "taken back")
