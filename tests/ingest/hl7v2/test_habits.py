"""Does what laboratories write beside the standard, or at its edges, come to what they meant?"""

import base64

import pytest
from tests.ingest.hl7v2.test_results import ORC, obr, obx, oru
from tests.ingest.hl7v2.world import all_is_well, message, on_a_page, one, pv1, resources, stand, the


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ("10^9/L", "10^9/L"),
        ("x10^12/L", "x10^12/L"),
        (r"10\S\9/L", "10^9/L"),
        ("mL/min/1.73m^2", "mL/min/1.73m^2"),
        ("10*9/L^10*9/L^UCUM", "10*9/L"),
        ("g/L^grams per litre^L", "grams per litre"),
        ("%^% of total^L", "% of total"),
    ],
)
def test_a_unit_with_a_power_is_whole_though_nobody_escaped_its_sign(sent, unit):
    measured = the([oru(obr(), obx("11.9", unit=sent))], "Observation")

    assert measured["valueQuantity"]["unit"] == unit


def sensitivities(number: int, organism: str, code: str = "ORG") -> str:
    fields = [""] * 30
    fields[:5] = ["OBR", str(number), "P1", "F1", "SENS^Sensitivities^L"]
    fields[7], fields[22], fields[25] = "20261122055500", "20261122061200", "F"
    fields[26], fields[29] = f"{code}^{organism}", "P1^F1"
    return "|".join(fields)


def sensitive(to: str, how: str) -> str:
    return obx(how, kind="ST", code=f"{to}^{to}^L", unit="")


def grown(sub: str, code: str, name: str) -> str:
    return obx(f"{code}^{name}^L", kind="CE", code="ORG^Organism^L", unit="", sub=sub)


def test_the_sensitivities_of_two_organisms_are_never_one_anothers():
    culture = obr(code="UC^Urine culture^L", section="MB")
    first = (sensitivities(2, "1^Escherichia coli"), sensitive("Ampicillin", "S"))
    second = (sensitivities(3, "2"), sensitive("Ampicillin", "R"))
    organisms = grown("1", "ECO", "Escherichia coli"), grown("2", "KPN", "Klebsiella pneumoniae")
    puts = stand([oru(culture, *organisms, *first, *second), oru(culture, *organisms, *second, at="20261122070000")])
    all_is_well(puts)

    found = {each["note"][0]["text"]: each["valueString"] for each in resources(puts, "Observation") if "valueString" in each}
    assert found == {"Of this finding: Escherichia coli": "S", "Of this finding: Klebsiella pneumoniae": "R"}
    assert sorted(each.get("conclusion", "") for each in resources(puts, "DiagnosticReport")) == ["", *sorted(found)]


def test_sensitivities_sent_again_without_their_culture_still_say_whose_they_are():
    culture = obr(code="UC^Urine culture^L", section="MB")
    said = (sensitivities(2, "2"), sensitive("Ampicillin", "S"))
    again = (sensitivities(2, "2"), sensitive("Ampicillin", "R"), "NTE|1||Repeated")
    puts = stand([oru(culture, grown("2", "KPN", "Klebsiella pneumoniae"), *said), oru(*again, at="20261122070000")])
    all_is_well(puts)
    (found,) = [each for each in resources(puts, "Observation") if "valueString" in each]

    assert [each["text"] for each in found["note"]][:2] == ["Of this finding: Klebsiella pneumoniae", "Repeated"]
    assert found["valueString"] == "R"


@pytest.mark.parametrize(("parent", "said"), [("P2^F2", "Proteus mirabilis"), ("P1^F1", "Escherichia coli"), ("", None)])
def test_the_organism_of_another_culture_is_never_named(parent, said):
    first = (obr(code="UC^Urine culture^L", section="MB"), grown("1", "ECO", "Escherichia coli"))
    second = (first[0].replace("P1|F1", "P2|F2"), grown("1", "PMI", "Proteus mirabilis"))
    sens = sensitivities(3, "1").replace("|P1|F1|", "|P3|F3|").replace("|P1^F1", f"|{parent.replace('^', '&x^')}")
    puts = stand([oru(*first, *second, sens, sensitive("Ampicillin", "S"))])
    (found,) = [each for each in resources(puts, "Observation") if "valueString" in each]

    assert found.get("note") == ([{"text": f"Of this finding: {said}"}] if said else None)


def test_one_number_and_one_test_twice_in_a_message_are_two_reports():
    puts = stand([oru(obr(), obx("4.1"), obr(), obx("7.9"))])

    assert sorted(str(each["valueQuantity"]["value"]) for each in resources(puts, "Observation")) == ["4.1", "7.9"]
    assert len(resources(puts, "DiagnosticReport")) == 2


def test_a_result_with_a_time_of_its_own_in_a_report_over_a_span_has_one_time():
    span = obr().split("|")
    span[8] = "20261122060000"
    over = oru("|".join(span), obx("4.1"), at="20261122070000")
    for messages in ([over], [oru(obr(), obx("4.1")), over]):
        puts = stand(messages)
        all_is_well(puts)
        assert "effectivePeriod" not in one(puts, "Observation")
    without = obx("4.1").removesuffix("20261122055500")
    puts = stand([oru(obr(), without), oru("|".join(span), without, at="20261122070000")])
    assert [key for key in one(puts, "Observation") if key.startswith("effective")] == ["effectivePeriod"]


def test_a_comment_that_comes_without_the_value_stands_beside_the_value():
    first = oru(obr("P"), obx("12", "P"), "NTE|1||Not verified yet")
    later = oru(obr("C"), obx("", "C"), "NTE|1||Sample mislabelled: do not rely on it", at="20261122070000")
    observation = the([first, later], "Observation")

    assert [each["text"] for each in observation["note"]] == ["Sample mislabelled: do not rely on it", "Not verified yet"]
    assert (observation["status"], observation["valueQuantity"]["value"]) == ("corrected", 12)


def test_no_comment_takes_the_place_of_another():
    said = (oru(obr(), obx("", "F"), f"NTE|1||{words}", at=f"202611220{hour}0000") for hour, words in ((7, "One"), (8, "Two")))
    observation = the([oru(obr(), obx("12"), "NTE|1||First"), *said], "Observation")

    assert [each["text"] for each in observation["note"]] == ["Two", "One", "First"]


def test_a_value_that_is_taken_away_is_no_value_though_its_test_stands():
    taken, verified = oru(obr("C"), obx('""', "C"), at="20261122070000"), oru(obr(), obx("", "F"), at="20261122080000")
    observation = the([oru(obr(), obx("7.9")), taken, verified], "Observation")

    assert "valueQuantity" not in observation
    assert "Replaced: 7.9 mmol/L" in observation["note"][0]["text"]
    assert on_a_page(observation).result.measure.value == ""


BYTES = b"%PDF-1.4 " + b"a page of a letter " * 20
PDF = base64.b64encode(BYTES).decode()
HALF = len(PDF) // 2 + 1


def file(data: str, *, sub: str = "", before: str = "LAB^application^pdf^Base64^", kind: str = "ED") -> str:
    return f"OBX|1|{kind}|PDF^Report as PDF^L|{sub}|{before}{data}||||||F"


@pytest.mark.parametrize(
    "lines",
    [
        (file(PDF),),
        (file(PDF[:HALF]), file(PDF[HALF:])),
        (file(PDF[:HALF], sub="1"), file(PDF[HALF:], sub="2")),
        (file(PDF[:24]), file(PDF[24:80]), file(PDF[80:])),
        (file(base64.b64encode(BYTES[:10]).decode()), file(base64.b64encode(BYTES[10:]).decode())),
        (file(f"{PDF[:HALF]}~{PDF[HALF:]}"),),
        (file(PDF, before="PDF^Base64^"),),
        (file(PDF[:HALF]), file(PDF[HALF:], before="")),
        (file(PDF, before="", kind="TX"),),
        (file(PDF[:HALF], before="", kind="FT"), file(PDF[HALF:], before="", kind="FT")),
    ],
)
def test_a_file_is_one_document_however_it_was_cut_or_laid_in(lines):
    puts = stand([oru(obr(), *lines, "NTE|1||Copy to the GP", obx("4.1"))])
    all_is_well(puts)
    document = one(puts, "DocumentReference")

    assert base64.b64decode(document["content"][0]["attachment"]["data"]) == BYTES
    assert document["content"][0]["attachment"]["contentType"] == "application/pdf"
    assert (document["description"], document["date"]) == ("Copy to the GP", "2026-11-22T06:12:00+00:00")
    assert document["context"]["period"] == {"start": "2026-11-22T05:55:00+00:00"}
    assert one(puts, "Observation")["valueQuantity"]["unit"] == "mmol/L"


def test_two_files_in_a_report_are_two_documents():
    puts = stand([oru(obr(), file(PDF), file(PDF, sub="2"))])

    assert len(resources(puts, "DocumentReference")) == 2


@pytest.mark.parametrize(
    ("first", "behind"),
    [
        (file(PDF), file("R0lGODlhAQABAAAAACw=", before="LAB^image^gif^Base64^")),
        (file(PDF, before="", kind="TX"), file("Dear colleague, all is well.", before="", kind="TX")),
        (file("Dear colleague, all is well.", before="", kind="TX"), file(PDF, before="", kind="TX")),
    ],
)
def test_what_is_no_piece_of_a_file_is_not_swallowed_by_it(first, behind):
    puts = stand([oru(obr(), first, behind)])
    all_is_well(puts)
    documents = [base64.b64decode(each["content"][0]["attachment"]["data"]) for each in resources(puts, "DocumentReference")]

    assert BYTES in documents
    assert len(documents) + len(resources(puts, "Observation")) == 2


def test_a_file_that_is_broken_within_is_one_of_which_nobody_knows_the_kind():
    puts = stand([oru(obr(), file(f"{PDF[:40]} - not base64 -", before="", kind="TX"))])
    all_is_well(puts)

    assert one(puts, "DocumentReference")["content"][0]["attachment"]["contentType"] == "application/octet-stream"


def test_a_file_without_a_name_is_the_same_whatever_stands_before_it():
    unnamed = file(PDF).replace("PDF^Report as PDF^L", "")
    text = obx("No bleed.", kind="TX", code="CTH^CT head^L", unit="")
    one_way, other = ({*stand([oru(obr(code="CTH^CT head^L"), *each)])} for each in ((unnamed, text), (text, unnamed)))

    assert one_way == other


def test_a_document_is_put_together_of_its_pieces_and_one_that_cannot_be_read_says_so():
    txa = "TXA|1|DS|||20261120100000|||||||DOC1|||||AU"
    letter = the([message("MDM^T02", txa, file(PDF[:HALF]), file(PDF[HALF:]))], "DocumentReference")
    broken = the([message("MDM^T02", txa, file("%%%"))], "DocumentReference")

    assert base64.b64decode(letter["content"][0]["attachment"]["data"]) == BYTES
    assert [each["attachment"]["title"] for each in broken["content"]] == ["The file could not be read"]


def test_each_comment_lies_with_what_it_stands_behind():
    specimen = ("SPM|1|^S1||BLD^Blood^L", "NTE|1||Taken from the drip arm")
    report = (obr(), "NTE|1||Repeat in a week", obx("4.1"), "NTE|1||Not haemolysed")
    puts = stand([message("ORU^R01", "NTE|1||On warfarin", ORC, "NTE|1||Ring the ward", *report, *specimen)])
    all_is_well(puts)

    assert one(puts, "DiagnosticReport")["conclusion"] == "On warfarin\nRing the ward\nRepeat in a week"
    assert one(puts, "Observation")["note"] == [{"text": "Not haemolysed"}]
    assert one(puts, "Specimen")["note"] == [{"text": "Taken from the drip arm"}]


def test_a_comment_that_no_report_follows_is_kept():
    behind = the([oru(obr(), obx("4.1")), message("ORU^R01", obr(), obx("4.1"), ORC, "NTE|1||Ring the ward")], "DiagnosticReport")
    alone = stand([message("ORU^R01", pv1(), "NTE|1||Sample never came")])
    all_is_well(alone)

    assert [behind["conclusion"], one(alone, "DiagnosticReport")["conclusion"]] == ["Ring the ward", "Sample never came"]


def test_a_text_without_a_name_is_what_its_report_is_named():
    puts = stand([oru(obr(code="CTH^CT head^L"), obx("No bleed.", kind="TX", code="", unit=""))])
    all_is_well(puts)

    assert (one(puts, "Observation")["code"]["text"], one(puts, "Observation")["valueString"]) == ("CT head", "No bleed.")


def places(*messages: bytes) -> list[tuple[str, str, str]]:
    """Where a visit's person was: the place, its status, and since when."""
    visit = the(messages, "Encounter")
    told = visit.get("location", [])
    return [(each["location"]["display"], each.get("status", ""), each.get("period", {}).get("start", "")[:16]) for each in told]


def test_a_bed_that_is_booked_is_one_where_nobody_lies_yet():
    booked = message("ADT^A05", pv1(place="WARD1", kind="P"), at="20261101090000")
    came = message("ADT^A01", pv1(place="WARD2"), at="20261120090000")

    assert places(booked) == [("RX1, WARD1", "planned", "")]
    assert places(booked, came) == places(came, booked) == [("RX1, WARD2", "active", "2026-11-20T09:00")]
    assert places(booked, message("ADT^A38", pv1(place="WARD1", kind="P"), at="20261102090000")) == [("RX1, WARD1", "", "")]


def test_nobody_lies_in_a_bed_of_a_visit_that_never_was():
    came = message("ADT^A01", pv1(), at="20261120090000")

    assert places(came, message("ADT^A11", pv1(), at="20261120091000")) == [("RX1, WARD1", "", "")]


def test_what_names_a_place_and_is_no_move_does_not_say_since_when():
    known, changed = message("ADT^A08", pv1(), at="20261120090000"), message("ADT^A02", pv1(place="WARD2"), at="20261120100000")

    assert places(known) == [("RX1, WARD1", "active", "")]
    assert places(known, changed) == [("RX1, WARD1", "completed", ""), ("RX1, WARD2", "active", "2026-11-20T10:00")]
    assert places(message("ADT^A03", pv1(), at="20261120090000")) == [("RX1, WARD1", "completed", "")]


def fields(name: str, said: dict[int, str]) -> str:
    return "|".join([name, *(said.get(number, "") for number in range(1, max(said) + 1))])


PERSON = {
    1: "1", 3: "M7^^^RX1^MR", 5: "Marlow^Edith", 6: "Jones^X", 7: "19480714", 8: "F", 10: "A^White", 11: "1 Elm Road^^Hull",
    13: "01482 1", 14: "01482 2", 15: "EN^English", 16: "M^Married", 17: "C22^Church of England", 22: "A^White", 23: "Hull",
    24: "Y", 25: "2",
}  # fmt: skip
VISIT = {
    1: "1", 2: "I", 3: "W1", 4: "21^Emergency", 5: "PRE1", 7: "C1^House", 8: "C2^Ref", 9: "C3^Con", 10: "300^Medicine",
    14: "19^Home", 17: "C4^Adm", 18: "NHS", 19: "V1", 36: "1^Home", 37: "HOME", 44: "20261120090000", 45: "20261120100000",
}  # fmt: skip
OF_A_PERSON = {
    "extension", "address", "telecom", "communication", "maritalStatus", "multipleBirthInteger", "contact", "generalPractitioner",
}  # fmt: skip
OF_A_VISIT = {"extension", "participant", "serviceType", "hospitalization", "type", "period", "reasonCode"}


@pytest.mark.parametrize("said", ['""', ""])
def test_two_quotes_take_away_whatever_a_field_had_said_and_an_empty_field_keeps_it(said):
    person = {**PERSON, **dict.fromkeys(PERSON.keys() - {1, 3, 5, 7, 8}, said)}
    visit = {**VISIT, **dict.fromkeys(VISIT.keys() - {1, 2, 3, 19}, said)}
    around = ("PD1|||Elm Bank^^A99917|G1234567^Brown", "NK1|1|Marlow^Bob|HUS", "PV2|||^Fall")
    first = message("ADT^A08", *around, fields("PV1", VISIT), pid=fields("PID", PERSON), at="20261120110000")
    gone = (f"PD1|||{said}|{said}", f"NK1|1|{said}", f"PV2|||{said}", fields("PV1", visit))
    puts = stand([first, message("ADT^A08", *gone, pid=fields("PID", person), at="20261120120000")])
    all_is_well(puts)

    assert OF_A_PERSON & one(puts, "Patient").keys() == (OF_A_PERSON if not said else set())
    assert OF_A_VISIT & one(puts, "Encounter").keys() == (OF_A_VISIT if not said else set())


def test_when_and_how_urgent_stands_with_its_own_order_though_it_comes_before_it():
    first = ("ORC|NW|P1", "TQ1|1||||||20261123080000||S", "NTE|1||Ring the ward", "OBR|1|P1||FBC^Blood count^L", "NTE|1||Fasting")
    second = ("ORC|NW|P2", "TQ1|1||||||20261124080000||R", "OBR|1|P2||CT^CT head^L")
    puts = stand([message("OML^O21", "NTE|1||Difficult veins", *first, *second)])
    all_is_well(puts)
    count, scan = sorted(resources(puts, "ServiceRequest"), key=lambda each: each["code"]["text"])

    assert (count["priority"], count["occurrenceDateTime"][:10]) == ("stat", "2026-11-23")
    assert count["note"] == [{"text": "Difficult veins\nRing the ward\nFasting"}]
    assert (scan["priority"], scan["occurrenceDateTime"][:10], "note" in scan) == ("routine", "2026-11-24", False)


def test_an_order_whose_result_is_final_is_done_and_one_that_is_cancelled_afterwards_is_not():
    placed = message("ORM^O01", "ORC|NW|P1", "OBR|1|P1||UE^Urea and electrolytes^WinPath", at="20261122050000")
    cancelled = message("ORM^O01", "ORC|CA|P1", "OBR|1|P1||UE^Urea and electrolytes^WinPath", at="20261122080000")
    result, early = oru(obr(), obx("4.1")), oru(obr("P"), obx("4.1", "P"))

    assert [the(each, "ServiceRequest")["status"] for each in ([placed, early], [placed, result], [result, placed])] == [
        "active", "completed", "completed",
    ]  # fmt: skip
    assert the([placed, result, cancelled], "ServiceRequest")["status"] == "revoked"


def test_who_read_a_result_is_named_though_the_name_stands_in_one_component():
    read = obr().split("|")
    read += [""] * 7
    read[32] = "C5&Ray&Sunita&&&Dr"
    (reader,) = the([oru("|".join(read), obx("4.1"))], "DiagnosticReport")["resultsInterpreter"]

    assert (reader["display"], reader["identifier"]["value"]) == ("Dr Sunita Ray", "C5")


def test_what_is_said_of_a_person_before_the_first_medicine_lies_with_it():
    orders = ("ORC|NW|P1", "RXO|^Furosemide|40||mg", "ORC|NW|P2", "RXO|^Ramipril|5||mg")
    puts = stand([message("OMP^O09", "NTE|1||Renal dose", *orders)])

    notes = {each["medicationCodeableConcept"]["text"]: each.get("note") for each in resources(puts, "MedicationRequest")}
    assert notes == {"Furosemide": [{"text": "Renal dose"}], "Ramipril": None}


@pytest.mark.parametrize(
    ("refusal", "said", "status"), [("^Refused", "", "not-done"), ("", "", "completed"), ("^Refused", "PA", "completed")]
)
def test_a_medicine_that_was_refused_was_not_given(refusal, said, status):
    given = fields("RXA", {2: "1", 3: "20261120080000", 5: "^Paracetamol", 6: "1", 7: "g", 18: refusal, 20: said})

    assert the([message("RAS^O17", "ORC|RE|P1", given)], "MedicationAdministration")["status"] == status
    assert the([message("VXU^V04", "ORC|RE|P1", given)], "Immunization")["status"] == status


def booking(start: str, end: str = "", minutes: str = "") -> str:
    return f"SCH|A1|B1|||||||{minutes}|{'min' if minutes else ''}|^^^{start}^{end}"


@pytest.mark.parametrize("minutes", ["30", ""])
def test_an_appointment_that_is_moved_does_not_keep_the_end_of_its_old_time(minutes):
    booked = message("SIU^S12", booking("20261201100000", "20261201103000", minutes), at="20261120090000")
    for start in ("20261202100000", "20261130100000"):
        puts = stand([booked, message("SIU^S14", booking(start), at="20261120100000")])
        all_is_well(puts)
        day = f"{start[:4]}-{start[4:6]}-{start[6:8]}"
        found = one(puts, "Appointment")
        assert found["start"] == f"{day}T10:00:00+00:00"
        assert found.get("end") == (f"{day}T10:30:00+00:00" if minutes else None)
