"""How are the pretend identity providers started? Each on its own port, in this loop."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from carerecord.region.organisations import ORGANISATIONS, PROVIDERS, USERS
from carerecord.region.servers.http import Answer, Asked, Listener, Reply
from carerecord.region.servers.oidc_claims import manner_of
from carerecord.region.servers.oidc_provider import OidcProvider
from carerecord.region.shapes import IdentityProvider, Organisation, User


class RunningProvider:
    """One provider that is up. `oidc.mischief` makes it lie, `oidc.ring.rotate()` turns its keys."""

    def __init__(
        self,
        provider: IdentityProvider,
        users: Sequence[User],
        organisations: Sequence[Organisation],
        redirects: Sequence[str],
        secret: str = "",
    ) -> None:
        self.provider, self.secret = provider, secret or secrets.token_urlsafe(18)
        self.users = tuple(user for user in users if user.provider == provider.key)
        self._organisations, self._redirects = organisations, redirects
        self.listener = Listener(self._not_yet)

    @staticmethod
    def _not_yet(_: Asked) -> Answer:
        return Reply(b"", 503)

    async def start(self) -> None:
        await self.listener.listen()
        self.oidc = OidcProvider(
            self.provider,
            self.users,
            self.issuer,
            manner_of(self.provider),
            secret=self.secret,
            redirects=self._redirects,
            organisations=self._organisations,
        )
        self.listener.handler = self.oidc

    @property
    def issuer(self) -> str:
        return self.listener.address


@asynccontextmanager
async def signing_in(
    redirects: Sequence[str],
    *,
    providers: Sequence[IdentityProvider] = PROVIDERS,
    users: Sequence[User] = USERS,
    organisations: Sequence[Organisation] = ORGANISATIONS,
) -> AsyncIterator[dict[str, RunningProvider]]:
    """The providers by key, up in this loop. `redirects`: the origins of the services that they sign people in for."""
    started = {each.key: RunningProvider(each, users, organisations, redirects) for each in providers}
    await asyncio.gather(*(each.start() for each in started.values()))
    try:
        yield started
    finally:
        await asyncio.gather(*(each.listener.refuse() for each in started.values()))
    for each in started.values():
        if each.listener.faults:
            raise each.listener.faults[0]
