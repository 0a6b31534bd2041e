"""What does every entry of a chart share? Its identifiers, its profile, who wrote it, and how a thing is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from carerecord.region.organisations import ORGANISATION_BY_ODS
from carerecord.region.people.codes import LOINC, SNOMED, Term
from carerecord.region.shapes import FhirJson, Holding, System

LONDON = ZoneInfo("Europe/London")
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/"
HL7 = "http://terminology.hl7.org/CodeSystem/"

When = date | datetime


def said(when: When) -> str:
    """A FHIR date, or an instant to the second in London's time."""
    if isinstance(when, datetime):
        return when.astimezone(LONDON).isoformat(timespec="seconds")
    return when.isoformat()


def instant(when: When) -> str:
    if isinstance(when, datetime):
        return said(when)
    return datetime(when.year, when.month, when.day, 9, tzinfo=LONDON).isoformat(timespec="seconds")


def coded(system: str, code: str, display: str) -> FhirJson:
    return {"system": system, "code": code, "display": display}


def status(system: str, code: str) -> FhirJson:
    return {"coding": [{"system": HL7 + system, "code": code}]}


def medicine_name(resource: FhirJson) -> str:
    """The product or substance that a medicine of this region names."""
    concept = resource.get("medicationCodeableConcept") or resource["contained"][0]["code"]
    return str(concept["text"])


def slug(words: str) -> str:
    return words.lower().replace(" ", "-")[:60]


@dataclass(frozen=True)
class By:
    """Who wrote it: "Dr A Osei", and in which post."""

    name: str
    job: str = ""
    phone: str = ""


@dataclass
class Frame:
    system: System
    patient_id: str
    local_number: str
    person: str
    by: By
    now: datetime
    resources: list[FhirJson] = field(default_factory=list)

    def holding(self) -> Holding:
        return Holding(self.system.key, self.patient_id, self.local_number, self.person, tuple(self.resources))

    def add(self, kind: str, when: When, body: dict[str, Any], profile: bool = True) -> str:
        """Write one entry; return its reference."""
        number = len(self.resources)
        meta: FhirJson = {"versionId": "1", "lastUpdated": min(instant(when), instant(self.now))}
        if profile:
            meta["profile"] = [f"{UK_CORE}UKCore-{kind}"]
        identity = {"system": f"https://{self.system.key}.region.example/Id/{kind}",
                    "value": f"{self.local_number}/{number:03d}"}  # fmt: skip
        resource: FhirJson = {"resourceType": kind, "id": f"{self.patient_id}-{number:03d}", "meta": meta}
        resource["identifier"] = [identity]
        resource.update(body)
        self.resources.append(resource)
        return f"{kind}/{resource['id']}"

    @property
    def me(self) -> FhirJson:
        return {"reference": f"Patient/{self.patient_id}"}

    @property
    def organisation(self) -> FhirJson:
        name = ORGANISATION_BY_ODS[self.system.ods].name if self.system.kind == "gp" else self.system.name
        return {"identifier": {"system": ODS, "value": self.system.ods}, "display": name}

    def who(self, by: By | None) -> FhirJson:
        by = by or self.by
        return {"type": "Practitioner", "display": f"{by.name}, {by.job}" if by.job else by.name}

    def concept(self, term: Term | str) -> FhirJson:
        """The system's way to name a thing: the SNOMED code where it is known, else a code of its own."""
        if isinstance(term, str):
            return {"text": term}
        if term.code is None and term.loinc is None:
            return {"coding": [coded(self._own("local"), slug(term.text), term.text)], "text": term.text}
        codings = [coded(SNOMED, term.code, term.text)] if term.code else []
        if term.loinc:
            codings.append(coded(LOINC, term.loinc, term.text))
        return {"coding": codings, "text": term.text}

    def _own(self, name: str) -> str:
        return f"https://{self.system.key}.region.example/CodeSystem/{name}"
