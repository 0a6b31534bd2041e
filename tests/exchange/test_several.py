"""Are several types searched for at once as each would be alone, on pages that lose nothing and under the same scopes?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.exchange.conftest import Api, serving

from carerecord.app.postgres import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")
P1 = {"reference": "Patient/p1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with serving(cluster, Path(tmp_path_factory.mktemp("several"))) as made:
        of_p1 = {"code": {"text": "K"}, "subject": P1}
        kept: list[dict[str, Any]] = [{"resourceType": "Patient", "id": "p1"}]
        kept += [{"resourceType": "Observation", "id": f"o{n}", "status": "final", **of_p1} for n in range(5)]
        kept += [{"resourceType": "Condition", "id": f"c{n}", **of_p1} for n in range(3)]
        kept.append({"resourceType": "Flag", "id": "f0", "status": "active", **of_p1})
        for each in kept:
            assert (await made.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)).status == 201
        yield made


def ids(bundle: Any) -> list[str]:
    return [each["resource"]["id"] for each in bundle["entry"] if each["search"]["mode"] == "match"]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 100])
async def test_all_of_them_come_once_whatever_the_size_of_a_page(api: Api, count: int):
    path, seen = f"?_type=Observation,Condition,Goal,Flag&patient=p1&_count={count}", list[str]()
    for _ in range(12):
        page = (await api.ask("GET", path)).json
        assert len(page["entry"]) <= count
        seen += ids(page)
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        if not following:
            break
        path = following[0].removeprefix(api.base)

    assert sorted(seen) == sorted([*(f"o{n}" for n in range(5)), *(f"c{n}" for n in range(3)), "f0"])
    assert [each[0] for each in seen] == sorted([each[0] for each in seen], key="ocf".index), "type after type"


async def test_they_are_counted_together(api: Api):
    for query in ("_summary=count", "_count=0", "_count=2&_total=accurate", "_count=50"):
        told = (await api.ask("GET", f"?_type=Observation,Condition,Flag&patient=p1&{query}")).json
        assert told["total"] == 9, query
    assert "total" not in (await api.ask("GET", "?_type=Observation,Condition&patient=p1&_count=2")).json


async def test_by_post_and_with_elements_too(api: Api):
    form = "_type=Observation&_type=Flag&patient=p1&_elements=status"
    told = (await api.ask("POST", "/_search", form, Content_Type="application/x-www-form-urlencoded")).json

    assert sorted(ids(told)) == ["f0", *(f"o{n}" for n in range(5))]
    assert all("code" not in each["resource"] for each in told["entry"])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("patient=p1", "add _type="), ("", "add _type="), ("_type=Observation,Nothing&patient=p1", "no such resource type"),
        ("_type=Observation,Condition&patient=p1&value-quantity=1", "no search parameter of Condition"),
        ("_type=Observation,Condition", "patient="), ("_type=Observation,Condition&patient=p1&_sort=date", "_sort"),
        (f"_type={','.join(f'T{n}' for n in range(21))}", "20 at most"),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_of_each_is_said(api: Api, query: str, words: str):
    answer = await api.ask("GET", f"?{query}")

    assert answer.status in (400, 404)
    assert words in answer.json["issue"][0]["diagnostics"]


async def test_a_scope_for_one_type_finds_nothing_of_another_and_a_link_is_its_own_clients(api: Api):
    reader = await api.token_with("system/Observation.rs")
    assert (await api.ask("GET", "?_type=Observation&patient=p1", token=reader)).json["total"] == 5
    assert (await api.ask("GET", "?_type=Observation,Condition&patient=p1", token=reader)).status == 403

    first = (await api.ask("GET", "?_type=Observation,Flag&patient=p1&_count=2")).json
    following = next(each["url"] for each in first["link"] if each["relation"] == "next").removeprefix(api.base)
    other = await api.token_with("system/*.rs")
    edited = following.replace("Flag", "Condition"), f"{following}x", following.replace("_page=", "_page=x")
    assert [(await api.ask("GET", each)).status for each in edited] == [400, 400, 400]
    assert (await api.ask("GET", following, token=other)).status == 400
    assert (await api.ask("GET", following)).status == 200
