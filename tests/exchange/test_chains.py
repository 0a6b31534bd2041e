"""Do chains lead wherever references lead, within a record and out of it, and never to what a client may not see?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.exchange.conftest import Api, serving

from carerecord.app.postgres import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")
P1, P2 = {"reference": "Patient/p1"}, {"reference": "Patient/p2"}
HIDDEN = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}


def an(type_: str, id_: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **more}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    visit = {"status": "finished", "class": {"code": "AMB"}, "serviceProvider": {"reference": "Organization/org"}}
    result = {"status": "final", "code": {"text": "K"}, "subject": P1}
    async with serving(cluster, Path(tmp_path_factory.mktemp("chains"))) as made:
        for each in (
            an("Organization", "top", name="Top"),
            an("Organization", "org", name="Elm", partOf={"reference": "Organization/top"}),
            an("Patient", "p1", name=[{"family": "Marlow"}]), an("Patient", "p2", name=[{"family": "Quill"}]),
            an("Encounter", "e1", **visit, subject=P1), an("Encounter", "e2", **visit, subject=P2),
            an("Encounter", "e3", **visit | {"serviceProvider": {"reference": "Organization/top"}}, subject=P1),
            an("Encounter", "e9", **visit, subject=P1, meta=HIDDEN),
            an("Observation", "o1", **result, encounter={"reference": "Encounter/e1"}),
            an("Observation", "o2", **result, encounter={"reference": "Encounter/e2"}),
            an("Observation", "o3", **result, encounter={"reference": "Encounter/e3"}),
            an("Observation", "o4", **result, encounter={"reference": "http://elsewhere.example/fhir/Encounter/e1"}),
            an("Observation", "o5", **result, encounter={"reference": f"{made.base}/Encounter/e1"}),
            an("Observation", "o9", **result, encounter={"reference": "Encounter/e9"}),
        ):  # fmt: skip
            answer = await made.ask("PUT", f"/{each['resourceType']}/{each['id']}", each)
            assert answer.status == 201, answer.body
        yield made


async def found(api: Api, path: str, token: str | None = None) -> list[str]:
    answer = await api.ask("GET", path, token=token)
    assert answer.status == 200, answer.body
    assert answer.json["total"] == len(answer.json["entry"])
    return sorted(each["resource"]["id"] for each in answer.json["entry"])


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/Observation?patient=p1&encounter.service-provider=org", ["o1", "o2", "o5"]),  # the mother's visit, in her own record
        ("/Observation?patient=p1&encounter.service-provider.name=elm", ["o1", "o2", "o5"]),
        ("/Observation?patient=p1&encounter.service-provider.partof.name=top", ["o1", "o2", "o5"]),
        ("/Observation?patient=p1&encounter.service-provider=top", ["o3"]),
        ("/Observation?patient=p1&encounter.subject:Patient.family=quill", ["o2"]),
        ("/Observation?_id=o1,o3&encounter.service-provider.name=top", ["o3"]),
        ("/Observation?patient=p1&encounter:Encounter._has:Observation:encounter:_id=o3", ["o3"]),
        ("/Patient?_id=p1&_has:Observation:subject:encounter.service-provider=org", ["p1"]),
        ("/Patient?_id=p2&_has:Observation:subject:encounter.service-provider=org", []),
    ],
)
async def test_a_chain_leads_on_from_what_points(api: Api, path: str, ids: list[str]):
    assert await found(api, path) == ids


async def test_a_chain_in_a_record_goes_on_by_its_pages(api: Api):
    path, seen = "/Observation?patient=p1&encounter.service-provider=org&_count=1", list[str]()
    for _ in range(5):
        page = (await api.ask("GET", path)).json
        seen += [each["resource"]["id"] for each in page["entry"]]
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        if not following:
            break
        path = following[0].removeprefix(api.base)
    assert sorted(seen) == ["o1", "o2", "o5"]


async def test_nothing_is_led_to_what_a_client_may_not_see(api: Api):
    reader = await api.token_with("system/Observation.rs")
    assert await found(api, "/Observation?patient=p1&encounter.service-provider=org", reader) == []
    hidden, absent = [await found(api, f"/Observation?patient=p1&encounter:Encounter._id={id_}") for id_ in ("e9", "never")]
    assert hidden == absent == []
