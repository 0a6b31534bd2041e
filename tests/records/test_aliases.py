"""Under which ids does the book speak of somebody? Under those of the index, and of each Patient resource here that is theirs."""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from carerecord.contracts.holdings import PEOPLE_KEPT, PeopleKeptAsked, PersonKept
from carerecord.contracts.patients import (
    ENTRIES,
    KNOWN_AS,
    WHO,
    Demographics,
    KnownAs,
    KnownAsAsked,
    Person,
    SourcePatient,
    WhoAsked,
)
from carerecord.contracts.records import Aliases, AliasesAsked
from carerecord.contracts.restricted import EntriesAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.errors import NotFound
from carerecord.kit.part import answer
from carerecord.records.aliases import Namer
from tests.patients.people import nhs

EDITH = Person(
    ("i1", "i2"), "i1", Demographics(nhs_number=nhs(1)),
    statements=(
        SourcePatient("", "", (), Demographics(nhs_number=nhs(1), restricted=True)),  # as the index says it of such a person
        SourcePatient("", "", (), Demographics(restricted=True)),
    ),
)  # fmt: skip


patient_id = PatientIds(b"k")


@dataclass
class Shelf:
    """What is kept: (id, source, number)."""

    kept: tuple[tuple[str, str, str], ...]

    async def people_kept(self, asked: PeopleKeptAsked) -> tuple[PersonKept, ...]:
        return tuple(
            PersonKept(id_, source, "2026-11-22T09:00:00Z", self._raw(id_, number))
            for id_, source, number in self.kept
            if id_ in asked.ids or number in asked.numbers
        )

    def _raw(self, id_: str, number: str) -> msgspec.Raw:
        told: dict[str, Any] = {"resourceType": "Patient", "id": id_, "identifier": [{"system": NHS_NUMBER, "value": number}]}
        return msgspec.Raw(msgspec.json.encode(told))

    async def who(self, asked: WhoAsked) -> Person:
        if asked.patient not in EDITH.ids:
            raise NotFound("There is no such person in the index.")
        return EDITH

    async def entries(self, asked: EntriesAsked) -> tuple[tuple[str, str], ...]:
        return (("elm-bank", "77"), ("midwives", "m1")) if asked.patient in EDITH.ids else ()

    async def known_as(self, asked: KnownAsAsked) -> KnownAs:
        if asked.value != nhs(1):
            raise NotFound("Nobody is known by that number.")
        return KnownAs(EDITH.ids, ())

    async def aliases(self, patient: str) -> Aliases:
        ways = {
            "patients": Direct(
                [answer(WHO, self.who), answer(ENTRIES, self.entries), answer(KNOWN_AS, self.known_as)], round_trip=True
            ),
            "holdings": Direct([answer(PEOPLE_KEPT, self.people_kept)], round_trip=True),
        }
        return await Namer(Calls("records", ways), patient_id).aliases(AliasesAsked(patient))


async def test_what_the_persons_own_sources_wrote_is_theirs_under_whichever_id():
    made = patient_id("elm-bank", "77")
    shelf = Shelf(((made, "elm-bank", ""), ("m1", "midwives", "")))
    assert await shelf.aliases("i1") == Aliases(("i1", "i2"), (made, "m1"))


async def test_an_id_of_a_source_that_somebody_else_has_used_is_not_theirs():
    assert (await Shelf((("77", "quayside", ""), ("m1", "", ""))).aliases("i1")).kept == ()


async def test_who_bears_their_number_is_theirs_where_no_source_stands_for_the_client():
    shelf = Shelf((("x1", "", nhs(1)), ("x2", "quayside", nhs(1)), ("x3", "", nhs(2))))
    assert (await shelf.aliases("i1")).kept == ("x1",)


async def test_from_the_id_of_a_resource_the_person_is_found_by_the_number_that_it_bears():
    shelf = Shelf((("x1", "", nhs(1)), ("m1", "midwives", "")))
    assert await shelf.aliases("x1") == Aliases(("i1", "i2"), ("x1", "m1"))


async def test_a_patient_whom_the_index_does_not_know_is_known_by_that_id_alone():
    assert await Shelf((("x3", "", nhs(2)),)).aliases("x3") == Aliases((), ("x3",))


async def test_an_id_of_nobody_is_not_found():
    with pytest.raises(NotFound):
        await Shelf(()).aliases("nobody")
