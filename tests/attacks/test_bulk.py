"""Does very much at once show, count or take in what one at a time would not? Exports and imports (cases 48 to 53)."""

import asyncio
import io
import json
from typing import Any

import aiohttp
import pytest
from tests.attacks.conftest import APP, OF_ONE, PLANTED_NAME, PLANTED_NUMBER, SEALED, kept, patient, refused, result
from tests.exchange.conftest import Api
from tests.exchange.test_exporting import begun, fetched, finished, lines
from tests.exchange.test_importing import finished as imported
from tests.exchange.test_importing import sent

from carerecord.contracts.bulk import ExportAsked, ExportNamed, ExportRowsAsked
from carerecord.contracts.holdings import EXPORT, EXPORT_ROWS, EXPORT_STATE, Client, Reach
from carerecord.contracts.identity import REVOKE_CLIENT, RevokeClientAsked
from carerecord.exchange import visit
from carerecord.exchange.visit import Face
from carerecord.holdings import exporting
from carerecord.kit.errors import NotFound, NotUnderstood


async def people(api: Api) -> None:
    await kept(api, patient("p1"), patient("p2"), result("o1", "p1"), result("o2", "p2"), result("s1", "p1", meta=SEALED))


def ids(told: list[Any]) -> set[str]:
    return {each["id"] for each in told}


async def test_an_export_its_files_and_their_cursors_are_its_clients_alone(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await people(api)
    place = await begun(api, "/$export")
    (file, *_) = (await finished(api, place))["output"]
    other = await api.token_with("system/*.cruds")
    never = await api.ask("GET", "/_export/00000000-0000-4000-8000-000000000000", token=other)
    path = file["url"].removeprefix(api.base)
    for method, at in (("GET", place), ("DELETE", place), ("GET", path), ("HEAD", path)):
        answer = await api.ask(method, at, token=other)
        assert answer.status == 404, (method, at)
        if method != "HEAD" and at == place:
            assert answer.body == never.body
    for edited in (f"{place}x", f"{place}/0", f"{place}/-1", f"{place}/99999999999", f"{place}/1%2f2", "/_export/%00"):
        assert (await api.ask("GET", edited)).status in (400, 404), edited
    assert (await fetched(api, file)).status == 200

    monkeypatch.setattr(exporting, "_PAGE", 1)
    calls, id_ = api.house.calls("exchange"), place.rsplit("/", 1)[-1]
    mine = Client(await api.house.supplies("holdings").db.fetchval("SELECT client FROM export"), "R9A")
    first = await calls.ask(EXPORT_ROWS, ExportRowsAsked(id_, 1, Reach(), mine))
    assert first.next
    for number, client in ((2, mine), (1, APP)):
        with pytest.raises((NotFound, NotUnderstood)):
            await calls.ask(EXPORT_ROWS, ExportRowsAsked(id_, number, Reach(), client, first.next))


async def test_an_export_holds_and_counts_only_what_a_read_would_show(api: Api) -> None:
    await people(api)
    manifest = await finished(api, await begun(api, "/$export?_type=Observation"))
    assert [each["count"] for each in manifest["output"]] == [2]
    assert ids(await lines(api, manifest)) == {"o1", "o2"}
    narrow = await api.token_with("system/Patient.rs", "system/Observation.r")
    refused(await api.ask("GET", "/$export?_type=Observation", token=narrow, Prefer="respond-async"), 403)
    place = await begun(api, "/$export", token=narrow)
    assert {each["type"] for each in (await finished(api, place, token=narrow))["output"]} == {"Patient"}
    writer = await api.token_with("system/*.cud")
    refused(await api.ask("GET", "/$export", token=writer, Prefer="respond-async"), 403)
    refused(await api.ask("GET", "/Group/g/$export", token=narrow, Prefer="respond-async"), 403)

    calls = api.house.calls("exchange")
    begun_ = await calls.ask(EXPORT, ExportAsked("system", OF_ONE, client=APP))
    while (state := await calls.ask(EXPORT_STATE, ExportNamed(begun_.id, APP))).state != "done":
        await asyncio.sleep(0.05)
    found = [await calls.ask(EXPORT_ROWS, ExportRowsAsked(begun_.id, each.number, OF_ONE, APP)) for each in state.files]
    assert {json.loads(bytes(row))["id"] for page in found for row in page.rows} == {"p1", "o1"}
    assert sum(each.rows for each in state.files) == 2

    # A label that comes later is obeyed, and a download that was begun before is not gone on with: its bytes are others.
    (file,) = manifest["output"]
    before = await fetched(api, file)
    await kept(api, result("o1", "p1", meta=SEALED))
    after = await fetched(api, file, Range="bytes=10-", If_Range=before.headers["ETag"])
    assert after.status == 200
    assert after.headers["ETag"] != before.headers["ETag"]
    assert ids([json.loads(line) for line in after.body.splitlines()]) == {"o2"}


async def test_a_client_that_is_revoked_in_the_middle_gets_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_PAGE", 1)
    monkeypatch.setattr(visit, "BEARER_AT_HAND_S", 0.0)
    await kept(api, patient("p1"), *(result(f"o{number}", "p1") for number in range(6)))
    added = await api.client("system/*.rs")
    token = await api.issued(added)
    (file,) = (await finished(api, await begun(api, "/$export?_type=Observation", token=token), token=token))["output"]
    asked, real = 0, Face.bearer

    async def bearer(face: Face, shown: bytes) -> Any:
        nonlocal asked
        asked += 1
        if asked == 4:
            await api.house.calls("exchange").ask(REVOKE_CLIENT, RevokeClientAsked(added.client.id))
        return await real(face, shown)

    monkeypatch.setattr(Face, "bearer", bearer)
    got = bytearray()

    async def download() -> None:
        headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
        async with api.web.get(file["url"], headers=headers) as reply:
            async for part in reply.content.iter_any():
                got.extend(part)

    with pytest.raises(aiohttp.ClientError):
        await download()
    assert 0 < len(got.splitlines()) < 6, "cut off, and seen to be"
    assert (await api.ask("GET", "/Patient/p1", token=token)).status == 401


async def test_floods_of_ranges_and_of_exports_are_answered_a_few_at_a_time(api: Api) -> None:
    await kept(api, patient("p1"), *(result(f"o{number}", "p1") for number in range(20)))
    (file,) = (await finished(api, await begun(api, "/$export?_type=Observation")))["output"]
    whole = (await fetched(api, file)).body
    answers = await asyncio.gather(*(fetched(api, file, Range=f"bytes={place}-{place}") for place in range(60)))
    assert {each.status for each in answers} <= {206, 429}
    assert all(each.body == whole[place : place + 1] for place, each in enumerate(answers) if each.status == 206)
    many = ",".join(f"{place}-{place}" for place in range(1_000))
    assert (await fetched(api, file, Range=f"bytes={many}")).body == whole
    for bad in ("bytes=5-1", "bytes=-0", "bytes=99999999999999-"):
        assert (await fetched(api, file, Range=bad)).status == 416
    for odd in ("lines=1-2", "bytes=", "bytes=-", "bytes=a-b"):
        assert (await fetched(api, file, Range=odd)).status == 200
    answers = [await api.ask("GET", "/$export", Prefer="respond-async") for _ in range(6)]
    assert [each.status for each in answers] == [202] * 4 + [429] * 2
    assert answers[-1].headers["Retry-After"]


async def test_bad_lines_tell_nothing_of_what_they_held_and_are_bounded(api: Api, log: io.StringIO) -> None:
    bad = [
        b'{"resourceType":"Patient","birthDate":"%s"}' % PLANTED_NAME.encode(), PLANTED_NUMBER.encode(), b"\xff\xfe\x00",
        b'{"resourceType":"%s"}' % PLANTED_NAME.encode(), b'{"resourceType":"Patient","id":"%s x"}' % PLANTED_NAME.encode(),
        b"[" * 20_000, b'{"resourceType":"Patient","active":NaN}', b'{"resourceType":"Patient","id":"a","id":"b"}',
        b'{"resourceType":"Patient","contact":' + b'[{"extension":' * 500, b'"' + PLANTED_NAME.encode() * 1_000, b"null", b"7",
    ]  # fmt: skip
    report = await imported(api, await sent(api, b"\n".join(bad)))
    assert (report["kept"], report["refused"]) == (0, len(bad))
    told = (await fetched(api, report["error"][0])).body
    assert len(told.splitlines()) == len(bad)
    for planted in (PLANTED_NAME, PLANTED_NUMBER):
        assert planted.encode() not in told
        assert planted not in log.getvalue()
    await _many_bad(api, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(3_600)  # by progress it is judged before that
async def test_a_million_bad_lines_are_counted_and_bounded(api: Api) -> None:
    await _many_bad(api, 1_000_000)


async def _many_bad(api: Api, many: int) -> None:
    report = await imported(api, await sent(api, b"{}\n" * many))
    assert (report["lines"], report["refused"]) == (many, many)
    told = (await fetched(api, report["error"][0])).body.splitlines()
    assert len(told) == 10_001
    assert f"{many - 10_000:,} more lines were refused" in json.loads(told[-1])["issue"][0]["diagnostics"]


async def test_an_import_goes_no_further_than_the_scopes(api: Api) -> None:
    await people(api)
    narrow = await api.token_with("system/Patient.cruds", "system/Observation.rs")
    body = b"\n".join(json.dumps(each).encode() for each in (patient("p3"), result("o9", "p1"), result("s1", "p1")))
    report = await imported(api, await sent(api, body, token=narrow), token=narrow)
    assert (report["kept"], report["refused"]) == (1, 2)
