"""Is a resource what FHIR R4 says, to the letter? The second gate, for what is written to us; the first one is `validate`.

A source's answer is read with some patience (`validate`), for a reader loses what is refused. Whoever writes to us can mend what
they send, so here an unknown element, an empty text, a month that no calendar has and a missing element of any of R4's types are
faults. The library's words quote what was received; ours are made from the place and the rule alone.
"""

import re
from collections.abc import Iterator
from typing import Final

import fhirkit

from carerecord.fhir.validate import Fault

_NOT_VALID: Final = re.compile(r'.* is not (an?|a valid|a FHIR) ([A-Za-z]+)(?: \([0-9a-z ]+\))?\Z', re.DOTALL)
_KIND: Final = re.compile(r"expected (an? [a-z ]+|true or false), found [a-z ]+\Z")
_SAID: Final = {
    "required element missing": "is missing",
    "an empty string is not allowed; leave the element out": "is empty: leave it out",
    "an empty array is not allowed; leave the element out": "is empty: leave it out",
    "null is not allowed; leave the element out": "is null: leave it out",
    "null with no extension in its place": "has a gap and nothing that says why",
    "null is not allowed in an array of complex values": "has a gap",
}
_UNKNOWN, _TWICE, _ONE_TYPE = "unknown element", "the key appears more than once", "only one type may be given"
_OTHER: Final = "does not have the form that FHIR gives it"
_MOST: Final = 10


def faults(raw: bytes) -> tuple[Fault, ...]:
    """Every fault of a resource's JSON, the first few. The caller has parsed it: what is no JSON is no resource.

    About 20 µs for 1 KB. Nothing that was received stands in a fault, save the names of FHIR's own elements.
    """
    try:
        found = fhirkit.validate(raw)
    except fhirkit.ParseError:
        return (Fault("resource", "does not have the structure that FHIR gives it"),)
    return tuple(dict.fromkeys(_told(found[:_MOST])))


def _told(found: list[fhirkit.Issue]) -> Iterator[Fault]:
    for issue in found:
        if issue.severity != "error":
            continue
        if issue.message in (_UNKNOWN, _TWICE):  # its name is the sender's own word: it could be anything
            says = "has an element that FHIR does not know" if issue.message == _UNKNOWN else "has an element twice"
            yield Fault(issue.path.rpartition(".")[0], says)
        else:
            yield Fault(issue.path, _said(issue.message))


def _said(message: str) -> str:
    if message in _SAID:
        return _SAID[message]
    if message.startswith(_ONE_TYPE):
        return "has more than one type of value"
    if found := _KIND.match(message):
        return f"must be {found[1]}"
    if found := _NOT_VALID.match(message):
        return f"is not {found[1]} {found[2]}"
    return _OTHER
