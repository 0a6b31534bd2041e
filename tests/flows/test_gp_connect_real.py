"""Answers of GP Connect that nobody here wrote, served by a practice and opened: nothing of them is lost in silence."""

import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from carerecord.app.postgres import Cluster
from carerecord.contracts.records import Record, SourceState
from carerecord.region.organisations import QUAYSIDE
from carerecord.region.people.patient import register_entry
from carerecord.region.shapes import Address, Holding, Region, RegionPerson
from tests.flows.a_house import a_whole_house
from tests.flows.a_spine import connect, practices

CHECKOUT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("CARERECORD_REAL_INPUTS") or CHECKOUT.parent / "shared" / "data") / "gpconnect-structured-stu3"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not FOLDER.is_dir(), reason=f"real inputs are absent: no folder {FOLDER} (set CARERECORD_REAL_INPUTS to another)"
    ),
]
NAMES = sorted(each.name for each in FOLDER.glob("*.json") if each.name != "index.json") if FOLDER.is_dir() else []
STRANGERS = "malformedDateStructuredRecord.json"  # one document in it names another patient: left out, with a safety alert
NOBODY = "malformedStructuredRecordMissingPatientResource.json"
WHOLE = [each for each in NAMES if each != NOBODY]


def numbers() -> dict[str, str]:
    told = json.loads((FOLDER / "index.json").read_bytes())
    return {name: each["nhsNumber"] for name, each in told.items()}


def patient_in(name: str) -> dict[str, Any]:
    entries = json.loads((FOLDER / name).read_bytes())["entry"]
    return next((each["resource"] for each in entries if each["resource"]["resourceType"] == "Patient"), {})


def with_them(region: Region) -> Region:
    """Each patient of the folder is registered at Quayside, and known to Fenwick's hospital, where they can be found."""
    people, holdings = list(region.people), list(region.holdings["fenwick-epr"])
    register = dict(region.register)
    for name, number in numbers().items():
        patient = patient_in(name)
        official = (patient.get("name") or [{"family": "Nobody", "given": ["Known"]}])[0]
        born = patient.get("birthDate", "1980-01-01")
        person = RegionPerson(
            key=name, nhs_number=number, family=official.get("family", ""), given=tuple(official.get("given", ("Known",))),
            title="", sex="male" if patient.get("gender") == "male" else "female", born=date.fromisoformat(born),
            address=Address(("1 Road", "Fenwick"), "ZZ4 1AA"), phone="", practice=QUAYSIDE, ethnicity="",
        )  # fmt: skip
        people.append(person)
        register[number] = register_entry(person)
        id_ = f"real-{len(people)}"
        known = {**register[number], "id": id_, "meta": {}}
        holdings.append(Holding("fenwick-epr", id_, id_, name, (known,)))
    return replace(
        region, people=tuple(people), register=register, holdings={**region.holdings, "fenwick-epr": tuple(holdings)}
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def records(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Record]]:
    async with a_whole_house(
        cluster, tmp_path_factory.mktemp("gp-real"), people=2, systems=("fenwick-epr",), changed=with_them, deadline_s=30.0,
        round_trip=False, settings={"records": {"sweep_share": "0", "register_a_second": "1000", "last_call_s": "60"}},
    ) as whole:  # fmt: skip
        answers = {number: (FOLDER / name).read_bytes() for name, number in numbers().items()}
        async with practices(whole.region, {"quayside": "emis"}, prepared={"quayside": answers}) as made:
            connect(whole.folder, [each.system for each in made.servers.values()], made.directory.base)
            await whole.registered(until=lambda names: "quayside" in names)
            yield {name: (await whole.open(name))[-1] for name in NAMES}


def gp(record: Record) -> SourceState:
    return next(each for each in record.states if each.source == "quayside")


@pytest.mark.parametrize("name", WHOLE)
async def test_an_answer_opens_whole_and_what_was_sent_is_shown_or_listed(records: dict[str, Record], name: str):
    record, said = records[name], gp(records[name])
    there = [each["resource"]["resourceType"] for each in json.loads((FOLDER / name).read_bytes())["entry"]]
    contained = sum(
        len(each["resource"].get("contained", ())) for each in json.loads((FOLDER / name).read_bytes())["entry"]
        if each["resource"]["resourceType"] == "List"
    )  # fmt: skip

    assert said.state in ("live", "incomplete"), said.says
    assert said.count > 0
    assert said.sent == len(there) + contained
    assert sum(sent for _, sent, _, _ in record.tally) >= said.sent
    strangers = {"DocumentReference": 1} if name == STRANGERS else {}
    for type_, sent, shown, unreadable in record.tally:
        assert sent == shown + unreadable + strangers.get(type_, 0), type_
    assert bool(strangers) == any(each.rule == "danger/wrong-patient" for each in record.attention)
    stands = sum(
        1 for section in record.sections for each in section.entries for origin in each.origins if origin.source == "quayside"
    )
    assert stands == said.count


@pytest.mark.parametrize("name", [each for each in NAMES if "PWTP2" in each or "PWTP3" in each])
async def test_the_warnings_of_its_lists_stand_with_their_sections(records: dict[str, Record], name: str):
    said = gp(records[name])
    allergies = next(each for each in said.sections if each.section == "allergies")

    assert "data in transit" in said.warnings
    assert allergies.state == "incomplete"
    assert "may be missing" in allergies.says


async def test_an_answer_that_is_about_nobody_is_unreadable_and_nothing_of_it_is_shown(records: dict[str, Record]):
    said = gp(records[NOBODY])

    assert (said.state, said.count) == ("unreadable", 0)
    assert records[NOBODY].allergies.title == "Allergies unavailable"


async def test_ended_allergies_do_not_look_active(records: dict[str, Record]):
    record = records["correctAllergiesContainedResourceResponse.json"]
    allergies = next(each for each in record.sections if each.id == "allergies").entries

    assert len(allergies) == 2
    assert {each.facts.allergy.status for each in allergies if each.facts.allergy} == {"resolved"}
    assert record.allergies.title == "Allergies not recorded"
