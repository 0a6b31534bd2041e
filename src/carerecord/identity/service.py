"""Give a session to whom their organisation vouches for, say who is signed in, and end it: in order."""

import asyncio
import secrets
from dataclasses import dataclass, field

from carerecord.contracts.identity import (
    BeginAsked,
    Begun,
    ChooseAsked,
    Ended,
    FinishAsked,
    Finished,
    LogoutTold,
    Provider,
    ProvidersAsked,
    Session,
    SessionAsked,
)
from carerecord.identity.book import line, who, without_role
from carerecord.identity.claims import name_from, roles_from, unknown_words, word_of
from carerecord.identity.logout import logout_address, told_out
from carerecord.identity.model import SIGN_IN_LASTS, TOUCHED_EVERY, Kept, Terms, derived, hashed, origin
from carerecord.identity.oidc import ProviderClient
from carerecord.identity.registry import Registry
from carerecord.identity.signing_in import SigningIn, Vouched
from carerecord.identity.still_vouched import StillVouched
from carerecord.identity.store import sessions as store
from carerecord.kit.clock import Clock
from carerecord.kit.db import Connection, Pool
from carerecord.kit.errors import NotSignedIn, Refused
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log

_SWEEP_EVERY_S = 60.0
_ENDED = "You are not signed in, or your session has ended. Please sign in again."


@dataclass(frozen=True)
class Desk:
    """All that signing in leans on; built once, in `api.build`."""

    db: Pool
    outbox: Outbox
    clock: Clock
    log: Log
    client: ProviderClient
    registry: Registry
    signing_in: SigningIn
    still_vouched: StillVouched
    terms: Terms
    key: bytes = field(repr=False)

    async def providers(self, _: ProvidersAsked) -> tuple[Provider, ...]:
        return self.registry.listed()

    async def begin(self, asked: BeginAsked) -> Begun:
        return await self.signing_in.begin(asked)

    async def finish(self, asked: FinishAsked) -> Finished:
        """The provider's answer, checked, as a session with a new id; the session that this browser had is over.

        Raises:
            NotUnderstood: no sign-in of this browser is under way.
            NotSignedIn: something about the answer is not as it must be; fact `rule`.
            Refused: the provider vouches for the user, but gives no role that is known here.
            Unavailable: the provider does not answer.
        """
        begun = await self.signing_in.take(asked)
        try:
            vouched = await self.signing_in.vouched(asked, begun)
            kept = await self._kept(vouched, origin(begun.redirect_uri))
        except NotSignedIn as error:
            rule = error.facts.get("rule", "")
            self.log.warning("sign_in.refused", provider=begun.provider, rule=rule)
            await self.outbox.announce("Line", line("refused", None, self.clock.now(), outcome="refused", rule=rule))
            raise
        session = secrets.token_urlsafe(32)
        async with self.db.acquire() as connection, connection.transaction():
            await self._end(connection, asked.old_session)
            refresh = self.still_vouched.sealed(vouched.refresh_token)
            await store.add_session(connection, hashed(session), kept, refresh)
            await self.outbox.announce("Line", line("signed-in", who(kept), self.clock.now()), connection)
        return Finished(self._shown(session, kept), begun.after)

    async def _kept(self, vouched: Vouched, home: str) -> Kept:
        provider, claims, now = vouched.provider, vouched.claims, self.clock.now()
        subject, name, acr = str(claims["sub"]), name_from(claims), word_of(claims, "acr")
        roles = roles_from(claims, provider)
        if not roles:
            rule = "identity/no-role"
            actor = without_role(provider.issuer, subject, name, provider.organisation, provider.name, acr)
            words = unknown_words(claims, provider)
            self.log.warning("sign_in.refused", provider=provider.id, rule=rule, unknown_roles=words)
            await self.outbox.announce("Line", line("refused", actor, now, outcome="refused", rule=rule))
            unknown = f"It gives you {', '.join(words)}, which is no role here. " if words else ""
            raise Refused(
                f"{provider.name} has signed you in, but you hold no role there that gives access to the shared record. "
                f"{unknown}Ask whoever manages your access.",
                rule=rule,
            )
        return Kept(
            provider=provider.id,
            issuer=provider.issuer,
            subject=subject,
            name=name,
            acr=acr,
            roles=roles,
            role=roles[0].id if len(roles) == 1 else None,
            home=home,
            sid=word_of(claims, "sid"),
            used_at=now,
            ends_at=now + self.terms.absolute,
        )

    async def session(self, asked: SessionAsked) -> Session:
        """Who is signed in.

        Raises:
            NotSignedIn: nobody, or not any more.
        """
        kept, now = await self._alive(asked.session), self.clock.now()
        if asked.touch and now - kept.used_at >= TOUCHED_EVERY:
            kept = await store.touch(self.db, hashed(asked.session), now) or kept
        return self._shown(asked.session, kept)

    async def choose(self, asked: ChooseAsked) -> Session:
        """The same session in one of its roles.

        Raises:
            NotSignedIn: nobody is signed in.
            Refused: a role that the provider did not give.
        """
        kept, now = await self._alive(asked.session), self.clock.now()
        if asked.role not in {role.id for role in kept.roles}:
            raise Refused("That is not one of your roles.", rule="identity/role")
        async with self.db.acquire() as connection, connection.transaction():
            chosen = await store.choose(connection, hashed(asked.session), asked.role, now)
            if chosen is None:
                raise NotSignedIn(_ENDED)
            await self.outbox.announce("Line", line("role-chosen", who(chosen), now), connection)
        return self._shown(asked.session, chosen)

    async def sign_out(self, asked: SessionAsked) -> Ended:
        """The session is over; where to end the provider's own. A provider that is silent does not keep anyone signed in."""
        async with self.db.acquire() as connection, connection.transaction():
            kept = await self._end(connection, asked.session)
        return Ended(await logout_address(self.client, self.registry, kept) if kept is not None else "")

    async def told_out(self, asked: LogoutTold) -> Ended:
        """A provider says that a user has signed out there (OpenID Connect Back-Channel Logout 1.0).

        Raises:
            NotSignedIn: the token is not to be believed; fact `rule`. Nothing is ended.
            Unavailable: the provider's keys cannot be had.
        """
        told = await told_out(asked.token, self.client, self.registry, self.clock.now().timestamp())
        async with self.db.acquire() as connection, connection.transaction():
            for kept in await store.end_sessions(connection, told.issuer, told.subject, told.sid, told.at):
                await self._write_out(connection, kept)
        return Ended()

    async def sweep(self) -> None:
        """Forget what has ended; until cancelled."""
        while True:
            now = self.clock.now()
            await store.sweep(self.db, now, now - self.terms.idle, now - SIGN_IN_LASTS)
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _end(self, connection: Connection, session: str) -> Kept | None:
        kept = await store.end_session(connection, hashed(session)) if session else None
        if kept is not None and kept.alive(self.clock.now(), self.terms):
            await self._write_out(connection, kept)
        return kept

    async def _write_out(self, connection: Connection, kept: Kept) -> None:
        await self.outbox.announce("Line", line("signed-out", who(kept), self.clock.now()), connection)

    async def _alive(self, session: str) -> Kept:
        kept = await store.session(self.db, hashed(session)) if session else None
        # A provider that is no longer trusted vouches for nobody, not even for those whom it signed in before.
        trusted = kept is not None and self.registry.trusted(kept.provider, kept.issuer) is not None
        if kept is None or not trusted or not kept.alive(self.clock.now(), self.terms):
            raise NotSignedIn(_ENDED)
        return kept

    def _shown(self, session: str, kept: Kept) -> Session:
        return kept.shown(session, derived(self.key, "csrf", session), self.terms)
