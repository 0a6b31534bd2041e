"""Is somebody out of the record within five minutes of leaving their organisation?"""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.identity.a_hospital_door import Door

from carerecord.contracts.identity import SessionAsked
from carerecord.identity.still_vouched import ASKED_EVERY, LOOKS_EVERY_S
from carerecord.kit.errors import NotSignedIn

MINUTE = timedelta(minutes=1)


def test_asking_and_looking_together_take_less_than_five_minutes() -> None:
    assert ASKED_EVERY + timedelta(seconds=2 * LOOKS_EVERY_S) < 5 * MINUTE


async def in_four_minutes(door: Door) -> int:
    door.clock.ahead += ASKED_EVERY
    return await door.desk.still_vouched.round()


@pytest.mark.parametrize(("provider", "user"), [("aldermoor", "priya.nair"), ("council", "grace.ellershaw")])
async def test_a_leaver_is_signed_out_and_the_book_says_why(door: Door, provider: str, user: str) -> None:
    session = (await door.sign_in(provider, user)).session
    door.providers[provider].oidc.left.add(user)

    assert await in_four_minutes(door) == 1
    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))
    assert [(line.what, line.rule) for line in await door.book()][-1] == ("signed-out", "identity/left")


async def test_who_is_still_there_goes_on_and_is_asked_about_again_and_again(door: Door) -> None:
    session = (await door.sign_in()).session

    for _ in range(3):
        assert await in_four_minutes(door) == 1
        assert (await door.desk.session(SessionAsked(session.id))).name == "Dr Priya Nair"
    assert await door.desk.still_vouched.round() == 0, "nobody is due so soon"


async def test_who_has_lost_the_role_they_act_in_is_signed_out(door: Door) -> None:
    session = (await door.sign_in()).session
    users = door.providers["aldermoor"].oidc._users
    grants = door.providers["aldermoor"].oidc._refresh.values()
    for grant in grants:
        grant.user = replace(users["priya.nair"], profiles=())

    await in_four_minutes(door)

    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))
    assert (await door.book())[-1].rule == "identity/role-gone"


async def test_a_silent_provider_ends_nobodys_session_and_is_asked_again_a_minute_later(door: Door) -> None:
    session = (await door.sign_in()).session
    await door.providers["aldermoor"].listener.refuse()

    assert await in_four_minutes(door) == 1
    assert (await door.desk.session(SessionAsked(session.id))).name == "Dr Priya Nair"
    assert await door.desk.still_vouched.round() == 0
    door.clock.ahead += MINUTE
    assert await door.desk.still_vouched.round() == 1


async def test_a_provider_that_does_not_do_this_is_not_asked_again(door: Door) -> None:
    session = (await door.sign_in()).session
    door.providers["aldermoor"].oidc.gives_refresh_tokens = False

    assert await in_four_minutes(door) == 1
    assert await in_four_minutes(door) == 0
    assert (await door.desk.session(SessionAsked(session.id))).name == "Dr Priya Nair"


async def test_who_has_gone_away_from_the_screen_is_not_asked_about(door: Door) -> None:
    await door.sign_in()
    door.clock.ahead += 15 * MINUTE

    assert await door.desk.still_vouched.round() == 0


async def test_the_token_is_stored_sealed(door: Door) -> None:
    await door.sign_in()
    given = next(iter(door.providers["aldermoor"].oidc._refresh))
    stored = await door.database.pool.fetchval("SELECT refresh FROM session")

    assert given.encode() not in stored
    assert len(stored) > len(given)
