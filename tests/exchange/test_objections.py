"""What a person has asked not to be shown is shown by no address of the FHIR API, counted by none, and never told as "none"."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from tests.exchange.conftest import Answer, Api, enrolled, kept, serving
from tests.patients.people import nhs

from carerecord.app.postgres import Cluster
from carerecord.consent import api as consent
from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.consent import OBJECT, TOLD, WITHDRAW, ObjectAsked, Objection, WithdrawAsked
from carerecord.contracts.identity import ADD_CLIENT, AddClientAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.calls import Calls
from carerecord.kit.errors import Unavailable

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOLD_TO = Actor("urn:test", "gp-1", "A GP", Role("1", "gp", "GP", "R9A", "R9A"))
GOOD_FOR_S = 0.05  # what is half a second in a house that people live in


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(consent, "GOOD_FOR_S", GOOD_FOR_S)
        async with serving(cluster, Path(tmp_path_factory.mktemp("objections")), "patients", "consent", "records") as made:
            yield made


class Somebody(NamedTuple):
    whose: str  # their id in the index
    number: str
    id: str  # of the Patient that is kept
    condition: str
    encounter: str
    flag: str


def a_patient(number: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": NHS_NUMBER, "value": number}], "name": [{"family": "Marlow"}]}


async def somebody(api: Api) -> Somebody:
    """With a problem that was found at a visit, and a flag of safeguarding."""
    index, number = await enrolled(api)
    id_ = await kept(api, a_patient(number))
    subject = {"subject": {"reference": f"Patient/{id_}"}}
    condition = await kept(api, {"resourceType": "Condition", **subject, "code": coded("http://snomed.info/sct", "38341003")})
    encounter = await kept(api, {
        "resourceType": "Encounter", **subject, "status": "finished", "class": {"code": "AMB"},
        "diagnosis": [{"condition": {"reference": f"Condition/{condition}"}}],
    })  # fmt: skip
    safety = coded("http://terminology.hl7.org/CodeSystem/flag-category", "safety")
    flag = await kept(api, {
        "resourceType": "Flag", **subject, "status": "active", "category": [safety], "code": {"text": "Child protection plan"},
    })  # fmt: skip
    return Somebody(index, number, id_, condition, encounter, flag)


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


async def objects(api: Api, person: Somebody | str, section: str, source: str = "", organisation: str = "") -> Objection:
    index = person if isinstance(person, str) else person.whose
    return await api.house.calls("exchange").ask(OBJECT, ObjectAsked(TOLD_TO, index, section, source, organisation))


def shown(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    told = [each["resource"] for each in answer.json["entry"]]
    return sorted(each["resourceType"] for each in told if each["resourceType"] != "OperationOutcome")


def says_so(answer: Answer) -> bool:
    told = [each["resource"] for each in answer.json["entry"] if each["resource"]["resourceType"] == "OperationOutcome"]
    return any(issue["code"] == "suppressed" for each in told for issue in each["issue"])


async def test_one_resource_is_refused_under_its_rule_in_every_version_of_it(api: Api):
    person, other = await somebody(api), await somebody(api)
    await objects(api, person, "problems")
    for path in (f"/Condition/{person.condition}", f"/Condition/{person.condition}/_history/1",
                 f"/Condition/{person.condition}/_history", f"/Condition/{person.condition}/$meta"):  # fmt: skip
        refused = await api.ask("GET", path)
        assert (refused.status, refused.json["issue"][0]["code"]) == (403, "suppressed"), path
        assert "consent/objection" in refused.json["issue"][0]["diagnostics"]
        assert "38341003" not in refused.body.decode()
    assert (await api.ask("GET", f"/Encounter/{person.encounter}")).status == 200
    assert (await api.ask("GET", f"/Condition/{other.condition}")).status == 200


async def test_the_bytes_of_what_is_kept_back_are_refused_and_not_absent(api: Api):
    person = await somebody(api)
    secured = {"securityContext": {"reference": f"Condition/{person.condition}"}}
    bytes_ = await kept(api, {"resourceType": "Binary", "contentType": "text/plain", "data": "TWFybG93", **secured})
    assert (await api.ask("GET", f"/Binary/{bytes_}")).status == 200
    await objects(api, person, "problems")
    for path in (f"/Binary/{bytes_}", f"/Binary/{bytes_}/_history/1", f"/Binary/{bytes_}/_history"):
        refused = await api.ask("GET", path)
        assert (refused.status, refused.json["issue"][0]["code"]) == (403, "suppressed"), path


async def test_a_deleted_one_tells_nothing_either(api: Api):
    person = await somebody(api)
    assert (await api.ask("DELETE", f"/Condition/{person.condition}")).status == 204
    assert (await api.ask("GET", f"/Condition/{person.condition}")).status == 410
    await objects(api, person, "problems")
    assert (await api.ask("GET", f"/Condition/{person.condition}")).status == 403
    assert (await api.ask("GET", f"/Condition/{person.condition}/_history/1")).status == 403


@pytest.mark.parametrize("search", [
    "/Condition?patient={id}", "/Condition?patient={id}&code=38341003", "/Condition?_id={condition}",
    "/Condition?patient={id}&_sort=-recorded-date", "/Patient/{id}/Condition", "/?_type=Condition&patient={id}",
    "/Condition?patient={id}&_total=accurate",
])  # fmt: skip
async def test_a_search_within_a_record_leaves_it_out_and_says_so_whatever_was_asked(api: Api, search: str):
    person, other = await somebody(api), await somebody(api)
    await objects(api, person, "problems")
    found = await api.ask("GET", search.format(**person._asdict()))
    assert (shown(found), says_so(found)) == ([], True)
    assert found.json.get("total", 0) == 0
    control = await api.ask("GET", search.format(**other._asdict()))
    assert (shown(control), says_so(control)) == (["Condition"], False)


async def test_the_notice_tells_nothing_of_what_there_is(api: Api):
    person = await somebody(api)
    await objects(api, person, "problems")
    asked = ("38341003", "86406008", "nothing")
    told = [(await api.ask("GET", f"/Condition?patient={person.id}&code={each}")).json for each in asked]
    assert len({json.dumps(each["entry"]) for each in told}) == 1
    counts = [(await api.ask("GET", f"/Condition?patient={person.id}&code={each}&_summary=count")).json for each in asked]
    assert {each["total"] for each in counts} == {0}


async def test_nothing_brings_it_along_counts_it_or_finds_by_it(api: Api):
    person, other = await somebody(api), await somebody(api)
    await objects(api, person, "problems")
    for path, plain in (
        ("/Encounter?patient={id}&_include=Encounter:diagnosis", ["Encounter"]),
        ("/Patient?_id={id}&_revinclude=Condition:patient", ["Patient"]),
        ("/Patient?_id={id}&_has:Condition:patient:code=38341003", []),
        ("/Encounter?patient={id}&diagnosis:Condition.code=38341003", []),
    ):
        found = await api.ask("GET", path.format(**person._asdict()))
        assert (shown(found), says_so(found)) == (plain, True), path
        control = await api.ask("GET", path.format(**other._asdict()))
        assert (len(shown(control)) == len(plain) + 1, says_so(control)) == (True, False), path


async def test_the_whole_record_leaves_it_out_and_what_protects_stays(api: Api):
    person = await somebody(api)
    await objects(api, person, "*")
    whole = await api.ask("GET", f"/Patient/{person.id}/$everything")
    assert (shown(whole), says_so(whole)) == (["Flag"], True)
    assert (await api.ask("GET", f"/Flag/{person.flag}")).status == 200
    assert (await api.ask("GET", f"/Patient/{person.id}")).status == 403
    summary = await api.ask("GET", f"/Patient/{person.id}/$summary")
    assert summary.status == 403
    by_number = await api.ask("GET", f"/Patient?identifier={NHS_NUMBER}|{person.number}")
    assert (shown(by_number), says_so(by_number)) == ([], True)
    by_name = await api.ask("GET", "/Patient?family=Marlow&_count=500")
    assert person.id not in by_name.body.decode()


async def test_whom_a_claim_or_a_number_means_is_not_told_beyond_that_number(api: Api):
    person, other = await somebody(api), await somebody(api)
    await objects(api, person, "demographics")
    numbers = "/Patient/$ihe-pix?sourceIdentifier=" + NHS_NUMBER + "|"
    refused = await api.ask("GET", numbers + person.number)
    assert (refused.status, refused.json["issue"][0]["code"]) == (403, "suppressed")
    assert (await api.ask("GET", numbers + other.number)).status == 200

    for whose, plain in ((person, False), (other, True)):
        claim = a_patient(whose.number) | {"birthDate": "1948-03-02", "gender": "female"}
        named = await claimed(api, claim)
        (mine,) = [said for each in named.json["entry"] if whose.number in (said := json.dumps(each))]
        assert ("1948-03-02" in mine, "score" in mine, says_so(named)) == (plain, plain, not plain)
        name = {"family": "Marlow", "given": [f"Enid{whose.number}"]}
        found = await claimed(api, {"resourceType": "Patient", "name": [name], "birthDate": "1948-03-02", "gender": "female"})
        assert (whose.whose in found.body.decode()) is plain


async def claimed(api: Api, patient: dict[str, Any]) -> Answer:
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]}
    return await api.ask("POST", "/Patient/$match", asked)


async def test_an_earlier_version_that_lay_in_another_record_is_kept_back_with_what_it_became(api: Api):
    person, other = await somebody(api), await somebody(api)
    moved = {"resourceType": "Condition", "id": other.condition, "subject": {"reference": f"Patient/{person.id}"}}
    assert (await api.ask("PUT", f"/Condition/{other.condition}", moved)).status == 200
    assert (await api.ask("GET", f"/Condition/{other.condition}/_history/1")).status == 200
    await objects(api, person, "problems")
    for path in ("", "/_history", "/_history/1", "/_history/2"):
        assert (await api.ask("GET", f"/Condition/{other.condition}{path}")).status == 403, path


async def test_lists_of_results_and_letters_and_the_summary_say_so(api: Api):
    person = await somebody(api)
    await objects(api, person, "results")
    await objects(api, person, "documents")
    await objects(api, person, "problems")
    for path in (f"/Observation/$lastn?patient={person.id}", f"/DocumentReference/$docref?patient={person.id}"):
        assert says_so(await api.ask("GET", path)), path
    summary = await api.ask("GET", f"/Patient/{person.id}/$summary")
    problems = next(each for each in summary.json["entry"][0]["resource"]["section"] if "roblem" in each["title"])
    assert problems["emptyReason"]["coding"][0]["code"] == "withheld"


async def test_a_batch_and_a_history_of_all_leave_it_out(api: Api):
    person = await somebody(api)
    await objects(api, person, "problems")
    entries = [{"request": {"method": "GET", "url": url}} for url in
               (f"Condition/{person.condition}", f"Condition?patient={person.id}", f"Encounter?patient={person.id}")]  # fmt: skip
    batch = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    read, search, others = batch.json["entry"]
    assert read["response"]["status"] == "403"
    assert [each["resource"]["resourceType"] for each in search["resource"]["entry"]] == ["OperationOutcome"]
    assert [each["resource"]["resourceType"] for each in others["resource"]["entry"]] == ["Encounter"]
    for path in ("/_history?_count=100", "/Condition/_history?_count=100"):
        told = [each["fullUrl"] for each in (await api.ask("GET", path)).json["entry"]]
        assert not any(each.endswith(person.condition) for each in told), path
    assert any(each["fullUrl"].endswith(person.flag) for each in (await api.ask("GET", "/_history?_count=100")).json["entry"])


async def test_an_objection_in_a_batch_holds_for_what_the_batch_reads_after_it(api: Api):
    person = await somebody(api)
    codes = "http://terminology.hl7.org/CodeSystem"
    consent = {
        "resourceType": "Consent", "status": "active", "scope": coded(f"{codes}/consentscope", "patient-privacy"),
        "category": [coded("http://loinc.org", "59284-0")], "patient": {"reference": f"Patient/{person.whose}"},
        "policyRule": coded(f"{codes}/v3-ActCode", "OPTOUT"), "provision": {"type": "deny"},
    }  # fmt: skip
    read = {"request": {"method": "GET", "url": f"Condition/{person.condition}"}}
    said = {"request": {"method": "POST", "url": "Consent"}, "resource": consent}
    token = await api.token_with("system/*.cruds", "system/Consent.c")
    told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": [read, said, read]}, token=token)
    assert [each["response"]["status"] for each in told.json["entry"]] == ["200", "201", "403"]


async def test_it_holds_for_the_organisation_that_was_named_alone_and_until_it_is_withdrawn(api: Api):
    person = await somebody(api)
    elsewhere = await objects(api, person, "problems", organisation="RXX")
    assert (await api.ask("GET", f"/Condition/{person.condition}")).status == 200
    assert not says_so(await api.ask("GET", f"/Condition?patient={person.id}"))
    here = await objects(api, person, "problems", organisation="R9A")
    assert (await api.ask("GET", f"/Condition/{person.condition}")).status == 403
    await api.house.calls("exchange").ask(WITHDRAW, WithdrawAsked(TOLD_TO, here.id))
    await asyncio.sleep(GOOD_FOR_S)
    assert (await api.ask("GET", f"/Condition/{person.condition}")).status == 200
    assert elsewhere.organisation == "RXX"


async def test_what_another_source_wrote_is_not_meant(api: Api):
    person = await somebody(api)
    await objects(api, person, "problems", source="elm-bank")
    assert (await api.ask("GET", f"/Condition/{person.condition}")).status == 200


async def test_a_patient_who_is_written_after_the_objection_is_behind_it_at_once(api: Api):
    index, number = await enrolled(api)
    await objects(api, index, "demographics")
    alone = await api.ask("POST", "/Patient", a_patient(number))
    assert (await api.ask("GET", f"/Patient/{alone.json['id']}")).status == 403
    put = await api.ask("PUT", "/Patient/chosen-later", a_patient(number) | {"id": "chosen-later"})
    assert put.status == 201
    assert (await api.ask("GET", "/Patient/chosen-later")).status == 403
    other = await api.ask("PUT", "/Patient/chosen-other", a_patient(nhs(50)) | {"id": "chosen-other"})
    assert other.status == 201
    assert (await api.ask("GET", "/Patient/chosen-other")).status == 200
    numbered = await api.ask("PUT", "/Patient/chosen-other", a_patient(number) | {"id": "chosen-other"})
    assert numbered.status == 200
    assert (await api.ask("GET", "/Patient/chosen-other")).status == 403


async def test_an_export_holds_and_counts_none_of_it(api: Api):
    person, other = await somebody(api), await somebody(api)
    await objects(api, person, "problems")
    wanted = f"_type=Condition,Encounter&patient={person.id}&patient={other.id}"
    begun = await api.ask("GET", f"/Patient/$export?{wanted}", Prefer="respond-async")
    assert begun.status == 202, begun.body
    at = begun.headers["Content-Location"].removeprefix(api.base)
    while (manifest := await api.ask("GET", at)).status == 202:
        await asyncio.sleep(0.02)
    files = {each["type"]: each for each in manifest.json["output"]}
    assert (files["Condition"]["count"], files["Encounter"]["count"]) == (1, 2)
    path = files["Condition"]["url"].removeprefix(api.base)
    rows = await api.ask("GET", path)
    assert (other.condition in rows.body.decode(), person.condition in rows.body.decode()) == (True, False)
    await objects(api, other, "problems")
    later = await api.ask("GET", path)
    assert (later.body, later.headers["ETag"] != rows.headers["ETag"]) == (b"", True)


async def test_no_condition_or_patch_of_a_write_asks_what_a_read_would_refuse(api: Api):
    person = await somebody(api)
    await objects(api, person, "*")
    added = await api.house.calls("exchange").ask(ADD_CLIENT, AddClientAsked("Elsewhere", "RXX", ("system/*.cruds",)))
    elsewhere = await api.issued(added)
    subject = {"subject": {"reference": f"Patient/{person.id}"}}
    made = {"resourceType": "Condition", **subject}
    for code in ("38341003", "86406008"):
        condition = f"patient={person.id}&code={code}"
        told = await api.ask("POST", "/Condition", made, token=elsewhere, If_None_Exist=condition)
        assert told.status == 201, code
        steps = [{"op": "add", "path": "/recordedDate", "value": "2026-01-01"}]
        assert (await api.ask("PATCH", f"/Condition?{condition}", steps, token=elsewhere)).status == 404
        reference = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, **subject,
                     "diagnosis": [{"condition": {"reference": f"Condition?{condition}"}}]}  # fmt: skip
        assert (await transacted(api, elsewhere, reference)).status == 412, code
    steps = [{"op": "test", "path": "/subject/reference", "value": "x"}]
    assert (await api.ask("PATCH", f"/Condition/{person.condition}", steps, token=elsewhere)).status == 403

    # Nobody is written down twice, and what is about them is filed all the same.
    by_number = f"identifier={NHS_NUMBER}|{person.number}"
    twice = await api.ask("POST", "/Patient", a_patient(person.number), token=elsewhere, If_None_Exist=by_number)
    assert (twice.status, "Marlow" in twice.body.decode()) == (403, False)
    filed = await transacted(api, elsewhere, {"resourceType": "Condition", "subject": {"reference": f"Patient?{by_number}"}})
    assert filed.status == 200, filed.body

    # What its own organisation sent it knows.
    known = await api.ask("POST", "/Patient", a_patient(person.number), If_None_Exist=by_number)
    assert (known.status, known.json["id"]) == (200, person.id)
    again = await api.ask("POST", "/Condition", made, If_None_Exist=f"patient={person.id}&code=38341003")
    assert (again.status, again.json["id"]) == (200, person.condition)


async def transacted(api: Api, token: str, resource: dict[str, Any]) -> Answer:
    entry = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
    return await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}, token=token)


async def test_while_nobody_can_say_nothing_is_shown_and_what_is_sent_is_kept(api: Api, monkeypatch: pytest.MonkeyPatch):
    person = await somebody(api)
    asked = Calls.ask

    async def away(self: Calls, question: Any, value: Any) -> Any:
        if question is TOLD:
            raise Unavailable("It does not answer.", service="consent")
        return await asked(self, question, value)

    monkeypatch.setattr(Calls, "ask", away)
    await asyncio.sleep(GOOD_FOR_S)
    read = await api.ask("GET", f"/Encounter/{person.encounter}")
    assert (read.status, read.json["issue"][0]["code"]) == (503, "transient")
    assert "consent" in read.json["issue"][0]["diagnostics"]
    for path in (f"/Condition?patient={person.id}", f"/Patient/{person.id}/$everything", "/_history"):
        assert (await api.ask("GET", path)).status == 503, path
    subject = {"reference": f"Patient/{person.id}"}
    sent = await api.ask("POST", "/Condition", {"resourceType": "Condition", "subject": subject})
    assert sent.status == 201
    monkeypatch.undo()
    assert (await api.ask("GET", f"/Encounter/{person.encounter}")).status == 200
