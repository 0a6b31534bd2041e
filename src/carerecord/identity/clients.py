"""Which systems and apps may ask the FHIR API, and with which token? SMART Backend Services, or a secret.

A token is 256 random bits, stored as a hash: revoking a client ends all of its tokens at once.
"""

import asyncio
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.identity import (
    AddClientAsked,
    Bearer,
    BearerAsked,
    ClientAdded,
    ClientRow,
    ClientsAsked,
    IssueAsked,
    RevokeClientAsked,
    Token,
    TokenAsked,
)
from carerecord.contracts.roles import ROLES
from carerecord.fhir.identifiers import is_ods_code
from carerecord.fhir.scopes import granted, scope
from carerecord.identity.book import line
from carerecord.identity.id_token import LEAST_BITS, is_weak
from carerecord.identity.store import clients as kept
from carerecord.kit.clock import Clock
from carerecord.kit.db import Pool
from carerecord.kit.errors import NotAcceptable, NotFound, NotSignedIn, NotUnderstood
from carerecord.kit.events import Outbox

LASTS: Final = timedelta(minutes=5)  # SMART: short, since a client may ask again at any time
LONGEST: Final = timedelta(hours=24)
ASSERTION_LASTS_S: Final = 300
SKEW_S: Final = 60
ALGORITHMS: Final = ("RS384", "ES384", "PS384", "RS256", "ES256", "PS256")
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER: Final = "urn:carerecord:client"
_SWEEP_EVERY_S: Final = 60.0
_SOURCE: Final = re.compile(r"[\w.-]{1,64}\Z", re.ASCII)
_NAME: Final = re.compile(r"[\w .,'()/&-]{1,80}\Z")
_NOT_GOOD: Final = "The client could not be verified."


@dataclass(frozen=True)
class Clients:
    db: Pool
    outbox: Outbox
    clock: Clock

    async def add(self, asked: AddClientAsked) -> ClientAdded:
        """A new client; where it brings no keys, with a secret that is shown this once.

        Raises:
            NotAcceptable: a name, organisation, scope or key set that cannot be used.
        """
        if not _NAME.match(asked.name) or not is_ods_code(asked.organisation):
            raise NotAcceptable("A client has a name of up to 80 letters, and the ODS code of its organisation.")
        unknown = [each for each in asked.scopes if scope(each) is None]
        if unknown or not asked.scopes:
            raise NotAcceptable("Scopes are written system/Type.cruds or system/*.rs, one or more of them.")
        if asked.on_invalid not in ("refuse", "annotate", "quarantine"):
            raise NotAcceptable("What is done with invalid input is refuse, annotate or quarantine.")
        if asked.source and not _SOURCE.match(asked.source):
            raise NotAcceptable("A source is named by its id in the registry.")
        if asked.acts_for and asked.acts_for not in ROLES:
            raise NotAcceptable(f"A client acts for one of these roles: {', '.join(ROLES)}.")
        if asked.jwks:
            _keys(asked.jwks)
        secret = "" if asked.jwks else secrets.token_urlsafe(32)
        now = self.clock.now()
        row = ClientRow(
            secrets.token_hex(8), asked.name, asked.organisation, tuple(dict.fromkeys(asked.scopes)), asked.chooses_ids,
            asked.must_match, asked.on_invalid, source=asked.source, acts_for=asked.acts_for,
        )  # fmt: skip
        async with self.db.acquire() as db, db.transaction():
            await kept.add(db, row, _hashed(secret) if secret else None, asked.jwks or None, now)
            await self.outbox.announce("Line", line("client-added", as_actor(row), now), db)
        return ClientAdded(row, secret)

    async def every(self, _: ClientsAsked) -> tuple[ClientRow, ...]:
        return await kept.every(self.db)

    async def revoke(self, asked: RevokeClientAsked) -> ClientRow:
        """The client, with none of its tokens left.

        Raises:
            NotFound: there is none of that id.
        """
        now = self.clock.now()
        async with self.db.acquire() as db, db.transaction():
            row = await kept.revoke(db, asked.client, now)
            if row is None:
                raise NotFound("There is no client of that id.")
            await self.outbox.announce("Line", line("client-revoked", as_actor(row), now), db)
        return row

    async def token(self, asked: TokenAsked) -> Token:
        """A token for a client that proves who it is.

        Raises:
            NotUnderstood: another kind of grant. Fact `rule` holds OAuth's error code.
            NotSignedIn: the proof is not good; nobody is told why.
        """
        if asked.grant_type != "client_credentials":
            raise NotUnderstood("The grant type is client_credentials.", rule="unsupported_grant_type")
        row = await (self._by_assertion(asked) if asked.assertion else self._by_secret(asked))
        scopes = granted(asked.scope, row.scopes)
        if not scopes:
            raise NotUnderstood("None of the scopes asked for is this client's to have.", rule="invalid_scope")
        return await self._given(row, scopes, LASTS)

    async def issue(self, asked: IssueAsked) -> Token:
        """At the operator's word.

        Raises:
            NotFound: no such client, or it was revoked. NotAcceptable: longer than a day.
        """
        lasts = timedelta(seconds=asked.ttl_s)
        if not timedelta() < lasts <= LONGEST:
            raise NotAcceptable("A token lasts at most 24 hours.")
        found = await kept.one(self.db, asked.client)
        if found is None or found[0].revoked:
            raise NotFound("There is no client of that id in use.")
        return await self._given(found[0], found[0].scopes, lasts)

    async def bearer(self, asked: BearerAsked) -> Bearer:
        """Who shows this token.

        Raises:
            NotSignedIn: it is not good, or not any more.
        """
        found = await kept.bearer(self.db, _hashed(asked.token), self.clock.now())
        if found is None:
            raise NotSignedIn("The token is not good, or not any more.")
        row, scopes, ends_at = found
        return Bearer(row, scopes, ends_at.timestamp())

    async def sweep(self) -> None:
        """Forget what is over; until cancelled."""
        while True:
            await kept.sweep(self.db, self.clock.now())
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _given(self, row: ClientRow, scopes: tuple[str, ...], lasts: timedelta) -> Token:
        token, now = secrets.token_urlsafe(32), self.clock.now()
        async with self.db.acquire() as db, db.transaction():
            await kept.give(db, _hashed(token), row.id, scopes, now + lasts)
            await self.outbox.announce("Line", line("token-given", as_actor(row), now), db)
        return Token(token, round(lasts.total_seconds()), " ".join(scopes))

    async def _known(self, client: object) -> tuple[ClientRow, bytes | None, str | None] | None:
        """None also for what is no id at all: whoever asks has proved nothing yet, and may send anything."""
        return await kept.one(self.db, client) if isinstance(client, str) and client.isprintable() else None

    async def _by_secret(self, asked: TokenAsked) -> ClientRow:
        found = await self._known(asked.client)
        # One comparison whether the client is known or not.
        good = hmac.compare_digest((found[1] if found else None) or b"\0" * 32, _hashed(asked.secret))
        if found is None or not good or found[0].revoked:
            raise NotSignedIn(_NOT_GOOD, rule="invalid_client")
        return found[0]

    async def _by_assertion(self, asked: TokenAsked) -> ClientRow:
        """The checks of SMART Backend Services and RFC 7523; the keys are those registered, wherever a header points."""
        claims = _unchecked(asked.assertion, 1)
        client = claims.get("iss")
        found = await self._known(client)
        if asked.assertion_type != JWT_BEARER or found is None or found[0].revoked or found[2] is None:
            raise NotSignedIn(_NOT_GOOD, rule="invalid_client")
        header = _unchecked(asked.assertion, 0)
        if header.get("alg") not in ALGORITHMS or "crit" in header:
            raise NotSignedIn(_NOT_GOOD, rule="invalid_client")
        try:
            registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
            claims = jwt.decode(asked.assertion, _keys(found[2]), registry=registry).claims
        except (JoseError, ValueError, TypeError, KeyError, RecursionError, NotAcceptable):
            raise NotSignedIn(_NOT_GOOD, rule="invalid_client") from None
        now = self.clock.now().timestamp()
        ends, jti = claims.get("exp"), claims.get("jti")
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        good = (
            claims.get("sub") == client == claims.get("iss")
            and asked.audience in audiences
            and isinstance(ends, int | float) and not isinstance(ends, bool)
            and now - SKEW_S < ends <= now + ASSERTION_LASTS_S + SKEW_S
            and isinstance(jti, str) and 0 < len(jti) <= 300 and jti.isprintable()
        )  # fmt: skip
        if not good:
            raise NotSignedIn(_NOT_GOOD, rule="invalid_client")
        over = datetime.fromtimestamp(float(str(ends)) + SKEW_S, UTC)
        if not await kept.first_time(self.db, _hashed(f"{client}\0{jti}"), over):
            raise NotSignedIn(_NOT_GOOD, rule="invalid_client")
        return found[0]


def as_actor(row: ClientRow) -> Actor:
    """A client as the book names it."""
    return Actor(ISSUER, row.id, row.name, Role(row.id, "system-client", "System or app", row.organisation, row.organisation))


def _hashed(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _keys(jwks: str) -> KeySet:
    """Public keys for signatures alone.

    Raises:
        NotAcceptable: no key set, or one with a secret in it.
    """
    try:
        told = msgspec.json.decode(jwks, type=dict[str, Any])
        if any(each.get("kty") not in ("RSA", "EC") or "d" in each for each in told["keys"]) or not told["keys"]:
            raise NotAcceptable("A client's keys are public RSA or EC keys, as a JWK Set.")
        ring = KeySet.import_key_set({"keys": told["keys"]})
    except (msgspec.DecodeError, JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotAcceptable("A client's keys are public RSA or EC keys, as a JWK Set.") from None
    if any(map(is_weak, ring.keys)):
        raise NotAcceptable(f"A client's RSA keys have {LEAST_BITS} bits or more.")
    return ring


def _unchecked(token: str, part: int) -> dict[str, Any]:
    """What a token says of itself: only to choose whose keys to check it with."""
    try:
        if len(token) > 16_000 or token.count(".") != 2:
            raise ValueError
        return msgspec.json.decode(urlsafe_b64decode(token.split(".")[part].encode()), type=dict[str, Any])
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise NotSignedIn(_NOT_GOOD, rule="invalid_client") from None
