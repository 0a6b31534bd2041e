"""Do the systems hold, to the word and the number, what each scene says?"""

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from carerecord.region.organisations import ALDERMOOR, FENWICK, USER_BY_NAME
from carerecord.region.people.chart import medicine_name
from carerecord.region.scenes.all import tell_scenes
from carerecord.region.shapes import Holding, Region, Scene

NOW = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
TOUR = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15)


def scene(region: Region, number: int) -> Scene:
    return next(each for each in region.scenes if each.number == number)


def holding(region: Region, system: str, person: str) -> Holding:
    return next(each for each in region.holdings[system] if each.person == person)


def kinds(held: Holding, kind: str) -> list[dict[str, Any]]:
    return [each for each in held.resources if each["resourceType"] == kind]


def values(region: Region, system: str, person: str, test: str) -> list[float]:
    """Values of one test, oldest first."""
    found = [each for each in kinds(holding(region, system, person), "Observation")
             if each.get("code", {}).get("text") == test and "valueQuantity" in each]  # fmt: skip
    return [each["valueQuantity"]["value"] for each in sorted(found, key=lambda each: str(each["effectiveDateTime"]))]


def drugs(held: Holding, kind: str = "MedicationRequest") -> dict[str, dict[str, Any]]:
    return {medicine_name(each).split()[0].lower(): each for each in kinds(held, kind)}


def dose(medicine: dict[str, Any]) -> str:
    lines = medicine.get("dosageInstruction") or medicine["dosage"]
    return str(lines[0]["text"])


def said_in(region: Region, person: str) -> str:
    """Every word that any system holds about a person, letters opened."""
    words: list[str] = []
    for held in region.holdings.values():
        for each in held:
            if each.person == person:
                words.extend(_words(each.resources))
    return " ".join(words)


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "data" and isinstance(value, str):
                yield base64.b64decode(value).decode()
            else:
                yield from _words(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _words(value)
    else:
        yield str(node)


def days_ago(said: str, now: datetime = NOW) -> int:
    return (now.date() - date.fromisoformat(said[:10])).days


def test_the_tour_lists_the_complete_scenes_only(region: Region) -> None:
    assert tuple(each.number for each in region.scenes if each.complete) == TOUR


@pytest.mark.parametrize("number", TOUR)
def test_each_scene_opens_somebody_who_exists_as_a_user_who_may_sign_in(region: Region, number: int) -> None:
    told = scene(region, number)
    person = next(each for each in region.people if each.key == told.patient)
    user = USER_BY_NAME[told.user]

    assert person.nhs_number == told.nhs_number
    assert user.profiles[0].role == "ae-doctor"
    assert user.profiles[0].ods == (FENWICK if number == 15 else ALDERMOOR)
    keys = {each.key for each in region.people}
    for view in told.views:
        assert view.user in USER_BY_NAME
        assert not view.patient or view.patient in keys
        assert view.must_show
    assert told.must_show
    assert told.look_for


@pytest.mark.parametrize(
    ("key", "age"),
    [("edith-marlow", 78), ("tomasz-zielinski", 34), ("gwendolyn-achebe", 86), ("harold-singh", 71),
     ("susan-whitfield", 58), ("leanne-doyle", 41), ("aisha-rahman", 19), ("colin-barker", 52), ("bronwen-pryce", 31)],
)  # fmt: skip
@pytest.mark.parametrize("day", ["2026-01-02", "2026-07-15", "2027-12-31", "2028-02-29"])
def test_ages_hold_on_whatever_day_the_region_is_made(key: str, age: int, day: str) -> None:
    now = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    person = next(each for each in tell_scenes(now).people if each.key == key)
    birthday_to_come = (person.born.month, person.born.day) > (now.month, now.day)

    assert now.year - person.born.year - birthday_to_come == age


@pytest.mark.parametrize("at", ["2026-03-01T00:10:00+00:00", "2026-10-25T01:30:00+00:00", "2027-01-01T23:59:00+00:00"])
def test_no_scene_lies_in_the_future(at: str) -> None:
    now = datetime.fromisoformat(at)
    for held in tell_scenes(now).holdings:
        for each in held.resources:
            for key in ("effectiveDateTime", "authoredOn", "recordedDate", "date", "whenHandedOver", "issued"):
                said = each.get(key, "")
                if "T" in said:
                    assert datetime.fromisoformat(said) <= now + timedelta(minutes=0), (each["resourceType"], key)


def test_scene_1_only_the_silent_practice_knows_of_the_anaphylaxis(region: Region) -> None:
    practice = kinds(holding(region, "elm-bank", "edith-marlow"), "AllergyIntolerance")
    trust = kinds(holding(region, "aldermoor-epr", "edith-marlow"), "AllergyIntolerance")

    assert practice[0]["code"]["coding"][0]["code"] == "91936005"
    assert practice[0]["reaction"][0]["manifestation"][0]["text"] == "Anaphylaxis"
    assert practice[0]["recordedDate"].startswith("2021")
    assert trust[0]["code"]["coding"][0]["code"] == "716186003"
    assert trust[0]["recordedDate"].startswith("2019")
    assert scene(region, 1).faults[0].system == "elm-bank"
    assert scene(region, 1).faults[0].openings == 1


def test_scene_1_apixaban_and_kidney_function_are_at_aldermoor(region: Region) -> None:
    clinic = holding(region, "aldermoor-anticoagulation", "edith-marlow")

    assert dose(drugs(clinic, "MedicationStatement")["apixaban"]) == "5 mg twice a day"
    assert values(region, "aldermoor-pathology", "edith-marlow", "eGFR")[-1] == 54
    assert "apixaban 5 mg twice a day" in said_in(region, "edith-marlow")


def test_scene_2_one_lists_the_allergy_and_one_refuted_it(region: Region) -> None:
    practice = kinds(holding(region, "elm-bank", "tomasz-zielinski"), "AllergyIntolerance")[0]
    clinic = kinds(holding(region, "fenwick-epr", "tomasz-zielinski"), "AllergyIntolerance")[0]

    assert practice["clinicalStatus"]["coding"][0]["code"] == "active"
    assert clinic["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert 235 < days_ago(clinic["recordedDate"]) < 250


def test_scene_3_the_hospices_plan_is_new_and_the_trusts_is_old(region: Region) -> None:
    new = kinds(holding(region, "st-oswins", "gwendolyn-achebe"), "CarePlan")[0]
    old = kinds(holding(region, "aldermoor-epr", "gwendolyn-achebe"), "CarePlan")[0]

    assert days_ago(new["period"]["start"]) == 70
    assert 3.9 < days_ago(old["period"]["start"]) / 365 < 4.3
    assert "Not for cardiopulmonary resuscitation" in new["description"]
    assert "comfort" in new["description"]
    assert not kinds(holding(region, "north-fells-ambulance", "gwendolyn-achebe"), "CarePlan")


def test_scene_4_three_sources_disagree_about_the_same_medicines(region: Region) -> None:
    practice = drugs(holding(region, "elm-bank", "harold-singh"))
    trust = drugs(holding(region, "aldermoor-epr", "harold-singh"))
    shop = kinds(holding(region, "hartley-pharmacy", "harold-singh"), "MedicationDispense")

    assert [dose(practice[name]) for name in ("ramipril", "bisoprolol", "furosemide")] == [
        "5 mg once a day", "5 mg once a day", "40 mg once a day"]  # fmt: skip
    assert trust["ramipril"]["status"] == "stopped"
    assert "Potassium 6.1 mmol/L" in trust["ramipril"]["statusReason"]["text"]
    assert "creatinine 268 from 150 µmol/L" in trust["ramipril"]["note"][0]["text"]
    assert dose(trust["bisoprolol"]) == "2.5 mg once a day"
    assert days_ago(trust["bisoprolol"]["authoredOn"]) == 9
    ramipril = [each for each in shop if medicine_name(each).startswith("Ramipril")]
    assert min(days_ago(each["whenHandedOver"]) for each in ramipril) == 4


def test_scene_4_the_numbers_and_the_warning(region: Region) -> None:
    lab = "aldermoor-pathology"
    listing = kinds(holding(region, "elm-bank", "harold-singh"), "List")[0]

    assert values(region, lab, "harold-singh", "Potassium")[-1] == 5.0
    assert max(values(region, lab, "harold-singh", "Potassium")) == 6.1
    assert values(region, lab, "harold-singh", "Creatinine")[-1] == 178
    assert {268, 150} <= set(values(region, lab, "harold-singh", "Creatinine"))
    assert values(region, lab, "harold-singh", "eGFR")[-1] == 32
    assert listing["extension"][0]["valueCode"] == "data-awaiting-filing"


def test_scene_5_methotrexate_is_known_at_fenwick_alone(region: Region) -> None:
    knowing = [key for key in region.holdings for each in region.holdings[key]
               if each.person == "susan-whitfield" and "methotrexate" in drugs(each)]  # fmt: skip
    clinic = drugs(holding(region, "fenwick-rheumatology", "susan-whitfield"))

    assert knowing == ["fenwick-rheumatology"]
    assert dose(clinic["methotrexate"]) == "15 mg once a week"
    assert dose(clinic["folic"]).startswith("5 mg once a week")
    assert values(region, "fenwick-pathology", "susan-whitfield", "White cell count") == [5.1, 4.2, 3.4]
    assert values(region, "fenwick-pathology", "susan-whitfield", "eGFR")[-1] == 72


def test_scene_6_clozapine_is_known_to_the_mental_health_trust_alone(region: Region) -> None:
    knowing = [key for key in region.holdings for each in region.holdings[key]
               if each.person == "leanne-doyle" and "clozapine" in drugs(each)]  # fmt: skip

    assert knowing == ["calder-vale"]
    assert dose(drugs(holding(region, "calder-vale", "leanne-doyle"))["clozapine"]).startswith("300 mg a day")
    assert kinds(holding(region, "calder-vale", "leanne-doyle"), "CarePlan")[0]["title"] == "Crisis plan"


def test_scene_6_neutrophils_fall_in_two_laboratories_in_one_unit(region: Region) -> None:
    units = set()
    for key in ("fenwick-pathology", "aldermoor-pathology"):
        for each in kinds(holding(region, key, "leanne-doyle"), "Observation"):
            if each["code"]["text"] == "Neutrophils":
                units.add((each["valueQuantity"]["unit"], each["code"]["coding"][0]["code"]))

    assert values(region, "fenwick-pathology", "leanne-doyle", "Neutrophils") == [4.2, 2.1]
    assert values(region, "aldermoor-pathology", "leanne-doyle", "Neutrophils") == [0.9]
    assert units == {("×10⁹/L", "1022551000000104")}


def test_scene_7_the_new_practice_is_empty_and_says_that_the_record_is_in_transit(region: Region) -> None:
    new = holding(region, "elm-bank", "aisha-rahman")

    assert not drugs(new)
    assert {each["extension"][0]["valueCode"] for each in kinds(new, "List")} == {"data-in-transit"}
    assert dose(drugs(holding(region, "fenwick-diabetes", "aisha-rahman"), "MedicationRequest")["insulin"])
    assert values(region, "aldermoor-pathology", "aisha-rahman", "Venous pH") == [7.14]


def test_scene_8_the_laboratory_has_one_twins_name_on_the_others_number(region: Region) -> None:
    lab = holding(region, "aldermoor-pathology", "zara-iqbal").resources[0]
    zara = next(each for each in region.people if each.key == "zara-iqbal")

    assert zara.nhs_number in {each["value"] for each in lab["identifier"]}
    assert lab["name"][0]["given"] == ["Zoya"]
    assert values(region, "aldermoor-pathology", "zara-iqbal", "Total bilirubin") == [268]


def test_scene_9_troponins_are_two_tests_of_two_laboratories(region: Region) -> None:
    assert values(region, "aldermoor-pathology", "colin-barker", "High-sensitivity troponin I") == [6, 41]
    assert values(region, "fenwick-pathology", "colin-barker", "High-sensitivity troponin T") == [9]


def test_scene_9_community_sends_fifteen_items_of_which_one_is_broken(region: Region) -> None:
    items = holding(region, "aldermoor-community", "colin-barker").resources[1:]

    assert len(items) == 15
    assert [each["resourceType"] for each in items if "code" not in each and each["resourceType"] == "Observation"] == [
        "Observation"]  # fmt: skip


def test_scene_9_those_who_show_no_sign_of_knowing_him_are_not_asked(region: Region) -> None:
    always_asked = {"allergies", "medicines", "plans"}
    skipped = [system.key for system in region.systems
               if not always_asked & set(system.sections)
               and not any(each.person == "colin-barker" for each in region.holdings[system.key])]  # fmt: skip

    assert tuple(skipped) == scene(region, 9).not_asked == (
        "aldermoor-physiotherapy", "aldermoor-council", "aldermoor-child-protection")


def test_scene_9_radiology_answers_with_a_person_of_another_number_and_birth_date(region: Region) -> None:
    fault = next(each for each in scene(region, 9).faults if each.kind == "wrong-patient")
    own, other = (next(each for each in region.holdings["aldermoor-radiology"] if each.patient_id == patient)
                  for patient in (fault.patient_id, fault.other))  # fmt: skip

    assert own.person == "colin-barker"
    assert own.resources[0]["birthDate"] != other.resources[0]["birthDate"]
    assert own.resources[0]["identifier"][1]["value"] != other.resources[0]["identifier"][1]["value"]


def test_scene_15_the_booking_record_lies_in_aldermoors_maternity_system(region: Region) -> None:
    birth = holding(region, "aldermoor-maternity", "bronwen-pryce")
    given = kinds(birth, "MedicationAdministration")[0]

    assert "O RhD negative" in {each.get("valueString") for each in kinds(birth, "Observation")}
    assert given["dosage"]["dose"] == {"value": 1500, "unit": "unit"}
    assert dose(drugs(birth)["aspirin"]).startswith("150 mg at night")
    assert values(region, "fenwick-pathology", "bronwen-pryce", "Platelets") == [92]
