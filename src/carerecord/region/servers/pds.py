"""How does the pretend Personal Demographics Service answer? In the shapes and with the errors of the national one.

Source: NHSDigital/personal-demographics-service-api, specification and mock responses. Like it, no `/metadata`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from carerecord.region.servers.habits import Habit, Habits, spoiled
from carerecord.region.servers.http import Answer, Asked, Reply
from carerecord.region.shapes import FhirJson

BASE = "/personal-demographics/FHIR/R4"
_CODES = "https://fhir.nhs.uk/R4/CodeSystem/Spine-ErrorOrWarningCode"
_MOST = 50
_HIDDEN = ("address", "telecom", "generalPractitioner")  # of a restricted person
_ERRORS: Mapping[str, tuple[int, str, str]] = {
    "MISSING_VALUE": (400, "required", "Required value is missing"),
    "INVALID_VALUE": (400, "value", "Provided value is invalid"),
    "INVALID_RESOURCE_ID": (400, "value", "Resource Id is invalid"),
    "UNSUPPORTED_SERVICE": (400, "processing", "Unsupported Service"),
    "RESOURCE_NOT_FOUND": (404, "not-found", "Resource not found"),
    "INVALIDATED_RESOURCE": (404, "not-found", "Resource that has been marked as invalid was requested"),
    "TOO_MANY_REQUESTS": (429, "throttled", "Too many requests have been made"),
    "TOO_MANY_MATCHES": (200, "multiple-matches", "Too Many Matches"),
}


class Pds:
    """The register of the region. `per_second`: more transactions than that are throttled; the national one allows 5."""

    def __init__(
        self,
        register: Mapping[str, FhirJson],
        address: str,
        *,
        latency_s: float = 0.08,
        per_second: int | None = None,
        superseded: Mapping[str, str] | None = None,
        habits: Sequence[Habit] = (),
    ) -> None:
        self.base = address + BASE
        self.habits = Habits("pds", habits)
        self.asked: list[Asked] = []
        self._register, self._superseded = register, superseded or {}
        self._latency_s, self._per_second = latency_s, per_second
        self._pace = random.Random("pds")
        self._recent: list[float] = []

    def __call__(self, asked: Asked) -> Answer | asyncio.Future[Answer]:
        self.asked.append(asked)
        del self.asked[:-2000]
        met = self.habits.touching(patient="", type="Patient", enrolment=False, request=asked.headers.get("x-request-id", ""))
        wait_s = self._latency_s * self._pace.uniform(0.8, 1.2) + sum(habit.seconds for habit in met if habit.kind == "slow")
        return asyncio.ensure_future(self._after(wait_s, asked, met))

    async def _after(self, wait_s: float, asked: Asked, met: tuple[Habit, ...]) -> Answer:
        await asyncio.sleep(wait_s)
        reply = self._answer(asked)
        echoed = tuple(
            (name, asked.headers[name.lower()]) for name in ("X-Request-ID", "X-Correlation-ID") if name.lower() in asked.headers
        )
        answer: Answer = Reply(reply.body, reply.status, reply.content_type, (*reply.headers, *echoed))
        for habit in met:
            if isinstance(answer, Reply):
                answer = spoiled(habit, answer)
        return answer

    def _answer(self, asked: Asked) -> Reply:
        if self._throttled():
            return _error("TOO_MANY_REQUESTS")
        told = asked.headers.get("x-request-id", "")
        if not told:
            return _error("MISSING_VALUE", "Missing value - 'X-Request-ID'")
        if not _is_uuid(told):
            return _error("INVALID_VALUE", "Invalid value - 'X-Request-ID'")
        if asked.method != "GET" or not asked.path.startswith(f"{BASE}/Patient"):
            return _error("UNSUPPORTED_SERVICE")
        rest = asked.path[len(f"{BASE}/Patient") :].strip("/")
        return self._read(rest) if rest else self._search(asked)

    def _throttled(self) -> bool:
        if self._per_second is None:
            return False
        now = time.monotonic()
        self._recent = [at for at in self._recent if now - at < 1.0]
        self._recent.append(now)
        return len(self._recent) > self._per_second

    def _read(self, number: str) -> Reply:
        if not _is_number(number):
            return _error("INVALID_RESOURCE_ID")
        patient = self._register.get(self._superseded.get(number, number))
        if patient is None:
            return _error("RESOURCE_NOT_FOUND")
        if _confidentiality(patient) == "REDACTED":
            return _error("INVALIDATED_RESOURCE")
        version = patient.get("meta", {}).get("versionId", "1")
        return Reply(orjson.dumps(_fit_to_show(patient)), headers=(("ETag", f'W/"{version}"'),))

    def _search(self, asked: Asked) -> Reply:
        told = dict(asked.query)
        fuzzy = told.get("_fuzzy-match") == "true"
        missing = next((name for name in ("family", "birthdate") if not told.get(name)), "")
        if missing:
            return _error("MISSING_VALUE", f"Missing value - '{missing}'")
        family = told["family"].removesuffix("*")
        if "*" in told["family"] and (fuzzy or len(family) < 2):
            return _error("INVALID_VALUE", f"Invalid value - '{told['family']}' in field 'family'")
        births = [value for name, value in asked.query if name == "birthdate"]
        found = [
            (score, patient)
            for patient in self._register.values()
            if _confidentiality(patient) != "REDACTED" and (score := _score(patient, told, births, fuzzy)) > 0
        ]
        most = min(int(told["_max-results"]), _MOST) if told.get("_max-results", "").isdigit() else _MOST
        if len(found) > most:
            return _error("TOO_MANY_MATCHES")
        found.sort(key=lambda pair: (-pair[0], pair[1]["id"]))
        return self._bundle(found)

    def _bundle(self, found: Sequence[tuple[float, FhirJson]]) -> Reply:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "timestamp": stamp, "total": len(found)}
        entries = [
            {
                "fullUrl": f"{self.base}/Patient/{patient['id']}",
                "search": {"score": score},
                "resource": _fit_to_show(patient, search=True),
            }
            for score, patient in found
        ]
        return Reply(orjson.dumps(bundle | ({"entry": entries} if entries else {})))


def _score(patient: FhirJson, told: Mapping[str, str], births: Sequence[str], fuzzy: bool) -> float:
    """1 for all that was asked; a fuzzy search forgives half of it. 0: not this one."""
    restricted = _confidentiality(patient) == "R"
    if restricted and (told.get("address-postalcode") or told.get("general-practitioner")):
        return 0.0  # found by where they live or are registered: never
    names = patient.get("name", ())
    given = [word for name in names for word in name.get("given", ())]
    checks = [any(_same(name.get("family", ""), told["family"], fuzzy) for name in names), _born(patient, births)]
    if told.get("given"):
        checks.append(any(_same(word, told["given"], fuzzy) for word in given))
    if told.get("gender"):
        checks.append(patient.get("gender") == told["gender"])
    if told.get("address-postalcode"):
        wanted = told["address-postalcode"].replace(" ", "").casefold()
        checks.append(
            any(each.get("postalCode", "").replace(" ", "").casefold().startswith(wanted) for each in patient.get("address", ()))
        )
    if all(checks):
        return 1.0
    share = sum(checks) / len(checks)
    return round(share, 4) if fuzzy and share >= 0.7 else 0.0


def _same(known: str, asked: str, fuzzy: bool) -> bool:
    known, asked = known.casefold(), asked.casefold()
    if asked.endswith("*"):
        return known.startswith(asked[:-1])
    return known == asked or (fuzzy and known[:3] == asked[:3])


def _born(patient: FhirJson, births: Sequence[str]) -> bool:
    born = str(patient.get("birthDate", ""))
    tests = {"eq": born.__eq__, "ge": born.__ge__, "le": born.__le__}
    return all(
        tests.get(value[:2], tests["eq"])(value.removeprefix(value[:2]) if value[:2] in tests else value) for value in births
    )


def _confidentiality(patient: FhirJson) -> str:
    return next((str(each.get("code")) for each in patient.get("meta", {}).get("security", ())), "U")


def _fit_to_show(patient: FhirJson, *, search: bool = False) -> FhirJson:
    if _confidentiality(patient) != "R":
        return patient
    hidden = (*_HIDDEN, "contact") if search else _HIDDEN
    return {name: value for name, value in patient.items() if name not in hidden}


def _is_number(text: str) -> bool:
    """Ten digits with the modulus-11 check digit (NHS Data Dictionary)."""
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    check = (11 - sum(int(digit) * (10 - place) for place, digit in enumerate(text[:9])) % 11) % 11
    return check == int(text[9])


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _error(code: str, diagnostics: str = "") -> Reply:
    status, kind, display = _ERRORS[code]
    issue: dict[str, Any] = {
        "severity": "information" if status == 200 else "error",
        "code": kind,
        "details": {"coding": [{"system": _CODES, "version": "1", "code": code, "display": display}]},
    }
    if diagnostics:
        issue["diagnostics"] = diagnostics
    headers = (("Retry-After", "1"),) if status == 429 else ()
    return Reply(orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}), status, headers=headers)
