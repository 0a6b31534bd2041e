"""Which request is this, from page to source? One id, in every log line, question, audit line and call to a source."""

import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

_current: ContextVar[str] = ContextVar("request", default="")
_allowed = frozenset(string.ascii_letters + string.digits + "-")

HEADER = "X-Request-ID"


def current() -> str:
    return _current.get()


def new() -> str:
    return secrets.token_hex(12)


@contextmanager
def request(given: str = "") -> Iterator[str]:
    """Everything inside bears this id. One from outside is taken only when it is short and plain."""
    token = begun(given)
    try:
        yield _current.get()
    finally:
        ended(token)


def begun(given: str = "") -> Token[str]:
    """From here on this task bears the id, until `ended`: what `request` does, for a door through which everything passes."""
    return _current.set(given if 8 <= len(given) <= 64 and _allowed.issuperset(given) else new())


def ended(token: Token[str]) -> None:
    _current.reset(token)
