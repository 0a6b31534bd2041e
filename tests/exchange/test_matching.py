"""Is a Patient set beside everybody in the index, and is it said how likely each candidate is?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.exchange.conftest import Answer, Api, patient_id, serving

from carerecord.app.postgres import Cluster
from carerecord.contracts.patients import (
    ENROL,
    INSTRUCT,
    Demographics,
    EnrolAsked,
    Identifier,
    InstructAsked,
    Instruction,
    Name,
    SourcePatient,
)

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.fixture
async def api(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(cluster, tmp_path, "patients") as made:
        yield made


def stated(local_id: str, given: str, family: str, born: str, number: str) -> SourcePatient:
    demographics = Demographics((Name(family, (given,)),), born, "female", number, "01", postcode="LS1 4AP")
    return SourcePatient("elm-bank", local_id, (Identifier(NHS_NUMBER, number),), demographics)


async def asked(api: Api, resource: Any, token: str | None = None, **more: Any) -> Answer:
    parameters = [{"name": "resource", "resource": resource}]
    for name, value in more.items():
        parameters.append({"name": name, "valueBoolean" if isinstance(value, bool) else "valueInteger": value})
    return await api.ask("POST", "/Patient/$match", {"resourceType": "Parameters", "parameter": parameters}, token=token)


async def test_candidates_come_with_their_grade_and_the_book_tells_who_was_shown_and_faults_quote_nobody(api: Api) -> None:
    people = (
        stated("1", "Enid", "Marlow", "1948-03-02", "9990000018"),
        stated("2", "Winifred", "Quillfeather", "1951-07-09", "9990000026"),
    )  # fmt: skip
    await api.house.calls("exchange").ask(ENROL, EnrolAsked(people))
    kept = patient_id("elm-bank", "1")
    text = f'{{"resourceType":"Patient","id":"{kept}","multipleBirthInteger":1,"birthDate":"1948-03-02"}}'.encode()
    assert (await api.ask("PUT", f"/Patient/{kept}", text)).status == 201

    claim = {
        "resourceType": "Patient", "name": [{"family": "Marlow", "given": ["Enid"]}], "birthDate": "1948-03-02",
        "gender": "female",
        "identifier": [{"system": NHS_NUMBER, "value": "9990000018"}],
    }  # fmt: skip
    answer = await asked(api, claim, onlyCertainMatches=True)
    assert answer.status == 200, answer.body
    (entry,) = answer.json["entry"]
    assert (entry["fullUrl"], entry["resource"]["id"]) == (f"{api.base}/Patient/{kept}", kept)
    assert entry["search"]["mode"] == "match"
    grade, index = entry["search"]["extension"]
    assert grade["valueCode"] == "certain"
    assert index["url"] == "urn:carerecord:patient"
    assert 0.9 < entry["search"]["score"] <= 1

    other = {**claim, "name": [{"family": "Quillfeather", "given": ["Winifred"]}], "birthDate": "1951-07-09"}
    other["identifier"] = [{"system": NHS_NUMBER, "value": "9990000026"}]
    (entry,) = (await asked(api, other, count=1)).json["entry"]
    assert entry["resource"]["identifier"][1]["value"] == "9990000026"
    assert entry["resource"]["name"][0]["family"] == "Quillfeather"
    assert "id" not in entry["resource"]

    rows = await api.house.supplies("holdings").db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    noted = [line for row in rows if (line := json.loads(row["body"]))["what"] == "patient-matched"]
    assert [len(each["patients"]) for each in noted] == [1, 1]

    nobody = {"resourceType": "Patient", "name": [{"family": "Quillfeather"}]}
    vague = await asked(api, nobody)
    assert vague.status == 200
    assert vague.json["total"] == 0
    reader = await api.token_with("system/Observation.rs")
    for answer, status in (
        (await asked(api, nobody, token=reader), 403), (await asked(api, nobody, count=0), 400),
        (await asked(api, nobody, colour=1), 400),
        (await asked(api, {"resourceType": "Observation"}), 400), (await api.ask("POST", "/Patient/$match", nobody), 400),
        (await api.ask("POST", "/Patient/$match", b"{"), 400),
    ):  # fmt: skip
        assert answer.status == status
        assert b"Quillfeather" not in answer.body


async def test_a_candidate_with_a_merge_that_waits_for_an_officer_comes_with_a_warning(api: Api) -> None:
    people = (
        stated("1", "Enid", "Marlow", "1948-03-02", "9990000018"),
        stated("2", "Winifred", "Quillfeather", "1951-07-09", "9990000026"),
    )  # fmt: skip
    calls = api.house.calls("exchange")
    await calls.ask(ENROL, EnrolAsked(people))
    claim = {"resourceType": "Patient", "birthDate": "1948-03-02", "identifier": [{"system": NHS_NUMBER, "value": "9990000018"}]}
    assert len((await asked(api, claim)).json["entry"]) == 1
    await calls.ask(INSTRUCT, InstructAsked((Instruction("merge", "elm-bank", "1", "elm-bank", "2"),)))

    answer = (await asked(api, claim)).json
    candidate, warning = answer["entry"]
    assert (answer["total"], candidate["search"]["mode"], warning["search"]["mode"]) == (1, "match", "outcome")
    (issue,) = warning["resource"]["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "incomplete")
    assert "data-quality officer" in issue["diagnostics"]
    assert "elm-bank" not in issue["diagnostics"]


async def pix(api: Api, query: str, token: str | None = None) -> Answer:
    return await api.ask("GET", f"/Patient/$ihe-pix?{query}", token=token)


async def test_a_number_leads_to_the_others_of_its_bearer_and_the_book_tells_that_it_did(api: Api) -> None:
    epr = "https://trust.test/Id/number"
    here = stated("1", "Enid", "Marlow", "1948-03-02", "9990000018")
    there = SourcePatient("trust", "T7", (*here.identifiers, Identifier(epr, "T7")), here.demographics)
    await api.house.calls("exchange").ask(ENROL, EnrolAsked((here, there)))

    by_local = await pix(api, f"sourceIdentifier={epr}|T7")
    by_nhs = await pix(api, f"sourceIdentifier={NHS_NUMBER}|9990000018&targetSystem={epr}")
    assert by_local.json["parameter"] == [
        {"name": "targetIdentifier", "valueIdentifier": {"system": NHS_NUMBER, "value": "9990000018"}}
    ]
    assert [each["valueIdentifier"]["value"] for each in by_nhs.json["parameter"]] == ["T7"]
    assert "parameter" not in (await pix(api, f"sourceIdentifier={epr}|T7&targetSystem={epr}")).json

    rows = await api.house.supplies("holdings").db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")
    noted = [line for row in rows if (line := json.loads(row["body"]))["what"] == "numbers-told"]
    assert [len(each["patients"]) for each in noted] == [1, 1, 1]

    reader = await api.token_with("system/Observation.rs")
    for answer, status in (
        (await pix(api, f"sourceIdentifier={epr}|T8"), 404), (await pix(api, "sourceIdentifier=T7"), 400),
        (await pix(api, "sourceIdentifier=trust|T7"), 400), (await pix(api, ""), 400),
        (await pix(api, f"sourceIdentifier={epr}|T7&targetSystem=trust"), 400),
        (await pix(api, f"sourceIdentifier={epr}|T7&colour=1"), 400),
        (await pix(api, f"sourceIdentifier={epr}|T7", token=reader), 403),
    ):  # fmt: skip
        assert answer.status == status, answer.body
    for answer, status, says in (
        (await pix(api, "sourceIdentifier=urn:nobody|T7"), 400, "sourceIdentifier Assigning Authority not found"),
        (await pix(api, f"sourceIdentifier={epr}|T7&targetSystem=urn:nobody"), 403, "targetSystem not found"),
        (await pix(api, f"sourceIdentifier={NHS_NUMBER}|9990000999&targetSystem={epr}"), 404, "Nobody is known by that number."),
    ):
        (issue,) = answer.json["issue"]
        assert (answer.status, issue["code"], issue["diagnostics"]) == (
            status, "not-found" if status == 404 else "code-invalid", says
        )  # fmt: skip
