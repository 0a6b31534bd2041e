"""How does a service reach its own database?

Only stores hold a connection. A `Database` in a store's signature takes a pool or a connection, so that the same
function serves alone (`pool`) and within a transaction (`async with pool.acquire() as db, db.transaction(): …`).
"""

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

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


class _ImpatientPool(_PoolBase):
    """A pool whose queue has an end: asyncpg's own waits for ever unless each caller thinks of it."""

    def acquire(self, *, timeout: float | None = None) -> Any:
        return super().acquire(timeout=ACQUIRE_WITHIN_S if timeout is None else timeout)


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
    return isinstance(
        error,
        OSError
        | TimeoutError
        | asyncpg.InterfaceError
        | asyncpg.PostgresConnectionError
        | asyncpg.OperatorInterventionError
        | asyncpg.InsufficientResourcesError,
    )
