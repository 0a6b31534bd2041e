"""Does an import keep every good line, and say of every other why not?"""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

from tests.exchange.conftest import Answer, Api
from tests.exchange.test_exporting import begun as export_begun
from tests.exchange.test_exporting import fetched
from tests.exchange.test_exporting import finished as exported

NDJSON = "application/fhir+ndjson"


def person(number: int) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "Marlow"}]}


def result(number: int, whose: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": f"o{number}", "status": "final", "code": {"text": "K"},
        "subject": {"reference": f"Patient/p{whose}"},
    }  # fmt: skip


def lines(*resources: Any) -> bytes:
    return b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in resources) + b"\n"


async def sent(api: Api, body: Any, *, token: str | None = None, **headers: str) -> Answer:
    told = {"Content-Type": NDJSON, "Prefer": "respond-async", "Authorization": f"Bearer {token or api.token}"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = io.BytesIO(body) if isinstance(body, bytes) and len(body) > 1_000_000 else body  # as aiohttp would have it
    async with api.web.post(f"{api.base}/$import", data=data, headers=told) as reply:
        return Answer(reply.status, reply.headers, await reply.read())


async def finished(api: Api, begun: Answer, *, token: str | None = None) -> Any:
    assert begun.status == 202, begun.body
    place = begun.headers["Content-Location"].removeprefix(api.base)
    looks, last = 0, ""
    while looks < 600:  # since it last went on: a busy machine takes its time
        answer = await api.ask("GET", place, token=token)
        if answer.status != 202:
            assert answer.status == 200, answer.body
            return answer.json
        looks, last = looks + 1 if answer.headers["X-Progress"] == last else 0, answer.headers["X-Progress"]
        assert last
        await asyncio.sleep(0.05)
    raise AssertionError(f"it goes no further than {last}")


async def test_what_is_exported_comes_in_again_and_faults_are_told_by_line(api: Api) -> None:
    bad = {**person(9), "birthDate": "MARLOW"}
    body = lines(
        person(1), result(1, 1), b"", {"resourceType": "Organization", "name": "Elm Bank"}, b'{"resourceType":"Patient",', bad,
        {"resourceType": "Consent", "status": "active"}, {"resourceType": "Wheelbarrow"}, {**person(1), "language": "cy"},
    )  # fmt: skip
    report = await finished(api, await sent(api, gzip.compress(body), Content_Encoding="gzip"))

    assert (report["lines"], report["kept"], report["refused"]) == (9, 4, 4)
    (errors,) = report["error"]
    answer = await fetched(api, errors)
    told = [json.loads(line) for line in answer.body.splitlines()]
    assert [each["issue"][0]["diagnostics"].split(":")[0] for each in told] == ["Line 5", "Line 6", "Line 7", "Line 8"]
    assert told[1]["issue"][0]["expression"] == ["Patient.birthDate"]
    assert b"MARLOW" not in answer.body
    again = (await api.ask("GET", "/Patient/p1")).json
    assert (again["language"], again["meta"]["versionId"]) == ("cy", "2")
    manifest = await exported(api, await export_begun(api, "/$export?_type=Observation"))
    (file,) = manifest["output"]
    assert json.loads((await fetched(api, file)).body)["id"] == "o1"

    # A line without end is passed over, and those around it are kept.
    async def endless() -> AsyncIterator[bytes]:
        yield lines(person(7))
        yield b'{"resourceType":"Patient","name":[{"family":"'
        for _ in range(24):
            yield b"x" * 1_000_000
        yield b'"}]}\n' + lines(person(2))[:-1]

    report = await finished(api, await sent(api, endless()))
    assert (report["lines"], report["kept"], report["refused"]) == (3, 2, 1)
    answer = await fetched(api, report["error"][0])
    assert json.loads(answer.body)["issue"][0]["diagnostics"].startswith("Line 2: The line is longer")


async def test_the_mark_of_utf_8_costs_no_line_and_what_is_packed_without_a_word_is_refused_whole(api: Api) -> None:
    body = lines(person(1), person(2)).replace(b"\n", b"\r\n")
    report = await finished(api, await sent(api, b"\xef\xbb\xbf" + body))
    assert (report["lines"], report["kept"], report["refused"]) == (2, 2, 0)

    for odd, why in ((gzip.compress(body), b"Content-Encoding: gzip"), (body.decode().encode("utf-16"), b"UTF-16")):
        refused = await sent(api, odd)
        assert (refused.status, why in refused.body) == (400, True)


async def test_what_cannot_be_imported_is_said_and_an_import_is_its_clients_alone(api: Api) -> None:
    reader = await api.token_with("system/*.rs")
    assert (await sent(api, b"", Prefer="return=minimal")).status == 400
    assert (await sent(api, b"", Content_Type="application/fhir+json")).status == 415
    assert (await sent(api, b"x", Content_Encoding="gzip")).status == 400
    assert (await sent(api, gzip.compress(b" " * 90_000_000), Content_Encoding="gzip")).status == 413
    assert (await sent(api, b"", token=reader)).status == 403
    empty = await finished(api, await sent(api, b""))
    assert (empty["lines"], empty["kept"], empty["error"]) == (0, 0, [])

    begun = await sent(api, lines(person(1)))
    place = begun.headers["Content-Location"].removeprefix(api.base)
    await finished(api, begun)
    other = await api.token_with("system/*.cruds")
    for path in (place, f"{place}/errors"):
        assert (await api.ask("GET", path, token=other)).status == 404
    assert (await api.ask("DELETE", place, token=other)).status == 404
    assert (await api.ask("DELETE", place)).status == 202
    assert (await api.ask("GET", place)).status == 404
    assert (await api.ask("GET", "/Patient/p1")).status == 200
