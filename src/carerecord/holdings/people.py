"""Which Patient resources are kept, in whose name, and which of them bear an NHS number? For those who know who is who."""

from typing import Final

from msgspec import Raw

from carerecord.contracts.holdings import PeopleKeptAsked, PersonKept, Reach
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.search.query import read
from carerecord.holdings.finding import ID, Finder, View
from carerecord.holdings.store import people
from carerecord.kit.clock import stamp

MOST: Final = 1_000  # at once
_ALL: Final = Reach(("Patient",), most_confidential="V")


async def people_kept(asked: PeopleKeptAsked, finder: Finder) -> tuple[PersonKept, ...]:
    """Each once, by id; what is not here is left out."""
    ids = dict.fromkeys(each for each in asked.ids if ID.match(each))
    for number in asked.numbers:
        bearers = read("Patient", [("identifier", f"{NHS_NUMBER}|{number}")], finder.parameters)
        ids |= dict.fromkeys([each.row.id for each in await finder.all_of(bearers, View(finder.db, _ALL), MOST)])
    rows = await people.last_of(finder.db, sorted(ids)[:MOST])
    found: list[PersonKept] = []
    async with finder.turns.mine() as turn:
        for row, gone, at in rows:
            said = Raw(finder.whole(row)) if asked.bodies else Raw(b"null")
            found.append(PersonKept(row.id, row.source, stamp(at), said, gone))
            await turn.over()
    return tuple(found)
