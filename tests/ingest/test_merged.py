"""Whom does a search by a number that was given up find? PDQm: its entry, with a link to the one that took its place."""

from datetime import timedelta
from typing import Any

from tests.ingest.a_hospital import NUMBERS, SENT, Hospital, a_hospital, adt

from carerecord.contracts.holdings import SEARCH, FindAsked, Reach
from carerecord.contracts.locator import WHERE, WhereAsked
from carerecord.contracts.patients import KNOWN_AS, KnownAsAsked
from carerecord.fhir.bundle import parse


async def found(hospital: Hospital, *query: tuple[str, str]) -> list[dict[str, Any]]:
    page = await hospital.calls.ask(SEARCH, FindAsked("Patient", query, Reach(most_confidential="V")))
    return [parse(each.text) for each in page.matches]


async def test_a_number_that_was_given_up_leads_on_until_the_merge_is_taken_back(service_database: Any):
    later = [SENT + timedelta(minutes=minutes) for minutes in (1, 2)]
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(), adt(number="MRN2", control="2"))
        await hospital.file_all()
        await hospital.put(adt("A40", control="3", at=later[0], more=["MRG|MRN2^^^R1A^MR"]))
        await hospital.file_all()
        (old,) = await found(hospital, ("identifier", f"{NUMBERS}|MRN2"))
        (survivor,) = await found(hospital, ("identifier", f"{NUMBERS}|MRN1"))

        assert (old["active"], survivor["active"]) == (False, True)
        assert old["link"] == [{"other": {"reference": f"Patient/{survivor['id']}"}, "type": "replaced-by"}]
        assert survivor["link"] == [{"other": {"reference": f"Patient/{old['id']}"}, "type": "replaces"}]
        (by_name,) = await found(hospital, ("family", "marlow"), ("active", "true"))
        (read,) = await found(hospital, ("_id", old["link"][0]["other"]["reference"].removeprefix("Patient/")))
        assert by_name["id"] == read["id"] == survivor["id"]
        both = (("identifier", f"{NUMBERS}|MRN2"), ("_include", "Patient:link"))
        page = await hospital.calls.ask(SEARCH, FindAsked("Patient", both, Reach(most_confidential="V")))
        assert [[each.id for each in some] for some in (page.matches, page.included)] == [[old["id"]], [survivor["id"]]]

        await hospital.put(adt("A37", control="4", at=later[1], more=["PID|2||MRN2^^^R1A^MR||MARLOW^EDITH||19480314|F"]))
        await hospital.file_all()
        (old,) = await found(hospital, ("identifier", f"{NUMBERS}|MRN2"))

    assert (old["active"], "link" in old) == (True, False)


async def lying(hospital: Hospital, number: str) -> list[str]:
    """Under which of its numbers the hospital is asked, when the record of whoever bears this one is opened."""
    person = await hospital.calls.ask(KNOWN_AS, KnownAsAsked(NUMBERS, number))
    return sorted(each.local_id for each in await hospital.calls.ask(WHERE, WhereAsked(person.ids)))


async def test_what_came_while_two_were_one_lies_with_its_own_number_once_they_are_two_again(service_database: Any):
    later = [SENT + timedelta(minutes=minutes) for minutes in (1, 2, 3)]
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(), adt(number="MRN2", control="2", given="EDIE"))
        await hospital.file_all()
        await hospital.put(adt("A40", control="3", at=later[0], more=["MRG|MRN2^^^R1A^MR"]))
        await hospital.file_all()
        await hospital.put(adt("A31", number="MRN2", control="4", at=later[1], given="EDIE", home="2 LOW STREET"))
        await hospital.file_all()
        assert await lying(hospital, "MRN1") == ["MRN1", "MRN2"]
        await hospital.put(adt("A37", control="5", at=later[2], more=["PID|2||MRN2^^^R1A^MR||MARLOW^EDIE||19480314|F"]))
        await hospital.file_all()

        assert (await lying(hospital, "MRN1"), await lying(hospital, "MRN2")) == (["MRN1"], ["MRN2"])
