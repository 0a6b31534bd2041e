"""A hospital sends messages, is never asked, and what it sent stands in the record as a copy; who is there now attends."""

import asyncio
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.ingest import MESSAGES, RECEIVE, MessagesAsked, ReceiveAsked
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


def unknown_man(at: datetime) -> bytes:
    """Somebody whom nobody can name is brought in; he carries a card that says what he reacts to."""
    when, ods = at.strftime("%Y%m%d%H%M%S"), DR_NAIR.organisation
    lines = [
        f"MSH|^~\\&|PAS|{ods}|CARE|ROUTE|{when}+0000||ADT^A01|M2|P|2.4",
        f"EVN|A01|{when}+0000",
        f"PID|1||MRN99^^^{ods}^MR||UNKNOWN^MALE 47||19000101|M|||^^^^ZZ99 3VZ",
        f"PV1|1|E|AE^BAY 5^1^{ods}||||||||||||||||V2^^^{ods}^VN|||||||||||||||||||||||||{when}+0000",
        "AL1|1|DA|294505008^Allergy to amoxicillin^SCT|SV|Anaphylaxis",
    ]
    return ("\r".join(lines) + "\r").encode()


def it_was_harold(whole: Whole, at: datetime) -> bytes:
    person = next(each for each in whole.region.people if each.key == HAROLD)
    when, ods = at.strftime("%Y%m%d%H%M%S"), DR_NAIR.organisation
    name = f"{person.family.upper()}^{person.given[0].upper()}"
    lines = [
        f"MSH|^~\\&|PAS|{ods}|CARE|ROUTE|{when}+0000||ADT^A40|M3|P|2.4",
        f"EVN|A40|{when}+0000",
        f"PID|1||MRN77^^^{ods}^MR~{person.nhs_number}^^^NHS^NH||{name}||{person.born.strftime('%Y%m%d')}|M",
        f"MRG|MRN99^^^{ods}^MR",
    ]
    return ("\r".join(lines) + "\r").encode()


async def sent(whole: Whole, message: bytes) -> None:
    (received,) = await whole.calls.ask(RECEIVE, ReceiveAsked((b64encode(message).decode(),), PAS))
    assert received.outcome == "taken", received.reason


async def opened(whole: Whole) -> Record:
    return (await whole.open(HAROLD))[-1]


def allergies(record: Record) -> dict[str, bool]:
    """Each with whether it says that it bears a number which was merged into his."""
    return {entry.facts.title: entry.merged for each in record.sections if each.id == "allergies" for entry in each.entries}


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
        await sent(whole, admission(whole, at))
        new: list[NewsItem] = []
        async with asyncio.timeout(5.0):
            while not new:
                await asyncio.sleep(0.3)
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
        entries = {each.id: [one for one in each.entries if one.source == PAS] for each in record.sections}
        assert [each.facts.encounter.in_progress for each in entries["encounters"] if each.facts.encounter] == [True]
        assert [each.facts.title for each in entries["allergies"]] == ["Allergy to penicillin"]
        assert await told(whole, patient, record) == (), "the record that was opened since shows it"
        assert not record.mismatches
        assert record.allergies.title == "Known allergies"

        seen = (await whole.calls.ask(ATTENDING, AttendingAsked(DR_NAIR, patient))).attendance
        assert seen is not None
        assert (seen.source, seen.what) == (PAS, "Emergency department")

        await sent(whole, unknown_man(at + timedelta(minutes=1)))
        for _ in range(60):
            queue = await whole.calls.ask(MESSAGES, MessagesAsked())
            if not queue.waiting:
                break
            await asyncio.sleep(0.05)
        assert await told(whole, patient, record) == (), "a man whom nobody can name is nobody's news"
        await sent(whole, it_was_harold(whole, at + timedelta(minutes=2)))
        kinds: set[str] = set()
        async with asyncio.timeout(5.0):
            while not kinds >= {"sent", "joined"}:
                await asyncio.sleep(0.3)
                kinds = {each.kind for each in await told(whole, patient, record)}
        async with asyncio.timeout(5.0):  # who he is is settled first, then what was said of him is filed
            while "Allergy to amoxicillin" not in (shown := allergies(await opened(whole))):
                await asyncio.sleep(0.1)
        assert (shown["Allergy to penicillin"], shown["Allergy to amoxicillin"]) == (False, True)
