"""When does a session end, and what may stand in an address? Rules that need no memory."""

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.identity import Session
from carerecord.kit.clock import stamp

SIGN_IN_LASTS = timedelta(minutes=10)  # from leaving for the provider until coming back
TOUCHED_EVERY = timedelta(minutes=1)  # a session's last use is written no more often: reading a page is not a write


@dataclass(frozen=True)
class Terms:
    """How long a session lives without use, and at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True)
class SignIn:
    """A sign-in under way: whom the browser was sent to, and where it goes when it is back."""

    provider: str
    issuer: str
    redirect_uri: str
    after: str
    began_at: datetime


@dataclass(frozen=True)
class Kept:
    """A session as it is stored."""

    provider: str
    issuer: str
    subject: str
    name: str
    acr: str
    roles: tuple[Role, ...]
    role: str | None
    home: str  # the origin where this user reaches us: they return there after signing out
    sid: str  # the provider's own id of its session, for a logout that it sends; "" when it gave none
    used_at: datetime
    ends_at: datetime

    def alive(self, now: datetime, terms: Terms) -> bool:
        return now < self.ends_at and now < self.used_at + terms.idle

    def actor(self) -> Actor | None:
        """The user in the chosen role; None while it is still to be chosen."""
        chosen = next((role for role in self.roles if role.id == self.role), None)
        return None if chosen is None else Actor(self.issuer, self.subject, self.name, chosen, self.acr)

    def shown(self, id: str, csrf: str, terms: Terms) -> Session:
        idle_until = min(self.used_at + terms.idle, self.ends_at)
        return Session(id, self.name, self.roles, self.actor(), csrf, stamp(idle_until), stamp(self.ends_at))


def hashed(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def derived(key: bytes, purpose: str, of: str) -> str:
    """43 characters that only the holder of the key can make: a nonce, a PKCE verifier (RFC 7636), a CSRF token."""
    return unpadded(hmac.new(key, f"{purpose}/{of}".encode(), sha256).digest())


def challenge(verifier: str) -> str:
    """The S256 code challenge of RFC 7636, section 4.2."""
    return unpadded(sha256(verifier.encode()).digest())


def unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def is_path_of_ours(after: str) -> bool:
    """Whether a browser that is sent to `after` stays here. It reads `//host` and `/\\host` as another site, and skips tabs."""
    return after.startswith("/") and not after.startswith("//") and after.isprintable() and "\\" not in after


def origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
