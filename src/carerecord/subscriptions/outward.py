"""How does a notice reach an endpoint, and nothing else? An address is looked at when it is connected to, and no other is used.

A client names the endpoint, so it might name our own machines: what lies in a network of ours, this machine, or a cloud's
metadata is refused by the address to which the name leads at that moment, not by how it is spelled. Redirects are not followed.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from carerecord.kit.errors import BadSetting

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_NAT64: Final = ip_network("64:ff9b::/96")
_NEVER: Final = tuple(map(ip_network, (
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::/128", "::1/128", "fe80::/10", "fec0::/10", "ff00::/8",
    "fd00:ec2::/32", "168.63.129.16/32",
)))  # fmt: skip
_NUMBERED: Final = re.compile(r"(?:\A|\.)(?:\d+|0[xX][0-9a-fA-F]*)\.?\Z")  # no name ends in a number
_RESOLVERS: Final = 8  # threads: a name server that hangs holds these alone
_READ: Final = 64 * 1024


class Astray(Exception):
    """An address to which nothing is sent."""


class NotTaken(Exception):
    """The endpoint did not take it. Says why in plain words; not a letter of what the endpoint answered."""


@dataclass(frozen=True)
class Bounds:
    """Where endpoints may lie: anywhere public, and in these networks of one's own; on this machine in a demo alone."""

    networks: tuple[Network, ...] = ()
    loopback: bool = False

    @classmethod
    def read(cls, networks: Sequence[str], *, loopback: bool) -> "Bounds":
        """Raises BadSetting: not a network, or one in which no endpoint can lie."""
        found: list[Network] = []
        for each in networks:
            try:
                network = ip_network(each)
            except ValueError:
                raise BadSetting(f"networks: {each} is not a network; write 10.20.0.0/16.") from None
            if any(network.version == never.version and network.overlaps(never) for never in _NEVER):
                raise BadSetting(f"networks: {each} holds this machine, its link or a cloud's metadata: no endpoint lies there.")
            found.append(network)
        return cls(tuple(found), loopback)

    def admit(self, address: str) -> None:
        """Raises Astray."""
        for each in _meant(ip_address(address.partition("%")[0])):
            if not self._may(each):
                raise Astray

    def _may(self, address: Address) -> bool:
        if address.is_loopback:
            return self.loopback
        if any(address.version == never.version and address in never for never in _NEVER):
            return False
        if any(address.version == each.version and address in each for each in self.networks):
            return True
        return address.is_global and not address.is_multicast

    def plain(self, host: str) -> bool:
        """Whether http will do: to this machine alone, in a demo."""
        if not self.loopback:
            return False
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def _meant(address: Address) -> Iterator[Address]:
    """The address, and any that is written within it."""
    yield address
    if isinstance(address, IPv6Address):
        within = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            within.append(IPv4Address(int(address) & 0xFFFFFFFF))
        yield from [each for each in within if each is not None]


class _Resolver(AbstractResolver):
    """Names as the system knows them; one that leads astray by any of its addresses leads nowhere."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="subscriptions-names")

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        looked = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC)
        )
        found: list[ResolveResult] = []
        for kind, _, proto, _, place in await looked:
            address = str(place[0])
            self._bounds.admit(address)
            found.append(ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST,
            ))  # fmt: skip
        return found

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass
class Postman:
    """Posts notices within bounds. Built once; opened when the service starts."""

    bounds: Bounds
    within_s: float
    trusted: ssl.SSLContext
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)
    _names: _Resolver | None = field(default=None, repr=False)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._names is not None:
            await self._names.close()
        self._session = self._names = None

    def refusal(self, endpoint: str) -> str:
        """What is wrong with an endpoint as it is written; "" for nothing. Where its name leads is looked at each time."""
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        if parts.scheme != "https" and not self.bounds.plain(host):
            return "has to be https: what is not encrypted can be read on the way"
        try:
            self._admit_literal(host)
        except Astray:
            return "lies where no notice goes: a private network, this machine, its link or a cloud's metadata"
        return ""

    async def post(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the endpoint has taken it (200 to 299). Raises NotTaken."""
        if refused := self.refusal(endpoint):
            raise NotTaken(f"The endpoint {refused}.")
        try:
            async with self._opened().post(endpoint, data=body, headers=headers, allow_redirects=False) as reply:
                status = reply.status  # not a letter of its body is read: a connection that has one to give is ended
        except TimeoutError:
            raise NotTaken(f"The endpoint did not answer within {self.within_s:g} s.") from None
        except aiohttp.ClientConnectorCertificateError:
            raise NotTaken("The endpoint shows a certificate that is not trusted, or not for its name.") from None
        except Astray:
            raise NotTaken("The name of the endpoint leads to an address to which no notice goes.") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise NotTaken(_said(fault)) from None
        if 300 <= status < 400:
            raise NotTaken(f"The endpoint answered {status}: redirects are not followed.")
        if not 200 <= status < 300:
            raise NotTaken(f"The endpoint answered {status}.")

    def _admit_literal(self, host: str) -> None:
        """An address that is written as such passes by the resolver. What some would read as one (127.1, 2130706433) is none."""
        try:
            ip_address(host)
        except ValueError:
            if ":" in host or _NUMBERED.search(host):
                raise Astray from None
            return
        self.bounds.admit(host)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._names = _Resolver(self.bounds)
            connector = aiohttp.TCPConnector(
                resolver=self._names, use_dns_cache=False, limit=0, keepalive_timeout=5.0, ssl=self.trusted
            )  # fmt: skip
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=self.within_s), trust_env=False, auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(), skip_auto_headers=("User-Agent", "Accept-Encoding"), read_bufsize=_READ,
            )  # fmt: skip
        return self._session


def _said(fault: Exception) -> str:
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return "The name of the endpoint is not known."
    if isinstance(fault, aiohttp.ClientConnectorError):
        return "The endpoint cannot be reached."
    return "The endpoint ended the connection without an answer."
