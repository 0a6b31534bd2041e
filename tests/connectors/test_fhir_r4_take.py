"""What is taken out of one source's pages, and what one bad item must not take with it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from carerecord.connectors.fhir_r4_take import Taken
from carerecord.connectors.reply import Asking, Expected
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import parse, split
from carerecord.fhir.facts import Facts
from carerecord.fhir.kin import Kinds
from carerecord.fhir.reading import read
from carerecord.fhir.validate import load
from carerecord.kit.turns import Turns

SOURCE = Source("elm-bank", "X99", "Elm Bank", "Elm Bank Surgery", "GP", "gp", "fhir_r4", "https://elm-bank.example/fhir")


def reads(raw: bytes, beside: Mapping[str, Mapping[str, Any]]) -> Facts:
    return read(parse(raw), beside)


async def taken(*resources: str) -> Taken:
    entries = ",".join(f'{{"resource":{each}}}' for each in resources)
    page = split(f'{{"resourceType":"Bundle","type":"searchset","entry":[{entries}]}}'.encode())
    found = Taken(Asking(SOURCE, ("p",), frozenset({"medicines"}), Expected()), reads, "2026-11-22T14:00:00Z")
    async with Turns().mine() as turn:
        await found.page(page, "MedicationRequest", turn)
        await found.finish(turn)
    return found


def a_medicine(id_: str, **reference: str) -> str:
    return json.dumps({"resourceType": "MedicationRequest", "id": id_, "status": "active", "medicationReference": reference})


async def test_a_medicine_is_named_by_what_comes_after_it() -> None:
    product = json.dumps({"resourceType": "Medication", "id": "m", "code": {"text": "Ramipril 5mg capsules"}})
    found = await taken(a_medicine("1", reference="Medication/m"), a_medicine("2", display="Bisoprolol"), product)
    assert [entry.facts.title for entry in found.entries] == ["Ramipril 5mg capsules", "Bisoprolol"]


async def test_medicines_without_an_id_that_waited_for_what_they_name_are_items_of_their_own() -> None:
    found = await taken(*[a_medicine("", reference="Medication/late", display=each) for each in ("Ramipril", "Digoxin")])
    assert [(entry.key, entry.facts.title) for entry in found.entries] == [
        ("elm-bank/MedicationRequest/-1", "Ramipril"), ("elm-bank/MedicationRequest/-2", "Digoxin"),
    ]  # fmt: skip


async def test_a_medicine_that_says_an_element_twice_leaves_the_others_standing() -> None:
    doubled = a_medicine("1", display="Ramipril").replace('"id": "1"', '"id": "1", "status": "stopped"')
    odd = a_medicine("2").replace("{}", '{"reference": 5}')
    found = await taken(doubled, odd, a_medicine("3", display="Bisoprolol"))
    assert [entry.facts.title for entry in found.entries] == ["Bisoprolol"]
    assert (found.unreadable, found.count) == (2, 3)


async def test_items_without_an_id_are_each_shown_whether_or_not_their_letters_are_known() -> None:
    problem = {"resourceType": "Condition", "recordedDate": "2020-01-01", "code": {"text": "Asthma"}, "subject": {}}
    bare = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": problem}] * 3}).encode()
    kinds = Kinds(load().check, lambda: datetime(2026, 11, 22, tzinfo=UTC))
    for _ in range(40):
        kinds.read(json.dumps(problem).encode(), {})
    for known in (None, kinds.known):
        page = split(bare, known)
        assert [each.facts is not None for each in page.entries] == [known is not None] * 3
        found = Taken(Asking(SOURCE, ("p",), frozenset({"problems"}), Expected()), kinds.unknown, "2026-11-22T14:00:00Z")
        async with Turns().mine() as turn:
            await found.page(page, "Condition", turn)
        assert [entry.key for entry in found.entries] == [f"elm-bank/Condition/-{number}" for number in (1, 2, 3)]
        assert (found.count, found.shown_in["problems"], found.tally()[0].shown) == (3, 3, 3)


async def test_of_a_very_long_page_the_letters_of_the_first_thousand_are_looked_at_and_all_of_it_is_shown() -> None:
    kinds = Kinds(load().check, lambda: datetime(2026, 11, 22, tzinfo=UTC))
    problems = [
        {"resourceType": "Condition", "id": f"c{number}", "recordedDate": "2020-01-01", "code": {"text": "Asthma"}, "subject": {}}
        for number in range(1_003)
    ]
    for problem in problems[:40]:
        kinds.read(json.dumps(problem).encode(), {})
    entries = [{"resource": each} for each in problems]
    page = split(json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}).encode(), kinds.known)
    assert [each.facts is not None for each in page.entries] == [True] * 1_000 + [False] * 3
    found = Taken(Asking(SOURCE, ("p",), frozenset({"problems"}), Expected()), kinds.unknown, "2026-11-22T14:00:00Z")
    async with Turns().mine() as turn:
        await found.page(page, "Condition", turn)
    assert [entry.facts.id for entry in found.entries] == [each["id"] for each in problems]
    assert len({entry.facts.title for entry in found.entries}) == 1
