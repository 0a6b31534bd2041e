"""How does an organisation of the region sign its own people in? An OpenID provider: code flow, PKCE, real signatures."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from carerecord.region.servers import oidc_pages
from carerecord.region.servers.clients import basic
from carerecord.region.servers.http import HTML, Answer, Asked, Reply, as_json, redirect
from carerecord.region.servers.mischief import Mischief, signed, spoiled_claims
from carerecord.region.servers.oidc_claims import Manner, person_claims, role_claims
from carerecord.region.servers.oidc_keys import Keyring
from carerecord.region.shapes import IdentityProvider, Organisation, User

_CODE_LIFE_S, _TOKEN_LIFE_S = 60.0, 300
_CARRIED = ("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method")


@dataclass
class Grant:
    """One sign-in under way: its code, then its access token."""

    user: User
    asked: Mapping[str, str]
    made_at: float
    used: bool = False
    tokens: list[str] = field(default_factory=list)


class OidcProvider:
    """One organisation's provider. `issuer`: the address of its listener; `redirects`: the origins where its client may stand."""

    def __init__(
        self,
        provider: IdentityProvider,
        users: Sequence[User],
        issuer: str,
        manner: Manner,
        *,
        secret: str,
        client_id: str = "carerecord",
        redirects: Sequence[str] = (),
        organisations: Sequence[Organisation] = (),
    ) -> None:
        self.provider, self.issuer, self.manner = provider, issuer, manner
        self.client_id, self.secret = client_id, secret
        self.ring = Keyring(manner.algorithm)
        self.mischief: Mischief = ""
        self.elsewhere = ""  # where a mischievous header points
        self.asked: list[str] = []  # paths, in order
        self._redirects = tuple(redirects)
        self._users = {user.username: user for user in users}
        self._organisations = {each.ods: each for each in organisations}
        self._grants: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self.gives_refresh_tokens = True
        self.left: set[str] = set()  # names of users who no longer work here

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked.path)
        match asked.method, asked.path:
            case "GET", "/.well-known/openid-configuration":
                return as_json(self._metadata())
            case "GET", "/jwks":
                return Reply(b"", 503) if self.mischief == "jwks-down" else as_json(self.ring.published())
            case "GET", "/authorize":
                return self._authorise(dict(asked.query))
            case "POST", "/authorize":
                return self._authorise(asked.form)
            case "POST", "/token":
                return self._token(asked)
            case "GET" | "POST", "/userinfo":
                return self._userinfo(asked)
            case "GET", "/end-session":
                return self._end(dict(asked.query))
        return self._said("Nothing here", "This address leads nowhere.", 404)

    def _metadata(self) -> dict[str, Any]:
        at = self.issuer
        return {
            "issuer": at + ".evil.test" if self.mischief == "discovery-iss" else at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "userinfo_endpoint": f"{at}/userinfo",
            "jwks_uri": f"{at}/jwks",
            "end_session_endpoint": f"{at}/end-session",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.manner.algorithm],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": self.manner.scope.split(),
            "authorization_response_iss_parameter_supported": True,
        }

    # the browser's side

    def _authorise(self, told: Mapping[str, str]) -> Reply:
        back = told.get("redirect_uri", "")
        if told.get("client_id") != self.client_id or not self._known(back):
            return self._said(
                "Not a known service", "The service that sent you here is not registered with this organisation.", 400
            )
        if told.get("response_type") != "code":
            return self._back(told, error="unsupported_response_type")
        if told.get("code_challenge_method") != "S256" or len(told.get("code_challenge", "")) != 43:
            return self._back(told, error="invalid_request")
        user = self._users.get(told.get("user", "")) or self._users.get(told.get("login_hint", ""))
        if user is None:
            carried = {name: told[name] for name in _CARRIED if name in told}
            page = oidc_pages.choose(self.provider.name, list(self._users.values()), self._organisations, carried)
            return Reply(page, 200, HTML, oidc_pages.HEADERS)
        code = secrets.token_urlsafe(24)
        self._grants[code] = Grant(user, dict(told), time.monotonic())
        return self._back(told, code=code)

    def _back(self, told: Mapping[str, str], **more: str) -> Reply:
        answer = {**more, "state": told.get("state", ""), "iss": self.issuer}
        if self.mischief == "callback-iss":
            answer["iss"] = "https://another.region.example"
        if self.mischief == "no-callback-iss":
            del answer["iss"]
        return redirect(f"{told['redirect_uri']}{'&' if '?' in told['redirect_uri'] else '?'}{urlencode(answer)}")

    def _known(self, address: str) -> bool:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}" in self._redirects and not parts.fragment

    def _end(self, told: Mapping[str, str]) -> Reply:
        back = told.get("post_logout_redirect_uri", "")
        if told.get("client_id") == self.client_id and self._known(back):
            return redirect(back + (f"?{urlencode({'state': told['state']})}" if "state" in told else ""))
        return self._said("Signed out", "You are signed out of your organisation's pretend sign-in.", 200)

    # the service's side

    def _token(self, asked: Asked) -> Reply:
        if self.mischief == "token-down":
            return Reply(b"", 503)
        form = asked.form
        client, secret = basic(asked) or (form.get("client_id", ""), form.get("client_secret", ""))
        if client != self.client_id or not hmac.compare_digest(secret, self.secret):
            return as_json({"error": "invalid_client"}, 401)
        if form.get("grant_type") == "refresh_token":
            return self._again(form.get("refresh_token", ""))
        grant = self._grants.get(form.get("code", ""))
        if form.get("grant_type") != "authorization_code" or grant is None or self.mischief == "token-refuses":
            return as_json({"error": "invalid_grant"}, 400)
        if grant.used:  # a code that comes twice was stolen once: what it bought is taken back
            for token in grant.tokens:
                self._access.pop(token, None)
            self._refresh = {token: other for token, other in self._refresh.items() if other is not grant}
            return as_json({"error": "invalid_grant"}, 400)
        grant.used = True
        stale = time.monotonic() - grant.made_at > _CODE_LIFE_S
        if stale or form.get("redirect_uri") != grant.asked["redirect_uri"] or not _proves(form.get("code_verifier", ""), grant):
            return as_json({"error": "invalid_grant"}, 400)
        return self._given(grant, id_token=self._id_token(grant))

    def _again(self, token: str) -> Reply:
        """A refresh token serves once; the next comes with the answer."""
        if not self.gives_refresh_tokens:
            return as_json({"error": "unsupported_grant_type"}, 400)
        grant = self._refresh.pop(token, None)
        if grant is None or grant.user.username in self.left:
            return as_json({"error": "invalid_grant"}, 400)
        return self._given(grant)

    def _given(self, grant: Grant, **more: str) -> Reply:
        access = secrets.token_urlsafe(24)
        grant.tokens.append(access)
        self._access[access] = grant
        if self.gives_refresh_tokens:
            more["refresh_token"] = secrets.token_urlsafe(24)
            self._refresh[more["refresh_token"]] = grant
        given = {"access_token": access, "token_type": "Bearer", "expires_in": _TOKEN_LIFE_S, **more}
        return as_json(given, headers=(("Cache-Control", "no-store"),))

    def _id_token(self, grant: Grant) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": grant.user.sub,
            "aud": self.client_id,
            "iat": now,
            "exp": now + _TOKEN_LIFE_S,
            "auth_time": now,
            "nonce": grant.asked.get("nonce", ""),
            "acr": self.manner.acr,
            "sid": secrets.token_hex(8),
            **person_claims(grant.user),
        }
        if self.manner.place == "id_token":
            claims |= role_claims(grant.user, self.manner, self._organisations)
        return signed(self.mischief, self.ring, spoiled_claims(self.mischief, claims), self.elsewhere)

    def _userinfo(self, asked: Asked) -> Reply:
        grant = self._access.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if grant is None:
            return as_json({"error": "invalid_token"}, 401)
        subject = "somebody-else" if self.mischief == "userinfo-sub" else grant.user.sub
        return as_json({"sub": subject, **person_claims(grant.user), **role_claims(grant.user, self.manner, self._organisations)})

    def _said(self, title: str, words: str, status: int) -> Reply:
        return Reply(oidc_pages.said(self.provider.name, title, words), status, HTML, oidc_pages.HEADERS)


def _proves(verifier: str, grant: Grant) -> bool:
    """PKCE, S256 only (RFC 7636)."""
    digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return 43 <= len(verifier) <= 128 and hmac.compare_digest(digest, grant.asked["code_challenge"])
