"""The practice that is played for the connector gp_connect, and the directory in which it is found."""

import json
from dataclasses import replace
from typing import Any

from carerecord.connectors.gp_connect import GpConnect
from carerecord.contracts.sources import SharedSection, Source
from carerecord.kit.clock import SystemClock
from carerecord.region.servers import sds
from carerecord.region.servers.gp_connect_server import GpConnectServer, listed_at
from carerecord.region.servers.http import Answer, Asked, Reply
from carerecord.region.shapes import Holding, System
from tests.connectors.contract import NHS_NUMBER, Held, Played
from tests.records.a_desk import allergy, patient, reader

ODS = "A99999"
SYSTEM = System(
    "gp", ODS, "A Surgery", "GP", "gp", "urn:local", "nhs-number", ("allergies", "problems"), 0.0,
    connector="gp_connect", habit="emis",
)  # fmt: skip


def source(address: str) -> Source:
    sections = tuple(SharedSection(each) for each in ("allergies", "problems"))
    return Source(
        "gp", ODS, "A Surgery", "A Surgery", "GP", "gp", "gp_connect", address + sds.BASE, asid=sds.OUR_ASID,
        knows_by="nhs-number", sections=sections,
    )  # fmt: skip


def plays(asked: Asked, held: Held) -> Answer:
    address = f"http://{asked.headers['host']}"
    if asked.path.startswith(sds.BASE):
        return sds.Sds([listed_at(SYSTEM, address)], address)(asked)
    items = [allergy(f"a{n}", "p1", f"Allergy {n}") for n in range(held.items)]
    chart = (patient("p1", number=held.number, born=held.born), *items)
    server = GpConnectServer(SYSTEM, [Holding("gp", "p1", "1", "e", chart)] if held.known else [], address, latency_s=0.0)
    # It answers about whomever it holds, whoever was asked for: the fault that the contract is about.
    answer = server(replace(asked, body=asked.body.replace(NHS_NUMBER.encode(), held.number.encode())))
    assert isinstance(answer, Reply)
    return _spoilt(answer, held.broken) if held.broken else answer


def _spoilt(answer: Reply, broken: int) -> Reply:
    bundle = json.loads(answer.body)
    found = [each["resource"] for each in bundle.get("entry", ()) if each["resource"]["resourceType"] == "AllergyIntolerance"]
    for each in found[:broken]:
        each["code"] = "not a concept"
    return replace(answer, body=json.dumps(bundle).encode())


def is_who(asked: Asked) -> bool:
    return asked.path.startswith(sds.BASE)


def _secret(_: str) -> str:
    return "secret"


def _window(web: Any) -> GpConnect:
    return GpConnect(web, SystemClock(), reader, _secret)


GP_CONNECT = Played(
    "gp_connect", _window, source, plays, "allergies", "problems", "", pages=False, unknown="not given", is_who=is_who
)
