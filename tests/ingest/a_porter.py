"""A porter in an OS process of its own, so that a test can kill it. It stands by until it is told, on standard input, where
everything is; then it says its port."""

import asyncio
import json
import sys
from datetime import timedelta

from tests.ingest.a_hospital import KEEPERS, a_house_of

from carerecord.fhir.search import parameters
from carerecord.fhir.validate import load
from carerecord.ingest.mllp import Listener
from carerecord.kit.clock import SystemClock
from carerecord.kit.db import open_pool
from carerecord.kit.log import configure


async def work(told: dict[str, str]) -> None:
    pools = {name: await open_pool(told[name], service=name) for name in (*KEEPERS, "ingest")}
    house = await a_house_of(pools, clock=SystemClock())
    house.filer.hold = timedelta(seconds=1)
    listener = Listener(house.desk(), "127.0.0.1", 0, None)
    await listener.open()
    print(listener.port, flush=True)
    await house.filer.work()


if __name__ == "__main__":
    configure("ERROR")  # to standard error: what is said on standard output is for the test
    parameters.load()
    load()
    if line := sys.stdin.readline():
        asyncio.run(work(json.loads(line)))
