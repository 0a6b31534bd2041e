"""What do resources share that differ in which, when and how much alone; and what does one of them say with its own?"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from carerecord.fhir.facts import Facts
from carerecord.fhir.read.events import timed
from carerecord.fhir.read.medicines import Course, dated
from carerecord.fhir.read.results import valued


class Kin(Struct, frozen=True, gc=False):
    """What all of one kind have in common."""

    facts: Facts  # without whose, which and when
    marks: int  # quotation marks in the elements that they share
    at: str  # the element that says when
    status: str  # FHIR's code
    course: Course | None = None  # of a medicine
    days: tuple[str, ...] = ()  # the elements that `dated` looks at


def retold(
    kin: Kin, id_: str, identifiers: tuple[str, ...], subject: str, version: str, updated: str, at: str,
    number: tuple[str, float | None] | None, comparator: str, start: str, end: str, days: Mapping[str, Any],
    now: Callable[[], datetime],
) -> Facts | None:  # fmt: skip
    """The facts of one of this kind; None where they are not for certain what reading it whole would give."""
    known = kin.facts
    if kin.at and not at:
        return None
    result, encounter = known.result, known.encounter
    if result is not None and number is not None and (result := valued(result, *number, comparator)) is None:
        return None
    if encounter is not None:
        encounter = timed(encounter, kin.status, start, end)
    return Facts(  # in the order of its elements
        known.resource_type,
        id_,
        known.section,
        known.title,
        known.status,
        known.warning,
        at,
        known.at_means,
        known.author,
        known.organisation,
        known.note,
        known.severity,
        known.codes,
        identifiers,
        subject,
        version,
        updated,
        known.confidentiality,
        dated(kin.course, days, now()) if kin.course is not None else None,
        result,
        known.allergy,
        None,
        None,
        (),
        encounter,
    )
