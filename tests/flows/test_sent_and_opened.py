"""A hospital sends messages, is never asked, and what it sent stands in the record as a copy; who is there now attends."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.ingest import RECEIVE, ReceiveAsked
from carerecord.contracts.records import ATTENDING, NEWS, AttendingAsked, NewsAsked, NewsItem, Record
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house

pytestmark = pytest.mark.timeout(120)
HAROLD, PAS = "harold-singh", "aldermoor-pas"
TABLES = f"""
[[source]]
id = "{PAS}"
organisation = "{DR_NAIR.organisation}"
name = "Aldermoor PAS"
kind = "acute"
connector = "none"
number_system = "https://pas.example/Id/number"
sections = ["encounters", "allergies"]
arrangement = "copy"
stage = "everyone"

[[sender]]
id = "{PAS}"
source = "{PAS}"
sends_as = [["PAS", "{DR_NAIR.organisation}"]]
"""


def admission(whole: Whole, at: datetime) -> bytes:
    """Harold is admitted by the emergency department, and is said to react to penicillin."""
    person = next(each for each in whole.region.people if each.key == HAROLD)
    born, when = person.born.strftime("%Y%m%d"), at.strftime("%Y%m%d%H%M%S")
    ods, number = DR_NAIR.organisation, person.nhs_number
    lines = [
        f"MSH|^~\\&|PAS|{ods}|CARE|ROUTE|{when}+0000||ADT^A01|M1|P|2.4",
        f"EVN|A01|{when}+0000",
        f"PID|1||MRN77^^^{ods}^MR~{number}^^^NHS^NH||{person.family.upper()}^{person.given[0].upper()}||{born}|M",
        f"PV1|1|E|AE^BAY 4^1^{ods}||||||||||||||||V1^^^{ods}^VN|||||||||||||||||||||||||{when}+0000",
        "AL1|1|DA|91936005^Allergy to penicillin^SCT|SV|Rash",
    ]
    return ("\r".join(lines) + "\r").encode()


async def opened(whole: Whole) -> Record:
    return (await whole.open(HAROLD))[-1]


async def told(whole: Whole, patient: str, record: Record) -> tuple[NewsItem, ...]:
    """What a page that shows this record is told."""
    return (await whole.calls.ask(NEWS, NewsAsked(DR_NAIR, patient, EMERGENCY, record.heard))).items


async def test_what_a_hospital_sends_stands_in_the_record_as_a_copy_and_whoever_is_there_attends(
    cluster: Cluster, nats: NatsServer, tmp_path: Path
):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "pas.toml").write_text(TABLES)
    async with a_whole_house(cluster, tmp_path, systems=("fenwick-epr",), nats_url=nats.url) as whole:
        registry = (await whole.calls.ask(REGISTRY, RegistryAsked())).registry
        assert registry is not None
        assert registry.problems == ()
        before = await opened(whole)
        patient = (await whole.find(HAROLD)).patient
        assert PAS not in {origin.source for each in before.sections for entry in each.entries for origin in entry.origins}
        assert (await whole.calls.ask(ATTENDING, AttendingAsked(DR_NAIR, patient))).attendance is None

        assert await told(whole, patient, before) == ()

        at = datetime.now(UTC) - timedelta(minutes=5)
        message = b64encode(admission(whole, at)).decode()
        (received,) = await whole.calls.ask(RECEIVE, ReceiveAsked((message,), PAS))
        assert received.outcome == "taken", received.reason
        new: list[NewsItem] = []
        async with asyncio.timeout(5.0):
            while not new:
                await asyncio.sleep(0.05)
                new = [each for each in await told(whole, patient, before) if each.kind == "sent"]
        assert [(each.source, each.name) for each in new] == [(PAS, "Aldermoor PAS")]
        assert new[0].at > before.at

        for _ in range(100):
            record = await opened(whole)
            state = next(each for each in record.states if each.source == PAS)
            if state.count:
                break
            await asyncio.sleep(0.1)
        assert (state.state, state.kept) == ("copy", "copy")
        assert state.copy_at > before.at
        entries = {each.id: [one for one in each.entries if one.origins[0].source == PAS] for each in record.sections}
        assert [each.facts.encounter.in_progress for each in entries["encounters"] if each.facts.encounter] == [True]
        assert [each.facts.title for each in entries["allergies"]] == ["Allergy to penicillin"]
        assert await told(whole, patient, record) == (), "the record that was opened since shows it"
        assert not record.mismatches
        assert record.allergies.title == "Known allergies"

        seen = (await whole.calls.ask(ATTENDING, AttendingAsked(DR_NAIR, patient))).attendance
        assert seen is not None
        assert (seen.source, seen.what) == (PAS, "Emergency department")
