"""How do tellers and hearers reach NATS, which may be away at any time and may come back empty?"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import msgspec
import nats
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from carerecord.kit.errors import Unavailable
from carerecord.kit.events import Position
from carerecord.kit.log import Log
from carerecord.kit.question import encode

CONNECT_WITHIN_S = 3.0
REMEMBERS_S = 120.0  # how long the server knows an event's id, and drops it when told twice


class Tick(msgspec.Struct, frozen=True):
    """Said by a relay every few seconds: how far it has published, and until when that is all there was to tell."""

    last: str  # Position
    whole_until: str = ""  # "" when there is more to come


class Report(msgspec.Struct, frozen=True):
    """Said by a hearer: how far it has come. `gap`: what comes next never reached me, tell it again."""

    position: str  # Position
    gap: bool = False


class Note(msgspec.Struct, frozen=True):
    """One of several events in one message, which costs little more than one alone."""

    event: str  # uuid
    kind: str
    at: datetime
    position: str  # Position
    after: str  # what this hearer was told before it: how a gap is seen
    body: msgspec.Raw


class Pair(msgspec.Struct, frozen=True):
    """One teller and one hearer. Each pair has a stream of its own, emptied as it is heard."""

    teller: str
    hearer: str

    @property
    def stream(self) -> str:
        return f"carerecord_{self.teller}_{self.hearer}"

    @property
    def subject(self) -> str:
        return f"carerecord.events.{self.teller}.{self.hearer}"

    @property
    def ticks(self) -> str:
        return f"carerecord.tick.{self.teller}.{self.hearer}"

    @property
    def reports(self) -> str:
        return f"carerecord.report.{self.teller}.{self.hearer}"


class _Client(Client):
    """The library makes its next attempt to come back without closing what the last one had opened."""

    async def _connect_to_server(self, s: Srv) -> None:
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)


class Noticeboard:
    """One connection of one process, made when first needed. Nothing here waits for NATS to be there."""

    def __init__(self, url: str, log: Log) -> None:
        self._url, self._log = url, log
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._closing = False

    async def connected(self) -> Client:
        """Raises Unavailable when NATS cannot be reached now."""
        async with self._connecting:
            if self._client is None or self._client.is_closed:
                self._client = await self._connect()
        if not self._client.is_connected:
            raise Unavailable("The event server does not answer.", service="nats")
        return self._client

    async def _connect(self) -> Client:
        async def quiet(_: Exception) -> None:
            return None  # the library's texts name addresses with their token

        async def lost() -> None:
            if self._client is client and not self._closing:
                self._log.warning("events.nats-lost")

        async def found() -> None:
            self._log.info("events.nats-back")

        client = _Client()
        try:
            await asyncio.wait_for(
                client.connect(
                    self._url,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]
                    connect_timeout=2,
                    ping_interval=5,
                    max_outstanding_pings=2,
                    error_cb=quiet,
                    disconnected_cb=lost,
                    reconnected_cb=found,
                ),
                CONNECT_WITHIN_S,
            )
        except (OSError, TimeoutError, nats.errors.Error) as error:
            raise Unavailable("The event server does not answer.", service="nats") from error
        finally:
            if not client.is_connected:  # one that hangs holds every connection that is not closed here
                await client.close()
        return client

    async def jetstream(self) -> JetStreamContext:
        return (await self.connected()).jetstream(timeout=3)

    async def say(self, subject: str, what: Tick | Report) -> None:
        await (await self.connected()).publish(subject, encode(what))

    async def hear(self, subject: str, said: Callable[[bytes], None]) -> Subscription:
        async def call(message: Msg) -> None:
            said(message.data)

        heard: Callable[[Msg], Awaitable[None]] = call
        return await (await self.connected()).subscribe(subject, cb=heard)

    async def stream(self, pair: Pair) -> str:
        """Make sure that the pair's stream is there; return its incarnation, which changes when NATS had lost it."""
        jetstream = await self.jetstream()
        try:
            info = await jetstream.stream_info(pair.stream)
        except NotFoundError:
            info = await jetstream.add_stream(
                StreamConfig(
                    name=pair.stream,
                    subjects=[pair.subject],
                    retention=RetentionPolicy.WORK_QUEUE,
                    storage=StorageType.FILE,
                    duplicate_window=REMEMBERS_S,
                )
            )
        return str(info.created)

    async def close(self) -> None:
        self._closing = True
        if self._client is not None and not self._client.is_closed:
            with suppress(OSError):  # said by the library when the server is away
                await self._client.close()


def position_in(text: str) -> Position | None:
    try:
        return Position.read(text)
    except ValueError:
        return None
