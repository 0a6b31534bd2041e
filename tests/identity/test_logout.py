"""What does a provider's word that a user has gone end here, and what does a forged one?"""

import time
from typing import Any

import pytest
from tests.identity.a_hospital_door import Door

from carerecord.contracts.identity import LogoutTold, SessionAsked
from carerecord.kit.errors import NotSignedIn
from carerecord.region.servers.oidc_keys import Keyring

EVENT: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}


def a_logout(
    door: Door, subject: str, *, ring: Keyring | None = None, header: dict[str, Any] | None = None, **changes: Any
) -> str:
    """A logout token as aldermoor would sign it, changed so; a claim of None is left out."""
    oidc, now = door.providers["aldermoor"].oidc, int(time.time())
    claims = {
        "iss": oidc.issuer, "sub": subject, "aud": "carerecord", "iat": now + 1, "exp": now + 120, "jti": "one", "events": EVENT,
    } | changes  # fmt: skip
    told = {name: value for name, value in claims.items() if value is not None}
    return (ring or oidc.ring).sign(told, **({"typ": "logout+jwt"} | (header or {})))


async def test_who_signs_out_at_the_provider_is_signed_out_here_everywhere(door: Door) -> None:
    first, second = (await door.sign_in()).session, (await door.sign_in()).session
    other = (await door.sign_in("aldermoor", "leah.marsden")).session
    assert first.actor is not None

    await door.desk.told_out(LogoutTold(a_logout(door, first.actor.subject)))

    for gone in (first, second):
        with pytest.raises(NotSignedIn):
            await door.desk.session(SessionAsked(gone.id))
    assert (await door.desk.session(SessionAsked(other.id))).actor == other.actor
    assert [line.what for line in await door.book()] == ["signed-in"] * 3 + ["signed-out"] * 2


async def test_one_session_of_the_provider_ends_alone(door: Door) -> None:
    first, second = (await door.sign_in()).session, (await door.sign_in()).session
    sid = await door.database.pool.fetchval("SELECT sid FROM session ORDER BY began_at LIMIT 1")
    assert sid

    await door.desk.told_out(LogoutTold(a_logout(door, "", sub=None, sid=sid)))

    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(first.id))
    assert (await door.desk.session(SessionAsked(second.id))).actor is not None


async def test_a_logout_that_comes_again_does_not_end_what_was_begun_since(door: Door) -> None:
    session = (await door.sign_in()).session
    assert session.actor is not None
    old = a_logout(door, session.actor.subject, iat=int(time.time()) - 5)

    await door.desk.told_out(LogoutTold(old))

    assert (await door.desk.session(SessionAsked(session.id))).actor is not None


FORGERIES: list[tuple[str, dict[str, Any], str]] = [
    ("no events", {"events": None}, "logout"),
    ("another event", {"events": {"urn:other": {}}}, "logout"),
    ("an ID token", {"nonce": "n", "events": None}, "logout"),
    ("with a nonce", {"nonce": "n"}, "logout"),
    ("of nobody", {"sub": None}, "logout"),
    ("no jti", {"jti": None}, "logout"),
    ("of a session that nobody can have", {"sid": "a\x00b"}, "logout"),
    ("of a subject in a list", {"sub": ["x"], "sid": "s"}, "logout"),
    ("for another", {"aud": "another-service"}, "audience"),
    ("old", {"iat": 1, "exp": 2}, "time"),
    ("by an unknown issuer", {"iss": "https://evil.test"}, "issuer"),
    ("by another key", {"ring": True}, "signature"),
    ("of another type", {"header": {"typ": "at+jwt"}}, "header"),
]


@pytest.mark.parametrize(("what", "changes", "rule"), FORGERIES, ids=[each[0] for each in FORGERIES])
async def test_a_forged_logout_ends_nothing(door: Door, what: str, changes: dict[str, Any], rule: str) -> None:
    session = (await door.sign_in()).session
    assert session.actor is not None
    if "ring" in changes:
        forger = Keyring("RS256")
        changes = {"ring": forger, "header": {"kid": door.providers["aldermoor"].oidc.ring.current.kid}}

    with pytest.raises(NotSignedIn) as refused:
        await door.desk.told_out(LogoutTold(a_logout(door, session.actor.subject, **changes)))

    assert refused.value.facts["rule"] == f"identity/{rule}"
    assert (await door.desk.session(SessionAsked(session.id))).actor is not None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "e30.e30.", "e30.e30.x"])
async def test_what_is_no_token_ends_nothing(door: Door, token: str) -> None:
    with pytest.raises(NotSignedIn):
        await door.desk.told_out(LogoutTold(token))


async def test_one_organisation_cannot_sign_out_the_users_of_another(door: Door) -> None:
    session = (await door.sign_in("council", "grace.ellershaw")).session
    assert session.actor is not None

    await door.desk.told_out(LogoutTold(a_logout(door, session.actor.subject)))

    assert (await door.desk.session(SessionAsked(session.id))).actor is not None
