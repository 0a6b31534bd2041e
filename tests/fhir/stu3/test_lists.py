"""What lists say of their own completeness, which must be shown: warnings, and areas with nothing in them."""

from tests.fhir.stu3 import example
from tests.fhir.stu3.example import ACTIVE, ENDED, a_list, converted, extension, warned

from carerecord.fhir.stu3.lists import MEANINGS, NOT_AVAILABLE


def test_every_warning_of_a_list_is_told_with_its_area_and_the_words_of_the_source() -> None:
    found = converted(*example.whole()).warnings
    assert [(each.section, each.code, each.words) for each in found] == [
        ("medicines", "confidential-items", "Items excluded at the patient's wish"),
        ("immunisations", "data-in-transit", MEANINGS["data-in-transit"]),
        ("immunisations", "data-awaiting-filing", MEANINGS["data-awaiting-filing"]),
    ]
    assert found[0].title == "Medications and medical devices"


def test_a_warning_that_nobody_here_has_heard_of_is_told_all_the_same() -> None:
    (found,) = converted(
        a_list("887191000000108", "Investigations", "Observation/1", extension=warned("data-under-dispute"))
    ).warnings
    assert (found.section, found.words) == ("results", "data under dispute")


def test_a_warning_as_a_concept_or_under_uk_cores_name_is_heard() -> None:
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ListWarningCode"
    sent = [extension(url, valueCodeableConcept={"coding": [{"code": "data-in-transit"}]})]
    (found,) = converted(a_list("933361000000108", "Medications", extension=sent)).warnings
    assert found.code == "data-in-transit"


def test_the_warning_of_a_list_within_an_area_belongs_to_that_area() -> None:
    inner = a_list(
        "problems-medications-related-to-problems", "Problems - medications", "x/1", extension=warned("confidential-items")
    )
    assert [each.section for each in converted(inner).warnings] == ["problems"]


def test_an_empty_area_is_told_in_the_words_of_the_source_and_never_as_none_known() -> None:
    found = converted(*example.whole())
    assert [(each.section, each.title, each.reason, each.words) for each in found.empty] == [
        ("appointments", "Outbound referral", "no-content-recorded", "Information not available")
    ]
    (bare,) = converted(a_list("886921000000105", "Allergies and adverse reactions")).empty
    assert (bare.section, bare.reason, bare.words) == ("allergies", "", NOT_AVAILABLE)
    assert "none" not in bare.words.lower()


def test_an_empty_list_within_an_area_says_nothing_of_the_area() -> None:
    inner = a_list("problems-linked-problems-not-relating-to-the-primary-query", "Problems - linked problems")
    topic = a_list("25851000000105", "Asthma", id_="t", encounter=example.MEETING)
    assert converted(inner, topic).empty == ()


def test_the_areas_that_were_answered_are_known_even_when_empty() -> None:
    found = converted(a_list(ACTIVE, "Allergies"), a_list("717711000000103", "Problems", "Condition/1"))
    assert found.areas == ("allergies", "problems")


def test_ended_allergies_alone_are_no_answer_about_allergies() -> None:
    assert converted(a_list(ENDED, "Ended allergies")).areas == ()


def test_a_list_stays_a_list_with_its_entries_its_note_and_its_reason() -> None:
    found = converted(*example.whole())
    referrals = next(each for each in found.resources if each.get("title") == "Outbound referral")
    assert (referrals["note"], referrals["emptyReason"]["coding"][0]["code"]) == (
        [{"text": "Information not available"}], "no-content-recorded",
    )  # fmt: skip
    assert sum(each["resourceType"] == "List" for each in found.resources) == len(example.lists())
