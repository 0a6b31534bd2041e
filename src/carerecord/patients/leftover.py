"""What did a process of an older build leave that this one would not? It may run beside this one until it is replaced.

Builds before migration 0009 parted two people and let a number of the one go on standing for one of the other: what came for it
was filed with the other. The migration ends what it finds; what such a process does after it is ended here.
"""

import asyncio
from typing import Final

from carerecord.patients.enrol import Enrolling
from carerecord.patients.protecting import alone
from carerecord.patients.store import lineage

EVERY_S: Final = 600.0


async def end_leftovers(enrolling: Enrolling) -> int:
    """How many merges of numbers of two people were ended. Looks before it takes the lock: most often there is none."""
    left = await lineage.across(enrolling.db)
    if left:
        async with alone(enrolling.db) as db:
            await lineage.end_across(db, left, enrolling.clock.now())
    return len(left)


async def keep_ending(enrolling: Enrolling) -> None:
    while True:
        await end_leftovers(enrolling)
        await asyncio.sleep(EVERY_S)
