"""The door of identity."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from carerecord.contracts.identity import (
    ADD_CLIENT,
    BEARER,
    BEGIN,
    CHOOSE,
    CLIENTS,
    FINISH,
    ISSUE,
    PROVIDERS,
    REVOKE_CLIENT,
    SESSION,
    SIGN_OUT,
    TOKEN,
    TOLD_OUT,
)
from carerecord.identity.clients import Clients
from carerecord.identity.model import Terms, origin
from carerecord.identity.oidc import ProviderClient
from carerecord.identity.providers import is_safe
from carerecord.identity.registry import Registry
from carerecord.identity.service import Desk
from carerecord.identity.signing_in import SigningIn
from carerecord.identity.still_vouched import StillVouched
from carerecord.kit.errors import BadSetting
from carerecord.kit.part import Job, Part, Supplies, answer
from carerecord.kit.settings import read


@dataclass(frozen=True)
class IdentitySettings:
    """Read from the environment with the prefix CARERECORD_IDENTITY_. The two times may be made shorter, never longer."""

    folder: str = ""  # of TOML files; "" = `providers` in the data folder
    homes: tuple[str, ...] = ()  # further origins where people reach us, beside the front door's address
    idle_minutes: float = 15.0  # without a click: signed out
    absolute_hours: float = 12.0  # after signing in: signed out

    def __post_init__(self) -> None:
        if not 0 < self.idle_minutes <= 15 or not 0 < self.absolute_hours <= 12:
            raise BadSetting("idle_minutes lies above 0 and at most 15, absolute_hours above 0 and at most 12")
        if not all(is_safe(each) for each in self.homes):
            raise BadSetting("homes are https addresses (http only on this machine)")

    @property
    def terms(self) -> Terms:
        return Terms(timedelta(minutes=self.idle_minutes), timedelta(hours=self.absolute_hours))


def build(supplies: Supplies) -> Part:
    settings = read(IdentitySettings, supplies.settings)
    key = supplies.keys.own_key("sign-in")
    homes = tuple(origin(each) for each in (supplies.address, *settings.homes) if each)
    folder = Path(settings.folder) if settings.folder else supplies.data_dir / "providers"
    client, registry = ProviderClient(supplies.secrets, supplies.clock, supplies.log), Registry(folder, supplies.log)
    still_vouched = StillVouched(
        db=supplies.db,
        outbox=supplies.outbox,
        clock=supplies.clock,
        log=supplies.log,
        client=client,
        registry=registry,
        terms=settings.terms,
        key=supplies.keys.own_key("refresh"),
    )
    desk = Desk(
        db=supplies.db,
        outbox=supplies.outbox,
        clock=supplies.clock,
        log=supplies.log,
        client=client,
        registry=registry,
        signing_in=SigningIn(supplies.db, supplies.clock, client, registry, key, homes),
        still_vouched=still_vouched,
        terms=settings.terms,
        key=key,
    )
    clients = Clients(supplies.db, supplies.outbox, supplies.clock)
    return Part(
        "identity",
        answers=(
            answer(PROVIDERS, desk.providers),
            answer(BEGIN, desk.begin),
            answer(FINISH, desk.finish),
            answer(SESSION, desk.session),
            answer(CHOOSE, desk.choose),
            answer(SIGN_OUT, desk.sign_out),
            answer(TOLD_OUT, desk.told_out),
            answer(ADD_CLIENT, clients.add),
            answer(CLIENTS, clients.every),
            answer(REVOKE_CLIENT, clients.revoke),
            answer(TOKEN, clients.token),
            answer(ISSUE, clients.issue),
            answer(BEARER, clients.bearer),
        ),
        jobs=(
            Job("identity.watch", registry.watch),
            Job("identity.sweep", desk.sweep),
            Job("identity.still-vouched", still_vouched.work),
            Job("identity.sweep-clients", clients.sweep),
        ),
        start=registry.read,
        stop=client.close,
    )
