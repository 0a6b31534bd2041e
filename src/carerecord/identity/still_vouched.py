"""Does the organisation still vouch for whom it signed in? Asked again every four minutes, so that a leaver is out within five.

With the refresh token that the provider gave (OpenID Connect Core 1.0, section 12). A provider that gives none ends its users'
sessions by a back-channel logout, or they end by themselves.
"""

import asyncio
import os
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carerecord.identity.book import line, who
from carerecord.identity.claims import roles_from
from carerecord.identity.model import Terms
from carerecord.identity.oidc import ProviderClient
from carerecord.identity.providers import TrustedProvider
from carerecord.identity.registry import Registry
from carerecord.identity.store import sessions as store
from carerecord.identity.store.sessions import Due
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool, is_away
from carerecord.kit.errors import NotSignedIn, Unavailable
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log

ASKED_EVERY = timedelta(minutes=4)
AGAIN_AFTER = timedelta(minutes=1)  # while the provider is silent
LOOKS_EVERY_S = 20.0
AT_ONCE = 20
LEFT, ROLE_GONE = "identity/left", "identity/role-gone"


@dataclass(frozen=True)
class StillVouched:
    """Goes through the sessions in use for as long as the service runs. A silent provider ends nobody's."""

    db: Pool
    outbox: Outbox
    clock: Clock
    log: Log
    client: ProviderClient
    registry: Registry
    terms: Terms
    key: bytes = field(repr=False)

    def sealed(self, token: str) -> bytes | None:
        """As it may be stored: a thief of the table cannot use it."""
        nonce = os.urandom(12)
        return nonce + AESGCM(self.key).encrypt(nonce, token.encode(), None) if token else None

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.round() == AT_ONCE:
                    pass
            except Exception as error:
                if not is_away(error):
                    raise
                self.log.warning("vouching.waits", because=type(error).__name__)
            await asyncio.sleep(LOOKS_EVERY_S)

    async def round(self) -> int:
        """Ask again for those who are due; how many were."""
        now = self.clock.now()
        # Taken for a minute: when we are killed amid it, or the provider is silent, another round asks again.
        due = await store.due(self.db, now - ASKED_EVERY, now - self.terms.idle, now - ASKED_EVERY + AGAIN_AFTER, AT_ONCE)
        await asyncio.gather(*(self._ask(each) for each in due))
        return len(due)

    async def _ask(self, due: Due) -> None:
        provider = self.registry.trusted(due.kept.provider, due.kept.issuer)
        if provider is None:
            return  # such a session is good for nothing already
        try:
            given = await self.client.refresh(provider, self._unsealed(due.refresh))
            if given is None:
                self.log.warning("vouching.not_offered", provider=provider.id)
                await store.vouched(self.db, due.id_hash, None, self.clock.now())
                return
            # A provider that gives no new token lets the old one serve on.
            kept = self.sealed(given.refresh_token) or due.refresh
            await store.vouched(self.db, due.id_hash, kept, self.clock.now())
            if not await self._holds_role(provider, due, given.access_token):
                await self._end(due, ROLE_GONE)
        except NotSignedIn:
            await self._end(due, LEFT)
        except Unavailable:
            self.log.warning("vouching.silent", provider=provider.id)

    async def _holds_role(self, provider: TrustedProvider, due: Due, access_token: str) -> bool:
        """Whether the chosen role is still among the user's, where the provider tells roles at any time."""
        if provider.roles.place != "userinfo" or due.kept.role is None or not access_token:
            return True
        told = await self.client.userinfo(provider, access_token)
        if told.get("sub") != due.kept.subject:
            return False
        chosen = next((role for role in due.kept.roles if role.id == due.kept.role), None)
        return chosen is not None and any(
            (role.id, role.code, role.organisation) == (chosen.id, chosen.code, chosen.organisation)
            for role in roles_from(told, provider)
        )

    async def _end(self, due: Due, rule: str) -> None:
        async with self.db.acquire() as connection, connection.transaction():
            if (kept := await store.end_session(connection, due.id_hash)) is not None:
                told = line("signed-out", who(kept), self.clock.now(), rule=rule)
                await self.outbox.announce("Line", told, connection)

    def _unsealed(self, refresh: bytes) -> str:
        try:
            return AESGCM(self.key).decrypt(refresh[:12], refresh[12:], None).decode()
        except InvalidTag:
            raise NotSignedIn("The session was sealed with another key.", rule=LEFT) from None
