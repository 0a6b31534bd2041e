"""A token that is almost right is wrong."""

import math
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from carerecord.identity.id_token import OLDEST_S, SKEW_S, check_access_token, header_of, verified
from carerecord.identity.providers import RoleWords, TrustedProvider
from carerecord.kit.errors import NotSignedIn

NOW = 1_790_000_000.0
KEY = ECKey.generate_key("P-256", {"kid": "one"})
COUNCIL = TrustedProvider(
    "council", "R9C", "Council", "https://council.example", "carerecord", ("ES256",), RoleWords("roles", {"a": "gp"})
)


def a_token(header: dict[str, Any] | None = None, **changes: Any) -> str:
    claims = {"iss": "https://council.example", "sub": "7", "aud": "carerecord", "iat": NOW, "exp": NOW + 300, "nonce": "n"}
    told = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": "one"} | (header or {}), told, KEY)


def read(token: str) -> dict[str, Any]:
    header_of(token, COUNCIL)
    return verified(token, KEY.as_dict(private=False), COUNCIL, nonce="n", now=NOW)


def test_a_good_token_is_believed():
    assert read(a_token())["sub"] == "7"


def test_clocks_may_differ_by_a_minute_and_no_more():
    assert read(a_token(exp=NOW - SKEW_S, iat=NOW - 300))
    assert read(a_token(iat=NOW + SKEW_S))
    for late in (a_token(exp=NOW - SKEW_S - 1), a_token(iat=NOW + SKEW_S + 1), a_token(iat=NOW - OLDEST_S - SKEW_S - 1)):
        with pytest.raises(NotSignedIn):
            read(late)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"exp": None}, "time"),
        ({"exp": str(NOW + 300)}, "time"),
        ({"exp": True}, "time"),
        ({"exp": math.nan}, "time"),
        ({"exp": math.inf}, "time"),
        ({"nbf": NOW + 120}, "time"),
        ({"iat": None}, "time"),
        ({"iss": "https://council.example/"}, "issuer"),
        ({"iss": ["https://council.example"]}, "issuer"),
        ({"aud": "carerecord2"}, "audience"),
        ({"aud": ["carerecord", "other"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": {"carerecord": 1}}, "audience"),
        ({"azp": "other"}, "audience"),
        ({"nonce": ["n"]}, "nonce"),
        ({"sub": 7}, "subject"),
        ({"sub": "x" * 256}, "subject"),
        ({"sub": "a\nb"}, "subject"),
    ],
)
def test_each_claim_must_be_as_it_should(changes, rule):
    with pytest.raises(NotSignedIn) as refused:
        read(a_token(**changes))
    assert refused.value.facts["rule"] == f"identity/{rule}"


def test_several_audiences_stand_when_we_are_the_one_it_was_made_for():
    assert read(a_token(aud=["carerecord", "other"], azp="carerecord"))


def test_headers_that_nobody_asked_for_are_not_obeyed():
    assert read(a_token({"x5t": "abc"}))["sub"] == "7"


@pytest.mark.parametrize("kid", ["../../etc/passwd", "a/b", "a b", "' OR 1=1", "x" * 129, "a\x00"])
def test_a_key_id_is_a_plain_word(kid):
    with pytest.raises(NotSignedIn):
        header_of(a_token({"kid": kid}), COUNCIL)


@pytest.mark.parametrize("token", ["", "x", "..", "a.b", "!!.!!.!!", "e30.e30.e30", "W10.e30.e30", "." * 40_000, "x" * 40_000])
def test_what_is_no_token_is_refused(token):
    with pytest.raises(NotSignedIn):
        header_of(token, COUNCIL)


def test_an_access_token_must_be_the_one_that_came_along():
    # OpenID Connect Core, appendix A.3: the access token and its at_hash (RS256).
    claims = {"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}
    check_access_token(claims, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256")
    with pytest.raises(NotSignedIn):
        check_access_token(claims, "another", "RS256")
