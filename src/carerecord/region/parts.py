"""What runs in one process of the region? Some systems, some identity providers, perhaps the PDS, and a control address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from carerecord.region.servers.control import Control, Controlled
from carerecord.region.servers.habits import Habit, Habits, habit_of
from carerecord.region.servers.http import Answer, Asked, Listener, Reply
from carerecord.region.servers.oidc_provider import OidcProvider
from carerecord.region.servers.pds import BASE as PDS_BASE
from carerecord.region.servers.pds import Pds
from carerecord.region.servers.running import RunningServer, Serving
from carerecord.region.servers.signing_in import RunningProvider
from carerecord.region.shapes import Region


@dataclass(frozen=True)
class PartOfRegion:
    """The keys of what one process serves."""

    name: str
    systems: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    pds: bool = False


@dataclass(frozen=True)
class Told:
    """Where everything of a part is, as it tells the one that started it. Secrets travel by pipe alone."""

    control: str
    systems: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # key -> FHIR address, token address, secret
    providers: dict[str, tuple[str, str]] = field(default_factory=dict)  # key -> issuer, secret
    pds: str = ""


def parts_of(region: Region, *, each: bool) -> tuple[PartOfRegion, ...]:
    """Three: the well-behaved systems; those with faults, so that they disturb nobody; providers and PDS. Or one for each.

    Small systems, where there are any, share one more.
    """
    keys = [system.key for system in region.systems if not system.small]
    small = tuple(system.key for system in region.systems if system.small)
    many = (PartOfRegion("many", systems=small),) if small else ()
    providers = tuple(provider.key for provider in region.providers)
    if each:
        alone = [PartOfRegion(key, systems=(key,)) for key in keys] + [PartOfRegion(key, providers=(key,)) for key in providers]
        return (*alone, *many, PartOfRegion("pds", pds=True))
    troubled = {fault.system for fault in region.faults}
    return (
        PartOfRegion("systems", systems=tuple(key for key in keys if key not in troubled)),
        PartOfRegion("misbehaving", systems=tuple(key for key in keys if key in troubled)),
        *many,
        PartOfRegion("people", providers=providers, pds=True),
    )


class _Served:
    """One thing under control."""

    def __init__(self, listener: Listener, habits: Habits | None = None, provider: OidcProvider | None = None) -> None:
        self.listener, self.habits, self.oidc_provider = listener, habits, provider


async def serve_part(region: Region, part: PartOfRegion, front: str) -> tuple[Told, list[Listener]]:
    """Start all of a part in this loop."""
    servers = [RunningServer(serving) for serving in _servings(region, part)]
    providers = [
        RunningProvider(provider, region.users, region.organisations, [front])
        for provider in region.providers
        if provider.key in part.providers
    ]
    await asyncio.gather(*(each.start() for each in servers), *(each.start() for each in providers))
    controlled: dict[str, Controlled] = {}
    controlled |= {each.system.key: _Served(each.listener, each.fhir.habits) for each in servers}
    controlled |= {each.provider.key: _Served(each.listener, provider=each.oidc) for each in providers}
    pds_address = ""
    if part.pds:
        listener = Listener(_not_yet)
        await listener.listen()
        pds = Pds(region.register, listener.address)
        listener.handler = pds
        controlled["pds"] = _Served(listener, pds.habits)
        pds_address = listener.address + PDS_BASE
    control = Listener(Control(controlled))
    await control.listen()
    told = Told(
        control=control.address,
        systems={each.system.key: (each.address, each.token_address, each.secret) for each in servers},
        providers={each.provider.key: (each.issuer, each.secret) for each in providers},
        pds=pds_address,
    )
    return told, [control, *(each.listener for each in controlled.values())]


def _servings(region: Region, part: PartOfRegion) -> Sequence[Serving]:
    habits: dict[str, list[Habit]] = {}
    for fault in region.faults:
        habits.setdefault(fault.system, []).append(habit_of(fault))
    return [
        Serving(system, region.holdings.get(system.key, ()), tuple(habits.get(system.key, ())))
        for system in region.systems
        if system.key in part.systems
    ]


def _not_yet(_: Asked) -> Answer:
    return Reply(b"", 503)
