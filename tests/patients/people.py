"""Who stands in these tests? Invented people, numbers in the 999 range, and the index on a database of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.patients import (
    Demographics,
    EnrolAsked,
    Enrolled,
    Found,
    Identifier,
    Name,
    Person,
    SearchAsked,
    SourcePatient,
    WhoAsked,
)
from carerecord.fhir.identifiers import NHS_NUMBER, make_nhs_number
from carerecord.kit.db import Pool
from carerecord.kit.events import Outbox
from carerecord.patients.enrol import Enrolling
from carerecord.patients.search import Pace, Searching
from carerecord.patients.service import Index
from carerecord.patients.trace import Tracing

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DR_NAIR = Actor("https://aldermoor.test", "0001", "Dr Nair", Role("1", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor"))
RECEPTION = Actor("https://aldermoor.test", "0003", "Ms Marsden", Role("3", "receptionist", "Receptionist", "R9A", "Aldermoor"))


@dataclass
class At:
    """A clock that stands where it is put."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at


def nhs(order: int) -> str:
    """The order-th NHS number of the 999 range whose check digit exists."""
    nine = 999_000_000 + order * 11
    while (made := make_nhs_number(str(nine))) is None:
        nine += 1
    return made


def stated(
    source: str, local_id: str, given: str = "Edith", family: str = "Marlow", born: str = "1948-03-14", *, number: str = "",
    status: str = "01", local: str = "", **more: Any,
) -> SourcePatient:  # fmt: skip
    identifiers = [Identifier(NHS_NUMBER, number)] if number else []
    identifiers += [Identifier(f"https://{source}.test/Id", local)] if local else []
    who = Demographics(
        names=(Name(family, tuple(given.split())),) if given or family else (),
        birth_date=born,
        nhs_number=number,
        nhs_number_status=status if number else "",
        **{"gender": "female", **more},
    )
    return SourcePatient(source, local_id, tuple(identifiers), who)


@dataclass(frozen=True)
class Desk:
    """The index as its neighbours meet it."""

    db: Pool
    index: Index
    searching: Searching
    tracing: Tracing
    clock: At

    async def enrol(self, *people: SourcePatient) -> tuple[Enrolled, ...]:
        return await self.index.enrol(EnrolAsked(people))

    async def search(self, text: str = "", actor: Actor | None = DR_NAIR, **fields: Any) -> Found:
        return await self.searching.search(SearchAsked(text, actor=actor, request="r-1", **fields))

    async def who(self, patient: str) -> Person:
        return await self.index.who(WhoAsked(patient))


def a_desk(db: Pool, *, searches_a_minute: int = 1000, clock: At | None = None) -> Desk:
    clock = clock or At()
    outbox = Outbox(db, "patients", clock)
    enrolling = Enrolling(db, outbox, clock)
    pace = Pace(searches_a_minute)
    return Desk(
        db,
        Index(enrolling),
        Searching(db, outbox, clock, pace, ("emergency-doctor", "gp")),
        Tracing(enrolling),
        clock,
    )
