"""What does a service need, and what does it offer? `build(supplies) -> Part` is the whole of its public face."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from carerecord.kit.clock import Clock
from carerecord.kit.log import Log
from carerecord.kit.metrics import Metrics
from carerecord.kit.question import Question, Stream
from carerecord.kit.tokens import Keys

if TYPE_CHECKING:
    import asyncpg
    from starlette.routing import BaseRoute
    from starlette.types import Receive, Scope, Send

    from carerecord.kit.calls import Calls
    from carerecord.kit.events import Outbox

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Supplies:
    """All that a service leans on, handed in by the front gate. Nothing below the gate looks at the environment."""

    name: str
    calls: "Calls"
    keys: Keys
    clock: Clock
    log: Log
    metrics: Metrics
    settings: Mapping[str, str]  # CARERECORD_<NAME>_… with the prefix taken off, lower case; read by `kit.settings.read`
    secrets: Callable[[str], str]  # the value of a named secret; raises BadSetting
    data_dir: Path
    address: str = ""  # where people reach the front door: for redirect addresses
    processes: int = 1  # of this service on one port: what is promised outside is promised for all of them
    database: "asyncpg.Pool[asyncpg.Record] | None" = None
    events: "Outbox | None" = None

    @property
    def db(self) -> "asyncpg.Pool[asyncpg.Record]":
        """The service's own database. Only services with a folder of migrations have one."""
        if self.database is None:
            raise LookupError(f"{self.name} keeps no database")
        return self.database

    @property
    def outbox(self) -> "Outbox":
        if self.events is None:
            raise LookupError(f"{self.name} keeps no outbox")
        return self.events


@dataclass(frozen=True)
class Answer:
    """One question and who answers it here."""

    question: Question[Any, Any]
    handler: Callable[[Any], Any]

    @property
    def streams(self) -> bool:
        return isinstance(self.question, Stream)


def answer(question: Question[A, R], handler: Callable[[A], Awaitable[R]]) -> Answer:
    return Answer(question, handler)


def answer_stream(question: Stream[A, R], handler: Callable[[A], AsyncIterator[R]]) -> Answer:
    return Answer(question, handler)


@dataclass(frozen=True)
class Heard:
    """What a service does with the events of one teller. `effect` runs in the transaction that moves its cursor."""

    teller: str
    kinds: tuple[str, ...]  # empty: every kind
    effect: Callable[[Any, Sequence[Any]], Awaitable[None]]  # (connection, events in order)
    afterwards: Callable[[], None] | None = None  # once that is committed: a bell for whoever looks at what was written


@dataclass(frozen=True)
class Job:
    """Something a service does by itself, until it is stopped."""

    name: str
    run: Callable[[], Awaitable[None]]
    alone: bool = False  # where a service has several processes on one port, in the first of them only


async def _nothing() -> None:
    return None


class Straight(ABC):
    """A route that finds its own way among all the addresses below it, and answers its own faults: no router need be asked."""

    @abstractmethod
    def takes(self, scope: "Scope") -> bool: ...

    @abstractmethod
    async def handle(self, scope: "Scope", receive: "Receive", send: "Send") -> None: ...


@dataclass(frozen=True)
class Part:
    """What a service offers: answers, pages, what it hears, what it does by itself."""

    name: str
    answers: tuple[Answer, ...] = ()
    routes: "tuple[BaseRoute | Straight, ...]" = ()
    hears: tuple[Heard, ...] = ()
    jobs: tuple[Job, ...] = ()
    start: Callable[[], Awaitable[None]] = field(default=_nothing)  # before the first question
    stop: Callable[[], Awaitable[None]] = field(default=_nothing)  # after the last: hand back what is in hand
    about: Callable[[], Mapping[str, object]] = field(default=dict)  # what its operators see at /health/live; never a person
