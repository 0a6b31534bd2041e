"""Sign a user in by their own organisation, keep the session, end it: in order."""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import Line
from carerecord.contracts.identity import (
    BeginAsked,
    Begun,
    ChooseAsked,
    Ended,
    FinishAsked,
    Finished,
    Provider,
    ProvidersAsked,
    Session,
    SessionAsked,
)
from carerecord.identity import store
from carerecord.identity.id_token import key_id, untrusted, verified
from carerecord.identity.model import SIGN_IN_LASTS, TOUCHED_EVERY, Kept, Terms, challenge, derived, hashed, path_of_ours
from carerecord.identity.provider_client import ProviderClient
from carerecord.identity.registry import Registry, TrustedProvider, read_folder, read_registry, safe_address
from carerecord.identity.roles import roles_from
from carerecord.kit import request
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.db import Pool
from carerecord.kit.errors import CareRecordError, NotFound, NotSignedIn, NotUnderstood, Refused
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log

_LOOK_EVERY_S = 2.0
_SWEEP_EVERY_S = 300.0
_ENDED = "You are not signed in, or your session has ended. Please sign in again."


@dataclass
class Desk:
    """All that signing in leans on; built once, in `api.build`."""

    db: Pool
    outbox: Outbox
    clock: Clock
    log: Log
    client: ProviderClient
    folder: Path
    key: bytes = field(repr=False)
    terms: Terms
    home: str = ""  # where people reach us: they return there after signing out
    registry: Registry = field(default_factory=Registry)
    _files: Mapping[str, str] = field(default_factory=dict)

    # the registry

    async def read(self) -> None:
        """Take the folder as it is. A change is in force from then on."""
        files = await asyncio.to_thread(read_folder, self.folder)
        if files != self._files:
            self._files, self.registry = files, read_registry(files)
            for problem in self.registry.problems:
                self.log.warning("provider.problem", problem=problem)

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.read()
            except OSError as error:
                self.log.warning("provider.folder_not_read", exc_info=error)

    async def sweep(self) -> None:
        while True:
            now = self.clock.now()
            await store.sweep(self.db, now, now - self.terms.idle, now - SIGN_IN_LASTS)
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def providers(self, _: ProvidersAsked) -> tuple[Provider, ...]:
        trusted = sorted(self.registry.providers.values(), key=lambda each: each.name)
        return tuple(Provider(each.id, each.organisation, each.name, each.issuer) for each in trusted)

    # signing in

    async def begin(self, asked: BeginAsked) -> Begun:
        """Where the browser goes to sign in.

        Raises:
            NotFound: no such provider. Nothing is fetched for one that the registry does not name.
            Unavailable: the provider does not answer.
        """
        provider = self.registry.providers.get(asked.provider)
        if provider is None:
            raise NotFound("That organisation does not sign people in here.")
        if not safe_address(asked.redirect_uri):
            raise NotUnderstood("The address to return to is not one of ours.")
        found = await self.client.discover(provider)
        state = secrets.token_urlsafe(32)
        now = self.clock.now()
        await store.add_sign_in(self.db, hashed(state), provider.id, asked.redirect_uri, path_of_ours(asked.after), now)
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": asked.redirect_uri,
            "scope": provider.scope,
            "state": state,
            "nonce": derived(self.key, "nonce", state),
            "code_challenge": challenge(derived(self.key, "pkce", state)),
            "code_challenge_method": "S256",
        }
        query |= {"acr_values": provider.acr_values} if provider.acr_values else {}
        query |= {"login_hint": asked.login_hint} if asked.login_hint else {}
        joint = "&" if "?" in found.authorization_endpoint else "?"
        return Begun(f"{found.authorization_endpoint}{joint}{urlencode(query)}", state)

    async def finish(self, asked: FinishAsked) -> Finished:
        """The provider's answer, checked, as a session with a new id.

        Raises:
            NotSignedIn: something about the answer is not as it must be; fact `rule`.
            Refused: the provider vouches for the user, but gives no role that is known here.
            Unavailable: the provider does not answer.
        """
        if not asked.state or not hmac.compare_digest(asked.state.encode(), asked.cookie_state.encode()):
            raise self._stray()
        begun = await store.take_sign_in(self.db, hashed(asked.state), self.clock.now() - SIGN_IN_LASTS)
        provider = self.registry.providers.get(begun[0]) if begun else None
        if begun is None or provider is None:
            raise self._stray()
        _, redirect_uri, after = begun
        try:
            claims = await self._claims(asked, provider, redirect_uri)
            kept = self._kept(claims, provider, self.clock.now())
        except (NotSignedIn, Refused) as error:
            raise await self._refused(provider.id, error) from error
        session = secrets.token_urlsafe(32)
        async with self.db.acquire() as connection, connection.transaction():
            if asked.old_session:
                await store.end_session(connection, hashed(asked.old_session))
            await store.add_session(connection, hashed(session), kept)
            await self.outbox.announce("Line", self._line("signed-in", self._who(kept)), connection)
        return Finished(self._shown(session, kept), after)

    async def _claims(self, asked: FinishAsked, provider: TrustedProvider, redirect_uri: str) -> dict[str, Any]:
        found = await self.client.discover(provider)
        # RFC 9207: the answer of one provider is never taken to another.
        if asked.iss != provider.issuer and (asked.iss or found.authorization_response_iss_parameter_supported):
            raise untrusted("callback-issuer")
        if asked.error or not asked.code:
            raise NotSignedIn(f"The sign-in at {provider.name} was not completed. Please sign in again.", rule="identity/error")
        tokens = await self.client.exchange(provider, asked.code, derived(self.key, "pkce", asked.state), redirect_uri)
        kid = key_id(tokens.id_token, provider)
        key = await self.client.key(provider, kid)
        if key is None:
            raise untrusted("key")
        nonce, now = derived(self.key, "nonce", asked.state), self.clock.now().timestamp()
        claims = verified(tokens.id_token, key, provider, nonce=nonce, now=now)
        if provider.roles_in == "userinfo":
            told = await self.client.userinfo(provider, tokens.access_token)
            if told.get("sub") != claims["sub"]:
                raise untrusted("userinfo")
            claims = {**told, **claims}
        return claims

    def _kept(self, claims: Mapping[str, Any], provider: TrustedProvider, now: datetime) -> Kept:
        roles = roles_from(claims, provider)
        if not roles:
            raise Refused(
                f"{provider.name} has signed you in, but you hold no role there that gives access to the shared record. "
                "Ask whoever manages your access.",
                rule="identity/no-role",
            )
        return Kept(
            provider=provider.id,
            issuer=provider.issuer,
            subject=str(claims["sub"]),
            name=str(claims.get("name") or "Name not given"),
            acr=str(claims.get("acr") or ""),
            roles=roles,
            role=roles[0].id if len(roles) == 1 else None,
            used_at=now,
            ends_at=now + self.terms.absolute,
        )

    def _stray(self) -> NotSignedIn:
        """An answer that nobody here asked for. Not in the book: a stranger could fill it with these."""
        self.log.warning("signin.stray")
        return untrusted("state")

    async def _refused(self, provider: str, error: CareRecordError) -> CareRecordError:
        """The error, once it stands in the book."""
        rule = error.facts.get("rule", "")
        self.log.warning("signin.refused", provider=provider, rule=rule)
        await self.outbox.announce("Line", self._line("refused", None, outcome="refused", rule=rule))
        return error

    # a session's life

    async def session(self, asked: SessionAsked) -> Session:
        """Who is signed in.

        Raises:
            NotSignedIn: nobody, or not any more.
        """
        kept, now = await self._alive(asked.session), self.clock.now()
        if asked.touch and now - kept.used_at >= TOUCHED_EVERY:
            await store.touch(self.db, hashed(asked.session), now)
            kept = await self._alive(asked.session)
        return self._shown(asked.session, kept)

    async def choose(self, asked: ChooseAsked) -> Session:
        """The same session in one of its roles.

        Raises:
            Refused: a role that the provider did not give.
        """
        kept = await self._alive(asked.session)
        if asked.role not in {role.id for role in kept.roles}:
            raise Refused("That is not one of your roles.", rule="identity/role")
        await store.choose(self.db, hashed(asked.session), asked.role, self.clock.now())
        return self._shown(asked.session, await self._alive(asked.session))

    async def sign_out(self, asked: SessionAsked) -> Ended:
        """The session is over; where to end the provider's own. A provider that is silent does not keep anyone signed in."""
        kept = await store.session(self.db, hashed(asked.session))
        if kept is None:
            return Ended()
        async with self.db.acquire() as connection, connection.transaction():
            if await store.end_session(connection, hashed(asked.session)):
                await self.outbox.announce("Line", self._line("signed-out", self._who(kept)), connection)
        return Ended(await self._logout_address(kept))

    async def _logout_address(self, kept: Kept) -> str:
        provider = self.registry.providers.get(kept.provider)
        if provider is None or provider.issuer != kept.issuer:
            return ""
        try:
            end = (await self.client.discover(provider)).end_session_endpoint
        except CareRecordError:
            return ""
        query = {"client_id": provider.client_id} | ({"post_logout_redirect_uri": self.home} if self.home else {})
        return f"{end}{'&' if '?' in end else '?'}{urlencode(query)}" if end else ""

    async def _alive(self, session: str) -> Kept:
        kept = await store.session(self.db, hashed(session)) if session else None
        provider = self.registry.providers.get(kept.provider) if kept else None
        # A provider that is no longer trusted vouches for nobody, not even for those whom it signed in before.
        if kept is None or provider is None or provider.issuer != kept.issuer or not kept.alive(self.clock.now(), self.terms):
            raise NotSignedIn(_ENDED)
        return kept

    def _shown(self, session: str, kept: Kept) -> Session:
        return kept.shown(session, derived(self.key, "csrf", session), self.terms)

    def _who(self, kept: Kept) -> Actor:
        """Whose line it is in the book: in the chosen role, or in none yet."""
        nobody_yet = Role("", "", "", kept.roles[0].organisation, kept.roles[0].organisation_name)
        return kept.actor() or Actor(kept.issuer, kept.subject, kept.name, nobody_yet, kept.acr)

    def _line(self, what: str, actor: Actor | None, *, outcome: str = "success", rule: str = "") -> Line:
        at = stamp(self.clock.now())
        return Line(
            id=str(uuid4()),
            at=at,
            what=what,
            service="identity",
            actor=actor,
            outcome=outcome,
            rule=rule,
            request=request.current(),
        )
