"""What does it say of a source that something of its came to be kept here? That it holds what it sent, whatever it answered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from carerecord.contracts.locator import Pointer
from carerecord.fhir.sections import SECTIONS

# By type, the sections that it may fill.
_FILLED_BY: Final[Mapping[str, frozenset[str]]] = {
    type_: frozenset(each.id for each in SECTIONS.values() if any(search.type == type_ for search in each.searches))
    for type_ in {search.type for each in SECTIONS.values() for search in each.searches}
}


def with_copies(pointer: Pointer, copied: Mapping[str, datetime]) -> Pointer:
    """The pointer with what was sent since its source last answered.

    A section that such a type alone fills is held. Of one that it may fill among others nobody can say any more that it is empty.
    """
    seen_at = datetime.fromisoformat(pointer.seen_at) if pointer.seen_at else None
    since = [_FILLED_BY.get(type_, frozenset()) for type_, at in copied.items() if seen_at is None or at > seen_at]
    if not any(since):
        return pointer
    held = frozenset(pointer.sections).union(*(each for each in since if len(each) == 1))
    perhaps = frozenset[str]().union(*since)
    return replace(pointer, sections=tuple(sorted(held)), empty=tuple(each for each in pointer.empty if each not in perhaps))
