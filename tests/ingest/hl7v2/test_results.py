"""Does a result stand as its laboratory last said it: corrected with the old value beside it, withdrawn without a trace of it?"""

import base64
from decimal import Decimal

import pytest
from tests.ingest.hl7v2.world import all_is_well, filed, message, on_a_page, one, pv1, resources, stand, the, withdrawn

from carerecord.fhir.reading import included_of, read
from carerecord.ingest.hl7v2 import Unreadable

ORC = "ORC|RE|P1|F1"


def obr(
    status: str = "F", *, code: str = "UE^Urea and electrolytes^WinPath", section: str = "CH", issued: str = "20261122061200"
) -> str:
    fields = [""] * 26
    fields[:5] = ["OBR", "1", "P1", "F1", code]
    fields[7], fields[22], fields[24], fields[25] = "20261122055500", issued, section, status
    return "|".join(fields)


def obx(
    value: str, status: str = "F", *, kind: str = "NM", code: str = "K^Potassium^WinPath", unit: str = "mmol/L", sub: str = ""
) -> str:
    return f"OBX|1|{kind}|{code}|{sub}|{value}|{unit}|3.5 - 5.3|H|||{status}|||20261122055500"


def oru(*segments: str, at: str = "20261122061200") -> bytes:
    return message("ORU^R01", pv1(), ORC, *segments, at=at)


FIRST = oru(obr(), obx("7.1"), "NTE|1||Not haemolysed")
CORRECTED = oru(obr("C", issued="20261122070500"), obx("4.4", "C"), "NTE|1||Haemolysed, repeated", at="20261122070500")


def test_a_rejected_specimen_says_so_and_why_wherever_its_results_are_read():
    spm = "SPM|1|S1||BLD^Blood^L|||VP^Venepuncture^L||||||||FRZ^Keep frozen^L|INF~HIV^High infection risk^L||||N|RH~QS|||HEM"
    puts = stand([oru(obr("X"), obx("", "X"), spm)])
    all_is_well(puts)
    specimen, observation = one(puts, "Specimen"), one(puts, "Observation")

    assert specimen["status"] == "unsatisfactory"
    assert on_a_page(specimen).note.splitlines() == [
        "Special handling: infectious substance; High infection risk; Keep frozen",
        "Condition: Rejected: haemolysed, Rejected: quantity not sufficient, haemolysed",
    ]
    beside, alone = read(observation, included_of([("", specimen)])).result, on_a_page(observation).result
    assert beside is not None
    assert alone.specimen == "Blood; Rejected: haemolysed; Rejected: quantity not sufficient", "where the specimen is not at hand"
    care = "Special handling: infectious substance; High infection risk; Keep frozen"
    assert beside.specimen == f"{alone.specimen}; {care}; haemolysed", "as its condition, beside why it was rejected"


def test_a_specimen_that_is_examined_after_all_is_rejected_no_more():
    rejected = oru(obr("X"), "SPM|1|S1||BLD^Blood^L|||||||||||||||||RH")
    taken = oru(obr("F"), obx("4.4"), 'SPM|1|S1||BLD^Blood^L|||||||||||||||||""', at="20261122070500")
    specimen = the([rejected, taken], "Specimen")

    assert "condition" not in specimen
    assert "status" not in specimen


def test_what_was_never_asked_for_does_not_read_as_a_result_that_is_still_to_come():
    observation = the([oru(obr(), obx("", "N"))], "Observation")
    all_is_well(stand([oru(obr(), obx("", "N"))]))

    assert observation["status"] == "cancelled"
    assert on_a_page(observation).result.measure.absent.lower() == "not asked"


def test_a_corrected_result_shows_the_new_value_and_the_old_one_with_its_time():
    observation = the([FIRST, CORRECTED], "Observation")
    facts = on_a_page(observation)

    assert (facts.result.measure.value, facts.result.measure.unit, facts.warning) == ("4.4", "mmol/L", "corrected")
    (earlier,) = observation["extension"]
    assert {each["url"]: each.get("valueString") or each.get("valueDateTime") for each in earlier["extension"]} == {
        "value": "7.1 mmol/L",
        "status": "final",
        "at": "2026-11-22T06:12:00+00:00",
    }
    assert "7.1 mmol/L" in facts.note, "whoever reads the note alone sees that another value stood here"
    assert "Haemolysed, repeated" in facts.note
    assert "Not haemolysed" not in facts.note, "a comment goes with its value"


def test_a_correction_that_comes_before_what_it_corrects_still_stands():
    assert the([CORRECTED, FIRST], "Observation") == the([FIRST, CORRECTED], "Observation")


@pytest.mark.parametrize("status", ["W", "D"])
def test_a_withdrawn_result_is_gone_and_nothing_of_it_is_kept_in_how_it_stands(status):
    group = obx("A RhD positive", kind="ST", code="ABO^Blood group^WinPath", unit="")
    taken_back = oru(obr("C"), obx("", status, kind="ST", code="ABO^Blood group^WinPath", unit=""), at="20261122080000")
    puts = stand([oru(obr(), obx("4.4"), group), taken_back])

    ((key, why),) = withdrawn(puts).items()
    assert key.startswith("Observation/")
    assert "sender" in why
    assert [each["code"]["text"] for each in resources(puts, "Observation")] == ["Potassium"]
    assert len(one(puts, "DiagnosticReport")["result"]) == 1, "the report no longer names it"
    assert not any(put.raw is not None and b"RhD" in put.raw for put in puts.values())


def test_a_withdrawn_result_that_is_sent_again_later_is_there_again():
    again = oru(obr(), obx("4.4"), at="20261122090000")

    assert the([FIRST, oru(obr("C"), obx("", "W"), at="20261122080000"), again], "Observation")["status"] == "final"


def test_a_withdrawn_report_takes_all_its_results_with_it():
    puts = stand([FIRST, oru(obr("W"), at="20261122080000")])

    assert {key.partition("/")[0] for key in withdrawn(puts)} == {"DiagnosticReport", "Observation"}


@pytest.mark.parametrize(
    ("sent", "status", "warning"),
    [
        ("P", "preliminary", "preliminary"),
        ("F", "final", ""),
        ("X", "cancelled", "cancelled"),
        ("I", "registered", "no result yet"),
        ("A", "amended", "amended"),
    ],
)
def test_how_sure_a_result_is_stands_beside_it_in_words(sent, status, warning):
    observation = the([oru(obr(), obx("4.4", sent))], "Observation")

    assert observation["status"] == status
    assert on_a_page(observation).warning == warning


def test_a_status_that_comes_without_the_value_is_one_of_the_value_that_stands():
    observation = the([oru(obr("P"), obx("4.4", "P")), oru(obr(), obx("", "U"), at="20261122070000")], "Observation")

    assert observation["status"] == "final"
    assert on_a_page(observation).result.measure.value == "4.4"


@pytest.mark.parametrize(
    ("kind", "value", "unit", "shown"),
    [
        ("NM", "98.00", "umol/L", "98.00 umol/L"),
        ("NM", "<0.01", "ng/L", "< 0.01 ng/L"),
        ("NM", "Haemolysed", "mmol/L", "Haemolysed"),
        ("ST", "5.20", "mmol/L", "5.20 mmol/L"),
        ("ST", "5", "", "5"),
        ("SN", ">^90", "mL/min", "> 90 mL/min"),
        ("SN", "^1^:^128", "", "1 : 128"),
        ("SN", "^2^-^5", "/HPF", "2 /HPF to 5 /HPF"),
        ("CE", "112283007^Escherichia coli^SCT", "", "Escherichia coli"),
        ("TX", r"one\.br\two~three", "", "one\ntwo\nthree"),
        ("DT", "20261101", "", "2026-11-01"),
        ("XCN", "C1^Nair^Priya", "", "C1^Nair^Priya"),
    ],
)
def test_each_kind_of_value_reads_as_it_was_sent(kind, value, unit, shown):
    puts = stand([oru(obr(), obx(value, kind=kind, unit=unit))])
    all_is_well(puts)
    measure = on_a_page(one(puts, "Observation")).result.measure

    assert " ".join(filter(None, (measure.value, measure.unit))).replace("µ", "u") in (shown, shown.replace("umol", "µmol"))


def test_lines_of_a_text_are_one_text():
    lines = [obx(text, kind="TX", code="HIST^Histology^L", unit="") for text in ("Section of skin.", "", "No malignancy seen.")]
    observation = the([oru(obr(), *lines)], "Observation")

    assert observation["valueString"] == "Section of skin.\n\nNo malignancy seen."


def test_the_same_test_twice_in_one_report_is_two_results():
    assert len(resources(stand([oru(obr(), obx("4.4"), obx("4.6"))]), "Observation")) == 2
    assert len(resources(stand([oru(obr(), obx("4.4", sub="1"), obx("4.6", sub="2"))]), "Observation")) == 2


def test_a_file_in_a_result_is_a_document_that_opens():
    pdf = base64.b64encode(b"%PDF-1.4 a letter").decode()
    sent = f"OBX|1|ED|PDF^Report^L||^application^pdf^Base64^{pdf}||||||F"
    puts = stand([oru(obr(), sent)])
    all_is_well(puts)
    attachment = one(puts, "DocumentReference")["content"][0]["attachment"]

    assert attachment["contentType"] == "application/pdf"
    assert base64.b64decode(attachment["data"]) == b"%PDF-1.4 a letter"


def test_a_file_that_is_not_encoded_as_it_says_is_named_and_the_rest_stands():
    puts = stand([oru(obr(), obx("4.4"), "OBX|2|ED|PDF^Report^L||^application^pdf^Base64^!!!||||||F")])
    all_is_well(puts)

    assert "data" not in one(puts, "DocumentReference")["content"][0]["attachment"]
    assert one(puts, "Observation")["status"] == "final"


def test_a_specimen_and_the_comments_of_a_report_come_along():
    puts = stand(
        [oru(obr(), "NTE|1||Fasting sample", obx("4.4"), "SPM|1|S77^L77||BLD^Blood|||||||||||||20261122055500|20261122060100")]
    )
    all_is_well(puts)

    assert one(puts, "Specimen")["type"]["text"] == "Blood"
    assert one(puts, "DiagnosticReport")["conclusion"] == "Fasting sample"
    assert on_a_page(one(puts, "Observation")).result.specimen == "Blood"


def test_a_result_is_part_of_its_report_its_order_and_its_visit():
    puts = stand([FIRST])
    all_is_well(puts)
    report, order, observation = (one(puts, each) for each in ("DiagnosticReport", "ServiceRequest", "Observation"))

    assert report["result"] == [{"reference": f"Observation/{observation['id']}"}]
    assert report["basedOn"] == [{"reference": f"ServiceRequest/{order['id']}"}]
    assert order["status"] == "completed"
    assert observation["encounter"] == {"reference": f"Encounter/{one(puts, 'Encounter')['id']}"}
    assert on_a_page(report).section == "results"
    assert on_a_page(observation).section == "results"


def test_an_order_that_was_placed_says_more_than_a_result_that_repeats_it():
    placed = message(
        "ORM^O01",
        pv1(),
        "ORC|NW|P1||||||||||C9^Nair^Priya",
        "OBR|1|P1||UE^Urea and electrolytes^WinPath|||||||||Confused, dry",
        at="20261122050000",
    )

    order = the([FIRST, placed], "ServiceRequest")

    assert order["requester"]["display"] == "Priya Nair"
    assert order["reasonCode"] == [{"text": "Confused, dry"}]


def test_the_range_is_shown_in_the_words_that_were_sent():
    measure = on_a_page(the([FIRST], "Observation")).result.measure

    assert (measure.range, measure.low, measure.high, measure.flag) == ("3.5 - 5.3", 3.5, 5.3, "high")


def by_specimen(*segments: str) -> bytes:
    """As an analyser and some laboratories tell it: OUL^R22."""
    return message("OUL^R22", pv1(), *segments)


def test_results_by_specimen_are_those_that_an_ORU_tells_in_its_own_order():
    blood, urine = "SPM|1|S1||BLD^Blood^HL70487", "SPM|2|S2||UR^Urine^HL70487"
    haemoglobin = obx("140", code="HB^Hb^WinPath")
    colour, sodium = obx("Straw", kind="ST", code="COL^Colour^WinPath", unit=""), obx("140", code="NA^Sodium^WinPath")
    second, third = obr(code="FBC^Full blood count^WinPath"), obr(code="UR^Urine test^WinPath")
    told = by_specimen(
        blood, "SAC|||C1", obr(), ORC, "NTE|1||Fasting", obx("4.4"), "NTE|1||Not haemolysed", second, haemoglobin,
        urine, colour, third, sodium,
    )  # fmt: skip
    same = oru(
        obr(), "NTE|1||Fasting", obx("4.4"), "NTE|1||Not haemolysed", blood, second, haemoglobin, blood,
        third, sodium, urine, colour,
    )  # fmt: skip

    puts = stand([told])
    assert {each: put.raw for each, put in puts.items()} == {each: put.raw for each, put in stand([same]).items()}
    found = resources(puts, "Observation")
    potassium = next(each for each in found if "Potassium" in str(each["code"]))
    assert (potassium["valueQuantity"]["value"], potassium["specimen"]["display"]) == (Decimal("4.4"), "Blood")
    assert next(each for each in found if "Colour" in str(each["code"]))["specimen"]["display"] == "Urine"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_value_of_a_specimen_on_which_nobody_reports_is_neither_lost_nor_taken_for_another_specimens(place: int):
    blood, urine = "SPM|1|S1||BLD^Blood^HL70487", "SPM|2|S2||UR^Urine^HL70487"
    whole = [urine, obr(), obx("140", code="NA^Sodium^WinPath")]
    told = ([blood, obx("7.9"), *whole], [*whole, blood, obx("7.9")], [blood, obx("7.9")])[place]

    with pytest.raises(Unreadable, match=r"no report \(OBR\) on the specimen of SPM"):
        filed(by_specimen(*told))


def test_an_order_that_is_told_before_its_report_is_that_reports_also_where_the_one_before_has_no_value_yet():
    first, second = "OBR|1|P1|F1|FBC^Full blood count^WinPath", "OBR|2|P2|F2|UE^Urea^WinPath"
    segments = ("ORC|RE|P1|F1", first, "ORC|RE|P2|F2", second, obx("4.4"))
    told = by_specimen("SPM|1|S1||BLD^Blood^HL70487", *segments)
    same = by_specimen("SPM|1|S1||BLD^Blood^HL70487", first, segments[0], second, segments[2], segments[4])

    assert {each: put.raw for each, put in stand([told]).items()} == {each: put.raw for each, put in stand([same]).items()}


def test_results_by_order_are_those_that_an_ORU_tells():
    """OUL^R24: the order behind its report, the specimens of it next, then its values."""
    first, second = "OBR|1|P1|F1|FBC^Full blood count^WinPath", "OBR|2|P2|F2|UE^Urea^WinPath"
    one, two = "ORC|RE|P1|F1|||||||||0012^Nair^Priya", "ORC|RE|P2|F2"
    blood = "SPM|1|S1||BLD^Blood^HL70487"
    values = (obx("140", code="HB^Hb^WinPath"), obx("4.4"))
    told = message("OUL^R24", pv1(), first, "NTE|1||Fasting", one, blood, values[0], second, two, values[1])
    same = oru(one, first, "NTE|1||Fasting", blood, values[0], two, second, values[1])

    puts = stand([told])
    assert {each: put.raw for each, put in puts.items()} == {each: put.raw for each, put in stand([same]).items()}
    orders = resources(puts, "ServiceRequest")
    assert [each["requester"]["display"] for each in orders if "requester" in each] == ["Priya Nair"]
    assert next(each for each in orders if "requester" in each)["identifier"][0]["value"] in ("P1", "F1")


def test_results_in_a_message_of_a_kind_that_nobody_can_read_wait_for_a_human():
    with pytest.raises(Unreadable, match=r"OUL\^R21 is not mapped, and it holds results"):
        filed(message("OUL^R21", pv1(), obr(), obx("7.9")))
    assert filed(message("ADT^A20", pv1())).kept_only == "ADT^A20 is not mapped"


def test_a_row_that_is_shifted_by_a_field_is_told_of_every_field_that_is_lost_of_it():
    shifted = "OBX|1|NM|K^Potassium^WinPath|7.9|mmol/L|3.5-5.3|H|||F"
    notes = filed(oru(obr(), shifted)).notes

    assert "OBX-5 holds no number: its unit, OBX-6, is not carried" in notes
    assert "OBX-10 is not carried" in notes


def test_a_flag_of_its_senders_own_with_blanks_in_it_is_a_code_that_fhir_takes():
    puts = stand([message("ORU^R01", "OBR|1|P1|F1|1^Sodium", "OBX|1|NM|1^Sodium||140|mmol/L||see  below|||F")])
    all_is_well(puts)

    assert one(puts, "Observation")["interpretation"][0]["coding"] == [{"code": "see below"}]
