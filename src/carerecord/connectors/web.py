"""How is a system outside spoken to over HTTP? One session, TLS, tokens, caps on size and time, and no following of strangers.

A status is a value; what stops an answer from arriving is a `WebTrouble`, whose words may be shown and hold no address, id
or text received. Nothing here knows FHIR.
"""

import asyncio
import base64
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec
from yarl import URL

from carerecord.connectors.site import Pairs, Site
from carerecord.connectors.web_trouble import CutShort, Denied, Elsewhere, NoAnswer, NotTrusted, TooLarge, why_not_trusted
from carerecord.kit import request
from carerecord.kit.errors import BadSetting

MOST_BYTES = 20_000_000
CONNECTIONS, CONNECTIONS_A_HOST = 1_000, 40
TOKEN_MARGIN_S = 30.0
BACKOFF_S = 0.15  # then twice as long each time
MAY_PASS = frozenset({429, 502, 503, 504})  # statuses that say "not now"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

FHIR_JSON = "application/fhir+json"

class Answered(msgspec.Struct, frozen=True):
    """What came back, whatever its status."""

    status: int
    body: bytes
    content_type: str
    retry_after_s: float | None = None
    elapsed_s: float = 0.0
    etag: str = ""
    content_type_line: str = ""  # as sent, with its parameters

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class Web:
    """All that this process says to systems outside. Close it when its service stops.

    `secret` gives the value of a named secret.
    """

    def __init__(self, secret: Callable[[str], str], *, connections: int = CONNECTIONS) -> None:
        self._secret = secret
        self._connections = connections
        self._opened: aiohttp.ClientSession | None = None
        self._tokens: dict[Site, tuple[str, float]] = {}
        self._fetching: dict[Site, asyncio.Lock] = {}
        self._trust: dict[tuple[str, str], ssl.SSLContext] = {}

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def get(
        self,
        site: Site,
        path: str | URL,
        *,
        params: Pairs = (),
        headers: Pairs = (),
        accept: str = FHIR_JSON,
        until: float,
        most_bytes: int = MOST_BYTES,
    ) -> Answered:
        """`until` is a moment of the event loop's clock; after it comes NoAnswer. `headers` go beside our own.

        Raises:
            WebTrouble: no whole answer came.
        """
        return await self._ask("GET", site, path, params, None, "", until, most_bytes, (("Accept", accept), *headers))

    async def post(
        self,
        site: Site,
        path: str | URL,
        *,
        params: Pairs = (),
        form: Pairs | None = None,
        body: bytes = b"",
        kind: str = FHIR_JSON,
        headers: Pairs = (),
        accept: str = FHIR_JSON,
        until: float,
        most_bytes: int = MOST_BYTES,
    ) -> Answered:
        """A form (what is asked for stays out of addresses and their logs), or a body of this `kind`. As `get` otherwise."""
        sent = urlencode(form).encode() if form is not None else body
        kind = "application/x-www-form-urlencoded" if form is not None else kind
        return await self._ask("POST", site, path, params, sent, kind, until, most_bytes, (("Accept", accept), *headers))

    async def patiently(self, ask: Callable[[], Awaitable[Answered]], *, until: float, tries: int = 3) -> Answered:
        """Ask again while the answer is "not now" or the connection drops, as long as that fits before `until`.

        Only for what may be asked twice. A Retry-After is obeyed; one that lies beyond `until` ends the trying at once.
        """
        loop = asyncio.get_running_loop()
        wait_s = BACKOFF_S
        for left in range(tries - 1, -1, -1):
            try:
                answered = await ask()
            except NoAnswer:
                if not left or loop.time() + wait_s >= until:
                    raise
                pause_s = wait_s
            else:
                pause_s = max(wait_s, answered.retry_after_s or 0.0)
                if answered.status not in MAY_PASS or not left or loop.time() + pause_s >= until:
                    return answered
            await asyncio.sleep(pause_s)
            wait_s *= 2
        raise AssertionError("the last try returns or raises")

    async def _ask(
        self,
        method: str,
        site: Site,
        path: str | URL,
        params: Pairs,
        sent: bytes | None,
        kind: str,
        until: float,
        most: int,
        headers: Pairs = (),
    ) -> Answered:
        url = path if isinstance(path, URL) else site.at(path, params)
        answered = await self._once(method, site, url, sent, kind, until, most, await self._token(site, until), headers)
        if answered.status == 401 and site.token_address:
            # The token was withdrawn before its time: a new one, once.
            self._tokens.pop(site, None)
            answered = await self._once(method, site, url, sent, kind, until, most, await self._token(site, until), headers)
        return answered

    async def _once(
        self,
        method: str,
        site: Site,
        url: URL,
        sent: bytes | None,
        kind: str,
        until: float,
        most: int,
        token: str,
        more: Pairs = (),
    ) -> Answered:
        headers = {"Accept": FHIR_JSON, **dict(more), request.HEADER: request.current() or request.new()}
        if kind:
            headers["Content-Type"] = kind
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self._exchange(method, url, headers, sent, site, until, most)

    async def _exchange(
        self, method: str, url: URL, headers: Mapping[str, str], sent: bytes | None, site: Site, until: float, most: int
    ) -> Answered:
        if url.scheme != "https" and url.host not in LOOPBACK:
            raise NotTrusted("Its address is not encrypted, so nothing is asked of it.")
        began = time.perf_counter()
        headers_came = False
        trust = self._trusts(site)
        try:
            async with (
                asyncio.timeout_at(until),
                self._session.request(
                    method, url, headers=headers, data=sent, allow_redirects=False, ssl=trust
                ) as reply,
            ):
                headers_came = True
                if 300 <= reply.status < 400 and reply.status != 304:
                    raise Elsewhere("It answered by sending us to another address, which is not followed.")
                body = await _read(reply, most)
                said = reply.headers
                return Answered(
                    reply.status,
                    body,
                    reply.content_type,
                    _seconds(said.get("Retry-After", "")),
                    time.perf_counter() - began,
                    said.get("ETag", ""),
                    said.get("Content-Type", ""),
                )
        except TimeoutError:
            raise NoAnswer("It began to answer and then fell silent." if headers_came else "It did not answer in time.") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotTrusted(why_not_trusted(error.certificate_error)) from None
        except aiohttp.ClientSSLError:
            raise NotTrusted("A safe connection could not be made.") from None
        except aiohttp.ClientPayloadError:
            raise CutShort("Its answer broke off.") from None
        except aiohttp.ClientConnectorDNSError:
            raise NoAnswer("Its address could not be found.") from None
        except aiohttp.ClientConnectorError:
            raise NoAnswer("It could not be reached.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            if headers_came:
                raise CutShort("Its answer broke off.") from None
            raise NoAnswer("It broke the connection without an answer.") from None

    async def _token(self, site: Site, until: float) -> str:
        if not site.token_address:
            return ""
        kept = self._tokens.get(site)
        if kept and kept[1] > time.monotonic():
            return kept[0]
        # One fetches for all who wait.
        async with self._fetching.setdefault(site, asyncio.Lock()):
            kept = self._tokens.get(site)
            if kept and kept[1] > time.monotonic():
                return kept[0]
            token = await self._fetch_token(site, until)
            life_s = max(1.0, token.expires_in - min(TOKEN_MARGIN_S, token.expires_in / 4))
            self._tokens[site] = token.access_token, time.monotonic() + life_s
            return token.access_token

    async def _fetch_token(self, site: Site, until: float) -> _Token:
        """OAuth 2.0 client credentials (RFC 6749, section 4.4), the client shown by HTTP Basic (2.3.1)."""
        try:
            shown = f"{quote_plus(site.client_id)}:{quote_plus(self._secret(site.credentials))}"
        except BadSetting:
            raise Denied("Our credentials for it are missing here.") from None
        form = [("grant_type", "client_credentials"), *([("scope", site.scope)] if site.scope else [])]
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": "Basic " + base64.b64encode(shown.encode()).decode(),
            request.HEADER: request.current() or request.new(),
        }
        address = URL(site.token_address)

        async def fetch() -> Answered:
            return await self._exchange("POST", address, headers, urlencode(form).encode(), site, until, 65_536)

        answered = await self.patiently(fetch, until=until)
        if answered.status in MAY_PASS or answered.status >= 500:
            raise NoAnswer("The place that gives out its access tokens does not answer.")
        try:
            if not answered.ok:
                raise Denied("It did not give us an access token: our credentials are not accepted.")
            return msgspec.json.decode(answered.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Denied("What it gave us as an access token cannot be read.") from None

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections, limit_per_host=CONNECTIONS_A_HOST, keepalive_timeout=30.0
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),  # every request has a moment of its own: `until`
                headers={"User-Agent": "carerecord"},
            )
        return self._opened

    def _trusts(self, site: Site) -> ssl.SSLContext:
        key = (site.ca_file, site.certificate_file)
        if key not in self._trust:
            try:
                context = ssl.create_default_context(cafile=site.ca_file or None)
            except (OSError, ssl.SSLError):
                raise Denied("The file that `ca_file` names is missing here or cannot be read.") from None
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if site.certificate_file:
                try:
                    context.load_cert_chain(site.certificate_file)
                except (OSError, ssl.SSLError):
                    raise Denied("Our own certificate for it is missing here or cannot be read.") from None
            self._trust[key] = context
        return self._trust[key]


async def _read(reply: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body, or TooLarge without reading on: what is in hand never exceeds the cap by more than one chunk."""
    length = reply.content_length
    if length is not None and length > most:
        reply.close()
        raise TooLarge("Its answer is too large.")
    parts, size = [], 0
    async for part in reply.content.iter_any():
        size += len(part)
        if size > most:
            reply.close()
            raise TooLarge("Its answer is too large.")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _seconds(retry_after: str) -> float | None:
    """Retry-After in seconds. A date is taken as "not soon": sources' clocks are not ours."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        return 3_600.0
