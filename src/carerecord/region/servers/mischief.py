"""How may an identity provider lie? Each kind spoils one thing, so that a test sees the one check that stops it."""

from __future__ import annotations

import base64
import hmac
from hashlib import sha256
from typing import Any, Literal, get_args

import orjson
from joserfc.jws import JWSRegistry

from carerecord.region.servers.oidc_keys import Key, Keyring

Mischief = Literal[
    "", "wrong-iss", "wrong-nonce", "no-nonce", "wrong-aud", "wrong-azp", "expired", "future", "no-sub",
    "alg-none", "hs256-public-key", "unknown-kid", "path-kid", "jku", "own-jwk", "crit", "other-key", "other-algorithm",
    "access-token", "callback-iss", "no-callback-iss",
    "jwks-down", "token-down", "token-refuses", "userinfo-sub", "discovery-iss",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Mischief)


def spoiled_claims(kind: Mischief, claims: dict[str, Any]) -> dict[str, Any]:
    now, changes = claims["iat"], dict[str, dict[str, Any]]()
    changes["wrong-iss"] = {"iss": claims["iss"] + ".evil.test"}
    changes["wrong-nonce"] = {"nonce": "another"}
    changes["wrong-aud"] = {"aud": "another-service"}
    changes["wrong-azp"] = {"aud": [claims["aud"], "another-service"], "azp": "another-service"}
    changes["expired"] = {"iat": now - 7200, "exp": now - 3600}
    changes["future"] = {"iat": now + 3600, "exp": now + 7200}
    changed = claims | changes.get(kind, {})
    missing = {"no-nonce": "nonce", "no-sub": "sub"}.get(kind)
    return {name: value for name, value in changed.items() if name != missing}


def signed(kind: Mischief, ring: Keyring, claims: dict[str, Any], elsewhere: str) -> str:
    """The ID token under this mischief. `elsewhere` is an address where nobody may be sent to fetch keys."""
    header: dict[str, Any] = {"alg": ring.algorithm, "kid": ring.current.kid, "typ": "JWT"}
    match kind:
        case "alg-none":
            return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."
        case "hs256-public-key":
            return _hmac({**header, "alg": "HS256"}, claims, ring.current)
        case "unknown-kid":
            return Keyring(ring.algorithm).sign(claims, kid="nobody-knows-this-key")
        case "path-kid":
            return Keyring(ring.algorithm).sign(claims, kid="../../../../dev/null")
        case "other-key":
            return Keyring(ring.algorithm).sign(claims, kid=ring.current.kid)
        case "other-algorithm":
            return Keyring("ES256" if ring.algorithm == "RS256" else "RS256").sign(claims)
        case "jku":
            return _by_hand(Keyring(ring.algorithm), claims, jku=f"{elsewhere}/jwks", x5u=f"{elsewhere}/x5u")
        case "own-jwk":
            own = Keyring(ring.algorithm)
            return _by_hand(own, claims, jwk=own.current.as_dict(private=False))
        case "crit":
            return _by_hand(ring, claims, crit=["urn:unknown"], **{"urn:unknown": True})
        case "access-token":
            return ring.sign(
                {name: value for name, value in claims.items() if name != "nonce"} | {"aud": "urn:api"}, typ="at+jwt"
            )
    return ring.sign(claims)


def _part(value: dict[str, Any]) -> str:
    return _coded(orjson.dumps(value))


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hmac(header: dict[str, Any], claims: dict[str, Any], key: Key) -> str:
    """The old attack: the public key, which everybody has, is taken for a shared secret."""
    said = f"{_part(header)}.{_part(claims)}"
    public = key.as_pem(private=False)
    return f"{said}.{_coded(hmac.new(public, said.encode(), sha256).digest())}"


def _by_hand(ring: Keyring, claims: dict[str, Any], **extra: Any) -> str:
    """Signed well, under a header that the library would not write."""
    algorithm = JWSRegistry(algorithms=[ring.algorithm]).get_alg(ring.algorithm)
    header = {"alg": ring.algorithm, "kid": ring.current.kid, "typ": "JWT", **extra}
    said = f"{_part(header)}.{_part(claims)}"
    return f"{said}.{_coded(algorithm.sign(said.encode(), ring.current))}"
