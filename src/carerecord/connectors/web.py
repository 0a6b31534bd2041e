"""How is a system outside spoken to over HTTP? By kept connections, TLS, tokens, caps on size and time, following no strangers.

A status is a value; what stops an answer from arriving is a `WebTrouble`, whose words may be shown and hold no address, id
or text received. Nothing here knows FHIR.
"""

import asyncio
import base64
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote_plus, urlencode

import msgspec
from yarl import URL

from carerecord.connectors.channels import Channels
from carerecord.connectors.site import Pairs, Site
from carerecord.connectors.web_trouble import Denied, NoAnswer, NotTrusted
from carerecord.kit import request
from carerecord.kit.errors import BadSetting

MOST_BYTES = 20_000_000
CONNECTIONS = 1_000
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
        self._channels = Channels(connections)
        self._tokens: dict[Site, tuple[str, float]] = {}
        self._fetching: dict[Site, asyncio.Lock] = {}
        self._trust: dict[tuple[str, str], ssl.SSLContext] = {}

    async def close(self) -> None:
        await self._channels.close()

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
        try:
            arrived = await self._channels.ask(method, url, headers, sent, self._trusts(site), most, until)
        except ValueError:
            raise NoAnswer("What it gave us to be asked with cannot be sent.") from None
        kind = _text(arrived.headers.get(b"content-type", b""))
        return Answered(
            arrived.status,
            arrived.body,
            kind.partition(";")[0].strip().lower() or "application/octet-stream",
            _seconds(_text(arrived.headers.get(b"retry-after", b""))),
            time.perf_counter() - began,
            _text(arrived.headers.get(b"etag", b"")),
            kind,
        )

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


def _text(header: bytes) -> str:
    return header.decode("utf-8", "surrogateescape")


def _seconds(retry_after: str) -> float | None:
    """Retry-After in seconds. A date is taken as "not soon": sources' clocks are not ours."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        return 3_600.0
