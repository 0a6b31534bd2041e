"""Is a medicine shown with how much, how often and how fast, in whichever field its sender says so?"""

import pytest
from tests.ingest.hl7v2.test_triggers import RXA
from tests.ingest.hl7v2.world import all_is_well, message, on_a_page, one, stand

from carerecord.ingest.hl7v2 import Unreadable

RXO = "RXO|D1^Ramipril 5 mg capsules^L|5||mg"


def ordered(*segments, event="OMP^O09", orc="ORC|NW|P1"):
    puts = stand([message(event, orc, *segments)])
    all_is_well(puts)
    return one(puts, "MedicationRequest")


def dosage(*segments, event="OMP^O09", orc="ORC|NW|P1"):
    return ordered(*segments, event=event, orc=orc)["dosageInstruction"][0]


def test_how_often_is_read_from_the_order_where_the_medicine_leaves_it_out():
    made = dosage(RXO, "RXR|PO^By mouth", orc="ORC|NW|P1|||||1^BD&0800,2000^D5^20261122080000^20261126200000^R")

    assert made["text"] == "5 mg By mouth BD, at 0800,2000 for 5 days"
    assert made["timing"]["code"]["text"] == "BD, at 0800,2000 for 5 days"
    assert made["timing"]["repeat"]["boundsPeriod"]["start"] == "2026-11-22T08:00:00+00:00"


def test_what_the_medicine_itself_says_of_when_stands_before_what_its_order_says():
    made = dosage("RXE|^OD|D1^Ramipril^L|5||mg", event="RDE^O11", orc="ORC|NW|P1|||||1^BD^^20261122080000")

    assert made["timing"]["code"]["text"] == "OD"
    assert made["timing"]["repeat"]["boundsPeriod"] == {"start": "2026-11-22T08:00:00+00:00"}


def test_an_instruction_in_words_is_shown_whichever_field_of_its_timing_holds_it():
    of_tq1 = dosage(RXO, "TQ1|1||QDS&Four times a day&L|0800~1200|||||P||Swallow whole")
    of_tq = dosage("RXE|^^^^^^^Rinse the mouth afterwards|D1^Beclometasone^L|2||puff", event="RDE^O11")

    assert of_tq1["text"] == "Swallow whole"
    assert of_tq1["timing"]["code"]["text"] == "Four times a day, at 0800, 1200"
    assert of_tq["text"] == "Rinse the mouth afterwards"


def test_a_condition_stands_with_how_often_and_as_needed_is_said_as_such():
    made = dosage(RXO, orc="ORC|NW|P1|||||^Q6H^^^^PRN^for pain")

    assert made["timing"]["code"]["text"] == "Q6H, for pain"
    assert made["asNeededBoolean"] is True


def test_a_dose_that_stands_in_the_timing_alone_is_told_with_it():
    made = dosage("RXO|D1^Prednisolone 5 mg tablets^L", "TQ1|1|6^TAB&tablets|OM||||20261122||S")

    assert made["text"] == "6 tablets OM"


@pytest.mark.parametrize(
    ("timing", "text"), [("1|1^g|||||||STAT", "1 g"), ("1|6^TAB&tablets|OM||||||||With food", "6 tablets OM\nWith food")]
)
def test_a_dose_that_stands_in_the_timing_alone_is_told_whatever_else_is_or_is_not(timing, text):
    assert dosage("RXO|D1^Prednisolone^L", f"TQ1|{timing}")["text"] == text


def test_each_of_several_ways_of_taking_it_is_told():
    made = dosage(RXO, "TQ1|1|6^TAB&tablets|OM|||3^d", "TQ1|2|4^TAB&tablets|OM|||2^d")

    assert made["text"].split("\n") == ["6 tablets OM for 3 d", "4 tablets OM for 2 d"]


def test_a_period_stands_for_how_often_where_no_pattern_is_named():
    assert dosage(RXO, "TQ1|1||^^^^8^h")["timing"]["code"]["text"] == "every 8 h"


def test_a_drip_says_how_fast_it_runs_and_what_is_in_it():
    rxe = ["RXE", "^CONT", "D2^Maintenance fluid^L", "1000", "", "mL", *[""] * 16, "H8", "125", "mL/h"]
    made = ordered(
        "|".join(rxe), "RXC|B|N9^Sodium chloride 0.9%^L|1000|mL", "RXC|A|KCL^Potassium chloride^L|20|mmol|15|%", event="RDE^O11"
    )
    (dose,) = made["dosageInstruction"]

    assert dose["doseAndRate"][0]["rateQuantity"] == {"value": 125, "unit": "mL/h"}
    assert dose["text"] == "per 8 hours"
    assert made["note"][0]["text"] == "Base: Sodium chloride 0.9%, 1000 mL\nAdditive: Potassium chloride, 20 mmol, strength 15 %"


def test_how_urgent_a_medicine_is_comes_along():
    assert ordered(RXO, "TQ1|1||STAT||||||S")["priority"] == "stat"
    assert ordered(RXO, orc="ORC|NW|P1|||||^OD^^^^R")["priority"] == "routine"


def test_a_page_shows_how_much_and_how_often_beside_an_instruction():
    shown = on_a_page(ordered(RXO + "|||^With food", "RXR|PO^By mouth", orc="ORC|NW|P1|||||^BD")).medicine

    assert (shown.dose, shown.amount, shown.frequency) == ("With food", "5 mg", "BD")


@pytest.mark.parametrize(("control", "status"), [("OP", "active"), ("PY", "active"), ("RU", "stopped"), ("RP", "stopped")])
def test_a_medicine_that_is_dispensed_outside_goes_on_and_one_that_was_replaced_does_not(control, status):
    assert ordered(RXO, orc=f"ORC|{control}|P1")["status"] == status


def test_what_is_dispensed_says_by_which_way_it_is_taken():
    puts = stand([message("RDS^O13", "ORC|RE|P1", "RXD|1|D1^Ramipril^L|20261122110000|28|capsule", "RXR|PO^By mouth")])
    all_is_well(puts)

    assert one(puts, "MedicationDispense")["dosageInstruction"][0]["route"]["text"] == "By mouth"


@pytest.mark.parametrize("segments", [(RXO,), ("ORC|NW", RXO), ("RXG|1|1",)])
def test_an_order_of_a_medicine_that_nobody_could_stop_waits_for_a_human(segments):
    with pytest.raises(Unreadable, match="no medicine that can be filed"):
        stand([message("RDE^O11", *segments)])


def test_a_dose_that_was_given_is_told_though_its_order_has_no_number():
    assert one(stand([message("RAS^O17", RXA)]), "MedicationAdministration")["status"] == "completed"


@pytest.mark.parametrize("segments", [("ORC|NW",), ("OBR|1|||FBC^Full blood count",), ("ORC|NW|P1", "OBR|1")])
def test_a_request_that_names_neither_itself_nor_what_it_asks_for_waits_for_a_human(segments):
    with pytest.raises(Unreadable, match="nothing that can be filed"):
        stand([message("ORM^O01", *segments)])
