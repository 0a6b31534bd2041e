"""Where a restricted person is, is told by no address of the FHIR API, found by no search, lost by no write, and told again when
they are restricted no more."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from msgspec.structs import replace
from tests.exchange.conftest import Answer, Api, kept, patient_id, serving
from tests.patients.people import nhs

from carerecord.app.postgres import Cluster
from carerecord.contracts.identity import ADD_CLIENT, AddClientAsked
from carerecord.contracts.patients import ENROL, RESTRICTED, Demographics, EnrolAsked, Identifier, Name, SourcePatient
from carerecord.contracts.records import ALIASES, AliasesAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.calls import Calls
from carerecord.kit.errors import Unavailable
from carerecord.patients import protecting

pytestmark = pytest.mark.asyncio(loop_scope="module")
GOOD_FOR_S = 0.05  # what is half a second in a house that people live in
LOCAL = "https://fhir.elm-bank.nhs.uk/Id/hospital-number"
# Each says where she is, in one element or another.
TELLING = ("Harbour Lane", "QY1 2ZZ", "01632960999", "Y99999", "Quayside Surgery", "Hostel", "Elm Bank", "H-77")
_numbers = iter(range(2_000, 3_000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protecting, "GOOD_FOR_S", GOOD_FOR_S)
        async with serving(cluster, Path(tmp_path_factory.mktemp("restricted")), "records", "sources") as made:
            yield made


class Somebody(NamedTuple):
    stated: SourcePatient  # as the index was told
    number: str
    id: str  # of the Patient that is kept
    condition: str
    encounter: str
    kin: str
    coverage: str


def a_patient(number: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient", "name": [{"family": "Marlow", "given": ["Enid"]}], "birthDate": "1948-03-02",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Harbour Lane</div>'},
        "contained": [{"resourceType": "Organization", "id": "gp", "name": "Quayside Surgery"}],
        "identifier": [{"system": NHS_NUMBER, "value": number}, {"system": LOCAL, "value": f"H-77{number}"}],
        "telecom": [{"system": "phone", "value": "01632960999"}],
        "address": [{"line": ["4 Harbour Lane"], "city": "Quay", "postalCode": "QY1 2ZZ"}],
        "contact": [{"name": {"text": "Her mother"}, "address": {"text": "Harbour Lane"}}],
        "generalPractitioner": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "Y99999"}},
                                {"reference": "#gp"}],
        "managingOrganization": {"display": "Elm Bank"}, **more,
    }  # fmt: skip


async def told(api: Api, stated: SourcePatient, *, restricted: bool) -> str:
    """Their id in the index."""
    demographics = replace(stated.demographics, restricted=restricted)
    (one,) = await api.house.calls("exchange").ask(ENROL, EnrolAsked((replace(stated, demographics=demographics),)))
    return one.patient


async def somebody(api: Api, *, restricted: bool = True) -> Somebody:
    number = nhs(next(_numbers))
    stated = SourcePatient(
        "elm-bank", f"L{number}", (Identifier(NHS_NUMBER, number),),
        Demographics((Name("Marlow", ("Enid",)),), "1948-03-02", "female", number, "01"),
    )  # fmt: skip
    await told(api, stated, restricted=False)
    id_ = await kept(api, a_patient(number))
    subject = {"subject": {"reference": f"Patient/{id_}"}}
    condition = await kept(api, {
        "resourceType": "Condition", **subject, "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]},
        "recorder": {"display": "Dr Low, Quayside Surgery"}, "asserter": {"reference": "PractitionerRole/at-elm-bank"},
        "contained": [{"resourceType": "Location", "id": "at", "name": "Hostel"}],
        "extension": [{"url": "https://example.org/seen-at", "valueAddress": {"text": "Harbour Lane"}},
                      {"url": "https://example.org/seen-in", "valueReference": {"reference": "#at"}}],
    })  # fmt: skip
    encounter = await kept(api, {
        "resourceType": "Encounter", **subject, "status": "finished", "class": {"code": "HH"},
        "location": [{"location": {"display": "Hostel, Harbour Lane"}}], "serviceProvider": {"display": "Elm Bank"},
    })  # fmt: skip
    patient = {"reference": f"Patient/{id_}"}
    kin = await kept(api, {"resourceType": "RelatedPerson", "patient": patient, "address": [{"text": "4 Harbour Lane"}]})
    coverage = await kept(api, {
        "resourceType": "Coverage", "status": "active", "beneficiary": patient, "payor": [{"display": "Elm Bank"}],
    })  # fmt: skip
    if restricted:
        await told(api, stated, restricted=True)
    return Somebody(stated, number, id_, condition, encounter, kin, coverage)


async def elsewhere(api: Api) -> str:
    """A token of a client of another organisation."""
    return await api.issued(
        await api.house.calls("exchange").ask(ADD_CLIENT, AddClientAsked("Elsewhere", "RXX", ("system/*.cruds",)))
    )


def telling(answer: Answer) -> list[str]:
    """What of where she is stands in an answer."""
    said = answer.body.decode()
    return [each for each in TELLING if each in said]


READS = (
    "/Patient/{id}", "/Patient/{id}/_history/1", "/Patient/{id}/_history", "/Patient/_history", "/_history",
    "/Patient?_id={id}", "/Patient?identifier={number}", "/Patient?family=Marlow&birthdate=1948-03-02&identifier={number}",
    "/Patient?_id={id}&_revinclude=Encounter:patient", "/Condition?patient={id}&_include=Condition:patient",
    "/Condition/{condition}", "/Condition?patient={id}", "/Condition?patient.identifier={number}&_include=*",
    "/Patient/{id}/$everything", "/Patient/{id}/$summary", "/Encounter/{encounter}", "/Encounter?patient={id}",
    "/RelatedPerson/{kin}", "/Coverage?beneficiary=Patient/{id}", "/Patient/{id}/RelatedPerson",
    "/?_type=Coverage,Condition&patient={id}", "/Patient/{id}?_elements=address,telecom", "/Patient/{id}?_format=xml",
    "/Patient?_id={id}&_elements=address", "/Patient/{id}/_history?_format=xml",
)  # fmt: skip


async def test_no_answer_tells_where_a_restricted_person_is_and_that_of_another_does(api: Api):
    person, other = await somebody(api), await somebody(api, restricted=False)
    for path in READS:
        answer = await api.ask("GET", path.format(**person._asdict()))
        plain = await api.ask("GET", path.format(**other._asdict()))
        assert plain.status == 200, path
        if path in ("/_history", "/Patient/_history"):  # of everybody
            mine = json.dumps([each for each in answer.json["entry"] if person.id in json.dumps(each)])
            assert (person.id in mine, [each for each in TELLING if each in mine]) == (True, []), path
        else:
            assert telling(answer) == [], path
            assert telling(plain) != [] or "$summary" in path, path


async def test_a_patient_is_there_by_name_and_number_and_says_that_something_was_taken_out(api: Api):
    person = await somebody(api)
    read = (await api.ask("GET", f"/Patient/{person.id}")).json
    assert read["name"] == [{"family": "Marlow", "given": ["Enid"]}]
    assert read["identifier"] == [{"system": NHS_NUMBER, "value": person.number}]
    assert [each["code"] for each in read["meta"]["security"]] == ["REDACTED"]
    assert read["meta"]["versionId"] == "1"
    clinical = (await api.ask("GET", f"/Condition/{person.condition}")).json
    assert clinical["code"]["coding"][0]["code"] == "38341003"
    assert [each["code"] for each in clinical["meta"]["security"]] == ["REDACTED"]
    assert clinical["asserter"]["extension"][0]["valueCode"] == "masked"


async def test_what_names_a_place_is_kept_back_whole_and_it_is_said(api: Api):
    person = await somebody(api)
    for path in (f"/Encounter/{person.encounter}", f"/RelatedPerson/{person.kin}", f"/Coverage/{person.coverage}"):
        refused = await api.ask("GET", path)
        assert (refused.status, refused.json["issue"][0]["code"]) == (403, "suppressed"), path
        assert "restricted/places" in refused.json["issue"][0]["diagnostics"]
    found = await api.ask("GET", f"/Encounter?patient={person.id}")
    assert [each["resource"]["issue"][0]["code"] for each in found.json["entry"]] == ["suppressed"]


SEARCHES = (
    "address=4%20Harbour", "address-postalcode=QY1", "address-city=Quay", "telecom=01632960999", "phone=01632960999",
    "identifier=" + LOCAL + "|H-77{number}", "organization:missing=false", "general-practitioner:missing=false",
)  # fmt: skip


async def test_no_search_confirms_where_she_is(api: Api):
    people = {True: await somebody(api), False: await somebody(api, restricted=False)}
    for restricted, search in product((True, False), SEARCHES):
        person = people[restricted]
        query = search.format(number=person.number)
        for path in (f"/Patient?_id={person.id}&{query}", f"/Patient?_id={person.id}&{query}&_total=accurate",
                     f"/Patient?_id={person.id}&{query}&_summary=count"):  # fmt: skip
            found = await api.ask("GET", path)
            assert found.status == 200, found.body
            assert found.json.get("total", len(found.json["entry"])) == (0 if restricted else 1), path
        name, _, value = query.partition("=")
        chained = await api.ask("GET", f"/Condition?_id={person.condition}&patient.{name}={value}")
        if chained.status == 200:
            assert len(chained.json["entry"]) == (0 if restricted else 1), chained.body


async def test_no_search_of_what_points_at_a_place_confirms_it(api: Api):
    for restricted in (True, False):
        person = await somebody(api, restricted=restricted)
        found = await api.ask("GET", f"/Condition?patient={person.id}&asserter=PractitionerRole/at-elm-bank")
        has = await api.ask("GET", f"/Patient?_id={person.id}&_has:Encounter:patient:status=finished")
        many = [len([each for each in told.json["entry"] if "issue" not in each["resource"]]) for told in (found, has)]
        assert many == ([0, 0] if restricted else [1, 1])


async def test_a_batch_and_a_transaction_answer_without_it(api: Api):
    person = await somebody(api)
    entry = [{"request": {"method": "GET", "url": url}} for url in (f"Patient/{person.id}", f"Patient?_id={person.id}")]
    for type_ in ("batch", "transaction"):
        answer = await api.ask("POST", "/", {"resourceType": "Bundle", "type": type_, "entry": entry})
        assert (answer.status, telling(answer), "Marlow" in answer.body.decode()) == (200, [], True)


async def test_an_export_tells_nothing_of_it_and_filters_by_nothing_of_it(api: Api):
    person = await somebody(api)
    other = await somebody(api, restricted=False)

    async def exported(more: str) -> dict[str, str]:
        path = f"/Patient/$export?_type=Patient,Condition,Encounter&patient={person.id}&patient={other.id}{more}"
        begun = await api.ask("GET", path, Prefer="respond-async")
        at = begun.headers["Content-Location"].removeprefix(api.base)
        while (manifest := await api.ask("GET", at)).status == 202:
            await asyncio.sleep(0.02)
        files = [await api.ask("GET", each["url"].removeprefix(api.base)) for each in manifest.json["output"]]
        rows = [row for each in files for row in each.body.decode().splitlines()]
        return {json.loads(row)["id"]: row for row in rows}

    rows = await exported("")
    assert {person.id, person.condition, other.id, other.condition, other.encounter} == rows.keys()
    assert not [each for each in TELLING if each in rows[person.id] + rows[person.condition]]
    assert "Harbour Lane" in rows[other.id]
    filtered = await exported("&_typeFilter=Patient%3Faddress-postalcode%3DQY1")
    assert (person.id in filtered, other.id in filtered) == (False, True)


async def test_a_file_of_an_export_that_was_planned_before_tells_nothing_either(api: Api):
    person = await somebody(api, restricted=False)
    begun = await api.ask("GET", f"/Patient/$export?_type=Patient&patient={person.id}", Prefer="respond-async")
    at = begun.headers["Content-Location"].removeprefix(api.base)
    while (manifest := await api.ask("GET", at)).status == 202:
        await asyncio.sleep(0.02)
    path = manifest.json["output"][0]["url"].removeprefix(api.base)
    before = await api.ask("GET", path)
    assert telling(before)
    await told(api, person.stated, restricted=True)
    after = await api.ask("GET", path, Range="bytes=1-")
    assert (after.status, telling(after)) == (200, [])


async def test_it_is_stripped_from_the_moment_the_index_knew_and_given_back_when_it_says_so_no_more(api: Api):
    person = await somebody(api, restricted=False)
    path = f"/Patient/{person.id}"
    for _ in range(3):
        assert telling(await api.ask("GET", path))
        await told(api, person.stated, restricted=True)
        assert telling(await api.ask("GET", path)) == []
        await told(api, person.stated, restricted=False)
        whole = await api.ask("GET", path)
        assert telling(whole)
        assert "security" not in whole.json["meta"]
        assert (await api.ask("GET", f"/Encounter/{person.encounter}")).status == 200


async def test_a_patient_who_comes_later_is_known_by_the_number_and_one_of_the_source_by_its_id(api: Api):
    person = await somebody(api)
    later = await api.ask("POST", "/Patient", a_patient(person.number))
    assert telling(later), "what it sent it knows"
    assert telling(await api.ask("GET", f"/Patient/{later.json['id']}")) == []

    unnumbered = SourcePatient("elm-bank", "L-9", (), Demographics((Name("Roe", ("Ann",)),), "1950-01-01", "female"))
    await told(api, unnumbered, restricted=False)
    made = AddClientAsked("Its system", "R9A", ("system/*.cruds",), source="elm-bank", chooses_ids=True)
    token = await api.issued(await api.house.calls("exchange").ask(ADD_CLIENT, made))
    id_ = patient_id("elm-bank", "L-9")
    for each in (id_, "L-9"):
        hers = a_patient("") | {"id": each, "identifier": [{"system": LOCAL, "value": "L-9"}]}
        assert (await api.ask("PUT", f"/Patient/{each}", hers, token=token)).status == 201
    who = await told(api, unnumbered, restricted=True)
    for each in (id_, "L-9"):
        assert telling(await api.ask("GET", f"/Patient/{each}")) == [], each
    named = await api.house.calls("exchange").ask(ALIASES, AliasesAsked(who))
    assert sorted(named.kept) == sorted((id_, "L-9")), "who reads the book finds who read either"


async def test_what_was_read_and_is_written_back_loses_nothing(api: Api):
    person = await somebody(api)
    for path in (f"/Patient/{person.id}", f"/Condition/{person.condition}"):
        read = (await api.ask("GET", path)).json
        bare = {name: value for name, value in read.items() if name != "meta"}
        for body in (read, bare):
            refused = await api.ask("PUT", path, body, If_Match='W/"1"')
            assert (refused.status, refused.json["issue"][0]["code"]) == (422, "business-rule"), refused.body
            assert "send the whole" in refused.json["issue"][0]["diagnostics"]
            assert telling(refused) == []
    whole = a_patient(person.number, id=person.id, gender="female")
    entry = {"resource": read | {"id": person.condition}, "request": {"method": "PUT", "url": f"Condition/{person.condition}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await api.ask("POST", "/", bundle)).status == 422
    by_number = f"/Patient?identifier={NHS_NUMBER}|{person.number}"
    assert (await api.ask("PUT", by_number, {"resourceType": "Patient", "name": [{"family": "Marlow"}]})).status == 422

    assert (await api.ask("PUT", f"/Patient/{person.id}", whole)).status == 200
    gone = whole | {"telecom": [{"extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "not-permitted",
    }]}]}  # fmt: skip
    assert (await api.ask("PUT", f"/Patient/{person.id}", gone)).status == 200
    await told(api, person.stated, restricted=False)
    assert "Harbour Lane" in (await api.ask("GET", f"/Patient/{person.id}")).body.decode()


async def test_a_copy_that_was_read_while_they_were_restricted_replaces_nothing_afterwards(api: Api):
    person = await somebody(api)
    read = (await api.ask("GET", f"/Patient/{person.id}")).json
    await told(api, person.stated, restricted=False)
    assert (await api.ask("PUT", f"/Patient/{person.id}", read)).status == 422
    assert telling(await api.ask("GET", f"/Patient/{person.id}"))


async def test_no_write_of_another_organisation_tells_it(api: Api):
    person, token = await somebody(api), await elsewhere(api)
    for steps in ([{"op": "test", "path": "/address/0/postalCode", "value": "QY1 2ZZ"}],
                  [{"op": "add", "path": "/gender", "value": "female"}]):  # fmt: skip
        refused = await api.ask("PATCH", f"/Patient/{person.id}", steps, token=token)
        assert (refused.status, refused.json["issue"][0]["code"], telling(refused)) == (403, "suppressed", [])
    new = {"resourceType": "Patient", "name": [{"family": "Other"}]}
    for condition in ("address-postalcode=QY1", f"identifier={NHS_NUMBER}|{person.number}&address=Harbour"):
        assert (await api.ask("PATCH", f"/Patient?_id={person.id}&{condition}", steps, token=token)).status == 404
    known = await api.ask(
        "POST", "/Patient", new, token=token, If_None_Exist=f"identifier={NHS_NUMBER}|{person.number}"
    )
    assert (known.status, known.json["id"], telling(known)) == (200, person.id, [])
    local = await api.ask("POST", "/Patient", new, token=token, If_None_Exist=f"identifier={LOCAL}|H-77{person.number}")
    assert (local.status, telling(local)) == (403, []), "nobody is written down twice, nor told by a number where they are known"


async def test_its_own_organisation_goes_on_writing_what_it_knows(api: Api):
    person = await somebody(api)
    again = await api.ask("POST", "/Patient", a_patient(person.number), If_None_Exist=f"identifier={LOCAL}|H-77{person.number}")
    assert (again.status, again.json["id"]) == (200, person.id)
    steps = [{"op": "replace", "path": "/address/0/city", "value": "Ferry"}]
    assert (await api.ask("PATCH", f"/Patient/{person.id}", steps)).status == 200
    assert telling(await api.ask("GET", f"/Patient/{person.id}")) == []
    await told(api, person.stated, restricted=False)
    assert "Ferry" in (await api.ask("GET", f"/Patient/{person.id}")).body.decode()


async def test_bytes_that_are_hers_are_not_shown(api: Api):
    person = await somebody(api)
    secured = {"securityContext": {"reference": f"Patient/{person.id}"}}
    bytes_ = await kept(api, {"resourceType": "Binary", "contentType": "text/plain", "data": "SGFyYm91cg==", **secured})
    assert (await api.ask("GET", f"/Binary/{bytes_}")).status == 404
    await told(api, person.stated, restricted=False)
    assert (await api.ask("GET", f"/Binary/{bytes_}")).status == 200


async def test_a_claim_is_not_told_whether_its_address_is_right(api: Api):
    person = await somebody(api)
    scores = []
    for place in ({}, {"address": [{"postalCode": "QY1 2ZZ"}]}, {"address": [{"postalCode": "ZE1 0AA"}]}):
        claim = {
            "resourceType": "Patient", "birthDate": "1948-03-02", "name": [{"family": "Marlow", "given": ["Enid"]}],
            "identifier": [{"system": NHS_NUMBER, "value": person.number}], **place,
        }  # fmt: skip
        parameters = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": claim}]}
        found = await api.ask("POST", "/Patient/$match", parameters)
        assert telling(found) == []
        (mine,) = [each for each in found.json["entry"] if person.number in json.dumps(each)]
        scores.append(mine["search"])
    assert scores[0] == scores[1] == scores[2]
    pix = await api.ask("GET", f"/Patient/$ihe-pix?sourceIdentifier={NHS_NUMBER}|{person.number}")
    assert telling(pix) == []


async def test_while_the_index_is_silent_nothing_is_shown_and_what_is_sent_is_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    person = await somebody(api)
    asked = Calls.ask

    async def away(self: Calls, question: Any, value: Any) -> Any:
        if question is RESTRICTED:
            raise Unavailable("It does not answer.", service="patients")
        return await asked(self, question, value)

    monkeypatch.setattr(Calls, "ask", away)
    await asyncio.sleep(2 * GOOD_FOR_S)
    for path in (f"/Patient/{person.id}", f"/Condition?patient={person.id}"):
        read = await api.ask("GET", path)
        assert (read.status, read.json["issue"][0]["code"], telling(read)) == (503, "transient", [])
    assert (await api.ask("POST", "/Patient", a_patient(nhs(1_999)))).status == 201
    monkeypatch.undo()
    assert (await api.ask("GET", f"/Patient/{person.id}")).status == 200
