"""How does a service reach its own database?

Only stores hold a connection. A `Database` in a store's signature takes a pool or a connection, so that the same
function serves alone (`pool`) and within a transaction (`async with pool.acquire() as db, db.transaction(): …`).
"""

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from carerecord.kit.errors import is_unfit

if TYPE_CHECKING:
    Record: TypeAlias = asyncpg.Record
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Database: TypeAlias = Connection | Pool
    _PoolBase: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Record, Pool, _PoolBase = asyncpg.Record, asyncpg.Pool, asyncpg.Pool
    Connection = asyncpg.Connection | PoolConnectionProxy
    Database = Connection | Pool

CONNECTIONS = 4  # for one service in one process; the embedded server allows 200 in all
ACQUIRE_WITHIN_S = 5.0
STATEMENT_WITHIN_S = 30.0
_SERVES_AT_HAND = 1_000  # statements; then the pool looks at it: it replaces one that has served many


class _ImpatientPool(_PoolBase):
    """A pool whose queue has an end: asyncpg's own waits for ever unless each caller thinks of it.

    To take a connection and give it back costs as much as many a statement (a timer, a task, two rounds of the loop). So one
    that has served a statement alone stays at hand for the next, as long as another is free for whoever comes.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._at_hand: list[tuple[Any, int]] = []  # a connection, and how many statements it has served since it was taken
        self._returning: set[asyncio.Task[None]] = set()

    def acquire(self, *, timeout: float | None = None) -> Any:
        if self._at_hand and not super().get_idle_size():
            self._return(self._at_hand.pop(0)[0])
        return super().acquire(timeout=ACQUIRE_WITHIN_S if timeout is None else timeout)

    def get_idle_size(self) -> int:
        """Those at hand are idle too: whoever wants one is given one of them."""
        return int(super().get_idle_size()) + len(self._at_hand)

    async def fetch(self, query: str, *values: Any, **named: Any) -> Any:
        return await self._by_one_at_hand("fetch", query, values, named)

    async def fetchrow(self, query: str, *values: Any, **named: Any) -> Any:
        return await self._by_one_at_hand("fetchrow", query, values, named)

    async def fetchval(self, query: str, *values: Any, **named: Any) -> Any:
        return await self._by_one_at_hand("fetchval", query, values, named)

    async def execute(self, query: str, *values: Any, **named: Any) -> Any:
        return await self._by_one_at_hand("execute", query, values, named)

    async def close(self) -> None:
        while self._at_hand:
            self._return(self._at_hand.pop()[0])
        await super().close()

    async def _by_one_at_hand(self, how: str, query: str, values: Any, named: dict[str, Any]) -> Any:
        connection, served = await self._taken()
        try:
            answer = await getattr(connection, how)(query, *values, **named)
        except BaseException:  # it may be gone, or still end what nobody waits for any more: the pool knows what to do
            await self.release(connection)
            raise
        taken = self.get_size() - super().get_idle_size()
        if served < _SERVES_AT_HAND and not self.is_closing() and taken < self.get_max_size():
            self._at_hand.append((connection, served + 1))
        else:
            await self.release(connection)
        return answer

    async def _taken(self) -> tuple[Any, int]:
        while self._at_hand:
            connection, served = self._at_hand.pop()
            if _lives(connection):
                return connection, served
            await self.release(connection)
        return await self.acquire(), 0

    def _return(self, connection: Any) -> None:
        """To the pool, and so to whoever waits there."""
        task = asyncio.get_running_loop().create_task(self.release(connection))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)


def _lives(connection: Any) -> bool:
    """Whether a connection that was taken can still be used: the server may have dropped it meanwhile."""
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back
        return False


async def _as_it_is(_: Any) -> None:
    """A connection goes back as it is: no store sets anything for longer than a transaction (locks and settings are LOCAL), and
    asyncpg itself ends one that was left open. Its own reset would be one more round trip after every query."""


async def open_pool(dsn: str, *, service: str, connections: int = CONNECTIONS) -> Pool:
    """Return a pool for `service`, without yet connecting: a server that is away is met at the first query.

    A connection that the server dropped is replaced at the next acquire, so a restart of the server costs the queries
    in hand and no others. Errors that mean "not now" are those for which `is_away` holds.
    """
    pool: Pool = _ImpatientPool(
        dsn,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        min_size=0,
        max_size=connections,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=asyncio.get_running_loop(),
        reset=_as_it_is,
        timeout=ACQUIRE_WITHIN_S,
        statement_cache_size=200,
        server_settings={
            "application_name": f"carerecord {service}",
            "jit": "off",
            "timezone": "UTC",
            "statement_timeout": f"{STATEMENT_WITHIN_S:.0f}s",
            "idle_in_transaction_session_timeout": "60s",
        },
    )
    return await pool


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached or is full, rather than that a statement is wrong."""
    return not is_unfit(error) and isinstance(
        error,
        OSError
        | TimeoutError
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError  # what it says of a connection that the server ended while nobody used it
        | asyncpg.PostgresConnectionError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError,
    )
