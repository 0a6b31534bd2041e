"""Whom does a pretend system mean by a half-known patient? Patient/$match: candidates with a score and a grade, best first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from carerecord.region.servers.search import NotSearchable
from carerecord.region.servers.shelf import Item, Shelf

_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


def match(shelf: Shelf, body: bytes) -> bytes:
    """A searchset of candidates. Equal identifier: certain; else name, birth date and sex are weighed.

    Raises:
        NotSearchable: the body is no Parameters with a Patient.
    """
    wanted, only_certain, most = _asked(body)
    scored = sorted(
        ((score, item) for item in shelf.patients() if (score := _score(wanted, item.resource)) >= 0.5), key=lambda pair: -pair[0]
    )
    entries = [_entry(shelf, score, item) for score, item in scored if score >= 0.95 or not only_certain][:most]
    return b'{"resourceType":"Bundle","type":"searchset","total":%d,"entry":[%s]}' % (len(entries), b",".join(entries))


def _asked(body: bytes) -> tuple[Mapping[str, Any], bool, int]:
    try:
        parameters = msgspec.json.decode(body, type=dict[str, Any])
        values = {each["name"]: each for each in parameters.get("parameter", ())}
        wanted: Mapping[str, Any] = values["resource"]["resource"]
        return (
            wanted,
            bool(values.get("onlyCertainMatches", {}).get("valueBoolean")),
            int(values.get("count", {}).get("valueInteger", 10)),
        )
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        raise NotSearchable("Send Parameters with a Patient under the name resource.") from None


def _score(wanted: Mapping[str, Any], known: Mapping[str, Any]) -> float:
    if _identifiers(wanted) & _identifiers(known):
        return 1.0
    score = 0.0
    if wanted.get("birthDate") and wanted.get("birthDate") == known.get("birthDate"):
        score += 0.4
    score += 0.3 if _words(wanted, "family") & _words(known, "family") else 0.0
    score += 0.2 if _words(wanted, "given") & _words(known, "given") else 0.0
    score += 0.05 if wanted.get("gender") and wanted.get("gender") == known.get("gender") else 0.0
    return round(score, 2)


def _identifiers(patient: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(each.get("system", ""), each.get("value", "")) for each in patient.get("identifier", ())}


def _words(patient: Mapping[str, Any], part: str) -> set[str]:
    found = (name.get(part, ()) for name in patient.get("name", ()))
    return {word.casefold() for each in found for word in ([each] if isinstance(each, str) else each)}


def _entry(shelf: Shelf, score: float, item: Item) -> bytes:
    grade = "certain" if score >= 0.95 else "probable" if score >= 0.85 else "possible"
    search = orjson.dumps({"mode": "match", "score": score, "extension": [{"url": _GRADE, "valueCode": grade}]})
    return b'{"fullUrl":"%s/Patient/%s","resource":%s,"search":%s}' % (shelf.base.encode(), item.id.encode(), item.raw, search)
