"""We show a provider who we are in the way that it asks for, and a private key never leaves us."""

from dataclasses import replace

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from tests.identity.a_hospital_door import Door

from carerecord.identity.client_auth import shown
from carerecord.identity.providers import RoleWords, TrustedProvider
from carerecord.kit.errors import BadSetting
from carerecord.region.servers.http import Answer, Asked, as_json

NOW = 1_790_000_000.0
TOKEN = "https://council.example/token"
BASIC = ("client_secret_basic", "client_secret_post")
COUNCIL = TrustedProvider(
    "council",
    "R9C",
    "Council",
    "https://council.example",
    "carerecord",
    ("ES256",),
    RoleWords("roles", {"a": "gp"}),
    "oidc-council",
)
SIGNING = msgspec.structs.replace(COUNCIL, client_auth="private_key_jwt", client_key_id="ours-1")


def test_a_secret_goes_by_basic_where_that_is_offered_each_part_encoded_first():
    headers, form = shown(COUNCIL, "a:b &ü", BASIC, TOKEN, NOW)
    assert headers == {"Authorization": "Basic Y2FyZXJlY29yZDphJTNBYislMjYlQzMlQkM="}  # carerecord:a%3Ab+%26%C3%BC
    assert form == {}


def test_a_secret_goes_in_the_form_where_that_alone_is_offered():
    assert shown(COUNCIL, "s", ("client_secret_post",), TOKEN, NOW) == ({}, {"client_id": "carerecord", "client_secret": "s"})


def test_a_public_client_says_its_name_alone():
    assert shown(COUNCIL, "", BASIC, TOKEN, NOW) == ({}, {"client_id": "carerecord"})


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSAKey.generate_key(2048), "RS512"),
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
    ],
)
def test_an_assertion_is_signed_by_our_key_for_this_endpoint_and_for_a_minute(key, algorithm):
    pem = key.as_pem(private=True).decode()

    headers, form = shown(SIGNING, pem, BASIC, TOKEN, NOW)
    _, again = shown(SIGNING, pem, BASIC, TOKEN, NOW)

    assert headers == {}
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    token = jwt.decode(form["client_assertion"], key, algorithms=[algorithm])
    assert token.header == {"alg": algorithm, "typ": "JWT", "kid": "ours-1"}
    assert (token.claims["iss"], token.claims["sub"], token.claims["aud"]) == ("carerecord", "carerecord", TOKEN)
    assert (token.claims["iat"], token.claims["exp"]) == (NOW, NOW + 60)
    assert token.claims["jti"] != jwt.decode(again["client_assertion"], key, algorithms=[algorithm]).claims["jti"]
    assert pem not in str(form)


@pytest.mark.parametrize("pem", ["", "a secret", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_said_without_being_shown(pem):
    with pytest.raises(BadSetting) as told:
        shown(SIGNING, pem, BASIC, TOKEN, NOW)
    assert "oidc-council" in told.value.says
    assert not pem or pem not in told.value.says


async def test_a_provider_that_wants_a_signed_assertion_gets_one(door: Door) -> None:
    key, council = ECKey.generate_key("P-256"), door.providers["council"]
    oidc, asserted = council.oidc, list[str]()

    def wants_an_assertion(asked: Asked) -> "Answer":
        if asked.path != "/token":
            return oidc(asked)
        try:
            claims = jwt.decode(asked.form["client_assertion"], key, algorithms=["ES256"]).claims
        except (KeyError, ValueError):
            return as_json({"error": "invalid_client"}, 401)
        asserted.append(claims["aud"])
        return oidc(replace(asked, body=asked.body + f"&client_secret={council.secret}".encode()))

    council.listener.handler = wants_an_assertion
    text = (door.folder / "region.toml").read_text()
    (door.folder / "region.toml").write_text(text.replace('id = "council"', 'id = "council"\nclient_auth = "private_key_jwt"'))
    await door.desk.registry.read()
    door.desk.client.secret = lambda name: key.as_pem(private=True).decode()

    actor = (await door.sign_in("council", "grace.ellershaw")).session.actor

    assert actor is not None
    assert asserted == [f"{oidc.issuer}/token"]
