"""What is a body held against once it is opened? The clauses of a search, on those members alone that they look at."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from carerecord.contracts.holdings import Held, Reach
from carerecord.contracts.permit import Withheld
from carerecord.fhir.search.match import Answers
from carerecord.fhir.search.parameters import Parameter
from carerecord.fhir.search.partly import Partly, Raws, partly, values
from carerecord.fhir.search.values import Value
from carerecord.holdings.store.changing import Row
from carerecord.kit.clock import stamp
from carerecord.kit.db import Database
from carerecord.kit.turns import Turns

_READERS_AT_HAND: Final = 512  # by what is asked: a client may ask for anything
A_TURN: Final = 8  # bodies, a fraction of a millisecond, before others may have their turn


@dataclass(frozen=True)
class View:
    """For whom, and as of when: None = now."""

    db: Database
    reach: Reach
    base: str = ""
    moment: datetime | None = None
    writing: bool = False  # the condition of a write: what the writer's own organisation sent it knows
    withheld: set[Withheld] = field(default_factory=set)  # what is kept back of the records that were looked through

    @property
    def told(self) -> tuple[Withheld, ...]:
        return tuple(sorted(self.withheld, key=lambda each: (each.section, each.source, each.rule)))


class Found:
    """One that answers."""

    __slots__ = ("_raws", "_reader", "row", "text")

    def __init__(self, row: Row, text: bytes, reader: Partly, raws: Raws) -> None:
        self.row, self.text, self._reader, self._raws = row, text, reader, raws

    def said(self, parameter: Parameter) -> Raws:
        """What it says where this parameter looks, letter for letter: one of those that the search looks at."""
        return self._reader.some(self._raws, parameter.members)

    def values(self, parameter: Parameter) -> tuple[Value, ...]:
        return parameter.values(values(parameter.members, self.said(parameter)))


def held(found: Iterable[Found]) -> tuple[Held, ...]:
    """As they are answered. What was written together bears one time, which is written once."""
    told: list[Held] = []
    last, at = None, ""
    for each in found:
        row = each.row
        if row.at != last:
            last, at = row.at, stamp(row.at)
        told.append(Held(row.type, row.id, row.version, at, msgspec.Raw(each.text)))
    return tuple(told)


def _none_of(_: str) -> Iterable[Parameter]:
    return ()


@dataclass(frozen=True)
class Exam:
    """What a body must answer."""

    tests: Sequence[Answers] = ()
    tested: Iterable[Parameter] = ()  # what the tests look at
    later: Callable[[str], Iterable[Parameter]] = _none_of  # of a type: what is asked of those that answer


class _OfType:
    """The exam of resources of one type."""

    def __init__(self, exam: Exam, type_: str) -> None:
        first = tuple([each.members for each in exam.tested])
        later = tuple([each.members for each in exam.later(type_)])
        self.reader, self.tested = _reader(first, later)
        self._tests = exam.tests
        # By what a body says where the tests look, which are the first members that are read: who says the same is judged once.
        self.judged: dict[Raws, bool] = {}

    def judge(self, raws: Raws) -> bool:
        said = raws[: self.tested]
        members = values(self.reader.members[: self.tested], said)
        verdict = self.judged[said] = all(test(members) for test in self._tests)
        return verdict


@lru_cache(_READERS_AT_HAND)
def _reader(first: tuple[frozenset[str], ...], later: tuple[frozenset[str], ...]) -> tuple[Partly, int]:
    """Of the members at which the tests look, then of the others; and how many the first are."""
    tested = frozenset[str]().union(*first)
    return partly((*sorted(tested), *sorted(frozenset[str]().union(*later) - tested))), len(tested)


async def opened(rows: Sequence[Row], exam: Exam, text: Callable[[Row], bytes], turns: Turns) -> list[Found]:
    """Those of the rows whose bodies answer."""
    found: list[Found] = []
    if not rows:
        return found
    kinds: dict[str, _OfType] = {}
    async with turns.mine() as turn:
        for place, row in enumerate(rows, 1):
            if (kind := kinds.get(row.type)) is None:
                kind = kinds[row.type] = _OfType(exam, row.type)
            body = text(row)
            raws = kind.reader.raws(body)
            verdict = kind.judged.get(raws[: kind.tested])
            if kind.judge(raws) if verdict is None else verdict:
                found.append(Found(row, body, kind.reader, raws))
            if place % A_TURN == 0:
                await turn.over()
    return found
