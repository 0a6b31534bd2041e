"""Where are sign-ins under way and sessions kept? Statements, read aloud."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from carerecord.contracts.actors import Role
from carerecord.identity.model import Kept, SignIn
from carerecord.kit.db import Database, Record


@dataclass(frozen=True)
class Due:
    """A session whose provider is to be asked whether it still vouches for the user."""

    id_hash: bytes
    kept: Kept
    refresh: bytes = field(repr=False)  # sealed


_roles = msgspec.json.Decoder(tuple[Role, ...])


async def add_sign_in(db: Database, state_hash: bytes, begun: SignIn) -> None:
    await db.execute(
        """
        INSERT INTO sign_in (state_hash, provider, issuer, redirect_uri, after, began_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        state_hash,
        begun.provider,
        begun.issuer,
        begun.redirect_uri,
        begun.after,
        begun.began_at,
    )


async def take_sign_in(db: Database, state_hash: bytes, since: datetime) -> SignIn | None:
    """Once only, and only if it began after `since`."""
    row = await db.fetchrow(
        """
        DELETE FROM sign_in
         WHERE state_hash = $1
        RETURNING provider, issuer, redirect_uri, after, began_at
        """,
        state_hash,
    )
    return SignIn(*row) if row is not None and row["began_at"] > since else None


async def add_session(db: Database, id_hash: bytes, kept: Kept, refresh: bytes | None = None) -> None:
    await db.execute(
        """
        INSERT INTO session (id_hash, provider, issuer, subject, name, acr, roles, role, home, sid, began_at, used_at, ends_at,
                             refresh, vouched_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $11, $12, $13, $11)
        """,
        id_hash,
        kept.provider,
        kept.issuer,
        kept.subject,
        kept.name,
        kept.acr,
        msgspec.json.encode(kept.roles).decode(),
        kept.role,
        kept.home,
        kept.sid,
        kept.used_at,
        kept.ends_at,
        refresh,
    )


async def session(db: Database, id_hash: bytes) -> Kept | None:
    """The row as it stands, ended or not."""
    return _kept(
        await db.fetchrow(
            """
            SELECT provider, issuer, subject, name, acr, roles, role, home, sid, used_at, ends_at
              FROM session
             WHERE id_hash = $1
            """,
            id_hash,
        )
    )


async def touch(db: Database, id_hash: bytes, now: datetime) -> Kept | None:
    return _kept(
        await db.fetchrow(
            """
            UPDATE session
               SET used_at = greatest(used_at, $2)
             WHERE id_hash = $1
            RETURNING provider, issuer, subject, name, acr, roles, role, home, sid, used_at, ends_at
            """,
            id_hash,
            now,
        )
    )


async def choose(db: Database, id_hash: bytes, role: str, now: datetime) -> Kept | None:
    return _kept(
        await db.fetchrow(
            """
            UPDATE session
               SET role = $2, used_at = greatest(used_at, $3)
             WHERE id_hash = $1
            RETURNING provider, issuer, subject, name, acr, roles, role, home, sid, used_at, ends_at
            """,
            id_hash,
            role,
            now,
        )
    )


async def end_session(db: Database, id_hash: bytes) -> Kept | None:
    """What was ended; None when there was nothing to end."""
    return _kept(
        await db.fetchrow(
            """
            DELETE FROM session
             WHERE id_hash = $1
            RETURNING provider, issuer, subject, name, acr, roles, role, home, sid, used_at, ends_at
            """,
            id_hash,
        )
    )


async def end_sessions(db: Database, issuer: str, subject: str, sid: str, before: datetime) -> tuple[Kept, ...]:
    """Those of one issuer that bear this `sid`, or without one all of this subject's; begun before the moment given."""
    rows = await db.fetch(
        """
        DELETE FROM session
         WHERE issuer = $1
           AND ($2 = '' OR subject = $2)
           AND ($3 = '' OR sid = $3)
           AND began_at <= $4
        RETURNING provider, issuer, subject, name, acr, roles, role, home, sid, used_at, ends_at
        """,
        issuer,
        subject,
        sid,
        before,
    )
    return tuple(kept for row in rows if (kept := _kept(row)) is not None)


async def due(db: Database, vouched_before: datetime, used_since: datetime, taken_as: datetime, most: int) -> tuple[Due, ...]:
    """Sessions in use whose provider has not vouched since; taken, so that nobody else asks for them meanwhile."""
    rows = await db.fetch(
        """
        UPDATE session
           SET vouched_at = $3
         WHERE id_hash IN (SELECT id_hash
                             FROM session
                            WHERE refresh IS NOT NULL AND vouched_at <= $1 AND used_at > $2
                            ORDER BY vouched_at
                            LIMIT $4
                              FOR UPDATE SKIP LOCKED)
        RETURNING id_hash, refresh, provider, issuer, subject, name, acr, roles, role, home, sid, used_at, ends_at
        """,
        vouched_before,
        used_since,
        taken_as,
        most,
    )
    return tuple(Due(row["id_hash"], kept, row["refresh"]) for row in rows if (kept := _kept(row)) is not None)


async def vouched(db: Database, id_hash: bytes, refresh: bytes | None, now: datetime) -> None:
    await db.execute("UPDATE session SET refresh = $2, vouched_at = $3 WHERE id_hash = $1", id_hash, refresh, now)


async def sweep(db: Database, now: datetime, idle_since: datetime, sign_ins_since: datetime) -> None:
    """Forget what has ended."""
    await db.execute("DELETE FROM session WHERE ends_at <= $1 OR used_at <= $2", now, idle_since)
    await db.execute("DELETE FROM sign_in WHERE began_at <= $1", sign_ins_since)


def _kept(row: Record | None) -> Kept | None:
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
        home=row["home"],
        sid=row["sid"],
        used_at=row["used_at"],
        ends_at=row["ends_at"],
    )
