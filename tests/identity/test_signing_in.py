"""Does a user come in by their own organisation's sign-in, with the roles that it gives, and nobody else?"""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.identity.a_hospital_door import HOME, REDIRECT, Door, DoorMaker

from carerecord.contracts.actors import Role
from carerecord.contracts.identity import BeginAsked, ChooseAsked, ProvidersAsked, SessionAsked
from carerecord.kit.errors import NotFound, NotSignedIn, NotUnderstood, Refused, Unavailable
from carerecord.region.organisations import ALDERMOOR, COUNCIL, QUAYSIDE


async def test_the_user_picks_among_the_organisations_of_the_registry(door: Door) -> None:
    assert [each.id for each in await door.desk.providers(ProvidersAsked())] == ["council", "aldermoor", "primary-care"]


async def test_a_consultant_comes_in_as_emergency_doctor_of_her_trust(door: Door) -> None:
    session = (await door.sign_in()).session

    assert session.name == "Dr Priya Nair"
    assert session.actor is not None
    assert session.actor.issuer == door.providers["aldermoor"].issuer
    assert (session.actor.role.code, session.actor.role.organisation) == ("emergency-doctor", ALDERMOOR)
    assert session.actor.role.name == "Emergency medicine consultant"
    assert session.actor.acr == "AAL3_ANY"


@pytest.mark.parametrize(
    ("provider", "user", "code"),
    [
        ("aldermoor", "leah.marsden", "receptionist"),
        ("aldermoor", "owen.tranter", "administrator"),
        ("aldermoor", "ruth.adeyemi", "privacy-officer"),
        ("primary-care", "abena.osei", "gp"),
        ("council", "grace.ellershaw", "social-worker"),
    ],
)
async def test_each_provider_speaks_its_own_way_and_is_understood(door: Door, provider: str, user: str, code: str) -> None:
    actor = (await door.sign_in(provider, user)).session.actor

    assert actor is not None
    assert actor.role.code == code


async def test_who_holds_several_roles_chooses_one(door: Door) -> None:
    session = (await door.sign_in("primary-care", "samir.haddad")).session
    assert session.actor is None
    assert [(role.code, role.organisation) for role in session.roles] == [("gp", QUAYSIDE), ("emergency-doctor", ALDERMOOR)]

    chosen = await door.desk.choose(ChooseAsked(session.id, session.roles[1].id))

    assert chosen.actor is not None
    assert chosen.actor.role.code == "emergency-doctor"
    again = await door.desk.session(SessionAsked(session.id))
    assert again.actor == chosen.actor


async def test_a_role_that_was_not_given_cannot_be_chosen(door: Door) -> None:
    session = (await door.sign_in("primary-care", "samir.haddad")).session

    with pytest.raises(Refused):
        await door.desk.choose(ChooseAsked(session.id, "administrator"))


async def test_plain_words_become_roles_in_the_providers_own_organisation(door: Door) -> None:
    roles = (await door.sign_in("council", "joel.whitham")).session.roles

    assert roles == (
        Role("SocialWorker", "social-worker", "Social worker", COUNCIL, "Aldermoor Council"),
        Role("RecordsAdministrator", "administrator", "Administrator", COUNCIL, "Aldermoor Council"),
    )


async def test_a_user_with_no_role_that_is_known_here_is_refused_in_plain_words(door: Door) -> None:
    text = (door.folder / "region.toml").read_text()
    (door.folder / "region.toml").write_text(text.replace('"S8010:G8011:R8010" = "receptionist"\n', ""))
    await door.desk.registry.read()

    with pytest.raises(Refused, match="you hold no role there") as refused:
        await door.sign_in("aldermoor", "leah.marsden")

    assert refused.value.facts["rule"] == "identity/no-role"
    assert "It gives you S8010:G8011:R8010, which is no role here." in refused.value.says
    assert [(line.what, line.rule) for line in await door.book()] == [("refused", "identity/no-role")]


async def test_a_provider_cannot_give_a_role_in_an_organisation_that_is_not_its_own(door: Door) -> None:
    text = (door.folder / "region.toml").read_text()
    head, _, tail = text.partition('id = "primary-care"')
    (door.folder / "region.toml").write_text(head + 'id = "primary-care"' + tail.replace(f'"{ALDERMOOR}"', '"R9ZZZ"'))
    await door.desk.registry.read()

    roles = (await door.sign_in("primary-care", "samir.haddad")).session.roles

    assert [role.code for role in roles] == ["gp"]


async def test_the_user_goes_on_to_where_they_were_going(door: Door) -> None:
    begun = await door.begin(after="/search?from=start")
    assert (await door.finish(begun, await door.at_the_provider(begun))).after == "/search?from=start"


@pytest.mark.parametrize("after", ["//evil.test", "https://evil.test", "/\\evil.test", "\\evil", "/\t/evil.test", "evil", ""])
async def test_there_is_no_way_from_here_to_another_site(door: Door, after: str) -> None:
    with pytest.raises(NotUnderstood):
        await door.begin(after=after)


@pytest.mark.parametrize(
    "back",
    ["https://evil.test/signed-in", "http://127.0.0.1:8080.evil.test/", "http://127.0.0.1:8081/x", f"{HOME}@evil.test/",
     "javascript:alert(1)", "", "//127.0.0.1:8080/", "http://[::1"],
)  # fmt: skip
async def test_nobody_is_sent_back_to_another_address_than_ours(door: Door, back: str) -> None:
    with pytest.raises(NotUnderstood):
        await door.desk.begin(BeginAsked("council", back))
    assert door.providers["council"].oidc.asked == []


async def test_a_house_that_was_told_no_address_serves_this_machine_alone(database_for_door: DoorMaker) -> None:
    async with database_for_door(homes=()) as door:
        await door.begin()
        with pytest.raises(NotUnderstood):
            await door.desk.begin(BeginAsked("aldermoor", "https://record.example/signed-in"))


async def test_the_request_that_leaves_carries_pkce_state_nonce_and_the_hint(door: Door) -> None:
    begun = await door.begin("primary-care", "somebody")
    asked = dict(parse_qsl(urlsplit(begun.address).query))
    assert begun.address.startswith(door.providers["primary-care"].issuer + "/authorize?")
    assert (asked["response_type"], asked["redirect_uri"], asked["code_challenge_method"]) == ("code", REDIRECT, "S256")
    assert (asked["state"], asked["login_hint"]) == (begun.state, "somebody")
    assert len({asked["code_challenge"], asked["nonce"], begun.state}) == 3
    assert {len(asked[name]) for name in ("code_challenge", "nonce", "state")} == {43}


async def test_an_organisation_that_is_not_in_the_registry_is_refused_before_anything_is_fetched(door: Door) -> None:
    for provider in door.providers.values():
        provider.oidc.asked.clear()

    with pytest.raises(NotFound):
        await door.desk.begin(BeginAsked("https://evil.test", REDIRECT))

    assert [provider.oidc.asked for provider in door.providers.values()] == [[], [], []]


async def test_a_provider_that_is_down_is_said_to_be(door: Door) -> None:
    await door.providers["council"].listener.refuse()

    with pytest.raises(Unavailable, match="Aldermoor Council does not answer"):
        await door.begin("council", "grace.ellershaw")


async def test_a_change_of_the_registry_is_in_force_without_a_restart(door: Door) -> None:
    session = (await door.sign_in()).session
    (door.folder / "region.toml").write_text("# nobody is trusted any more\n")
    await door.desk.registry.read()

    assert await door.desk.providers(ProvidersAsked()) == ()
    with pytest.raises(NotSignedIn):
        await door.desk.session(SessionAsked(session.id))


async def test_the_folder_is_followed_and_a_file_half_written_changes_nothing(door: Door) -> None:
    watching = asyncio.create_task(door.desk.registry.watch())
    text = (door.folder / "region.toml").read_text()
    try:
        (door.folder / "region.toml").write_text("\n[[provider]]\n".join(text.split("\n[[provider]]\n")[:2]))
        await asyncio.sleep(1.0)
        assert len(await door.desk.providers(ProvidersAsked())) == 1
        (door.folder / "region.toml").write_text(text[:-30])
        await asyncio.sleep(1.0)
        assert len(await door.desk.providers(ProvidersAsked())) == 1
        (door.folder / "region.toml").write_text(text)
        await asyncio.sleep(1.0)
        assert len(await door.desk.providers(ProvidersAsked())) == 3
    finally:
        watching.cancel()


async def test_a_table_that_cannot_be_read_leaves_the_others_standing(door: Door) -> None:
    (door.folder / "new.toml").write_text('[[provider]]\nid = "x"\nalgorithms = ["HS256"]\n')
    await door.desk.registry.read()

    assert len(door.desk.registry.listed()) == 3
    assert door.desk.registry.trust.problems[0].startswith("new.toml, x: ")


async def test_the_sign_in_page_is_the_organisations_own_and_needs_no_script(door: Door) -> None:
    begun = await door.begin(user="")
    async with door.web.get(begun.address, allow_redirects=False) as reply:
        page = await reply.text()

    assert "pretend sign-in page of <strong>Aldermoor University Hospitals" in page
    assert 'value="priya.nair"' in page
    assert "<script" not in page
    assert HOME not in reply.headers["Content-Security-Policy"]
