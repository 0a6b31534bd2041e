"""The door of the locator."""

from carerecord.contracts.locator import LEARN, SEEN, SWEPT, WHERE
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.part import Heard, Part, Supplies, answer
from carerecord.locator.service import Locator


def build(supplies: Supplies) -> Part:
    locator = Locator(supplies.db, supplies.clock, PatientIds(supplies.keys.entries))
    return Part(
        supplies.name,
        answers=(
            answer(WHERE, locator.where),
            answer(LEARN, locator.learn),
            answer(SEEN, locator.seen),
            answer(SWEPT, locator.swept),
        ),
        hears=(Heard("holdings", ("Kept",), locator.hear),),
    )
