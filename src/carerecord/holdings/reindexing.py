"""How is what stands made findable by a search parameter that was defined, or read, otherwise when it was written?

A step at a time, in its own transaction, beside readers and writers: each resource is read once and its one index row made anew.
What is done is kept with the step, so that it goes on from there after any stop or kill. Only addresses are locked, as any writer
does it.
"""

from carerecord.contracts.holdings import ReindexAsked, Reindexed
from carerecord.fhir.bundle import parse
from carerecord.holdings.finding import Finder
from carerecord.holdings.reaching import STRICTEST
from carerecord.holdings.store import looking
from carerecord.holdings.store import reindexing as store
from carerecord.holdings.store.changing import Current, Key
from carerecord.holdings.store.reindexing import Place
from carerecord.kit.db import Connection
from carerecord.kit.errors import NotUnderstood

MOST = 1_000  # of one step: some hundred milliseconds for which a writer of one of them may wait


async def reindexed(asked: ReindexAsked, finder: Finder) -> Reindexed:
    """One step.

    Raises:
        NotUnderstood: there is no such type, or it has no such parameter.
    """
    known = finder.parameters.of(asked.type)
    if asked.parameter not in known:
        raise NotUnderstood(f"{asked.type} has no search parameter {asked.parameter}." if known else "There is no such type.")
    most = max(1, min(asked.most, MOST))
    now = finder.clock.now()
    async with finder.db.acquire() as db, db.transaction():
        place = await store.place(db, asked.type, asked.parameter, now)
        keys = await store.following(db, asked.type, place.upto, most)
        changed = await _said_anew(db, keys, finder) if keys else 0
        done = len(keys) < most
        place = Place(keys[-1][2] if keys else place.upto, place.looked + len(keys), place.changed + changed)
        await store.went_on(db, asked.type, asked.parameter, place, now if done else None)
        in_all = await store.of_type(db, asked.type)
    return Reindexed(asked.type, asked.parameter, place.looked, place.changed, max(in_all, place.looked), done)


async def _said_anew(db: Connection, keys: tuple[Key, ...], finder: Finder) -> int:
    """How many index rows say something else now."""
    before = await store.standing(db, keys)
    rows = await looking.rows_of(db, [key for key in keys if key in before], STRICTEST)
    new = []
    async with finder.turns.mine() as turn:
        for row in rows:
            told = finder.index.row(parse(finder.whole(row)), row.type)
            when = told.when or row.at
            if (when, frozenset(told.tokens), frozenset(told.across)) != before[row.patient, row.type, row.id]:
                new.append(
                    Current(
                        row.patient, row.type, row.id, row.version, row.at, when, row.confidential, told.tokens, told.across
                    )
                )  # fmt: skip
            await turn.over()
    if new:
        await store.say_anew(db, new)
    return len(new)
