"""A porter in an OS process of its own, so that a test can kill it: told on standard input where everything is."""

import asyncio
import json
import sys

import msgspec
from tests.patients.people import a_desk

from carerecord.connectors.web import Web
from carerecord.contracts.locator import LEARN
from carerecord.contracts.patients import ENROL
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, Source
from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest.enrol import Enroller
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.clock import SystemClock
from carerecord.kit.db import open_pool
from carerecord.kit.log import configure, log_for
from carerecord.kit.part import answer
from carerecord.locator.service import Locator


async def work(told: dict[str, str], source: Source) -> None:
    clock = SystemClock()
    pools = {name: await open_pool(told[name], service=name) for name in ("patients", "locator", "ingest")}

    async def registry(asked: RegistryAsked) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", (source,)))

    async def enrol(asked: object) -> object:
        print("page", flush=True)
        return await a_desk(pools["patients"]).index.enrol(asked)  # type: ignore[arg-type]

    ways = {
        "sources": Direct([answer(REGISTRY, registry)]),
        "patients": Direct([answer(ENROL, enrol)]),  # type: ignore[arg-type]
        "locator": Direct([answer(LEARN, Locator(pools["locator"], clock, PatientIds(b"k")).learn)]),
    }
    enroller = Enroller(Calls("ingest", ways), pools["ingest"], Web(lambda name: ""), clock, log_for("ingest"), 3, owner="killed")
    await enroller.work()


if __name__ == "__main__":
    configure("ERROR")  # to standard error: what is said on standard output is for the test
    told = json.loads(sys.stdin.readline())
    asyncio.run(work(told, msgspec.json.decode(told["source"], type=Source)))
