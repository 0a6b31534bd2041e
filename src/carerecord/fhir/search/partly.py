"""How are some members of a resource known without parsing the rest? The rest is skipped, which costs a tenth of parsing it."""

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

Partly = Callable[[bytes], dict[str, Any]]
_AT_HAND: Final = 512  # sets of members; a client may ask for any


@lru_cache(_AT_HAND)
def partly(members: frozenset[str]) -> Partly:
    """A reader of these members of a resource, as `fhir.bundle.parse` would give them: numbers exact, absent ones left out.

    For what was judged when it came. It raises no error for a member given twice, or for depth in what it skips.
    """
    if not members:
        return lambda _: {}
    named = {f"m{place}": member for place, member in enumerate(sorted(members))}
    shape = msgspec.defstruct("_Members", [(each, Any | UnsetType, UNSET) for each in named], rename=named, gc=False)
    decode = msgspec.json.Decoder(shape, float_hook=Decimal).decode
    if len(named) == 1:
        (only,) = members

        def one(text: bytes) -> dict[str, Any]:
            value = decode(text).m0  # type: ignore[attr-defined]
            return {} if value is UNSET else {only: value}

        return one
    fields = tuple(named.items())

    def several(text: bytes) -> dict[str, Any]:
        found = decode(text)
        return {member: value for each, member in fields if (value := getattr(found, each)) is not UNSET}

    return several
