"""Who is told what, once services are a house?"""

from types import SimpleNamespace
from typing import Any

import pytest

from carerecord.app import wire
from carerecord.app.catalogue import CATALOGUE, hearers_of, kinds_heard

TELLERS = [pytest.param(each, id=each.name) for each in CATALOGUE if each.keeps and hearers_of(each.name)]


@pytest.mark.parametrize("teller", TELLERS)
async def test_each_hearer_is_handed_the_kinds_that_it_hears_and_no_others(teller, monkeypatch):
    told: dict[str, tuple[str, ...]] = {}

    async def relayed(*, hearer, kinds=(), **_):
        told[hearer] = kinds

    monkeypatch.setattr(wire, "run_relay", relayed)
    supplies: Any = SimpleNamespace(outbox=None, clock=None, log=None, metrics=None)
    housed: Any = SimpleNamespace(service=teller, part=SimpleNamespace(jobs=(), hears=()), supplies=supplies)
    noticeboard: Any = object()
    for job in wire._jobs(housed, noticeboard):
        if ".relay." in job.name:
            await job.run()

    assert told == {hearer: kinds_heard(hearer) for hearer in hearers_of(teller.name)}
    assert all(told.values())
