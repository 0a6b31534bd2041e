"""Does a decision made in advance that an entry names (PD1-7, PD1-15) stand in the record, and for as long as it is named?"""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.ingest.hl7v2.world import SENDER, all_is_well, filed, message, on_a_page, pv1, resources, stand, withdrawn

from carerecord.contracts.records import Entry
from carerecord.fhir.plans import ADVANCE_DECISION, DNACPR
from carerecord.fhir.sections import section_of
from carerecord.ingest.hl7v2 import patient_id
from carerecord.ingest.hl7v2.directives import LOOK, NO_LONGER
from carerecord.records.plans import in_force_first

OTHER = "PID|1||M8^^^RX1^MR||Nolan^Ruth"


def pd1(will: str = "", directives: str = "", checked: str = "") -> str:
    fields = ["PD1", *[""] * 22]
    fields[7], fields[15], fields[22] = will, directives, checked
    return "|".join(fields)


def told(will: str = "", directives: str = "", *, hour: int = 10, trigger: str = "ADT^A31", checked: str = "") -> bytes:
    return message(trigger, pd1(will, directives, checked), at=f"20261122{hour}0000")


def flags(*messages: bytes) -> dict[str, dict[str, Any]]:
    puts = stand(messages)
    all_is_well(puts)
    return {each["code"]["text"]: each for each in resources(puts, "Flag")}


def test_a_resuscitation_decision_is_a_plan_that_sends_its_reader_to_the_original():
    (flag,) = flags(told(directives="DNR")).values()
    page = on_a_page(flag)

    assert section_of(flag) == "plans"
    assert (page.title, page.plan.kind) == ("Advance directive: Do not resuscitate (DNR)", DNACPR)
    assert page.plan.decision.startswith(LOOK)
    assert "does not say when it was made" in page.plan.decision
    assert "RX1" in page.plan.decision
    assert page.plan.valid_from == ""
    assert flag["author"]["identifier"]["value"] == "RX1"


def test_each_directive_that_is_repeated_is_a_flag_of_its_own_in_the_words_of_its_sender():
    found = flags(told(directives="DNAR^DNACPR form in the notes^LOCAL~ADRT^Refuses blood^LOCAL~XQ7^^LOCAL"))

    assert sorted(found) == [
        "Advance directive: DNACPR form in the notes (code DNAR)",
        "Advance directive: Refuses blood (code ADRT)",
        "Advance directive: code XQ7, without a name",
    ]
    assert {on_a_page(each).plan.kind for each in found.values()} == {DNACPR, ADVANCE_DECISION}


@pytest.mark.parametrize(
    ("code", "title"),
    [("Y", "Living will: recorded"), ("F", "Living will: recorded, and not on file with the sender")],
)
def test_a_living_will_says_no_more_than_was_sent(code, title):
    (flag,) = flags(told(code, checked="20261003")).values()

    assert on_a_page(flag).title == title
    assert "Last verified 2026-10-03, as its sender says." in on_a_page(flag).plan.decision


@pytest.mark.parametrize(("will", "directives"), [("N", "N"), ("I", "N^No directive"), ("U", "U"), ("", ""), ('""', '""')])
def test_what_says_that_there_is_none_or_says_nothing_makes_no_flag(will, directives):
    assert flags(told(will, directives)) == {}


def test_an_n_that_means_something_else_to_its_sender_is_shown():
    assert list(flags(told(directives="N^Not for resuscitation^LOCAL"))) == ["Advance directive: Not for resuscitation (code N)"]
    assert list(flags(told(directives="N^Not for resuscitation"))) == ["Advance directive: Not for resuscitation (code N)"]


def test_the_newer_list_stands_for_its_field_whichever_message_comes_first():
    both, one = told(directives="DNR~ADRT^Refuses blood"), told(directives="ADRT^Refuses blood", hour=11)

    for messages in ((both, one), (one, both)):
        assert list(flags(*messages)) == ["Advance directive: Refuses blood (code ADRT)"]
        assert list(withdrawn(stand(messages)).values()) == [NO_LONGER]
    assert len(flags(both, one, told(directives="DNR~ADRT^Refuses blood", hour=12))) == 2


@pytest.mark.parametrize("trigger", ["ADT^A01", "ADT^A08", "ADT^A28", "ADT^A31"])
def test_an_empty_field_and_one_that_does_not_know_keep_what_was_there_and_a_deletion_takes_it(trigger):
    said = told("Y", "DNR", trigger=trigger)

    assert len(flags(said, told(hour=11, trigger=trigger))) == 2
    assert len(flags(said, told("U", "U", hour=11, trigger=trigger))) == 2
    assert len(flags(said, message("ADT^A08", pv1(), at="20261122110000"))) == 2
    assert list(flags(said, told("", '""', hour=11, trigger=trigger))) == ["Living will: recorded"]
    assert list(flags(said, told("N", "", hour=11, trigger=trigger))) == ["Advance directive: Do not resuscitate (DNR)"]


def test_it_goes_with_a_deleted_entry_and_is_there_again_when_it_is_told_again():
    said, gone = told("Y", "DNR"), message("ADT^A29", at="20261122110000")

    assert flags(said, gone) == {}
    assert len(flags(said, gone, told("Y", "DNR", hour=12))) == 2


def test_it_goes_to_the_right_person_with_their_number_and_stays_there_whatever_the_wrong_one_is_told_later():
    moved = message("ADT^A43", "MRG|M7^^^RX1^MR", at="20261122110000", pid=OTHER)
    (flag,) = flags(told(directives="DNR"), moved).values()
    right = patient_id_of(moved)

    assert flag["subject"]["reference"] == f"Patient/{right}"
    (flag,) = flags(told(directives="DNR"), moved, told(directives="N", hour=12)).values()
    assert flag["subject"]["reference"] == f"Patient/{right}"


def patient_id_of(raw: bytes) -> str:
    return patient_id(SENDER, filed(raw).people[0].local_id)


def test_what_a_result_repeats_in_passing_counts_where_the_administration_has_not_spoken():
    copied = message(
        "ORU^R01", pd1("", "DNR"), "OBR|1|P1|F1|1^Sodium", "OBX|1|NM|1^Sodium||140|mmol/L|||||F", at="20261122120000"
    )

    assert list(flags(copied)) == ["Advance directive: Do not resuscitate (DNR)"]
    assert flags(told(directives="N"), copied) == {}
    assert flags(copied, told(directives="N", hour=13)) == {}
    assert len(flags(told(directives="DNR"), message("ORU^R01", pd1("", "N"), at="20261122120000"))) == 1
    assert len(flags(copied, told(directives="DNR", hour=13))) == 1


@pytest.mark.parametrize("event", ["A40", "A47", "A24"])
def test_what_comes_with_a_merge_is_filed_with_it(event):
    beside = (OTHER,) if event == "A24" else ("MRG|M8^^^RX1^MR",)

    assert list(flags(message(f"ADT^{event}", pd1("", "DNR"), *beside))) == ["Advance directive: Do not resuscitate (DNR)"]


def test_one_that_has_no_date_neither_stands_behind_a_dated_form_nor_puts_one_behind():
    found = [on_a_page(each) for each in flags(told("Y", "ADRT^Refuses blood")).values()]
    entries = [Entry(source="fenwick", facts=each, key=each.id) for each in found]
    dated = Entry(
        source="practice", key="form", facts=replace(found[0], plan=replace(found[0].plan, valid_from="2026-01-01"), id="form")
    )

    assert [each.superseded_by for each in in_force_first([*entries, dated], "2026-11-23")] == ["", "", ""]
