"""The keeper on a real database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.conftest import TestDatabase

from carerecord.contracts.holdings import Change, Client, FindAsked, Held, Page, Reach, ReadAsked, WriteAsked, Written
from carerecord.fhir import gates
from carerecord.fhir.search import parameters
from carerecord.fhir.search.parameters import Parameters
from carerecord.holdings.bodies import Bodies
from carerecord.holdings.book import Book
from carerecord.holdings.finding import Finder
from carerecord.holdings.index import Index
from carerecord.holdings.paging import Links
from carerecord.holdings.service import Keeper
from carerecord.holdings.writing import Writer
from carerecord.kit.clock import SystemClock
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.tokens import seal
from carerecord.kit.turns import Turns

ALL = Reach()
TRUST = Client("trust", "R9A", "Aldermoor EPR", chooses_ids=True)


@dataclass
class Desk:
    """The keeper as its neighbours meet it."""

    keeper: Keeper
    database: TestDatabase

    async def write(self, *changes: Change, client: Client = TRUST, reach: Reach = ALL, **more: Any) -> tuple[Written, ...]:
        return await self.keeper.write(WriteAsked(client, reach, changes, **more))

    async def create(self, resource: dict[str, Any], **more: Any) -> Written:
        return (await self.write(Change("create", resource["resourceType"], raw=raw(resource), **more)))[0]

    async def put(self, resource: dict[str, Any], *, client: Client = TRUST, **more: Any) -> Written:
        change = Change("update", resource["resourceType"], resource["id"], raw(resource), **more)
        return (await self.write(change, client=client))[0]

    async def read(self, type_: str, id_: str, version: int = 0, reach: Reach = ALL) -> Held:
        return await self.keeper.read(ReadAsked(type_, id_, reach, version))

    async def search(self, type_: str, *query: tuple[str, str], reach: Reach = ALL, **more: Any) -> Page:
        return await self.keeper.search(FindAsked(type_, query, reach, **more))


def raw(resource: dict[str, Any]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(resource))


def held(written: Written) -> Held:
    """What was kept of a change that was made."""
    assert written.held is not None, written.issues
    return written.held


def ids(page: Page) -> list[str]:
    return [each.id for each in page.matches]


@pytest.fixture(scope="session")
def compiled() -> tuple[Parameters, gates.Gates]:
    return parameters.load(), gates.load()


@pytest.fixture
async def desk(
    service_database: Callable[[str], Awaitable[TestDatabase]], compiled: tuple[Parameters, gates.Gates]
) -> AsyncIterator[Desk]:
    database = await service_database("holdings")
    known, judging = compiled
    clock = SystemClock()
    finder = Finder(
        database.pool, clock, Bodies(b"b" * 32), Index(known, b"i" * 32), known, Turns(), Links(lambda what: seal(b"c", what))
    )
    outbox = Outbox(database.pool, "holdings", clock)
    await outbox.settle()
    book = Book(outbox, clock)
    yield Desk(Keeper(finder, Writer(finder, outbox, judging, book), book, log_for("holdings")), database)
    await outbox.close()
