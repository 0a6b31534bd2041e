"""How many resources of each type did each source send, and how many were shown? Numbers only, since this process started."""

from collections import defaultdict
from collections.abc import Iterable

from carerecord.connectors.reply import Reply
from carerecord.contracts.records import TypeCount


class Counts:
    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(self, replies: Iterable[Reply]) -> None:
        for reply in replies:
            for each in reply.tally:
                row = self._kept[reply.source.id, each.resource_type]
                row[0] += each.sent
                row[1] += each.shown
                row[2] += each.unreadable

    def all(self) -> tuple[TypeCount, ...]:
        return tuple(TypeCount(source, type_, *row) for (source, type_), row in sorted(self._kept.items()))
