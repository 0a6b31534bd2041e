"""Is the PDS asked as it wants, and are its answers taken for what they say? Against the pretend one, and on real bodies."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from carerecord.connectors import pds
from carerecord.connectors.pds import Circuit, Crowded, NotRegistered, Pds, Registered, Turns
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import NoAnswer
from carerecord.contracts.sources import Source
from carerecord.fhir.errors import NotAnNhsNumber
from carerecord.fhir.identifiers import is_nhs_number
from carerecord.ingest.api import IngestSettings
from carerecord.kit import request
from carerecord.records import api as records_api
from carerecord.records.settings import RecordsSettings
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.http import Asked, Listener, Reply
from carerecord.region.servers.pds import BASE
from carerecord.region.servers.pds import Pds as PretendPds
from tests.both_ways.supplies import supplies_for

BODIES = Path(__file__).parents[1] / "data" / "pds"  # NHSDigital/personal-demographics-service-api, MIT (LICENSE there)
SMITH, HIDDEN, GONE, OLD, NOBODY = "9990000018", "9990000026", "9990000034", "9990000042", "9990000050"
LABEL = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def a_patient(number: str, family: str, label: str = "U") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": number,
        "meta": {"versionId": "2", "security": [{"system": LABEL, "code": label}]},
        "name": [{"use": "usual", "family": family, "given": ["Jane"]}],
        "gender": "female",
        "birthDate": "1980-05-01",
        "address": [{"postalCode": "ZZ1 1AA", "line": ["1 Elm Road"]}],
        "generalPractitioner": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99917"}}],
    }


REGISTER = {
    SMITH: a_patient(SMITH, "Smith"),
    HIDDEN: a_patient(HIDDEN, "Hidden", "R"),
    GONE: a_patient(GONE, "Gone", "REDACTED"),
}


def source_at(address: str) -> Source:
    return Source("pds", "QZ9", "Board", "PDS", "PD", "gp", "pds", address)


def a_window(web: Web, per_second: float = 1000.0) -> Pds:
    return Pds(web, Turns(per_second, time.monotonic))


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    made = Web(lambda name: name)
    yield made
    await made.close()


@asynccontextmanager
async def a_register(**more: Any) -> AsyncIterator[tuple[PretendPds, Source]]:
    listener = Listener(lambda _: Reply())
    await listener.listen()
    register = PretendPds(REGISTER, listener.address, latency_s=0, superseded={OLD: SMITH}, **more)
    listener.handler = register
    try:
        yield register, source_at(listener.address + BASE)
    finally:
        await listener.refuse()
    assert listener.faults == []


@asynccontextmanager
async def answering(*replies: Reply) -> AsyncIterator[tuple[list[Asked], Source]]:
    asked: list[Asked] = []

    def handler(each: Asked) -> Reply:
        asked.append(each)
        return replies[min(len(asked), len(replies)) - 1]

    listener = Listener(handler)
    await listener.listen()
    try:
        yield asked, source_at(listener.address)
    finally:
        await listener.refuse()


async def test_a_number_is_read_with_its_version_and_practice(web):
    async with a_register() as (_, source):
        found = await a_window(web).read(source, "999 000 0018")

    assert isinstance(found, Registered)
    assert (found.person.id, found.version, found.superseded) == (SMITH, "2", False)
    assert found.person.practice.ods == "A99917"


async def test_of_a_restricted_person_nothing_that_locates_is_there(web):
    async with a_register() as (_, source):
        found = await a_window(web).read(source, HIDDEN)

    assert isinstance(found, Registered)
    assert found.person.restricted
    assert (found.person.addresses, found.person.phones, found.person.practice.ods) == ((), (), "")


async def test_a_superseded_number_answers_with_its_successor(web):
    async with a_register() as (_, source):
        found = await a_window(web).read(source, OLD)

    assert isinstance(found, Registered)
    assert (found.person.id, found.superseded) == (SMITH, True)


@pytest.mark.parametrize(("number", "why"), [(NOBODY, "RESOURCE_NOT_FOUND"), (GONE, "INVALIDATED_RESOURCE")])
async def test_the_kinds_of_nobody_are_told_apart(web, number, why):
    async with a_register() as (_, source):
        assert await a_window(web).read(source, number) == NotRegistered(why)


async def test_an_ill_formed_number_is_not_asked_about(web):
    async with a_register() as (register, source):
        with pytest.raises(NotAnNhsNumber):
            await a_window(web).read(source, "9990000019")
        assert register.asked == []


async def test_the_headers_are_those_that_the_service_wants(web):
    async with a_register() as (register, source):
        with request.request("from-the-page-0001"):
            await a_window(web).read(source, SMITH, organisation="R9A")

    headers = register.asked[0].headers
    assert UUID(headers["x-request-id"])
    assert headers["x-correlation-id"] == "from-the-page-0001"
    assert headers["nhsd-end-user-organisation-ods"] == "R9A"


async def test_too_often_is_asked_again_under_the_same_request_id(web):
    busy = Habit("status", status=429, times=1, retry_after="0")
    async with a_register(habits=(busy,)) as (register, source):
        found = await a_window(web).read(source, SMITH)

    assert isinstance(found, Registered)
    assert len(register.asked) == 2
    assert len({each.headers["x-request-id"] for each in register.asked}) == 1


async def test_in_no_second_are_there_more_than_five(monkeypatch):
    now, taken = [0.0], []

    async def sleep(seconds: float) -> None:
        taken.append(now[0] + seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    turns = Turns(5.0, lambda: now[0])
    for at in (0.0, *[0.9] * 5, *[1.1] * 7, 9.0, 9.0):
        now[0], before = at, len(taken)
        await turns.take()
        taken += [at] if len(taken) == before else []

    assert taken[:6] == [0.0, 0.9, 0.9, 0.9, 0.9, 1.0]
    assert all(later - first > 0.999 for first, later in zip(taken, taken[5:], strict=False)), taken


async def test_a_flood_of_questions_is_turned_away_and_whoever_asks_later_does_not_wait_for_it(web):
    async with a_register() as (register, source):
        window = Pds(web, Turns(20.0, time.monotonic), 0.2)
        numbers = [number for each in range(2_000) if is_nhs_number(number := f"999{each:07}")]
        began = time.monotonic()
        told = await asyncio.gather(*(window.read(source, each) for each in numbers), return_exceptions=True)
        flood_s, many = time.monotonic() - began, len(register.asked)
        await asyncio.sleep(1.0)
        found = await asyncio.wait_for(window.read(source, SMITH), 0.5)

    assert len(numbers) > 150
    assert {type(each) for each in told} == {NotRegistered, Registered, Crowded}
    assert many <= 25
    assert flood_s < 1.5
    assert isinstance(found, Registered), "and the circuit is closed: the register never failed"


async def test_waiting_for_a_turn_of_ours_is_not_held_against_the_register(web, monkeypatch):
    monkeypatch.setattr(pds, "DEADLINE_S", 0.9)
    async with a_register() as (_, source):
        window = Pds(web, Turns(1.0, time.monotonic), circuit=Circuit(time.monotonic, most=1))
        found = await asyncio.gather(*(window.read(source, each) for each in (SMITH, HIDDEN, OLD, NOBODY)))

    assert [type(each) for each in found] == [Registered, Registered, Registered, NotRegistered]


async def test_a_register_that_says_not_now_and_is_not_asked_again_in_time_has_not_answered(web, monkeypatch):
    monkeypatch.setattr(pds, "DEADLINE_S", 0.5)
    async with answering(Reply(b"", 503)) as (asked, source):
        window = Pds(web, Turns(1.0, time.monotonic), circuit=Circuit(time.monotonic, most=1))
        with pytest.raises(Crowded):
            await window.read(source, SMITH)
        with pytest.raises(NoAnswer):
            await window.read(source, SMITH)

    assert len(asked) == 1, "its circuit is open"


@pytest.mark.parametrize(("says", "after_s"), [("100", 100.0), ("1000000000", 300.0)])
async def test_where_it_says_when_to_come_back_nobody_asks_before(web, says, after_s):
    now = [1.0]
    read = (BODIES / "patientResponses__patient_9693632109.json").read_bytes()
    async with answering(Reply(b"", 429, headers=(("Retry-After", says),)), Reply(read)) as (asked, source):
        window = Pds(web, Turns(1000.0, time.monotonic), circuit=Circuit(lambda: now[0]))
        for number in (SMITH, HIDDEN, OLD):
            with pytest.raises(NoAnswer):
                await window.read(source, number)
        now[0] += after_s - 1
        with pytest.raises(NoAnswer):
            await window.read(source, SMITH)
        before = len(asked)
        now[0] += 1.5
        found = await window.read(source, "9693632109")

    assert before == 1
    assert isinstance(found, Registered)


async def test_one_question_tries_a_register_that_did_not_answer_and_the_others_wait_for_its_outcome(web):
    now = [1.0]
    read = (BODIES / "patientResponses__patient_9693632109.json").read_bytes()
    async with answering(Reply(b"", 500), Reply(read)) as (asked, source):
        window = Pds(web, Turns(1000.0, time.monotonic), circuit=Circuit(lambda: now[0], most=1))
        with pytest.raises(NoAnswer):
            await window.read(source, SMITH)
        now[0] += 21.0
        several = (SMITH, HIDDEN, OLD, "9693632109")
        told = await asyncio.gather(*(window.read(source, each) for each in several), return_exceptions=True)

    assert [type(each) for each in told] == [Registered, NoAnswer, NoAnswer, NoAnswer]
    assert len(asked) == 2


async def test_what_asks_the_register_sums_to_what_it_allows_however_many_processes_there_are(
    monkeypatch, tmp_path, service_database
):
    rates: list[float] = []

    def turns(per_second: float, now: Any) -> Turns:
        rates.append(per_second)
        return Turns(per_second, now)

    monkeypatch.setattr(records_api, "PdsTurns", turns)
    records_api.build(replace(supplies_for("records", await service_database("records"), data_dir=tmp_path), processes=4))

    assert RecordsSettings().register_a_second + IngestSettings().traces_per_s <= 5
    assert rates == [RecordsSettings().register_a_second / 4]


async def test_a_search_finds_by_name_and_birth_date(web):
    async with a_register() as (register, source):
        found = await a_window(web).search(source, family="Smith", birth_date="1980-05-01", given="Jane", gender="female")

    assert [(each.person.id, each.score) for each in found.found] == [(SMITH, 1.0)]
    assert dict(register.asked[0].query)["birthdate"] == "eq1980-05-01"


async def test_a_restricted_person_is_not_found_by_postcode(web):
    async with a_register() as (_, source):
        found = await a_window(web).search(source, family="Hidden", birth_date="1980-05-01", postcode="ZZ1 1AA")

    assert found.found == ()


async def test_real_bodies_are_understood(web):
    read = (BODIES / "patientResponses__patient_9693632109.json").read_bytes()
    listed = (BODIES / "searchResponses__fuzzy_single_searchset.json").read_bytes()
    many = (BODIES / "searchResponses__TOO_MANY_MATCHES.json").read_bytes()
    wrong = (BODIES / "errorResponses__INVALID_RESOURCE_ID.json").read_bytes()
    etag = (("ETag", 'W/"7"'),)
    async with answering(Reply(read, headers=etag), Reply(listed), Reply(many), Reply(wrong, 400)) as (_, source):
        window = a_window(web)
        found = await window.read(source, "9693632109")
        one = await window.search(source, family="Smith", birth_date="2000-05-05", fuzzy=True)
        none = await window.search(source, family="Smith", birth_date="2000-05-05")
        refused = await window.read(source, "9693632109")

    assert isinstance(found, Registered)
    assert (found.person.nhs_number, found.person.nhs_number_status, found.version) == ("9693632109", "01", "7")
    assert [(each.person.id, each.score) for each in one.found] == [("5900022366", 0.8827)]
    assert (none.found, none.too_many) == ((), True)
    assert refused == NotRegistered("INVALID_RESOURCE_ID")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>", 200), Reply(b"", 500), Reply(b"{}", 404), Reply(b'{"resourceType":"Patient"}'), Reply(b"", 403),
        *[Reply(b'{"resourceType":"Patient","id":"%s"}' % each) for each in (b"p1", b"9990000019", b"\\u0000", b"999 000 0018")],
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_not_taken_for_nobody(web, reply):
    async with answering(reply) as (_, source):
        with pytest.raises(NoAnswer):
            await a_window(web).read(source, SMITH)


async def test_who_asks_for_one_number_at_once_shares_one_question(web):
    read = (BODIES / "patientResponses__patient_9693632109.json").read_bytes()
    async with answering(Reply(read)) as (asked, source):
        window = a_window(web)
        found = await asyncio.gather(*(window.read(source, "9693632109") for _ in range(8)))
        await window.read(source, "9693632109")

    assert len({each.version for each in found if isinstance(each, Registered)}) == 1
    assert len(asked) == 2, "one for the eight, and another later"


async def test_a_register_that_does_not_answer_is_left_alone_for_a_while_and_then_tried(web):
    now = [0.0]
    read = (BODIES / "patientResponses__patient_9693632109.json").read_bytes()
    async with answering(Reply(b"", 500), Reply(b"", 500), Reply(read)) as (asked, source):
        window = Pds(web, Turns(1000.0, time.monotonic), circuit=Circuit(lambda: now[0], most=2, pause_s=20.0))
        for _ in range(4):
            with pytest.raises(NoAnswer):
                await window.read(source, "9693632109")
        while_open = len(asked)
        now[0] = 21.0
        found = await window.read(source, "9693632109")

    assert while_open == 2, "nobody is asked while it is open"
    assert isinstance(found, Registered)
