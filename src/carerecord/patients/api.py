"""The door of the patient index."""

from dataclasses import dataclass

from carerecord.contracts.patients import (
    DEATHS,
    DECIDE,
    ENROL,
    ENTRIES,
    INSTRUCT,
    KNOWN_AS,
    LINEAGE,
    MATCH,
    PART,
    PEOPLE,
    QUEUE,
    RESTRICTED,
    REVIEWS,
    SEARCH,
    SEVER,
    TAKE,
    TRACED,
    UNDO,
    WHO,
)
from carerecord.kit import settings
from carerecord.kit.errors import BadSetting
from carerecord.kit.part import Job, Part, Supplies, answer
from carerecord.patients.asking import Asking
from carerecord.patients.claims import Taking
from carerecord.patients.enrol import Enrolling
from carerecord.patients.instructions import Instructing
from carerecord.patients.leftover import keep_ending
from carerecord.patients.protecting import restricted
from carerecord.patients.search import Pace, Searching
from carerecord.patients.service import Index
from carerecord.patients.trace import Tracing


@dataclass(frozen=True)
class PatientsSettings:
    """Read from the environment with the prefix CARERECORD_PATIENTS_."""

    searches_a_minute: int = 60  # by one user
    restricted_for: tuple[str, ...] = ("emergency-doctor", "gp", "paramedic")  # may find a restricted person, by number and birth

    def __post_init__(self) -> None:
        if self.searches_a_minute < 1:
            raise BadSetting("searches_a_minute is at least 1")


def build(supplies: Supplies) -> Part:
    told = settings.read(PatientsSettings, supplies.settings)
    enrolling = Enrolling(supplies.db, supplies.outbox, supplies.clock)
    index = Index(enrolling)
    searching = Searching(supplies.db, supplies.outbox, supplies.clock, Pace(told.searches_a_minute), told.restricted_for)
    asking, instructing = Asking(supplies.db), Instructing(enrolling)
    return Part(
        supplies.name,
        answers=(
            answer(WHO, index.who),
            answer(PEOPLE, index.people),
            answer(SEARCH, searching.search),
            answer(ENROL, index.enrol),
            answer(TRACED, Tracing(enrolling).traced),
            answer(REVIEWS, index.reviews),
            answer(DECIDE, index.decide),
            answer(UNDO, index.undo),
            answer(PART, index.part),
            answer(MATCH, asking.match),
            answer(KNOWN_AS, asking.known_as),
            answer(DEATHS, asking.deaths),
            answer(TAKE, Taking(enrolling).take),
            answer(INSTRUCT, instructing.instruct),
            answer(LINEAGE, instructing.lineage),
            answer(SEVER, instructing.sever),
            answer(QUEUE, index.queue),
            answer(ENTRIES, index.entries),
            answer(RESTRICTED, lambda asked: restricted(asked, supplies.db)),
        ),
        jobs=(
            Job("patients.fold", enrolling.fold_all, alone=True),
            Job("patients.leftover", lambda: keep_ending(enrolling), alone=True),
        ),
    )
