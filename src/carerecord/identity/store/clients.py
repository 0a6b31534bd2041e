"""Where are clients, their tokens and the assertions that they showed? Statements, read aloud."""

from datetime import datetime

from carerecord.contracts.identity import ClientRow
from carerecord.kit.clock import stamp
from carerecord.kit.db import Database, Record


async def add(db: Database, row: ClientRow, secret_hash: bytes | None, jwks: str | None, now: datetime) -> None:
    await db.execute(
        """
        INSERT INTO client (id, name, organisation, scopes, secret_hash, jwks, chooses_ids, must_match, on_invalid, made_at,
                            source, acts_for)
        VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9, $10, $11, $12)
        """,
        row.id,
        row.name,
        row.organisation,
        list(row.scopes),
        secret_hash,
        jwks,
        row.chooses_ids,
        row.must_match,
        row.on_invalid,
        now,
        row.source,
        row.acts_for,
    )


async def every(db: Database) -> tuple[ClientRow, ...]:
    rows = await db.fetch(
        """
        SELECT id, name, organisation, scopes, chooses_ids, must_match, on_invalid, revoked_at, made_at, source, acts_for
          FROM client
         ORDER BY made_at, id
        """
    )
    return tuple(_row(row) for row in rows)


async def one(db: Database, id_: str) -> tuple[ClientRow, bytes | None, str | None] | None:
    """The client, the hash of its secret, its keys as JSON."""
    row = await db.fetchrow(
        """
        SELECT id, name, organisation, scopes, chooses_ids, must_match, on_invalid, revoked_at, made_at, source, acts_for,
               secret_hash, jwks::text AS jwks
          FROM client
         WHERE id = $1
        """,
        id_,
    )
    return None if row is None else (_row(row), row["secret_hash"], row["jwks"])


async def revoke(db: Database, id_: str, now: datetime) -> ClientRow | None:
    """With every token that it has."""
    await db.execute("DELETE FROM bearer WHERE client = $1", id_)
    row = await db.fetchrow(
        """
        UPDATE client
           SET revoked_at = coalesce(revoked_at, $2)
         WHERE id = $1
        RETURNING id, name, organisation, scopes, chooses_ids, must_match, on_invalid, revoked_at, made_at, source, acts_for
        """,
        id_,
        now,
    )
    return None if row is None else _row(row)


async def give(db: Database, token_hash: bytes, client: str, scopes: tuple[str, ...], ends_at: datetime) -> None:
    await db.execute(
        "INSERT INTO bearer (token_hash, client, scopes, ends_at) VALUES ($1, $2, $3, $4)",
        token_hash,
        client,
        list(scopes),
        ends_at,
    )


async def bearer(db: Database, token_hash: bytes, now: datetime) -> tuple[ClientRow, tuple[str, ...], datetime] | None:
    row = await db.fetchrow(
        """
        SELECT client.id, name, organisation, client.scopes, chooses_ids, must_match, on_invalid, revoked_at, made_at, source,
               acts_for, bearer.scopes AS given, bearer.ends_at
          FROM bearer
          JOIN client ON client.id = bearer.client
         WHERE token_hash = $1 AND bearer.ends_at > $2 AND revoked_at IS NULL
        """,
        token_hash,
        now,
    )
    return None if row is None else (_row(row), tuple(row["given"]), row["ends_at"])


async def first_time(db: Database, jti_hash: bytes, ends_at: datetime) -> bool:
    done = await db.execute(
        "INSERT INTO assertion (jti_hash, ends_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", jti_hash, ends_at
    )
    return done.endswith(" 1")


async def sweep(db: Database, now: datetime) -> None:
    """Forget what is over."""
    await db.execute("DELETE FROM bearer WHERE ends_at <= $1", now)
    await db.execute("DELETE FROM assertion WHERE ends_at <= $1", now)


def _row(row: Record) -> ClientRow:
    return ClientRow(
        row["id"], row["name"], row["organisation"], tuple(row["scopes"]), row["chooses_ids"], row["must_match"],
        row["on_invalid"], row["revoked_at"] is not None, stamp(row["made_at"]), row["source"],
        row["acts_for"],
    )  # fmt: skip
