"""Does every page hold against somebody who does not use it as it was meant?"""

import asyncio
import io
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from carerecord.contracts import consent, ingest, patients, records
from carerecord.contracts.identity import BeginAsked
from carerecord.contracts.policy import MayDoAsked
from carerecord.viewer.visit import SESSION_COOKIE, path_of_ours
from tests.attacks.conftest import log as _log
from tests.viewer.neighbours import Neighbours, actor

log = _log  # a fixture
TOKEN = {"csrf": "token-session-1"}
ROLES = ("emergency-doctor", "gp", "social-worker", "receptionist", "administrator", "privacy-officer")
OPEN_TO_ALL = {"/sign-in", "/sign-in/callback", "/sign-in/role", "/sign-out", "/sign-out/told", "/{rest:path}"}
ROUTES = [(each.path, method) for each in Neighbours().app().routes if isinstance(each, Route) for method in each.methods or ()]
GUARDED = sorted(
    (path.replace("{patient}", "p-doyle").replace("{source}", "elm-bank"), method)
    for path, method in ROUTES
    if path not in OPEN_TO_ALL
)
POSTS = [path for path, method in GUARDED if method == "POST"]
BEHIND = "/news"  # a page's script asks, and is told the status alone
DONE = (
    consent.ObjectAsked, consent.WithdrawAsked, ingest.EnrolSourceAsked, patients.DecideAsked, patients.SearchAsked,
    records.OpenAsked, records.AgainAsked, records.ExpandAsked, records.NewsAsked,
    ingest.MessageAsked, ingest.ReplayAsked, ingest.DiscardAsked,
)  # fmt: skip


def done(neighbours: Neighbours) -> list[object]:
    """What was asked that shows or changes something of somebody."""
    return [each for each in neighbours.asked if isinstance(each, DONE)]


def as_role(role: str, **more: object) -> Neighbours:
    return Neighbours(actors={"session-1": actor(role)}, **more)  # type: ignore[arg-type]


def test_the_list_of_pages_is_not_empty() -> None:
    assert len(GUARDED) > 20
    assert len(POSTS) > 8


# --- who is signed in


@pytest.mark.parametrize(("path", "method"), GUARDED)
async def test_no_page_answers_without_a_session_or_with_one_that_has_ended(path: str, method: str) -> None:
    for session in ("", "session-of-yesterday"):
        neighbours = Neighbours()
        reply = await neighbours.browser(session).request(method, path, data=TOKEN if method == "POST" else None)
        if path.endswith(BEHIND):
            assert (reply.status_code, reply.content) == (401, b"")
        else:
            assert reply.status_code == 303
            assert reply.headers["location"].startswith("/sign-in?after=/")
        assert neighbours.asked == []


@pytest.mark.parametrize(("path", "method"), GUARDED)
async def test_no_page_answers_before_a_role_was_chosen(path: str, method: str) -> None:
    neighbours = Neighbours(actors={"session-1": None})
    reply = await neighbours.browser().request(method, path, data=TOKEN if method == "POST" else None)
    if path.endswith(BEHIND):
        assert (reply.status_code, reply.content) == (401, b"")
    else:
        assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in/role")
    assert neighbours.asked == []


@pytest.mark.parametrize("path", POSTS)
async def test_no_form_is_obeyed_without_its_token_or_from_another_site(path: str) -> None:
    form = {"purpose": "attending", "text": "x", "do": "object", "section": "medicines", "decision": "same", "item": "a|B|c"}
    attacks: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
        ({}, {}),
        ({"csrf": ""}, {}),
        ({"csrf": "token-session-2"}, {}),
        (TOKEN, {"Origin": "https://evil.example"}),
        (TOKEN, {"Origin": "http://front.test.evil.example"}),
        (TOKEN, {"Origin": "null"}),
        (TOKEN, {"Sec-Fetch-Site": "cross-site"}),
        (TOKEN, {"Sec-Fetch-Site": "same-site"}),
    )
    for token, headers in attacks:
        neighbours = Neighbours()
        reply = await neighbours.browser().post(path, data={**form, **token}, headers=headers)
        assert reply.status_code == 400, (token, headers)
        assert done(neighbours) == []


async def test_a_token_in_the_address_is_no_token() -> None:
    neighbours = Neighbours()
    reply = await neighbours.browser().post("/search?csrf=token-session-1", data={"text": "singh"})
    assert reply.status_code == 400
    assert done(neighbours) == []


async def test_the_role_and_the_way_out_need_their_token_too() -> None:
    neighbours = Neighbours()
    for path in ("/sign-in/role", "/sign-out"):
        assert (await neighbours.browser().post(path, data={"role": "r1"})).status_code == 400
    assert "session-1" in neighbours.actors
    assert neighbours.asked == []


# --- what a role may do


async def test_every_page_asks_policy_and_does_nothing_that_it_refuses() -> None:
    """With policy saying no to all, nothing is shown, changed or asked for but the sealed reason's own record."""
    actions = (
        "search", "open", "sources-read", "probe", "enrol", "review", "audit-read", "objections-read", "objections-write",
        "board-read", "stage-write", "messages-see", "message-read", "messages-mend",
    )  # fmt: skip
    for path, method in GUARDED:
        if path in ("/", "/arrive"):
            continue  # the first leads on; the second is there in the demo alone, and asks as the search does
        neighbours = Neighbours(may=dict.fromkeys(actions, False))
        form = {**TOKEN, "purpose": "attending", "do": "object", "section": "medicines", "decision": "same", "item": "a|B|c"}
        reply = await neighbours.browser().request(method, path, data=form if method == "POST" else None)
        needs_reason = path.startswith("/patients/") and path.endswith(("/record", "/again", "/as-sent"))
        assert reply.status_code == (303 if needs_reason else 403), (method, path)
        assert done(neighbours) == [], (method, path)
        assert "DOYLE" not in reply.text


@pytest.mark.parametrize("path", ["/patients/p-doyle/record", "/patients/p-doyle/again", "/patients/p-doyle/as-sent"])
async def test_no_record_by_its_address_alone(path: str) -> None:
    neighbours = Neighbours()
    browser = neighbours.browser()
    form = {**TOKEN, "source": "elm-bank", "item": "elm-bank|Observation|o1"}
    reply = await (browser.get(path) if path.endswith("record") else browser.post(path, data=form))
    assert (reply.status_code, reply.headers["location"]) == (303, "/patients/p-doyle/open")
    assert done(neighbours) == []


@pytest.mark.parametrize(("mine", "theirs"), [("session-1", "session-2"), ("session-2", "session-1")])
async def test_a_reason_that_somebody_else_gave_opens_nothing(mine: str, theirs: str) -> None:
    neighbours = Neighbours(actors={"session-1": actor("gp"), "session-2": actor("social-worker")})
    giver, taker = neighbours.browser(theirs), neighbours.browser(mine)
    await giver.post("/patients/p-doyle/open", data={"csrf": f"token-{theirs}", "purpose": "attending"})
    sealed = giver.cookies.get("carerecord_reason", path="/patients/p-doyle")
    assert sealed
    taker.cookies.set("carerecord_reason", sealed)
    assert (await taker.get("/patients/p-doyle/record")).headers["location"] == "/patients/p-doyle/open"
    assert done(neighbours) == []


@pytest.mark.parametrize("forged", ["", "x", "A" * 400, "%00", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_reason_that_was_made_up_opens_nothing(forged: str) -> None:
    neighbours = Neighbours()
    reply = await neighbours.browser().get(
        "/patients/p-doyle/record", headers={"Cookie": f"{SESSION_COOKIE}=session-1; carerecord_reason={forged}"}
    )
    assert reply.headers["location"] == "/patients/p-doyle/open"
    assert done(neighbours) == []


# --- a person whose whereabouts are protected


@pytest.mark.parametrize("role", ["social-worker", "receptionist", "administrator"])
@pytest.mark.parametrize("page", ["open", "sharing"])
async def test_to_most_roles_a_restricted_person_is_one_who_is_not_there(role: str, page: str) -> None:
    neighbours = as_role(role, restricted=("p-doyle",))
    browser = neighbours.browser()
    there, absent = [await browser.get(f"/patients/{each}/{page}") for each in ("p-doyle", "nobody")]
    assert there.status_code == absent.status_code == 404
    assert "DOYLE" not in there.text
    nonce = "nonce="
    assert _without(there.text, nonce) == _without(absent.text, nonce)
    sent = [
        await browser.post(f"/patients/{each}/open", data={**TOKEN, "purpose": "attending"}) for each in ("p-doyle", "nobody")
    ]
    assert [each.status_code for each in sent] == [404, 404]
    assert not [each for each in neighbours.asked if isinstance(each, records.AttendingAsked)], "nor is a source asked"


@pytest.mark.parametrize("role", ["emergency-doctor", "gp"])
async def test_those_who_treat_a_restricted_person_see_who_it_is_and_not_where(role: str) -> None:
    reply = await as_role(role, restricted=("p-doyle",)).browser().get("/patients/p-doyle/open")
    assert reply.status_code == 200
    assert "Restricted: do not disclose where this person is" in reply.text
    assert "Ropewalk" not in reply.text


async def test_a_privacy_officer_sees_nobody_by_an_address() -> None:
    neighbours = as_role("privacy-officer", may={"open": False})
    assert (await neighbours.browser().get("/patients/p-doyle/open")).status_code == 403
    assert not [each for each in neighbours.asked if isinstance(each, patients.WhoAsked)]


def _without(html: str, mark: str) -> str:
    return "\n".join(line for line in html.splitlines() if mark not in line and "inlineStyleNonce" not in line)


# --- addresses, methods and headers


@pytest.mark.parametrize(
    "after",
    ["//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "/\tevil", "/\r\nSet-Cookie: a=b",
     "javascript:alert(1)", " //evil.example", "/" + "a" * 400, "%2f%2fevil.example"],
)  # fmt: skip
async def test_nobody_is_led_to_another_site(after: str) -> None:
    assert path_of_ours(after) == "/"
    neighbours = Neighbours()
    await neighbours.browser("").get("/sign-in", params={"provider": "aldermoor", "after": after})
    assert [each.after for each in neighbours.asked if isinstance(each, BeginAsked)] == ["/"]
    role = await neighbours.browser().post("/sign-in/role", data={**TOKEN, "role": "r1", "after": after})
    assert role.headers["location"] == "/"


@pytest.mark.parametrize(
    "path", ["//evil.example/x", "/patients/p%0d%0aSet-Cookie:%20a=b/record", "/patients/%5c%5cevil.example/open"]
)
async def test_a_strange_path_sets_no_header_and_leads_nowhere_else(path: str) -> None:
    for session, headers in itertools.product(("", "session-1"), ({}, {"HX-Request": "true"})):
        reply = await Neighbours().browser(session).get(f"http://front.test{path}", headers=headers)
        leads = reply.headers.get("location") or reply.headers.get("hx-redirect") or "/"
        assert leads.startswith("/")
        assert not leads.startswith(("//", "/\\"))
        assert "\n" not in leads
        assert "a=b" not in reply.headers.get("set-cookie", "")


async def test_a_host_that_is_not_ours_is_no_way_past_the_forms_door() -> None:
    """Behind an address of its own, the front door takes forms from that address alone, whatever Host a request bears."""
    neighbours = Neighbours(address="https://record.example")
    browser = neighbours.browser()
    for host in ("evil.example", "record.example.evil.example"):
        headers = {"Host": host, "Origin": f"https://{host}"}
        reply = await browser.post("/search", data={**TOKEN, "text": "singh"}, headers=headers)
        assert reply.status_code == 400, host
    assert done(neighbours) == []
    good = {"Host": "record.example", "Origin": "https://record.example"}
    assert (await browser.post("/search", data={**TOKEN, "text": "singh"}, headers=good)).status_code == 200


async def test_the_way_back_from_the_provider_is_our_own_address_whatever_host_is_told() -> None:
    neighbours = Neighbours(address="https://record.example")
    await neighbours.browser("").get(
        "/sign-in?provider=aldermoor", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    (begun,) = (each for each in neighbours.asked if isinstance(each, BeginAsked))
    assert begun.redirect_uri == "https://record.example/sign-in/callback"


@pytest.mark.parametrize("path", sorted({path for path, _ in GUARDED}))
async def test_a_method_that_a_page_does_not_have_is_refused_also_by_override(path: str) -> None:
    has = {method for each, method in GUARDED if each == path}
    for method in {"PUT", "PATCH", "DELETE", "TRACE", "GET", "POST"} - has:
        neighbours = Neighbours()
        reply = await neighbours.browser().request(method, path)
        assert reply.status_code == 405, method
        assert neighbours.asked == []
    if "GET" in has:
        neighbours = as_role("gp")
        told = {"X-HTTP-Method-Override": "POST", "X-HTTP-Method": "POST"}
        await neighbours.browser().get(path, params={**TOKEN, "_method": "POST", "do": "object", "section": "*"}, headers=told)
        assert done(neighbours) == []


@pytest.mark.parametrize(("path", "method"), GUARDED)
async def test_no_answer_of_any_kind_may_be_kept_by_a_browser(path: str, method: str) -> None:
    for session, may in (("session-1", {}), ("session-1", {"open": False, "search": False}), ("", {})):
        reply = await Neighbours(may=may).browser(session).request(method, path, data=TOKEN if method == "POST" else None)
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-frame-options"] == "DENY"


async def test_after_signing_out_the_back_button_finds_nothing() -> None:
    neighbours = Neighbours()
    browser = neighbours.browser()
    begun = await browser.post("/patients/p-marlow/open", data={**TOKEN, "purpose": "attending"})
    record = begun.headers["location"]
    assert (await browser.get(record)).status_code == 200
    kept = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)}
    out = await browser.post("/sign-out", data=TOKEN)
    assert any(each.startswith(f'{SESSION_COOKIE}=""') for each in out.headers.get_list("set-cookie"))
    for headers in ({}, kept):
        assert (await browser.get(record, headers=headers)).headers["location"].startswith("/sign-in")


# --- what is sent

_CHARSETS = ("undefined", "punycode", "utf-16", "raw_unicode_escape", "unicode_escape")
_IN_A_SET_OF_ITS_OWN = b"".join(
    b"--x\r\nContent-Disposition: form-data; name=%s\r\n\r\n%s\r\n" % each
    for each in ((b"csrf", b"token-session-1"), (b"text", b"a\\ud800b\xff"))
) + b"--x--\r\n"  # fmt: skip


async def test_a_form_larger_than_any_of_ours_is_not_read() -> None:
    for session in ("", "session-1"):
        neighbours = Neighbours()
        reply = await neighbours.browser(session).post("/search", data={**TOKEN, "text": "a" * 2_000_000})
        assert reply.status_code == 413
        assert neighbours.asked == []


async def test_a_form_that_does_not_say_how_long_it_is_is_cut_off_all_the_same() -> None:
    told = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal told
        yield b"text="
        for _ in range(10_000):
            told += 65536
            yield b"a" * 65536

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await Neighbours().browser().post("/search", content=endless(), headers=headers)
    assert reply.status_code == 413
    assert told < 5_000_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\nc\r\n--x--\r\n"),
        ("multipart/form-data", b"no boundary"),
        ("application/json", b'{"csrf": "token-session-1"}'),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % each for each in range(200))),
        ("application/x-www-form-urlencoded", b"csrf=token-session-1&text=a%00b"),
        *[(f"multipart/form-data; boundary=x; charset={each}", _IN_A_SET_OF_ITS_OWN) for each in _CHARSETS],
    ],
)
async def test_a_form_of_another_kind_is_not_understood_and_is_no_fault_of_ours(kind: str, body: bytes) -> None:
    neighbours = Neighbours()
    reply = await neighbours.browser().post("/search", content=body, headers={"Content-Type": kind})
    assert reply.status_code == 400
    assert done(neighbours) == []


@pytest.mark.parametrize("number", ["\u00b2", "1" * 5_000, "9" * 30, "-1", "1.0", ""])
async def test_a_number_that_none_of_ours_is_is_told_so_and_nobody_is_asked(log: io.StringIO, number: str) -> None:
    for path, field in (("/ingest/read", "message"), ("/ingest/replay", "message"), ("/ingest/withdrawn/seen", "item")):
        neighbours = Neighbours()
        reply = await neighbours.browser().post(path, data={**TOKEN, field: number, "reason": "asked by the patient"})
        assert (reply.status_code, done(neighbours)) == (400, []), path
    for address in ("/ingest?after=", "/ingest/withdrawn?before="):
        neighbours = Neighbours()
        assert (await neighbours.browser().get(address + number)).status_code == 400
    assert log.getvalue() == ""


async def test_an_address_with_a_nought_byte_is_nobodys(log: io.StringIO) -> None:
    for path in ("/patients/p%00x/open", "/patients/p%00x/sharing", "/patients/p%00x/record", "/ingest?sender=%00"):
        neighbours = Neighbours()
        assert (await neighbours.browser().get(path)).status_code == 404
        assert (await neighbours.browser("").get(path)).status_code == 303
        assert neighbours.asked == []
    assert log.getvalue() == ""


@given(
    st.dictionaries(
        st.sampled_from(["csrf", "text", "birth_date", "purpose", "do", "section", "source", "decision", "item", "message",
                         "review", "before", "since", "until", "name", "about", "stage", "evidence", "id", "opening", "to"]),
        st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["token-session-1", "-1", "9" * 30, "a|B|c", "\0"]),
        max_size=8,
    ),
    st.sampled_from(POSTS),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40),
)  # fmt: skip
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_form_and_no_cookie_that_can_be_made_up_is_answered_by_a_fault(log, fields, path, cookie):
    async def sent() -> None:
        for session in ("session-1", cookie):
            jar = f"{cookie}; {SESSION_COOKIE}={session}; carerecord_reason={cookie}; carerecord_state=\"{cookie}"
            form = {"csrf": "token-session-1", **fields}
            reply = await Neighbours().browser("").post(path, data=form, headers={b"Cookie": jar.encode("latin-1")})
            assert reply.status_code < 500, (path, fields)

    asyncio.run(sent())
    assert log.getvalue() == ""


@pytest.mark.parametrize(
    "headers",
    [
        [("Cookie", f"{SESSION_COOKIE}=session-1")], [("Cookie", f"a=b;{SESSION_COOKIE}=session-1 ; c")],
        [("Cookie", f'{SESSION_COOKIE}="session-1"')], [("Cookie", "a=b"), ("Cookie", f"{SESSION_COOKIE}=session-1")],
    ],
)  # fmt: skip
async def test_a_session_is_known_however_its_cookie_is_written(headers: list[tuple[str, str]]) -> None:
    assert (await Neighbours().browser("").get("/search", headers=headers)).status_code == 200


async def test_a_cookie_is_read_in_a_time_that_grows_no_faster_than_it_does() -> None:
    """The standard library's own takes 30 seconds for this one, before anybody is known."""
    begun = time.process_time()
    reply = await Neighbours().browser("").get("/search", headers={"Cookie": 'a="' + "\\" * 128_000 + '"'})
    assert reply.status_code == 303
    assert time.process_time() - begun < 1


async def test_what_is_typed_is_shown_as_text() -> None:
    hostile = '"><script>alert(1)</script>{{7*7}}'
    neighbours = Neighbours(found=patients.Found((), say=hostile))
    reply = await neighbours.browser().post("/search", data={**TOKEN, "text": hostile})
    assert "<script>alert" not in reply.text
    assert "49" not in reply.text.split("<main", 1)[1]


def test_no_page_reads_who_somebody_is_from_a_header() -> None:
    viewer = Path(__file__).parents[2] / "src/carerecord/viewer"
    read = {
        line.strip()
        for file in viewer.glob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if "headers.get(" in line and "request" in line
    }
    assert read
    words = ("origin", "sec-fetch-site", "HX-Request", "host")
    assert [line for line in read if not any(f"{quote}{word}{quote}" in line for word in words for quote in "'\"")] == []


async def test_policy_is_asked_about_the_role_of_the_session_and_no_other() -> None:
    neighbours = as_role("receptionist")
    told = {**TOKEN, "role": "gp", "actor": "gp", "text": "singh"}
    await neighbours.browser().post("/search?role=gp", data=told, headers={"X-Role": "gp"})
    asked = [each for each in neighbours.asked if isinstance(each, MayDoAsked)]
    assert {each.actor.role.code for each in asked} == {"receptionist"}
