"""How does the pretend Spine Directory Service answer? Which system of an organisation takes which messages, and where.

Source: NHSDigital/spine-directory-service-api, FHIR R4: `Device` gives the accredited system (ASID) and its party key, `Endpoint`
the address. Both are searched by organisation and interaction; who is not registered for an interaction is not found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from carerecord.region.servers.habits import Habit, Habits, spoiled
from carerecord.region.servers.http import Answer, Asked, Reply

BASE = "/spine-directory/FHIR/R4"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
INTERACTION = "https://fhir.nhs.uk/Id/nhsServiceInteractionId"
ASID = "https://fhir.nhs.uk/Id/nhsSpineASID"
PARTY_KEY = "https://fhir.nhs.uk/Id/nhsMhsPartyKey"
OUR_ASID = "200000000115"  # carerecord's own, in the pretend region


@dataclass(frozen=True)
class Listed:
    """One accredited system of one organisation."""

    ods: str
    asid: str
    party_key: str
    endpoints: Mapping[str, str]  # interaction -> FHIR base where it is answered


class Sds:
    """The directory of the region. With an `api_key`, who does not show it is refused."""

    def __init__(self, listed: Sequence[Listed], address: str, *, api_key: str = "", habits: Sequence[Habit] = ()) -> None:
        self.base = address + BASE
        self.habits = Habits("sds", habits)
        self.asked: list[Asked] = []
        self._listed, self._api_key = tuple(listed), api_key

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        del self.asked[:-2000]
        answer: Answer = self._answer(asked)
        met = self.habits.touching(patient="", type="", enrolment=False, request=asked.headers.get("x-request-id", ""))
        for habit in met:
            if isinstance(answer, Reply):
                answer = spoiled(habit, answer)
        return answer

    def lists(self, *listed: Listed) -> None:
        """These systems and no others, from now on: as when an organisation changes its supplier."""
        self._listed = listed

    def _answer(self, asked: Asked) -> Reply:
        if self._api_key and asked.headers.get("apikey") != self._api_key:
            return _failure(401, "login", "The apikey is missing or unknown.")
        kind = asked.path.removeprefix(BASE + "/")
        if asked.method != "GET" or kind not in ("Device", "Endpoint"):
            return _failure(404, "not-found", "There is no such place here.")
        told = [value for name, value in asked.query if name == "identifier"]
        ods = _value(ODS, [value for name, value in asked.query if name == "organization"])
        interaction, party_key = _value(INTERACTION, told), _value(PARTY_KEY, told)
        if not ods or not (interaction or party_key):
            return _failure(400, "required", "Say which organization and which interaction by `identifier`.")
        found = [
            each
            for each in self._listed
            if each.ods == ods
            and (not party_key or each.party_key == party_key)
            and (not interaction or interaction in each.endpoints)
        ]
        resources = [self._device(each) if kind == "Device" else self._endpoint(each, interaction) for each in found]
        entries = [
            {"fullUrl": f"{self.base}/{kind}/{each['id']}", "resource": each, "search": {"mode": "match"}} for each in resources
        ]
        return Reply(orjson.dumps({"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}))

    @staticmethod
    def _device(each: Listed) -> dict[str, Any]:
        return {
            "resourceType": "Device",
            "id": f"device-{each.asid}",
            "identifier": [{"system": ASID, "value": each.asid}, {"system": PARTY_KEY, "value": each.party_key}],
            "owner": {"identifier": {"system": ODS, "value": each.ods}},
        }

    @staticmethod
    def _endpoint(each: Listed, interaction: str) -> dict[str, Any]:
        return {
            "resourceType": "Endpoint",
            "id": f"endpoint-{each.asid}",
            "identifier": [{"system": PARTY_KEY, "value": each.party_key}],
            "status": "active",
            "connectionType": {
                "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
                "code": "hl7-fhir-rest",
            },
            "managingOrganization": {"identifier": {"system": ODS, "value": each.ods}},
            "payloadType": [{"text": "any"}],
            "address": each.endpoints.get(interaction) or next(iter(each.endpoints.values())),
        }


def spine_fields(directory: str) -> dict[str, str]:
    """What a `[[source]]` of a GP Connect practice says of the Spine: the directory in place of an address, and who we are."""
    return {"address": directory, "asid": OUR_ASID, "knows_by": "nhs-number"}


def _value(system: str, tokens: Sequence[str]) -> str:
    return next((token.partition("|")[2] for token in tokens if token.partition("|")[0] == system), "")


def _failure(status: int, code: str, says: str) -> Reply:
    issue = {"severity": "error", "code": code, "diagnostics": says}
    return Reply(orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}), status)
