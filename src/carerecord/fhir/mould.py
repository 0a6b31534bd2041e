"""Is a text the very text of an earlier one, letter for letter, but for the values at a few places?

A system writes its resources in one order and one spacing. A text that has the same letters between its values as one without a
backslash, and in the place of each value one that holds neither quotation mark nor backslash, has the same elements in the same
places: it need not be parsed to know that. That no value holds a backslash, and what it may be, is for who asks.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

K = TypeVar("K")
Span = tuple[int, int]
_NONE: Final = ()

_number: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").match
_names_alone: Final = re.compile(r'"(?:[\s,{}\[\]]|"\w+"\s*:)*"').fullmatch  # between the end of one text and another
_TEXT: Final = '([^"]++)'
_MOST_AT_A_STROKE: Final = 8
_BEFORE_A_NUMBER: Final = (":", ",", "[", " ", "\n", "\r", "\t")
_FEW: Final = (8, 32)  # letters, of which nearly always the first differ: less to look at than hundreds
_CROWD: Final = 8  # that only later letters tell apart: more would be gone through one by one


class _Fork(Generic[K]):
    """A place at which a value has ended: the letters that may come next."""

    __slots__ = ("by_window", "nexts", "only", "window")

    def __init__(self) -> None:
        self.nexts: dict[str, _Next[K]] = {}
        self.only: _Next[K] | None = None
        self.window = (0, 0)
        self.by_window: dict[str, list[_Next[K]]] = {}

    def add(self, letters: str, ends: bool) -> "_Next[K] | None":
        """None where there are too many that begin alike."""
        found = self.nexts.get(letters)
        if found is None:
            found = self.nexts[letters] = _Next(letters, ends)
            since, until = self.window
            crowd: list[_Next[K]] = []
            if fits := until > 0 and len(letters) >= until and next(iter(self.nexts)).startswith(letters[:since]):
                crowd = self.by_window.setdefault(letters[since:until], [])  # the others are told apart as before
                crowd.append(found)
            if not fits or len(crowd) > _CROWD:
                self.settle()
                crowd = max(self.by_window.values(), key=len, default=[])
            if len(crowd) > _CROWD:
                del self.nexts[letters]
                self.settle()
                return None
        return found

    def settle(self) -> None:
        """All are told apart by the letters from where they first differ to where the shortest ends, or by the first of these."""
        self.only, self.window, self.by_window = None, (0, 0), {}
        if len(self.nexts) == 1:
            (self.only,) = self.nexts.values()
        if len(self.nexts) < 2:
            return
        first, last = min(self.nexts), max(self.nexts)
        since = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
        until = max(since, min(map(len, self.nexts)))
        told_apart = len({letters[since:until] for letters in self.nexts})
        for few in _FEW:
            if since + few < until and len({letters[since : since + few] for letters in self.nexts}) == told_apart:
                until = since + few
                break
        self.window = since, until
        for each in self.nexts.values():
            self.by_window.setdefault(each.letters[since:until], []).append(each)


class _Run(NamedTuple, Generic[K]):
    """Several texts that names alone stand between, and at whose forks there is one way: taken at a stroke."""

    match: Callable[[str, int], re.Match[str] | None]
    fork: _Fork[K]


class _Next(Generic[K]):
    """Some letters, and what follows them: a value and another fork, or the end."""

    __slots__ = ("born", "fork", "known", "length", "letters", "quoted", "run")

    def __init__(self, letters: str, ends: bool) -> None:
        self.letters, self.length = letters, len(letters)
        self.quoted = not letters.endswith(_BEFORE_A_NUMBER)  # the value is a text, or the end of one
        self.fork: _Fork[K] | None = None if ends else _Fork()
        self.known: K | None = None
        self.born = 0
        self.run: _Run[K] | None = None

    def look_ahead(self) -> int:
        """Find what may be taken at a stroke, now that a way was added behind this; return how many values follow the first."""
        letters: list[str] = []
        fork, self.run = self.fork, None
        while self.quoted and len(letters) < _MOST_AT_A_STROKE and fork and (here := fork.only) and here.fork and here.quoted:
            if not _names_alone(here.letters):
                break
            letters.append(here.letters)
            fork = here.fork
        if letters and fork:
            self.run = _Run(_matcher(tuple(letters)), fork)
        return len(letters)


@lru_cache(500)
def _matcher(letters: tuple[str, ...]) -> Callable[[str, int], re.Match[str] | None]:
    """For a text, and one after each of these. They name elements alone, so that of them nothing need be forgotten."""
    return re.compile(_TEXT + "".join([re.escape(each) + _TEXT for each in letters])).match


class Moulds(Generic[K]):
    """What is known of texts, found by their letters: of so many, each of so many values at most."""

    def __init__(self, most: int, values: int = 40) -> None:
        self._most, self._values = most, values
        self._now = 0
        self._clear()

    def _clear(self) -> None:
        self._root: _Fork[K] = _Fork()
        self._count = 0

    @property
    def full(self) -> bool:
        return self._count >= self._most

    def learn(self, text: str, spans: Sequence[Span], known: K) -> None:
        """`known` holds for all texts that differ from this one in the values at `spans` alone, from left to right."""
        if self.full or len(spans) > self._values:
            return
        fork, at, way = self._root, 0, []
        for begins, ends in spans:
            here = fork.add(text[at:begins], False)
            if here is None or here.fork is None:
                return
            fork, at = here.fork, ends
            way.append(here)
        here = fork.add(text[at:], True)
        if here is not None and here.known is None and here.fork is None:
            here.known, here.born = known, self._now
            self._count += 1
            ahead = iter(way)
            for each in ahead:
                for _ in range(each.look_ahead()):
                    next(ahead).run = None  # it is passed over

    def find(self, text: str) -> tuple[K, list[str]] | None:
        """What is known of this text, and its values; None where no earlier one had its letters."""
        fork, at = self._root, 0
        values: list[str] = []
        starts, closes, take = text.startswith, text.find, values.append
        while True:
            here = fork.only
            if here is None:
                since, until = fork.window
                for here in fork.by_window.get(text[at + since : at + until], _NONE):
                    if starts(here.letters, at):
                        break
                else:
                    return None
            elif not starts(here.letters, at):
                return None
            at += here.length
            fork = here.fork  # type: ignore[assignment]
            if fork is None:
                return (here.known, values) if at == len(text) and here.known is not None else None
            if (run := here.run) is not None:
                if (texts := run.match(text, at)) is None:
                    return None
                values += texts.groups()
                at, fork = texts.end(), run.fork
                continue
            if here.quoted:
                until = closes('"', at)
            else:
                found = _number(text, at)
                until = found.end() if found is not None else -1
            if until <= at:
                return None
            take(text[at:until])
            at = until

    def sweep(self) -> None:
        """What was learned before the last call is gone."""
        self._now += 1
        self._count = self._kept(self._root)

    def _kept(self, fork: _Fork[K]) -> int:
        kept, gone = 0, []
        for letters, each in fork.nexts.items():
            here = self._kept(each.fork) if each.fork is not None else int(each.born >= self._now - 1)
            if not here:
                gone.append(letters)
            kept += here
        if gone:
            for letters in gone:
                del fork.nexts[letters]
            fork.settle()
        return kept
