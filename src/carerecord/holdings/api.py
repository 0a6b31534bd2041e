"""The door of holdings."""

import asyncio
from dataclasses import dataclass, field

from carerecord.contracts.holdings import (
    ANSWERS,
    ASIDE,
    COUNTS,
    DECIDE_ASIDE,
    EVERYTHING,
    EXPORT,
    EXPORT_CANCEL,
    EXPORT_ROWS,
    EXPORT_STATE,
    HISTORY,
    LOAD,
    LOAD_CANCEL,
    LOAD_FAULTS,
    LOAD_PART,
    LOAD_STATE,
    NEWEST,
    NOTE,
    PEOPLE_KEPT,
    PRESENT,
    READ,
    RECORD,
    REINDEX,
    SEARCH,
    SEARCHES,
    VEIL,
    WATCHABLE,
    WRITE,
)
from carerecord.fhir import gates
from carerecord.fhir.search import parameters
from carerecord.holdings.answering import answering, watchable
from carerecord.holdings.aside import Shelf
from carerecord.holdings.bodies import Bodies
from carerecord.holdings.book import Book
from carerecord.holdings.exporting import Exporter
from carerecord.holdings.finding import Finder
from carerecord.holdings.hanging import Hanging
from carerecord.holdings.index import Index
from carerecord.holdings.loading import Loader
from carerecord.holdings.paging import Links
from carerecord.holdings.people import people_kept
from carerecord.holdings.record import Drawer
from carerecord.holdings.reindexing import reindexed
from carerecord.holdings.service import Keeper
from carerecord.holdings.writing import Writer
from carerecord.kit.part import Job, Part, Supplies, answer
from carerecord.kit.permits import checked
from carerecord.kit.tokens import seal
from carerecord.kit.turns import SHORT_S, TURN_S, Turns


@dataclass
class _Opening:
    """The keeper, once the definitions are compiled: before the first question, off the event loop."""

    supplies: Supplies
    _keeper: Keeper | None = field(default=None)
    _exporter: Exporter | None = field(default=None)
    _loader: Loader | None = field(default=None)
    _drawer: Drawer | None = field(default=None)

    async def start(self) -> None:
        known, judging = await asyncio.gather(asyncio.to_thread(parameters.load), asyncio.to_thread(gates.load))
        supplies = self.supplies
        key = supplies.keys.own_key("cursors")
        finder = Finder(
            supplies.db, supplies.clock, Bodies(supplies.keys.own_key("bodies")),
            Index(known, supplies.keys.own_key("index")), known, Turns(turn_s=2 * SHORT_S, alone_s=TURN_S),
            Links(lambda what: seal(key, what)),
        )  # fmt: skip
        book = Book(supplies.outbox, supplies.clock)
        self._keeper = Keeper(finder, Writer(finder, supplies.outbox, judging, book), book, supplies.log)
        self._exporter = Exporter(finder, book, supplies.log)
        self._loader = Loader(self._keeper.writer, book, supplies.log)
        self._drawer = Drawer(finder, lambda permit: checked(permit, supplies.keys, now=supplies.clock.now().timestamp()))

    @property
    def keeper(self) -> Keeper:
        if self._keeper is None:
            raise LookupError("holdings has not been started")
        return self._keeper

    @property
    def hanging(self) -> Hanging:
        return Hanging(self.keeper.finder)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.keeper.writer, self.keeper.book)

    @property
    def exporter(self) -> Exporter:
        if self._exporter is None:
            raise LookupError("holdings has not been started")
        return self._exporter

    @property
    def loader(self) -> Loader:
        if self._loader is None:
            raise LookupError("holdings has not been started")
        return self._loader

    @property
    def drawer(self) -> Drawer:
        if self._drawer is None:
            raise LookupError("holdings has not been started")
        return self._drawer


def build(supplies: Supplies) -> Part:
    opening = _Opening(supplies)
    return Part(
        "holdings",
        answers=(
            answer(READ, lambda asked: opening.keeper.read(asked)),
            answer(WRITE, lambda asked: opening.keeper.write(asked)),
            answer(SEARCH, lambda asked: opening.keeper.search(asked)),
            answer(SEARCHES, lambda asked: opening.keeper.searches(asked)),
            answer(HISTORY, lambda asked: opening.keeper.history(asked)),
            answer(EVERYTHING, lambda asked: opening.keeper.everything(asked)),
            answer(PRESENT, lambda asked: opening.drawer.present(asked)),
            answer(RECORD, lambda asked: opening.drawer.record(asked)),
            answer(NEWEST, lambda asked: opening.drawer.newest(asked)),
            answer(PEOPLE_KEPT, lambda asked: people_kept(asked, opening.keeper.finder)),
            answer(ASIDE, lambda asked: opening.shelf.aside(asked)),
            answer(DECIDE_ASIDE, lambda asked: opening.shelf.decide(asked)),
            answer(WATCHABLE, lambda asked: watchable(asked, opening.keeper.finder)),
            answer(ANSWERS, lambda asked: answering(asked, opening.keeper.finder)),
            answer(VEIL, lambda asked: opening.hanging.hang(asked)),
            answer(NOTE, lambda asked: opening.keeper.book.note(asked)),
            answer(COUNTS, lambda asked: opening.keeper.counts(asked)),
            answer(REINDEX, lambda asked: reindexed(asked, opening.keeper.finder)),
            answer(EXPORT, lambda asked: opening.exporter.begin(asked)),
            answer(EXPORT_STATE, lambda asked: opening.exporter.state(asked)),
            answer(EXPORT_CANCEL, lambda asked: opening.exporter.cancel(asked)),
            answer(EXPORT_ROWS, lambda asked: opening.exporter.rows(asked)),
            answer(LOAD, lambda asked: opening.loader.begin(asked)),
            answer(LOAD_PART, lambda asked: opening.loader.part(asked)),
            answer(LOAD_STATE, lambda asked: opening.loader.state(asked)),
            answer(LOAD_CANCEL, lambda asked: opening.loader.cancel(asked)),
            answer(LOAD_FAULTS, lambda asked: opening.loader.faults(asked)),
        ),
        jobs=(
            Job("holdings.exports", lambda: opening.exporter.run()), Job("holdings.imports", lambda: opening.loader.run()),
        ),
        start=opening.start,
    )
