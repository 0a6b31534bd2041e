"""How is what one message says of one thing written down, so that statements can be laid over each other in any order?

A statement is a set of facts, each under a key. For each key the fact recorded last stands, and null takes it away. A key is

    status            an element of the resource
    telecom:home      a part of an element
    ?status           the same, believed only where nothing speaks under `status` itself
    +identifier/key   one entry of a list, by its own key
    @move/key         one event: all of them are kept, and the thing's own rules read them in the order of recording
"""

from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from carerecord.ingest.hl7v2.shapes import Statement

Facts = dict[str, Any]
WITHDRAWN: Final = "withdrawn"  # a fact of any thing: why it is to be seen no longer; null affirms it


class Rule(Struct, frozen=True, omit_defaults=True):
    """What a statement decides for all that hangs on its thread, and was stated before it."""

    kind: str  # withdrawn | moved | renumbered | only: of a thread's things, those that are named here alone stand
    why: str = ""
    of: str = ""  # moved: whose it was (the id of a Patient); withdrawn, only: whose alone; renumbered: the thread itself
    to: str = ""  # moved: whose it is (the id of a Patient); renumbered: the thread that takes its place
    to_local_id: str = ""
    within: str = ""  # withdrawn, moved: a visit. What its sender has put into another one before is not meant


class Said(Struct, frozen=True, omit_defaults=True):
    """One statement: facts by resource ("Observation/id"), and what it rules."""

    patient: str  # the id of the Patient resource
    things: dict[str, Facts] = {}
    rule: Rule | None = None
    passing: bool = False  # said in passing, in a message about something else: it brings nothing back that was withdrawn


_encode: Final = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_decode: Final = msgspec.json.Decoder(Said, float_hook=Decimal)


def written(resource: dict[str, Any]) -> bytes:
    """Canonical: equal resources give equal bytes, numbers with the digits that were sent."""
    return _encode.encode(resource)


def read(says: Raw) -> Said:
    return _decode.decode(bytes(says))


def statement(thread: str, local_id: str, said: Said, hangs: tuple[str, ...] = ()) -> Statement:
    holders = tuple([each for each in dict.fromkeys(hangs) if each and each != thread])
    is_for_others = said.rule is not None and said.rule.kind != "only"
    return Statement(thread, local_id, Raw(_encode.encode(said)), holders, is_for_others)


def said_of_one(thing: str, patient: str, local_id: str, facts: Facts, hangs: tuple[str, ...]) -> Statement:
    """A statement about one resource that is its own thread; it is affirmed unless the facts withdraw it."""
    return statement(thing, local_id, Said(patient, {thing: {WITHDRAWN: None, **facts}}), hangs)
