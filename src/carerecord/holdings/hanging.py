"""How do veils come to hang? On the records that are named, and on those of whoever bears a number, now or later."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from carerecord.contracts.veils import VeilAsked, Veiled
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.search.query import Clause, read
from carerecord.holdings.finding import Finder
from carerecord.holdings.store import veils
from carerecord.holdings.store.veils import Veil


@dataclass(frozen=True)
class Hanging:
    finder: Finder

    async def hang(self, asked: VeilAsked) -> Veiled:
        """Numbers first: a Patient who is written meanwhile is known by them, or stands there before we look."""
        db = self.finder.db
        if not asked.hung and not asked.upto and not asked.restricted_upto:
            return Veiled(*await veils.state(db))
        by_number: list[tuple[int, Veil]] = []
        on: dict[tuple[str, str], Veil] = {}
        for each in asked.hung:
            if each.sections or each.places:
                what = Veil("", each.objection, each.sections, each.source, each.organisation, each.rule, each.says, each.places)
                by_number += [(one, what) for one in sorted({one for number in each.numbers for one in self._hashes(number)})]
                on |= {(patient, each.objection): replace(what, patient=patient) for patient in each.patients}
        objections = sorted({each.objection for each in asked.hung})
        async with db.acquire() as one, one.transaction():
            await veils.alone(one)
            await veils.put_numbers(one, by_number, objections)
            await veils.hang(one, list(on.values()), objections, asked.upto, asked.restricted_upto)
            return Veiled(*await veils.state(one))

    def _hashes(self, number: str) -> Sequence[int]:
        query = read("Patient", [("identifier", f"{NHS_NUMBER}|{number}")], self.finder.parameters)
        clause = next(each for each in query.clauses if isinstance(each, Clause))
        return self.finder.index.across(clause) or ()
