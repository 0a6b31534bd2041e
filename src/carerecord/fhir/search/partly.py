"""How are some members of a resource known without parsing the rest? The rest is skipped, which costs a tenth of parsing it."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import Raw

Raws = tuple[bytes, ...]  # each member as it is written; empty where it is not there
_AT_HAND: Final = 512  # sets of members; a client may ask for any
_value: Final = msgspec.json.Decoder(float_hook=Decimal)


class Partly:
    """A reader of these members of a resource. For what was judged when it came: it does not look for depth, nor for doubles."""

    def __init__(self, members: Sequence[str]) -> None:
        self.members = tuple(members)
        fields = [f"m{place}" for place in range(len(self.members))]
        named = dict(zip(fields, self.members, strict=True))
        shape = msgspec.defstruct("_Members", [(each, Raw, Raw(b"")) for each in fields], rename=named, gc=False)
        self.raws: Callable[[bytes], Raws] = _reader(msgspec.json.Decoder(shape).decode, fields)
        self._places = {each: place for place, each in enumerate(self.members)}

    def some(self, raws: Raws, members: Iterable[str]) -> Raws:
        """Those of the members."""
        places = self._places
        return tuple([raws[places[each]] for each in members])


def values(members: Iterable[str], raws: Raws) -> dict[str, Any]:
    """As `fhir.bundle.parse` would give them: numbers exact, absent ones left out."""
    return {name: _value.decode(raw) for name, raw in zip(members, raws, strict=True) if raw}


def _reader(decode: Callable[[bytes], Any], fields: Sequence[str]) -> Callable[[bytes], Raws]:
    if not fields:
        return lambda _: ()
    told = attrgetter(*fields)
    if len(fields) == 1:
        return lambda text: (bytes(told(decode(text))),)
    return lambda text: tuple(map(bytes, told(decode(text))))


partly: Final = lru_cache(_AT_HAND)(Partly)
