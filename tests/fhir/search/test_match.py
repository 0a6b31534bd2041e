"""Does a resource answer a search, by the rules of FHIR R4 section 3.1.1?"""

from datetime import UTC, datetime
from typing import Any

import pytest

from carerecord.fhir.bundle import parse
from carerecord.fhir.search.match import answers
from carerecord.fhir.search.parameters import Parameters, load
from carerecord.fhir.search.query import BadSearch, Clause, UnknownParameter, read

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
POTASSIUM = parse(
    b"""{"resourceType": "Observation", "id": "k1", "status": "final",
  "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3", "display": "Potassium"}], "text": "Serum potassium"},
  "subject": {"reference": "Patient/p1"}, "encounter": {"identifier": {"system": "urn:visits", "value": "V7"}},
  "effectiveDateTime": "2026-11-20T10:15:00Z",
  "valueQuantity": {"value": 5.20, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
  "performer": [{"reference": "https://elsewhere.example/fhir/Practitioner/9"}]}"""
)
PERSON = parse(
    """{"resourceType": "Patient", "id": "p1", "active": true, "birthDate": "1948-03", "deceasedBoolean": false,
  "identifier": [{"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
                  "system": "urn:hospital", "value": "H-12"}],
  "name": [{"family": "Nuñez-O'Brien", "given": ["Siân"]}], "telecom": [{"system": "phone", "value": "01632960110"}],
  "generalPractitioner": [{"reference": "Organization/gp1"}]}""".encode()
)


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return load()


def fits(parameters: Parameters, resource: dict[str, Any], name: str, value: str) -> bool:
    query = read(resource["resourceType"], [(name, value)], parameters)
    clauses = [each for each in query.clauses if isinstance(each, Clause)]
    return all(answers(each, base="https://ours.example/fhir", now=NOW)(resource) for each in clauses)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "http://loinc.org|2823-3"), ("code", "2823-3"), ("code", "1-1,2823-3"), ("code", "http://loinc.org|"),
        ("code:text", "potas"), ("code:not", "1-1"), ("status", "final"), ("status:missing", "false"),
        ("date", "2026-11"), ("date", "ge2026-11-20"), ("date", "lt2026-11-20T10:16:00Z"), ("date", "sa2026-11-19"),
        ("date", "eb2026-11-21"), ("date", "ne2026-11-21"), ("date", "2026-11-20T10:15:00Z"), ("date", "ap2026-11-20"),
        ("date", "2026-11-20T11:15:00+01:00"),
        ("value-quantity", "5.2"), ("value-quantity", "gt5"), ("value-quantity", "5.20|http://unitsofmeasure.org|mmol/L"),
        ("value-quantity", "5.2||mmol/L"), ("value-quantity", "ap5"), ("value-quantity", "le5.2"),
        ("code-value-quantity", "2823-3$gt5"), ("subject", "Patient/p1"), ("patient", "p1"), ("subject:Patient", "p1"),
        ("subject", "https://ours.example/fhir/Patient/p1"), ("encounter:identifier", "urn:visits|V7"),
        ("performer", "https://elsewhere.example/fhir/Practitioner/9"), ("_id", "k1"), ("combo-code", "2823-3"),
    ],
)  # fmt: skip
def test_an_observation_answers(parameters: Parameters, name: str, value: str) -> None:
    assert fits(parameters, POTASSIUM, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "http://snomed.info/sct|2823-3"), ("code", "|2823-3"), ("code:not", "2823-3"), ("status:missing", "true"),
        ("date", "2026-12"), ("date", "2026-11-20T10:15:01Z"), ("date", "gt2026-11-20"), ("date", "sa2026-11-20"),
        ("value-quantity", "5.0"), ("value-quantity", "5.21"), ("value-quantity", "5.2||g/L"), ("value-quantity", "gt5.2"),
        ("code-value-quantity", "2823-3$gt6"), ("subject", "Patient/p2"), ("subject", "Group/p1"),
        ("subject", "https://elsewhere.example/fhir/Patient/p1"), ("performer", "Practitioner/9"),
    ],
)  # fmt: skip
def test_an_observation_does_not_answer(parameters: Parameters, name: str, value: str) -> None:
    assert not fits(parameters, POTASSIUM, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "nunez"), ("family", "NUÑEZ O"), ("family:exact", "Nuñez-O'Brien"), ("name", "sian"),
        ("family:contains", "brien"), ("identifier", "urn:hospital|H-12"), ("identifier", "H-12"),
        ("identifier:of-type", "http://terminology.hl7.org/CodeSystem/v2-0203|MR|H-12"), ("birthdate", "1948"),
        ("birthdate", "lt1950"), ("active", "true"), ("deceased", "false"), ("phone", "01632960110"),
        ("general-practitioner", "Organization/gp1"),
    ],
)  # fmt: skip
def test_a_patient_answers(parameters: Parameters, name: str, value: str) -> None:
    assert fits(parameters, PERSON, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("family", "brien"), ("family:exact", "nuñez-o'brien"), ("identifier", "urn:other|H-12"), ("birthdate", "1948-03-01"),
     ("deceased", "true"), ("email", "01632960110")],
)  # fmt: skip
def test_a_patient_does_not_answer(parameters: Parameters, name: str, value: str) -> None:
    assert not fits(parameters, PERSON, name, value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("colour", "red", "no search parameter of Observation"), ("code:exact", "1", "no modifier"),
        ("date", "yesterday", "is a date"), ("value-quantity", "much", "is a number"), ("code", "", "without a value"),
        ("status:missing", "perhaps", "true or false"), ("code-value-quantity", "2823-3", "is written"),
        ("code:below", "1", "is written"), ("_sort", "subject", "sorted by"), ("_count", "-1", "0 or more"),
        ("_include", "Observation:colour", "no such reference"), ("subject.name", "x", "several types"),
        ("code.name", "x", "no reference"), ("_has:Nothing:x:y", "1", "is written"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_the_name_and_never_the_value(
    parameters: Parameters, name: str, value: str, says: str
) -> None:
    with pytest.raises(BadSearch, match=says) as refused:
        fits(parameters, POTASSIUM, name, value)
    assert value not in ("yesterday", "much") or value not in str(refused.value)


def test_a_lenient_client_is_told_what_was_passed_over(parameters: Parameters) -> None:
    asked = [("code", "1"), ("colour", "red")]

    assert read("Observation", asked, parameters, strict=False).ignored == ("colour",)
    with pytest.raises(UnknownParameter):
        read("Observation", asked, parameters)


def test_every_official_parameter_of_every_type_is_compiled(parameters: Parameters) -> None:
    assert len(parameters.types) == 146
    assert sum(len(parameters.of(type_)) for type_ in parameters.types) > 2500
    assert all("_lastUpdated" in parameters.of(type_) for type_ in parameters.types)
