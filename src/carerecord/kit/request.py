"""Which request is this, from page to source? One id, in every log line, question, audit line and call to a source."""

import os
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from itertools import count
from typing import Final

LATELY_S: Final = 0.05  # who came so lately waits for an answer, or asks the next at once

_places = count(1)


class _Doors:
    """Who is at the doors of this process."""

    inside = 0  # requests that are not answered yet
    came_s = -1.0  # when one last came or went


class Request:
    """One for all tasks that it causes."""

    __slots__ = ("id", "place", "worked_s")

    def __init__(self, id_: str = "") -> None:
        self.id = id_
        self.place = next(_places)  # who came first has the lower one
        self.worked_s = 0.0  # what the event loop has worked for it, as far as `turns` knows


_NONE = Request()
_current: ContextVar[Request] = ContextVar("request", default=_NONE)
_allowed = frozenset(string.ascii_letters + string.digits + "-")

HEADER = "X-Request-ID"


def current() -> str:
    return _current.get().id


def whose() -> Request:
    """Whom is this done for? What is done for nobody is done for itself."""
    found = _current.get()
    return found if found is not _NONE else Request()


def came() -> None:
    """Somebody is at a door through which no request passes, and waits for an answer."""
    _Doors.came_s = time.monotonic()


def is_awaited() -> bool:
    """Whether anybody outside waits for this process, or did so a moment ago."""
    return _Doors.inside > 0 or time.monotonic() - _Doors.came_s < LATELY_S


def new() -> str:
    return os.urandom(12).hex()


@contextmanager
def request(given: str = "") -> Iterator[str]:
    """Everything inside bears this id. One from outside is taken only when it is short and plain.

    A task that bears it already goes on with the same request.
    """
    if given and given == current():
        yield given
        return
    token = begun(given)
    try:
        yield current()
    finally:
        ended(token)


def begun(given: str = "") -> Token[Request]:
    """From here on this task bears the id, until `ended`, for a door through which everything passes: each time a new request.

    A server begins what waited on a connection in the task of what was answered before it: even that is not gone on with.
    """
    _Doors.inside += 1
    return _current.set(Request(given if 8 <= len(given) <= 64 and _allowed.issuperset(given) else new()))


def ended(token: Token[Request]) -> None:
    _Doors.inside -= 1
    came()
    _current.reset(token)
