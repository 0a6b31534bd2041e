"""Identity answers the same in process and across a socket: every question, and every refusal."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from carerecord.contracts.identity import (
    BEGIN,
    CHOOSE,
    FINISH,
    PROVIDERS,
    SESSION,
    SIGN_OUT,
    TOLD_OUT,
    BeginAsked,
    Begun,
    ChooseAsked,
    FinishAsked,
    Finished,
    LogoutTold,
    ProvidersAsked,
    SessionAsked,
)
from carerecord.identity.api import build
from carerecord.kit.calls import Calls
from carerecord.kit.clock import SystemClock
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.metrics import Metrics
from carerecord.kit.part import Part, Supplies
from carerecord.kit.tokens import keys_for
from carerecord.region.organisations import ORGANISATION_BY_ODS, USERS
from carerecord.region.registry_files import provider_table, write_tables
from carerecord.region.servers.http import Asked, Reply
from carerecord.region.servers.signing_in import RunningProvider, signing_in
from tests.both_ways.ways import SECRET, Said, agree
from tests.conftest import TestDatabase

HOME = "http://127.0.0.1:8080"
BACK = f"{HOME}/signed-in"
DOCTOR_OF_TWO_PLACES = "samir.haddad"


async def test_every_question_is_answered_the_same_both_ways(
    service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path
) -> None:
    async with signing_in([HOME]) as providers:
        tables = [provider_table(each.provider, each.issuer, USERS, ORGANISATION_BY_ODS) for each in providers.values()]
        write_tables(tmp_path / "providers" / "region.toml", "provider", tables, "The pretend region's identity providers.")
        primary_care = providers["primary-care"]

        async def make(stack: AsyncExitStack) -> Part:
            return await an_identity_service(await service_database("identity"), tmp_path, providers)

        def finish(begun: int, **changes: str) -> Callable[[list[Said]], FinishAsked]:
            return lambda answers: _brought_back(primary_care, _begun(answers[begun]), **changes)

        heard = await agree(
            make,
            [
                (PROVIDERS, ProvidersAsked()),
                (BEGIN, BeginAsked("primary-care", BACK, "/search", DOCTOR_OF_TWO_PLACES)),
                (FINISH, finish(1)),
                (SESSION, lambda answers: SessionAsked(_session(answers[2]))),
                (CHOOSE, lambda answers: ChooseAsked(_session(answers[2]), "not-one-of-mine")),
                (CHOOSE, lambda answers: ChooseAsked(_session(answers[2]), _finished(answers[2]).session.roles[0].id)),
                (SESSION, lambda answers: SessionAsked(_session(answers[2]), touch=False)),
                (BEGIN, BeginAsked("nobody", BACK)),
                (BEGIN, BeginAsked("council", "https://evil.test/")),
                (FINISH, FinishAsked("code", "made-up", "made-up")),
                (BEGIN, BeginAsked("primary-care", BACK, "/", DOCTOR_OF_TWO_PLACES)),
                (FINISH, finish(10, iss="https://another.region.example")),
                (TOLD_OUT, LogoutTold("not.a.token")),
                (TOLD_OUT, lambda _: LogoutTold(_logout_token(primary_care, "somebody"))),
                (SIGN_OUT, lambda answers: SessionAsked(_session(answers[2]))),
                (SIGN_OUT, lambda answers: SessionAsked(_session(answers[2]))),
                (SESSION, lambda answers: SessionAsked(_session(answers[2]))),
            ],
        )
    assert [each.error for each in heard] == [
        "", "", "", "", "Refused", "", "",
        "NotFound", "NotUnderstood", "NotUnderstood", "", "NotSignedIn", "NotSignedIn", "",
        "", "", "NotSignedIn",
    ]  # fmt: skip


async def an_identity_service(database: TestDatabase, data: Path, providers: Mapping[str, RunningProvider]) -> Part:
    clock, log = SystemClock(), log_for("identity")
    outbox = Outbox(database.pool, "identity", clock)
    await outbox.settle()
    secrets = {f"oidc-{key}": each.secret for key, each in providers.items()}
    return build(
        Supplies(
            name="identity",
            calls=Calls("identity", {}),
            keys=keys_for(SECRET, "identity", ("identity",), ()),
            clock=clock,
            log=log,
            metrics=Metrics("identity"),
            settings={},
            secrets=secrets.__getitem__,
            data_dir=data,
            address=HOME,
            database=database.pool,
            events=outbox,
        )
    )


def _brought_back(provider: RunningProvider, begun: Begun, **changes: str) -> FinishAsked:
    """What the browser brings back. Without a socket: a dialogue's questions are made between two awaits."""
    address = urlsplit(begun.address)
    sent = provider.oidc(Asked("GET", address.path, tuple(parse_qsl(address.query)), {}))
    assert isinstance(sent, Reply)
    told = dict(parse_qsl(urlsplit(dict(sent.headers)["Location"]).query))
    brought = {"code": told["code"], "state": told["state"], "iss": told["iss"], "cookie_state": begun.state}
    return FinishAsked(**(brought | changes))


def _logout_token(provider: RunningProvider, subject: str) -> str:
    now = int(SystemClock().now().timestamp())
    claims: dict[str, Any] = {
        "iss": provider.issuer,
        "aud": "carerecord",
        "sub": subject,
        "iat": now,
        "exp": now + 60,
        "jti": "j",
    }
    return provider.oidc.ring.sign(claims | {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}})


def _begun(answer: Said) -> Begun:
    return msgspec.json.decode(answer.chunks[0], type=Begun)


def _finished(answer: Said) -> Finished:
    return msgspec.json.decode(answer.chunks[0], type=Finished)


def _session(answer: Said) -> str:
    return _finished(answer).session.id
