"""How is an answer that was drawn from sources handed over in pages, each of what stood when the first was made?

It lies in memory for a minute after each page, for the client to whom it was answered and nobody else. Where it is not at hand
(later, or in another process) it is drawn anew under the same rules: the page is that of the first answer, or it is refused.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_hex
from typing import Any, Final

import msgspec
from msgspec import Struct

from carerecord.kit import links
from carerecord.kit.errors import CareRecordError, NotUnderstood

KEPT_S: Final = 60.0
MOST_BYTES: Final = 64_000_000  # of all that lies here


class Changed(CareRecordError):
    status, issue = 410, "expired"


class Drawn(Struct, frozen=True):
    """What came: each entry as it is written, and what goes with every page."""

    entries: tuple[bytes, ...]
    states: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        return sha256(b"\0".join(self.entries)).hexdigest()[:32]

    @property
    def size(self) -> int:
        return sum(map(len, self.entries)) + sum(map(len, self.states))


class _Place(Struct, frozen=True, array_like=True):
    asked: str  # a hash of the question and of who asked
    id: str
    digest: str
    skip: int


@dataclass
class Shelf:
    """Empties itself by time and by size. Never written anywhere."""

    sealed: Callable[[bytes], str]  # a MAC
    ticking: Callable[[], float] = time.monotonic
    most_bytes: int = MOST_BYTES
    _kept: OrderedDict[str, tuple[float, Drawn]] = field(default_factory=OrderedDict)
    _bytes: int = 0

    async def page(
        self, question: Sequence[Any], cursor: str, count: int, draw: Callable[[], Awaitable[Drawn]]
    ) -> tuple[Drawn, int, str]:
        """What of it is on this page (the entries alone are cut), how many entries there are in all, and the link to the next.

        Raises:
            NotUnderstood: the cursor is not ours, or belongs to another question or client. Changed: it cannot be gone on with.
        """
        asked = sha256(msgspec.json.encode(question)).hexdigest()[:24]
        place = self._read(cursor, asked) if cursor else _Place(asked, token_hex(12), "", 0)
        drawn = self._at_hand(place.id) if cursor else None
        if drawn is None:
            drawn = await draw()
            if cursor and drawn.digest != place.digest:
                raise Changed("The record has changed since its first page. Begin again.")
        many, until = len(drawn.entries), place.skip + count
        shown = Drawn(drawn.entries[place.skip : until], drawn.states)
        if until >= many:
            return shown, many, ""
        self._keep(place.id, drawn)
        following = _Place(asked, place.id, place.digest or drawn.digest, until)
        return shown, many, links.written(msgspec.json.encode(following), self.sealed)

    def sweep(self) -> None:
        """Let go of what is too old, then of the oldest while there is too much. Called once a second as well."""
        now = self.ticking()
        for id_ in [id_ for id_, (until, _) in self._kept.items() if until <= now]:
            self._drop(id_)
        while self._kept and self._bytes > self.most_bytes:
            self._drop(next(iter(self._kept)))

    def _read(self, cursor: str, asked: str) -> _Place:
        place = links.place(cursor, self.sealed, _Place)
        if place is None or place.asked != asked:
            raise NotUnderstood("This page link is not one of ours, or belongs to another question. Begin again.")
        return place

    def _at_hand(self, id_: str) -> Drawn | None:
        self.sweep()
        found = self._kept.get(id_)
        return found[1] if found else None

    def _keep(self, id_: str, drawn: Drawn) -> None:
        self._drop(id_)
        self._kept[id_] = (self.ticking() + KEPT_S, drawn)
        self._bytes += drawn.size
        self.sweep()

    def _drop(self, id_: str) -> None:
        found = self._kept.pop(id_, None)
        if found is not None:
            self._bytes -= found[1].size
