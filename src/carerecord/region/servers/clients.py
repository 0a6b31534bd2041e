"""Which program may call a pretend system? OAuth 2.0 client credentials, and the tokens that were given out."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time

from carerecord.region.servers.http import Asked, Reply, as_json

_LIFE_S = 599  # as the national API platform gives (CIS2 and PDS example tokens)


class Clients:
    """One client, one secret, and its tokens in force."""

    def __init__(self, client_id: str, secret: str, life_s: int = _LIFE_S) -> None:
        self.client_id, self.secret, self._life_s = client_id, secret, life_s
        self._tokens: dict[str, float] = {}

    def token(self, asked: Asked) -> Reply:
        form = asked.form
        if asked.method != "POST" or form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        client, secret = basic(asked) or (form.get("client_id", ""), form.get("client_secret", ""))
        if client != self.client_id or not self.secret or not hmac.compare_digest(secret, self.secret):
            return as_json({"error": "invalid_client"}, 401)
        token, now = secrets.token_urlsafe(24), time.monotonic()
        self._tokens = {known: ends for known, ends in self._tokens.items() if ends > now}
        self._tokens[token] = now + self._life_s
        given = {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self._life_s,
            "scope": form.get("scope", "system/*.rs"),
        }
        return as_json(given, headers=(("Cache-Control", "no-store"),))

    def knows(self, asked: Asked) -> bool:
        word, _, token = asked.headers.get("authorization", "").partition(" ")
        return word.lower() == "bearer" and self._tokens.get(token, 0.0) > time.monotonic()


def basic(asked: Asked) -> tuple[str, str] | None:
    """Name and secret of the Basic scheme, if it is used."""
    word, _, coded = asked.headers.get("authorization", "").partition(" ")
    if word.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret
