"""Does a client of the FHIR API ever read as plain a death that the register or another source contradicts?"""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import Raw
from tests.exchange.conftest import Api, kept
from tests.patients.people import nhs

from carerecord.contracts.holdings import Held, Written
from carerecord.contracts.patients import (
    DEATHS,
    ENROL,
    TRACED,
    DeathsAsked,
    Demographics,
    EnrolAsked,
    Identifier,
    Name,
    SourcePatient,
    TracedAsked,
)
from carerecord.contracts.records import Gathered, Sent
from carerecord.exchange import deaths, record
from carerecord.fhir.deaths import IN_DOUBT, as_said
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.errors import CareRecordError, Unavailable
from carerecord.kit.part import answer

DIED = "2026-11-20T10:30:00+00:00"
LOCAL = "https://fhir.elm-bank.nhs.uk/Id/hospital-number"
ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
_numbers = iter(range(7_000, 8_000))


def a_patient(number: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "name": [{"family": "Marlow", "given": ["Edith"]}], "birthDate": "1948-03-14",
        "identifier": [{"system": NHS_NUMBER, "value": number}, {"system": LOCAL, "value": f"H{number}"}],
        "deceasedDateTime": DIED, **more,
    }  # fmt: skip


async def dead(api: Api, register: str | None, **more: Any) -> tuple[str, str]:
    """The id of a Patient that tells of a death, and its number; the register was asked and says `register` of it."""
    number = nhs(next(_numbers))
    edith = Demographics((Name("Marlow", ("Edith",)),), "1948-03-14", "female", number, "02", deceased=DIED)
    stated = SourcePatient("elm-bank", f"L{number}", (Identifier(NHS_NUMBER, number), Identifier(LOCAL, f"H{number}")), edith)
    calls = api.house.calls("exchange")
    (found,) = await calls.ask(ENROL, EnrolAsked((stated,)))
    if register is not None:
        answer = Demographics((Name("Marlow", ("Edith",)),), "1948-03-14", "female", number, deceased=register)
        await api.house.calls("exchange").ask(TRACED, TracedAsked(found.patient, "verified", answer))
    return await kept(api, a_patient(number, **more)), number


def patients(told: Any) -> list[dict[str, Any]]:
    if told["resourceType"] == "Bundle":
        within = [each.get("resource") for each in told.get("entry", ())]
        return [found for each in within if each for found in patients(each)]
    return [told] if told["resourceType"] == "Patient" else []


READS = (
    "/Patient/{id}", "/Patient/{id}/_history/1", "/Patient/{id}/_history", "/Patient?_id={id}", "/Patient?identifier={number}",
    "/Condition?patient={id}&_include=Condition:patient", "/Patient/{id}/$everything", "/Patient/{id}/$summary",
    "/?_type=Patient,Condition&_id={id}", "/Patient/{id}/Patient",
)  # fmt: skip


async def test_no_answer_tells_of_a_death_in_doubt_as_of_one_that_is_sure(api: Api):
    for register, doubted in (("", True), (DIED, False), (None, False)):
        id_, number = await dead(api, register)
        await kept(api, {"resourceType": "Condition", "subject": {"reference": f"Patient/{id_}"}, "code": {"text": "Asthma"}})
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [
            {"request": {"method": "GET", "url": url}} for url in (f"Patient/{id_}", f"Patient?_id={id_}")
        ]}  # fmt: skip
        told = [(await api.ask("GET", path.format(id=id_, number=number))).json for path in READS]
        told.append((await api.ask("POST", "", batch)).json)
        for each in told:
            found = patients(each)
            assert found, each
            for patient in found:
                assert ("deceasedDateTime" in patient) is not doubted, patient
                assert ("_deceasedDateTime" in patient) is doubted


async def test_an_export_tells_of_a_death_in_doubt_as_of_one(api: Api):
    people = {(await dead(api, register))[0]: register for register in ("", DIED)}
    path = "/Patient/$export?_type=Patient" + "".join(f"&patient={each}" for each in people)
    begun = await api.ask("GET", path, Prefer="respond-async")
    at = begun.headers["Content-Location"].removeprefix(api.base)
    while (manifest := await api.ask("GET", at)).status == 202:
        await asyncio.sleep(0.02)
    files = [await api.ask("GET", each["url"].removeprefix(api.base)) for each in manifest.json["output"]]
    for each in manifest.json["output"]:
        part = await api.ask("GET", each["url"].removeprefix(api.base), Range="bytes=10-")
        assert (part.status, part.headers["Accept-Ranges"]) == (200, "none"), "by then others may be in doubt: bytes of two files"
    rows = [json.loads(row) for each in files for row in each.body.splitlines()]
    assert {each["id"]: each.get("deceasedDateTime", "") for each in rows} == people


def test_what_is_drawn_from_the_sources_tells_so_too_and_why_in_an_entry_of_its_own():
    sent = Sent("elm-bank", "Patient", "7", Raw(json.dumps(a_patient(nhs(1))).encode()))
    gathered = Gathered("o", "2026-11-23T12:00:00Z", (), (sent,), death_doubted="register")

    drawn = record._drawn(SimpleNamespace(base="https://a.test/fhir"), gathered, gathered.resources)  # type: ignore[arg-type]

    (patient,) = [json.loads(each)["resource"] for each in drawn.entries]
    (outcome,) = [json.loads(each)["resource"] for each in drawn.states]
    assert "deceasedDateTime" not in patient
    assert patient["_deceasedDateTime"]["extension"][0] == ABSENT
    assert outcome["issue"][0]["code"] == "conflict"
    assert "the national register (PDS) knows nothing" in outcome["issue"][0]["diagnostics"]


async def test_a_death_in_doubt_is_absent_and_says_what_was_recorded_and_why_it_is_doubted(api: Api):
    id_, _ = await dead(api, "")
    read = (await api.ask("GET", f"/Patient/{id_}")).json
    xml = (await api.ask("GET", f"/Patient/{id_}?_format=xml")).body

    absent, doubt = read["_deceasedDateTime"]["extension"]
    assert absent == ABSENT
    assert doubt["extension"] == [
        {"url": "said", "valueDateTime": DIED},
        {"url": "why", "valueString": "A death is recorded of which the national register (PDS) knows nothing"},
    ]
    assert b"<deceasedDateTime>" in xml
    assert IN_DOUBT.encode() in xml


async def test_a_copy_in_which_a_death_is_in_doubt_forgets_no_death_when_it_is_sent_back(api: Api):
    id_, number = await dead(api, "")
    read = (await api.ask("GET", f"/Patient/{id_}")).json
    written = await api.ask("PUT", f"/Patient/{id_}", read | {"gender": "female"})
    assert written.status == 200
    assert "deceasedDateTime" not in written.json

    stands = json.loads(as_said(json.dumps(written.json).encode()))
    assert stands["deceasedDateTime"] == DIED
    assert len((await api.ask("GET", f"/Patient?identifier={number}&death-date=2026-11-20")).json["entry"]) == 1


async def test_who_has_read_a_death_hears_that_it_is_in_doubt_or_no_longer_though_nothing_was_written(api: Api):
    id_, number = await dead(api, None)
    before = await api.ask("GET", f"/Patient/{id_}")
    tag = before.headers["etag"]
    answer = Demographics((Name("Marlow", ("Edith",)),), "1948-03-14", "female", number)
    (found,) = await api.house.calls("exchange").ask(ENROL, EnrolAsked((SourcePatient(
        "elm-bank", f"L{number}", (Identifier(NHS_NUMBER, number), Identifier(LOCAL, f"H{number}")),
        Demographics((Name("Marlow", ("Edith",)),), "1948-03-14", "female", number, "02", deceased=DIED),
    ),)))  # fmt: skip
    await api.house.calls("exchange").ask(TRACED, TracedAsked(found.patient, "verified", answer))

    again = await api.ask("GET", f"/Patient/{id_}", **{"If-None-Match": tag})
    assert (again.status, "deceasedDateTime" in again.json) == (200, False)

    late = Demographics((Name("Marlow", ("Edith",)),), "1948-03-14", "female", number, deceased=DIED)
    await api.house.calls("exchange").ask(TRACED, TracedAsked(found.patient, "verified", late))
    sure = await api.ask("GET", f"/Patient/{id_}", **{"If-None-Match": again.headers["etag"]})
    assert (sure.status, sure.json["deceasedDateTime"]) == (200, DIED), "and that it is in doubt no longer"


async def test_who_is_said_to_live_is_not_sent_again(api: Api):
    id_ = await kept(api, {"resourceType": "Patient", "deceasedBoolean": False})
    tag = (await api.ask("GET", f"/Patient/{id_}")).headers["etag"]
    assert (await api.ask("GET", f"/Patient/{id_}", **{"If-None-Match": tag})).status == 304


@pytest.mark.parametrize("fault", [None, Unavailable("It does not answer."), CareRecordError("Something failed inside.")])
async def test_what_is_written_together_is_asked_about_at_once_and_no_fault_of_the_index_calls_it_unwritten(
    fault: CareRecordError | None,
):
    asked: list[DeathsAsked] = []

    async def doubts(question: DeathsAsked) -> tuple[str, ...]:
        asked.append(question)
        if fault:
            raise fault
        return ("register", "", "taken back")

    text = Raw(json.dumps(a_patient(nhs(1))).encode())
    gone, *dead_ = (Written(204), *[Written(200, Held("Patient", each, 1, "", text)) for each in "abc"])
    told = await deaths.of_written(Calls("exchange", {"patients": Direct((answer(DEATHS, doubts),))}), (gone, *dead_))

    assert len(asked) == 1
    assert [each.status for each in told] == [204, 200, 200, 200]
    plain = [b'"deceasedDateTime"' in each.held.text for each in told if each.held]
    assert plain == ([True] * 3 if fault else [False, True, False])


@pytest.mark.parametrize("kind", ["transaction", "batch"])
async def test_what_is_read_with_what_is_written_fails_alone_while_the_index_cannot_say(
    api: Api, monkeypatch: pytest.MonkeyPatch, kind: str
):
    """Or whoever is told of a fault sends all of it again."""
    id_, number = await dead(api, "")

    async def away(*_: object) -> None:
        raise Unavailable("It does not answer.", service="patients")

    monkeypatch.setattr(deaths, "of_texts", away)
    born = {"resourceType": "Patient", "identifier": [{"system": LOCAL, "value": f"N{number}"}]}
    entries = [{"request": {"method": "POST", "url": "Patient"}, "resource": born}]
    entries += [{"request": {"method": "GET", "url": url}} for url in (f"Patient?_id={id_}", f"Patient/{id_}")]
    told = await api.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})

    assert told.status == 200
    assert [each["response"]["status"][:3] for each in told.json["entry"]] == ["201", "503", "503"]


@pytest.mark.parametrize(
    "sent",
    [
        b'{"_deceasedDateTime":{"extension":[{"url":"urn:carerecord:death-in-doubt"}]}}',
        b'{"_deceasedDateTime":{"extension":[7,{"url":"urn:carerecord:death-in-doubt","extension":7}]}}',
        b'{"_deceasedDateTime":{"extension":[{"url":"urn:carerecord:death-in-doubt","extension":7}]}}',
        b'["urn:carerecord:death-in-doubt"]',
        b"urn:carerecord:death-in-doubt",
    ],
)
def test_what_only_looks_like_a_doubt_of_ours_is_left_as_it_came(sent: bytes):
    assert json_or_bytes(as_said(sent)) == json_or_bytes(sent)


def json_or_bytes(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def test_what_else_stands_beside_a_death_stays_there():
    source = {"url": "https://example.org/how-sure", "valueCode": "formal"}
    doubt = {"url": IN_DOUBT, "extension": [{"url": "said", "valueDateTime": DIED}, {"url": "why", "valueString": "…"}]}
    sent = {"resourceType": "Patient", "_deceasedDateTime": {"extension": [ABSENT, doubt, source]}}

    stands = json.loads(as_said(json.dumps(sent).encode()))

    assert stands == {"resourceType": "Patient", "deceasedDateTime": DIED, "_deceasedDateTime": {"extension": [source]}}
