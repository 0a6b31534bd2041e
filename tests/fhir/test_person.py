"""Who a Patient says that this person is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Phone
from carerecord.fhir.person import Address, PersonFacts, PersonName, Practice, person

ODS = "https://fhir.nhs.uk/Id/ods-organization-code"


def who(**elements: Any) -> PersonFacts:
    return person(json.dumps({"resourceType": "Patient", **elements}).encode())


def test_the_official_name_in_use_is_the_one_to_show() -> None:
    got = who(
        name=[
            {"use": "maiden", "family": "Bell", "given": ["Edith"]},
            {"use": "official", "family": "Old", "given": ["E"], "period": {"end": "2001-01-01"}},
            {"use": "nickname", "given": ["Edie"]},
            {"use": "official", "family": "Marlow", "given": ["Edith", "Rose"], "prefix": ["Mrs"]},
        ]
    )
    assert got.names[0] == PersonName("Marlow", ("Edith", "Rose"), "Mrs", use="official")
    assert got.preferred == "Edie"
    assert [name.use for name in got.names] == ["official", "maiden", "official"]


@pytest.mark.parametrize(
    ("given", "prefix", "reads"),
    [(["Mr John"], "Mr", ("John",)), (["MRS", "Ann"], "MRS", ("Ann",)), (["Dr"], "", ("Dr",)), (["Misha"], "", ("Misha",))],
)
def test_a_title_filed_as_a_given_name_is_taken_for_a_title(given: list[str], prefix: str, reads: tuple[str, ...]) -> None:
    name = who(name=[{"family": "Smith", "given": given}]).names[0]
    assert (name.prefix, name.given) == (prefix, reads)


def test_the_birth_date_keeps_its_precision_and_gender_is_said_in_full() -> None:
    assert who(birthDate="1945").birth_date == "1945"
    assert who(gender="other").gender_words == "Other Specific"
    assert who(gender="unknown").gender_words == "Not Known"
    assert who().gender_words == "Not Specified"


def test_the_home_address_in_use_goes_first_with_its_postcode_spaced() -> None:
    got = who(
        address=[
            {"use": "temp", "line": ["Ward 7"], "postalCode": "zz99 3wz"},
            {"use": "home", "line": ["1 Fell Row"], "city": "Aldermoor", "postalCode": "ZZ14AB"},
            {"use": "old", "text": "2 Low Lane, Aldermoor"},
        ]
    )
    assert got.addresses[0] == Address(("1 Fell Row", "Aldermoor"), "ZZ1 4AB", "home")
    assert got.postcode == "ZZ1 4AB"
    assert got.addresses[-1].lines == ("2 Low Lane", "Aldermoor")


def test_the_practice_is_known_by_its_ods_code() -> None:
    doctor = {"display": "Dr A Osei", "reference": "Practitioner/1"}
    practice = {"identifier": {"system": ODS, "value": "A81001"}, "display": "Elm Bank"}
    assert who(generalPractitioner=[doctor, practice]).practice == Practice("A81001", "Elm Bank")
    assert who(generalPractitioner=[doctor]).practice == Practice("", "Dr A Osei")
    assert who(managingOrganization=practice).organisation == Practice("A81001", "Elm Bank")


def test_death_twins_labels_and_tests_are_told() -> None:
    assert who(deceasedDateTime="2024-03-02").deceased == "2024-03-02"
    assert who(deceasedBoolean=True).deceased == "true"
    assert who(deceasedBoolean=False).deceased == ""
    assert not who(deceasedBoolean=False).death_taken_back
    assert who(extension=[{"url": "urn:carerecord:death-taken-back", "valueString": "…"}]).death_taken_back
    assert who(multipleBirthInteger=2).multiple_birth == "2"
    assert who(multipleBirthBoolean=True).multiple_birth == "true"
    labelled = who(meta={"security": [{"code": "R"}], "tag": [{"code": "HTEST"}]})
    assert (labelled.restricted, labelled.test) == (True, True)
    assert not who(meta={"security": [{"code": "U"}]}).restricted
    assert who(meta={"security": [{"code": "REDACTED"}]}).invalidated


def test_a_merged_patient_names_the_survivor() -> None:
    got = who(active=False, link=[{"type": "replaced-by", "other": {"reference": "Patient/2"}}, {"type": "seealso"}])
    assert (got.active, got.replaced_by) == (False, ("Patient/2",))


def test_language_and_the_need_of_an_interpreter_are_told() -> None:
    extension = {
        "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication",
        "extension": [
            {"url": "language", "valueCodeableConcept": {"coding": [{"code": "pl", "display": "Polish"}]}},
            {"url": "interpreterRequired", "valueBoolean": True},
        ],
    }
    got = who(extension=[extension], communication=[{"language": {"text": "English"}, "preferred": True}])
    assert (got.languages, got.interpreter) == (("English", "Polish"), "needed")
    assert who().interpreter == ""


def test_telephones_and_next_of_kin_are_read_and_old_ones_left_out() -> None:
    got = who(
        telecom=[
            {"system": "phone", "value": "01", "use": "old"},
            {"system": "phone", "value": "02", "use": "home", "rank": 2},
            {"system": "phone", "value": "03", "use": "mobile", "rank": 1},
            {"system": "email", "value": "a@example.org"},
        ],
        contact=[{"name": {"text": "Ann"}, "relationship": [{"text": "daughter"}], "telecom": [{"value": "04"}]}],
    )
    assert got.phones == (Phone("03", "mobile"), Phone("02", "home"))
    assert got.emails == ("a@example.org",)
    assert [(each.name, each.role, each.phones) for each in got.contacts] == [("Ann", "daughter", (Phone("04"),))]


def test_an_unknown_man_is_a_person() -> None:
    got = who(id="47", birthDate="1900-01-01")
    assert (got.id, got.nhs_number, got.names) == ("47", "", ())


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"resourceType":"Observation"}', b"7"])
def test_what_is_no_patient_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        person(raw)


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "Mr X", "ZZ1 4AB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["use", "family", "given", "prefix", "text", "period", "end", "line", "postalCode", "system", "value", "identifier",
         "reference", "other", "type", "extension", "url", "security", "tag", "code", "name", "relationship", "telecom", "rank"]
    ), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip
parts = st.sampled_from(["name", "address", "telecom", "identifier", "generalPractitioner", "link", "meta", "communication",
                         "extension", "contact", "managingOrganization", "multipleBirthInteger", "deceasedDateTime"])  # fmt: skip


@given(st.dictionaries(parts, odd, max_size=8))
def test_no_patient_however_odd_cannot_be_read(elements: dict[str, Any]) -> None:
    assert isinstance(who(**elements), PersonFacts)
