"""Is a resource what FHIR R4 says, to the letter? The second gate, for what is written to us; the first one is `validate`.

A source's answer is read with some patience (`validate`), for a reader loses what is refused. Whoever writes to us can mend what
they send, so here an unknown element, an empty text, a month that no calendar has and a missing element of any of R4's types are
faults. The library's words quote what was received; ours are made from the place and the rule alone.
"""

import re
from collections.abc import Iterator
from typing import Final

import fhirkit
import orjson

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
_STEP: Final = re.compile(r"(?P<name>[A-Za-z_]+)(?:\[(?P<place>[0-9]+)\])?\.")
_OTHER: Final = "does not have the form that FHIR gives it"
_CONTROLS: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\(?:[bf]|u00(?:0[0-8bBcCeEfF]|1[0-9a-fA-F]))")  # as JSON writes them
_COMMENTS: Final = re.compile(rb'"fhir_comments"\s*:')
_MOST: Final = 10


def faults(raw: bytes) -> tuple[Fault, ...]:
    """Every fault of a resource's JSON, the first few. The caller has parsed it: what is no JSON is no resource.

    About 20 µs for 1 KB. Nothing that was received stands in a fault, save the names of FHIR's own elements.
    """
    try:
        found = fhirkit.validate(raw)
    except fhirkit.ParseError:
        return (Fault("resource", "does not have the structure that FHIR gives it"),)
    told = dict.fromkeys(_told(raw, found[:_MOST]))
    if b"fhir_comments" in raw and _COMMENTS.search(raw):  # the library lets it pass: DSTU 2 had it
        told[Fault("resource", "has fhir_comments, which FHIR R4 does not know: leave them out")] = None
    if b"\\" in raw and _CONTROLS.search(raw):
        told[Fault("resource", "has a text with a control character other than tab and line break: leave it out")] = None
    return tuple(told)


def _told(raw: bytes, found: list[fhirkit.Issue]) -> Iterator[Fault]:
    for issue in found:
        if issue.severity != "error":
            continue
        if issue.message in (_UNKNOWN, _TWICE):  # its name is the sender's own word: it could be anything
            says = "has an element that FHIR does not know" if issue.message == _UNKNOWN else "has an element twice"
            where, place = _which(raw, issue.path)
            yield Fault(where, f"{says}: the {place}. of those that stand there" if place else says)
        else:
            yield Fault(issue.path, _said(issue.message))


def _which(raw: bytes, path: str) -> tuple[str, int]:
    """In what the element stands, and as which of those that stand there, counted from the first.

    Followed through what was sent, for its name may hold the marks that part a path: what is left of it would be told.
    """
    where, _, rest = path.partition(".")
    try:
        node = orjson.loads(raw)
        while rest:
            if rest in node:
                return where, list(node).index(rest) + 1
            found = _STEP.match(rest)
            if found is None or found["name"] not in node:
                break
            node, rest = node[found["name"]], rest[found.end() :]
            where = f"{where}.{found['name']}"
            if found["place"]:
                node, where = node[int(found["place"])], f"{where}[{found['place']}]"
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return path.partition(".")[0], 0
    return path.partition(".")[0], 0


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
