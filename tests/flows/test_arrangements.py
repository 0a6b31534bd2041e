"""A source takes part as its table says, changed while the house is open: asked, read from its copy, both, or kept here alone.

The copies are what the source itself holds, filed as whatever brings it in files it.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.audit import LOOKS, LooksAsked
from carerecord.contracts.consent import OBJECT, OBJECTIONS, WITHDRAW, ObjectAsked, ObjectionsAsked, WithdrawAsked
from carerecord.contracts.holdings import WRITE, Change, Client, Reach, WriteAsked
from carerecord.contracts.records import Record, SourceState
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from tests.flows.a_house import DR_NAIR, Whole, a_whole_house, an_actor, patient_id

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
HAROLD, TRUST, OTHER = "harold-singh", "fenwick-epr", "kirkgate"
GP = an_actor("gp", "A99920", "0042")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_house(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    folder = tmp_path_factory.mktemp("arrangements")
    async with a_whole_house(cluster, folder, systems=(TRUST, OTHER), nats_url=nats.url) as made:
        await file_all(made, TRUST)
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def whole(one_house: Whole) -> AsyncIterator[Whole]:
    """The house of this file, every source live again after each test."""
    written = registry(one_house).read_text()
    for server in one_house.servers.values():
        server.reset()
        server.asked.clear()
    yield one_house
    await arranged(one_house, written)
    patient = await one_house.find(HAROLD)
    for each in await one_house.calls.ask(OBJECTIONS, ObjectionsAsked(patient.ids)):
        await one_house.calls.ask(WITHDRAW, WithdrawAsked(GP, each.id))


def registry(whole: Whole) -> Path:
    return whole.folder / "sources" / "region.toml"


async def arranged(whole: Whole, text: str) -> None:
    """The registry's file says this, and it is in force."""
    calls = whole.calls
    before = (await calls.ask(REGISTRY, RegistryAsked())).registry
    if registry(whole).read_text() == text:
        return
    registry(whole).write_text(text)
    for _ in range(80):
        found = (await calls.ask(REGISTRY, RegistryAsked(before.version if before else ""))).registry
        if found is not None:
            assert found.problems == ()
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the registry has not taken its file in")


async def arrange(whole: Whole, arrangement: str, more: str = "", source: str = TRUST) -> None:
    text = registry(whole).read_text()
    table = next(each for each in text.split("[[source]]") if f'id = "{source}"' in each)
    changed = f'{table.rstrip()}\narrangement = "{arrangement}"\n{more}\n\n'
    await arranged(whole, text.replace(table, changed))


async def file_all(whole: Whole, source: str) -> None:
    """All that this source holds, filed here as its copy."""
    organisation = next(each.ods for each in whole.region.systems if each.key == source)
    client = Client(organisation=organisation, name="filed", chooses_ids=True, on_invalid="annotate", source=source)
    for holding in whole.region.holdings[source]:
        here = patient_id(source, holding.patient_id)
        changes = []
        for resource in holding.resources:
            if not isinstance(resource, dict) or not isinstance(resource.get("id"), str):
                continue
            id_ = here if resource["resourceType"] == "Patient" else f"{source}-{resource['id']}"[:64]
            text = msgspec.json.encode(resource | {"id": id_})
            text = text.replace(f'"Patient/{holding.patient_id}"'.encode(), f'"Patient/{here}"'.encode())
            changes.append(Change("update", resource["resourceType"], id_, msgspec.Raw(text)))
        written = await whole.house.calls("exchange").ask(WRITE, WriteAsked(client, Reach(), tuple(changes)))
        assert {each.status for each in written} == {201}, [each.issues for each in written if each.status != 201][:2]


async def opened(whole: Whole) -> Record:
    return (await whole.open(HAROLD))[-1]


def state(record: Record, source: str = TRUST) -> SourceState:
    return next(each for each in record.states if each.source == source)


def of(record: Record, source: str = TRUST) -> dict[str, list[str]]:
    """The titles that a source brings, by section."""
    found = {
        each.id: sorted(entry.facts.title for entry in each.entries if source in {origin.source for origin in entry.origins})
        for each in record.sections
    }
    return {section: titles for section, titles in found.items() if titles}


async def test_a_copy_shows_what_the_source_shows_and_the_source_is_not_asked(whole: Whole):
    live = await opened(whole)
    whole.servers[TRUST].asked.clear()
    await arrange(whole, "copy")
    record = await opened(whole)

    assert whole.servers[TRUST].asked == []
    assert of(record) == of(live)
    assert of(record), "there is something to show"
    assert (state(record).state, state(record).kept) == ("copy", "copy")
    assert state(record).copy_at < record.at
    assert of(record, OTHER) == of(live, OTHER)


async def test_of_both_the_live_answer_is_shown_and_when_the_source_dies_its_copy_stands_in_and_says_so(whole: Whole):
    await arrange(whole, "both")
    live = await opened(whole)
    assert (state(live).state, state(live).kept) == ("live", "")

    await whole.servers[TRUST].listener.refuse()
    silent = await opened(whole)
    assert of(silent) == of(live)
    assert (state(silent).state, state(silent).kept) == ("out of date", "copy")
    assert any(each.rule == "gap/source" and each.source == TRUST for each in silent.attention)
    shown = {each.section for each in state(silent).sections if each.count}
    assert all(TRUST in each.missing for each in silent.sections if each.id in shown), "a copy leaves its gap open"
    items = [entry for each in silent.sections for entry in each.entries]
    assert {origin.kept for each in items for origin in each.origins if origin.source == TRUST} == {"copy"}

    await whole.servers[TRUST].listener.listen()
    again = await opened(whole)
    assert (state(again).state, state(again).kept) == ("live", ""), "back again, and its copy is not shown"


async def test_what_the_person_hides_is_hidden_in_copies_too_and_what_is_not_switched_on_is_not_shown_from_them(whole: Whole):
    await arrange(whole, "copy")
    before = await opened(whole)
    section = next(iter(of(before)))
    patient = (await whole.find(HAROLD)).patient
    await whole.calls.ask(OBJECT, ObjectAsked(GP, patient, section, TRUST, ""))
    hidden = await opened(whole)

    assert section not in of(hidden)
    assert {id_: each for id_, each in of(before).items() if id_ != section} == of(hidden)
    assert next(each.state for each in state(hidden).sections if each.section == section) == "withheld"

    text = registry(whole).read_text()
    table = next(each for each in text.split("[[source]]") if f'id = "{TRUST}"' in each)
    await arranged(whole, text.replace(table, table.replace('stage = "everyone"', 'stage = "off"')))
    closed = await opened(whole)
    assert of(closed) == {}
    assert state(closed).state == "not switched on"


async def test_what_is_kept_here_alone_is_live_and_a_write_shows_at_the_next_opening(whole: Whole):
    await arrange(whole, "master")
    before = await opened(whole)
    assert (state(before).state, state(before).kept) == ("live", "here")

    holding = next(each for each in whole.region.holdings[TRUST] if each.person == HAROLD)
    here = patient_id(TRUST, holding.patient_id)
    ods = next(each.ods for each in whole.region.systems if each.key == TRUST)
    client = Client(organisation=ods, chooses_ids=True, source=TRUST)
    condition = {
        "resourceType": "Condition", "subject": {"reference": f"Patient/{here}"}, "code": {"text": "Written here"},
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
    }  # fmt: skip
    change = Change("create", "Condition", raw=msgspec.Raw(msgspec.json.encode(condition)))
    (written,) = await whole.house.calls("exchange").ask(WRITE, WriteAsked(client, Reach(), (change,)))
    assert written.held is not None
    after = await opened(whole)
    assert of(after)["problems"] == sorted([*of(before).get("problems", []), "Written here"])

    gone = Change("delete", "Condition", written.held.id)
    await whole.house.calls("exchange").ask(WRITE, WriteAsked(client, Reach(), (gone,)))
    assert of(await opened(whole)) == of(before)


async def test_a_retired_source_stays_as_copies_where_it_was_kept_and_leaves_no_trace_where_it_was_not(whole: Whole):
    live = await opened(whole)
    kept = sorted(of(live))[0]
    await arrange(whole, "live", f'arrangements = {{ {kept} = "both" }}\nretired = true')
    whole.servers[TRUST].asked.clear()
    record = await opened(whole)

    assert whole.servers[TRUST].asked == []
    assert of(record) == {kept: of(live)[kept]}
    assert [each.section for each in state(record).sections] == [kept]
    assert not any(TRUST in each.missing for each in record.sections), "nobody waits for it"
    assert of(record, OTHER) == of(live, OTHER)


async def test_an_opening_of_copies_is_one_line_of_the_book_with_its_sources_and_states(whole: Whole):
    await arrange(whole, "copy")
    record = await opened(whole)
    person = await whole.find(HAROLD, DR_NAIR)
    for _ in range(100):
        looks = await whole.calls.ask(LOOKS, LooksAsked(person=person.ids))
        if found := [each for each in looks.lines if each.id == record.opening]:
            break
        await asyncio.sleep(0.1)
    assert TRUST in found[0].sources
    assert f"{TRUST}=copy" in found[0].states
