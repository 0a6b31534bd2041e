"""Identity answers the same in process and across a socket: every question, and every refusal."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from carerecord.contracts.identity import (
    BEGIN,
    PROVIDERS,
    BeginAsked,
    Begun,
    FinishAsked,
    Finished,
    ProvidersAsked,
)
from carerecord.identity.api import build
from carerecord.kit.calls import Calls
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Part, Supplies
from carerecord.kit.tokens import keys_for
from carerecord.region.organisations import ORGANISATION_BY_ODS, USERS
from carerecord.region.registry_files import provider_table, write_tables
from carerecord.region.servers.signing_in import signing_in
from tests.both_ways.ways import SECRET, Said
from tests.conftest import TestDatabase

HOME = "http://127.0.0.1:8080"
BACK = f"{HOME}/signed-in"


class Fixed:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def test_every_question_is_answered_the_same_both_ways(
    service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path
) -> None:
    async with signing_in([HOME]) as providers, aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as web:
        tables = [provider_table(each.provider, each.issuer, USERS, ORGANISATION_BY_ODS) for each in providers.values()]
        write_tables(tmp_path / "providers" / "region.toml", "provider", tables, "The pretend region's identity providers.")
        brought: dict[str, dict[str, str]] = {}

        async def make(_: AsyncExitStack) -> Part:
            pool = (await service_database("identity")).pool
            keys = keys_for(SECRET, "identity", ("identity",), ())
            clock, log = Fixed(), log_for("identity")
            outbox = Outbox(pool, "identity", clock)
            await outbox.settle()
            secrets = {f"oidc-{key}": each.secret for key, each in providers.items()}
            return build(
                Supplies(
                    name="identity", calls=Calls("identity", {}), keys=keys, clock=clock, log=log, metrics=Metrics("identity"),
                    settings={}, secrets=secrets.__getitem__, data_dir=tmp_path, address=HOME, database=pool, events=outbox,
                )
            )  # fmt: skip

        def begun(answers: list[Said], place: int) -> Begun:
            return msgspec.json.decode(answers[place].chunks[0], type=Begun)

        def session(answers: list[Said]) -> str:
            return msgspec.json.decode(answers[4].chunks[0], type=Finished).session.id

        def back(place: int, **changes: Any) -> Callable[[list[Said]], FinishAsked]:
            def asked(answers: list[Said]) -> FinishAsked:
                state = begun(answers, place).state
                told = brought.get(state, {})
                return FinishAsked(
                    **({"code": told.get("code", ""), "state": state, "cookie_state": state, "iss": told.get("iss", "")} | changes)
                )

            return asked

        def hurried(asked: Callable[[list[Said]], FinishAsked]) -> Callable[[list[Said]], FinishAsked]:
            return asked

        dialogue: list[tuple[Any, Any]] = [
            (PROVIDERS, ProvidersAsked()),
            (BEGIN, BeginAsked("primary-care", BACK, "/search", "samir.haddad")),
            (BEGIN, BeginAsked("nobody", BACK)),
            (BEGIN, BeginAsked("council", "https://evil.test/")),
        ]
        del hurried, back, session, dialogue, web, make, brought
