"""How do we show a provider who we are? By a secret, or by an assertion signed with a key that never leaves us. Pure."""

import secrets
from collections.abc import Mapping
from urllib.parse import quote_plus

from aiohttp import encode_basic_auth
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from carerecord.identity.providers import TrustedProvider
from carerecord.kit.errors import BadSetting

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LASTS_S = 60
_BY_CURVE = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

Form = Mapping[str, str]


def shown(provider: TrustedProvider, secret: str, methods: tuple[str, ...], audience: str, now: float) -> tuple[Form, Form]:
    """Headers and form fields for the token endpoint `audience`. `methods`: those that the provider offers for a secret.

    Raises:
        BadSetting: the secret should be a private key in PEM, and is none.
    """
    if provider.client_auth == "private_key_jwt":
        return {}, {"client_id": provider.client_id, **_assertion(provider, secret, audience, now)}
    if not secret:
        return {}, {"client_id": provider.client_id}
    if "client_secret_basic" in methods:  # RFC 6749, section 2.3.1: each part form-encoded first
        return {"Authorization": encode_basic_auth(quote_plus(provider.client_id), quote_plus(secret))}, {}
    return {}, {"client_id": provider.client_id, "client_secret": secret}


def _assertion(provider: TrustedProvider, pem: str, audience: str, now: float) -> Form:
    """RFC 7523, section 2.2, as NHS England's providers ask for it: RS512 for an RSA key, a `jti` of its own, short-lived."""
    try:
        key = _key(pem)
        algorithm = "RS512" if isinstance(key, RSAKey) else _BY_CURVE[key.curve_name]
        header = {"alg": algorithm, "typ": "JWT"} | ({"kid": provider.client_key_id} if provider.client_key_id else {})
        claims = {
            "iss": provider.client_id,
            "sub": provider.client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(24),
            "iat": int(now),
            "exp": int(now) + _LASTS_S,
        }
        signed = jwt.encode(header, claims, key, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError):
        raise BadSetting(f"The secret {provider.credentials} should be a private key in PEM.") from None
    return {"client_assertion_type": _ASSERTION, "client_assertion": signed}


def _key(pem: str) -> RSAKey | ECKey:
    key = load_pem_private_key(pem.encode(), None)
    return (ECKey if isinstance(key, EllipticCurvePrivateKey) else RSAKey).import_key(pem)
