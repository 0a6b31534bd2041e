"""What do the headers, the log and the errors of the FHIR API give away, and what can a client make them say?

Of case 18 the edge's own headers are its proxy's affair; that the API takes no word of them is shown here.
"""

import asyncio
import io
import json
import time
from typing import Any
from urllib.parse import quote

from tests.attacks.conftest import PLANTED_NAME, PLANTED_NUMBER, kept, patient, refused, result
from tests.exchange.conftest import Api

FORM = "application/x-www-form-urlencoded"
NOBODYS_ASSERTION = "eyJhbGciOiAiRVMzODQifQ.eyJpc3MiOiAiYVx1MDAwMGIifQ.eA"  # by a client called a, nought, b


async def _raw(api: Api, request: bytes) -> bytes:
    """Bytes on the wire, and what comes back until the server closes or is silent for a second."""
    host, _, port = api.base.removeprefix("http://").partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.replace(b"HOST", f"{host}:{port}".encode()).replace(b"TOKEN", api.token.encode()))
    await writer.drain()
    taken = b""
    try:
        while part := await asyncio.wait_for(reader.read(65_536), 1):
            taken += part
    except TimeoutError:
        pass
    writer.close()
    return taken


async def test_a_request_that_two_servers_would_read_differently_is_refused(api: Api) -> None:
    """Case 65: smuggling. Whatever is hidden behind the first request is never answered as a second one."""
    await kept(api, patient("p1"))
    hidden = b"GET /fhir/Patient/p1 HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n\r\n"
    head = b"POST /fhir/Patient HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/fhir+json\r\n"
    for lines in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 90\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Content-Length: +4\r\n\r\nabcd",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length : 4\r\n\r\nabcd",
        b"Content-Length: 4,5\r\n\r\nabcd",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    ):
        answer = await _raw(api, head + lines + hidden)
        assert b"Marlow" not in answer or answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 401")), lines
        assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), (lines, answer[:80])
        assert not answer.startswith(b"HTTP/1.1 500"), lines


async def test_a_method_that_is_not_fhirs_is_refused(api: Api) -> None:
    """Case 65."""
    for method in ("TRACE", "CONNECT", "TRACK", "PROPFIND", "MOVE", "FOO"):
        answer = await api.ask(method, "/Patient/p1")
        assert answer.status in (400, 405), method
        assert api.token.encode() not in answer.body
    for header in ("X_HTTP_Method_Override", "X_Method_Override", "X_HTTP_Method"):
        await kept(api, patient("p1"))
        assert (await api.ask("GET", "/Patient/p1", **{header: "DELETE"})).status == 200
        assert (await api.ask("GET", "/Patient/p1")).status == 200


async def test_a_flood_of_ranges_costs_nothing(api: Api) -> None:
    """Case 66: no part of a resource is ever sent alone, so ranges are passed over."""
    await kept(api, patient("p1"))
    whole = await api.ask("GET", "/Patient/p1")
    begun = time.monotonic()
    for ranges in (
        "bytes=" + ",".join(f"0-{n}" for n in range(4_000)),
        "bytes=0-0",
        "bytes=-1",
        "bytes=99999999999999999999-",
        "x=1",
    ):
        answer = await api.ask("GET", "/Patient/p1", Range=ranges)
        assert answer.status in (200, 416, 431, 400)
        assert answer.status != 200 or answer.body == whole.body
    assert time.monotonic() - begun < 2


async def test_no_header_of_an_answer_can_be_written_by_a_client(api: Api) -> None:
    """Case 64: CRLF in what is echoed: request id, links, locations, prefer."""
    await kept(api, patient("p1"))
    for line in (
        b"GET /fhir/Patient/p1%0d%0aX-Injected:%20yes HTTP/1.1",
        b"GET /fhir/Patient?family=%0d%0aX-Injected:%20yes HTTP/1.1",
        b"GET /fhir/%0d%0aX-Injected:%20yes/1 HTTP/1.1",
        b"GET /fhir/Patient?_format=%0d%0aX-Injected:%20yes HTTP/1.1",
    ):
        answer = await _raw(api, line + b"\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\n\r\n")
        assert b"\r\nX-Injected" not in answer.partition(b"\r\n\r\n")[0]
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 4"))
    long = await api.ask("GET", "/Patient/p1", X_Request_Id="a" * 5_000)
    assert "a" * 65 not in json.dumps(dict(long.headers))
    named = await api.ask("GET", "/Patient/p1", X_Request_Id=f"{PLANTED_NAME} <script>")
    assert PLANTED_NAME not in json.dumps(dict(named.headers))
    told = await api.ask("POST", "/Patient", patient("x"), Host="evil.example")
    assert told.status in (201, 400, 421)


async def test_a_header_gives_nobody_a_name_or_a_right(api: Api) -> None:
    """Case 18."""
    narrow = await api.token_with("system/Patient.rs")
    for header in (
        "X_User",
        "X_Org",
        "X_Forwarded_User",
        "X_Client",
        "X_Scopes",
        "X_Permit",
        "X_Service",
        "Cookie",
        "X_Original_URL",
    ):
        assert (await api.ask("GET", "/Observation/o1", token=narrow, **{header: "system/*.cruds"})).status == 403
        assert (await api.ask("GET", "/Patient/p1", token="x", **{header: api.token})).status == 401
    assert (await api.ask("GET", f"/Patient/p1?access_token={api.token}", token="x")).status == 401


async def test_no_page_of_another_site_may_read_an_answer(api: Api) -> None:
    """CORS: the API is for systems, and says so in its capability statement."""
    await kept(api, patient("p1"))
    for origin in ("https://evil.example", "null", api.base):
        answer = await api.ask("GET", "/Patient/p1", Origin=origin)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        before = await api.ask("OPTIONS", "/Patient/p1", Origin=origin, Access_Control_Request_Method="DELETE")
        assert before.status in (400, 401, 404, 405)
        assert not [name for name in before.headers if name.lower().startswith("access-control-")]
    told = (await api.ask("GET", "/metadata", token="")).json
    assert told["rest"][0]["security"]["cors"] is False


async def test_a_token_that_is_made_up_tells_nothing_and_costs_nothing(api: Api, log: io.StringIO) -> None:
    """Cases 2 and 53, at this door."""
    begun = time.monotonic()
    for token in (
        "x",
        "a" * 8_000,
        "eyJhbGciOiJub25lIn0.e30.",
        "' OR 1=1 --",
        "%00",
        "é",
        api.token[:-1],
        f"{api.token}x",
        PLANTED_NAME,
    ):
        answer = await api.ask("GET", "/Patient/p1", token="", Authorization=f"Bearer {token}")
        assert answer.status in (400, 401), token[:20]
        assert PLANTED_NAME.encode() not in answer.body
    for form in (
        "grant_type=client_credentials&client_id=%00&client_secret=x",
        f"grant_type={PLANTED_NAME}",
        "a=1&a=2",
        "\xff",
        "",
        "grant_type=client_credentials&client_assertion_type=x&client_assertion=" + "a." * 9_000,
        f"grant_type=client_credentials&client_assertion_type=x&client_assertion={NOBODYS_ASSERTION}",
        f"grant_type=password&username={PLANTED_NAME}&password=x",
    ):
        answer = await api.ask("POST", "/oauth/token", form, token="", Content_Type=FORM)
        assert answer.status in (400, 401), form[:40]
        assert PLANTED_NAME.encode() not in answer.body
    assert time.monotonic() - begun < 5
    assert PLANTED_NAME not in log.getvalue()
    assert api.token not in log.getvalue()
    assert '"level": "error"' not in log.getvalue()


async def test_a_number_of_thousands_of_digits_is_no_number_of_ours(api: Api, log: io.StringIO) -> None:
    await kept(api, patient("p1"), result("o1", "p1"))
    for digits in ("1" * 5_000, "0" * 4_999 + "1", "\u0661" * 5_000, "000001" + "9" * 5_000):
        assert (await api.ask("GET", f"/Patient/p1/_history/{quote(digits)}")).status == 404
        assert (await api.ask("GET", f"/Observation/$lastn?patient=p1&max={quote(digits)}")).status == 400
        version = f'W/"{digits[:4_000]}"'.encode().decode("latin-1")
        assert (await api.ask("PUT", "/Patient/p1", patient("p1"), If_Match=version)).status == 400
        assert (await api.ask("GET", f"/Patient?_count={quote(digits)}")).status in (200, 400)
    assert '"level": "error"' not in log.getvalue()


def _planted() -> dict[str, Any]:
    number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": PLANTED_NUMBER}
    return patient("planted", name=[{"family": PLANTED_NAME, "given": [PLANTED_NAME]}], identifier=[number])


async def test_a_planted_name_and_number_stand_in_no_error_no_header_and_no_log_line(api: Api, log: io.StringIO) -> None:
    """Case 64. The person is kept, and then named in every wrong way that there is."""
    person = _planted()
    await kept(api, person, result("o1", "planted", note=[{"text": f"{PLANTED_NAME} {PLANTED_NUMBER}"}]))
    name, number = PLANTED_NAME, PLANTED_NUMBER
    wrong: list[tuple[str, str, Any, dict[str, str]]] = [
        ("GET", f"/{name}/1", None, {}),
        ("GET", f"/Patient/{name}!", None, {}),
        ("GET", f"/Patient/{number}", None, {}),
        ("GET", f"/Patient/{number}/_history/{name}", None, {}),
        ("GET", f"/Patient/{number}/$everything?_since={name}", None, {}),
        ("GET", f"/Patient/planted/$everything?_since={name}", None, {}),
        ("GET", f"/Patient/planted/_history?_since={name}", None, {}),
        ("GET", f"/Patient/planted/_history?_count={number}", None, {}),
        ("GET", f"/Observation?patient={number}&date={name}", None, {}),
        ("GET", f"/Observation?code={name}", None, {}),
        ("GET", "/Patient/planted", None, {"Accept": f"text/{name}"}),
        ("GET", f"/Patient/planted?_format={name}", None, {}),
        ("GET", "/Patient/planted", None, {"If_None_Match": name}),
        ("GET", "/Patient/planted", None, {"If_Modified_Since": name}),
        ("GET", "/Patient?_id=planted", None, {"Prefer": f"handling={name}"}),
        ("POST", "/Patient", name, {"Content_Type": f"text/{name}"}),
        ("POST", "/Patient", f"<Patient>{name}</Patient>", {}),
        ("POST", "/Patient", {**person, name: number}, {}),
        ("POST", "/Patient", {**person, "birthDate": name}, {}),
        ("POST", "/Patient", {**person, "gender": f"{name} {number}"}, {}),
        ("POST", "/Patient", {**person, "active": name}, {}),
        ("POST", "/Patient", {**person, "name": name}, {}),
        ("POST", "/Patient", {**person, "contact": [{name: {name: number}}]}, {}),
        ("POST", "/Patient", person, {"If_None_Exist": f"{name}={number}"}),
        ("POST", "/Patient", person, {"If_None_Exist": f"birthdate={name}"}),
        ("POST", "/Patient", {**person, "resourceType": name}, {}),
        ("POST", "/Patient/$validate", {**person, "birthDate": name}, {}),
        ("PUT", "/Patient/planted", {**person, "id": name}, {}),
        ("PUT", "/Patient/planted", person, {"If_Match": name}),
        ("PUT", "/Patient/planted", person, {"If_Match": 'W/"7"'}),
        ("PUT", f"/Patient?birthdate={name}", person, {}),
        ("PATCH", "/Patient/planted", [{"op": name, "path": f"/{number}"}], {}),
        ("PATCH", "/Patient/planted", [{"op": "test", "path": "/name/0/family", "value": number}], {}),
        ("PATCH", "/Patient/planted", [{"op": "remove", "path": f"/{name}/0"}], {}),
        ("PATCH", "/Patient/planted", [{"op": "replace", "path": "/birthDate", "value": name}], {}),
        ("POST", "/", {"resourceType": "Bundle", "type": name}, {}),
        ("POST", "/", {"resourceType": name}, {}),
        (
            "POST",
            "/",
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [{"resource": {**person, "gender": name}, "request": {"method": "POST", "url": "Patient"}}],
            },
            {},
        ),
        (
            "POST",
            "/",
            {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": name, "url": number}}]},
            {},
        ),
        (
            "POST",
            "/",
            {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [{"request": {"method": "GET", "url": f"Patient?{name}={number}"}}],
            },
            {},
        ),
        ("DELETE", f"/Patient?birthdate={name}", None, {}),
        ("POST", "/Patient/_search", f"birthdate={name}", {"Content_Type": FORM}),
        ("POST", "/Patient/_search", f"birthdate={name}", {"Content_Type": f"x/{name}"}),
        ("GET", f"/Patient/planted/${name}", None, {}),
    ]
    for method, path, body, headers in wrong:
        answer = await api.ask(method, path, body, **headers)
        where = (method, path, answer.status, answer.body[:400])
        assert answer.status < 500, where
        if answer.status >= 400:
            told = answer.body.decode() + json.dumps(dict(answer.headers))
            # The name of a parameter that does not exist is told, so that a client finds it; nothing else that was sent is.
            if f"{name}=" not in path + json.dumps(headers) + json.dumps(body, default=str):
                assert name not in told, where
            assert number not in told, where
    logged = log.getvalue()
    assert name not in logged
    assert number not in logged
    events = await api.house.supplies("holdings").db.fetch("SELECT body FROM outbox")
    assert all(name not in str(row["body"]) and number not in str(row["body"]) for row in events)


async def test_a_fault_of_our_own_is_told_without_its_inside(api: Api, log: io.StringIO) -> None:
    """Case 64: the database is gone in the middle of a read and of a write."""
    await kept(api, _planted())
    await api.house.supplies("holdings").db.execute("ALTER TABLE version RENAME TO elsewhere")
    for answer in (await api.ask("GET", "/Patient/planted"), await api.ask("PUT", "/Patient/planted", _planted())):
        refused(answer, 500, 503)
        for inside in (b"version", b"SELECT", b"Traceback", b"asyncpg", b"relation"):
            assert inside not in answer.body
    assert PLANTED_NAME not in log.getvalue()
    assert PLANTED_NUMBER not in log.getvalue()
    assert "relation" not in log.getvalue()
