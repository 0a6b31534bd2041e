"""Is what a client lays down as a condition kept to the letter of FHIR, however it is written?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.exchange.conftest import Api, serving

from carerecord.app.postgres import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with serving(cluster, Path(tmp_path_factory.mktemp("conditions"))) as made:
        yield made


def a_patient(number: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "s", "value": number}], **more}


async def test_what_is_to_be_written_only_where_nothing_stands_replaces_nothing(api: Api):
    first = a_patient("1", id="n1")
    both = first, first | {"active": True}
    statuses = [(await api.ask("PUT", "/Patient/n1", each, If_None_Match="*")).status for each in both]
    entry = {"resource": first, "request": {"method": "PUT", "url": "Patient/n1", "ifNoneMatch": "*"}}
    batch = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})

    assert statuses == [201, 412]
    assert batch.json["entry"][0]["response"]["status"] == "412"
    assert "active" not in (await api.ask("GET", "/Patient/n1")).json
    assert (await api.ask("PUT", "/Patient/n1", first, If_None_Match='W/"1"')).status == 400
    await api.ask("DELETE", "/Patient/n1")
    assert (await api.ask("PUT", "/Patient/n1", first, If_None_Match="*")).status == 201, "nothing stands there any more"


@pytest.mark.parametrize("written", ["identifier=s|2", "?identifier=s|2", "Patient?identifier=s|2"])
async def test_a_condition_of_a_create_is_heard_as_a_query_and_as_an_address(api: Api, written: str):
    await api.ask("PUT", "/Patient/n2", a_patient("2", id="n2"))
    found = await api.ask("POST", "/Patient", a_patient("2"), If_None_Exist=written)
    entry = {"resource": a_patient("2"), "request": {"method": "POST", "url": "Patient", "ifNoneExist": written}}
    batch = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    assert (found.status, found.json["id"]) == (200, "n2")
    assert batch.json["entry"][0]["response"]["status"] == "200"


async def test_an_unknown_parameter_in_a_condition_is_named(api: Api):
    body = a_patient("3")
    told = [
        await api.ask("POST", "/Patient", body, If_None_Exist="colour=red"), await api.ask("PUT", "/Patient?colour=red", body),
        await api.ask("DELETE", "/Patient?colour=red"),
    ]  # fmt: skip

    assert [each.status for each in told] == [400, 400, 400]
    assert all("colour" in each.json["issue"][0]["diagnostics"] for each in told)


async def test_an_id_in_a_conditional_update_is_the_one_that_answers_or_a_new_one(api: Api):
    where = "/Patient?identifier=s|4"
    made = await api.ask("PUT", where, a_patient("4", id="mine4"))
    same = await api.ask("PUT", where, a_patient("4", id="mine4", active=True))
    other = await api.ask("PUT", where, a_patient("4", id="another"))
    await api.ask("PUT", "/Patient/taken", a_patient("5", id="taken"))
    taken = await api.ask("PUT", "/Patient?identifier=s|6", a_patient("6", id="taken"))
    by_us = await api.token_with("system/*.cruds", chooses_ids=False)
    refused = await api.ask("PUT", "/Patient?identifier=s|7", a_patient("7", id="mine7"), token=by_us)

    assert (made.status, made.json["id"], same.status) == (201, "mine4", 200)
    assert [other.status, taken.status, refused.status] == [400, 412, 405]
    assert (await api.ask("GET", "/Patient/taken")).json["identifier"][0]["value"] == "5"
    assert (await api.ask("PUT", "/Patient?identifier=s|7", a_patient("7"), token=by_us)).status == 201


@pytest.mark.parametrize(
    ("prefer", "length"),
    [("Return=Minimal", 0), ("return=minimal;x=1", 0), ('return="minimal", handling=lenient', 0), ("return=junk", 1), ("", 1)],
)
async def test_a_preference_is_heard_however_it_is_written(api: Api, prefer: str, length: int):
    answer = await api.ask("PUT", "/Patient/n8", a_patient("8", id="n8"), Prefer=prefer)
    assert bool(answer.body) == bool(length)
    lenient = await api.ask("GET", "/Patient?_id=n8&colour=red", Prefer="respond-async, Handling=Lenient")
    assert lenient.status == 200


async def test_an_operation_that_is_none_is_called_one(api: Api):
    for path in ("/Patient/n1/$nope", "/$nope", "/Patient/$nope"):
        answer = await api.ask("GET", path)
        assert (answer.status, "operation" in answer.json["issue"][0]["diagnostics"]) == (404, True), path
