"""What of a resource stands in its narrow index row, and which rows can answer a clause? Hashes that a thief cannot read back.

A hash says only which bodies are worth opening; whether one answers is decided on the body. So a hash leaves out what is seldom
asked alone (the system of a code), and two values of one hash do no harm.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.search.parameters import Parameters
from carerecord.fhir.search.query import Clause, Either, plain, plain_pair
from carerecord.fhir.search.values import Span, folded, link, links, spans
from carerecord.fhir.search.walk import Walk, Want, walker
from carerecord.holdings.hashes import (
    NUMBERED,
    OF_SOMEBODY,
    PREFIXES,
    Cut,
    Finds,
    Hashes,
    beginnings,
    codes,
    days,
    hashed,
    named,
    said,
    titles,
    words,
)

# People are found across all of them by these; everything else about a person is asked within that person's record.
ACROSS: Final[Mapping[str, frozenset[str]]] = {
    "Patient": frozenset(("identifier", "family", "given", "name", "birthdate")),
    "": frozenset(("identifier",)),
}
# Not hashed: whose it is says the place where it lies; an id has an address; the marks in `meta` are all but never asked alone.
UNHASHED: Final = frozenset(("_id", "patient", "subject", "beneficiary", "_profile", "_security", "_source", "_tag"))
_SAID_AS: Final = {"name": ("name", "family", "given")}  # what answers a name is hashed under one of these
# Of what is found across all: what of a node is looked at, and by which parts of it that is found; whole, where it says none.
_FAR: Final[Mapping[str, tuple[str, Callable[[str], Sequence[str]] | None]]] = {
    "token": ("codes", None), "string": ("words", beginnings), "date": ("words", days),
}  # fmt: skip
# By which time a type is sorted and paged, newest first.
WHEN: Final[Mapping[str, str]] = {
    "Observation": "date", "Condition": "recorded-date", "Encounter": "date", "DiagnosticReport": "date",
    "MedicationRequest": "authoredon", "MedicationStatement": "effective", "MedicationDispense": "whenhandedover",
    "MedicationAdministration": "effective-time", "Procedure": "date", "Immunization": "date", "AllergyIntolerance": "date",
    "DocumentReference": "date", "Composition": "date", "CarePlan": "date", "ServiceRequest": "authored", "Appointment": "date",
    "Claim": "created", "ExplanationOfBenefit": "created", "Flag": "date", "ImagingStudy": "started", "Goal": "start-date",
    "Specimen": "collected", "Communication": "sent", "QuestionnaireResponse": "authored", "Task": "authored-on",
}  # fmt: skip


class Row(Struct, frozen=True, gc=False):
    """The index row of one resource."""

    tokens: tuple[int, ...]  # within the patient
    across: tuple[int, ...]  # across all
    when: datetime | None


class Traced:
    """In the place of hashes: says of each word under which it would be hashed."""

    def __init__(self, hashes: Finds) -> None:
        self._hashes = hashes

    def __getitem__(self, word: str) -> tuple[Finds, str]:
        return self._hashes, word

    def all(self, word: str) -> tuple[tuple[Finds, str]]:
        return (self[word],)


class Trace(Struct, frozen=True):
    """What a row is made of, before it is made."""

    tokens: list[tuple[Hashes, str]]
    across: list[tuple[Finds, str]]
    dated: list[Any]


class Index:
    """Reads each resource once, by a walk that is written for its type when the first of them comes (2 ms)."""

    def __init__(self, parameters: Parameters, key: bytes) -> None:
        self._parameters, self._key = parameters, key
        self._hashes: dict[tuple[str, bool, bool], Hashes] = {}
        self._walk = cache(self._walk_of)
        self._traced = cache(lambda type_: self._walk_of(type_, Traced))
        self._finders = cache(self._finders_of)

    def row(self, resource: Mapping[str, Any], type_: str) -> Row:
        tokens, across, dated = set[int](), set[int](), list[Any]()
        self._walk(type_)(resource, tokens.add, across.update, dated.append)
        when = max((each.since for node in dated for each in spans(node)), default=None)
        return Row(tuple(sorted(tokens)), tuple(sorted(across)), when)

    def traced(self, resource: Mapping[str, Any], type_: str) -> Trace:
        """The words that would be hashed for its row, under which hashes, and what its time is read from."""
        trace = Trace([], [], [])
        self._traced(type_)(resource, trace.tokens.append, trace.across.extend, trace.dated.append)
        return trace

    def _walk_of(self, type_: str, seen: Callable[[Finds], Any] = lambda hashes: hashes) -> Walk:
        """What of each node goes where: into the row's tokens, among what is found across all, into its place in the order."""
        wants: list[Want] = []
        names: dict[str, Any] = {"codes": codes, "said": said, "named": named, "titles": titles, "words": words}
        for number, parameter in enumerate(self._parameters.of(type_).values()):
            keeps = type_ not in OF_SOMEBODY and parameter.code not in NUMBERED
            if parameter.code == WHEN.get(type_):
                wants.append(Want(parameter, "(node,)", "dated(value)"))
            if parameter.code in ACROSS.get(type_, ACROSS[""]):
                each, parts = _FAR[parameter.type]
                hashes = self._at_hand(f"{type_}.{parameter.code}", folds=parameter.type == "token", keeps=False)
                names[f"far{number}"] = seen(Cut(hashes, parts) if parts else hashes)
                each = "titles" if parameter.code == "name" else each  # its other parts are looked for as what they are
                wants.append(Want(parameter, f"{each}(node)", f"far(far{number}.all(value))"))
            if parameter.code in UNHASHED or parameter.type not in ("token", "reference", "uri"):
                continue
            table = f"h{number}"
            names[table] = seen(self._at_hand(parameter.code, folds=parameter.type == "token", keeps=keeps))
            found = {"token": "codes", "reference": "said", "uri": "words"}[parameter.type]
            wants.append(Want(parameter, f"{found}(node)", f"add({table}[value])"))
            if parameter.type == "reference":
                names[f"{table}i"] = seen(self._at_hand(f"{parameter.code}:identifier", folds=False, keeps=False))
                wants.append(Want(parameter, "named(node)", f"add({table}i[value])"))
        return walker(wants, "add, far, dated", names)

    def _at_hand(self, name: str, *, folds: bool, keeps: bool) -> Hashes:
        key = (name, folds, keeps)
        if key not in self._hashes:
            self._hashes[key] = Hashes(self._key, name, folds=folds, keeps=keeps)
        return self._hashes[key]

    def whose(self, resource: Mapping[str, Any], type_: str) -> str:
        """The id of the Patient in whose record a resource lies; "" for one of nobody."""
        if type_ == "Patient":
            return str(resource.get("id") or "")
        found: list[Any] = []
        for find in self._finders(type_):
            find(resource, found.append)
            for node in found:
                for value in links(node):
                    # A whole address is of another server: its Patient is not ours, though the id may be the same.
                    if value.type == "Patient" and value.id and not value.url:
                        return value.id
            found.clear()
        return ""

    def _finders_of(self, type_: str) -> tuple[Walk, ...]:
        known = self._parameters.of(type_)
        told = (known.get(code) for code in ("patient", "subject", "beneficiary", "individual"))
        asked = [each for each in told if each is not None and each.type == "reference"]
        return tuple(
            walker([Want(each, "(node,)", "found(value)")], "found", {})
            for each in asked
            if not each.targets or "Patient" in each.targets
        )

    def narrows(self, clause: Clause | Either) -> list[int] | None:
        """Hashes of which a resource that answers bears at least one; None where any might answer."""
        if isinstance(clause, Either):
            told = [self.narrows(each) for each in clause.clauses]
            return None if None in told else [one for each in told for one in each or ()]
        if clause.among is not None and clause.modifier != "not-in" and clause.parameter.code not in UNHASHED:
            return [self._hash(clause.parameter.code, each) for each in sorted(clause.among.plain)]
        if clause.parameter.code in UNHASHED or (clause.modifier and clause.parameter.type != "reference"):
            return None
        found: list[int] = []
        for written in clause.values:
            if (one := self._asked(clause, written)) is None:
                return None
            found.append(one)
        return found

    def across(self, clause: Clause) -> list[int] | None:
        """The same across all people; None where this clause cannot be asked without saying whose."""
        type_, code = clause.parameter.of, clause.parameter.code
        if code not in ACROSS.get(type_, ACROSS[""]) or clause.modifier not in ("", "exact"):
            return None
        found = []
        for written in clause.values:
            if clause.parameter.type == "token":
                if not (value := plain_pair(written)[1]):
                    return None
                found.append(self._hash(f"{type_}.{code}", value.casefold()))
            elif clause.parameter.type == "string":
                if len(value := folded(plain(written))) < 1:
                    return None
                found += [self._hash(f"{type_}.{each}", value[:PREFIXES]) for each in _SAID_AS.get(code, (code,))]
            else:
                if (value := plain(written).removeprefix("eq"))[:4].isdecimal() is False or not value:
                    return None
                found.append(self._hash(f"{type_}.{code}", value[:10]))
        return found

    def claim(self, type_: str, condition: Iterable[tuple[str, str]]) -> bytes:
        """The hash under which one resource at most may answer a condition, however it is written."""
        said = "\0".join(f"{name}\1{value}" for name, value in sorted(condition))
        return blake2b(f"claim\0{type_}\0{said}".encode(), digest_size=16, key=self._key).digest()

    def spans(self, resource: Mapping[str, Any], type_: str) -> list[Span]:
        """When it happened, as far as it says."""
        parameter = self._parameters.of(type_).get(WHEN.get(type_, ""))
        return [each for each in parameter.values(resource) if isinstance(each, Span)] if parameter else []

    def _asked(self, clause: Clause, written: str) -> int | None:
        parameter = clause.parameter
        if parameter.type == "token":
            code = plain_pair(written)[1]
            return self._hash(parameter.code, code.casefold()) if code else None
        if parameter.type == "uri" and not clause.modifier:
            return self._hash(parameter.code, plain(written))
        if parameter.type == "reference":
            if clause.modifier == "identifier":
                code = plain_pair(written)[1]
                return self._hash(f"{parameter.code}:identifier", code) if code else None
            said = link(plain(written))
            return self._hash(parameter.code, said.id or (plain(written).rsplit("/", 1)[-1]))
        return None

    def _hash(self, name: str, value: str) -> int:
        return hashed(self._key, name, value)
