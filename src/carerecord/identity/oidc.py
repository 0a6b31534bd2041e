"""How is a trusted provider spoken to? Discovery, keys, the code for its tokens, userinfo: at addresses of its own alone."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec

from carerecord.identity.registry import TrustedProvider, safe_address
from carerecord.kit.errors import NotSignedIn, Unavailable
from carerecord.kit.log import Log

DISCOVERY_LASTS_S = 3600.0
KEYS_LAST_S = 600.0  # a key that the provider has withdrawn is refused after this
REFETCH_EVERY_S = 30.0  # for a key id that is not known: at most so often, whoever asks
_MOST_BYTES = 500_000
_TIMEOUT = aiohttp.ClientTimeout(total=5.0, connect=2.0)


class Discovered(msgspec.Struct, frozen=True):
    """What of a discovery document is used (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    def addresses(self) -> tuple[str, ...]:
        named = (
            self.authorization_endpoint,
            self.token_endpoint,
            self.jwks_uri,
            self.userinfo_endpoint,
            self.end_session_endpoint,
        )
        return tuple(each for each in named if each)


class Tokens(msgspec.Struct, frozen=True):
    """What the token endpoint gave. Lives for the length of one sign-in and is stored nowhere."""

    id_token: str
    access_token: str = ""


@dataclass
class _Known:
    """What is remembered of one provider, and when it was learned (seconds of the loop's clock)."""

    issuer: str
    discovered: Discovered | None = None
    discovered_at: float = 0.0
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys_at: float = float("-inf")
    tried_at: float = float("-inf")


@dataclass
class ProviderClient:
    """One for the service. Its session is opened at first use and closed with the service."""

    secret: Callable[[str], str]
    log: Log
    refetch_every_s: float = REFETCH_EVERY_S
    keys_last_s: float = KEYS_LAST_S
    _known: dict[str, _Known] = field(default_factory=dict)
    _web: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._web is not None:
            await self._web.close()

    async def discover(self, provider: TrustedProvider) -> Discovered:
        """The provider's addresses. An old document serves while the provider is silent.

        Raises:
            Unavailable: it does not answer, or answers for another issuer.
        """
        known, now = self._of(provider), _now()
        if known.discovered is not None and now - known.discovered_at < DISCOVERY_LASTS_S:
            return known.discovered
        try:
            body = await self._get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration", provider)
            found = msgspec.json.decode(body, type=Discovered)
        except (Unavailable, msgspec.DecodeError) as error:
            if known.discovered is not None:
                return known.discovered
            raise _silent(provider) from error
        if found.issuer != provider.issuer or not all(safe_address(each) for each in found.addresses()):
            self.log.warning("provider.mistrusted", provider=provider.id, why="discovery")
            raise _silent(provider)
        known.discovered, known.discovered_at = found, now
        return found

    async def key(self, provider: TrustedProvider, kid: str) -> Mapping[str, Any] | None:
        """The public key of this id; fetched anew when the ring is old, or (rarely) when the id is not known."""
        known, now = self._of(provider), _now()
        old = now - known.keys_at > self.keys_last_s
        if (old or kid not in known.keys) and now - known.tried_at >= self.refetch_every_s:
            known.tried_at = now
            await self._fetch_keys(provider, known, now)
        return known.keys.get(kid)

    async def _fetch_keys(self, provider: TrustedProvider, known: _Known, now: float) -> None:
        """A provider whose keys cannot be had keeps those that it had."""
        try:
            ring = msgspec.json.decode(await self._get((await self.discover(provider)).jwks_uri, provider), type=dict[str, Any])
            keys = {each["kid"]: each for each in ring["keys"] if each.get("use", "sig") == "sig"}
        except (Unavailable, msgspec.DecodeError, KeyError, TypeError, AttributeError):
            self.log.warning("provider.keys_not_fetched", provider=provider.id)
            return
        known.keys, known.keys_at = keys, now

    async def exchange(self, provider: TrustedProvider, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The code for tokens.

        Raises:
            NotSignedIn: the provider refuses the code.
            Unavailable: it does not answer.
        """
        found = await self.discover(provider)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers = {"Accept": "application/json"}
        secret = self.secret(provider.credentials)
        if "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            headers["Authorization"] = aiohttp.encode_basic_auth(quote_plus(provider.client_id), quote_plus(secret))
        else:
            form |= {"client_id": provider.client_id, "client_secret": secret}
        status, body = await self._send("POST", found.token_endpoint, provider, data=form, headers=headers)
        if status in (400, 401, 403):
            raise NotSignedIn("Your organisation did not confirm this sign-in. Please sign in again.", rule="identity/code")
        try:
            if status == 200:
                return msgspec.json.decode(body, type=Tokens)
        except msgspec.DecodeError:
            pass
        raise _silent(provider)

    async def userinfo(self, provider: TrustedProvider, access_token: str) -> dict[str, Any]:
        found = await self.discover(provider)
        body = await self._get(found.userinfo_endpoint, provider, headers={"Authorization": f"Bearer {access_token}"})
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise _silent(provider) from error

    def _of(self, provider: TrustedProvider) -> _Known:
        """What is known under this id; nothing, once the registry gives the id to another issuer."""
        known = self._known.get(provider.id)
        if known is None or known.issuer != provider.issuer:
            known = self._known[provider.id] = _Known(provider.issuer)
        return known

    async def _get(self, address: str, provider: TrustedProvider, **more: Any) -> bytes:
        status, body = await self._send("GET", address, provider, **more)
        if status != 200:
            raise _silent(provider)
        return body

    async def _send(self, method: str, address: str, provider: TrustedProvider, **more: Any) -> tuple[int, bytes]:
        if self._web is None:
            self._web = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._web.request(method, address, allow_redirects=False, **more) as reply:
                body = await reply.content.read(_MOST_BYTES)
                while chunk := await reply.content.read(_MOST_BYTES):
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise _silent(provider)
                return reply.status, body
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _silent(provider) from error


def _now() -> float:
    return asyncio.get_running_loop().time()


def _silent(provider: TrustedProvider) -> Unavailable:
    return Unavailable(f"The sign-in of {provider.name} does not answer. Try again in a moment.", service="identity")
