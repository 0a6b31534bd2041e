"""What did the other sources say a moment ago? Kept in memory for a minute at most, so that asking one again asks one alone."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from carerecord.connectors.reply import Reply
from carerecord.contracts.holdings import KeptMark
from carerecord.contracts.records import AllergyTitle

KEPT_S = 60.0
MOST_ENTRIES = 8_000


@dataclass(frozen=True)
class Opening:
    """One opening that was just answered, for the actor to whom it was answered and for nobody else."""

    actor: str
    person: tuple[str, ...]
    replies: tuple[Reply, ...]
    title: AllergyTitle
    until: float
    marks: tuple[KeptMark, ...] = ()  # of the copies that were read


class Recent:
    """A small shelf that empties itself by time and by size. Never written anywhere."""

    def __init__(self, ticking: Callable[[], float], *, most_entries: int = MOST_ENTRIES) -> None:
        self._ticking, self._most = ticking, most_entries
        self._kept: OrderedDict[str, Opening] = OrderedDict()
        self._entries = 0

    def keep(
        self, opening: str, actor: str, person: tuple[str, ...], replies: tuple[Reply, ...], title: AllergyTitle,
        marks: tuple[KeptMark, ...] = (),
    ) -> None:  # fmt: skip
        self._drop(opening)
        self._kept[opening] = Opening(actor, person, replies, title, self._ticking() + KEPT_S, marks)
        self._entries += _size(replies)
        self.sweep()

    def find(self, opening: str, actor: str, patient: str) -> Opening | None:
        self.sweep()
        found = self._kept.get(opening)
        return found if found and found.actor == actor and patient in found.person else None

    def sweep(self) -> None:
        """Let go of what is too old, then of the oldest while there is too much. Called once a second as well."""
        now = self._ticking()
        for opening in [each for each, kept in self._kept.items() if kept.until <= now]:
            self._drop(opening)
        while self._kept and self._entries > self._most:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        self._kept.clear()
        self._entries = 0

    def _drop(self, opening: str) -> None:
        found = self._kept.pop(opening, None)
        if found is not None:
            self._entries -= _size(found.replies)


def _size(replies: tuple[Reply, ...]) -> int:
    return sum(len(reply.entries) for reply in replies)
