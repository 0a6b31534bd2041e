"""A desk over real HTTP sources, with neighbours that remember what they were asked. What the tests of records stand on."""

import random
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import replace

from carerecord.connectors.fhir_r4 import FhirR4
from carerecord.connectors.web import Web
from carerecord.contracts.actors import Actor, Reason, Role
from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import (
    NEWEST,
    PEOPLE_KEPT,
    PRESENT,
    RECORD,
    Held,
    KeptMark,
    KeptOf,
    PeopleKeptAsked,
    PersonKept,
    PresentAsked,
    RecordAsked,
)
from carerecord.contracts.locator import SEEN, WHERE, Learned, Pointer, Seen, SeenAsked, WhereAsked
from carerecord.contracts.patients import ENTRIES, WHO, Demographics, Identifier, Name, Person, WhoAsked
from carerecord.contracts.permit import Permit, Withheld
from carerecord.contracts.policy import MAY, MAY_DO, Decision, MayAsked, MayDoAsked
from carerecord.contracts.records import AgainAsked, OpenAsked, Record
from carerecord.contracts.restricted import EntriesAsked
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, SharedSection, Source
from carerecord.fhir.kin import Kinds
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.validate import Validators, load
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import CareRecordError, NotFound, Unavailable
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import answer
from carerecord.kit.permits import checked, sealed
from carerecord.kit.tokens import derive, keys_for
from carerecord.records.gather import Gatherer
from carerecord.records.kept import mark_of
from carerecord.records.reading import Reader
from carerecord.records.service import Desk
from carerecord.records.settings import RecordsSettings
from carerecord.records.teaching import Teacher
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.shapes import Holding, System

SECRET = b"a secret of the tests"
patient_id = PatientIds(derive(SECRET, "entries"))
SERVICES = ("records", "policy", "patients", "locator", "sources", "holdings", "viewer")
NHS_NUMBER, OTHER_NUMBER = "9990000018", "9990000026"
EDITH = Person(
    ("p1", "p2"),
    "p1",
    Demographics(
        names=(Name("Marlow", ("Edith",)),), birth_date="1948-06-19", gender="female", nhs_number=NHS_NUMBER, gp="A99917"
    ),
    (Identifier("https://fhir.nhs.uk/Id/nhs-number", NHS_NUMBER),),
)
DR_NAIR = Actor("https://idp.example", "1", "Dr Priya Nair", Role("1", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor"))
A_GP = Actor("https://gp.example", "2", "Dr Abena Osei", Role("2", "gp", "GP", "A99917", "Elm Bank Surgery"))
CARE = Reason("direct-care", "Attending the emergency department now")
WARD = ("allergies", "medicines", "problems", "observations", "encounters", "plans")


@cache
def validators() -> Validators:
    return load()


@cache
def kinds() -> Kinds:
    return Kinds(validators().check, SystemClock().now)


def reader(raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Any:
    return kinds().read(raw, beside)


# --- what sources hold


def patient(id_: str, *, number: str = NHS_NUMBER, given: str = "Edith", family: str = "Marlow", born: str = "1948-06-19") -> Any:
    identifier = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}] if number else []
    return {
        "resourceType": "Patient", "id": id_, "identifier": identifier, "name": [{"family": family, "given": [given]}],
        "birthDate": born, "gender": "female",
    }  # fmt: skip


def allergy(id_: str, of: str, substance: str = "Penicillin", status: str = "active", **more: Any) -> Any:
    base = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"
    return {
        "resourceType": "AllergyIntolerance", "id": id_, "patient": {"reference": f"Patient/{of}"},
        "clinicalStatus": {"coding": [{"system": f"{base}clinical", "code": status}]},
        "code": {"text": substance}, "recordedDate": "2021-09-17",
    } | more  # fmt: skip


def no_known_allergies(id_: str, of: str) -> Any:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}]}
    return allergy(id_, of) | {"code": code, "recordedDate": "2019-04-05"}


def problem(id_: str, of: str, title: str = "Atrial fibrillation", at: str = "2020-01-15") -> Any:
    return {
        "resourceType": "Condition", "id": id_, "subject": {"reference": f"Patient/{of}"}, "code": {"text": title},
        "onsetDateTime": at,
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
    }  # fmt: skip


def chart(id_: str, *resources: Any, **who: Any) -> tuple[Any, ...]:
    return (patient(id_, **who), *resources)


def a_system(key: str, *, sections: Sequence[str] = WARD, knows_by: str = "nhs-number", page_size: int = 50) -> System:
    return System(
        key=key, ods="R9A", name=key.replace("-", " ").title(), mark=key[:2].upper(), kind="hospital",
        patient_system=f"https://{key}.example/Id", knows_by=knows_by, sections=tuple(sections), latency_s=0.0,  # type: ignore[arg-type]
        page_size=page_size,
    )  # fmt: skip


def serving(key: str, *charts: tuple[Any, ...], **system: Any) -> Serving:
    """A system that answers at once and holds these charts."""
    holdings = [Holding(key, each[0]["id"], each[0]["id"], "", tuple(each)) for each in charts]
    return Serving(a_system(key, **system), holdings, latency_s=0)


def source(server: RunningServer, **more: Any) -> Source:
    system = server.system
    known = {
        "id": system.key, "organisation": system.ods, "organisation_name": system.name, "name": system.name,
        "mark": system.mark, "kind": "gp" if system.key.startswith("gp") else "acute", "connector": "fhir_r4",
        "address": server.address, "knows_by": system.knows_by, "page_size": system.page_size,
        "token_address": server.token_address, "client_id": server.client_id, "credentials": system.key,
        "sections": tuple(SharedSection(each) for each in system.sections),
    }  # fmt: skip
    return Source(**(known | more))


# --- neighbours with a memory


@dataclass
class Said:
    """An outbox that remembers; `broken` cannot be written to."""

    lines: list[Line] = field(default_factory=list)
    broken: bool = False

    async def announce(self, kind: str, body: msgspec.Struct, connection: Any = None, *, event: str = "") -> str:
        if self.broken:
            raise Unavailable("It could not be written down.")
        assert isinstance(body, Line)
        self.lines.append(body)
        return event or str(uuid.uuid4())


@dataclass
class Neighbours:
    """Who, where, who takes part, and may I: as a test says. One in `down` does not answer."""

    registry: Registry
    person: Person = EDITH
    pointers: tuple[Pointer, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    unnamed: tuple[Withheld, ...] = ()
    down: set[str] = field(default_factory=set)
    refusal: CareRecordError | None = None
    asked: list[Any] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    kept: dict[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)  # by source
    came_at: str = "2026-11-01T09:30:00Z"

    def _heard(self, service: str, asked: Any) -> None:
        self.asked.append(asked)
        if service in self.down:
            raise Unavailable(f"The {service} service does not answer.", service=service)

    async def entries(self, asked: EntriesAsked) -> tuple[tuple[str, str], ...]:
        return tuple((each.source, each.local_id) for each in (await self.who(WhoAsked(asked.patient))).statements)

    async def who(self, asked: WhoAsked) -> Person:
        self._heard("patients", asked)
        return self.person

    async def where(self, asked: WhereAsked) -> tuple[Pointer, ...]:
        self._heard("locator", asked)
        return self.pointers

    async def told(self, asked: SeenAsked) -> Learned:
        self._heard("locator", asked)
        self.seen += asked.seen
        return Learned(len(asked.seen))

    async def takes_part(self, asked: RegistryAsked) -> RegistryAnswer:
        self._heard("sources", asked)
        return RegistryAnswer(None if asked.known_version == self.registry.version else self.registry)

    async def may(self, asked: MayAsked) -> Permit:
        """Everything that is wanted, save what is withheld."""
        self._heard("policy", asked)
        if self.refusal is not None:
            raise self.refusal
        kept_back = {(each.source, each.section) for each in (*self.withheld, *self.unnamed)}
        grants = tuple(
            each for each in asked.wanted
            if not kept_back & {(each.source, each.section), ("", each.section), (each.source, "*"), ("", "*")}
        )  # fmt: skip
        now = SystemClock().now().timestamp()
        permit = Permit(
            asked.actor.key, asked.actor.organisation, asked.actor.role.code, asked.person, asked.reason.purpose,
            "test/1", grants, self.withheld, now, now + 60, (), self.unnamed,
        )  # fmt: skip
        return sealed(permit, keys_for(SECRET, "policy", SERVICES, ()), asked.targets)

    async def may_do(self, asked: MayDoAsked) -> Decision:
        self._heard("policy", asked)
        return Decision(True, "test/2", "Yes.")

    async def record(self, asked: RecordAsked) -> tuple[KeptOf, ...]:
        """What a test says is kept, of those whom the question names: it does not narrow by section, as holdings does."""
        self._heard("holdings", asked)
        checked(asked.permit, keys_for(SECRET, "holdings", SERVICES, ()), now=SystemClock().now().timestamp())
        sources = {each.source for each in asked.wanted if each in asked.permit.grants}
        found = []
        for each in asked.entries:
            held = tuple(self._held(one) for one in self.kept.get(each.source, ()) if each.source in sources)
            held = tuple(one for one in held if asked.only in (("", ""), (one.type, one.id)))
            if held:
                found.append(KeptOf(each.source, self.came_at, held))
        if asked.only != ("", "") and not found:
            raise NotFound("There is no such resource.")
        return tuple(found)

    async def newest(self, asked: RecordAsked) -> tuple[KeptMark, ...]:
        """As holdings would say it of what `record` answers."""
        return tuple(mark_of(each) for each in await self.record(asked))

    async def present(self, asked: PresentAsked) -> tuple[KeptOf, ...]:
        self._heard("holdings", asked)
        found = {each.source: [one for one in self.kept.get(each.source, ()) if one.get("status") == "in-progress"]
                 for each in asked.entries}  # fmt: skip
        return tuple(KeptOf(name, self.came_at, tuple(map(self._held, ones))) for name, ones in found.items() if ones)

    async def people_kept(self, asked: PeopleKeptAsked) -> tuple[PersonKept, ...]:
        return ()

    def _held(self, resource: Mapping[str, Any]) -> Held:
        raw = msgspec.Raw(msgspec.json.encode({**resource, "meta": {"versionId": "1", "lastUpdated": self.came_at}}))
        return Held(resource["resourceType"], resource["id"], 1, self.came_at, raw)

    def calls(self) -> Calls:
        """Each answer goes through the encoder, as between processes."""
        ways = {
            "patients": Direct([answer(WHO, self.who), answer(ENTRIES, self.entries)], round_trip=True),
            "locator": Direct([answer(WHERE, self.where), answer(SEEN, self.told)], round_trip=True),
            "sources": Direct([answer(REGISTRY, self.takes_part)], round_trip=True),
            "holdings": Direct(
                [
                    answer(RECORD, self.record), answer(NEWEST, self.newest), answer(PRESENT, self.present),
                    answer(PEOPLE_KEPT, self.people_kept),
                ],
                round_trip=True,
            ),
            "policy": Direct([answer(MAY, self.may), answer(MAY_DO, self.may_do)], round_trip=True),
        }
        return Calls("records", ways)


@dataclass
class World:
    """A desk, its neighbours, its sources."""

    desk: Desk
    reader: Reader
    neighbours: Neighbours
    servers: Mapping[str, RunningServer]
    outbox: Said
    web: Web

    async def open(self, actor: Actor = DR_NAIR, reason: Reason = CARE, **asked: Any) -> list[Record]:
        return [chunk async for chunk in self.desk.open(OpenAsked(actor, "p1", reason, **asked))]

    async def last(self, actor: Actor = DR_NAIR, **asked: Any) -> Record:
        return (await self.open(actor, **asked))[-1]

    async def again(self, record: Record, source: str, actor: Actor = DR_NAIR, **asked: Any) -> list[Record]:
        question = AgainAsked(actor, "p1", CARE, source, record.opening, **asked)
        return [chunk async for chunk in self.desk.again(question)]

    def change(self, source: str, **fields: Any) -> None:
        """The registry says something else of one source from now on."""
        sources = tuple(replace(each, **fields) if each.id == source else each for each in self.neighbours.registry.sources)
        self.neighbours.registry = Registry(str(uuid.uuid4()), sources)


@asynccontextmanager
async def a_world(*servings: Serving, unknown: Sequence[str] = (), **settings: Any) -> AsyncIterator[World]:
    """These systems, each known to know Edith by the id of its first chart, unless it is named in `unknown`."""
    validators()  # at start, never on the way to an answer
    async with running(servings) as servers:
        registry = Registry("1", tuple(source(server) for server in servers.values()))
        pointers = tuple(
            Pointer(each.system.key, each.holdings[0].patient_id, "p1")
            for each in servings
            if each.holdings and each.system.key not in unknown
        )
        neighbours = Neighbours(registry, pointers=pointers)
        web = Web(lambda name: servers[name].secret)
        world = _world(neighbours, servers, web, RecordsSettings(**({"sweep_share": 0.0} | settings)))
        try:
            yield world
        finally:
            await world.reader.window.close()
            await web.close()


def _world(neighbours: Neighbours, servers: Mapping[str, RunningServer], web: Web, settings: RecordsSettings) -> World:
    calls, said, clock, log = neighbours.calls(), Said(), SystemClock(), log_for("records")
    keys = keys_for(SECRET, "records", SERVICES, ("patients", "locator", "policy", "sources", "holdings"))
    known = kinds()
    window = FhirR4(web, clock, known.unknown, known=known.known)
    gatherer = Gatherer(
        window, clock, log, Metrics("records"), first_paint_s=settings.first_paint_s, last_call_s=settings.last_call_s
    )

    def check(permit: Permit) -> None:
        checked(permit, keys, now=clock.now().timestamp())

    teacher = Teacher(calls, gatherer, said, clock, log, settings.sweep_share, check, random.Random(1))  # type: ignore[arg-type]
    desk = Desk(
        calls, said, clock, log, gatherer, teacher, settings, check, read=reader,  # type: ignore[arg-type]
        attendance_key=keys.own_key("attendance"), pseudonym_key=keys.own_key("pseudonym"),
        news_key=keys.own_key("news"), patient_id=patient_id,
    )  # fmt: skip
    return World(desk, Reader(desk, window), neighbours, servers, said, web)


def state(record: Record, source: str) -> Any:
    return next(each for each in record.states if each.source == source)


def section(record: Record, name: str) -> Any:
    return next(each for each in record.sections if each.id == name)


def titles(record: Record, name: str) -> list[str]:
    return [entry.facts.title for entry in section(record, name).entries]
