"""In which order does a search answer, where the client says so?"""

from collections.abc import Iterable
from typing import Any

from carerecord.fhir.search.query import Query
from carerecord.fhir.search.values import Number, Span, Text, Token, Value
from carerecord.holdings.opening import Found


def ordered(found: list[Found], query: Query) -> list[Found]:
    """By what the client says, those without a value last; a stable order underneath."""
    for parameter, falls in reversed(query.sort):
        keys = [(_first(each.values(parameter), falls), each) for each in found]
        with_value = [pair for pair in keys if pair[0] is not None]
        with_value.sort(key=lambda pair: pair[0], reverse=falls)
        found = [each for _, each in with_value] + [each for key, each in keys if key is None]
    return found


def _first(values: Iterable[Value], falls: bool) -> Any:
    keys: list[Any] = []
    for value in values:
        if isinstance(value, Span):
            keys.append(value.until if falls else value.since)
        elif isinstance(value, Text):
            keys.append(value.folded)
        elif isinstance(value, Number):
            keys.append(value.low if value.low is not None else value.high)
        elif isinstance(value, Token):
            keys.append(value.code)
        elif isinstance(value, str):
            keys.append(value)
    known = [key for key in keys if key is not None]
    return (max(known) if falls else min(known)) if known else None
