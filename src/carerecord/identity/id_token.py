"""Is this the ID token that we asked for? Every check of OpenID Connect Core 3.1.3.7; no token says how it is to be checked."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey, import_key
from joserfc.jws import JWSRegistry

from carerecord.identity.providers import TrustedProvider
from carerecord.kit.errors import NotSignedIn

SKEW_S = 60  # between two clocks that are both kept
OLDEST_S = 600  # an ID token is used at once
LEAST_BITS = 2_048
_LARGEST = 32_000
_FARTHEST = 1e11  # seconds; no clock says so
_KEY_ID = re.compile(r"[A-Za-z0-9_.:~=+-]{1,128}")


def untrusted(rule: str) -> NotSignedIn:
    """What the user is told is the same for every check; the operators' log and the book name the rule."""
    return NotSignedIn("The sign-in could not be verified. Please sign in again.", rule=f"identity/{rule}")


@dataclass(frozen=True)
class Header:
    """What of a token's header is used."""

    algorithm: str
    kid: str  # "" when it names no key


def header_of(token: str, provider: TrustedProvider, *, kind: str = "JWT") -> Header:
    """The header of a token, when it may be believed that far. `typ` is `kind`, or the plain "JWT".

    `jku`, `jwk`, `x5u` and `x5c` are not looked at: keys come from the provider's own address alone.

    Raises:
        NotSignedIn: an algorithm that is not pinned for this provider, a critical header, an odd key id, or no token at all.
    """
    if len(token) > _LARGEST or token.count(".") != 2:
        raise untrusted("token")
    try:
        header = msgspec.json.decode(_decoded(token.partition(".")[0]), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise untrusted("token") from None
    if header.get("alg") not in provider.algorithms:
        raise untrusted("algorithm")
    if "crit" in header or str(header.get("typ", kind)).lower() not in (kind.lower(), "jwt"):
        raise untrusted("header")
    kid = header.get("kid", "")
    if not isinstance(kid, str) or (kid and not _KEY_ID.fullmatch(kid)):
        raise untrusted("key")
    return Header(header["alg"], kid)


def signed_claims(token: str, key: Mapping[str, Any], provider: TrustedProvider) -> dict[str, Any]:
    """What a token says that this key has signed, by an algorithm that is pinned for this provider.

    Raises:
        NotSignedIn: it has not.
    """
    # Headers that we do not know are not obeyed, so they may be there; `crit` was refused before.
    registry = JWSRegistry(algorithms=list(provider.algorithms), strict_check_header=False)
    try:
        public = import_key(dict(key))
        if is_weak(public):
            raise untrusted("key")
        return jwt.decode(token, public, registry=registry).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise untrusted("signature") from None


def is_weak(key: object) -> bool:
    """RFC 7518, sections 3.3 and 3.5: an RSA key has 2048 bits or more. The library only warns."""
    return isinstance(key, RSAKey) and key.raw_value.key_size < LEAST_BITS


def verified(token: str, key: Mapping[str, Any], provider: TrustedProvider, *, nonce: str, now: float) -> dict[str, Any]:
    """The claims of the token, every one of them checked that protects the sign-in. `now`: seconds since the epoch.

    Raises:
        NotSignedIn: one of the checks failed; fact `rule` says which.
    """
    claims = signed_claims(token, key, provider)
    check_addressed(claims, provider)
    check_times(claims, now)
    said = claims.get("nonce")
    if not isinstance(said, str) or not said.isascii() or not hmac.compare_digest(said, nonce):
        raise untrusted("nonce")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise untrusted("subject")
    if provider.acr and claims.get("acr") not in provider.acr:
        raise untrusted("assurance")
    return claims


def check_addressed(claims: Mapping[str, Any], provider: TrustedProvider) -> None:
    """From this provider, to us, and to nobody else besides."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != provider.issuer:
        raise untrusted("issuer")
    if provider.client_id not in audiences or (len(audiences) > 1 and "azp" not in claims):
        raise untrusted("audience")
    if "azp" in claims and claims["azp"] != provider.client_id:
        raise untrusted("audience")


def check_times(claims: Mapping[str, Any], now: float) -> None:
    """Not over, and made just now. `now`: seconds since the epoch."""
    ends, made, begins = _seconds(claims.get("exp")), _seconds(claims.get("iat")), _seconds(claims.get("nbf", 0))
    if now > ends + SKEW_S or made > now + SKEW_S or made < now - OLDEST_S - SKEW_S or begins > now + SKEW_S:
        raise untrusted("time")


def check_access_token(claims: Mapping[str, Any], access_token: str, algorithm: str) -> None:
    """`at_hash`, when it is there: the access token came in the same breath (OpenID Connect Core 3.1.3.8)."""
    if "at_hash" not in claims:
        return
    digest = hashlib.new(f"sha{algorithm[-3:]}", access_token.encode()).digest()
    expected = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    if claims["at_hash"] != expected:
        raise untrusted("access-token")


def _seconds(told: Any) -> float:
    if not isinstance(told, int | float) or isinstance(told, bool) or not abs(told) < _FARTHEST:
        raise untrusted("time")
    return told


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
