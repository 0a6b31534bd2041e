"""The source that is played for the connector fhir_r4."""

import json
from typing import Any

from carerecord.connectors.fhir_r4 import FhirR4
from carerecord.contracts.sources import SharedSection, Source
from carerecord.kit.clock import SystemClock
from carerecord.region.servers.http import Answer, Asked, Reply, as_json
from tests.connectors.contract import Held, Played
from tests.records.a_desk import allergy, patient, reader

FHIR = "application/fhir+json"


def source(address: str) -> Source:
    sections = tuple(SharedSection(each) for each in ("allergies", "problems"))
    return Source(
        "gp", "A99917", "Elm Bank", "Elm Bank Surgery", "GP", "gp", "fhir_r4", address, knows_by="nhs-number", sections=sections
    )


def plays(asked: Asked, held: Held) -> Answer:
    if asked.path.endswith("/metadata"):
        return Reply(b"", 404)
    who = patient("p1", number=held.number, born=held.born)
    if asked.path.endswith("/Patient/_search"):
        return _bundle([who] if held.known else [])
    if asked.path.endswith("/Patient/p1"):
        return as_json(who, content_type=FHIR) if held.known else Reply(b"", 404)
    if asked.path.startswith("/AllergyIntolerance"):
        page = int(asked.value("page") or 1)
        items = [allergy(f"a{page}-{n}", "p1") for n in range(held.items)]
        items[: held.broken] = [{**each, "code": "not a concept"} for each in items[: held.broken]]
        return _bundle(items, f"AllergyIntolerance?page={page + 1}" if held.endless else "")
    return _bundle([])


def _bundle(resources: list[Any], following: str = "") -> Reply:
    link = [{"relation": "next", "url": following}] if following else []
    bundle = {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": [{"resource": each} for each in resources]}
    return Reply(json.dumps(bundle).encode(), content_type=FHIR)


FHIR_R4 = Played(
    "fhir_r4", lambda web: FhirR4(web, SystemClock(), reader), source, plays, "allergies", "problems", "p1",
    is_who=lambda asked: "/Patient" in asked.path,
)  # fmt: skip
