"""A practice is asked by GP Connect over real HTTP: what is sent, what comes back, and what each refusal means."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from carerecord.connectors.gp_connect_asks import areas_for
from carerecord.connectors.web_trouble import Elsewhere, NotThere
from carerecord.fhir.bundle import parse
from carerecord.fhir.sections import SECTION_IDS
from carerecord.region.servers.gp_connect_words import HTML, STRUCTURED
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.sds import Listed
from tests.connectors.a_practice import (
    ACTOR,
    CHART,
    NUMBER,
    ODS,
    SECTIONS,
    a_letter,
    a_medicine,
    a_patient,
    a_practice,
    an_allergy,
    state,
    status,
    warned,
)  # fmt: skip


async def test_only_the_areas_of_the_sections_permitted_are_asked_for():
    async with a_practice() as practice:
        await practice.ask("allergies", "problems")
        body = practice.body()

    assert [each["name"] for each in body["parameter"]] == ["patientNHSNumber", "includeAllergies", "includeProblems"]
    assert body["parameter"][1]["part"] == [{"name": "includeResolvedAllergies", "valueBoolean": True}]


async def test_an_area_is_spelled_as_the_practice_spells_it_and_what_it_does_not_offer_is_not_asked_for():
    async with a_practice() as practice:
        reply = await practice.ask(areas=("includeAllergies", "includeImmunizations"))
        body = practice.body()

    assert [each["name"] for each in body["parameter"][1:]] == ["includeAllergies", "includeImmunizations"]
    assert reply.state == "no answer"  # this one takes the specification's spelling alone, and says that it cannot
    assert [spelled for spelled, _ in areas_for(SECTIONS, ("includeMedication",))] == ["includeMedication"]


async def test_every_request_bears_the_headers_of_the_spine_and_a_token_of_its_own():
    async with a_practice() as practice:
        await practice.ask()
        asked = [each for each in practice.server.asked if "/gpconnect/" in each.path]

    assert {each.headers["ssp-from"] for each in asked} == {practice.source.asid}
    assert {each.headers["ssp-to"] for each in asked} == {practice.listed.asid}
    assert asked[0].headers["ssp-interactionid"] == STRUCTURED
    assert len({each.headers["ssp-traceid"] for each in asked}) == len(asked) == 2


async def test_each_organisations_users_ask_in_the_name_of_its_own_system():
    async with a_practice() as practice:
        await practice.ask("allergies", asids=(("R9A", "200000000999"), ("R9F", "200000000888")))
        asked = practice.server.asked[-1]

    assert asked.headers["ssp-from"] == "200000000999"
    device = _decoded(asked.headers["authorization"].split(".")[1])["requesting_device"]
    assert device["identifier"][0]["value"] == "200000000999"


async def test_the_token_is_unsigned_and_says_which_person_asks_for_direct_care():
    async with a_practice() as practice:
        await practice.ask("allergies", client_id="https://record.example")
        header = practice.server.asked[-1].headers["authorization"]

    head, claims, signature = header.removeprefix("Bearer ").split(".")
    told = _decoded(claims)
    assert (_decoded(head), signature) == ({"alg": "none", "typ": "JWT"}, "")
    assert (told["iss"], told["exp"] - told["iat"]) == ("https://record.example", 300)
    assert (told["reason_for_request"], told["requested_scope"]) == ("directcare", "patient/*.read")
    assert told["requesting_practitioner"]["id"] == told["sub"] == ACTOR.subject
    assert told["requesting_practitioner"]["name"] == [{"family": "Nair", "given": ["Priya"], "prefix": ["Dr"]}]
    assert [each["value"] for each in told["requesting_practitioner"]["identifier"]] == ["UNK", ACTOR.role.id, ACTOR.subject]
    assert told["requesting_organization"]["identifier"][0]["value"] == "R9A"
    assert NUMBER not in json.dumps(told)


async def test_nobody_is_asked_on_behalf_of_no_one():
    async with a_practice() as practice:
        reply = await practice.ask(actor=None)
        assert practice.server.asked == []

    assert (reply.state, reply.entries) == ("not asked", ())


async def test_through_the_proxy_its_address_stands_before_that_of_the_practice():
    async with a_practice() as practice:
        practice.proxy.handler = lambda asked: practice.proxied.append(asked) or practice.server.listener.answer(  # type: ignore[func-returns-value]
            _unwrapped(asked, practice.server.listener.address)
        )
        reply = await practice.ask("allergies", proxy=practice.proxy.address)

    assert practice.proxied[0].path.startswith(f"/http://127.0.0.1:{practice.server.listener.port}/{ODS}/STU3/1/")
    assert reply.state == "live"


@pytest.mark.parametrize("habit", ["emis", "tpp"])
async def test_a_chart_comes_over_with_its_allergies_medicines_and_letters(habit: str):
    async with a_practice(habit=habit) as practice:
        reply = await practice.ask()

    titles = {(each.facts.section, each.facts.title) for each in reply.entries}
    assert reply.state == "live"
    assert ("allergies", "Allergy to penicillin") in titles
    assert ("documents", "Cardiology letter") in titles
    medicines = [each.facts.medicine for each in reply.entries if each.facts.medicine]
    assert {each.dose for each in medicines} == {"one capsule once a day"}
    assert reply.said[0].nhs_number == NUMBER
    assert reply.said[0].family == ("Marlow",)
    assert reply.local_ids == (reply.said[0].local_id,)
    assert all(each.sent == each.shown + each.unreadable for each in reply.tally)


async def test_ended_allergies_come_inside_their_list_and_never_look_active():
    ended = an_allergy("a2", "Allergy to aspirin", "293586001", clinicalStatus=status("resolved"))
    async with a_practice(a_patient(), ended) as practice:
        reply = await practice.ask("allergies")

    assert [each.facts.allergy.status for each in reply.entries if each.facts.allergy] == ["resolved"]


async def test_an_empty_list_is_nothing_recorded_and_never_none_known():
    async with a_practice(a_patient()) as practice:
        reply = await practice.ask("allergies")

    assert state(reply, "allergies").state == "not recorded"
    assert reply.entries == ()


async def test_an_area_that_the_answer_does_not_mention_is_no_answer_about_it():
    body = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":%s}]}'
    async with a_practice(prepared={NUMBER: body % orjson.dumps(a_patient())}) as practice:
        reply = await practice.ask("allergies", "medicines")

    assert state(reply, "allergies").state == "no answer"
    assert state(reply, "medicines").state == "no answer"


@pytest.mark.parametrize(
    ("warning", "words"),
    [
        ("data-in-transit", "transfer from previous GP practice not yet complete"),
        ("data-awaiting-filing", "awaiting review"),
        ("confidential-items", "excluded due to confidentiality"),
    ],
)
async def test_what_a_list_warns_of_stands_with_its_section_in_the_practices_own_words(warning: str, words: str):
    async with a_practice(a_patient(), an_allergy(), warned("886921000000105", warning)) as practice:
        reply = await practice.ask("allergies", "medicines")

    assert state(reply, "allergies").state == "incomplete"
    assert words in state(reply, "allergies").says
    assert state(reply, "allergies").count == 1
    assert state(reply, "medicines").state == "not recorded"
    assert reply.warnings == (warning.replace("-", " "),)


async def test_a_new_practice_whose_record_is_on_its_way_holds_nothing_that_could_be_relied_on():
    lists = [warned(code, "data-in-transit") for code in ("886921000000105", "933361000000108")]
    async with a_practice(a_patient(), *lists) as practice:
        reply = await practice.ask("allergies", "medicines")

    assert reply.state == "incomplete"
    assert {each.state for each in reply.sections} == {"incomplete"}


@pytest.mark.parametrize(
    "patient", [{"deceasedDateTime": "2026-01-01"}, {"meta": {"security": [{"code": "R"}]}}, {"active": False}]
)
async def test_the_dead_the_sensitive_and_those_who_left_are_a_record_that_was_not_given(patient: dict[str, Any]):
    async with a_practice(a_patient(**patient), an_allergy()) as practice:
        reply = await practice.ask("allergies", "alerts")

    assert (reply.state, reply.entries, reply.failed) == ("not given", (), False)
    assert state(reply, "allergies").state == "not given"
    assert state(reply, "alerts").state == "not shared"
    assert "did not give a record" in reply.says


async def test_a_practice_that_the_person_has_left_is_told_from_one_that_gives_nothing():
    async with a_practice(a_patient("9990000026")) as practice:
        reply = await practice.ask("allergies", practice="A99998")

    assert reply.state == "registered elsewhere"


async def test_dissent_is_withheld_at_source_and_a_closed_door_is_no_answer():
    async with a_practice() as practice:
        practice.server.set(Habit("status", status=403))
        dissent = await practice.ask("allergies")

    assert (dissent.state, state(dissent, "allergies").state) == ("withheld at source", "withheld at source")


@pytest.mark.parametrize(
    ("habit", "expected"),
    [
        (Habit("silent"), "no answer"), (Habit("status", status=503), "no answer"), (Habit("status", status=500), "no answer"),
        (Habit("cut"), "incomplete"), (Habit("html"), "unreadable"), (Habit("garbage"), "unreadable"),
        (Habit("truncated"), "unreadable"), (Habit("redirect"), "no answer"), (Habit("reset"), "no answer"),
        (Habit("huge", size_bytes=30_000_000), "incomplete"),
    ],
    ids=lambda each: each.kind if isinstance(each, Habit) else "",
)  # fmt: skip
async def test_whatever_goes_wrong_has_its_state_by_the_deadline(habit: Habit, expected: str):
    async with a_practice() as practice:
        practice.server.set(habit)
        reply = await practice.ask("allergies", "medicines", within_s=1.0)

    assert reply.entries == ()
    assert reply.elapsed_s < 3.0
    assert {each.state for each in reply.sections} == {reply.state}
    assert reply.state == expected


async def test_an_answer_without_the_number_or_without_a_person_shows_nothing():
    nameless = {**a_patient(), "identifier": []}
    body = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": nameless}]}
    async with a_practice(prepared={NUMBER: orjson.dumps(body)}) as practice:
        without_number = await practice.ask("allergies")
    body["entry"] = []
    async with a_practice(prepared={NUMBER: orjson.dumps(body)}) as practice:
        about_nobody = await practice.ask("allergies")

    assert (without_number.state, about_nobody.state) == ("unreadable", "unreadable")
    assert "NHS number" in without_number.says
    assert "whom it is about" in about_nobody.says


async def test_an_operation_outcome_with_status_200_means_what_it_says():
    coding = {"coding": [{"code": "PATIENT_NOT_FOUND"}]}
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found", "details": coding}]}
    async with a_practice(prepared={NUMBER: orjson.dumps(outcome)}) as practice:
        reply = await practice.ask("allergies")

    assert reply.state == "not given"


async def test_a_document_is_listed_and_fetched_only_when_it_is_opened():
    async with a_practice() as practice:
        reply = await practice.ask("documents")
        assert not any("/Binary/" in each.path for each in practice.server.asked)
        letter = next(each for each in reply.entries if each.facts.section == "documents")
        about, until = practice.asking("documents"), asyncio.get_running_loop().time() + 5
        one = await practice.window.read_one(about, "DocumentReference", letter.facts.id, until=until)
        content = await practice.window.document(about, parse(one.resource), until=until)

    assert (content.body, content.content_type) == (b"Dear Dr Osei", "text/plain")
    assert "CareConnect-GPC-DocumentReference-1" in one.as_sent


async def test_a_list_of_documents_that_is_refused_says_nothing_about_the_record():
    async with a_practice() as practice:
        practice.server.set(Habit("status", type="DocumentReference", status=404))
        reply = await practice.ask("documents", "allergies")

    assert (state(reply, "documents").state, state(reply, "allergies").state) == ("no answer", "live")
    assert reply.says == "It gave no list of its documents"


async def test_nobody_is_followed_to_a_document_that_lies_elsewhere():
    async with a_practice() as practice:
        reference = {"content": [{"attachment": {"url": "http://169.254.169.254/Binary/1"}}]}
        with pytest.raises(Elsewhere):
            await practice.window.document(practice.asking("documents"), reference, until=asyncio.get_running_loop().time() + 5)


async def test_an_item_that_is_gone_is_not_there():
    async with a_practice() as practice:
        with pytest.raises(NotThere):
            await practice.window.read_one(
                practice.asking("allergies"), "AllergyIntolerance", "gone", until=asyncio.get_running_loop().time() + 5
            )


async def test_a_practice_that_does_not_list_documents_does_not_share_them():
    async with a_practice() as practice:
        listed = practice.listed
        practice.lists(Listed(listed.ods, listed.asid, listed.party_key, {STRUCTURED: listed.endpoints[STRUCTURED]}))
        reply = await practice.ask("documents", "allergies")

    assert state(reply, "documents").state == "not shared"
    assert (reply.state, state(reply, "allergies").state) == ("live", "live")


async def test_a_practice_with_pages_alone_shows_them_as_documents_and_calls_no_section_whole():
    async with a_practice(*CHART, a_medicine("m2", "Apixaban 5mg tablets")) as practice:
        listed = practice.listed
        practice.lists(Listed(listed.ods, listed.asid, listed.party_key, {HTML: listed.endpoints[HTML]}))
        reply = await practice.ask("documents", "allergies", "medicines")
        alone = await practice.ask("allergies")

    pages = {each.facts.title: each.facts.document.text for each in reply.entries if each.facts.document}
    assert "Apixaban 5mg tablets" in pages["GP record, Medicines: the practice's own page"]
    assert "<td>" not in pages["GP record, Medicines: the practice's own page"]
    assert {state(reply, each).state for each in ("allergies", "medicines")} == {"incomplete"}
    assert reply.said[0].family == ("Marlow",)
    assert (alone.state, alone.entries) == ("not shared", ())


async def test_a_practice_in_no_directory_is_named_so():
    async with a_practice() as practice:
        practice.lists()
        reply = await practice.ask("documents", "allergies")

    assert (reply.state, state(reply, "allergies").state) == ("no answer", "no answer")
    assert "directory lists no" in reply.says


async def test_what_is_not_permitted_is_dropped_and_not_told_of():
    async with a_practice(*CHART, a_letter("d2")) as practice:
        reply = await practice.ask("allergies")

    assert {each.facts.section for each in reply.entries} == {"allergies"}
    assert not any(each.path.startswith(("Medication", "DocumentReference")) for each in reply.not_carried)


async def test_every_section_that_was_asked_for_has_a_state_whatever_comes():
    async with a_practice() as practice:
        well = await practice.ask(*SECTION_IDS)
        practice.server.set(Habit("status", status=404))
        badly = await practice.ask(*SECTION_IDS)

    for reply in (well, badly):
        assert [each.section for each in reply.sections] == list(SECTION_IDS)
    assert state(well, "plans").state == state(badly, "plans").state == "not shared"


def _decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _unwrapped(asked: Any, address: str) -> Any:
    return replace(asked, path=asked.path.removeprefix(f"/{address}"))
