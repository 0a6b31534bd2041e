"""May a received resource be believed to be what it says it is? Its structure, checked at arrival against HL7's R4 schema.

Messages are built from the place, the rule and what was expected; the library's own quote the whole resource.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Any, Final

import jsonschema_rs
import orjson
from msgspec import Struct

from carerecord.fhir.codes import dicts_in, text_in
from carerecord.fhir.errors import FhirError, Unreadable

# The types that a record shows, searches, or meets inside others; the rest of R4 is checked only to be a resource.
RECORD_TYPES: Final = (
    "AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "Communication", "Composition", "Condition", "Consent",
    "Device", "DiagnosticReport", "DocumentReference", "Encounter", "EpisodeOfCare", "FamilyMemberHistory", "Flag", "Goal",
    "ImagingStudy", "Immunization", "List", "Location", "Medication", "MedicationAdministration", "MedicationDispense",
    "MedicationRequest", "MedicationStatement", "Observation", "OperationOutcome", "Organization", "Patient",
    "Practitioner", "PractitionerRole", "Procedure", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest",
    "Specimen", "Task",
)  # fmt: skip
_MOST_FAULTS: Final = 10
_TYPE_WORDS: Final = {
    "object": "an object", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "null": "nothing",
}  # fmt: skip


class DefinitionsMissing(FhirError):
    """The definitions are made at set-up; this installation has none."""


class Fault(Struct, frozen=True):
    """One way in which a resource is not what FHIR says. Holds nothing that was received, only names of elements."""

    path: str  # "Observation.component[1].code"
    says: str  # "must be an object"

    def __str__(self) -> str:
        return f"{self.path} {self.says}"


class Validators:
    """Compiled checks by type. Building takes time (see `load`), checking microseconds; safe to share between tasks."""

    def __init__(self, schemas: Mapping[str, Any], compiled: Mapping[str, jsonschema_rs.Draft6Validator]) -> None:
        self._schemas = schemas
        self._compiled = compiled

    @property
    def types(self) -> frozenset[str]:
        return frozenset(self._compiled)

    def faults(self, resource: dict[str, Any]) -> tuple[Fault, ...]:
        """Everything wrong with a parsed resource (the first few), contained resources included; () when it holds.

        Unknown elements and extensions are fine. A type that was not loaded is only asked to name itself.
        """
        type_ = text_in(resource, "resourceType")
        if not type_:
            return (Fault("resource", "does not say its type"),)
        found: tuple[Fault, ...] = ()
        compiled = self._compiled.get(type_)
        if compiled is not None and not compiled.is_valid(resource):
            found = self._named(type_, compiled, resource)
        if "contained" in resource:
            for inner in dicts_in(resource, "contained"):
                found += tuple(Fault(f"{type_}.contained.{fault.path}", fault.says) for fault in self.faults(inner))
        return found[:_MOST_FAULTS]

    def check(self, resource: dict[str, Any]) -> None:
        """Raise Unreadable with the first fault, where there is one."""
        found = self.faults(resource)
        if found:
            raise Unreadable(str(found[0]))

    def _named(self, type_: str, compiled: jsonschema_rs.Draft6Validator, resource: dict[str, Any]) -> tuple[Fault, ...]:
        found: dict[Fault, None] = {}
        for error in compiled.iter_errors(resource):
            path = type_ + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
            missing = _missing(self._schemas[type_], error)
            found[Fault(f"{path}.{missing}", "is missing") if missing else Fault(path, self._expected(type_, error))] = None
            if len(found) >= _MOST_FAULTS:
                break
        return tuple(found) or (Fault(type_, "does not have the structure that FHIR gives it"),)

    def _expected(self, type_: str, error: Any) -> str:
        keyword = str(error.schema_path[-1]) if error.schema_path else ""
        rule = _rule(self._schemas[type_], error.schema_path)
        if keyword == "type":
            return f"must be {_TYPE_WORDS.get(str(rule), 'of another kind')}"
        if keyword in ("enum", "const"):
            return "is not one of the codes that FHIR allows here"
        if keyword == "pattern":
            return "is not written as FHIR writes it"
        return "does not have the form that FHIR gives it"


def load(types: Iterable[str] = RECORD_TYPES) -> Validators:
    """The checks of `types`, compiled once in a process: a good part of a second, so at start and never on the event loop.

    Raises:
        DefinitionsMissing: set-up has not made the definitions.
    """
    with _one_at_a_time:
        return _loaded(tuple(types))


_one_at_a_time = Lock()


@cache
def _loaded(types: tuple[str, ...]) -> Validators:
    found = files("carerecord.fhir").joinpath("definitions", "r4.json")
    if not found.is_file():
        raise DefinitionsMissing("the FHIR definitions are not installed: run `make setup`")
    definitions = orjson.loads(found.read_bytes())["definitions"]
    schemas = {type_: _pruned(type_, definitions) for type_ in types if type_ in definitions}
    compiled = {type_: jsonschema_rs.Draft6Validator(schema, validate_formats=False) for type_, schema in schemas.items()}
    return Validators(schemas, compiled)


def _pruned(type_: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one type, with only the definitions that it refers to: the whole schema for each costs gigabytes."""
    kept: dict[str, Any] = {}
    waiting = [type_]
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = definitions[name]
            waiting += _targets(definitions[name])
    return {"$schema": "http://json-schema.org/draft-06/schema#", "$ref": f"#/definitions/{type_}", "definitions": kept}


def _targets(node: Any) -> list[str]:
    if isinstance(node, list):
        return [target for each in node for target in _targets(each)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].removeprefix("#/definitions/")] if isinstance(node.get("$ref"), str) else []
    return own + [target for each in node.values() for target in _targets(each)]


def _missing(schema: Any, error: Any) -> str:
    """The element that is required and absent, named by the rule that failed (never by the resource); "" otherwise."""
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
        return str(error.kind.property)
    if error.schema_path and error.schema_path[-1] == "anyOf":
        rule = _rule(schema, error.schema_path[:-1])
        return str(rule.get("title", "")) if isinstance(rule, dict) else ""
    return ""


def _rule(schema: Any, path: list[Any]) -> Any:
    node = schema
    for step in path:
        if isinstance(node, dict) and isinstance(node.get("$ref"), str) and step not in node:
            node = schema["definitions"].get(node["$ref"].removeprefix("#/definitions/"))
        if isinstance(node, dict):
            node = (
                schema["definitions"].get(node["$ref"].removeprefix("#/definitions/")) if step == "$ref" else node.get(str(step))
            )
        elif isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return None
    return node
