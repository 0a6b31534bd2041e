"""Does a pretend identity provider do what OpenID Connect asks of a real one?"""

import base64
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from carerecord.region.servers.signing_in import RunningProvider, signing_in

HOME = "http://127.0.0.1:8080"
VERIFIER = "v" * 50
ASKED = {
    "response_type": "code",
    "client_id": "carerecord",
    "redirect_uri": f"{HOME}/signed-in",
    "scope": "openid profile",
    "state": "s",
    "nonce": "n",
    "code_challenge": base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode(),
    "code_challenge_method": "S256",
}


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def providers() -> AsyncIterator[dict[str, RunningProvider]]:
    async with signing_in([HOME]) as started:
        yield started


async def returned(web: aiohttp.ClientSession, provider: RunningProvider, **changed: str) -> dict[str, str]:
    """What the browser is sent back with."""
    query = urlencode({**ASKED, "login_hint": provider.users[0].username, **changed})
    async with web.get(f"{provider.issuer}/authorize?{query}", allow_redirects=False) as reply:
        assert reply.status == 302
        return {name: values[0] for name, values in parse_qs(urlsplit(reply.headers["Location"]).query).items()}


async def tokens(web: aiohttp.ClientSession, provider: RunningProvider, code: str, **changed: str) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": ASKED["redirect_uri"], "code_verifier": VERIFIER}
    headers = {"Authorization": aiohttp.encode_basic_auth("carerecord", provider.secret)}
    async with web.post(f"{provider.issuer}/token", data={**form, **changed}, headers=headers) as reply:
        return reply.status, await reply.json()


async def published(web: aiohttp.ClientSession, provider: RunningProvider) -> Any:
    async with web.get(f"{provider.issuer}/jwks") as reply:
        return await reply.json()


@pytest.mark.parametrize(("key", "algorithm"), [("aldermoor", "RS256"), ("primary-care", "ES256"), ("council", "ES256")])
async def test_a_code_becomes_a_token_that_the_published_key_verifies(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider], key: str, algorithm: str
) -> None:
    provider = providers[key]
    back = await returned(web, provider)
    status, given = await tokens(web, provider, back["code"])
    token = jwt.decode(given["id_token"], KeySet.import_key_set(await published(web, provider)), algorithms=[algorithm])

    assert (status, back["state"], back["iss"]) == (200, "s", provider.issuer)
    assert token.claims["iss"] == provider.issuer
    assert (token.claims["aud"], token.claims["nonce"], token.claims["sub"]) == ("carerecord", "n", provider.users[0].sub)


async def test_roles_stand_where_each_provider_puts_them(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider]
) -> None:
    told = {}
    for key, provider in providers.items():
        _, given = await tokens(web, provider, (await returned(web, provider))["code"])
        claims = jwt.decode(given["id_token"], provider.oidc.ring.current, algorithms=[provider.oidc.manner.algorithm]).claims
        async with web.get(f"{provider.issuer}/userinfo", headers={"Authorization": f"Bearer {given['access_token']}"}) as reply:
            info = await reply.json()
        told[key] = ("nhsid_nrbac_roles" in claims, "roles" in claims, "nhsid_nrbac_roles" in info)

    assert {key: told[key] for key in ("aldermoor", "primary-care", "council")} == {
        "aldermoor": (False, False, True), "primary-care": (True, False, True), "council": (False, True, False)
    }  # fmt: skip
    assert set(told.values()) == {(False, False, True), (True, False, True), (False, True, False)}


async def test_a_role_profile_has_the_fields_of_cis2(web: aiohttp.ClientSession, providers: dict[str, RunningProvider]) -> None:
    provider = providers["aldermoor"]
    _, given = await tokens(web, provider, (await returned(web, provider))["code"])
    async with web.get(f"{provider.issuer}/userinfo", headers={"Authorization": f"Bearer {given['access_token']}"}) as reply:
        profile = (await reply.json())["nhsid_nrbac_roles"][0]

    assert profile["role_code"] == "S8000:G8000:R8000"
    assert profile["org_code"] == "R9A"
    assert profile["activity_codes"] == ["B0264", "B0380"]
    assert len(profile["person_roleid"]) == 12


async def test_a_code_that_comes_twice_takes_back_what_it_bought(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider]
) -> None:
    provider = providers["council"]
    code = (await returned(web, provider))["code"]
    _, given = await tokens(web, provider, code)
    again, _ = await tokens(web, provider, code)
    async with web.get(f"{provider.issuer}/userinfo", headers={"Authorization": f"Bearer {given['access_token']}"}) as reply:
        assert (again, reply.status) == (400, 401)


@pytest.mark.parametrize(
    "changed", [{"code_verifier": "w" * 50}, {"code_verifier": ""}, {"redirect_uri": f"{HOME}/else"}, {"code": "x"}]
)
async def test_a_code_is_worth_nothing_without_its_proof(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider], changed: dict[str, str]
) -> None:
    provider = providers["council"]
    code = (await returned(web, provider))["code"]

    assert (await tokens(web, provider, **{"code": code, **changed}))[0] == 400


@pytest.mark.parametrize("changed", [{"code_challenge_method": "plain"}, {"code_challenge": ""}])
async def test_pkce_is_required(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider], changed: dict[str, str]
) -> None:
    assert (await returned(web, providers["council"], **changed))["error"] == "invalid_request"


@pytest.mark.parametrize("to", ["https://evil.test/x", f"{HOME}.evil.test/x", "http://127.0.0.1:8081/x"])
async def test_nobody_is_sent_to_an_address_that_is_not_registered(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider], to: str
) -> None:
    provider = providers["council"]
    for where in (
        "/authorize?" + urlencode({**ASKED, "redirect_uri": to}),
        f"/end-session?client_id=carerecord&post_logout_redirect_uri={to}",
    ):
        async with web.get(provider.issuer + where, allow_redirects=False) as reply:
            assert "Location" not in reply.headers


async def test_the_user_chooses_by_a_plain_form(web: aiohttp.ClientSession, providers: dict[str, RunningProvider]) -> None:
    provider = providers["council"]
    async with web.get(f"{provider.issuer}/authorize?{urlencode(ASKED)}") as reply:
        page = await reply.text()
    async with web.post(f"{provider.issuer}/authorize", data={**ASKED, "user": "joel.whitham"}, allow_redirects=False) as reply:
        chosen = reply.headers["Location"]

    assert "Ms Grace Ellershaw" in page
    assert "Priya" not in page
    assert "code=" in chosen


async def test_the_page_escapes_what_it_carries(web: aiohttp.ClientSession, providers: dict[str, RunningProvider]) -> None:
    query = urlencode({**ASKED, "state": '"><script>alert(1)</script>'})
    async with web.get(f"{providers['council'].issuer}/authorize?{query}") as reply:
        assert "<script" not in await reply.text()


async def test_after_a_rotation_both_keys_are_published(
    web: aiohttp.ClientSession, providers: dict[str, RunningProvider]
) -> None:
    provider = providers["council"]
    old = provider.oidc.ring.current.kid
    provider.oidc.ring.rotate()

    assert [key["kid"] for key in (await published(web, provider))["keys"]] == [old, provider.oidc.ring.current.kid]
    assert "d" not in (await published(web, provider))["keys"][0]
