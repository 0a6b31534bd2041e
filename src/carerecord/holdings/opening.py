"""What is a body held against once it is opened? The clauses of a search, on those members alone that they look at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from carerecord.contracts.holdings import Held, Reach
from carerecord.fhir.search.match import Answers
from carerecord.fhir.search.parameters import Parameter
from carerecord.fhir.search.partly import Partly, partly
from carerecord.holdings.store.changing import Row
from carerecord.kit.clock import stamp
from carerecord.kit.db import Database
from carerecord.kit.turns import Turns

Members = dict[str, Any]
_AT_A_TIME: Final = 8  # bodies, a fraction of a millisecond, before others may have their turn


@dataclass(frozen=True)
class View:
    """For whom, and as of when: None = now."""

    db: Database
    reach: Reach
    base: str = ""
    moment: datetime | None = None


@dataclass(frozen=True)
class Found:
    row: Row
    text: bytes
    members: Members  # those that the search looks at, and no others

    @property
    def held(self) -> Held:
        row = self.row
        return Held(row.type, row.id, row.version, stamp(row.at), msgspec.Raw(self.text))


@dataclass(frozen=True)
class Exam:
    """What a body must answer, and the parameters whose values are asked for, now or later: of each type."""

    tests: Sequence[Answers]
    parameters: Callable[[str], Iterable[Parameter]]

    def reader(self, type_: str) -> Partly:
        return partly(frozenset[str]().union(*(each.members for each in self.parameters(type_))))


async def opened(rows: Sequence[Row], exam: Exam, text: Callable[[Row], bytes], turns: Turns) -> list[Found]:
    """Those of the rows whose bodies answer."""
    found: list[Found] = []
    readers: dict[str, Partly] = {}
    tests = exam.tests
    if not rows:
        return found
    async with turns.mine() as turn:
        for place, row in enumerate(rows, 1):
            if (reader := readers.get(row.type)) is None:
                reader = readers[row.type] = exam.reader(row.type)
            body = text(row)
            members = reader(body)
            for test in tests:
                if not test(members):
                    break
            else:
                found.append(Found(row, body, members))
            if place % _AT_A_TIME == 0:
                await turn.over()
    return found
