"""Identity on a real database, with real pretend providers, and a browser that follows what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import msgspec
from tests.conftest import TestDatabase

from carerecord.contracts.audit import Line
from carerecord.contracts.identity import BeginAsked, Begun, FinishAsked, Finished
from carerecord.identity.model import Terms
from carerecord.identity.oidc import ProviderClient
from carerecord.identity.registry import Registry
from carerecord.identity.service import Desk
from carerecord.identity.signing_in import SigningIn
from carerecord.identity.still_vouched import StillVouched
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.region.organisations import ORGANISATION_BY_ODS, PROVIDERS, USERS
from carerecord.region.registry_files import provider_table, write_tables
from carerecord.region.servers.signing_in import RunningProvider, signing_in

HOME = "http://127.0.0.1:8080"
REDIRECT = f"{HOME}/signed-in"


@dataclass
class SetClock:
    """A clock that a test may move."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Door:
    """One browser before one carerecord."""

    desk: Desk
    providers: dict[str, RunningProvider]
    clock: SetClock
    database: TestDatabase
    web: aiohttp.ClientSession
    folder: Path
    began: list[Begun] = field(default_factory=list)

    async def begin(self, provider: str = "aldermoor", user: str = "priya.nair", after: str = "/") -> Begun:
        begun = await self.desk.begin(BeginAsked(provider, REDIRECT, after, login_hint=user))
        self.began.append(begun)
        return begun

    async def at_the_provider(self, begun: Begun) -> dict[str, str]:
        """What the provider tells the browser to bring back."""
        async with self.web.get(begun.address, allow_redirects=False) as reply:
            assert reply.status == 302, await reply.text()
            return dict(parse_qsl(urlsplit(reply.headers["Location"]).query))

    async def finish(self, begun: Begun, brought: dict[str, str], **changed: Any) -> Finished:
        told = {"code": brought.get("code", ""), "state": brought["state"], "iss": brought.get("iss", "")}
        return await self.desk.finish(
            FinishAsked(**{**told, "cookie_state": begun.state, "error": brought.get("error", ""), **changed})
        )

    async def sign_in(self, provider: str = "aldermoor", user: str = "priya.nair", **changed: Any) -> Finished:
        begun = await self.begin(provider, user)
        return await self.finish(begun, await self.at_the_provider(begun), **changed)

    async def book(self) -> list[Line]:
        """The lines announced so far, in order."""
        rows = await self.database.pool.fetch("SELECT body FROM outbox ORDER BY id")
        return [msgspec.json.decode(row["body"], type=Line) for row in rows]


DoorMaker = Callable[..., AbstractAsyncContextManager[Door]]


@asynccontextmanager
async def a_door(
    database: TestDatabase, folder: Path, *, refetch_every_s: float = 0.0, homes: tuple[str, ...] = (HOME,)
) -> AsyncIterator[Door]:
    three = signing_in([HOME], providers=PROVIDERS[:3])  # one of each manner
    async with three as providers, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as web:
        tables = [provider_table(each.provider, each.issuer, USERS, ORGANISATION_BY_ODS) for each in providers.values()]
        write_tables(folder / "region.toml", "provider", tables, "The pretend region's identity providers.")
        clock, log = SetClock(), log_for("identity")
        outbox = Outbox(database.pool, "identity", clock)
        secrets = {f"oidc-{key}": each.secret for key, each in providers.items()}
        client = ProviderClient(lambda name: secrets[name], clock, log, refetch_every_s=refetch_every_s)
        terms = Terms(timedelta(minutes=15), timedelta(hours=12))
        registry, key = Registry(folder, log), b"k" * 32
        signing = SigningIn(database.pool, clock, client, registry, key, homes)
        still_vouched = StillVouched(database.pool, outbox, clock, log, client, registry, terms, b"r" * 32)
        desk = Desk(database.pool, outbox, clock, log, client, registry, signing, still_vouched, terms, key)
        await outbox.settle()
        await registry.read()
        try:
            yield Door(desk, providers, clock, database, web, folder)
        finally:
            await client.close()
            await outbox.close()
