"""Resources that nobody would write: members as R4 names them, with values that break whoever reads them lightly."""

import json
import random
import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

STRINGS: Final = (
    "", " ", "K", "a|b,c$d\\e", "%00", "\ufeff\u202eright to left", "\U0001f600", "x" * 5_000, "\u2167", "\ufb00",
    "\u0130stanbul", "null", "{}", "<script>", "2026", "-", "\u00e9" * 300, "\x7f", "\u0085",
)  # fmt: skip
TIMES: Final = (
    "2026", "2026-02", "2026-02-29", "0000-01-01", "0001-01-01", "9999-12-31T23:59:60Z", "2026-11-22T24:00:00Z", "10:61",
    "12:00:00", "2026-11-22T10:00:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2026-11-22T10:00:00.123456789012Z",
)  # fmt: skip
NUMBERS: Final = (
    "0", "-0.0", "1.10", "1e400", "-1e-400", "12345678901234567890123.5", "9223372036854775808", "1E+2", "2147483648",
)  # fmt: skip
REFERENCES: Final = (
    "Patient/p1", "#x", "#", "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "http://e.example/fhir/Patient/p1", "Patient/",
    "//", "Patient/p1/_history/1", "Nothing/1", "Patient?identifier=1", "/Patient/p1", "Encounter/e%00", "Patient/p1#x",
    "Observation/" + "o" * 65,
)  # fmt: skip
WRONG: Final[tuple[Any, ...]] = (None, {}, [], [None], [[]], "x", 1, True, {"reference": 1}, {"coding": {}}, {"value": []})
_NUMBER: Final = re.compile(r'"@([^@"]+)@"')
_DEEPEST: Final = 5


@cache
def _elements() -> dict[str, list[tuple[str, str, bool]]]:
    told = files("carerecord.fhir").joinpath("definitions", "elements.json")
    found: dict[str, list[tuple[str, str, bool]]] = json.loads(told.read_bytes())
    return found


def resource(type_: str, chance: random.Random, id_: str = "", **said: Any) -> bytes:
    """In JSON, some of it beyond what any type says; `said` stands in it as it is."""
    made = {"resourceType": type_, **_object(type_, chance, 0, 0.5), **said}
    made.pop("id", None)
    if id_:
        made["id"] = id_
    return _NUMBER.sub(r"\1", json.dumps(made)).encode()


def _object(kind: str, chance: random.Random, depth: int, often: float) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, of, repeats in _elements()[kind]:
        if chance.random() < often:
            values = [_value(name, of, chance, depth) for _ in range(chance.choice((1, 1, 2)) if repeats else 1)]
            made[name] = chance.choice(WRONG) if chance.random() < 0.03 else values if repeats else values[0]
    return made


def _value(name: str, kind: str, chance: random.Random, depth: int) -> Any:
    if kind in _elements():
        return _object(kind, chance, depth + 1, 0.4 if depth < 2 else 0.15) if depth < _DEEPEST else {}
    if name == "reference":
        return chance.choice(REFERENCES)
    if kind == "boolean":
        return chance.random() < 0.5
    if kind in ("decimal", "integer", "positiveInt", "unsignedInt", "integer64"):
        return f"@{chance.choice(NUMBERS)}@"
    if kind in ("date", "dateTime", "instant", "time"):
        return chance.choice(TIMES)
    return chance.choice((*STRINGS, *REFERENCES, *TIMES))


def asked(chance: random.Random) -> str:
    """What a search might be sent for a value."""
    value = chance.choice((*STRINGS[:16], *TIMES, *NUMBERS, *REFERENCES))
    return chance.choice(("", "eq", "ge", "ne", "http://e.example|", "|", "a$")) + value
