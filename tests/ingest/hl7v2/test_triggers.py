"""Does each trigger event become what the table of them says, valid and fit to be shown?"""

from base64 import b64decode

import msgspec
import pytest
from tests.ingest.hl7v2.world import (
    NHS,
    PID,
    SENDER,
    all_is_well,
    filed,
    message,
    on_a_page,
    one,
    pv1,
    resources,
    stand,
    the,
    withdrawn,
)

from carerecord.fhir.bundle import parse as json_of
from carerecord.ingest.hl7v2 import TRIGGERS, Unreadable, patient_id
from carerecord.ingest.hl7v2.standing import BECAME

OTHER = "PID|1||M8^^^RX1^MR||Marlow^Edna||19510203|F"
MRG = "MRG|M8^^^RX1^MR||A8^^^RX1||V8^^^RX1"
PV1 = pv1(start="20261122100500")
ORC, OBR = (
    "ORC|NW|P1|F1||||||20261122100000|||C9^Nair^Priya",
    "OBR|1|P1|F1|UE^Urea^L|||20261122055500|||||||||||||||20261122061200|||F",
)
OBX = "OBX|1|NM|K^Potassium^L||4.4|mmol/L|||||F"
TXA = "TXA|1|DS|||C9^Nair^Priya|20261122100000||||||D1|D0||||AU||AV"
SCH = "SCH|A1|A2||||^Clinic moved|^Review|FU^Follow up|20|min|^^^20261201093000|||||||||||||Booked"
AIS, AIP, AIL = "AIS|1||DERM^Dermatology clinic", "AIP|1||C9^Nair^Priya^^^Dr", "AIL|1||CLINIC2^^^RX1"
RXE = "RXE|^BD|318135008^Ramipril 5 mg capsules^SCT|5||mg|CAP^capsule|^Take one twice a day|||28|capsule|2"
RXR = "RXR|PO^By mouth"
RXA = "RXA|0|1|20261122080000||318135008^Ramipril 5 mg capsules^SCT|5|mg|||C9^Nair^Priya|WARD1|||||||||CP"

# What each kind of message is made of; every trigger of the table is tried with all of it.
BODIES = {
    "ADT": (
        PV1, "AL1|1|DA|^Penicillin|SV|Rash|20210101", "DG1|1||J18.9^Pneumonia^I10||20261122|A",
        "PR1|1||K40.1^Bypass^OPCS4||20261122",
    ),
    "ORU": (PV1, ORC.replace("NW", "RE"), OBR, OBX, "NTE|1||Haemolysed"),
    "OUL": (PV1, "SPM|1|S1||BLD^Blood^HL70487", OBR, ORC.replace("NW", "RE"), OBX),
    "MDM": (PV1, TXA, "OBX|1|TX|DS^Discharge summary||Went home well||||||F"),
    "OMI": (PV1, ORC, OBR),
    "ORM": (PV1, ORC, OBR, "NTE|1||Urgent"), "OMG": (PV1, ORC, OBR), "OML": (PV1, ORC, "TQ1|1||||||20261123090000||S", OBR),
    "SIU": (PV1, AIS, AIP, AIL, "NTE|1||Bring glasses"),
    "OMP": (PV1, ORC, "RXO|318135008^Ramipril 5 mg capsules^SCT|5||mg|CAP^capsule||^Take one twice a day", RXR),
    "RDE": (PV1, ORC, RXE, RXR),
    "RDS": (PV1, ORC, RXE, RXR, "RXD|1|318135008^Ramipril 5 mg capsules^SCT|20261122110000|28|capsule||RX9"),
    "RAS": (PV1, ORC, RXA, RXR),
    "VXU": (ORC, RXA.replace("318135008^Ramipril 5 mg capsules^SCT", "871875004^Influenza vaccine^SCT"), RXR),
    "PPR": (PV1, "PRB|AD|20261122|38341003^Hypertension^SCT|PRB1|||20261001||||||^Confirmed|^Active||20260901"),
}  # fmt: skip
MAKES = {
    "ORU": "Observation", "OUL": "Observation", "MDM": "DocumentReference",
    "ORM": "ServiceRequest", "OMI": "ServiceRequest", "OMG": "ServiceRequest", "OML": "ServiceRequest",
    "SIU": "Appointment", "OMP": "MedicationRequest", "RDE": "MedicationRequest", "RDS": "MedicationDispense",
    "RAS": "MedicationAdministration", "VXU": "Immunization", "PPR": "Condition",
}  # fmt: skip
GONE = {("ADT", "A23"), ("ADT", "A29")}  # of what was said before; of what was not there is nothing to say
DELETED = {("MDM", "T11"), ("SIU", "S17"), ("PPR", "PC3")}


_OF_TWO_NUMBERS = (
    "A18", "A30", "A34", "A35", "A36", "A39", "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A47", "A49", "A50",
)  # fmt: skip


def a_message(code: str, event: str) -> bytes:
    body = list(BODIES[code])
    if code == "SIU":
        body = [SCH, *body]
    if event in _OF_TWO_NUMBERS:
        body = [MRG, *body]
    if event in ("A17", "A24", "A37"):
        body += [OTHER, pv1("V8", "WARD8")]
    pid = PID + "|||||A1^^^RX1" if code == "ADT" else PID
    return message(f"{code}^{event}", *body, pid=pid)


@pytest.mark.parametrize(("code", "event"), list(TRIGGERS), ids="^".join)
def test_every_event_of_the_table_is_mapped_to_what_a_record_can_show(code, event):
    raw = a_message(code, event)
    filing, puts = filed(raw), stand([raw])
    all_is_well(puts)

    assert filing.kept_only == ""
    assert filing.people[0].local_id == "M7"
    if (code, event) in GONE:
        assert any(each.rules for each in filing.statements)
    elif (code, event) in DELETED:
        assert any(key.startswith(MAKES[code]) for key in withdrawn(puts))
    elif code in MAKES:
        assert resources(puts, MAKES[code])
    else:
        assert resources(puts, "Patient")


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("A01", "in-progress"), ("A02", "in-progress"), ("A03", "finished"), ("A04", "in-progress"), ("A05", "planned"),
        ("A08", "in-progress"), ("A11", "cancelled"), ("A13", "in-progress"), ("A14", "planned"), ("A21", "onleave"),
        ("A22", "in-progress"), ("A09", "in-progress"), ("A15", "in-progress"), ("A16", "in-progress"), ("A54", "in-progress"),
        ("A27", "cancelled"), ("A38", "cancelled"), ("A52", "in-progress"), ("A53", "onleave"),
    ],
)  # fmt: skip
def test_each_event_of_a_visit_leaves_it_as_it_says(event, status):
    assert the([message(f"ADT^{event}", PV1)], "Encounter")["status"] == status


def test_who_is_expected_to_move_lies_where_they_lie_until_they_have_moved():
    there = message("ADT^A01", pv1(place="WARD1"))
    pending, left, come = (
        message(f"ADT^{event}", pv1(place=place), at=f"20261122{hour}0000", recorded=f"20261122{hour}0000")
        for event, place, hour in (("A15", "WARD1", "13"), ("A09", "WARD2", "14"), ("A10", "WARD2", "15"))
    )

    def places(*messages):
        return [each["location"]["display"] for each in the(messages, "Encounter")["location"]]

    assert places(there, pending, left) == ["RX1, WARD1"]
    assert places(there, pending, left, come) == ["RX1, WARD1", "RX1, WARD2"]


def places(*messages: bytes) -> list[str]:
    return [f"{each['location']['display']} {each['status']}" for each in the(messages, "Encounter")["location"]]


def test_an_arrival_that_is_called_back_leaves_somebody_where_they_were():
    admitted, transferred = message("ADT^A01", pv1()), message("ADT^A02", pv1(place="WARD2"), at="20261122130000")
    come, at_once = (message("ADT^A10", pv1(place=each), at="20261122140000") for each in ("THEATRE", "WARD2"))
    back, not_said = (message("ADT^A32", pv1(place=each), at="20261122150000") for each in ("WARD2", ""))

    assert places(admitted, transferred, come) == ["RX1, WARD1 completed", "RX1, WARD2 completed", "RX1, THEATRE active"]
    assert places(admitted, transferred, come, back) == ["RX1, WARD1 completed", "RX1, WARD2 active"]
    assert places(admitted, transferred, at_once, back) == ["RX1, WARD1 completed", "RX1, WARD2 active"]
    assert places(admitted, transferred, at_once, not_said) == ["RX1, WARD1 completed", "RX1, WARD2 active"]
    assert places(admitted, transferred, come, not_said) == ["RX1, WARD1 completed", "RX1, WARD2 active"]
    assert places(admitted, not_said, transferred) == ["RX1, WARD1 completed", "RX1, WARD2 active"]


def test_an_arrival_in_the_bed_that_a_ward_was_corrected_to_is_no_move():
    transferred = message("ADT^A02", pv1(place="WARD2"), at="20261122130000")
    corrected = message("ADT^A08", pv1(place="WARD2^^BED4"), at="20261122133000")
    come = message("ADT^A10", pv1(place="WARD2^^BED4"), at="20261122140000")

    assert places(transferred, corrected, come) == places(transferred, corrected)


def test_a_transfer_is_called_back_though_somebody_was_seen_to_arrive():
    admitted, transferred = message("ADT^A01", pv1()), message("ADT^A02", pv1(place="WARD2"), at="20261122130000")
    come = message("ADT^A10", pv1(place="WARD2"), at="20261122140000")

    for place in ("WARD1", ""):
        called_back = message("ADT^A12", pv1(place=place), at="20261122150000")
        assert places(admitted, transferred, come, called_back) == ["RX1, WARD1 active"]


@pytest.mark.parametrize("event", ["A02", "A08", "A16", "A25"])
def test_a_discharge_that_is_expected_ends_nothing(event):
    expected = message(f"ADT^{event}", pv1(end="20261124100000"), at="20261122130000")
    visit = the([message("ADT^A01", pv1()), expected], "Encounter")

    assert "end" not in visit["period"]
    assert visit["location"][0]["status"] == "active"
    assert the([expected], "Encounter")["status"] == "in-progress"
    assert "a discharge that is only expected: PV1-45 is not carried" in filed(expected).notes


@pytest.mark.parametrize("end", ["", "20261126100000"])
def test_a_discharge_that_was_expected_before_the_admission_ends_nothing(end):
    planned = message("ADT^A05", pv1(start="20261124090000", end="20261126100000"))
    admitted = message("ADT^A01", pv1(start="20261124093000", end=end), at="20261124093000")
    cancelled = message("ADT^A38", pv1(), at="20261123093000")

    for messages in ((planned, admitted), (admitted, planned)):
        visit = the(messages, "Encounter")
        assert (visit["status"], visit["location"][0]["status"]) == ("in-progress", "active")
        assert "end" not in visit["period"]
    assert "end" in the([planned, cancelled], "Encounter")["period"]


def test_a_discharge_that_a_result_expects_ends_nothing_and_one_that_has_come_does():
    ends = ("20261122080000", "20261124100000")
    visits = [the([message("ORU^R01", pv1(end=end), OBR, OBX)], "Encounter") for end in ends]

    assert [each.get("period", {}).get("end") for each in visits] == ["2026-11-22T08:00:00+00:00", None]
    assert "end" in the([message("ADT^A05", pv1(start="20261124090000", end="20261126100000"))], "Encounter")["period"]


@pytest.mark.parametrize("event", ["A16", "A25"])
def test_a_discharge_that_is_expected_on_the_same_day_ends_nothing(event):
    assert "period" not in the([message(f"ADT^{event}", pv1(end="20261122180000"))], "Encounter")


@pytest.mark.parametrize("event", ["A35", "A41", "A49"])
def test_accounts_that_are_one_without_a_word_of_the_other_wait_for_a_human(event):
    with pytest.raises(Unreadable, match="there is no MRG"):
        filed(message(f"ADT^{event}"))


def test_a_change_of_the_doctor_is_one_of_the_visit():
    there, changed = pv1(), pv1().replace("|||||||||||||", "||||C9^Nair^Priya^^^Dr|||||||||", 1)
    visit = the([message("ADT^A01", there), message("ADT^A54", changed, at="20261122130000")], "Encounter")

    assert visit["participant"][0]["individual"]["display"] == "Dr Priya Nair"


@pytest.mark.parametrize(
    ("now", "there"),
    [("C4^Ford~C5^Rao", ["Ford", "Rao"]), ("C4^Ford", ["Ford"]), ('""', []), ("", ["Nair", "Lowe", "Shah"])],
)
def test_who_is_named_no_longer_among_the_doctors_is_none_of_the_visit(now, there):
    def consulted(who: str) -> str:
        return pv1().replace("|||||||||||||", f"||||||{who}|||||||", 1)

    before = message("ADT^A01", consulted("C1^Nair~C2^Lowe~C3^Shah"))
    changed = message("ADT^A61", consulted(now), at="20261122130000")
    for messages in ((before, changed), (changed, before)):
        found = the(messages, "Encounter").get("participant", [])
        assert [each["individual"]["display"] for each in found] == there


def test_a_result_that_repeats_a_list_of_doctors_brings_back_nobody_who_was_taken_from_it():
    def consulted(who: str) -> str:
        return pv1().replace("|||||||||||||", f"||||||{who}|||||||", 1)

    first = message("ADT^A01", consulted("C1^Nair~C2^Lowe~C3^Shah"))
    changed = message("ADT^A61", consulted("C4^Ford"), at="20261122130000")
    result = message("ORU^R01", consulted("C1^Nair~C2^Lowe"), OBR, OBX, at="20261122140000")
    shorter = message("ORU^R01", consulted("C5^Rao"), OBR, OBX, at="20261122150000")

    def there(*messages: bytes) -> list[str]:
        return [each["individual"]["display"] for each in the(messages, "Encounter").get("participant", [])]

    assert there(first, changed, result) == there(result, changed, first) == ["Ford"]
    assert there(first, shorter) == ["Nair", "Lowe", "Shah"]
    assert there(result) == ["Nair", "Lowe"]
    assert there(result, shorter) == ["Rao"], "where nobody else has spoken, the newest list counts"


def test_an_event_comes_from_the_event_and_not_from_the_structure():
    assert filed(message("ADT^A28^ADT_A05", PV1)).trigger == "ADT^A28"
    assert not resources(stand([message("ADT^A28^ADT_A05", PV1)]), "Encounter"), "a PV1 in A28 is a form to be filled in"


def test_an_event_that_nobody_maps_is_kept_and_says_so():
    for trigger in ("ADT^A99", "BAR^P01", "MFN^M02", "ACK^A01"):
        filing = filed(message(trigger))
        assert (filing.statements, filing.people) == ((), ())
        assert filing.kept_only


def test_segments_of_a_sender_that_nobody_knows_are_listed():
    notes = filed(message("ADT^A01", PV1, "ZU1|1|Y|something", "ZZZ|local")).notes

    assert {"ZU1-1 is not carried", "ZU1-2 is not carried", "ZU1-3 is not carried", "ZZZ-1 is not carried"} <= set(notes)


@pytest.mark.parametrize("processing", ["T", "D"])
def test_what_says_that_it_is_no_live_message_is_filed_as_any_other_and_noted(processing: str):
    live = message("ADT^A01", PV1)
    trained = live.replace(b"|P|2.4|", f"|{processing}|2.4|".encode())

    became, would = ({key: each.raw for key, each in stand([raw]).items()} for raw in (trained, live))
    assert became == would
    assert filed(trained).notes == ("MSH-11 says that this is no live message", *filed(live).notes)


def test_an_admission_says_where_who_and_how():
    fields = PV1.split("|")
    fields[4], fields[7], fields[10], fields[14], fields[36] = (
        "21^Emergency",
        "C9^Nair^Priya^^^Dr^^GMC",
        "300^General medicine",
        "19^Home",
        "1^Discharged",
    )
    encounter = the([message("ADT^A01", "|".join(fields), "PV2|||^Fell at home")], "Encounter")
    shown = on_a_page(encounter).encounter

    assert (shown.kind, shown.in_progress, shown.planned, shown.reason) == ("inpatient", True, False, "Fell at home")
    assert "WARD1" in shown.place
    assert encounter["participant"][0]["individual"]["identifier"]["system"] == "https://fhir.hl7.org.uk/Id/gmc-number"


def test_where_the_visit_number_stands_is_the_senders_own_data():
    sender = msgspec.structs.replace(SENDER, visit_number="PID-18")
    raw = message("ADT^A01", pv1(""), pid=PID + "|||||E77^^^RX1")

    assert the([raw], "Encounter", sender)["identifier"][0]["value"] == "E77"


def test_a_deletion_without_a_visits_number_says_in_which_field_of_its_sender_it_is_missing():
    sender = msgspec.structs.replace(SENDER, visit_number="PV1-50")

    with pytest.raises(Unreadable, match=r"say which \(PV1-50\)"):
        stand([message("ADT^A23", pv1(""))], sender)


def test_numbers_of_visits_that_count_anew_for_each_person_do_not_meet():
    sender = msgspec.structs.replace(SENDER, visit_number="PV1-19/PID-3")
    both = [message("ADT^A01", pv1("1")), message("ADT^A01", pv1("1"), pid=OTHER)]

    assert len(resources(stand(both, sender), "Encounter")) == 2
    assert len(resources(stand(both), "Encounter")) == 1


def test_beds_that_two_people_change_are_two_moves():
    puts = stand(
        [message("ADT^A01", pv1()), message("ADT^A17", pv1("V1", "WARD8"), OTHER, pv1("V8", "WARD1"), at="20261122130000")]
    )
    last = {each["identifier"][0]["value"]: each["location"][-1]["location"]["display"] for each in resources(puts, "Encounter")}

    assert last == {"V1": "RX1, WARD8", "V8": "RX1, WARD1"}


def test_a_number_that_moves_takes_its_results_to_the_right_person():
    result = message("ORU^R01", ORC, OBR, OBX, pid=OTHER)
    puts = stand([result, message("ADT^A43", MRG, at="20261122130000")])

    assert one(puts, "Observation")["subject"]["reference"] == f"Patient/{patient_id(SENDER, 'M7')}"
    assert filed(message("ADT^A43", MRG)).merges[0].kind == "move"


def test_an_account_that_moves_takes_its_visits_along():
    admitted = message("ADT^A01", pv1("V8"), pid=f"{OTHER}||||||||||A8^^^RX1")
    puts = stand([admitted, message("ADT^A44", MRG, at="20261122130000")])

    assert one(puts, "Encounter")["subject"]["reference"] == f"Patient/{patient_id(SENDER, 'M7')}"


def test_a_visit_under_a_new_number_keeps_what_hung_on_the_old_one():
    result = message("ORU^R01", pv1("V8"), ORC, OBR, OBX)
    puts = stand([result, message("ADT^A50", MRG, pv1("V9"), at="20261122130000")])
    visit = one(puts, "Encounter")

    assert {each["value"]: each.get("use") for each in visit["identifier"]} == {"V9": None, "V8": "old"}
    assert one(puts, "Observation")["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert list(withdrawn(puts).values()) == [BECAME]


@pytest.mark.parametrize(
    ("event", "segments", "why"),
    [
        ("ADT^A40", (), "MRG"), ("ADT^A23", (pv1(""),), "PV1-19"), ("ADT^A42", (PV1,), "MRG"), ("ADT^A24", (), "one PID"),
        ("ADT^A45", ("MRG|M8^^^RX1^MR",), "MRG-5"), ("MDM^T02", (), "TXA"), ("MDM^T11", ("TXA|1|DS",), "TXA-12"),
        ("SIU^S12", (), "SCH"),
        ("SIU^S15", ("SCH|",), "SCH-1"), ("ADT^A24", (PID,), "same number"),
    ],
)  # fmt: skip
def test_what_lacks_the_thing_it_is_about_waits_with_a_reason_that_says_what_to_mend(event, segments, why):
    with pytest.raises(Unreadable, match=why) as refused:
        filed(message(event, *segments))

    assert NHS not in refused.value.reason
    assert "Marlow" not in refused.value.reason


def test_a_document_replaced_is_superseded_and_says_by_which():
    first = message("MDM^T02", TXA.replace("|D1|D0|", "|D0||"), "OBX|1|TX|L||Old letter||||||F")
    second = message("MDM^T10", TXA, "OBX|1|TX|L||New letter||||||F", at="20261122130000")
    for order in ([first, second], [second, first]):
        found = {each["masterIdentifier"]["value"]: each for each in resources(stand(order), "DocumentReference")}
        assert (found["D0"]["status"], found["D1"]["status"]) == ("superseded", "current")
        assert found["D1"]["relatesTo"] == [
            {"code": "replaces", "target": {"reference": f"DocumentReference/{found['D0']['id']}"}}
        ]
        assert on_a_page(found["D0"]).document.text == "Old letter"


def test_an_addendum_leaves_its_document_as_it_is():
    added = message("MDM^T06", TXA, "OBX|1|TX|L||One more thing||||||F")

    assert the([added], "DocumentReference")["relatesTo"][0]["code"] == "appends"


def test_a_restricted_document_says_so():
    fields = TXA.split("|")
    fields[18] = "R"

    document = the([message("MDM^T02", "|".join(fields), "OBX|1|TX|L||Text||||||F")], "DocumentReference")

    assert on_a_page(document).confidentiality == "R"


def test_an_appointment_has_its_time_its_place_and_its_people():
    appointment = the([a_message("SIU", "S12")], "Appointment")
    facts = on_a_page(appointment)

    assert (appointment["start"], appointment["end"]) == ("2026-12-01T09:30:00+00:00", "2026-12-01T09:50:00+00:00")
    assert facts.title == "Dermatology clinic"
    assert {each["actor"].get("display") for each in appointment["participant"]} >= {"Dr Priya Nair", "RX1, CLINIC2"}
    assert f"Patient/{patient_id(SENDER, 'M7')}" in {each["actor"].get("reference") for each in appointment["participant"]}


@pytest.mark.parametrize(
    ("event", "status"), [("S12", "booked"), ("S13", "booked"), ("S15", "cancelled"), ("S16", "cancelled"), ("S26", "noshow")]
)
def test_each_event_of_an_appointment_leaves_it_as_it_says(event, status):
    assert the([a_message("SIU", event)], "Appointment")["status"] == status


@pytest.mark.parametrize(("control", "status"), [("NW", "active"), ("CA", "revoked"), ("DC", "revoked"), ("HD", "on-hold")])
def test_an_order_follows_its_control(control, status):
    assert the([message("ORM^O01", ORC.replace("NW", control), OBR)], "ServiceRequest")["status"] == status


def test_a_medicine_is_shown_in_the_words_of_its_sender():
    medicine = on_a_page(the([a_message("RDE", "O11")], "MedicationRequest")).medicine

    assert (medicine.substance, medicine.dose) == ("Ramipril 5 mg capsules", "Take one twice a day")
    assert (medicine.route, medicine.current, medicine.quantity) == ("By mouth", True, "28 capsule")


@pytest.mark.parametrize(("control", "status"), [("DC", "stopped"), ("CA", "cancelled"), ("HD", "on-hold")])
def test_a_medicine_that_is_stopped_is_so_though_the_message_names_the_order_alone(control, status):
    stopped = message("RDE^O11", ORC.replace("NW", control), at="20261122130000")
    request = the([a_message("RDE", "O11"), stopped], "MedicationRequest")

    assert request["status"] == status
    assert request["medicationCodeableConcept"]["text"] == "Ramipril 5 mg capsules"


def test_a_dose_that_was_refused_was_not_given():
    refused = message("RAS^O17", ORC, RXA.replace("|CP", "|RE"))

    assert the([refused], "MedicationAdministration")["status"] == "not-done"


def test_a_vaccination_is_one_whichever_message_brings_it():
    immunisation = the([a_message("VXU", "V04"), a_message("VXU", "V04").replace(b"|1|P|2.4", b"|2|P|2.4")], "Immunization")

    assert on_a_page(immunisation).title == "Influenza vaccine"
    assert immunisation["status"] == "completed"


def vaccinated(*obx: str, given: str = "CP", at: str = "20261122120000") -> bytes:
    fields = RXA.replace("318135008^Ramipril 5 mg capsules^SCT", "871831003^MMR vaccine^SCT").split("|")
    fields += [""] * (21 - len(fields))
    fields[18], fields[20] = "", given
    return message("VXU^V04", ORC, "|".join(fields), *obx, at=at)


def obx_of(code: str, value: str, *, kind: str = "CE", status: str = "F") -> str:
    return f"OBX|1|{kind}|{code}||{value}||||||{status}"


AGAINST = "30945-0^Contraindication^LN"


def test_what_is_said_against_a_vaccine_and_for_it_is_shown_with_it():
    puts = stand([vaccinated(
        obx_of(AGAINST, "294847001^Allergy to gelatin^SCT"), obx_of("59785-6^Indication^LN", "77386006^Pregnancy^SCT"),
        obx_of("31044-1^Reaction^LN", "Rash for two days", kind="ST"), obx_of("64994-7^Funding^LN", "V02^Medicaid^L"),
    )])  # fmt: skip
    all_is_well(puts)
    made = one(puts, "Immunization")

    assert [each["text"] for each in made["reasonCode"]] == ["Pregnancy"]
    assert "statusReason" not in made
    said = on_a_page(made).note
    assert "Contraindication or precaution: Allergy to gelatin" in said
    assert "Given because of: Pregnancy" in said
    assert "Reaction: Rash for two days" in said
    assert "Medicaid" not in said


def test_a_contraindication_is_why_a_vaccine_was_not_given_where_nothing_else_is_said_to_be():
    not_given = vaccinated(obx_of(AGAINST, "294847001^Allergy to gelatin^SCT"), given="NA")
    taken_back = vaccinated(obx_of(AGAINST, "294847001^Allergy to gelatin^SCT", status="D"), at="20261122130000")

    assert the([not_given], "Immunization")["statusReason"]["text"] == "Allergy to gelatin"
    assert "Allergy" not in on_a_page(the([vaccinated(obx_of(AGAINST, "1^Allergy^L")), taken_back], "Immunization")).note


def test_allergies_are_believed_until_they_are_taken_away():
    said = message("ADT^A01", PV1, "AL1|1|DA|^Penicillin|SV|Anaphylaxis")
    gone = message("ADT^A60", "IAM|1|DA|^Penicillin|SV||D", at="20261122130000")
    allergy = on_a_page(the([said], "AllergyIntolerance")).allergy

    assert (allergy.substance, allergy.severity, allergy.reactions, allergy.status) == (
        "Penicillin",
        "severe",
        ("Anaphylaxis",),
        "active",
    )
    assert not resources(stand([said, gone]), "AllergyIntolerance")
    assert not resources(stand([gone, said]), "AllergyIntolerance")
    assert resources(stand([said, message("ADT^A08", PV1, at="20261122130000")]), "AllergyIntolerance"), (
        "not said again is not taken away"
    )


def test_a_problem_that_ended_has_ended():
    ended = message("PPR^PC2", "PRB|UP|20261122|38341003^Hypertension^SCT|PRB1|||20261001||20261120", at="20261122130000")
    condition = the([a_message("PPR", "PC1"), ended], "Condition")

    assert condition["clinicalStatus"]["coding"][0]["code"] == "resolved"
    assert condition["abatementDateTime"] == "2026-11-20"


def test_versions_from_2_1_on_and_the_itk_are_read_alike():
    for version in ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8"):
        puts = stand([message("ADT^A01", PV1).replace(b"|P|2.4|", f"|P|{version}|".encode())])
        assert one(puts, "Encounter")["status"] == "in-progress"


def test_an_account_that_was_merged_moves_with_the_one_that_took_its_place():
    of_old, of_new = (f"{OTHER}||||||||||{account}^^^RX1" for account in ("A8", "A9"))
    admitted = message("ADT^A01", pv1("V8"), pid=of_old)
    merged = message("ADT^A35", "MRG|M8^^^RX1^MR||A8^^^RX1", at="20261122130000", pid=of_new)
    moved = message("ADT^A44", "MRG|M8^^^RX1^MR||A9^^^RX1", at="20261122140000")

    assert one(stand([admitted, merged, moved]), "Encounter")["subject"]["reference"] == f"Patient/{patient_id(SENDER, 'M7')}"


@pytest.mark.parametrize(
    ("event", "segments", "type_"),
    [
        ("ADT^A60", ("IAM|1|DA|^Penicillin|SV|Rash|A",), "AllergyIntolerance"),
        ("ADT^A08", (pv1(), "AL1|1|DA|^Penicillin|SV|Rash"), "AllergyIntolerance"),
        ("ADT^A08", (pv1(), "DG1|1||I21^Infarct^I10"), "Condition"),
        ("ADT^A08", (pv1(), "PR1|1||K40^Bypass^O4||20261122"), "Procedure"),
    ],
)
def test_a_comment_behind_an_allergy_a_diagnosis_or_a_procedure_stands_with_it_and_with_no_other(event, segments, type_):
    raw = message(event, *segments, "NTE|1||Tolerates", "NTE|2||cefalexin", "IAM|2|DA|^Latex|SV|Rash|A")
    puts = stand([raw])
    all_is_well(puts)

    (noted,) = [each for put in puts.values() if put.raw and "note" in (each := json_of(put.raw))]
    assert (noted["resourceType"], noted["note"]) == (type_, [{"text": "Tolerates\ncefalexin"}])


def test_a_comment_in_a_document_is_read_with_it():
    lines = ("OBX|1|TX|L^Letter^L||Seen today||||||F", "NTE|1||Dictated, not read")
    document = the([message("MDM^T02", "TXA|1|DS||20261122||||||||D1|||||AU", *lines)], "DocumentReference")

    assert b64decode(document["content"][0]["attachment"]["data"]) == b"Seen today\nDictated, not read"
    assert document["description"] == "Letter"
