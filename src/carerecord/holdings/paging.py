"""Where did a page end, and as of when? Sealed into the link to the next one, which is good for that question alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from carerecord.kit import links
from carerecord.kit.errors import NotUnderstood


class Place(msgspec.Struct, frozen=True, array_like=True):
    """After what the next page begins. The moment is that of the first page: every page shows what stood then."""

    asked: str  # a hash of the question
    moment: datetime
    skip: int = 0  # so many, where the order is not one of the index
    when: datetime | None = None
    patient: str = ""
    type: str = ""
    id: str = ""
    version: int = 0


@dataclass(frozen=True)
class Links:
    sealed: Callable[[bytes], str]  # a MAC

    def write(self, place: Place) -> str:
        return links.written(msgspec.json.encode(place), self.sealed)

    def read(self, link: str, asked: str) -> Place | None:
        """None for no link: the first page.

        Raises:
            NotUnderstood: edited, of another question, or of another client.
        """
        if not link:
            return None
        place = links.place(link, self.sealed, Place)
        if place is None or place.asked != asked:
            raise NotUnderstood("This page link is not one of ours, or belongs to another search. Begin the search again.")
        return place


def same(*question: Any) -> str:
    """A hash of what was asked: a link is bound to it."""
    return sha256(msgspec.json.encode(question)).hexdigest()[:24]
