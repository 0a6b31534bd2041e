"""How long does a session live, and what ends it?"""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.a_hospital_door import HOME, Door

from carerecord.contracts.identity import SessionAsked
from carerecord.kit.errors import NotSignedIn

MINUTE = timedelta(minutes=1)


async def test_fifteen_idle_minutes_end_it(door: Door) -> None:
    session = (await door.sign_in()).session
    door.clock.ahead += 14 * MINUTE
    await door.desk.session(SessionAsked(session.id))
    door.clock.ahead += 14 * MINUTE
    await door.desk.session(SessionAsked(session.id))
    door.clock.ahead += 15 * MINUTE

    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))


async def test_a_request_of_the_page_itself_does_not_keep_it_alive(door: Door) -> None:
    session = (await door.sign_in()).session
    for _ in range(2):
        door.clock.ahead += 7 * MINUTE
        await door.desk.session(SessionAsked(session.id, touch=False))
    door.clock.ahead += 2 * MINUTE

    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id, touch=False))


async def test_twelve_hours_end_it_whatever_the_user_does(door: Door) -> None:
    session = (await door.sign_in()).session
    for _ in range(71):
        door.clock.ahead += 10 * MINUTE
        await door.desk.session(SessionAsked(session.id))
    door.clock.ahead += 10 * MINUTE

    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))


async def test_signing_out_ends_it_here_and_says_where_to_end_it_there(door: Door) -> None:
    session = (await door.sign_in()).session
    ended = await door.desk.sign_out(SessionAsked(session.id))

    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))
    async with door.web.get(ended.logout_address, allow_redirects=False) as reply:
        assert reply.headers["Location"] == f"{HOME}/"
    assert [line.what for line in await door.book()] == ["signed-in", "signed-out"]


async def test_signing_out_works_while_the_provider_is_silent(door: Door) -> None:
    session = (await door.sign_in()).session
    await door.providers["aldermoor"].listener.refuse()
    door.desk.client._known.clear()

    assert (await door.desk.sign_out(SessionAsked(session.id))).logout_address == ""
    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))


async def test_a_silent_provider_logs_nobody_out(door: Door) -> None:
    session = (await door.sign_in()).session
    await door.providers["aldermoor"].listener.refuse()

    assert (await door.desk.session(SessionAsked(session.id))).name == "Dr Priya Nair"


async def test_keys_may_turn_between_two_sign_ins(door: Door) -> None:
    door.desk.client.refetch_every_s = 30.0
    await door.sign_in()
    door.providers["aldermoor"].oidc.ring.rotate()

    await door.sign_in()


async def test_a_key_that_was_withdrawn_is_refused_once_the_ring_is_old(door: Door) -> None:
    old = door.providers["aldermoor"].oidc.ring
    await door.sign_in()
    door.desk.client.keys_last_s = -1.0
    from carerecord.region.servers.oidc_keys import Keyring

    door.providers["aldermoor"].oidc.ring = _Shows(old, Keyring("RS256"))  # type: ignore[assignment]

    with pytest.raises(NotSignedIn):
        await door.sign_in()


class _Shows:
    """Signs with one ring and publishes another."""

    def __init__(self, signs: object, shows: object) -> None:
        self._signs, self._shows = signs, shows

    def published(self) -> object:
        return self._shows.published()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._signs, name)


async def test_while_the_keys_cannot_be_had_the_known_ones_serve(door: Door) -> None:
    await door.sign_in()
    door.desk.client.keys_last_s = -1.0
    door.providers["aldermoor"].oidc.mischief = "jwks-down"

    await door.sign_in()


async def test_an_unknown_key_id_does_not_make_us_hammer_the_provider(door: Door) -> None:
    door.desk.client.refetch_every_s = 60.0
    await door.sign_in()
    door.providers["aldermoor"].oidc.mischief = "unknown-kid"
    door.providers["aldermoor"].oidc.asked.clear()
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            await door.sign_in()

    assert door.providers["aldermoor"].oidc.asked.count("/jwks") == 1


async def test_each_session_has_a_csrf_token_of_its_own_that_stays(door: Door) -> None:
    first, second = (await door.sign_in()).session, (await door.sign_in()).session

    assert first.csrf != second.csrf
    assert len(first.csrf) == 43
    assert (await door.desk.session(SessionAsked(first.id))).csrf == first.csrf


async def test_what_has_ended_is_swept_away(door: Door) -> None:
    await door.begin()
    await door.sign_in()
    door.clock.ahead += timedelta(hours=13)
    sweeping = asyncio.create_task(door.desk.sweep())
    async with asyncio.timeout(20):
        while await door.database.pool.fetchval("SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM sign_in)"):
            await asyncio.sleep(0.01)
    sweeping.cancel()
