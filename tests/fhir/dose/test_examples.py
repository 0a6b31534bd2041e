"""The NHS dose syntax examples (STU3, XML) read as their comments say."""

import os
import xml.etree.ElementTree as ET
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from carerecord.fhir.dose.sentence import SEE, sequence_words

EXAMPLES = Path(__file__).parent / "examples"
WHOLE = os.environ.get("CARERECORD_DOSE_EXAMPLES", "")  # a folder with all examples of nhsconnect/Dose-Syntax-Implementation
LISTS = {"dosageInstruction", "additionalInstruction", "coding", "when", "dayOfWeek", "timeOfDay", "event"}
READS = {
    "complex1": "1 tablet - once a day - oral - for 21 days - subsequent courses repeated after 7-day tablet-free interval",
    "complex3": "2 tablet - every 6 hours - 1 hour before a meal - oral - an hour before food or on an empty stomach",
    "complex4-alt2": "2 tablet - as required for Migraine - take once - up to a maximum of 6 dose in 24 hours, then "
    "2 tablet - every 4 hours - up to a maximum of 6 dose in 24 hours - when migraine recurs",
    "complex6": "2 tablet - once a week - start one week before travel and continue until 4 weeks after return",
    "complex8": "inject - once a day - on Monday and Thursday - subcutaneous route - with dialysis",
    "complex11": "2 tablet - 4 times a day - at a meal and after a meal - Dissolve or mix with water before taking",
    "complex13": "1 tablet - twice a day - on Monday, Wednesday and Friday",
    "complex15": "600 milligram - every 4 hours - Rectal - up to a maximum of 3.6 gram in 24 hours",
    "complex17": "infusion - at a rate of 30 millilitre per kilogram - over 10 hours - intravenous",
    "complex19": "1 to 2 litre per minute - Inhalation - to be given via nasal cannula",
    "gastro": "10 milligram - once a day - oral",
    "inter1": "inject - as required - according to insulin requirements",
    "inter2": "1 tablet - once a day - before sleep - oral - as required",
    "inter4": "5 milligram - every 20 to 30 minutes - inhalation - as required - to be given via a nebuliser",
    "inter8": "inject 4,500 unit - once a day - subcutaneous route",
    "inter11": "inject 30 milligram - 4 times a day - intravenous route - for 1 day",
    "limitation-combinationproducts": "2 tablet - as required for Migraine - take once - up to a maximum of 2 tablet in 24 "
    "hours - Pink tablets, then 2 tablet - every 4 hours - as required - up to a maximum of 6 tablet in 24 hours - "
    "Yellow tablets",
    "non-dmd": "Continuous infusion - at a rate of 100 millilitre per hour - over 8 hours",
    "simple4-vtm": "200 milligram - twice a day - oral - for 3 days",
    "simple5-vtm": "450 milligram - once a day - Rectal",
    "simple8": "1 application - 3 times a day - Topical",
    "simple10-vtm": "250 milligram - every 6 hours - oral",
    "simple12-vtm": "40 milligram - once a day - oral - Do not stop taking this medicine except on your doctor's advice",
    "vitB12": "1 ampoule - 3 times a week - intramuscular route - Shoulder - take 6 times, then "
    "1 ampoule - every 3 months - intramuscular route - Shoulder - from 2019-11-01",
}


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


def files() -> dict[str, Path]:
    """By short name: those that stand here, and all where the whole set is at hand."""
    found = [*EXAMPLES.glob("example-dosage-*.xml"), *(Path(WHOLE).glob("example-dosage-*.xml") if WHOLE else ())]
    return {each.stem.removeprefix("example-dosage-"): each for each in found}


def dosages(file: Path) -> list[dict[str, Any]]:
    root = ET.fromstring(f"<all>{file.read_text(encoding='utf-8')}</all>")
    return [instruction for each in root for instruction in as_json(each).get("dosageInstruction", [])]


@pytest.mark.parametrize("name", sorted(files()))
def test_the_dose_syntax_examples_read_as_their_comments_say(name: str) -> None:
    instructions = dosages(files()[name])

    assert instructions
    said = sequence_words([{**each, "text": ""} for each in instructions])
    assert said == READS[name]
    assert SEE not in said
