"""What stands around the porter in these tests? The real index and locator, pretend systems over HTTP, and a small registry."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.patients.people import At, Desk, a_desk

from carerecord.connectors.pds import Pds, Turns
from carerecord.connectors.web import Web
from carerecord.contracts import locator as locator_contract
from carerecord.contracts import patients as patients_contract
from carerecord.contracts.ingest import Enrolment, EnrolmentsAsked
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, Source
from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest.enrol import Enroller
from carerecord.ingest.service import Porter
from carerecord.ingest.trace import Tracer
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.db import Pool
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.part import Answer, answer
from carerecord.locator.service import Locator
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.shapes import Holding, System

NUMBERS = "https://elm-bank.test/Id/patient-number"
NHS = "https://fhir.nhs.uk/Id/nhs-number"
STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"


def a_patient(id_: str, number: str = "", status: str = "01", family: str = "Marlow", given: str = "Edith") -> dict[str, Any]:
    identifiers: list[dict[str, Any]] = [{"system": NUMBERS, "value": f"EB{id_}"}]
    if number:
        concept = {"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/x", "code": status}]}
        identifiers.append({"system": NHS, "value": number, "extension": [{"url": STATUS, "valueCodeableConcept": concept}]})
    return {
        "resourceType": "Patient",
        "id": id_,
        "meta": {"versionId": "1", "lastUpdated": "2026-11-01T09:00:00+00:00"},
        "identifier": identifiers,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "gender": "female",
        "birthDate": "1948-03-14",
    }


def a_serving(*patients: Mapping[str, Any], page_size: int = 10, habits: tuple[Habit, ...] = ()) -> Serving:
    system = System("elm-bank", "A99917", "Elm Bank", "GP", "gp", NUMBERS, "nhs-number", ("medicines",), 0.0, page_size)
    holdings = [Holding("elm-bank", each["id"], f"EB{each['id']}", each["id"], (dict(each),)) for each in patients]
    return Serving(system, holdings, habits=habits, latency_s=0)


@dataclass
class World:
    desk: Desk
    locator: Locator
    db: Pool
    server: RunningServer
    sources: list[Source]
    dsn: str
    desk_dsn: str
    locator_dsn: str
    clock: At = field(default_factory=At)
    closing: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    enrolled: Callable[[Any], Awaitable[Any]] | None = None  # in place of the index's own answer

    def enroller(self, owner: str = "one") -> Enroller:
        calls = Calls(
            "ingest",
            {
                "sources": Direct([answer(REGISTRY, self.registry)], round_trip=True),
                "patients": Direct(self._index(), round_trip=True),
                "locator": Direct([answer(locator_contract.LEARN, self.locator.learn)], round_trip=True),
            },
        )
        web = Web(lambda name: self.server.secret)
        self.closing.append(web.close)
        return Enroller(calls, self.db, web, self.clock, log_for("ingest"), 3, owner=owner)

    def porter(self, enroller: Enroller) -> Porter:
        return Porter(enroller, Outbox(self.db, "ingest", self.clock))

    def tracer(self, enroller: Enroller) -> Tracer:
        return Tracer(enroller, Pds(enroller.web, Turns(1000.0, lambda: 0.0)))

    async def registry(self, asked: RegistryAsked) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", tuple(self.sources)))

    async def row(self) -> Enrolment:
        (row,) = await self.porter(self.enroller()).enrolments(EnrolmentsAsked())
        return row

    def _index(self) -> list[Answer]:
        return [
            answer(patients_contract.ENROL, self.enrolled or self.desk.index.enrol),
            answer(patients_contract.WHO, self.desk.index.who),
            answer(patients_contract.TRACED, self.desk.tracing.traced),
        ]


@asynccontextmanager
async def a_world(service_database: Any, serving: Serving) -> AsyncIterator[World]:
    clock = At()
    patients, places, own = [await service_database(name) for name in ("patients", "locator", "ingest")]
    desk, locator = a_desk(patients.pool), Locator(places.pool, clock, PatientIds(b"k"))
    async with running([serving]) as servers:
        server = servers["elm-bank"]
        size = serving.system.page_size
        source = Source("elm-bank", "A99917", "Elm Bank", "Elm Bank", "GP", "gp", "fhir_r4", server.address, page_size=size)
        world = World(desk, locator, own.pool, server, [source], own.dsn, patients.dsn, places.dsn, clock)
        try:
            yield world
        finally:
            for close in world.closing:
                await close()
