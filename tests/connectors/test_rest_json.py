"""A supplier's own API over real HTTP: its pages, its refusals, and what its answers do not say in the way that was agreed."""

import asyncio
import json
import time
from typing import Any

import pytest

from carerecord.connectors.reply import Asking
from carerecord.connectors.web_trouble import NotThere
from carerecord.fhir.bundle import parse
from carerecord.records.right_person import judged
from carerecord.region.servers.http import Asked, Reply, as_json
from tests.connectors.contract import EXPECTED, a_world, state_of
from tests.connectors.played_json import KESTREL, MAPPINGS, RIVERMEAD
from tests.records.a_desk import EDITH, validators


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    validators()


def at(path: str, answer: Any) -> Any:
    """The same answer each time that this path is asked."""
    return lambda asked: answer if asked.path == path else None


def sample(name: str) -> Reply:
    return Reply((MAPPINGS / "cases" / name).read_bytes(), content_type="application/json")


async def test_one_answer_fills_two_sections_and_each_goes_where_it_belongs():
    async with a_world(RIVERMEAD) as world:
        world.mischief = at("/api/visits/search", sample("rivermead-visits.json"))
        reply = await world.ask("encounters", "observations")

    titles = {(each.facts.section, each.facts.title) for each in reply.entries}
    assert titles == {
        ("encounters", "Wound dressing"), ("observations", "Potassium"), ("observations", "Urine dip"), ("observations", "CRP"),
    }  # fmt: skip
    potassium = next(each.facts for each in reply.entries if each.facts.title == "Potassium")
    assert potassium.result is not None
    assert (potassium.result.measure.value, potassium.result.measure.unit) == ("4.10", "mmol/L")
    assert reply.warnings == ()


async def test_for_one_section_nothing_else_is_asked_and_what_comes_with_it_is_let_fall():
    async with a_world(RIVERMEAD) as world:
        world.mischief = at("/api/visits/search", sample("rivermead-visits.json"))
        reply = await world.ask("encounters")

    assert "/api/allergies/list" not in {each.path for each in world.asked}
    assert ({each.facts.section for each in reply.entries}, reply.dropped) == ({"encounters"}, 3)


async def test_pages_are_turned_by_number_until_there_are_no_more():
    def paged(asked: Asked) -> Any:
        if asked.path != "/api/visits/search":
            return None
        page = json.loads(asked.body)["page"]
        visit = {"visitId": f"V-{page}", "personId": "RM-204", "status": "DONE", "purpose": "Visit", "start": "2026-07-02"}
        return as_json({"visits": [visit], "hasMore": page < 3, "count": 3})

    async with a_world(RIVERMEAD) as world:
        world.mischief = paged
        reply = await world.ask()

    assert (reply.state, len(reply.entries)) == ("live", 3)
    assert [json.loads(each.body)["page"] for each in world.asked if each.path == "/api/visits/search"] == [1, 2, 3]


async def test_of_people_who_are_nearly_meant_the_one_with_the_number_is_taken():
    def people(*numbers: str) -> Any:
        who = {"surname": "Marlow", "forename": "Edith", "dob": "19/06/1948"}
        found = [{"personId": f"RM-{n}", "nhsNumber": n, **who} for n in numbers]
        return at("/api/people/find", as_json({"person": found}))

    async with a_world(RIVERMEAD) as world:
        world.mischief = people("9990000026", "9990000018")
        one = await world.ask("plans", known=False)
        world.mischief = people("9990000018", "9990000018")
        assert (await world.ask("plans", known=False)).local_ids == ("RM-9990000018",)
        world.mischief = people("9990000026")
        other = judged(EDITH, await world.ask("plans", known=False))

    assert one.local_ids == ("RM-9990000018",)
    assert other.state == "discarded"


async def test_fewer_than_the_supplier_says_it_holds_are_incomplete():
    async with a_world(RIVERMEAD) as world:
        world.mischief = at("/api/visits/search", as_json({"visits": [], "hasMore": False, "count": 12}))
        reply = await world.ask()

    assert (reply.state, reply.says) == ("incomplete", "0 of 12 came.")


async def test_not_found_means_nothing_only_where_the_mapping_says_so():
    async with a_world(RIVERMEAD) as world:
        world.mischief = at("/api/allergies/list", Reply(b"{}", 404, "application/json"))
        reply = await world.ask("allergies")

    assert state_of(reply, "allergies").state == "no answer"


async def test_a_section_that_the_mapping_has_no_request_for_is_not_shared_and_not_empty():
    async with a_world(RIVERMEAD) as world:
        reply = await world.ask("allergies", "plans")

    assert state_of(reply, "plans").state == "not shared"
    assert reply.state == "live"


async def test_a_field_that_the_mapping_does_not_know_is_warned_of_without_its_name():
    async with a_world(RIVERMEAD) as world:
        refuted = {"allergyId": "A", "personId": "RM-204", "substance": "Latex", "state": "A", "refutedBy": "Dr A"}
        world.mischief = at("/api/allergies/list", as_json({"allergies": [refuted]}))
        reply = await world.ask("allergies")

    assert reply.warnings == ("it sends 1 kind of field that our mapping does not know",)


async def test_an_item_about_somebody_else_in_a_right_answer_is_left_out_as_a_stranger():
    async with a_world(RIVERMEAD) as world:
        items = [
            {"allergyId": id_, "personId": whose, "substance": "Latex", "state": "A"}
            for id_, whose in (("A", "RM-204"), ("B", "RM-999"))
        ]
        world.mischief = at("/api/allergies/list", as_json({"allergies": items}))
        reply = judged(EDITH, await world.ask("allergies"))

    assert (reply.strangers, [each.facts.id for each in reply.entries]) == (1, ["A"])


async def test_a_code_that_the_mapping_does_not_know_makes_the_section_incomplete():
    async with a_world(RIVERMEAD) as world:
        items = [{"allergyId": id_, "personId": "RM-204", "substance": "Latex", "state": id_} for id_ in ("A", "Z")]
        world.mischief = at("/api/allergies/list", as_json({"allergies": items}))
        reply = await world.ask("allergies")

    assert (reply.state, len(reply.entries)) == ("incomplete", 1)
    assert state_of(reply, "allergies").unreadable == 1


async def test_one_item_is_read_again_among_its_own_kind():
    async with a_world(RIVERMEAD) as world:
        until = asyncio.get_running_loop().time() + 3
        about = Asking(world.source, ("RM-204",), frozenset({"allergies"}), EXPECTED)
        one = await world.window.read_one(about, "AllergyIntolerance", "A-1", until=until)
        assert parse(one.resource)["id"] == "A-1"
        assert parse(one.as_sent.encode())["substance"] == "Latex"  # in the supplier's own words
        with pytest.raises(NotThere):
            await world.window.read_one(about, "AllergyIntolerance", "A-99", until=until)


async def test_one_item_of_an_xml_answer_is_shown_in_its_own_words():
    async with a_world(KESTREL) as world:
        until = asyncio.get_running_loop().time() + 3
        about = Asking(world.source, ("K88",), frozenset({"medicines"}), EXPECTED)
        one = await world.window.read_one(about, "MedicationStatement", "m1", until=until)
    assert parse(one.as_sent.encode())["product"] == "Warfarin 3mg tablets"


async def test_an_xml_bomb_is_refused():
    async with a_world(KESTREL) as world:
        bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><patientExport>&b;</patientExport>'
        world.mischief = lambda _: Reply(bomb, content_type="application/xml")
        reply = await world.ask()

    assert (reply.state, reply.entries) == ("unreadable", ())


async def test_nobody_is_turned_away_by_a_large_answer_for_long():
    """Two thousand items in one answer leave the loop free: hardly anyone else waits for 50 ms."""
    waits: list[float] = []

    async def others() -> None:
        while True:
            began = time.process_time()  # what we did meanwhile, however busy the machine is
            await asyncio.sleep(0.001)
            waits.append(time.process_time() - began)

    async with a_world(KESTREL, items=2_000) as world:
        await world.ask()  # compiled and warm
        beating = asyncio.create_task(others())
        reply = await world.ask(within_s=20.0)
        beating.cancel()

    assert len(reply.entries) == 2_000
    assert sorted(waits)[len(waits) * 9 // 10] < 0.05


async def test_a_mapping_that_cannot_be_used_is_named():
    async with a_world(RIVERMEAD) as world:
        reply = await world.ask(mapping="name = 1")

    assert (reply.state, world.asked) == ("unreadable", [])
