"""Does a summary say what is kept, in sections, and never that there is nothing?"""

from typing import Any

from tests.exchange.conftest import Api

from carerecord.fhir.validate import load

STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ABOUT = {"reference": "Patient/p1"}


async def kept(api: Api, *resources: dict[str, Any]) -> None:
    for each in resources:
        answer = await api.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)
        assert answer.status in (200, 201), answer.body


def problem(id_: str, status: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition", "id": id_, "subject": ABOUT, "code": {"text": f"Asthma <{id_}>"},
        "clinicalStatus": {"coding": [{"system": STATUS, "code": status}]},
    }  # fmt: skip


def sections(bundle: Any) -> dict[str, Any]:
    return {each["code"]["coding"][0]["code"]: each for each in bundle["entry"][0]["resource"]["section"]}


def listed(section: Any) -> list[str]:
    return [each["reference"] for each in section.get("entry", ())]


async def test_a_summary_is_a_document_of_sections_that_name_their_entries(api: Api) -> None:
    await kept(
        api,
        {"resourceType": "Patient", "id": "p1"}, problem("c1", "active"), problem("c2", "resolved"),
        {"resourceType": "Medication", "id": "m", "code": {"text": "Ramipril"}},
        {"resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": "order", "subject": ABOUT,
         "medicationReference": {"reference": "Medication/m", "display": "Ramipril"}},
        {"resourceType": "MedicationRequest", "id": "r2", "status": "stopped", "intent": "order", "subject": ABOUT,
         "medicationCodeableConcept": {"text": "Aspirin"}},
    )  # fmt: skip
    bundle = (await api.ask("GET", "/Patient/p1/$summary")).json
    told = sections(bundle)

    assert bundle["type"] == "document"
    assert not any(load().faults(each["resource"]) for each in bundle["entry"])
    assert (listed(told["11450-4"]), listed(told["11348-0"])) == (["Condition/c1"], ["Condition/c2"])
    assert listed(told["10160-0"]) == ["MedicationRequest/r1"]
    assert "Ramipril" in told["10160-0"]["text"]["div"]
    assert "Asthma &lt;c1&gt;" in told["11450-4"]["text"]["div"]
    there = {each["fullUrl"].removeprefix(f"{api.base}/") for each in bundle["entry"]}
    assert {"Patient/p1", "Condition/c1", "Condition/c2", "MedicationRequest/r1", "Medication/m"} <= there
    assert "MedicationRequest/r2" not in there
    assert {each["reference"] for section in told.values() for each in section.get("entry", ())} <= there


async def test_where_nothing_is_known_it_says_why_and_never_none(api: Api) -> None:
    await kept(
        api, {"resourceType": "Patient", "id": "p1"},
        {"resourceType": "MedicationRequest", "id": "r2", "status": "stopped", "intent": "order", "subject": ABOUT,
         "medicationCodeableConcept": {"text": "Aspirin"}},
    )  # fmt: skip
    answer = await api.ask("GET", "/Patient/p1/$summary")
    told = sections(answer.json)
    for code in ("48765-2", "10160-0", "11450-4"):
        assert "entry" not in told[code]
        assert told[code]["emptyReason"]["coding"][0]["code"] == "unavailable"
        assert "This does not say that there is none." in told[code]["text"]["div"]
    assert "1 are kept, and none of them is listed." in told["10160-0"]["text"]["div"]
    assert "nilknown" not in answer.body.decode()
    assert "none known" not in answer.body.decode().lower()

    # What the scopes do not cover is withheld, and said to be.
    await kept(api, problem("c1", "active"))
    narrow = await api.token_with("system/Patient.rs", "system/AllergyIntolerance.rs")
    told = sections((await api.ask("GET", "/Patient/p1/$summary", token=narrow)).json)
    assert told["11450-4"]["emptyReason"]["coding"][0]["code"] == "withheld"
    assert told["48765-2"]["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert (await api.ask("GET", "/Patient/none/$summary")).status == 404
    assert (await api.ask("GET", "/Patient/p1/$summary?profile=x")).status == 400


async def test_documents_are_found_by_person_type_and_time_of_care(api: Api) -> None:
    def document(id_: str, code: str, **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "DocumentReference", "id": id_, "status": "current", "subject": ABOUT,
            "type": {"coding": [{"code": code}]},
            "content": [{"attachment": {"title": "A letter"}}], **more,
        }  # fmt: skip

    await kept(
        api, {"resourceType": "Patient", "id": "p1"}, document("d1", "A", date="2024-05-01T09:00:00Z"),
        document("d2", "B", date="2026-01-01T09:00:00Z", context={"period": {"start": "2024-04-01", "end": "2024-04-03"}}),
        document("d3", "A", date="2020-05-01T09:00:00Z"),
        document("old", "A", date="2024-05-01T09:00:00Z") | {"status": "superseded"},
    )  # fmt: skip

    async def names(query: str) -> set[str]:
        answer = await api.ask("GET", f"/DocumentReference/$docref?{query}")
        assert answer.status == 200, answer.body
        assert answer.json["total"] == len(answer.json["entry"])
        return {each["resource"]["id"] for each in answer.json["entry"]}

    assert await names("patient=p1") == {"d1", "d2", "d3"}
    assert await names("patient=Patient/p1&type=A") == {"d1", "d3"}
    assert await names("patient=p1&start=2024-01-01&end=2024-12-31") == {"d1", "d2"}
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "patient", "valueId": "p1"}, {"name": "type", "valueCodeableConcept": {"coding": [{"code": "B"}]}}]}  # fmt: skip
    posted = (await api.ask("POST", "/DocumentReference/$docref", body)).json
    assert [each["resource"]["id"] for each in posted["entry"]] == ["d2"]
    for query in ("", "patient=p1&start=MARLOW", "patient=p1&colour=red"):
        assert (await api.ask("GET", f"/DocumentReference/$docref?{query}")).status == 400
