"""What came out of an STU3 answer: the R4 resources, and by name everything that did not become one?"""

from typing import Any

from msgspec import Struct

from carerecord.fhir.errors import Unreadable
from carerecord.fhir.outcome import Issue

Resource = dict[str, Any]


class NotCarried(Struct, frozen=True):
    """An element that has no place in R4, or that STU3 does not know. Holds no value that was received."""

    type: str  # resourceType as received
    path: str  # "Observation.component.comment"; without indexes
    why: str
    ids: tuple[str, ...]  # of the resources, as received, one for each time; "" where a resource has none

    @property
    def count(self) -> int:
        return len(self.ids)


class Unread(Struct, frozen=True):
    """A resource that could not be understood safely: to be counted and named as unreadable, never dropped in silence."""

    type: str  # as received; "unknown" where it does not say
    id: str
    why: str
    raw: bytes


class ListWarning(Struct, frozen=True):
    """What a list says about its own completeness. Must be shown."""

    section: str  # a section id of `sections`; "other" where the list is of no known area
    title: str  # the list's own: "Allergies and adverse reactions"
    code: str  # confidential-items | data-in-transit | data-awaiting-filing, or another as sent
    words: str  # to show; the source's own note where there is one


class EmptyList(Struct, frozen=True):
    """An area that came without an item. It never means that there is none: "nothing recorded" is all that it says."""

    section: str
    title: str
    reason: str  # code of emptyReason ("no-content-recorded"); "" where none was given
    words: str  # to show; the source's own note where there is one ("Information not available")


class Converted(Struct, frozen=True):
    """One answer, converted. Each resource received is in `resources` (some as another type), in `unread` or in `not_carried`."""

    resources: tuple[Resource, ...]  # R4, the Patient among them; numbers with a fraction are Decimal, digits as sent
    patient: Resource  # the person that the answer is about, as R4
    not_carried: tuple[NotCarried, ...]
    unread: tuple[Unread, ...]
    warnings: tuple[ListWarning, ...]
    empty: tuple[EmptyList, ...]
    areas: tuple[str, ...]  # sections for which the answer holds the list of an area: they were answered, even when empty
    outcomes: tuple[tuple[Issue, ...], ...]  # OperationOutcomes inside the answer
    received: tuple[tuple[str, int], ...]  # how many of each STU3 type, allergies contained in a list of ended ones included


class OutcomeInstead(Unreadable):
    """The answer is an OperationOutcome. `issues` are for `outcome.state_of`; their `says` is never logged."""

    def __init__(self, issues: tuple[Issue, ...]) -> None:
        super().__init__("the answer is an OperationOutcome")
        self.issues = issues


class NoPatient(Unreadable):
    """Nobody can say whom the answer is about: it holds no Patient, or none that can be read. Nothing of it may be shown."""


class SeveralPatients(Unreadable):
    """The answer holds Patients that differ. Nothing of it may be shown."""
