"""Coded dosage read aloud, against the NHS Dose Syntax examples and the phrases of its narrative logic."""

import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from carerecord.fhir.dosage import dosage_words, dose_amount, dose_words, frequency_words, sequence_words

EXAMPLES = Path(__file__).parent / "data" / "dose-syntax"
LISTS = {"dosageInstruction", "additionalInstruction", "coding", "when", "dayOfWeek", "timeOfDay", "event"}


def as_json(element: ET.Element) -> Any:
    if len(element) == 0:
        value = element.get("value") or ""
        if value in ("true", "false"):
            return value == "true"
        return Decimal(value) if value.replace(".", "", 1).isdigit() and element.tag != "code" else value
    made: dict[str, Any] = {}
    for child in element:
        if child.tag in LISTS:
            made.setdefault(child.tag, []).append(as_json(child))
        else:
            made[child.tag] = as_json(child)
    return made


def dosages(name: str) -> list[dict[str, Any]]:
    root = ET.fromstring(f"<all>{(EXAMPLES / f'example-dosage-{name}.xml').read_text()}</all>")
    return [instruction for each in root for instruction in as_json(each).get("dosageInstruction", [])]


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("complex1", "1 tablet - once a day - oral - for 21 days - subsequent courses repeated after 7-day tablet-free interval"),
        ("complex3", "2 tablet - every 6 hours - 1 hour before a meal - oral - an hour before food or on an empty stomach"),
        ("complex11", "2 tablet - 4 times a day - at a meal and after a meal - Dissolve or mix with water before taking"),
        ("complex13", "1 tablet - twice a day - on Monday, Wednesday and Friday"),
        ("complex15", "600 milligram - every 4 hours - Rectal - up to a maximum of 3.6 gram in 24 hours"),
        ("complex17", "infusion - at a rate of 30 millilitre per kilogram - over 10 hours - intravenous"),
        (
            "complex4-alt2",
            "2 tablet - as required for Migraine - take once - up to a maximum of 6 dose in 24 hours, then "
            "2 tablet - every 4 hours - up to a maximum of 6 dose in 24 hours - when migraine recurs",
        ),
        ("inter2", "1 tablet - once a day - before sleep - oral - as required"),
        ("inter4", "5 milligram - every 20 to 30 minutes - inhalation - as required - to be given via a nebuliser"),
        ("inter11", "inject 30 milligram - 4 times a day - intravenous route - for 1 day"),
        (
            "vitB12",
            "1 ampoule - 3 times a week - intramuscular route - Shoulder - take 6 times, then "
            "1 ampoule - every 3 months - intramuscular route - Shoulder - from 2019-11-01",
        ),
        ("non-dmd", "Continuous infusion - at a rate of 100 millilitre per hour - over 8 hours"),
    ],
)
def test_the_dose_syntax_examples_read_as_their_comments_say(name: str, reads: str) -> None:
    instructions = dosages(name)
    assert instructions
    assert sequence_words([{**each, "text": ""} for each in instructions]) == reads


@pytest.mark.parametrize(
    ("repeat", "reads"),
    [
        ({"frequency": 1, "period": 1, "periodUnit": "d"}, "once a day"),
        ({"frequency": 2, "period": 1, "periodUnit": "d"}, "twice a day"),
        ({"frequency": 4, "period": 1, "periodUnit": "d"}, "4 times a day"),
        ({"frequency": 1, "period": 1, "periodUnit": "wk"}, "once a week"),
        ({"frequency": 1, "period": 1, "periodUnit": "h"}, "once an hour"),
        ({"frequency": 1, "period": 8, "periodUnit": "h"}, "every 8 hours"),
        ({"frequency": 1, "period": 6, "periodMax": 8, "periodUnit": "h"}, "every 6 to 8 hours"),
        ({"frequency": 3, "period": 8, "periodUnit": "h"}, "3 times every 8 hours"),
        ({"frequency": 2, "frequencyMax": 4, "period": 1, "periodUnit": "d"}, "2 to 4 times a day"),
        ({"frequencyMax": 3, "period": 1, "periodUnit": "d"}, "up to 3 times a day"),
        ({"frequencyMax": 6, "period": 3, "periodMax": 4, "periodUnit": "wk"}, "up to 6 times every 3 to 4 weeks"),
        ({"frequency": 3, "periodMax": 8, "periodUnit": "h"}, "3 times up to 8 hours"),
        ({"period": 1, "periodUnit": "d"}, "daily"),
        ({"period": 1, "periodUnit": "a"}, "annually"),
        ({"frequency": 2}, "twice"),
        ({"frequency": 1, "period": Decimal("1.5"), "periodUnit": "h"}, "every 1.5 hours"),
        ({}, ""),
    ],
)
def test_how_often_reads_as_people_say_it(repeat: dict[str, Any], reads: str) -> None:
    assert frequency_words({"repeat": repeat}) == reads


def test_methotrexate_once_a_week_never_reads_as_daily() -> None:
    dosage = {
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["tue"]}},
        "doseAndRate": [{"doseQuantity": {"value": 15, "unit": "mg"}}],
    }
    assert dosage_words(dosage) == "15 milligram - once a week - on Tuesday"


def test_the_words_of_the_source_are_given_verbatim_and_alone() -> None:
    coded = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "sequence": 2}
    said = {"text": "15 mg ONCE A WEEK on Tuesdays", "sequence": 1}
    assert dose_words({"dosageInstruction": [said, coded]}) == ("15 mg ONCE A WEEK on Tuesdays", False)
    assert dose_words({"dosageInstruction": [coded]}) == ("once a day", True)
    assert dose_words({"dosageInstruction": [{"patientInstruction": "As directed"}]}) == ("As directed", False)
    assert dose_words({}) == ("", False)


def test_the_amount_of_a_dose_keeps_its_digits() -> None:
    assert dose_amount({"doseQuantity": {"value": Decimal("2.50"), "unit": "mg"}}, short=True) == "2.50 mg"
    span = {"low": {"value": 1, "unit": "tablet"}, "high": {"value": 2, "unit": "tablet"}}
    assert dose_amount({"doseRange": span}) == "1 to 2 tablet"
