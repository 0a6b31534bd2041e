"""The sources that are played for the connector rest_json: one speaks JSON, one XML, each with the mapping of the docs."""

import json
from pathlib import Path
from typing import Any

from carerecord.connectors.rest_json import RestJson
from carerecord.contracts.sources import SharedSection, Source
from carerecord.kit.clock import SystemClock
from carerecord.region.servers.http import Answer, Asked, Reply, as_json
from tests.connectors.contract import Held, Played
from tests.records.a_desk import reader

MAPPINGS = Path(__file__).parent / "mappings"


def mapping(name: str) -> str:
    return (MAPPINGS / f"{name}.toml").read_text(encoding="utf-8")


def rivermead(address: str) -> Source:
    sections = tuple(SharedSection(each) for each in ("allergies", "encounters", "observations"))
    return Source(
        "rivermead", "RY901", "Rivermead", "Rivermead Community", "CN", "community", "rest_json", f"{address}/api",
        knows_by="nhs-number", sections=sections, mapping=mapping("rivermead"), page_size=3,
    )  # fmt: skip


def plays_rivermead(asked: Asked, held: Held) -> Answer:
    assert asked.headers["x-api-version"] == "2.3"
    told = json.loads(asked.body)
    if asked.path.startswith("/api/people/"):
        assert told.get("nhsNumber") or told.get("personId") == "RM-204"
        if not held.known:
            return Reply(b"{}", 404, "application/json")
        born = "/".join(reversed(held.born.split("-")))
        person = {
            "personId": "RM-204", "nhsNumber": held.number, "surname": "Marlow", "forename": "Edith", "dob": born, "sex": "F",
        }  # fmt: skip
        return as_json({"apiVersion": "2.3", "person": person})
    assert told["personId"] == "RM-204"
    staff = [{"staffId": "S9", "name": "Sr Joan Ashby"}]
    if asked.path == "/api/allergies/list":
        allergies = [
            {"allergyId": f"A-{n}", "personId": "RM-204", "substance": "Latex", "state": "A", "noted": "2019", "notedBy": "S9"}
            for n in range(held.items)
        ]
        return as_json({"apiVersion": "2.3", "allergies": allergies, "staff": staff})
    visits: list[Any] = [
        {
            "visitId": f"V-{told['page']}-{n}", "personId": "RM-204", "status": "DONE", "purpose": "Wound dressing",
            "start": "yesterday" if n < held.broken else "2026-07-02T09:15:00", "seenBy": "S9", "readings": [],
        }
        for n in range(held.items)
    ]  # fmt: skip
    answer = {"apiVersion": "2.3", "count": len(visits), "hasMore": held.endless, "visits": visits, "staff": staff}
    return as_json(answer if not held.endless else answer | {"count": None})


def kestrel(address: str) -> Source:
    sections = tuple(SharedSection(each) for each in ("medicines", "results"))
    return Source(
        "kestrel", "RY902", "Kestrel", "Kestrel Therapies", "TH", "community", "rest_json", address, knows_by="nhs-number",
        sections=sections, mapping=mapping("kestrel"),
    )  # fmt: skip


def plays_kestrel(asked: Asked, held: Held) -> Answer:
    if b"<parts>patient</parts>" in asked.body:
        if not held.known:
            return Reply(b"", 404, "application/xml")
        return xml(
            f'<patient id="K88"><nhsNumber>{held.number}</nhsNumber><name><family>Marlow</family><given>Edith</given></name>'
            f"<born>{held.born}T00:00:00</born><sex>2</sex></patient>"
        )
    medicines = "".join(
        f'<medicine id="m{n}" state="active"><product>Warfarin 3mg tablets</product><dose>one</dose>'
        f"<from>{'yesterday' if n < held.broken else '04-Mar-2024'}</from></medicine>"
        for n in range(held.items)
    )
    return xml(f'<patient id="K88"/><medicines>{medicines}</medicines>')


def xml(inner: str) -> Reply:
    whole = f'<?xml version="1.0"?><patientExport xmlns="urn:kestrel:export">{inner}</patientExport>'
    return Reply(whole.encode(), content_type="application/xml")


RIVERMEAD = Played(
    "rest_json (JSON)", lambda web: RestJson(web, SystemClock(), reader), rivermead, plays_rivermead, "encounters", "allergies",
    "RM-204", is_who=lambda asked: "/people/" in asked.path,
)  # fmt: skip
KESTREL = Played(
    "rest_json (XML)", lambda web: RestJson(web, SystemClock(), reader), kestrel, plays_kestrel, "medicines", "results", "K88",
    pages=False, is_who=lambda asked: b"<parts>patient</parts>" in asked.body,
)  # fmt: skip
