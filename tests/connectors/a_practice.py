"""A practice that answers GP Connect, its directory, and a window to both: what the connector's tests stand on."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from carerecord.connectors.gp_connect import GpConnect
from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.connectors.web import Web
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import parse
from carerecord.fhir.facts import Facts
from carerecord.fhir.reading import read
from carerecord.kit.clock import SystemClock
from carerecord.region.servers.gp_connect_server import GpConnectServer, listed_at
from carerecord.region.servers.http import Asked, Listener
from carerecord.region.servers.http import Reply as Answered
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.servers.sds import OUR_ASID, Listed, Sds
from carerecord.region.shapes import Holding, System

NUMBER, ODS = "9990000018", "A99999"
SECTIONS = frozenset({"allergies", "medicines", "problems", "results", "observations", "encounters", "immunisations",
                      "documents", "appointments", "social", "other"})  # fmt: skip
ACTOR = Actor(
    "https://aldermoor.example", "0001", "Dr Priya Nair",
    Role("555000010001", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor University Hospitals"),
)  # fmt: skip
SNOMED = "http://snomed.info/sct"


def coded(code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": SNOMED, "code": code, "display": text}], "text": text}


def status(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:status", "code": code}]}


def a_patient(number: str = NUMBER, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "id": "p1", "active": True,
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": number}],
        "name": [{"use": "official", "family": "Marlow", "given": ["Ann"]}], "gender": "female", "birthDate": "1948-03-02",
        **more,
    }  # fmt: skip


def an_allergy(id_: str = "a1", text: str = "Allergy to penicillin", code: str = "91936005", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance", "id": id_, "clinicalStatus": status("active"),
        "verificationStatus": status("confirmed"), "code": coded(code, text), "patient": {"reference": "Patient/p1"},
        "recordedDate": "2019-05-01", "recorder": {"display": "Dr A Osei, GP"}, **more,
    }  # fmt: skip


def a_medicine(id_: str = "m1", name: str = "Ramipril 5mg capsules", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": id_, "status": "active", "intent": "order",
        "medicationCodeableConcept": coded("318859008", name), "subject": {"reference": "Patient/p1"},
        "authoredOn": "2024-02-01", "requester": {"display": "Dr A Osei, GP"},
        "dosageInstruction": [{"text": "one capsule once a day"}], "courseOfTherapyType": status("continuous"),
        "dispenseRequest": {"validityPeriod": {"start": "2026-01-05"}, "quantity": {"value": 28, "unit": "capsule"}}, **more,
    }  # fmt: skip


def a_letter(id_: str = "d1") -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": id_, "status": "current", "type": {"text": "Clinical letter"},
        "subject": {"reference": "Patient/p1"}, "date": "2025-03-01T10:00:00+00:00", "author": [{"display": "Dr A Osei, GP"}],
        "description": "Cardiology letter",
        "content": [{"attachment": {"contentType": "text/plain", "data": "RGVhciBEciBPc2Vp"}}],
    }  # fmt: skip


def warned(code: str, warning: str) -> dict[str, Any]:
    url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-ListWarningCode"
    return {"resourceType": "List", "id": f"l-{code}", "extension": [{"url": url, "valueCode": warning}], "code": coded(code, "")}


CHART = (a_patient(), an_allergy(), a_medicine(), a_letter())


def read_plainly(raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
    return read(parse(raw), beside)


@dataclass
class Practice:
    server: RunningServer
    directory: Sds
    window: GpConnect
    source: Source
    proxy: Listener
    proxied: list[Asked] = field(default_factory=list)

    async def ask(
        self, *sections: str, number: str = NUMBER, actor: Actor | None = ACTOR, practice: str = ODS, within_s: float = 5.0,
        **source: Any,
    ) -> Reply:  # fmt: skip
        asking = self.asking(*sections, number=number, actor=actor, practice=practice, **source)
        return await self.window.ask(asking, until=asyncio.get_running_loop().time() + within_s)

    def asking(
        self, *sections: str, number: str = NUMBER, actor: Actor | None = ACTOR, practice: str = ODS, **source: Any
    ) -> Asking:
        wanted = frozenset(sections) or SECTIONS
        return Asking(replace(self.source, **source), (), wanted, Expected(number), actor, practice)

    def body(self) -> dict[str, Any]:
        """What the structured record was last asked with."""
        asked = next(each for each in reversed(self.server.asked) if each.path.endswith("getstructuredrecord"))
        return parse(asked.body)

    @property
    def listed(self) -> Listed:
        """How the directory knows the practice's system."""
        assert isinstance(self.server.fhir, GpConnectServer)
        return self.server.fhir.listed

    def lists(self, *listed: Listed) -> None:
        self.directory.lists(*listed)


def state(reply: Reply, section: str) -> SectionState:
    return next(each for each in reply.sections if each.section == section)


@asynccontextmanager
async def a_practice(
    *chart: dict[str, Any], habit: str = "emis", prepared: Mapping[str, bytes] | None = None, api_key: str = ""
) -> AsyncIterator[Practice]:
    system = System("gp", ODS, "A Surgery", "GP", "gp", "urn:local", "nhs-number", tuple(SECTIONS), 0.0,
                    connector="gp_connect", habit=habit)  # fmt: skip
    holding = Holding("gp", "p1", "1", "ann", chart or CHART)
    async with running([Serving(system, [holding], latency_s=0.0, prepared=prepared)]) as servers:
        server = servers["gp"]
        listener, proxy = Listener(lambda _: Answered(b"", 503)), Listener(lambda _: Answered(b"", 503))
        await listener.listen()
        await proxy.listen()
        directory = listener.handler = Sds([listed_at(system, server.listener.address)], listener.address, api_key=api_key)
        web, clock = Web(lambda name: f"secret of {name}"), SystemClock()
        source = Source(
            "gp", ODS, "A Surgery", "A Surgery", "GP", "gp", "gp_connect", directory.base, asid=OUR_ASID, knows_by="nhs-number"
        )
        window = GpConnect(web, clock, read_plainly, lambda name: f"secret of {name}")
        practice = Practice(server, directory, window, source, proxy)
        try:
            yield practice
        finally:
            await web.close()
            await listener.refuse()
            await proxy.refuse()
        assert not listener.faults
