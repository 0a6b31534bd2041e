"""In which order do items stand, and is one moment before another? Text keys that sort like the moments they state."""

from carerecord.contracts.records import Entry
from carerecord.fhir.times import when


def moment(at: str) -> str:
    """A key that sorts as `at` does in time, to the second in UTC; "" (no time known) sorts as the oldest.

    A day without a time stands before every moment of that day, so that a page that goes newest first shows what has a time
    above it.
    """
    if len(at) <= 10:
        return at
    if at[-1] == "Z" or at.endswith("+00:00"):
        return at[:19]
    instant = when(at)
    return instant.isoformat()[:19] if instant else ""


def place(entry: Entry) -> str:
    """Where an item stands among others: by time, then by key. Text, since nothing sorts faster; a blank comes before every
    sign that continues a moment, so that "2019" stands before "2019-05"."""
    return f"{moment(entry.facts.at)} {entry.key}"


def before(one: str, other: str) -> bool:
    """Whether both are known and `one` came first."""
    return bool(one) and bool(other) and moment(one) < moment(other)
