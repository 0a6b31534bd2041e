"""A record where demographics, pathology and radiology alone are served."""

from msgspec.structs import replace

from carerecord.contracts.records import AllergyTitle, Record
from tests.pages import scenes

SERVED = ("results", "demographics")


def basic() -> Record:
    record = narrowed(scenes.harold())
    return replace(record, person=replace(record.person, patient="p-basic", ids=("p-basic",)))


def narrowed(record: Record) -> Record:
    """As the records desk draws it."""
    return replace(
        record,
        served=SERVED,
        sections=tuple(each for each in record.sections if each.id in SERVED),
        states=tuple(
            replace(state, sections=tuple(each for each in state.sections if each.section in SERVED)) for state in record.states
        ),
        plans=(),
        attention=(),
        allergies=AllergyTitle("Allergies not part of this record", "This record does not hold allergies."),
    )
