"""What does a search within a compartment ask? What it says, of those that point at the centre, in the record where that lies."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from carerecord.fhir.search.query import Clause, Query
from carerecord.holdings.opening import View
from carerecord.holdings.reaching import ID, NOBODY, WHOSE

if TYPE_CHECKING:
    from carerecord.holdings.finding import Finder


async def narrowed(query: Query, centre: str, finder: "Finder", view: View) -> Query | None:
    """None where the centre is not there for this client: what is hidden and what never was are not told apart.

    Around what lies in nobody's record, as a Practitioner does, the search itself says whose, as any search must.

    Raises:
        BadSearch: nothing of this type lies around such a centre.
    """
    clause = finder.compartments.within(centre, query.type)
    type_, _, id_ = centre.partition("/")
    stands = await finder.current([(type_, id_)], view) if ID.match(id_) else []
    if not stands:
        return None
    clauses = (*query.clauses, clause)
    if not stands[0].patient.startswith(NOBODY):
        clauses += _whose(query.type, stands[0].patient, finder)
    return replace(query, clauses=clauses)


def _whose(type_: str, patient: str, finder: "Finder") -> tuple[Clause, ...]:
    known = finder.parameters.of(type_)
    code = "_id" if type_ == "Patient" else next((each for each in WHOSE if each in known), None)
    return (Clause(known[code], (patient,)),) if code else ()
