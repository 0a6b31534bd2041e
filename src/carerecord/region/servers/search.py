"""Which items of a shelf does a FHIR search mean? The parameters that these systems know, and pages of the answer."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from carerecord.region.servers.shelf import Item, Shelf

_DATES = {
    "date",
    "authoredon",
    "onset-date",
    "recorded-date",
    "period",
    "created",
    "effective",
    "issued",
    "occurrence",
    "effective-time",
}
_KNOWN_CURSORS = 4096


class NotSearchable(Exception):
    """The search asks for what this system does not offer. The message is for the caller."""


def patient_of(shelf: Shelf, query: Sequence[tuple[str, str]]) -> tuple[str, ...] | None:
    """The patients that a search is about: by reference or by business identifier. None when it names none."""
    for name, value in query:
        word, _, rest = name.replace(".", ":").partition(":")
        if word not in ("patient", "subject"):
            continue
        if rest == "identifier":
            system, bar, number = value.rpartition("|")
            return tuple(shelf.known_as(system, number) if bar else shelf.known_as("", value))
        reference = value.rsplit("Patient/", 1)[-1]
        return (reference,) if shelf.patient(reference) is not None else ()
    return None


def chosen(items: Iterable[Item], query: Sequence[tuple[str, str]]) -> list[Item]:
    """The items that every known parameter lets through; unknown parameters are ignored, as FHIR's lenient handling allows."""
    tests = [test for name, value in query if (test := _test(name, value)) is not None]
    found = [item for item in items if all(test(item) for test in tests)]
    order = next((value for name, value in query if name == "_sort"), "")
    if order.lstrip("-") in _DATES | {"_lastUpdated"}:
        found.sort(key=lambda item: item.updated if order.endswith("_lastUpdated") else item.when, reverse=order.startswith("-"))
    return found


def _test(name: str, value: str) -> Callable[[Item], bool] | None:
    if name in _DATES:
        return lambda item: _in_time(item.when, value)
    match name:
        case "_lastUpdated":
            return lambda item: _in_time(item.updated, value)
        case "_id":
            return lambda item: item.id in value.split(",")
        case "category" | "code" | "type" | "class" | "clinical-status":
            field = "clinicalStatus" if name == "clinical-status" else name
            return lambda item: _has_token(item.resource, field, value)
        case "status":
            return lambda item: str(item.resource.get("status", "")) in value.split(",")
    return None


def _in_time(moment: str, bound: str) -> bool:
    """Compare as text to the precision of the bound: `ge2024-01`, `lt2024-03-01T10:00:00Z`."""
    prefix, bound = (bound[:2], bound[2:]) if bound[:2].isalpha() else ("eq", bound)
    cut = moment[: len(bound)]
    tests = {"eq": cut == bound, "ge": cut >= bound, "gt": cut > bound, "le": cut <= bound, "lt": cut < bound, "ne": cut != bound}
    return bool(moment) and tests.get(prefix, True)


def _has_token(resource: Mapping[str, Any], field: str, wanted: str) -> bool:
    tokens = set(_tokens(resource.get(field, resource.get("medicationCodeableConcept") if field == "code" else None)))
    for one in wanted.split(","):
        system, bar, code = one.rpartition("|")
        if any(code == other and (not bar or not system or system == space) for space, other in tokens):
            return True
    return False


def _tokens(value: Any) -> Iterator[tuple[str, str]]:
    """Codes of a coding, a concept, a list of either, or a bare code."""
    if isinstance(value, list):
        for each in value:
            yield from _tokens(each)
    elif isinstance(value, Mapping):
        if "coding" in value:
            yield from _tokens(value["coding"])
        elif "code" in value:
            yield str(value.get("system", "")), str(value["code"])
    elif isinstance(value, str):
        yield "", value


def patients(shelf: Shelf, query: Sequence[tuple[str, str]], *, own_system: str | None) -> list[Item]:
    """Patient resources that a search means. `own_system`: the only identifier system by which it can be asked, if there is one.

    Raises:
        NotSearchable: asked by an identifier that it cannot look up. An empty list would say "nobody here".
    """
    found = list(shelf.patients())
    for name, value in query:
        match name:
            case "identifier":
                system, _, number = value.rpartition("|")
                if own_system is not None and system not in ("", own_system):
                    raise NotSearchable("This system can be asked by its own patient number only.")
                known = set(shelf.known_as(system, number))
                found = [item for item in found if item.id in known]
            case "_id" | "_lastUpdated":
                found = chosen(found, ((name, value),))
            case "birthdate":
                found = [item for item in found if _in_time(str(item.resource.get("birthDate", "")), value)]
            case "family" | "given" | "name":
                found = [item for item in found if _named(item.resource, name, value)]
            case "gender":
                found = [item for item in found if item.resource.get("gender") == value]
    return found


def _named(patient: Mapping[str, Any], part: str, value: str) -> bool:
    """Whether a name of the patient begins with this, in any case."""
    wanted = value.casefold()
    for name in patient.get("name", ()):
        words = [*(name.get("given", ()) if part != "family" else ()), *([name.get("family", "")] if part != "given" else ())]
        if any(word.casefold().startswith(wanted) for word in words):
            return True
    return False


class Cursors:
    """Where the next page of a search stands. The links are opaque, and the oldest are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[Item, ...], int, int, bool]] = OrderedDict()

    def keep(self, items: tuple[Item, ...], start: int, size: int, included: bool = False) -> str:
        token = secrets.token_urlsafe(12)
        self._kept[token] = (items, start, size, included)
        if len(self._kept) > _KNOWN_CURSORS:
            self._kept.popitem(last=False)
        return token

    def get(self, token: str) -> tuple[tuple[Item, ...], int, int, bool] | None:
        return self._kept.get(token)


def bundle(
    items: Sequence[Item], *, total: int | None, self_link: str = "", next_link: str = "", more: Sequence[bytes] = ()
) -> bytes:
    """A searchset, spliced from entries that were written before. `more` are entries that stand after the others."""
    told = (("self", self_link), ("next", next_link))
    links = b",".join(b'{"relation":"%s","url":"%s"}' % (name.encode(), url.encode()) for name, url in told if url)
    parts = [b'"resourceType":"Bundle","type":"searchset"']
    if total is not None:
        parts.append(b'"total":%d' % total)
    if links:
        parts.append(b'"link":[%s]' % links)
    parts.append(b'"entry":[%s]' % b",".join([*(item.entry for item in items), *more]))
    return b"{%s}" % b",".join(parts)
