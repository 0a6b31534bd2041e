"""Are compartments those of R4's own definitions, and does one that cannot be compiled stop the start?"""

import pytest

from carerecord.fhir.search import compartments, parameters
from carerecord.fhir.search.path import CannotCompile
from carerecord.fhir.search.query import BadSearch, Clause, Either


def test_one_way_is_one_clause_and_several_are_alternatives() -> None:
    known = compartments.load()
    one, several = known.within("Encounter/e1", "Observation"), known.within("Practitioner/dr", "ServiceRequest")

    assert isinstance(one, Clause)
    assert (one.parameter.code, one.values) == ("encounter", ("Encounter/e1",))
    assert isinstance(several, Either)
    assert [each.parameter.code for each in several.clauses] == ["performer", "requester"]


def test_a_centre_lies_in_its_own_compartment() -> None:
    itself = compartments.load().within("Encounter/e1", "Encounter")

    assert isinstance(itself, Clause)
    assert (itself.parameter.code, itself.values) == ("_id", ("e1",))


def test_what_lies_in_none_is_a_search_that_cannot_be_answered() -> None:
    with pytest.raises(BadSearch, match="Location lies in no compartment of Encounter"):
        compartments.load().within("Encounter/e1", "Location")


@pytest.mark.parametrize("code", ["nonsense", "code"])
def test_a_definition_by_what_is_no_reference_stops_the_start(code: str) -> None:
    with pytest.raises(CannotCompile, match="Observation lies around a Encounter"):
        compartments.build({"Encounter": {"Observation": ["encounter", code]}}, parameters.load())
