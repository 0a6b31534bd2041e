"""How does a user go to their own organisation to sign in, and with what do they come back? The code flow, both halves.

State is single use and kept here by its hash; nonce and PKCE verifier are made from it with a key of ours, and stored nowhere.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from carerecord.contracts.identity import BeginAsked, Begun, FinishAsked
from carerecord.identity.id_token import check_access_token, header_of, untrusted, verified
from carerecord.identity.model import SIGN_IN_LASTS, SignIn, challenge, derived, hashed, is_path_of_ours, origin
from carerecord.identity.oidc import ProviderClient
from carerecord.identity.providers import LOOPBACK, TrustedProvider, is_safe
from carerecord.identity.registry import Registry
from carerecord.identity.store import sessions as store
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotFound, NotSignedIn, NotUnderstood, Unavailable

_BEGIN_AGAIN = (
    "This sign-in was not begun in this browser, was finished before, or took longer than ten minutes. Please begin again."
)
_NOT_NOW = ("temporarily_unavailable", "server_error")


@dataclass(frozen=True)
class Vouched:
    """What a trusted provider says of the user who came back, every check passed."""

    provider: TrustedProvider
    claims: Mapping[str, Any]
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class SigningIn:
    db: Pool
    clock: Clock
    client: ProviderClient
    registry: Registry
    key: bytes = field(repr=False)
    homes: tuple[str, ...] = ()  # origins where people reach us; () = this machine alone

    async def begin(self, asked: BeginAsked) -> Begun:
        """Where the browser goes to sign in.

        Raises:
            NotFound: no such provider. Nothing is fetched for one that the registry does not name.
            NotUnderstood: an address to return to that is not ours.
            Unavailable: the provider does not answer.
        """
        provider = self.registry.trusted(asked.provider)
        if provider is None:
            raise NotFound("That organisation does not sign people in here.")
        if not self._is_ours(asked.redirect_uri) or not is_path_of_ours(asked.after):
            raise NotUnderstood("The address to return to is not one of ours.")
        found = await self.client.discover(provider)
        state = secrets.token_urlsafe(32)
        sign_in = SignIn(provider.id, provider.issuer, asked.redirect_uri, asked.after, self.clock.now())
        await store.add_sign_in(self.db, hashed(state), sign_in)
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": asked.redirect_uri,
            "scope": " ".join(provider.scopes),
            "state": state,
            "nonce": derived(self.key, "nonce", state),
            "code_challenge": challenge(derived(self.key, "pkce", state)),
            "code_challenge_method": "S256",
        }
        query |= {"acr_values": " ".join(provider.acr)} if provider.acr else {}
        query |= {"login_hint": asked.login_hint} if asked.login_hint else {}
        joint = "&" if "?" in found.authorization_endpoint else "?"
        return Begun(f"{found.authorization_endpoint}{joint}{urlencode(query)}", state)

    async def take(self, asked: FinishAsked) -> SignIn:
        """The sign-in that this answer belongs to; nobody can take it again.

        Raises:
            NotUnderstood: there is none, or another browser began it. Nothing is written down: anybody can send this.
        """
        same = hmac.compare_digest(asked.state.encode(), asked.cookie_state.encode())
        if not asked.state or not same:
            raise NotUnderstood(_BEGIN_AGAIN, rule="identity/state")
        begun = await store.take_sign_in(self.db, hashed(asked.state), self.clock.now() - SIGN_IN_LASTS)
        if begun is None:
            raise NotUnderstood(_BEGIN_AGAIN, rule="identity/state")
        return begun

    async def vouched(self, asked: FinishAsked, begun: SignIn) -> Vouched:
        """Raises:
        NotSignedIn: something about the answer is not as it must be; fact `rule`.
        Unavailable: the provider does not answer.
        """
        provider = self.registry.trusted(begun.provider, begun.issuer)
        if provider is None:
            raise untrusted("provider")
        found = await self.client.discover(provider)
        # RFC 9207: the answer of one provider is never taken to another.
        if asked.iss != provider.issuer and (asked.iss or found.authorization_response_iss_parameter_supported):
            raise untrusted("callback-issuer")
        if asked.error in _NOT_NOW:
            raise Unavailable(
                f"The sign-in of {provider.name} does not work just now. Try again in a moment.", service="identity"
            )
        if asked.error or not asked.code:
            raise NotSignedIn(f"The sign-in at {provider.name} was not completed. Please sign in again.", rule="identity/error")
        tokens = await self.client.exchange(provider, asked.code, derived(self.key, "pkce", asked.state), begun.redirect_uri)
        header = header_of(tokens.id_token, provider)
        key = await self.client.key(provider, header.kid)
        nonce, now = derived(self.key, "nonce", asked.state), self.clock.now().timestamp()
        claims = verified(tokens.id_token, key, provider, nonce=nonce, now=now)
        check_access_token(claims, tokens.access_token, header.algorithm)
        if provider.roles.place == "userinfo":
            told = await self.client.userinfo(provider, tokens.access_token)
            if told.get("sub") != claims["sub"]:
                raise untrusted("userinfo")
            claims = {**told, **claims}
        return Vouched(provider, claims, tokens.refresh_token)

    def _is_ours(self, address: str) -> bool:
        if not is_safe(address):
            return False
        here = origin(address)
        return here in self.homes if self.homes else urlsplit(here).hostname in LOOPBACK
