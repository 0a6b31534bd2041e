"""What was not carried is listed for those who may see it, and what lists warn of is said once for each section."""

from msgspec.structs import replace

from carerecord.connectors.gp_connect_take import left_out, words_of
from carerecord.contracts.records import NotCarried
from carerecord.fhir.stu3 import Converted, ListWarning
from carerecord.fhir.stu3 import NotCarried as Lost

NOTHING = Converted((), {}, (), (), (), (), (), (), ())


def lost(type_: str, path: str, count: int = 1) -> Lost:
    return Lost(type_, path, "it has no place", tuple(str(each) for each in range(count)))


def test_an_element_without_a_place_is_listed_with_its_number_and_never_its_value():
    made = replace(NOTHING, not_carried=(lost("AllergyIntolerance", "AllergyIntolerance.oddity", 3),))
    assert left_out([made], frozenset({"allergies"})) == (NotCarried("AllergyIntolerance.oddity", "it has no place", 3),)


def test_of_what_a_reader_may_not_see_not_even_that_it_came_is_told():
    types = ("AllergyIntolerance", "ReferralRequest", "ProcedureRequest", "Organization")
    made = replace(NOTHING, not_carried=tuple(lost(each, f"{each}.x") for each in types))
    assert [each.path for each in left_out([made], frozenset({"allergies"}))] == ["AllergyIntolerance.x", "Organization.x"]
    assert len(left_out([made], frozenset({"appointments"}))) == 3


def test_a_claim_to_follow_a_profile_is_no_content():
    assert left_out([replace(NOTHING, not_carried=(lost("List", "List.meta.profile"),))], frozenset({"allergies"})) == ()


def test_each_warning_is_said_once_for_a_section_in_its_shortest_words():
    warnings = [
        ListWarning("allergies", "Ended", "data-in-transit", "May be missing. Information not available"),
        ListWarning("allergies", "Active", "data-in-transit", "May be missing."),
        ListWarning("allergies", "Active", "confidential-items", "Items excluded."),
        ListWarning("problems", "Problems", "data-in-transit", "May be missing."),
    ]
    assert words_of(warnings) == {"allergies": "May be missing. Items excluded.", "problems": "May be missing."}
