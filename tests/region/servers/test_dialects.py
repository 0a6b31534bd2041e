"""Does the record show the same chart, in whichever dialect a system sends it?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from carerecord.connectors.fhir_r4 import FhirR4
from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.connectors.web import Web
from carerecord.contracts.records import Entry
from carerecord.contracts.sources import SharedSection, Source
from carerecord.fhir.bundle import parse
from carerecord.fhir.facts import Facts
from carerecord.fhir.reading import read
from carerecord.fhir.sections import SECTION_IDS
from carerecord.fhir.times import when
from carerecord.fhir.validate import Validators, load
from carerecord.kit.clock import SystemClock
from carerecord.kit.request import request
from carerecord.region import make_region
from carerecord.region.organisations import SYSTEMS
from carerecord.region.registry_files import source_table
from carerecord.region.servers.running import Serving, running
from carerecord.region.servers.speaking import spoken
from carerecord.region.shapes import PLAIN, Dialect, FhirJson, Holding, Region, System

NOW = datetime.now(UTC)
# Four charts that hold, between them, every kind of entry of the region.
CHARTS = (
    ("elm-bank", "edith-marlow"), ("aldermoor-epr", "harold-singh"), ("calder-vale", "leanne-doyle"),
    ("aldermoor-pathology", "harold-singh"), ("hartley-pharmacy", "harold-singh"), ("st-oswins", "gwendolyn-achebe"),
    ("fenwick-epr", "tomasz-zielinski"), ("aldermoor-maternity", "bronwen-pryce"),
)  # fmt: skip
SPEAKING = [each for each in SYSTEMS if each.connector == "fhir_r4"]


@pytest.fixture(scope="module")
def region() -> Region:
    return make_region(7, 20, now=NOW)


@pytest.fixture(scope="module")
def validators() -> Validators:
    return load()


@pytest.fixture
async def window(validators: Validators) -> AsyncIterator[FhirR4]:
    def one(resource: bytes, included: Mapping[str, Mapping[str, Any]]) -> Facts:
        parsed = parse(resource)
        validators.check(parsed)
        return read(parsed, included, now=NOW)

    web = Web(lambda _: "secret")
    yield FhirR4(web, SystemClock(), one)
    await web.close()


def chart(region: Region, key: str, person: str) -> tuple[System, Holding]:
    system = next(each for each in region.systems if each.key == key)
    return system, next(each for each in region.holdings[key] if each.person == person)


async def taken(window: FhirR4, region: Region, dialect: Dialect, *, asks: str, page_size: int) -> list[Reply]:
    """What the connector takes in of the four charts, each sent in this dialect."""
    charts = [chart(region, *each) for each in CHARTS]
    told = [
        (replace(system, key=f"{system.key}-{place}", dialect=dialect, needs_token=False, page_size=page_size,
                 sections=SECTION_IDS), held)
        for place, (system, held) in enumerate(charts)
    ]  # fmt: skip
    async with running([Serving(system, [held], latency_s=0) for system, held in told]) as servers:
        with request():
            return await asyncio.gather(
                *(ask(window, region, system, held, servers[system.key].address, asks) for system, held in told)
            )


async def ask(window: FhirR4, region: Region, system: System, held: Holding, address: str, asks: str) -> Reply:
    table = source_table(system, region.organisations[0], address, "", asks=asks)
    for each in ("arrangement", "stage"):
        table.pop(each, None)
    table["sections"] = tuple(SharedSection(each) for each in table["sections"])
    asking = Asking(Source(**table), (held.patient_id,), frozenset(SECTION_IDS), Expected())
    return await window.ask(asking, until=asyncio.get_running_loop().time() + 20)


def content(entry: Entry) -> tuple[object, ...]:
    """What a clinician reads of an item. Who wrote it, codes and the precision of its time may differ."""
    f = entry.facts
    medicine = f.medicine and (
        f.medicine.kind, f.medicine.group, f.medicine.dose, f.medicine.amount, f.medicine.frequency, f.medicine.current,
        f.medicine.course, f.medicine.stopped_reason, f.medicine.quantity)  # fmt: skip
    result = f.result and (f.result.measure, f.result.components, f.result.method, f.result.conclusion)
    allergy = f.allergy and (
        f.allergy.group, f.allergy.status, f.allergy.negative, f.allergy.reactions, f.allergy.severity, f.allergy.criticality)
    plan = f.plan and (f.plan.kind, f.plan.decision)
    contacts = tuple((each.name, each.role, each.phones) for each in f.contacts)
    met = f.encounter and (f.encounter.kind, f.encounter.in_progress, f.encounter.reason, f.encounter.outcome)
    written = f.document and (f.document.kind, f.document.text)
    return (
        f.resource_type, f.id, f.section, f.title, f.status, f.warning, f.note, f.severity, medicine, result, allergy, plan,
        contacts, met, written, f.flag,
    )  # fmt: skip


def shown(replies: Sequence[Reply]) -> list[tuple[object, ...]]:
    found = [content(entry) for reply in replies for entry in reply.entries]
    return sorted(found, key=lambda each: (str(each[0]), str(each[1])))


def times(replies: Sequence[Reply]) -> dict[tuple[str, str], str]:
    return {(e.facts.resource_type, e.facts.id): e.facts.at for reply in replies for e in reply.entries}


def same_time(told: str, known: str, dialect: Dialect) -> bool:
    """Equal, or as much of it as the dialect says."""
    first, second = when(told), when(known)
    return told == known or known.startswith(told) or (dialect.times != "day" and len(told) > 10 and first == second)


_known: list[Reply] = []  # the charts as taught, asked for once
WAYS: list[tuple[str, Dialect]] = [(each.key, each.dialect) for each in SPEAKING]


def test_no_two_systems_write_alike_and_every_way_of_writing_is_used() -> None:
    dialects = [each.dialect for each in SPEAKING]

    assert len(set(dialects)) == len(dialects)
    assert PLAIN not in dialects
    for name, words in (
        ("paging", {"next", "offset", "none"}), ("codes", {"national", "beside", "local"}),
        ("medicines", {"held", "concept", "contained", "referenced"}), ("old", {"day", "month", "year"}),
        ("times", {"london", "utc", "milliseconds", "day"}), ("urls", {"http", "urn", "none"}),
        ("links", {"whole", "relative"}), ("total", {True, False}), ("meta", {True, False}), ("modes", {True, False}),
    ):  # fmt: skip
        assert {getattr(each, name) for each in dialects} == words, name
    assert any(each.omits for each in dialects)
    assert any(each.extensions for each in dialects)


@pytest.mark.parametrize(("key", "dialect"), WAYS, ids=[key for key, _ in WAYS])
async def test_the_same_chart_is_shown_from_every_dialect(window: FhirR4, region: Region, key: str, dialect: Dialect) -> None:
    if not _known:
        _known.extend(await taken(window, region, PLAIN, asks="search", page_size=100))
    asks = next(each.asks for each in SPEAKING if each.key == key)
    replies = await taken(window, region, dialect, asks=asks, page_size=8)

    assert [reply.state for reply in replies] == ["live"] * len(CHARTS), [reply.says for reply in replies]
    assert shown(replies) == shown(_known)
    known = times(_known)
    assert all(same_time(told, known[item], dialect) for item, told in times(replies).items())


@pytest.mark.parametrize(("key", "dialect"), WAYS, ids=[key for key, _ in WAYS])
async def test_sent_is_shown_and_listed_in_every_dialect(window: FhirR4, region: Region, key: str, dialect: Dialect) -> None:
    replies = await taken(window, region, dialect, asks="everything", page_size=7)
    sent: Counter[str] = Counter()
    for reply in replies:
        for each in reply.tally:
            assert each.sent == each.shown + each.unreadable, (key, each)
            sent[each.resource_type] += each.sent
    held = Counter(each["resourceType"] for one in CHARTS for each in chart(region, *one)[1].resources)
    medicines = sum(count for kind, count in held.items() if kind.startswith("Medication"))

    assert sent - held == (Counter(Medication=medicines) if dialect.medicines == "referenced" else Counter())
    assert not held - sent
    assert not any(reply.dropped for reply in replies)


def test_what_is_sent_in_a_dialect_is_fhir_still(validators: Validators, region: Region) -> None:
    wrong: list[tuple[str, str, str]] = []
    for system in SPEAKING:
        for held in region.holdings[system.key]:
            for each in held.resources:
                for told in (spoken(each, system, NOW.date())):
                    if told is not None and (faults := validators.faults(orjson.loads(orjson.dumps(told)))):
                        wrong.append((system.key, held.person, str(faults[0])))

    assert {each[:2] for each in wrong} == {("aldermoor-community", "colin-barker")}, wrong
    assert len(wrong) == 1


def a_medicine(**more: Any) -> FhirJson:
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "387458008", "display": "Aspirin"}], "text": "Aspirin"}
    return {"resourceType": "MedicationRequest", "id": "m1", "status": "active", "subject": {"reference": "Patient/p"},
            "medicationCodeableConcept": code, "authoredOn": "2026-11-22T00:20:00+00:00"} | more  # fmt: skip


def said(dialect: Dialect, resource: FhirJson) -> FhirJson:
    return spoken(resource, replace(SYSTEMS[0], dialect=dialect), date(2026, 11, 22))[0]


def a_problem(onset: str) -> FhirJson:
    labelled = {"versionId": "1", "security": [{"code": "R"}]}
    return {"resourceType": "Condition", "id": "c", "onsetDateTime": onset, "meta": labelled}


@pytest.mark.parametrize(
    ("dialect", "told"),
    [
        (Dialect(old="year"), "2019"),
        (Dialect(old="month"), "2019-04"),
        (Dialect(), "2019-04-05"),
    ],
)
def test_the_day_of_long_ago_may_be_lost(dialect: Dialect, told: str) -> None:
    assert said(dialect, a_problem("2019-04-05"))["onsetDateTime"] == told
    assert said(dialect, a_problem("2026-10-01"))["onsetDateTime"] == "2026-10-01"


@pytest.mark.parametrize(
    ("times", "told"),
    [("utc", "2026-11-22T00:20:00Z"), ("milliseconds", "2026-11-22T00:20:00.000+00:00"), ("day", "2026-11-22")],
)
def test_times_are_written_in_several_ways(times: Any, told: str) -> None:
    assert said(Dialect(times=times), a_medicine())["authoredOn"] == told


def test_a_label_of_confidentiality_is_never_left_out_with_the_rest_of_meta() -> None:
    assert said(Dialect(meta=False), a_problem("2020"))["meta"] == {"security": [{"code": "R"}]}


CODES: list[tuple[Dialect, Callable[[list[str]], bool]]] = [
    (Dialect(codes="local"), lambda systems: len(systems) == 1 and "snomed" not in systems[0]),
    (Dialect(codes="beside"), lambda systems: len(systems) == 2 and "snomed" in systems[1]),
    (Dialect(codes="national", narrative=True), lambda systems: systems == ["http://snomed.info/sct"]),
]


@pytest.mark.parametrize(("dialect", "right"), CODES)
def test_codes_of_its_own_stand_beside_or_in_place_of_national_ones(
    dialect: Dialect, right: Callable[[list[str]], bool]
) -> None:
    told = said(dialect, a_medicine())["medicationCodeableConcept"]

    assert right([each["system"] for each in told["coding"]])
    assert told["text"] == "Aspirin"
