"""Where are sign-ins under way and sessions kept? Statements, read aloud."""

from datetime import datetime

import msgspec

from carerecord.contracts.actors import Role
from carerecord.identity.model import Kept
from carerecord.kit.db import Database

_roles = msgspec.json.Decoder(tuple[Role, ...])


async def add_sign_in(db: Database, state_hash: bytes, provider: str, redirect_uri: str, after: str, now: datetime) -> None:
    await db.execute(
        """
        INSERT INTO sign_in (state_hash, provider, redirect_uri, after, began_at)
        VALUES ($1, $2, $3, $4, $5)
        """,
        state_hash,
        provider,
        redirect_uri,
        after,
        now,
    )


async def take_sign_in(db: Database, state_hash: bytes, since: datetime) -> tuple[str, str, str] | None:
    """Provider, redirect address and the path to go on to: once only, and only if it began after `since`."""
    row = await db.fetchrow(
        """
        DELETE FROM sign_in
         WHERE state_hash = $1
        RETURNING provider, redirect_uri, after, began_at > $2 AS in_time
        """,
        state_hash,
        since,
    )
    return (row["provider"], row["redirect_uri"], row["after"]) if row is not None and row["in_time"] else None


async def add_session(db: Database, id_hash: bytes, kept: Kept) -> None:
    await db.execute(
        """
        INSERT INTO session (id_hash, provider, issuer, subject, name, acr, roles, role, began_at, used_at, ends_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $9, $10)
        """,
        id_hash,
        kept.provider,
        kept.issuer,
        kept.subject,
        kept.name,
        kept.acr,
        msgspec.json.encode(kept.roles).decode(),
        kept.role,
        kept.used_at,
        kept.ends_at,
    )


async def session(db: Database, id_hash: bytes) -> Kept | None:
    row = await db.fetchrow(
        """
        SELECT provider, issuer, subject, name, acr, roles, role, used_at, ends_at
          FROM session
         WHERE id_hash = $1
        """,
        id_hash,
    )
    if row is None:
        return None
    return Kept(
        provider=row["provider"],
        issuer=row["issuer"],
        subject=row["subject"],
        name=row["name"],
        acr=row["acr"],
        roles=_roles.decode(row["roles"]),
        role=row["role"],
        used_at=row["used_at"],
        ends_at=row["ends_at"],
    )


async def touch(db: Database, id_hash: bytes, now: datetime) -> None:
    await db.execute("UPDATE session SET used_at = $2 WHERE id_hash = $1 AND used_at < $2", id_hash, now)


async def choose(db: Database, id_hash: bytes, role: str, now: datetime) -> None:
    await db.execute("UPDATE session SET role = $2, used_at = $3 WHERE id_hash = $1", id_hash, role, now)


async def end_session(db: Database, id_hash: bytes) -> bool:
    """Whether there was one to end."""
    return bool(await db.fetchval("DELETE FROM session WHERE id_hash = $1 RETURNING true", id_hash))


async def sweep(db: Database, now: datetime, idle_since: datetime, sign_ins_since: datetime) -> None:
    """Forget what has ended."""
    await db.execute("DELETE FROM session WHERE ends_at <= $1 OR used_at <= $2", now, idle_since)
    await db.execute("DELETE FROM sign_in WHERE began_at <= $1", sign_ins_since)
