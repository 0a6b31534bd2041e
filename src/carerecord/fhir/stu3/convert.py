"""How does a whole STU3 answer become R4, in pieces small enough that nobody else waits?"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from carerecord.fhir.bundle import Bundle, Entry, parse
from carerecord.fhir.codes import text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.outcome import issues_of
from carerecord.fhir.stu3.converted import Converted, NoPatient, OutcomeInstead, Resource, Unread

_json: Final = msgspec.json.Encoder(decimal_format="number")


class Conversion:
    """One answer on its way to R4.

    Iterate: each step takes well under a millisecond (a large resource a few), so that a caller on an event loop can let others
    in between two. `converted` is there once the iteration has ended.

    Raises, on the first step:
        OutcomeInstead: the answer is an OperationOutcome.
        NoPatient, SeveralPatients: it does not say whom it is about.
    """

    converted: Converted

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def __iter__(self) -> Iterator[None]:
        bundle = self._bundle
        if bundle.type == "outcome":
            raise OutcomeInstead(issues_of(bundle.outcomes[0]))
        resources: list[Resource] = []
        unread = [Unread("unknown", "", each.reason, each.raw) for each in bundle.faulty]
        for entry in bundle.entries:
            try:
                resources.append(parse(entry.raw))
            except Unreadable as fault:
                unread.append(Unread(entry.type, entry.id, fault.reason, entry.raw))
            yield
        patient = next((each for each in resources if text_in(each, "resourceType") == "Patient"), None)
        if patient is None:
            raise NoPatient("the answer does not say whom it is about")
        received = tuple(sorted(Counter(entry.type for entry in bundle.entries).items()))
        outcomes = tuple(map(issues_of, bundle.outcomes))
        self.converted = Converted(tuple(resources), patient, (), tuple(unread), (), (), (), outcomes, received)


def conversion(bundle: Bundle) -> Conversion:
    """The same as `convert`, to be driven by the caller: `for _ in work: await turn.over()`, then `work.converted`."""
    return Conversion(bundle)


def convert(bundle: Bundle) -> Converted:
    """Convert what `bundle.split` made of an answer. Malformed resources are named in `unread`; the others stand.

    Raises:
        OutcomeInstead: the answer is an OperationOutcome.
        NoPatient, SeveralPatients: it does not say whom it is about.
    """
    work = Conversion(bundle)
    for _ in work:
        pass
    return work.converted


def entries_of(converted: Converted) -> Iterator[Entry]:
    """The R4 resources as `bundle.split` gives those of an R4 source, one by one."""
    for each in converted.resources:
        yield Entry(text_in(each, "resourceType"), text_in(each, "id"), written(each))


def written(resource: Resource) -> bytes:
    """A resource as JSON; numbers with the very digits that were received."""
    return _json.encode(resource)
