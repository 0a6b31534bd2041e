"""How does one service know another, and how is a value sealed so that it may travel?

Keys are derived from one secret of the deployment, one for each pair of purpose and service: who holds the key of `records`
can neither act as `viewer` nor seal a permit for `patients`. In a region each service is given only its own derived keys.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any


def derive(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose (HMAC-SHA-256 of its name under the secret)."""
    return hmac.new(secret, purpose.encode(), sha256).digest()


def seal(key: bytes, what: bytes) -> str:
    return hmac.new(key, what, sha256).hexdigest()


def holds(key: bytes, what: bytes, mac: str) -> bool:
    """True when `mac` was made over `what` under `key`; takes the same time either way."""
    return hmac.compare_digest(seal(key, what), mac)


@dataclass(frozen=True)
class Keys:
    """What one service holds: its own secret, its credentials at others, and what it needs to check its callers."""

    service: str
    own: bytes = field(repr=False)  # for sealing what only it will read
    door: bytes = field(repr=False)  # to check those who call it
    credentials: Mapping[str, str] = field(repr=False)  # service asked -> credential shown there
    permit: bytes = field(repr=False)  # to check permits made for it
    permits: Mapping[str, bytes] = field(repr=False, default_factory=dict)  # policy alone: to make permits for others
    entries: bytes = field(repr=False, default=b"")  # those alone who work out under which id a source's entry lies here

    def own_key(self, purpose: str) -> bytes:
        return derive(self.own, purpose)


WORK_OUT_IDS = frozenset(("exchange", "ingest", "locator", "records"))


def credential(door: bytes, caller: str) -> str:
    """What `caller` shows at the door that holds this key."""
    return f"{caller}:{seal(door, caller.encode())}"


def caller_of(door: bytes, shown: str) -> str | None:
    """Who shows this credential, or None when it is not good."""
    caller, _, mac = shown.partition(":")
    return caller if caller and holds(door, caller.encode(), mac) else None


def keys_for(secret: bytes, service: str, services: tuple[str, ...], asks: tuple[str, ...]) -> Keys:
    """The keys of one service, derived from the deployment's secret.

    `asks` are the services that the catalogue lets it call: it has credentials for those alone.
    """
    return Keys(
        service=service,
        own=derive(secret, f"own/{service}"),
        door=derive(secret, f"door/{service}"),
        credentials={other: credential(derive(secret, f"door/{other}"), service) for other in asks},
        permit=derive(secret, f"permit/{service}"),
        permits={other: derive(secret, f"permit/{other}") for other in services} if service == "policy" else {},
        entries=derive(secret, "entries") if service in WORK_OUT_IDS else b"",
    )


def written_keys(keys: Keys) -> dict[str, object]:
    """The keys of one service as JSON can hold them: what its process is given instead of the deployment's secret."""
    return {
        "service": keys.service,
        "own": keys.own.hex(),
        "door": keys.door.hex(),
        "permit": keys.permit.hex(),
        "credentials": dict(keys.credentials),
        "permits": {name: key.hex() for name, key in keys.permits.items()},
        "entries": keys.entries.hex(),
    }


def read_keys(written: Mapping[str, Any]) -> Keys:
    return Keys(
        service=written["service"],
        own=bytes.fromhex(written["own"]),
        door=bytes.fromhex(written["door"]),
        permit=bytes.fromhex(written["permit"]),
        credentials=dict(written["credentials"]),
        permits={name: bytes.fromhex(key) for name, key in written["permits"].items()},
        entries=bytes.fromhex(written["entries"]),
    )
