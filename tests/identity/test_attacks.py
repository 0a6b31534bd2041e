"""Does a lie of a provider, or of somebody in between, get anyone in? Cases 1 to 8, 14 and 18 of the attack list."""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.a_hospital_door import Door

from carerecord.contracts.identity import FinishAsked, SessionAsked
from carerecord.kit.errors import NotSignedIn, NotUnderstood, Refused, Unavailable
from carerecord.region.servers.http import Listener, Reply, as_json, redirect
from carerecord.region.servers.mischief import Mischief

LIES: list[tuple[Mischief, str]] = [
    ("hs256-public-key", "algorithm"),
    ("alg-none", "algorithm"),
    ("other-algorithm", "algorithm"),
    ("crit", "header"),
    ("access-token", "header"),
    ("jku", "key"),
    ("own-jwk", "key"),
    ("unknown-kid", "key"),
    ("path-kid", "key"),
    ("other-key", "signature"),
    ("wrong-iss", "issuer"),
    ("wrong-aud", "audience"),
    ("wrong-azp", "audience"),
    ("expired", "time"),
    ("future", "time"),
    ("wrong-nonce", "nonce"),
    ("no-nonce", "nonce"),
    ("no-sub", "subject"),
    ("userinfo-sub", "userinfo"),
    ("callback-iss", "callback-issuer"),
    ("no-callback-iss", "callback-issuer"),
    ("token-refuses", "code"),
]


@pytest.mark.parametrize(("lie", "rule"), LIES, ids=[lie for lie, _ in LIES])
async def test_a_lie_lets_nobody_in(door: Door, lie: Mischief, rule: str) -> None:
    door.providers["aldermoor"].oidc.mischief = lie

    with pytest.raises(NotSignedIn) as refused:
        await door.sign_in()

    assert refused.value.facts["rule"] == f"identity/{rule}"
    assert await door.database.pool.fetchval("SELECT count(*) FROM session") == 0
    assert [(line.what, line.outcome, line.rule) for line in await door.book()] == [("refused", "refused", f"identity/{rule}")]


@pytest.mark.parametrize("silence", ["token-down", "jwks-down"])
async def test_a_provider_that_falls_silent_on_the_way_is_said_to_be_and_lets_nobody_in(door: Door, silence: Mischief) -> None:
    door.providers["aldermoor"].oidc.mischief = silence

    with pytest.raises(Unavailable, match="Aldermoor University Hospitals does not answer"):
        await door.sign_in()

    assert await door.database.pool.fetchval("SELECT count(*) FROM session") == 0


async def test_keys_are_never_fetched_from_where_a_token_says(door: Door) -> None:
    fetched: list[str] = []

    def anything(asked: object) -> Reply:
        fetched.append(str(asked))
        return Reply(b"{}", 200, "application/json")

    elsewhere = Listener(anything)
    await elsewhere.listen()
    door.providers["aldermoor"].oidc.mischief = "jku"
    door.providers["aldermoor"].oidc.elsewhere = elsewhere.address
    with pytest.raises(NotSignedIn):
        await door.sign_in()
    await elsewhere.refuse()

    assert fetched == []


async def test_the_same_subject_of_two_organisations_is_two_people(door: Door) -> None:
    theirs = (await door.sign_in("primary-care", "abena.osei")).session.actor
    user = door.providers["council"].oidc._users["grace.ellershaw"]
    assert theirs is not None
    object.__setattr__(user, "sub", theirs.subject)
    try:
        ours = (await door.sign_in("council", "grace.ellershaw")).session.actor
    finally:
        object.__setattr__(user, "sub", "council|0013")

    assert ours is not None
    assert ours.subject == theirs.subject
    assert ours.key != theirs.key


async def test_the_answer_of_one_provider_is_not_taken_to_another(door: Door) -> None:
    at_aldermoor, at_council = await door.begin(), await door.begin("council", "grace.ellershaw")
    brought = await door.at_the_provider(at_aldermoor)

    with pytest.raises(NotSignedIn):
        await door.finish(at_council, {**brought, "state": at_council.state})


async def test_a_code_is_good_once_and_so_is_a_state(door: Door) -> None:
    begun = await door.begin()
    brought = await door.at_the_provider(begun)
    await door.finish(begun, brought)

    with pytest.raises(NotUnderstood):
        await door.finish(begun, brought)

    another = await door.begin()
    with pytest.raises(NotSignedIn) as replayed:
        await door.finish(another, {**brought, "state": another.state})
    assert replayed.value.facts["rule"] == "identity/code"


async def test_two_answers_at_once_make_one_session(door: Door) -> None:
    begun = await door.begin()
    brought = await door.at_the_provider(begun)

    answers = await asyncio.gather(*(door.finish(begun, brought) for _ in range(5)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["Finished", *["NotUnderstood"] * 4]


async def test_an_answer_in_another_browser_is_refused_and_fills_no_book(door: Door) -> None:
    begun = await door.begin()
    brought = await door.at_the_provider(begun)

    for cookie in ("", "another", "ü"):
        with pytest.raises(NotUnderstood):
            await door.finish(begun, brought, cookie_state=cookie)
    with pytest.raises(NotUnderstood):
        await door.finish(begun, {"state": "made-up"}, cookie_state="made-up")
    assert await door.book() == []
    assert (await door.finish(begun, brought)).session.actor is not None


async def test_an_answer_after_ten_minutes_is_too_late(door: Door) -> None:
    begun = await door.begin()
    brought = await door.at_the_provider(begun)
    door.clock.ahead += timedelta(minutes=10, seconds=1)

    with pytest.raises(NotUnderstood):
        await door.finish(begun, brought)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("jwks_uri", "http://169.254.169.254/latest/meta-data"),
        ("jwks_uri", "https://elsewhere.example/jwks"),
        ("token_endpoint", "{issuer}.evil.test/token"),
        ("token_endpoint", "http://127.0.0.1:1/token"),
        ("userinfo_endpoint", "http://user@127.0.0.1/userinfo"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("end_session_endpoint", "file:///etc/passwd"),
    ],
)
async def test_a_discovery_document_cannot_send_us_elsewhere(door: Door, endpoint: str, address: str) -> None:
    oidc = door.providers["aldermoor"].oidc
    told = {**oidc._metadata(), endpoint: address.format(issuer=oidc.issuer)}
    oidc._metadata = lambda: told  # type: ignore[method-assign]

    with pytest.raises(Unavailable):
        await door.begin()
    assert oidc.asked == ["/.well-known/openid-configuration"]


async def test_a_provider_cannot_send_us_on(door: Door) -> None:
    listener = door.providers["aldermoor"].listener
    listener.handler = lambda asked: redirect("http://169.254.169.254/")

    with pytest.raises(Unavailable):
        await door.begin()


async def test_a_provider_that_says_too_much_is_cut_off(door: Door) -> None:
    oidc, listener = door.providers["aldermoor"].oidc, door.providers["aldermoor"].listener
    listener.handler = lambda asked: as_json({**oidc._metadata(), "more": "x" * 2_000_000})

    with pytest.raises(Unavailable):
        await door.begin()


async def test_a_level_of_assurance_that_was_asked_for_is_required(door: Door) -> None:
    text = (door.folder / "region.toml").read_text()
    (door.folder / "region.toml").write_text(text.replace('id = "council"', 'id = "council"\nacr = ["urn:council:smartcard"]'))
    await door.desk.registry.read()

    with pytest.raises(NotSignedIn) as refused:
        await door.sign_in("council", "grace.ellershaw")
    assert refused.value.facts["rule"] == "identity/assurance"


async def test_pkce_is_asked_for_and_without_it_the_provider_refuses(door: Door) -> None:
    begun = await door.begin()
    assert "code_challenge_method=S256" in begun.address
    for spoiled in (begun.address.replace("S256", "plain"), begun.address.replace("code_challenge=", "x=")):
        async with door.web.get(spoiled, allow_redirects=False) as reply:
            assert "error=invalid_request" in reply.headers["Location"]


async def test_a_forged_discovery_document_is_not_believed(door: Door) -> None:
    door.providers["aldermoor"].oidc.mischief = "discovery-iss"

    with pytest.raises(Unavailable):
        await door.begin()


async def test_a_new_session_id_is_made_at_sign_in_and_the_old_one_ends(door: Door) -> None:
    first = (await door.sign_in()).session
    second = (await door.sign_in(old_session=first.id)).session

    assert first.id != second.id
    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(first.id))
    third = (await door.sign_in(old_session="chosen-by-an-attacker")).session
    assert third.id != "chosen-by-an-attacker"
    assert [line.what for line in await door.book()] == ["signed-in", "signed-out", "signed-in", "signed-in"]


async def test_a_thief_of_the_database_has_no_session_no_nonce_and_no_verifier(door: Door) -> None:
    begun = await door.begin()
    session = (await door.sign_in()).session
    everything = ""
    for table in ("sign_in", "session", "outbox"):
        everything += str([dict(row) for row in await door.database.pool.fetch(f"SELECT * FROM {table}")])

    assert session.id not in everything
    assert session.csrf not in everything
    assert begun.state not in everything


async def test_what_a_browser_says_of_itself_is_nobody(door: Door) -> None:
    for session in ("", "x", "' OR true --", "\x00"):
        with pytest.raises(NotSignedIn):
            await door.desk.session(SessionAsked(session))


async def test_a_user_who_gave_up_at_the_provider_is_told_so(door: Door) -> None:
    begun = await door.begin()
    issuer = door.providers["aldermoor"].issuer

    with pytest.raises(NotSignedIn, match="was not completed"):
        await door.desk.finish(FinishAsked("", begun.state, begun.state, issuer, "access_denied"))


async def test_a_refusal_never_says_which_check_failed(door: Door) -> None:
    said = set()
    for lie in ("alg-none", "other-key", "wrong-nonce"):
        door.providers["aldermoor"].oidc.mischief = lie
        with pytest.raises((NotSignedIn, Refused)) as refused:
            await door.sign_in()
        said.add(refused.value.says)

    assert len(said) == 1
