"""Which practice is asked follows the national register, and what is not known is never taken for nothing."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from carerecord.connectors.pds import NotRegistered, Registered
from carerecord.connectors.web_trouble import NoAnswer
from carerecord.contracts.patients import Demographics, Person
from carerecord.contracts.sources import Registry, SharedSection, Source
from carerecord.fhir.person import PersonFacts
from carerecord.fhir.person import Practice as Named
from carerecord.records.choosing import choose, not_asked
from carerecord.records.practices import Practice, Practices

NUMBER = "9990000018"
PERSON = Person(("p1",), "p1", Demographics(nhs_number=NUMBER, gp="A99998"))
ALLERGIES = (SharedSection("allergies"),)


def a_source(id_: str, ods: str, **more: Any) -> Source:
    return Source(id_, ods, ods, id_, "GP", "gp", "gp_connect", "https://sds.example", knows_by="nhs-number",
                  sections=ALLERGIES, **more)  # fmt: skip


ELM, OAK, ANY = a_source("elm", "A99999"), a_source("oak", "A99998"), a_source("any", "QZ9", any_practice=True)
PDS = replace(ELM, id="pds", connector="pds", sections=())


def registry(*sources: Source) -> Registry:
    return Registry("1", sources)


def asked(*sources: Source, practice: Practice, person: Person = PERSON, always: bool = True, only: str = "") -> dict[str, str]:
    """By source: asked, or the record's word for why not."""
    choices = choose(registry(*sources), (), person, always=always, only=only, practice=practice)
    return {each.source.id: "asked" if each.asked else not_asked(each).state for each in choices}


def test_the_practice_of_registration_is_asked_and_the_others_have_nothing_to_say():
    assert asked(ELM, OAK, practice=Practice("A99999", sure=True)) == {"elm": "asked", "oak": "registered elsewhere"}


def test_unscheduled_care_asks_no_practice_where_the_person_is_not_registered():
    assert asked(OAK, practice=Practice("A99999", sure=True), always=True) == {"oak": "registered elsewhere"}


def test_what_the_index_last_heard_is_not_sure_so_the_others_are_a_gap():
    assert asked(ELM, OAK, practice=Practice("A99999")) == {"elm": "asked", "oak": "not asked"}


def test_a_practice_without_a_table_of_its_own_is_asked_by_the_table_for_any():
    assert asked(ELM, ANY, practice=Practice("A97777", sure=True)) == {"elm": "registered elsewhere", "any": "asked"}
    assert asked(ELM, ANY, practice=Practice("A99999", sure=True)) == {"elm": "asked"}


def test_with_no_practice_known_nobody_is_asked_and_that_is_said():
    assert asked(ELM, ANY, practice=Practice()) == {"elm": "not asked", "any": "not asked"}


def test_a_reader_who_insists_is_obeyed():
    assert asked(ELM, OAK, practice=Practice("A99999", sure=True), only="oak")["oak"] == "asked"


def test_without_a_number_no_practice_is_asked():
    nobody = replace(PERSON, demographics=Demographics())
    assert asked(ELM, practice=Practice("A99999", sure=True), person=nobody) == {"elm": "not asked"}


class Register:
    """A PDS with a memory: what it answers, and how often it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, 0

    async def read(self, source: Source, number: str, *, organisation: str = "") -> Any:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            await asyncio.sleep(30)
        return self.answer


def registered(ods: str) -> Registered:
    return Registered(PersonFacts(NUMBER, practice=Named(ods)), "1")


def practices(register: Register, now: list[float]) -> Practices:
    return Practices(register, 0.05, 60.0, lambda: now[0])  # type: ignore[arg-type]


async def test_the_register_says_it_now_and_a_change_of_practice_follows_within_a_minute():
    register, now = Register(registered("A99999")), [0.0]
    kept = practices(register, now)
    assert await kept.of(PERSON, registry(ELM, PDS), "R9A") == Practice("A99999", sure=True)
    register.answer = registered("A99998")
    assert await kept.of(PERSON, registry(ELM, PDS), "R9A") == Practice("A99999", sure=True)
    now[0] = 61.0
    kept.sweep()
    assert await kept.of(PERSON, registry(ELM, PDS), "R9A") == Practice("A99998", sure=True)
    assert register.asked == 2


@pytest.mark.parametrize("answer", [NoAnswer("silent"), None, NotRegistered("RESOURCE_NOT_FOUND")], ids=["no", "slow", "new"])
async def test_with_the_register_silent_the_index_is_believed_and_not_called_sure(answer: Any):
    of = practices(Register(answer), [0.0]).of(PERSON, registry(ELM, PDS), "R9A")
    assert await asyncio.wait_for(of, 5) == Practice("A99998"), "and no opening waits for it"


async def test_where_no_practice_speaks_gp_connect_the_register_is_not_asked():
    register = Register(registered("A99999"))
    assert await practices(register, [0.0]).of(PERSON, registry(PDS), "R9A") == Practice()
    assert register.asked == 0


async def test_a_restricted_person_has_no_practice_in_the_register_and_none_is_taken_from_the_index():
    assert await practices(Register(registered("")), [0.0]).of(PERSON, registry(ELM, PDS), "R9A") == Practice("", sure=True)


def test_a_practice_that_is_not_asked_leaves_no_gap_where_no_practice_could_say_anything():
    plans = replace(OAK, sections=(*ALLERGIES, SharedSection("plans")))
    (choice,) = choose(registry(plans), (), PERSON, always=True, practice=Practice("A99999"))
    assert [(each.section, each.state) for each in not_asked(choice).sections] == [("allergies", "not asked")]
