"""Do messages come out right that are written as other systems write them: clocks that differ, numbers in odd places?"""

import pytest
from tests.ingest.hl7v2.test_triggers import OBR, OBX, ORC, RXA, SCH
from tests.ingest.hl7v2.world import NHS, PID, filed, message, one, pv1, stand, the

from carerecord.fhir import gates
from carerecord.fhir.bundle import parse
from carerecord.ingest.hl7v2 import times
from carerecord.ingest.hl7v2.parse import NO_TEXT
from carerecord.ingest.hl7v2.shapes import Unreadable

EARLY, LATE = "20261122090000", "20261122093000"


def faults(*messages: bytes) -> list[str]:
    """What a client would be told of them, who wrote the same resources."""
    judging = gates.load()
    puts = [each.raw for each in stand(messages).values() if each.raw is not None]
    return [str(fault) for raw in puts for fault in judging.judge(parse(raw), raw).faults]


BACKWARDS = {
    "PV1-45 is before PV1-44": message("ADT^A08", pv1(start=LATE, end=EARLY)),
    "OBR-8 is before OBR-7": message("ORU^R01", ORC, OBR.replace("20261122055500|", f"{LATE}|{EARLY}"), OBX),
    "RXA-4 is before RXA-3": message("RAS^O17", ORC, RXA.replace("20261122080000|", f"{LATE}|{EARLY}")),
    "the end of SCH is before its start": message("SIU^S12", SCH.replace("^^^20261201093000", f"^^^{LATE}^{EARLY}")),
}


@pytest.mark.parametrize("says", BACKWARDS)
def test_a_time_that_ends_before_it_begins_has_no_end_and_the_message_says_so(says: str) -> None:
    sent = BACKWARDS[says]

    assert f"{says}: the end is not carried" in filed(sent).notes
    assert faults(sent) == []


def test_a_discharge_told_of_after_the_bed_was_left_does_not_say_when_they_came_to_it() -> None:
    discharged = message("ADT^A03", pv1(start=EARLY, end=LATE), at="20261122100000")
    visit = the([discharged], "Encounter")

    assert visit["location"][0]["period"] == {"end": "2026-11-22T09:30:00+00:00"}
    assert visit["period"] == {"start": "2026-11-22T09:00:00+00:00", "end": "2026-11-22T09:30:00+00:00"}
    assert faults(discharged) == []


def test_a_discharge_by_a_clock_that_is_behind_that_of_the_admission_still_ends_the_visit() -> None:
    admitted = message("ADT^A01", pv1(start=LATE), at=LATE)
    discharged = message("ADT^A03", pv1(end=EARLY), at="20261122100000")
    visit = the([admitted, discharged], "Encounter")

    assert (visit["status"], visit["period"]) == ("finished", {"start": "2026-11-22T09:30:00+00:00"})
    assert [each["status"] for each in visit["location"]] == ["completed"]
    assert faults(admitted, discharged) == []


def test_what_was_given_names_the_order_that_never_came() -> None:
    given = the([message("RAS^O17", "ORC|RE|RX-100", RXA)], "MedicationAdministration")

    assert given["request"]["identifier"]["value"] == "RX-100"


def test_a_document_is_known_by_the_universal_part_of_its_number() -> None:
    number = one(
        stand([message("MDM^T02", "TXA||CN||20261122100000||||||||^^12345|||||PA", "OBX|1|TX|||Well")]), "DocumentReference"
    )

    assert number["masterIdentifier"]["value"] == "12345"


@pytest.mark.parametrize("authority", ["^LAB^1.2.826.0.1", "^^1.2.826.0.1^ISO", "^^lab.example.nhs.uk"])
def test_who_gives_numbers_is_no_number_by_which_reports_of_two_people_would_be_one(authority: str) -> None:
    said = f"ORC|RE|{authority}|{authority}", f"OBR|1|{authority}|{authority}|FBC^Full blood count^L|||20261122055500", OBX
    sent = [message("ORU^R01", *said, pid=pid) for pid in (PID, PID.replace("M7", "M8").replace(f"~{NHS}^^^NHS^NH", ""))]

    assert len([key for key in stand(sent) if key.startswith("DiagnosticReport/")]) == 2


@pytest.mark.parametrize("authority", ["^DOCS^1.2.826.0.1", "^^1.2.826.0.1^ISO"])
def test_a_document_is_not_known_by_who_gives_the_numbers_of_documents(authority: str) -> None:
    with pytest.raises(Unreadable, match="TXA-12"):
        filed(message("MDM^T02", f"TXA||CN||20261122100000||||||||{authority}|||||PA", "OBX|1|TX|||Well"))


def test_where_somebody_waited_before_is_named_as_left() -> None:
    assert "PV2-1 is not carried" in filed(message("ADT^A08", pv1(), "PV2|WARD9^^^RX1")).notes


def test_an_appointment_that_is_scheduled_is_booked() -> None:
    moved = message("SIU^S14", SCH.replace("Booked", "Scheduled"))

    assert the([moved], "Appointment")["status"] == "booked"
    assert not [each for each in filed(moved).notes if each.startswith("SCH-25")]


def test_a_report_of_two_pages_is_kept_without_what_no_text_may_hold() -> None:
    sent = message("ORU^R01", ORC, OBR, "OBX|1|FT|A^Film^L||page one\x0cpage\x08 two\x1f|||||F")

    assert the([sent], "Observation")["valueString"] == "page one\npage two"
    assert NO_TEXT in filed(sent).notes
    assert faults(sent) == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("20260401T101530", "2026-04-01T10:15:30+01:00"),
        ("20260401 1015", "2026-04-01T10:15:00+01:00"),
        ("20260401T091530Z", "2026-04-01T09:15:30+00:00"),
        ("202604011015+05:30", "2026-04-01T10:15:00+05:30"),
        ("20260401 +0100", "2026-04-01"),
        ("01/04/2026", ""),
        ("20260401T", ""),
        ("20260230", ""),
        ("17530101000000", "1753-01-01"),  # a database's "none": London's own time had seconds, which no offset of FHIR has
        ("00010101000000", "0001-01-01"),
    ],
)
def test_a_time_of_other_makers_is_the_one_that_was_meant_or_none(said: str, meant: str) -> None:
    assert times.fhir_time(said, times.zone_of("Europe/London")) == meant
