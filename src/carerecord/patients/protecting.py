"""Whose whereabouts are protected, and from when on does nobody rely on not knowing it?

Who is told may rely on it for a moment. So what changes whom the index calls restricted is answered a moment after it was
committed: by then nobody relies on an answer that is older than it, wherever they run.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from carerecord.contracts.restricted import Protected, Restricted, RestrictedAsked
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.kit.db import Connection, Pool
from carerecord.patients.model import Entry, known_at
from carerecord.patients.store import kept, protected

GOOD_FOR_S: Final = 0.5
_MOST_TOLD: Final = 1_000
_CLOCKS_DIFFER: Final = 1.1  # two machines do not count a second alike


@asynccontextmanager
async def alone(pool: Pool) -> AsyncIterator[Connection]:
    """One transaction within which nobody else enrols or links. Left, what it says of restricted people is in force."""
    async with pool.acquire() as db:
        async with db.transaction():
            before = await kept.alone(db)
            yield db
        changed = await protected.given(db) > before
    if changed:
        await asyncio.sleep(GOOD_FOR_S * _CLOCKS_DIFFER)


async def restricted(asked: RestrictedAsked, pool: Pool) -> Restricted:
    """Each as it stands now: what has changed meanwhile is told again after it."""
    told, upto = await protected.told_since(pool, asked.after, min(asked.most, _MOST_TOLD))
    sets = await kept.sets_of(pool, [patient for patient, still in told if still])
    of = {entry.id: entries for entries in sets.values() for entry in entries}
    return Restricted(tuple([_protected(patient, of.get(patient, ())) for patient, _ in told]), upto, GOOD_FOR_S)


def _protected(patient: str, entries: Sequence[Entry]) -> Protected:
    numbers = {entry.nhs_number for entry in entries}
    numbers |= {each.value for entry in entries for each in entry.stated.identifiers if each.system == NHS_NUMBER}
    numbers |= {entry.stated.demographics.nhs_number for entry in entries}
    return Protected(patient, tuple(sorted(numbers - {""})), known_at(entries))
