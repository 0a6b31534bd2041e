"""Does a token, a key or a discovery document that nobody would write end in a refusal, whatever stands in it?"""

import base64
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import RSAKey
from tests.attacks.mutated import as_json, mutated
from tests.identity.test_id_token import COUNCIL, KEY, NOW

from carerecord.contracts.actors import Role
from carerecord.identity.claims import LONGEST_WORD, name_from, roles_from, unknown_words, word_of
from carerecord.identity.clients import _keys, _unchecked
from carerecord.identity.id_token import check_access_token, header_of, signed_claims, verified
from carerecord.identity.logout import _claimed_issuer
from carerecord.identity.oidc import Discovered, _KeySet, _pick
from carerecord.kit.errors import CareRecordError, NotAcceptable, NotSignedIn

PUBLIC = KEY.as_dict(private=False)
KEYS = [PUBLIC, RSAKey.generate_key(2048, {"kid": "two"}).as_dict(private=False)]
CLAIMS: dict[str, Any] = {
    "iss": "https://council.example", "sub": "7", "aud": "carerecord", "azp": "carerecord", "iat": NOW, "exp": NOW + 300,
    "nonce": "n", "acr": "high", "sid": "s", "jti": "j", "at_hash": "x", "name": "A", "given_name": "B", "family_name": "C",
    "roles": ["a"], "realm": {"roles": ["a"]}, "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
}  # fmt: skip
HEADER = {"alg": "ES256", "kid": "one", "typ": "JWT", "jwk": PUBLIC, "x5c": ["x"], "zip": "DEF", "b64": True}
DISCOVERED = {
    "issuer": "https://council.example", "authorization_endpoint": "https://council.example/a",
    "token_endpoint": "https://council.example/t", "jwks_uri": "https://council.example/k",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
}  # fmt: skip
DEEP = (
    b"[" * 20_000, b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b"1" * 9_000,
    b'{"exp":1' + b"0" * 5_000 + b"}",
)  # fmt: skip


def told(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed(claims: bytes) -> str:
    """Whatever it is: its issuer has signed it."""
    return jws.serialize_compact({"alg": "ES256", "kid": "one"}, claims, KEY, algorithms=["ES256"])


def all_that_reads(token: str) -> None:
    for read in (
        lambda: header_of(token, COUNCIL),
        lambda: verified(token, PUBLIC, COUNCIL, nonce="n", now=NOW),
        lambda: _unchecked(token, 0),
        lambda: _unchecked(token, 1),
        lambda: _claimed_issuer(token),
    ):
        with suppress(NotSignedIn):
            read()


@given(mutated(CLAIMS))
@settings(max_examples=200, deadline=None)
def test_claims_that_were_signed_may_say_anything(made):
    token = signed(as_json(made))
    all_that_reads(token)
    claims = signed_claims(token, PUBLIC, COUNCIL) if isinstance(made, dict) else {}
    assert all(isinstance(each, Role) for each in roles_from(claims, COUNCIL))
    for word in (name_from(claims), word_of(claims, "sid"), word_of(claims, "acr"), *unknown_words(claims, COUNCIL)):
        assert word.isprintable(), "as the session keeps it"
        assert len(word) <= LONGEST_WORD + 300
    with suppress(NotSignedIn):
        check_access_token(claims, "access", "ES256")


@given(mutated(HEADER), st.sampled_from([CLAIMS, *DEEP]), st.binary(max_size=70))
@settings(max_examples=200, deadline=None)
def test_a_header_may_say_anything_and_obeys_nobody(header, claims, signature):
    body = claims if isinstance(claims, bytes) else as_json(claims)
    token = f"{told(as_json(header))}.{told(body)}.{told(signature)}"
    all_that_reads(token)
    with pytest.raises(NotSignedIn):
        signed_claims(token, PUBLIC, COUNCIL)


@given(st.text(max_size=80) | st.text(st.sampled_from("ey.-_=AJ \0é\ud800"), max_size=80))
@settings(max_examples=200, deadline=None)
def test_what_is_no_token_is_told_from_one(text):
    all_that_reads(text)


@pytest.mark.parametrize("body", DEEP, ids=lambda each: each[:8])
def test_what_is_signed_may_nest_without_end(body):
    all_that_reads(signed(body))
    with pytest.raises(NotAcceptable):
        _keys(body.decode())
    with pytest.raises(NotAcceptable):
        _keys(f'{{"keys":{body.decode()}}}')


@pytest.mark.filterwarnings("ignore:Key size")
@given(mutated({"keys": KEYS}))
@settings(max_examples=150, deadline=None)
def test_a_ring_of_keys_may_hold_anything(made):
    with suppress(NotAcceptable):
        assert _keys(as_json(made).decode()).keys
    try:
        ring = tuple(msgspec.json.decode(as_json(made), type=_KeySet).keys)
    except msgspec.MsgspecError:
        return
    for kid in ("", "one", "two", "\x00"):
        key = _pick(ring, kid)
        try:
            if key is not None:
                signed_claims(signed(as_json(CLAIMS)), key, COUNCIL)
        except NotSignedIn:
            assert key != PUBLIC


@pytest.mark.filterwarnings("ignore:Key size")
def test_an_rsa_key_that_can_be_taken_apart_proves_nothing():
    weak = RSAKey.generate_key(1024, {"kid": "weak"})
    token = jws.serialize_compact({"alg": "RS256", "kid": "weak"}, as_json(CLAIMS), weak, algorithms=["RS256"])
    trusting = msgspec.structs.replace(COUNCIL, algorithms=("RS256",))
    with pytest.raises(NotSignedIn) as refused:
        signed_claims(token, weak.as_dict(private=False), trusting)
    assert refused.value.facts["rule"] == "identity/key"
    with pytest.raises(NotAcceptable, match="2048 bits"):
        _keys(as_json({"keys": [weak.as_dict(private=False)]}).decode())


def test_of_two_keys_of_one_name_the_first_serves_and_no_other():
    ring = (PUBLIC, {**KEYS[1], "kid": "one"})
    assert _pick(ring, "one") is PUBLIC
    assert _pick(ring, "") is None, "a token that names none is nobody's where there are two"


@given(mutated(DISCOVERED))
@settings(max_examples=100, deadline=None)
def test_a_discovery_document_leads_nowhere_but_home(made):
    try:
        found = msgspec.json.decode(as_json(made), type=Discovered)
    except msgspec.MsgspecError:
        return
    for address in found.addresses():
        if COUNCIL.owns(address):
            assert address.startswith("https://council.example")


@pytest.mark.parametrize("nonce", ["\ud800", "né", ""])
def test_a_nonce_of_letters_that_nobody_can_write_is_another_nonce(nonce):
    token = signed(json.dumps({**CLAIMS, "nonce": nonce}).encode())
    with pytest.raises(CareRecordError) as refused:
        verified(token, PUBLIC, COUNCIL, nonce="n", now=NOW)
    assert refused.value.facts["rule"] == "identity/nonce"


@pytest.mark.parametrize("odd", ["a\x00b", "x" * 256, 7, ["s"], {"s": 1}, "\ud800"])
def test_a_session_of_the_providers_that_cannot_be_kept_is_none(odd):
    assert word_of({"sid": odd}, "sid") == ""
