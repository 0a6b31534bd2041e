"""Was this permit made by policy, for me, a moment ago? A seal for each service that relies on it, over every other field."""

import time
from typing import Any, Protocol, TypeVar

import msgspec

from carerecord.kit.errors import Refused
from carerecord.kit.question import encode
from carerecord.kit.tokens import Keys, holds, seal

LIFE_S = 60.0


class Sealed(Protocol):
    @property
    def seals(self) -> tuple[tuple[str, str], ...]: ...

    @property
    def made_at(self) -> float: ...

    @property
    def ends_at(self) -> float: ...


P = TypeVar("P", bound=Sealed)


def sealed(permit: P, keys: Keys, targets: tuple[str, ...]) -> P:
    """The permit with a seal for each target. Only who holds the targets' permit keys can make one: policy."""
    bare = _bare(permit)
    seals = tuple((target, seal(keys.permits[target], bare)) for target in targets)
    return msgspec.structs.replace(permit, seals=seals)  # type: ignore[type-var]


def checked(permit: P, keys: Keys, now: float | None = None) -> P:
    """The permit, when it is worth something to the service that holds these keys.

    Raises:
        Refused: no seal for this service, a field was changed, or its time is over.
    """
    at = time.time() if now is None else now
    mac = dict(permit.seals).get(keys.service, "")
    if not mac or not holds(keys.permit, _bare(permit), mac):
        raise Refused("The permit was not made for this.", rule="permit/seal")
    if not permit.made_at - 5.0 <= at <= permit.ends_at or permit.ends_at - permit.made_at > LIFE_S:
        raise Refused("The permit's minute is over. Open the record again.", rule="permit/age")
    return permit


def _bare(permit: Any) -> bytes:
    return encode(msgspec.structs.replace(permit, seals=()))
