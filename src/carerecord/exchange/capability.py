"""What can this API do? Generated from what it does: the types, parameters and interactions that the code has."""

from typing import Any

import orjson
from starlette.responses import Response

from carerecord.exchange.answers import FHIR_JSON
from carerecord.exchange.formats import FHIR_XML, PATCH
from carerecord.exchange.operations import OPERATIONS
from carerecord.exchange.resources import OWNED_ELSEWHERE
from carerecord.exchange.visit import Visit
from carerecord.fhir.search.parameters import Parameters

INTERACTIONS = ("read", "vread", "create", "update", "patch", "delete", "history-instance", "history-type", "search-type")
SYSTEM = ("batch", "transaction", "history-system")


class Capability:
    def __init__(self, parameters: Parameters, published: str) -> None:
        self._resources = [_resource(type_, parameters) for type_ in sorted(parameters.types - OWNED_ELSEWHERE.keys())]
        self._published = published

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
                    "operation": [{"name": name, "definition": url} for name, url in OPERATIONS[""]],
                }
            ],
        }
        return Response(orjson.dumps(told), media_type=FHIR_JSON)


def _resource(type_: str, parameters: Parameters) -> dict[str, Any]:
    known = parameters.of(type_)
    references = sorted(f"{type_}:{each.code}" for each in known.values() if each.type == "reference")
    told: dict[str, Any] = {
        "type": type_,
        "interaction": [{"code": each} for each in INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "searchInclude": references,
        "searchParam": [
            {"name": each.code, "definition": each.url, "type": each.type}
            for each in sorted(known.values(), key=lambda parameter: parameter.code)
        ],
    }
    operations = [*OPERATIONS["*"], *OPERATIONS.get(type_, ())]
    told["operation"] = [{"name": name, "definition": url} for name, url in operations]
    return told


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
