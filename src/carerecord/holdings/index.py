"""What of a resource stands in its narrow index row, and which rows can answer a clause? Hashes that a thief cannot read back.

A hash says only which bodies are worth opening; whether one answers is decided on the body. So a hash leaves out what is seldom
asked alone (the system of a code), and two values of one hash do no harm.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.search.match import plain_pair
from carerecord.fhir.search.parameters import Parameter, Parameters
from carerecord.fhir.search.query import Clause, plain
from carerecord.fhir.search.values import Link, Span, Text, Token, folded, link

# People are found across all of them by these; everything else about a person is asked within that person's record.
ACROSS: Final[Mapping[str, frozenset[str]]] = {
    "Patient": frozenset(("identifier", "family", "given", "name", "birthdate")),
    "": frozenset(("identifier",)),
}
# Not hashed: whose it is says the place where it lies; an id has an address; the marks in `meta` are all but never asked alone.
UNHASHED: Final = frozenset(("_id", "patient", "subject", "beneficiary", "_profile", "_security", "_source", "_tag"))
_PREFIXES: Final = 8  # letters of a name that are hashed one by one: Ma, Mar, Marl …
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


class Index:
    def __init__(self, parameters: Parameters, key: bytes) -> None:
        self._parameters, self._key = parameters, key
        self._hashed = {
            type_: [
                each
                for each in parameters.of(type_).values()
                if each.type in ("token", "reference", "uri") and each.code not in UNHASHED
            ]
            for type_ in parameters.types
        }

    def row(self, resource: Mapping[str, Any], type_: str) -> Row:
        tokens: set[int] = set()
        for parameter in self._hashed[type_]:
            for value in parameter.values(resource):
                tokens.update(self._of(parameter.code, value))
        known = self._parameters.of(type_)
        across: set[int] = set()
        for code in ACROSS.get(type_, ACROSS[""]) & known.keys():
            for value in known[code].values(resource):
                across.update(self._wide(type_, code, value))
        return Row(tuple(sorted(tokens)), tuple(sorted(across)), self._when(resource, type_))

    def narrows(self, clause: Clause) -> list[int] | None:
        """Hashes of which a resource that answers bears at least one; None where any might answer."""
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
                found.append(self._hash(f"{type_}.{code}", value[:_PREFIXES]))
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

    def _when(self, resource: Mapping[str, Any], type_: str) -> datetime | None:
        return max((each.since for each in self.spans(resource, type_)), default=None)

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

    def _of(self, code: str, value: Any) -> Iterable[int]:
        if isinstance(value, Token):
            if value.code:
                yield self._hash(code, value.code.casefold())
        elif isinstance(value, Link):
            if said := value.id or value.url.rsplit("/", 1)[-1]:
                yield self._hash(code, said)
            if value.identifier is not None and value.identifier.code:
                yield self._hash(f"{code}:identifier", value.identifier.code)
        elif isinstance(value, str):
            yield self._hash(code, value)

    def _wide(self, type_: str, code: str, value: Any) -> Iterable[int]:
        name = f"{type_}.{code}"
        if isinstance(value, Token) and value.code:
            yield self._hash(name, value.code.casefold())
        elif isinstance(value, Text) and value.folded:
            for end in range(1, min(_PREFIXES, len(value.folded)) + 1):
                yield self._hash(name, value.folded[:end])
        elif isinstance(value, Span):
            day = value.since.date().isoformat()
            for end in (4, 7, 10):
                yield self._hash(name, day[:end])

    def _hash(self, name: str, value: str) -> int:
        made = blake2b(f"{name}\0{value}".encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(made, "big", signed=True)


def whose(resource: Mapping[str, Any], type_: str, parameters: Parameters) -> str:
    """The id of the Patient in whose record a resource lies; "" for one of nobody."""
    if type_ == "Patient":
        return str(resource.get("id") or "")
    known = parameters.of(type_)
    for code in ("patient", "subject", "beneficiary", "individual"):
        parameter: Parameter | None = known.get(code)
        if parameter is None or (parameter.targets and "Patient" not in parameter.targets):
            continue
        for value in parameter.values(resource):
            # A whole address is of another server: its Patient is not ours, though the id may be the same.
            if isinstance(value, Link) and value.type == "Patient" and value.id and not value.url:
                return value.id
    return ""
