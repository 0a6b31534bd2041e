"""Can whoever sets a subscription make us call our own machines, or make others hear what is not for them? Case 58."""

import asyncio
import io
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.subscriptions.asked import asking
from tests.subscriptions.conftest import Hook, Told, listening, patient, result

from carerecord.kit.errors import BadSetting, NotAcceptable
from carerecord.subscriptions import model
from carerecord.subscriptions.outward import Bounds, NotTaken, Postman

PUBLIC = Bounds()
NOW = datetime.now(UTC)
OURS = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "168.63.129.16",
)  # fmt: skip
ALSO_OURS = ("127.1", "2130706433", "0177.0.0.1", "127.00.0.1", "127.0.0.1.", "0x7f000001", "0x7f.1", "10.0x1")


def postman(bounds: Bounds = PUBLIC) -> Postman:
    return Postman(bounds, 1.0, ssl.create_default_context())


@pytest.mark.parametrize("address", OURS + ALSO_OURS)
async def test_no_notice_goes_to_an_address_of_ours_however_it_is_written(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    made = postman()
    with pytest.raises(NotTaken, match="where no notice goes"):
        await made.post(f"https://{host.replace('%', '%25')}/latest/meta-data", {}, b"")
    await made.close()


@pytest.mark.parametrize("address", OURS)
async def test_a_name_that_leads_to_ours_leads_nowhere_when_it_is_connected_to(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was good when the subscription was set, and is not any more, and one of two addresses."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    bad = (family, socket.SOCK_STREAM, 6, "", (address, 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [good, bad])
    made = postman()
    assert made.refusal("https://board.example/told") == ""
    with pytest.raises(NotTaken, match="leads to an address to which no notice goes"):
        await made.post("https://board.example/told", {}, b"")
    await made.close()


async def test_without_the_guard_a_name_would_reach_this_machine_and_with_it_the_name_is_looked_up_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was looked at is what is connected to: a name that changes in between has no room."""
    looks: list[str] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(Bounds, "plain", lambda *_: True)  # spares this test a certificate
    async with listening() as hook:
        port = int(hook.address.rsplit(":", 1)[1])

        def leading_here(host: Any, *more: Any, **named: Any) -> Any:
            if host != "board.example":
                return real(host, *more, **named)
            looks.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(looks) < 3 else "10.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", leading_here)
        guarded = postman()
        with pytest.raises(NotTaken, match="leads to an address"):
            await guarded.post(f"http://board.example:{port}/told", {}, b"x")
        await guarded.close()
        assert (hook.got, len(looks)) == ([], 1)
        monkeypatch.setattr(Bounds, "admit", lambda *_: None)
        unguarded = postman()
        await unguarded.post(f"http://board.example:{port}/told", {}, b"x")
        await unguarded.close()
    assert (len(hook.got), len(looks)) == (1, 2)


@pytest.mark.parametrize("host", ["board.example", "board.example.", "4u.example", "10.example", "0xa.nhs.uk"])
def test_a_name_may_have_numbers_in_it(host: str) -> None:
    assert postman().refusal(f"https://{host}/told") == ""


@pytest.mark.parametrize(
    "endpoint",
    ["http://board.example/told", "https://user:word@board.example/", "https://board.example/#x", "ftp://board.example/",
     "https://", "https:///told", "https://board.example:0/", "https://board example/", "file:///etc/passwd", "//board.example/",
     "https://board.example\\@127.0.0.1/", "https://[::1/", "javascript:alert(1)", 7, None],
)  # fmt: skip
def test_an_endpoint_that_is_no_plain_https_address_is_refused_and_not_repeated(endpoint: Any) -> None:
    try:
        wanted = model.wanted(asking(endpoint), NOW)
        refused = postman().refusal(wanted.endpoint)
    except NotAcceptable as error:
        refused = error.says
    assert refused
    assert "board" not in refused
    assert "passwd" not in refused


@pytest.mark.parametrize(
    "header",
    ["Host: other", "Content-Length: 3", "Transfer-Encoding: chunked", "X: a\r\nHost: other", "X: a\nY: b", "no colon", " X: a",
     "X\x00: a", "Connection: close", "content-type: text/plain", "X-Forwarded-For: 1.2.3.4", "X: \x7f"],
)  # fmt: skip
def test_a_header_that_would_change_what_is_sent_is_refused(header: str) -> None:
    with pytest.raises(NotAcceptable, match=r"channel\.header"):
        model.wanted(asking("https://board.example/told", header=[header]), NOW)


@pytest.mark.parametrize("network", ["127.0.0.0/8", "0.0.0.0/0", "169.254.0.0/16", "::/0", "::1/128", "fe80::/10", "ten"])
def test_no_setting_opens_this_machine_its_link_or_the_metadata_of_a_cloud(network: str) -> None:
    with pytest.raises(BadSetting):
        Bounds.read((network,), loopback=False)


def test_a_network_of_ones_own_is_opened_by_name_and_no_other() -> None:
    bounds = Bounds.read(("10.20.0.0/16",), loopback=False)
    assert Postman(bounds, 1.0, ssl.create_default_context()).refusal("https://10.20.3.4/told") == ""
    assert Postman(bounds, 1.0, ssl.create_default_context()).refusal("https://10.21.3.4/told") != ""


async def test_a_redirect_is_not_followed_and_what_is_sent_along_goes_no_further() -> None:
    async with listening() as hook:
        hook.status = 307
        seen: list[str] = []

        async def look(got: Any) -> None:
            seen.append(got.path)

        hook.before = look
        made = postman(Bounds(loopback=True))
        with pytest.raises(NotTaken, match="redirects are not followed"):
            await made.post(f"{hook.address}/told", {"Authorization": "Bearer swordfish"}, b"x")
        await made.close()
    assert seen == ["/told"]


async def test_what_a_client_sends_along_is_seen_by_nobody_else(
    told: Told, hook: Hook, log: io.StringIO
) -> None:
    """Not by another client, not in the table, not in the log, not in an error, and not by a client of the same organisation."""
    secret = "Authorization: Bearer swordfish"
    id_ = await told.subscribe(hook, "Observation?patient=p1", header=[secret])
    _, other = await told.another("system/*.cruds", "system/Subscription.cruds")
    for method, path, body in (
        ("GET", f"/Subscription/{id_}", None), ("GET", f"/Subscription/{id_}/$status", None),
        ("PUT", f"/Subscription/{id_}", asking(hook.address)), ("DELETE", f"/Subscription/{id_}", None),
    ):  # fmt: skip
        status, said = await told.ask(method, path, body, token=other)
        assert (status, said["issue"][0]["code"]) == (404, "not-found"), (method, path)
    status, found = await told.ask("GET", "/Subscription", token=other)
    assert (status, found["total"]) == (200, 0)
    hook.status = 500
    await told.put(result("o1"))
    for _ in range(200):
        _, mine = await told.ask("GET", f"/Subscription/{id_}")
        rows = await told.house.supplies("subscriptions").db.fetch("SELECT * FROM subscription")
        if rows[0]["error"]:
            break
        await asyncio.sleep(0.02)
    assert mine["channel"]["header"] == [secret], "its own client is shown it"
    assert "answered 500" in rows[0]["error"]
    for text in (str([dict(each) for each in rows]), log.getvalue()):
        assert "swordfish" not in text
        assert "patient=p1" not in text


async def test_nobody_is_told_of_what_a_read_would_refuse(told: Told, hook: Hook) -> None:
    """What is sealed; what the client's scopes do not reach; what is about somebody whose whereabouts are protected."""
    very = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
    restricted = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    await told.subscribe(hook, "Observation")
    await told.put(patient("hidden", meta=restricted))
    await told.put(result("o1", meta=very))
    await told.put(result("o2", whose="hidden"))
    await told.put(result("o3", whose="nobody-knows"))
    await told.put(result("o4"))
    await hook.until(lambda each: bool(each.events))
    assert hook.events == [(1, "Observation/o4")]
    _, weak = await told.another("system/Patient.rs", "system/Subscription.cruds")
    status, said = await told.ask("POST", "/Subscription", asking(hook.address), token=weak)
    assert (status, "scopes" in said["issue"][0]["diagnostics"]) == (403, True)
    assert said["issue"][0]["code"] == "forbidden"
    _, nameless = await told.another("system/*.cruds")
    assert (await told.ask("POST", "/Subscription", asking(hook.address), token=nameless))[0] == 403
