"""How is a trusted provider spoken to? Discovery, keys, the code for its tokens, userinfo: at addresses of its own alone."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
import msgspec

from carerecord.identity.client_auth import shown
from carerecord.identity.id_token import untrusted
from carerecord.identity.providers import TrustedProvider
from carerecord.kit.clock import Clock
from carerecord.kit.errors import BadSetting, NotSignedIn, Unavailable
from carerecord.kit.log import Log

T = TypeVar("T")

DISCOVERY_LASTS_S = 3600.0
KEYS_LAST_S = 600.0  # then they are asked for again: a key that the provider has withdrawn is refused from then on
KEYS_SERVE_S = 86_400.0  # while it cannot be asked, the old ones serve so long
REFETCH_EVERY_S = 30.0  # for a key id that is not known: at most so often, whoever asks
_MOST_BYTES = 500_000
_TIMEOUT = aiohttp.ClientTimeout(total=5.0, connect=2.0)
_NEVER = float("-inf")


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
    """What the token endpoint gave. ID and access token live for the length of one sign-in and are stored nowhere."""

    id_token: str
    access_token: str = ""
    refresh_token: str = ""  # kept sealed with the session: see still_vouched.py


class Refreshed(msgspec.Struct, frozen=True):
    """What a refresh token gave."""

    access_token: str = ""
    refresh_token: str = ""  # "": the one that was shown serves on


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


@dataclass
class _Known:
    """What is remembered of one provider, and since when (seconds of the loop's clock)."""

    provider: TrustedProvider
    discovered: Discovered | None = None
    discovered_at: float = _NEVER
    keys: tuple[Mapping[str, Any], ...] = ()
    keys_at: float = _NEVER
    failed_at: float = _NEVER
    pressed_at: float = _NEVER  # when an unknown key id last made us ask
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # one asks for all who wait
    trust: ssl.SSLContext | None = None


@dataclass
class ProviderClient:
    """One for the service. Its web session is opened at first use and closed with the service."""

    secret: Callable[[str], str]
    clock: Clock
    log: Log
    refetch_every_s: float = REFETCH_EVERY_S
    keys_last_s: float = KEYS_LAST_S
    _known: dict[str, _Known] = field(default_factory=dict)
    _web: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._web is not None:
            await self._web.close()
            self._web = None

    async def discover(self, provider: TrustedProvider) -> Discovered:
        """The provider's addresses. An old document serves while the provider is silent.

        Raises:
            Unavailable: it does not answer, or answers for another issuer or with addresses that are not its own.
        """
        known = self._of(provider)
        async with known.lock:
            if known.discovered is not None and _now() - known.discovered_at < DISCOVERY_LASTS_S:
                return known.discovered
            address = f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                found = self._read(provider, await self._get(address, known), Discovered)
                if found.issuer != provider.issuer or not all(map(provider.owns, found.addresses())):
                    self.log.warning("provider.mistrusted", provider=provider.id, why="discovery")
                    raise _silent(provider)
            except Unavailable:
                if known.discovered is None:
                    raise
                return known.discovered
            known.discovered, known.discovered_at = found, _now()
            return found

    async def key(self, provider: TrustedProvider, kid: str) -> Mapping[str, Any]:
        """The public key of this id; asked for anew when the ring is old or, at most every half minute, does not hold it.

        Raises:
            NotSignedIn: the provider shows no such key.
            Unavailable: it cannot be asked, and nothing that it said before serves.
        """
        known, found = self._of(provider), await self.discover(provider)
        async with known.lock:
            if _now() - known.keys_at >= self.keys_last_s and _now() - known.failed_at >= 1.0:
                await self._fetch_keys(known, found)
            key = _pick(known.keys, kid)
            if key is None and known.keys and _now() - known.pressed_at >= self.refetch_every_s:
                known.pressed_at = _now()
                await self._fetch_keys(known, found)
                key = _pick(known.keys, kid)
            if not known.keys or _now() - known.keys_at >= KEYS_SERVE_S:
                raise _silent(provider)
        if key is None:
            raise untrusted("key")
        return key

    async def _fetch_keys(self, known: _Known, found: Discovered) -> None:
        """A provider whose keys cannot be had keeps those that it had."""
        try:
            told = self._read(known.provider, await self._get(found.jwks_uri, known), _KeySet)
        except Unavailable:
            known.failed_at = _now()
            self.log.warning("provider.keys_not_fetched", provider=known.provider.id)
            return
        # A secret key ("oct") in a public place is nobody's proof.
        known.keys = tuple(each for each in told.keys if each.get("use", "sig") == "sig" and each.get("kty") in ("RSA", "EC"))
        known.keys_at = _now()

    async def exchange(self, provider: TrustedProvider, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The code for tokens.

        Raises:
            NotSignedIn: the provider refuses the code.
            Unavailable: it does not answer, or refuses us.
        """
        found = await self.discover(provider)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers, fields = self._shown(provider, found)
        headers, form = {"Accept": "application/json", **headers}, {**form, **fields}
        status, body = await self._send("POST", found.token_endpoint, self._of(provider), data=form, headers=headers)
        if status == 400:
            raise NotSignedIn("Your organisation did not confirm this sign-in. Please sign in again.", rule="identity/code")
        if status != 200:
            self.log.warning("provider.token_refused", provider=provider.id, status=status)
            raise _silent(provider)
        return self._read(provider, body, Tokens)

    async def refresh(self, provider: TrustedProvider, refresh_token: str) -> Refreshed | None:
        """What the provider gives for this user once more; None when it does not do that for us.

        Raises:
            NotSignedIn: it vouches for this user no longer.
            Unavailable: it does not answer.
        """
        found = await self.discover(provider)
        headers, fields = self._shown(provider, found)
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **fields}
        headers = {"Accept": "application/json", **headers}
        status, body = await self._send("POST", found.token_endpoint, self._of(provider), data=form, headers=headers)
        if status == 400:
            # RFC 6749, section 5.2: only this code speaks of the user; the others speak of us.
            if self._read(provider, body, _Refusal).error == "invalid_grant":
                raise NotSignedIn("Your organisation no longer confirms this sign-in.", rule="identity/left")
            return None
        if status != 200:
            self.log.warning("provider.token_refused", provider=provider.id, status=status)
            raise _silent(provider)
        return self._read(provider, body, Refreshed)

    async def userinfo(self, provider: TrustedProvider, access_token: str) -> dict[str, Any]:
        found = await self.discover(provider)
        if not found.userinfo_endpoint or not access_token:
            raise _silent(provider)
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return self._read(provider, await self._get(found.userinfo_endpoint, self._of(provider), headers=headers), dict[str, Any])

    def _shown(self, provider: TrustedProvider, found: Discovered) -> tuple[Mapping[str, str], Mapping[str, str]]:
        methods = found.token_endpoint_auth_methods_supported
        try:
            secret = self.secret(provider.credentials) if provider.credentials else ""
            return shown(provider, secret, methods, found.token_endpoint, self.clock.now().timestamp())
        except BadSetting:
            self.log.error("provider.secret_not_good", provider=provider.id)
            raise _silent(provider) from None

    def _of(self, provider: TrustedProvider) -> _Known:
        """What is known of it; nothing, once the registry tells something else under this id."""
        known = self._known.get(provider.id)
        if known is None or known.provider != provider:
            known = self._known[provider.id] = _Known(provider)
        return known

    def _read(self, provider: TrustedProvider, body: bytes, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.log.warning("provider.not_understood", provider=provider.id)
            raise _silent(provider) from None

    async def _get(self, address: str, known: _Known, **more: Any) -> bytes:
        status, body = await self._send("GET", address, known, **more)
        if status != 200:
            raise _silent(known.provider)
        return body

    async def _send(self, method: str, address: str, known: _Known, **more: Any) -> tuple[int, bytes]:
        """One exchange: no redirect is followed, no cookie kept, no more read than half a megabyte."""
        if self._web is None:
            self._web = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        if known.trust is None:
            known.trust = ssl.create_default_context(cafile=known.provider.ca_file or None)
        try:
            async with self._web.request(method, address, allow_redirects=False, ssl=known.trust, **more) as reply:
                body = bytearray()
                async for part in reply.content.iter_any():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise _silent(known.provider)
                return reply.status, bytes(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _silent(known.provider) from error


def _pick(keys: tuple[Mapping[str, Any], ...], kid: str) -> Mapping[str, Any] | None:
    """The key of this id; a token that names none is the only key's."""
    if not kid:
        return keys[0] if len(keys) == 1 else None
    return next((each for each in keys if each.get("kid") == kid), None)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _silent(provider: TrustedProvider) -> Unavailable:
    return Unavailable(f"The sign-in of {provider.name} does not answer. Try again in a moment.", service="identity")
