"""Messages that nobody here wrote, over a real line: each ends filed, or in the queue with a reason; again changes nothing."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from carerecord.ingest.senders import Sender
from tests.ingest.a_hospital import NUMBERS, Line, a_hospital, listening

CHECKOUT = Path(__file__).parents[2]
FILE = Path(os.environ.get("CARERECORD_REAL_INPUTS") or CHECKOUT.parent / "shared" / "data") / "hl7v2/simhospital-first-500.hl7"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not FILE.is_file(), reason=f"real inputs are absent: no file {FILE} (set CARERECORD_REAL_INPUTS to another folder)"
    ),
]
SIMULATOR = Sender(
    "sim", "fenwick", "R1A", "A simulated hospital", (("SIMHOSP", "SFAC"),), number_system=NUMBERS,
    authorities=(("SIMULATOR MRN", NUMBERS),),
)  # fmt: skip


def messages() -> Sequence[bytes]:
    text = FILE.read_bytes().replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    return [b"MSH|" + each.strip(b"\r\x0b\x1c") + b"\r" for each in re.split(rb"(?:\A|\r)[\x0b]?MSH\|", text) if each.strip()]


async def test_each_of_500_is_filed_or_waits_with_a_reason_and_a_second_replay_changes_nothing(service_database: Any):
    sent = messages()
    async with a_hospital(service_database, senders=(SIMULATOR,)) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        answers = [(await line.send(each))[0] for each in sent]
        await hospital.file_all()
        for _ in range(3):
            await hospital.later(30)
        kept = hospital.pools["holdings"]
        versions = await kept.fetchval("SELECT count(*) FROM version")
        stuck = await hospital.stuck()
        waiting = await hospital.waiting()
        again = [(await line.send(each))[0] for each in sent]
        await hospital.file_all()
        versions_after = await kept.fetchval("SELECT count(*) FROM version")
        types = [tuple(row) for row in await kept.fetch("SELECT type, count(*) FROM held GROUP BY type ORDER BY type")]


    assert len(sent) == 500
    assert set(answers) <= {"AA", "CA"}
    assert again == answers
    assert waiting == 0
    assert [each for each in stuck if not each[2]] == []
    assert len(stuck) <= 5, stuck
    assert {"Patient", "Encounter", "Observation", "DiagnosticReport", "Provenance"} <= {name for name, _ in types}
    assert versions_after == versions
