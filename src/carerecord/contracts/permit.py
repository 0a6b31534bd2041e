"""What may be fetched and shown: made by policy alone, carried with the question, dead after a minute."""

from msgspec import Struct


class Grant(Struct, frozen=True):
    source: str
    section: str


class Withheld(Struct, frozen=True):
    """A refusal that may be told: which section, of which source ("" = all), under which rule."""

    source: str
    section: str
    rule: str
    says: str
    kind: str = "withheld"  # withheld (consent, sensitivity) | not-permitted (role, no relationship) | not-open (stage) | unnamed


class Permit(Struct, frozen=True):
    """Leave to fetch `grants` about `person` for one request.

    `seals` holds a MAC for each service that may rely on it. It covers every other field; a permit without a seal for the
    service that reads it, or past `ends_at`, is worth nothing.
    """

    actor: str
    organisation: str
    role: str
    person: tuple[str, ...]
    purpose: str
    rule: str  # the rule that decided for the whole
    grants: tuple[Grant, ...]
    withheld: tuple[Withheld, ...]
    made_at: float
    ends_at: float
    seals: tuple[tuple[str, str], ...] = ()
    unnamed: tuple[Withheld, ...] = ()  # sources of which this actor is not told, with the rule: whoever the person is
