"""Is this the ID token that we asked for? The checks of OpenID Connect Core 3.1.3.7; what it says of itself is not obeyed."""

import base64
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from carerecord.identity.registry import TrustedProvider
from carerecord.kit.errors import NotSignedIn

SKEW_S = 60  # between two clocks that are both kept
_OLDEST_S = 600  # an ID token is used at once
_LARGEST = 32_000
_KEY_ID = re.compile(r"[A-Za-z0-9_.~=+-]{1,128}")


def untrusted(rule: str) -> NotSignedIn:
    """What the user is told is the same for every check; the operators' log and the book name the rule."""
    return NotSignedIn("The sign-in could not be verified. Please sign in again.", rule=f"identity/{rule}")


def key_id(token: str, provider: TrustedProvider) -> str:
    """The key id of a token whose header may be believed that far.

    `jku`, `jwk`, `x5u` and `x5c` are not looked at: keys come from the provider's own address alone.

    Raises:
        NotSignedIn: an algorithm that is not pinned for this provider, a critical header, an odd key id, or no token at all.
    """
    if len(token) > _LARGEST or token.count(".") != 2:
        raise untrusted("token")
    try:
        header = msgspec.json.decode(_decoded(token.partition(".")[0]), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError):
        raise untrusted("token") from None
    if header.get("alg") not in provider.algorithms:
        raise untrusted("algorithm")
    if "crit" in header or header.get("typ", "JWT") != "JWT":
        raise untrusted("header")
    kid = header.get("kid")
    if not isinstance(kid, str) or not _KEY_ID.fullmatch(kid) or ".." in kid:
        raise untrusted("key")
    return kid


def verified(token: str, key: Mapping[str, Any], provider: TrustedProvider, *, nonce: str, now: float) -> dict[str, Any]:
    """The claims of the token, every one of them checked that protects the sign-in. `now`: seconds since the epoch.

    Raises:
        NotSignedIn: one of the checks failed; fact `rule` says which.
    """
    try:
        claims = jwt.decode(token, import_key(dict(key)), algorithms=list(provider.algorithms)).claims
    except (JoseError, ValueError, TypeError, KeyError):
        raise untrusted("signature") from None
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if claims.get("iss") != provider.issuer:
        raise untrusted("issuer")
    if provider.client_id not in audiences or (len(audiences) > 1 and claims.get("azp") != provider.client_id):
        raise untrusted("audience")
    if "azp" in claims and claims["azp"] != provider.client_id:
        raise untrusted("audience")
    ends, made = claims.get("exp"), claims.get("iat")
    if not isinstance(ends, int | float) or not isinstance(made, int | float):
        raise untrusted("time")
    if now > ends + SKEW_S or made > now + SKEW_S or made < now - _OLDEST_S:
        raise untrusted("time")
    if claims.get("nonce") != nonce:
        raise untrusted("nonce")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise untrusted("subject")
    return claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
