"""What a service needs to stand alone in a test: a real database, a clock, keys, and ways to whomever it asks."""

from collections.abc import Mapping
from pathlib import Path

from carerecord.app.catalogue import NAMES, service
from carerecord.kit.calls import Calls, Transport
from carerecord.kit.clock import Clock, SystemClock
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Supplies
from carerecord.kit.tokens import keys_for
from tests.both_ways.ways import SECRET
from tests.conftest import TestDatabase


def supplies_for(
    name: str,
    database: TestDatabase | None,
    *,
    data_dir: Path,
    ways: Mapping[str, Transport] | None = None,
    settings: Mapping[str, str] | None = None,
    clock: Clock | None = None,
) -> Supplies:
    clock = clock or SystemClock()
    return Supplies(
        name=name,
        calls=Calls(name, ways or {}),
        keys=keys_for(SECRET, name, NAMES, service(name).calls),
        clock=clock,
        log=log_for(name),
        metrics=Metrics(name),
        settings=settings or {},
        secrets=lambda _: "",
        data_dir=data_dir,
        database=database.pool if database else None,
        events=Outbox(database.pool, name, clock) if database else None,
    )
