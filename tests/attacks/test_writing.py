"""May a write reach what it should not: another's place, another's id, a version that is gone, a resource twice?"""

import asyncio
import json
from urllib.parse import quote

from tests.attacks.conftest import PLANTED_NAME, kept, patient, refused, result, shown
from tests.exchange.conftest import Api

TRICKS = (
    "..",
    ".",
    "../Patient/p1",
    "..%2f..%2fmetadata",
    "%2e%2e",
    "p1%00",
    "%00",
    "p1%0d%0aX-Injected:%20yes",
    "p1;version=1",
    "p1%20",
    "%c0%af",
    "p1%2f_history%2f1",
    "a" * 65,
    "ü",
    "%F0%9F%92%A9",
    "%ED%A0%80",
    "p1'--",
    "$everything",
    "_history",
    "*",
    "p1?x",
    "p1#x",
)


async def test_an_id_in_an_address_is_an_id_or_nothing(api: Api) -> None:
    """Cases 19 and 53."""
    await kept(api, patient("p1"))
    for trick in TRICKS:
        for path in (
            f"/Patient/{trick}",
            f"/Patient/{trick}/_history",
            f"/Patient/{trick}/_history/1",
            f"/Patient/{trick}/$everything",
            f"/Patient/{trick}/Observation",
            f"/Patient/p1/_history/{trick}",
            f"/{trick}/p1",
        ):
            answer = await _exactly(api, "GET", path)
            assert answer[0] in (200, 400, 401, 403, 404, 405), (path, answer)
            assert "x-injected" not in answer[1].lower()
    for trick in TRICKS:
        status, _ = await _exactly(api, "PUT", f"/Patient/{trick}", json.dumps(patient(trick)))
        assert status in (200, 400, 404, 405), (trick, status)
    assert await api.house.supplies("holdings").db.fetchval("SELECT count(DISTINCT id) FROM version") == 1


async def _exactly(api: Api, method: str, path: str, body: str = "") -> tuple[int, str]:
    """The request byte for byte as written: no client library makes it tidy. Status and headers."""
    host, _, port = api.base.removeprefix("http://").partition("/")[0].partition(":")
    address = quote(path, safe="/%;?#$*'")
    reader, writer = await asyncio.open_connection(host, int(port))
    told = body.encode()
    head = (
        f"{method} /fhir{address} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {api.token}\r\n"
        f"Content-Type: application/fhir+json\r\nContent-Length: {len(told)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + told)
    await writer.drain()
    answer = (await reader.read()).decode("utf-8", "replace")
    writer.close()
    headers, _, _ = answer.partition("\r\n\r\n")
    return int(headers.split(" ", 2)[1]), headers


async def test_what_the_server_says_of_a_version_is_never_taken_from_a_client(api: Api) -> None:
    """Case 36: id, version and time are ours; a label that is sent stays."""
    meta = {"versionId": "99", "lastUpdated": "1999-01-01T00:00:00Z", "source": "urn:source"}
    made = (await api.ask("POST", "/Patient", patient("chosen", meta=meta))).json
    changed = await api.ask("PUT", f"/Patient/{made['id']}", patient(made["id"], meta=meta))

    assert made["id"] != "chosen"
    assert made["meta"]["versionId"] == "1"
    assert made["meta"]["lastUpdated"] > "2020"
    assert made["meta"]["source"] == "urn:source"
    assert changed.json["meta"]["versionId"] == "2"


async def test_the_id_of_the_body_and_of_the_address_are_one(api: Api) -> None:
    """Case 36."""
    await kept(api, patient("p1"), patient("p2"))
    refused(await api.ask("PUT", "/Patient/p1", patient("p2")), 400)
    refused(await api.ask("PUT", "/Patient/p1", {"resourceType": "Patient"}), 400)
    refused(await api.ask("PUT", "/Patient/p1", result("p1", "p1")), 400)
    entry = {"resource": patient("p2"), "request": {"method": "PUT", "url": "Patient/p1"}}
    refused(await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}), 400)
    for id_ in ("p1", "p2"):
        assert (await api.ask("GET", f"/Patient/{id_}")).json["meta"]["versionId"] == "1"


async def test_eight_creates_at_once_under_one_condition_make_one(api: Api) -> None:
    """Case 27."""
    person = patient("x", identifier=[{"system": "urn:hospital", "value": "H-1"}])
    condition = {"If_None_Exist": "identifier=urn:hospital|H-1"}
    answers = await asyncio.gather(*[api.ask("POST", "/Patient", person, **condition) for _ in range(8)])

    assert sorted(each.status for each in answers) == [200] * 7 + [201]
    assert len({each.json["id"] for each in answers}) == 1
    assert (await api.ask("GET", "/Patient?identifier=urn:hospital|H-1")).json["total"] == 1


async def test_eight_writers_at_once_under_one_condition_or_one_id_make_one(api: Api) -> None:
    """Case 27: by conditional updates, by transactions, and by chosen ids."""
    person = patient("x", identifier=[{"system": "urn:hospital", "value": "H-2"}])
    del person["id"]
    query = "/Patient?identifier=urn:hospital|H-2"
    updates = await asyncio.gather(*[api.ask("PUT", query, person) for _ in range(8)])
    assert {each.status for each in updates} <= {200, 201}
    assert [each.status for each in updates].count(201) == 1
    assert (await api.ask("GET", query)).json["total"] == 1

    chosen = await asyncio.gather(*[api.ask("PUT", "/Patient/c1", patient("c1")) for _ in range(8)])
    assert [each.status for each in chosen].count(201) == 1
    assert sorted(int(each.json["meta"]["versionId"]) for each in chosen) == list(range(1, 9))

    other = {**person, "identifier": [{"system": "urn:hospital", "value": "H-3"}]}
    request = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:hospital|H-3"}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": other, "request": request}]}
    made = await asyncio.gather(*[api.ask("POST", "/", bundle) for _ in range(8)])
    assert {each.status for each in made} == {200}
    assert (await api.ask("GET", "/Patient?identifier=urn:hospital|H-3")).json["total"] == 1


async def test_a_stale_writer_never_wins(api: Api) -> None:
    """Case 27, and the hazard of a stale version."""
    await kept(api, patient("p1"))
    tag = {"If_Match": 'W/"1"'}
    answers = await asyncio.gather(*[api.ask("PUT", "/Patient/p1", patient("p1", active=True), **tag) for _ in range(6)])
    steps = '[{"op":"add","path":"/gender","value":"male"}]'
    patches = await asyncio.gather(*[api.ask("PATCH", "/Patient/p1", steps, If_Match='W/"2"') for _ in range(6)])

    assert sorted(each.status for each in answers) == [200] + [412] * 5
    assert sorted(each.status for each in patches) == [200] + [412] * 5
    assert (await api.ask("DELETE", "/Patient/p1", If_Match='W/"1"')).status == 412
    for bad in ('"x"', "3; DROP", 'W/"-1"', 'W/"3" , W/"4"', "9" * 400, "*x"):
        refused(await api.ask("PUT", "/Patient/p1", patient("p1"), If_Match=bad), 400, 412)


async def test_a_resource_that_moves_to_another_person_leaves_nothing_behind(api: Api) -> None:
    """Case 35. A system that may write both records may set right whose a result is: a refusal would leave it with the wrong one.

    Then it is found with the right person alone, and its history stays one. A grant for one person cannot do so: see test_reach.
    """
    await kept(api, patient("p1"), patient("p2"), result("o1", "p1"), result("o1", "p2"))

    for path in (
        "/Observation?patient=p1",
        "/Patient/p1/$everything",
        "/Patient/p1/Observation",
        "/Patient?_id=p1&_revinclude=Observation:*",
    ):
        assert "Observation/o1" not in shown(await api.ask("GET", path)), path
    assert shown(await api.ask("GET", "/Observation?patient=p2")) == {"Observation/o1"}
    history = (await api.ask("GET", "/Observation/o1/_history")).json["entry"]
    assert [each["resource"]["subject"]["reference"] for each in history] == ["Patient/p2", "Patient/p1"]


async def test_a_reference_made_of_tricks_belongs_to_nobody(api: Api) -> None:
    """Case 35: a result whose subject is a text that only looks like p1 is not shown as p1's."""
    await kept(api, patient("p1"))
    for place, said in enumerate(
        (
            "https://elsewhere.example/fhir/Patient/p1",
            "Patient/p1/x",
            "Patient//p1",
            "patient/p1",
            "Patient/p1 ",
            "#p1",
            "urn:uuid:p1",
            "Patient/p1?x",
            "/Patient/p1",
            "Group/Patient/p1",
            "Patient/P1",
        ),
    ):
        await api.ask("PUT", f"/Observation/t{place}", {**result(f"t{place}", ""), "subject": {"reference": said}})
    for path in ("/Observation?patient=p1", "/Observation?subject=Patient/p1", "/Patient?_id=p1&_revinclude=Observation:patient"):
        assert {each for each in shown(await api.ask("GET", path)) if each.startswith("Observation")} == set(), path


async def test_a_transaction_cannot_name_its_way_into_another_resource(api: Api) -> None:
    """Case 36: a fullUrl that is a piece of JSON, or a reference of somebody else, changes no other member."""
    await kept(api, patient("p1"))
    for name in ('urn:uuid:1","active":true,"x":"', "Patient/p1", "urn:uuid:1\\", "", "x" * 10_000):
        entries = [
            {
                "fullUrl": name,
                "resource": patient("x", name=[{"family": PLANTED_NAME}]),
                "request": {"method": "POST", "url": "Patient"},
            },
            {"fullUrl": "urn:uuid:2", "resource": {**result("y", "p1")}, "request": {"method": "POST", "url": "Observation"}},
        ]
        told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert told.status in (200, 400, 422), (name[:30], told.body[:300])
        if told.status == 200 and name != "Patient/p1":
            place = told.json["entry"][1]["response"]["location"].removeprefix(api.base)
            assert (await api.ask("GET", place)).json["subject"] == {"reference": "Patient/p1"}, name[:30]
    assert (await api.ask("GET", "/Patient/p1")).json["name"] == [{"family": "Marlow"}]


async def test_one_fault_undoes_the_whole_transaction(api: Api) -> None:
    """Case 50: half a bundle is a record with a hole."""
    good = {"resource": patient("x", name=[{"family": PLANTED_NAME}]), "request": {"method": "POST", "url": "Patient"}}
    for bad in (
        {"request": {"method": "DELETE", "url": "Patient"}},
        {"request": {"method": "TRACE", "url": "Patient/p1"}},
        {"resource": patient("x"), "request": {"method": "POST", "url": "../admin"}},
        {"resource": patient("x"), "request": {"method": "PUT", "url": "http://elsewhere.example/fhir/Patient/x"}},
        {"resource": {"resourceType": "Patient", "birthDate": "x"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": patient("x"), "request": {"method": "PUT", "url": "Patient/x", "ifMatch": "nonsense"}},
    ):
        told = await api.ask("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": [good, bad]})
        refused(told, 400, 403, 404, 405, 412, 422)
    assert (await api.ask("GET", f"/Patient?family={PLANTED_NAME}")).json["total"] == 0
