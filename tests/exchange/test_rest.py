"""Does the FHIR API do what FHIR's RESTful chapter says?"""

from tests.exchange.conftest import Api

PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Marlow"}], "birthDate": "1948-03-02"}


async def test_create_read_update_and_delete_with_their_headers(api: Api) -> None:
    made = await api.ask("POST", "/Patient", PATIENT)
    id_ = made.json["id"]
    read = await api.ask("GET", f"/Patient/{id_}")
    same = await api.ask("GET", f"/Patient/{id_}", If_None_Match='W/"1"')
    stale = await api.ask("PUT", f"/Patient/{id_}", {**PATIENT, "id": id_}, If_Match='W/"9"')
    changed = await api.ask("PUT", f"/Patient/{id_}", {**PATIENT, "id": id_}, If_Match='W/"1"')
    gone = await api.ask("DELETE", f"/Patient/{id_}")

    assert made.status == 201
    assert made.headers["Location"] == f"{api.base}/Patient/{id_}/_history/1"
    assert (read.status, read.headers["ETag"], read.headers["Cache-Control"]) == (200, 'W/"1"', "no-store")
    assert [same.status, stale.status, changed.status, gone.status] == [304, 412, 200, 204]
    assert (await api.ask("GET", f"/Patient/{id_}")).status == 410
    assert (await api.ask("GET", f"/Patient/{id_}/_history/1")).json["birthDate"] == "1948-03-02"
    assert [each["request"]["method"] for each in (await api.ask("GET", f"/Patient/{id_}/_history")).json["entry"]] == [
        "DELETE", "PUT", "POST",
    ]  # fmt: skip


async def test_digits_survive_the_whole_way(api: Api) -> None:
    text = '{"resourceType":"Observation","status":"final","code":{"text":"K"},"valueQuantity":{"value":1.10}}'
    made = await api.ask("POST", "/Observation", text)

    assert b"1.10" in (await api.ask("GET", f"/Observation/{made.json['id']}")).body


async def test_a_transaction_and_a_batch(api: Api) -> None:
    person = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
    result = {"resourceType": "Observation", "status": "final", "code": {"text": "K"}, "subject": {"reference": person}}
    entries = [
        {"fullUrl": person, "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": result, "request": {"method": "POST", "url": "Observation"}},
    ]
    done = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    whose = done.json["entry"][0]["response"]["location"].split("/")[-3]
    found = await api.ask("GET", f"/Observation?patient={whose}")
    bad = {"resource": {"resourceType": "Observation"}, "request": {"method": "POST", "url": "Observation"}}
    refused = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [entries[0], bad]})
    apart = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": [entries[0], bad]})

    assert done.json["type"] == "transaction-response"
    assert found.json["total"] == 1
    assert refused.status == 422
    assert refused.json["issue"][0]["expression"][0].startswith("Bundle.entry[1].resource")
    assert [each["response"]["status"] for each in apart.json["entry"]] == ["201", "422"]


async def test_searches_by_get_and_post_say_what_was_understood(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    got = await api.ask("GET", "/Patient?family=marl&_count=5")
    posted = await api.ask("POST", "/Patient/_search", "family=marl", Content_Type="application/x-www-form-urlencoded")
    strict = await api.ask("GET", "/Patient?family=marl&colour=red")
    lenient = await api.ask("GET", "/Patient?family=marl&colour=red", Prefer="handling=lenient")

    assert got.json["total"] == posted.json["total"] == 1
    assert got.json["link"][0] == {"relation": "self", "url": f"{api.base}/Patient?family=marl&_count=5"}
    assert strict.status == 400
    assert "colour" in strict.json["issue"][0]["diagnostics"]
    assert "colour" not in lenient.json["link"][0]["url"]
    assert lenient.json["entry"][-1]["search"]["mode"] == "outcome"


async def test_everything_of_one_person_and_their_compartment(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    result = {"resourceType": "Observation", "status": "final", "code": {"text": "K"}, "subject": {"reference": "Patient/p1"}}
    for _ in range(3):
        await api.ask("POST", "/Observation", result)
    first = (await api.ask("GET", "/Patient/p1/$everything?_count=3")).json
    following = next(each["url"] for each in first["link"] if each["relation"] == "next").removeprefix(api.base)

    assert len(first["entry"]) == 3
    assert len((await api.ask("GET", following)).json["entry"]) == 1
    assert (await api.ask("GET", "/Patient/p1/Observation")).json["total"] == 3


async def test_validate_judges_and_keeps_nothing(api: Api) -> None:
    good = await api.ask("POST", "/Patient/$validate", PATIENT)
    bad = await api.ask("POST", "/Patient/$validate", {"resourceType": "Patient", "birthDate": "MARLOW"})

    assert good.json["issue"][0]["severity"] == "information"
    assert bad.json["issue"][0]["expression"] == ["Patient.birthDate"]
    assert "MARLOW" not in str(bad.json)
    assert (await api.ask("GET", "/Patient?birthdate=1948-03-02")).json["total"] == 0


async def test_elements_and_summaries_are_marked(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", PATIENT)
    cut = (await api.ask("GET", "/Patient?_id=p1&_elements=birthDate")).json["entry"][0]["resource"]
    count = (await api.ask("GET", "/Patient?_id=p1&_summary=count")).json

    assert set(cut) == {"resourceType", "id", "meta", "birthDate"}
    assert cut["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert count["total"] == 1
    assert count["entry"] == []


async def test_a_capability_statement_says_what_there_is(api: Api) -> None:
    told = (await api.ask("GET", "/metadata", token="")).json
    observation = next(each for each in told["rest"][0]["resource"] if each["type"] == "Observation")

    assert told["fhirVersion"] == "4.0.1"
    assert {"name": "code-value-quantity", "type": "composite"}.items() <= next(
        each for each in observation["searchParam"] if each["name"] == "code-value-quantity"
    ).items()
    types = {each["type"] for each in told["rest"][0]["resource"]}
    assert len(types) == 146, "every type of R4"


async def test_a_parameter_that_is_none_is_refused_by_name_wherever_it_stands(api: Api) -> None:
    await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    for path in (
        "/Patient/p1?colour=red", "/Patient?_id=p1&colour=red", "/Patient/p1/_history?colour=red",
        "/Patient/p1/$everything?colour=red", "/Patient/p1/$summary?colour=red", "/$export?colour=red",
    ):  # fmt: skip
        headers = {"Prefer": "respond-async"} if "export" in path else {}
        answer = await api.ask("GET", path, **headers)
        assert (answer.status, "colour" in answer.json["issue"][0]["diagnostics"]) == (400, True), path
    assert (await api.ask("GET", "/Patient/p1?colour=red", Prefer="handling=lenient")).status == 200
    for path in ("/Patient/p1?_summary=some", "/Patient/p1/_history?_count=few", "/Patient?_id=p1&_count=-1",
                 "/Patient/p1/$everything?_count=few"):  # fmt: skip
        assert (await api.ask("GET", path)).status == 400, path
