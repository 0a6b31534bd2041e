"""How does a pretend GP practice answer GP Connect? Structured record, documents and the older HTML record, with their refusals.

Like a national one it wants the headers of the Spine Secure Proxy and an unsigned token that says who asks, and it knows people
by NHS number alone: nobody can go through its patients.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from carerecord.region.organisations import ORGANISATIONS
from carerecord.region.servers import gp_connect_stu3 as stu3
from carerecord.region.servers import gp_connect_words as words
from carerecord.region.servers.gp_connect_answer import StructuredRecord
from carerecord.region.servers.gp_connect_html import html_record
from carerecord.region.servers.gp_connect_words import AREAS, refusal
from carerecord.region.servers.habits import Habit, Habits, spoiled
from carerecord.region.servers.http import Answer, Asked, Reply
from carerecord.region.servers.sds import Listed
from carerecord.region.shapes import FhirJson, Holding, Organisation, System

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_NO_STORE = (("Cache-Control", "no-store"),)
# What a status means when a GP system says it of a person.
_SPOKEN = {404: "PATIENT_NOT_FOUND", 403: "NO_PATIENT_CONSENT"}
_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "reason_for_request", "requested_scope", "requesting_device",
           "requesting_organization", "requesting_practitioner")  # fmt: skip


class GpConnectServer:
    """One practice. `address` is the root of its listener; `system.habit` is "emis" or "tpp"."""

    def __init__(
        self,
        system: System,
        holdings: Sequence[Holding],
        address: str,
        *,
        habits: Sequence[Habit] = (),
        latency_s: float | None = None,
        secret: str = "",
        prepared: Mapping[str, bytes] | None = None,
        organisations: Sequence[Organisation] = ORGANISATIONS,
    ) -> None:
        del secret  # it knows its callers by certificate and proxy, not by tokens of its own
        self.system, self.base = system, f"{address}/{system.ods}"
        self.documents = f"{self.base}{_DOCUMENTS}"
        self.listed = listed_at(system, address)
        self.habits = Habits(system.key, habits)
        self.asked: list[Asked] = []
        self._organisation = next((each for each in organisations if each.ods == system.ods), None) or Organisation(
            system.ods, system.name, "gp", "", "", (), ""
        )
        self._by_number = {number: each for each in holdings if (number := _number(each.resources[0]))}
        self._by_id = {self._writer().id(each.patient_id): each for each in holdings}
        self._latency_s = system.latency_s if latency_s is None else latency_s
        self._pace = random.Random(system.key)
        self._prepared = prepared or {}  # NHS number -> a whole structured answer, sent as it is

    def __call__(self, asked: Asked) -> Answer | asyncio.Future[Answer]:
        self.asked.append(asked)
        del self.asked[:-2000]
        path = asked.path.removeprefix(f"/{self.system.ods}")
        number = self._asked_number(asked)
        holding = self._by_number.get(number) or next((each for id_, each in self._by_id.items() if id_ in path), None)
        met = self.habits.touching(
            patient=holding.patient_id if holding else "", type=_TYPES.get(path.rpartition("/")[2], ""),
            enrolment=path.endswith("/metadata"), request=asked.headers.get("x-request-id", ""),
        )  # fmt: skip
        slow = [habit.seconds for habit in met if habit.kind == "slow"]
        wait_s = max([self._latency_s * self._pace.uniform(0.8, 1.2) if self._latency_s else 0.0, *slow])
        if wait_s <= 0:
            return self._reply(asked, path, number, holding, met)
        return asyncio.ensure_future(self._after(wait_s, asked, path, number, holding, met))

    async def _after(self, wait_s: float, *rest: Any) -> Answer:
        await asyncio.sleep(wait_s)
        return self._reply(*rest)

    def _reply(self, asked: Asked, path: str, number: str, holding: Holding | None, met: tuple[Habit, ...]) -> Answer:
        kinds = {habit.kind: habit for habit in met}
        if "wrong-patient" in kinds:
            holding = next((each for each in self._by_id.values() if each.patient_id == kinds["wrong-patient"].other), holding)
        if "no-match" in kinds:
            holding = None
        answer: Answer = self._good(asked, path, number, holding)
        for habit in met:
            if isinstance(answer, Reply):
                spoken = _SPOKEN.get(habit.status) if habit.kind == "status" else None
                answer = refusal(spoken) if spoken else spoiled(habit, answer)
        return answer

    def _good(self, asked: Asked, path: str, number: str, holding: Holding | None) -> Reply:
        route = next((each for each in _ROUTES if each[0] == asked.method and _fits(each[1], path)), None)
        if route is None:
            return refusal("NO_RECORD_FOUND")
        if fault := self._fault(asked, route[2]):
            return refusal("BAD_REQUEST", fault)
        if path.endswith("/metadata"):
            return Reply(orjson.dumps({"resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "3.0.1"}))
        if "$gpc.getcarerecord" in path:
            return self._html(asked, holding)
        if "$gpc.getstructuredrecord" in path:
            return self._structured(asked, number, holding)
        if "/Binary/" in path:
            return self._binary(path.rpartition("/")[2])
        return self._found_documents(holding)

    # answers

    def _structured(self, asked: Asked, number: str, holding: Holding | None) -> Reply:
        parameters = _parameters(asked.body)
        if parameters is None:
            return refusal("INVALID_RESOURCE", "The body is no Parameters resource.")
        if not number:
            return refusal("INVALID_NHS_NUMBER")
        wanted, fault = _wanted(parameters)
        if fault:
            return refusal("INVALID_PARAMETER", fault)
        if body := self._prepared.get(number):
            return Reply(body, headers=_NO_STORE)
        if not _may_be_given(holding):
            return refusal("PATIENT_NOT_FOUND")
        assert holding is not None
        record = StructuredRecord(self.system, self._organisation, holding.resources, _now())
        return Reply(orjson.dumps(record.bundle(wanted)), headers=_NO_STORE)

    def _found_documents(self, holding: Holding | None) -> Reply:
        if not _may_be_given(holding):
            return refusal("PATIENT_NOT_FOUND")
        assert holding is not None
        writer = self._writer()
        about = writer.about(holding.patient_id)
        found = [stu3.document(writer, each, about, self.documents) for each in _letters(holding)]
        people = [each for each in writer.people.values() if each["resourceType"] == "Practitioner"]
        patient = stu3.patient(writer, holding.resources[0], writer.who({"display": "Dr Registered Partner, GP"}))
        included = (stu3.organisation(writer), patient, *people)
        entries = [{"resource": each, "search": {"mode": "match"}} for each in found]
        entries += [{"resource": each, "search": {"mode": "include"}} for each in included]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "entry": entries}
        return Reply(orjson.dumps(bundle), headers=_NO_STORE)

    def _binary(self, name: str) -> Reply:
        writer = self._writer()
        for holding in self._by_id.values():
            for each in _letters(holding):
                if writer.id(each["id"]) == name:
                    attachment = each["content"][0]["attachment"]
                    kind = attachment.get("contentType", "text/plain").split(";")[0]
                    body = {"resourceType": "Binary", "id": name, "contentType": kind, "content": attachment["data"]}
                    return Reply(orjson.dumps(body), headers=_NO_STORE)
        return refusal("NO_RECORD_FOUND")

    def _html(self, asked: Asked, holding: Holding | None) -> Reply:
        parameters = _parameters(asked.body) or []
        section = next((_coded(each) for each in parameters if each.get("name") == "recordSection"), "")
        if not _may_be_given(holding):
            return refusal("PATIENT_NOT_FOUND")
        assert holding is not None
        return Reply(orjson.dumps(html_record(section, holding.resources, self._organisation)), headers=_NO_STORE)

    def _writer(self) -> stu3.Writer:
        return stu3.Writer(self.system, self._organisation)

    def _asked_number(self, asked: Asked) -> str:
        for each in _parameters(asked.body) or ():
            told = each.get("valueIdentifier")
            if each.get("name") == "patientNHSNumber" and isinstance(told, dict):
                return str(told.get("value", ""))
        return ""

    def _fault(self, asked: Asked, interaction: str) -> str:
        """What is wrong with the headers; nothing when all is well."""
        said = asked.headers
        if not _is_uuid(said.get("ssp-traceid", "")):
            return "Ssp-TraceID is missing or no UUID."
        if len(said.get("ssp-from", "")) != 12 or said.get("ssp-to") != self.listed.asid:
            return "Ssp-From or Ssp-To is missing or not the ASID of this practice."
        if said.get("ssp-interactionid") != interaction:
            return "Ssp-InteractionID is not the one of this request."
        return _token_fault(said.get("authorization", ""), self.base)


_STRUCTURED, _DOCUMENTS, _HTML = (
    "/STU3/1/gpconnect/structured/fhir", "/STU3/1/gpconnect/documents/fhir", "/DSTU2/1/gpconnect/fhir",
)  # fmt: skip
_ROUTES = (
    ("POST", f"{_STRUCTURED}/Patient/$gpc.getstructuredrecord", words.STRUCTURED),
    ("GET", f"{_STRUCTURED}/metadata", words.METADATA),
    ("GET", f"{_DOCUMENTS}/Patient/*/DocumentReference", words.DOCUMENTS),
    ("GET", f"{_DOCUMENTS}/Binary/*", words.BINARY),
    ("POST", f"{_HTML}/Patient/$gpc.getcarerecord", words.HTML),
)
_TYPES = {"$gpc.getstructuredrecord": "Patient", "DocumentReference": "DocumentReference"}


def asid_of(ods: str) -> str:
    """The ASID that the pretend Spine gave an organisation's system."""
    return f"9180{int.from_bytes(ods.encode(), 'big') % 10**8:08d}"


def listed_at(system: System, address: str) -> Listed:
    """How the Spine Directory Service lists this practice, whose server has its root at `address`."""
    base, asid = f"{address}/{system.ods}", asid_of(system.ods)
    endpoints = {words.STRUCTURED: base + _STRUCTURED, words.METADATA: base + _STRUCTURED, words.HTML: base + _HTML}
    if "documents" in system.sections:
        endpoints |= {words.DOCUMENTS: base + _DOCUMENTS, words.BINARY: base + _DOCUMENTS}
    return Listed(system.ods, asid, f"{system.ods}-{asid[-6:]}", endpoints)


def _token_fault(header: str, base: str) -> str:
    scheme, _, token = header.partition(" ")
    parts = token.split(".")
    if scheme != "Bearer" or len(parts) != 3 or parts[2]:
        return "The token is missing, or signed: an unsigned one is wanted, its last dot kept."
    try:
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in parts[:2])
    except (binascii.Error, ValueError):
        return "The token cannot be read."
    missing = [each for each in _CLAIMS if not claims.get(each)]
    if missing or head.get("alg") != "none":
        return f"The token lacks {', '.join(missing) or 'alg none'}."
    in_time = claims["exp"] - claims["iat"] == 300 and claims["iat"] - 5 < time.time() < claims["exp"]
    if not (claims["aud"].startswith(base) and in_time):
        return "The token is for another system, or out of its five minutes."
    if claims["reason_for_request"] != "directcare" or claims["requested_scope"] != "patient/*.read":
        return "The token is for another purpose."
    practitioner = claims["requesting_practitioner"]
    if practitioner.get("id") != claims["sub"] or len(practitioner.get("identifier", ())) != 3:
        return "The token does not say which practitioner asks."
    return ""


def _parameters(body: bytes) -> list[FhirJson] | None:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or told.get("resourceType") != "Parameters":
        return None
    return [each for each in told.get("parameter", ()) if isinstance(each, dict)]


def _wanted(parameters: Sequence[FhirJson]) -> tuple[dict[str, dict[str, Any]], str]:
    """The areas that are asked for with their parts, or what is wrong with them."""
    wanted: dict[str, dict[str, Any]] = {}
    for each in parameters:
        name = str(each.get("name", ""))
        if name == "patientNHSNumber":
            continue
        area = AREAS.get(name)
        if area is None:
            return {}, f"The area {name} is not known here."
        parts: dict[str, Any] = {}
        for part in each.get("part", ()):
            form = area.parts.get(part.get("name", ""))
            if form is None or form not in part:
                return {}, f"A part of {name} is not known, or has another form."
            parts[part["name"]] = part[form]
        if name == "includeAllergies" and "includeResolvedAllergies" not in parts:
            return {}, "includeAllergies needs includeResolvedAllergies."
        since = str(parts.get("medicationSearchFromDate", ""))
        if since and (len(since) != 10 or since > _now()[:10]):
            return {}, "medicationSearchFromDate is a whole date, and not in the future."
        wanted[name] = parts
    return wanted, ""


def _may_be_given(holding: Holding | None) -> bool:
    """Nothing is given of the dead, of people whose place is kept secret, or where the number is not verified: as not found."""
    if holding is None:
        return False
    patient = holding.resources[0]
    labels = {each.get("code") for each in patient.get("meta", {}).get("security", ())}
    return "deceasedDateTime" not in patient and not labels & {"R", "V"} and patient.get("active", True)


def _letters(holding: Holding) -> list[FhirJson]:
    return [
        each
        for each in holding.resources
        if each["resourceType"] == "DocumentReference"
        and not stu3.is_private(each)
        and each.get("content", [{}])[0].get("attachment", {}).get("data")
    ]


def _number(patient: FhirJson) -> str:
    return next((each["value"] for each in patient.get("identifier", ()) if each.get("system") == NHS_NUMBER), "")


def _coded(parameter: FhirJson) -> str:
    return str(next((each.get("code", "") for each in parameter.get("valueCodeableConcept", {}).get("coding", ())), ""))


def _fits(pattern: str, path: str) -> bool:
    ours, theirs = pattern.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(one in ("*", other) for one, other in zip(ours, theirs, strict=True))


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
