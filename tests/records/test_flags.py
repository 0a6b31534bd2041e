"""Flags come under one type and stand under three headings: who may see one of them is shown nothing of the others."""

from collections.abc import Mapping

import msgspec

from carerecord.contracts.permit import Withheld
from tests.records.a_desk import a_world, chart, problem, serving, titles

HAZARD = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety"}]}
CLINICAL = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "clinical"}]}


def flag(id_: str, of: str, words: str, category: Mapping[str, object] | None = None) -> dict[str, object]:
    about = {"reference": f"Patient/{of}"}
    told: dict[str, object] = {"resourceType": "Flag", "id": id_, "status": "active", "code": {"text": words}, "subject": about}
    return {**told, "category": [category]} if category else told


def flagged(of: str) -> tuple[dict[str, object], ...]:
    return chart(
        of,
        flag("f1", of, "On an anticoagulant: apixaban", CLINICAL),
        flag("f2", of, "Child protection plan: neglect"),
        flag("f3", of, "Dog: ring before visiting", HAZARD),
        flag("f4", of, "See the notes of 3 May"),
        problem("c1", of),
    )


def without(*sections: str) -> tuple[Withheld, ...]:
    return tuple(Withheld("", each, "social-worker/care-and-safety", "Not shown.", "not-permitted") for each in sections)


async def test_each_flag_stands_under_its_heading_and_one_of_no_kind_among_the_clinical_alerts():
    async with a_world(serving("gp", flagged("g1"), sections=("alerts", "safeguarding", "problems"))) as world:
        record = await world.last()
    assert sorted(titles(record, "safeguarding")) == ["Child protection plan: neglect", "Dog: ring before visiting"]
    assert sorted(titles(record, "alerts")) == ["On an anticoagulant: apixaban", "See the notes of 3 May"]
    assert {"Child protection plan: neglect"} == {each.title for each in record.attention if each.rule == "flag/safeguarding"}


async def test_who_is_shown_safeguarding_alone_is_shown_no_clinical_alert_anywhere():
    async with a_world(serving("gp", flagged("g1"), sections=("alerts", "safeguarding", "problems"))) as world:
        world.neighbours.withheld = without("alerts", "problems")
        record = await world.last()
    assert sorted(titles(record, "safeguarding")) == ["Child protection plan: neglect", "Dog: ring before visiting"]
    assert b"apixaban" not in msgspec.json.encode(record)
    assert b"3 May" not in msgspec.json.encode(record)


async def test_who_is_shown_clinical_alerts_alone_is_shown_nothing_of_safeguarding():
    async with a_world(serving("gp", flagged("g1"), sections=("alerts", "safeguarding", "problems"))) as world:
        world.neighbours.withheld = without("safeguarding")
        record = await world.last()
    assert "On an anticoagulant: apixaban" in titles(record, "alerts")
    assert b"neglect" not in msgspec.json.encode(record)
    assert b"Dog" not in msgspec.json.encode(record)
