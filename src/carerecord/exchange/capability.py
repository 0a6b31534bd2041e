"""What can this API do? Generated from what it does: the types, parameters and interactions that the code has."""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.responses import Response

from carerecord.exchange import auditing, consents, objections, subscriptions
from carerecord.exchange.answers import FHIR_JSON
from carerecord.exchange.formats import FHIR_XML, PATCH
from carerecord.exchange.operations import OPERATIONS
from carerecord.exchange.owners import BY_ID, OWNED_ELSEWHERE
from carerecord.exchange.visit import Visit
from carerecord.fhir.search import compartments
from carerecord.fhir.search.parameters import Parameter, Parameters

INTERACTIONS = ("read", "vread", "create", "update", "patch", "delete", "history-instance", "history-type", "search-type")
OF_MANY = ("history-type", "search-type")
OF_OTHERS = {
    objections.TYPE: (("read", "create", "update", "search-type"), consents.PARAMETERS),
    subscriptions.TYPE: (("read", "create", "update", "delete", "search-type"), subscriptions.PARAMETERS),
    auditing.TYPE: (("read", "search-type"), auditing.PARAMETERS),
}
SYSTEM = ("batch", "transaction", "history-system", "search-system")


class Capability:
    def __init__(self, parameters: Parameters, centres: Iterable[str], published: str) -> None:
        here = {type_: _resource(type_, parameters) for type_ in parameters.types - OWNED_ELSEWHERE.keys()}
        beside = {type_: _of_another(type_, parameters) for type_ in OF_OTHERS}
        self._resources = [each for _, each in sorted((here | beside).items())]
        self._centres, self._published = tuple(centres), published

    async def metadata(self, visit: Visit) -> Response:
        told: dict[str, Any] = {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": self._published,
            "kind": "instance",
            "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"],
            "software": {"name": "carerecord"},
            "implementation": {"description": "carerecord's FHIR API", "url": visit.base},
            "fhirVersion": "4.0.1",
            "format": ["json", "xml", FHIR_JSON, FHIR_XML],
            "patchFormat": [PATCH],
            "rest": [
                {
                    "mode": "server",
                    "security": {
                        "cors": False,
                        "service": [_coded("http://terminology.hl7.org/CodeSystem/restful-security-service", "SMART-on-FHIR")],
                        "extension": [
                            {
                                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                                "extension": [{"url": "token", "valueUri": f"{visit.base}/oauth/token"}],
                            }
                        ],
                    },
                    "resource": self._resources,
                    "interaction": [{"code": each} for each in SYSTEM],
                    "compartment": [compartments.url(each) for each in self._centres],
                    "operation": [{"name": name, "definition": url} for name, url in OPERATIONS[""]],
                }
            ],
        }
        return Response(orjson.dumps(told), media_type=FHIR_JSON)


def _resource(type_: str, parameters: Parameters) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": type_,
        "interaction": [{"code": each} for each in INTERACTIONS if type_ != BY_ID or each not in OF_MANY],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": type_ != BY_ID,
        "conditionalRead": "full-support",
        "conditionalUpdate": type_ != BY_ID,
        "conditionalDelete": "not-supported" if type_ == BY_ID else "single",
    }
    known = {} if type_ == BY_ID else parameters.of(type_)
    if known:
        told["searchInclude"] = sorted(f"{type_}:{each.code}" for each in known.values() if each.type == "reference")
        told["searchParam"] = [_parameter(each) for _, each in sorted(known.items())]
    operations = [*OPERATIONS["*"], *OPERATIONS.get(type_, ())]
    told["operation"] = [{"name": name, "definition": url} for name, url in operations]
    return told


def _of_another(type_: str, parameters: Parameters) -> dict[str, Any]:
    """What another service answers for."""
    interactions, searched_by = OF_OTHERS[type_]
    known = parameters.of(type_)
    operations = [{"name": name, "definition": url} for name, url in OPERATIONS.get(type_, ())]
    return {
        "type": type_,
        "documentation": OWNED_ELSEWHERE[type_][1],
        "interaction": [{"code": each} for each in interactions],
        "versioning": "versioned" if "update" in interactions else "no-version",
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "searchParam": [_parameter(known[code]) for code in sorted(searched_by)],
        **({"operation": operations} if operations else {}),
    }


def _parameter(each: Parameter) -> dict[str, str]:
    return {"name": each.code, "definition": each.url, "type": each.type}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
