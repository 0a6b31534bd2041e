"""Does what engines, analysers and laboratories elsewhere write come to what they meant? Each message here shows one habit."""

import base64
from decimal import Decimal

import pytest
from tests.ingest.hl7v2.test_results import obr, obx, oru
from tests.ingest.hl7v2.test_triggers import ORC, RXA
from tests.ingest.hl7v2.world import NHS, PID, all_is_well, filed, message, one, pv1, resources, stand, the

from carerecord.fhir.identifiers import LOINC, SNOMED
from carerecord.ingest.hl7v2.around import key_of


def grew(sub_id: str, kind: str, says: str) -> str:
    return f"OBX|1|{kind}|ISOLATE^Isolate^L|{sub_id}|{says}|||A|||F"


def sensitivities(number: int, sub_id: str) -> str:
    fields = [""] * 30
    fields[:5] = ["OBR", str(number), "P1", "F1", "SENS^Sensitivities^L"]
    fields[7], fields[22], fields[25] = "20261122055500", "20261122061200", "F"
    fields[26], fields[29] = f"ISOLATE&&L^{sub_id}", "P1&&UC^F1&&UC"
    return "|".join(fields)


KLEBSIELLA = (grew("1", "ST", "10,000 - 100,000 CFU/mL"), grew("1", "CE", "KLEOXY^Klebsiella oxytoca"))
PROTEUS = (grew("2", "ST", "Scanty"), grew("2", "CE", "PROMIR^Proteus mirabilis"))


def test_sensitivities_name_their_organism_though_its_amount_is_told_under_the_same_number():
    culture = obr(code="UC^Urine culture^L", section="MB")
    first = (sensitivities(2, "1"), obx("R", kind="ST", code="VM^Amoxicillin^L", unit=""))
    second = (sensitivities(3, "2"), obx("S", kind="ST", code="VM^Amoxicillin^L", unit=""))
    puts = stand([oru(culture, *KLEBSIELLA, *PROTEUS, *first, *second)])
    all_is_well(puts)
    said = {each["valueString"]: each["note"][0]["text"] for each in resources(puts, "Observation") if "valueString" in each}

    assert said == {
        "R": "Of this finding: Klebsiella oxytoca",
        "S": "Of this finding: Proteus mirabilis",
        "10,000 - 100,000 CFU/mL": "Of this finding: Klebsiella oxytoca",
        "Scanty": "Of this finding: Proteus mirabilis",
    }


def test_an_amount_beside_the_only_finding_of_a_report_needs_no_name():
    puts = stand([oru(obr(code="UC^Urine culture^L", section="MB"), *KLEBSIELLA)])

    assert not any("note" in each for each in resources(puts, "Observation"))


@pytest.mark.parametrize(
    ("code", "title"),
    [("K+^M", "K+ (M)"), ("Ca++^M", "Ca++ (M)"), ("997602^.^L", "997602"), ("X^Y^L", "Y"), ("B12^B12^L", "B12")],
)
def test_a_test_whose_name_says_less_than_its_code_goes_by_its_code(code, title):
    assert the([oru(obr(), obx("4.2", code=code))], "Observation")["code"]["text"] == title


def test_a_name_with_an_ampersand_that_nobody_escaped_is_whole():
    puts = stand([oru(obr(code="GPS^Group & Screen^L"), obx("O NEG", kind="ST", code="ABO^Group & Rh^L", unit=""))])
    all_is_well(puts)

    assert one(puts, "DiagnosticReport")["code"]["text"] == "Group & Screen"
    assert one(puts, "Observation")["code"]["text"] == "Group & Rh"


@pytest.mark.parametrize(
    ("place", "shown"), [("A&E", "RX1, A&E"), ("RENAL&2.16.840.1&ISO", "RX1, RENAL"), (r"A\T\E", "RX1, A&E"), ("", "RX1")]
)
def test_a_department_named_with_an_ampersand_is_whole(place, shown):
    admitted = message("ADT^A01", pv1(place="W").replace("W^", f"{place}^"))

    assert the([admitted], "Encounter")["location"][0]["location"]["display"] == shown


def test_the_impression_of_a_report_is_told_from_its_body():
    body = obx("Lungs clear.", kind="TX", code="71020&GDT^Chest^L", unit="")
    impression = obx("Normal chest.", kind="TX", code="71020&IMP^Chest^L", unit="")
    nameless = obx("Repeat in six weeks.", kind="TX", code="&REC", unit="")
    puts = stand([oru(obr(code="71020^Chest film^L", section="RAD"), body, impression, nameless)])
    all_is_well(puts)
    said = {each["code"]["text"]: each["valueString"] for each in resources(puts, "Observation")}

    assert said == {
        "Chest: description": "Lungs clear.",
        "Chest: impression": "Normal chest.",
        "Chest film: recommendation": "Repeat in six weeks.",
    }


def test_an_impression_sent_alone_takes_no_other_parts_place():
    body = obx("Lungs clear.", kind="TX", code="71020&GDT^Chest^L", unit="")
    first, second = (obx(words, kind="TX", code="71020&IMP^Chest^L", unit="") for words in ("Normal.", "Small effusion."))
    puts = stand([oru(obr(), body, first), oru(obr("C"), second.replace("|F|", "|C|"), at="20261122070000")])
    said = {each["code"]["text"]: each["valueString"] for each in resources(puts, "Observation")}

    assert said == {"Chest: description": "Lungs clear.", "Chest: impression": "Small effusion."}


def test_a_code_with_a_suffix_is_no_code_of_a_standard():
    code = the([oru(obr(), obx("MRK1", kind="ST", code="30955-9&30959-1^Lot number^LN", unit=""))], "Observation")["code"]

    assert code == {"coding": [{"code": "30955-9&30959-1", "display": "Lot number"}], "text": "Lot number"}


def test_a_specimen_that_is_a_bare_code_lets_its_report_be_kept():
    puts = stand([oru(obr(), obx("4.1"), "SPM|1|S1||BLD|||||||P")])
    all_is_well(puts)

    assert one(puts, "Observation")["specimen"]["display"] == "BLD"


@pytest.mark.parametrize(
    ("source", "type_", "note"),
    [("^^Left apex 3/5 & right apex", "Left apex 3/5 & right apex", None), ("BIOP^Biopsy^Left apex", "Biopsy", "Left apex")],
)
def test_where_a_specimen_is_from_is_told_in_the_laboratorys_words(source, type_, note):
    fields = [*obr().split("|")]
    fields[15] = source
    specimen = the([oru("|".join(fields), obx("4.1"))], "Specimen")

    assert specimen["type"]["text"] == type_
    assert specimen.get("note") == ([{"text": note}] if note else None)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("20261122055500123", "2026-11-22T05:55:00.123000+00:00"),
        ("2026112205550012", "2026-11-22T05:55:00.120000+00:00"),
        ("20261122055500.123", "2026-11-22T05:55:00.123000+00:00"),
    ],
)
def test_a_time_is_read_though_nothing_parts_its_seconds_from_what_follows(said, meant):
    measured = the([oru(obr().replace("20261122055500", said, 1), obx("4.1").replace("20261122055500", said))], "Observation")

    assert measured["effectiveDateTime"] == meant


@pytest.mark.parametrize(
    ("ends", "local_id"), [("20280622", "M7"), ("20261123", "M7"), ("20261122", f"nhs|{NHS}"), ("20200101", f"nhs|{NHS}")]
)
def test_a_number_is_a_persons_until_it_ends(ends, local_id):
    heard = filed(message("ADT^A28", pid=PID.replace("M7^^^RX1^MR", f"M7^^^RX1^MR^RX1^^{ends}")))

    assert heard.people[0].local_id == local_id


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Given", "completed"),
        ("Not Given", "not-done"),
        ("NOT_GIVEN", "not-done"),
        ("Held", "not-done"),
        ("Rate verify", "unknown"),
    ],
)
def test_how_a_dose_went_is_told_though_it_is_said_in_words(said, status):
    puts = stand([message("RAS^O17", ORC, RXA.replace("|CP", f"|{said}"))])
    all_is_well(puts)
    given = one(puts, "MedicationAdministration")

    assert (given["status"], given["note"]) == (status, [{"text": said}])


def test_a_vaccine_of_which_nobody_can_say_whether_it_was_given_is_none():
    vaccine = RXA.replace("318135008^Ramipril 5 mg capsules^SCT", "871875004^Influenza vaccine^SCT")
    held, doubtful = (message("VXU^V04", ORC, vaccine.replace("|CP", f"|{said}")) for said in ("Declined", "See chart"))

    assert the([held], "Immunization")["status"] == "not-done"
    assert resources(stand([doubtful]), "Immunization") == []
    assert "RXA-20 is no status that is known here" in filed(doubtful).notes


def test_what_was_asked_at_the_order_and_answered_stands_with_it():
    asked = "OBX|1|ST|Q1^High infection risk^L||Yes: hepatitis C||||||F", "OBX|2|CE|Q2^Test type^L||D^Diagnostic||||||F"
    more = "OBX|3|NM|^Weight||71|kg|||||F", "OBX|4|ST|Q4^Withdrawn question^L||Nothing||||||D"
    puts = stand([message("ORM^O01", "ORC|NW|P1|F1", "OBR|1|P1|F1|FBC^Full blood count^L", *asked, *more)])
    all_is_well(puts)

    assert one(puts, "ServiceRequest")["note"] == [
        {"text": "High infection risk: Yes: hepatitis C\nTest type: Diagnostic\nWeight: 71 kg"}
    ]


def test_how_bad_an_allergy_was_is_read_though_it_is_said_in_words():
    allergy = the([message("ADT^A31", "AL1|1|DRUG^^HL70127|70618^Penicillin^L|MODERATE^^HL70128|Rash")], "AllergyIntolerance")

    assert allergy["category"] == ["medication"]
    assert allergy["reaction"][0]["severity"] == "moderate"


def test_an_order_that_its_laboratory_called_off_is_not_open_any_more():
    asked = message("ORM^O01", "ORC|NW|P1|F1", "OBR|1|P1|F1|GS^Group and save^L", at="20261122090000")
    off = message("ORU^R01", "ORC|OC|P1|F1", "OBR|1|P1|F1|GS^Group and save^L" + "|" * 21 + "X", "NTE|1||Sample not labelled")
    puts = stand([asked, off])
    all_is_well(puts)

    assert one(puts, "ServiceRequest")["status"] == "revoked"
    assert one(puts, "DiagnosticReport")["status"] == "cancelled"


@pytest.mark.parametrize(("control", "status"), [("RP", "revoked"), ("RU", "revoked"), ("RO", "active"), ("XO", "active")])
def test_an_order_that_was_replaced_is_not_open_and_the_one_in_its_place_is(control, status):
    made = the([message("ORM^O01", f"ORC|{control}|P1", "OBR|1|P1||FBC^Full blood count^L")], "ServiceRequest")

    assert made["status"] == status


def test_a_surname_in_parts_is_whole():
    orc = "ORC|NW|P1||||||||||C9^&van&Hoek^P.Q.^^^Dr"
    puts = stand([message("ORM^O01", orc, "OBR|1|P1||ECG^Electrocardiogram^L", pid="PID|1||M7^^^RX1^MR||&van der&Berg^Anna")])
    all_is_well(puts)

    assert one(puts, "ServiceRequest")["requester"]["display"] == "Dr P.Q. van Hoek"
    assert one(puts, "Patient")["name"][0]["family"] == "van der Berg"


def test_a_street_told_once_more_in_its_parts_is_told_once():
    pid = "PID|1||M7^^^RX1^MR||Marlow^Edith||||||12 Elm Road&Elm Road&12^Flat 2^Hull~&Oak Lane&7^^York"
    lines = [each["line"] for each in the([message("ADT^A28", pid=pid)], "Patient")["address"]]

    assert lines == [["12 Elm Road", "Flat 2"], ["Oak Lane", "7"]]


def test_the_kind_of_an_address_of_mail_is_no_telephone_number():
    pid = "PID|1||M7^^^RX1^MR||Marlow^Edith||||||||^^^e.marlow@example.org^NET^Internet~^PRN^PH^^44^1482^100100"
    telecom = the([message("ADT^A28", pid=pid)], "Patient")["telecom"]

    assert [each["value"] for each in telecom] == ["e.marlow@example.org", "+44 1482 100100"]


@pytest.mark.parametrize(("said", "national"), [("A", True), ("Z", True), ("2106-3", False), ("Z1", False), ("White", False)])
def test_an_ethnic_category_is_a_national_one_only_where_it_is_in_the_national_list(said, national):
    patient = the([message("ADT^A28", pid=f"PID|1||M7^^^RX1^MR||Marlow^Edith|||||{said}")], "Patient")
    (coding,) = patient["extension"][0]["valueCodeableConcept"]["coding"]

    assert ("UKCore-EthnicCategoryEngland" in coding.get("system", "")) is national
    assert coding["code"] == said


def prb(*, state: str, ended: str = "") -> str:
    return f"PRB|AD|20261122|38341003^Hypertension^SCT|PRB1|||20261001||{ended}|||||{state}"


def test_a_problem_that_goes_on_has_not_ended_whatever_is_or_was_said_of_its_end():
    at_once = message("PPR^PC1", prb(state="A^Active", ended="20260601"))
    over, again = (
        message("PPR^PC2", prb(state=state, ended=ended), at=at)
        for state, ended, at in (("R^Resolved", "20260601", "20261122130000"), ("A^Active", "", "20261122140000"))
    )
    for messages in ([at_once], [over, again], [again, over]):
        puts = stand(messages)
        all_is_well(puts)
        problem = one(puts, "Condition")

        assert problem["clinicalStatus"]["coding"][0]["code"] == "active"
        assert "abatementDateTime" not in problem
    assert the([at_once], "Condition")["note"] == [{"text": "Its sender says that it goes on, and was resolved at 2026-06-01"}]
    assert the([over], "Condition")["abatementDateTime"] == "2026-06-01"


@pytest.mark.parametrize(("said", "status"), [("Final", "final"), ("Corrected", "corrected"), ("Preliminary", "preliminary")])
def test_a_status_is_read_though_it_is_said_in_a_word(said, status):
    puts = stand([oru(obr(said), obx("4.4", said))])
    all_is_well(puts)

    assert [one(puts, each)["status"] for each in ("DiagnosticReport", "Observation")] == [status, status]


def test_a_unit_that_stands_in_the_value_as_well_is_shown_once():
    puts = stand([oru(obr(), obx("<40 copies/mL", kind="ST", code="HIV^HIV load^L", unit="copies/mL"))])

    assert one(puts, "Observation")["valueString"] == "<40 copies/mL"


def test_a_span_of_time_is_a_value():
    puts = stand([oru(obr(), "OBX|1|DR|RUN^Time of run^L||20261122080000^20261122093000||||||F")])
    all_is_well(puts)

    assert one(puts, "Observation")["valuePeriod"] == {"start": "2026-11-22T08:00:00+00:00", "end": "2026-11-22T09:30:00+00:00"}


def test_a_device_is_named_without_the_signs_between_its_parts():
    puts = stand([oru(obr(), obx("4.4") + "||||C303^ACME")])

    assert one(puts, "Observation")["device"]["display"] == "C303 ACME"


PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"


def in_lines(*lines: str) -> list[str]:
    return [f"OBX|{number}|ED||1|{line}" for number, line in enumerate(lines, 2)]


def test_a_file_with_the_head_that_mail_has_is_one_document_though_each_line_is_an_obx():
    said = base64.b64encode(PDF).decode()
    head = ("Content-Type: text/plain; name=C:\\MAIL\\letter.pdf", "Content-Transfer-Encoding: base64", "")
    text = "OBX|1|TX|RPT^Report^L||See the letter||||||F"
    puts = stand([oru(obr(), text, *in_lines(*head, said[:40], said[40:], ""))])
    all_is_well(puts)
    attachment = one(puts, "DocumentReference")["content"][0]["attachment"]

    assert (attachment["contentType"], attachment["title"]) == ("application/pdf", "letter.pdf")
    assert base64.b64decode(attachment["data"]) == PDF
    assert one(puts, "Observation")["valueString"] == "See the letter"


def test_two_such_files_are_two_documents_and_one_that_is_broken_says_so():
    said = base64.b64encode(PDF).decode()
    head = ("Content-Type: application/pdf", "Content-Transfer-Encoding: base64", "")
    note = ("Content-Type: text/plain", "", "Seen again in May")
    puts = stand([oru(obr(), *in_lines(*head, said, *note))])
    all_is_well(puts)
    kinds = sorted(each["content"][0]["attachment"]["contentType"] for each in resources(puts, "DocumentReference"))
    broken = the([oru(obr(), *in_lines(*head, "no base64!"))], "DocumentReference")

    assert kinds == ["application/pdf", "text/plain"]
    assert broken["content"][0]["attachment"] == {"title": "The file could not be read"}


@pytest.mark.parametrize("line", ["\\X0D0A\\", "\\X0A\\", "\\.br\\"])
def test_two_such_files_that_are_each_whole_in_one_segment_are_two_documents(line):
    said = base64.b64encode(PDF).decode()
    files = (line.join((f"Content-Type: application/pdf; name={name}", "Content-Transfer-Encoding: base64", "", said))
             for name in ("first.pdf", "second.pdf"))  # fmt: skip
    found = [each["content"][0]["attachment"] for each in resources(stand([oru(obr(), *in_lines(*files))]), "DocumentReference")]

    assert sorted(each["title"] for each in found) == ["first.pdf", "second.pdf"]
    assert {base64.b64decode(each["data"]) for each in found} == {PDF}


def test_a_head_that_is_folded_is_one_head():
    head = ("Content-Type: application/pdf;", " name=letter.pdf", "Content-Transfer-Encoding: base64", "")
    made = the([oru(obr(), *in_lines(*head, base64.b64encode(PDF).decode()))], "DocumentReference")

    assert made["content"][0]["attachment"]["title"] == "letter.pdf"


@pytest.mark.parametrize(
    ("code", "system"),
    [
        ("2823-3^Potassium^LN", "http://loinc.org"), ("LP14635-4^Glucose^LN", "http://loinc.org"), ("GLU^Glucose^LN", "local"),
        ("1000731107^Urea^SCT", "http://snomed.info/sct"), ("UREA^Urea^SCT", "local"),
    ],
)  # fmt: skip
def test_a_code_of_the_laboratorys_own_is_no_code_of_a_standard_that_it_names(code, system):
    (coding,) = the([oru(obr(), obx("4.4", code=code))], "Observation")["code"]["coding"]

    assert coding["system"].startswith("urn:carerecord:code:RX1:" if system == "local" else system)


@pytest.mark.parametrize(
    ("code", "known"), [("J18.9", True), ("K409D", True), ("C50.9*", True), ("250.00", False), ("HYPERTENSION", False)]
)
def test_a_diagnosis_of_an_older_list_is_no_code_of_icd_10(code, known):
    (coding,) = the([message("ADT^A01", pv1(), f"DG1|1||{code}^Some words^ICD10")], "Condition")["code"]["coding"]

    assert (coding["system"] == "http://hl7.org/fhir/sid/icd-10") is known


@pytest.mark.parametrize(
    ("code", "named"),
    [("GLU^Glucose^LN", f"{LOINC}|GLU"), ("GLU^Glucose^LOINC", f"{LOINC}|GLU"), ("UREA^Urea^SCT", f"{SNOMED}|UREA")],
)
def test_what_a_thing_is_known_by_does_not_hang_on_the_shape_of_its_code(code, named):
    assert key_of(the([oru(obr(), obx("4.4", code=code))], "Observation")["code"]) == named


@pytest.mark.parametrize("kind", ["TX", "FT", "ST"])
def test_a_number_with_a_unit_is_one_though_it_is_sent_as_text(kind):
    made = the([oru(obr(), obx("6.09", kind=kind, unit="10\\S\\9/L"))], "Observation")

    assert made["valueQuantity"] == {"value": Decimal("6.09"), "unit": "10^9/L"}


@pytest.mark.parametrize(
    ("said", "code", "system"),
    [
        ("INPATIENT", "IMP", "v3-ActCode"), ("Outpatient", "AMB", "v3-ActCode"), ("EMERGENCY", "EMER", "v3-ActCode"),
        ("U", "U", "v2-0004"), ("NHS", "NHS", "urn:carerecord:code:RX1:patient-class"),
    ],
)  # fmt: skip
def test_the_kind_of_a_visit_is_read_though_it_is_said_in_a_word_and_is_the_senders_own_where_nobody_knows_it(said, code, system):
    kind = the([message("ADT^A01", pv1(kind=said))], "Encounter")["class"]

    assert kind["code"] == code
    assert system in kind["system"]


def test_an_admission_does_not_end_as_it_begins():
    at_once, later = (the([message("ADT^A01", pv1(end=end))], "Encounter") for end in ("20261122120000", "20261122180000"))

    assert "end" not in at_once["period"]
    assert at_once["location"][0]["status"] == "active"
    assert later["period"]["end"] == "2026-11-22T18:00:00+00:00"


def weight(kilograms: str, status: str = "F", taken: str = "20261122080000") -> str:
    return f"OBX|1|NM|29463-7^Body weight^LN||{kilograms}|kg|||||{status}|||{taken}"


def test_a_weight_that_an_admission_tells_of_is_an_observation_and_what_has_no_status_stays_with_the_message():
    admitted = message("ADT^A01", pv1(), weight("71.4"), "OBX|2|ST|ADM^Administrative category^L||1")
    again = message("ADT^A08", pv1(), weight("71.4"), at="20261122130000")
    later = message("ADT^A08", pv1(), weight("70.9", taken="20261124080000"), at="20261124090000")
    puts = stand([admitted, again, later])
    all_is_well(puts)
    found = {each["effectiveDateTime"][8:10]: each for each in resources(puts, "Observation")}

    assert {day: str(each["valueQuantity"]["value"]) for day, each in found.items()} == {"22": "71.4", "24": "70.9"}
    assert found["22"]["encounter"] == {"reference": f"Encounter/{one(puts, 'Encounter')['id']}"}
    assert "OBX-5 is not carried" in filed(admitted).notes


def test_an_observation_of_a_visit_is_withdrawn_by_its_sender_and_goes_with_the_visit():
    admitted = message("ADT^A01", pv1(), weight("714"))
    wrong = message("ADT^A08", pv1(), weight("714", "W"), at="20261122130000")
    deleted = message("ADT^A23", pv1(), at="20261122130000")

    for after in (wrong, deleted):
        assert resources(stand([admitted, after]), "Observation") == []
    assert "issued" in the([message("ADT^A31", weight("71.4", taken=""))], "Observation")
