"""Does what laboratories write beside the standard, or at its edges, come to what they meant?"""

import pytest
from tests.ingest.hl7v2.test_results import obr, obx, oru
from tests.ingest.hl7v2.world import all_is_well, on_a_page, one, resources, stand, the


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


def test_a_value_that_is_taken_away_is_no_value_though_its_test_stands():
    taken, verified = oru(obr("C"), obx('""', "C"), at="20261122070000"), oru(obr(), obx("", "F"), at="20261122080000")
    observation = the([oru(obr(), obx("7.9")), taken, verified], "Observation")

    assert "valueQuantity" not in observation
    assert "Replaced: 7.9 mmol/L" in observation["note"][0]["text"]
    assert on_a_page(observation).result.measure.value == ""
