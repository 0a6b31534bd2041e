"""How does a resource look in the dialect of the system that sends it? Pure: the same chart, said in other ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from html import escape
from typing import Any

from carerecord.region.shapes import PLAIN, FhirJson, System

_NATIONAL = ("http://snomed.info/sct", "http://loinc.org")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\Z")
_INSTANTS = frozenset({"issued", "lastUpdated", "start", "end"})  # FHIR wants these whole, or other things hang on them
_DOCUMENTS_DATE = "DocumentReference"  # of which `date` is an instant too
_ONSETS = ("onsetDateTime", "recordedDate")
_OLD = timedelta(days=730)
_MEDICINES = ("MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration")
PRODUCT = "-product"  # after the id of a medicine: the id of the Medication that it refers to
_ALWAYS_KEPT = frozenset({"resourceType", "id", "status", "subject", "patient"})


def spoken(resource: Mapping[str, Any], system: System, today: date) -> tuple[FhirJson, FhirJson | None]:
    """The resource as the system writes it, and the Medication that stands beside it where the system keeps those apart."""
    dialect = system.dialect
    if dialect == PLAIN or resource.get("resourceType") == "Patient":
        return dict(resource), None
    told = {name: value for name, value in resource.items() if name in _ALWAYS_KEPT or name not in dialect.omits}
    told, beside = _medicine(told, system) if told.get("resourceType") in _MEDICINES else (told, None)
    told = _rewritten(told, _coded(system), "")
    told = _rewritten(told, _timed(system, str(told.get("resourceType"))), "")
    if beside is not None:
        beside = _rewritten(beside, _coded(system), "")
    _aged(told, system, today)
    if not dialect.meta:
        _without_meta(told)
    if dialect.extensions:
        told["extension"] = [*told.get("extension", ()), *(_unknown(system, number) for number in range(dialect.extensions))]
    if dialect.narrative:
        told["text"] = _narrative(told)
    return told, beside


Rewrite = Callable[[str, Any], Any]  # a key and its value -> the value as it is to stand


def _rewritten(node: Any, rewrite: Rewrite, key: str) -> Any:
    """The same tree with every value looked at once, from the leaves up. What it came from stays as it was."""
    if isinstance(node, Mapping):
        return rewrite(key, {name: _rewritten(value, rewrite, name) for name, value in node.items()})
    if isinstance(node, list | tuple):
        return rewrite(key, [_rewritten(value, rewrite, key) for value in node])
    return rewrite(key, node)


def _coded(system: System) -> Rewrite:
    own = f"https://{system.key}.region.example/CodeSystem/terms"

    def rewrite(key: str, value: Any) -> Any:
        if key != "coding" or not isinstance(value, list) or system.dialect.codes == "national":
            return value
        national = [each for each in value if each.get("system") in _NATIONAL]
        if not national:
            return value
        display = str(national[0].get("display", ""))
        local = {"system": own, "code": _local_code(display), "display": display}
        others = [each for each in value if each not in national]
        return [local, *others, *(national if system.dialect.codes == "beside" else ())]

    return rewrite


def _local_code(display: str) -> str:
    """Five characters, as the codes of older practice systems have."""
    letters = [each for each in display.upper() if each.isascii() and each.isalpha()]
    return ("".join(letters[:3]) + f"{sum(map(ord, display)) % 100:02d}").ljust(5, ".")


def _timed(system: System, kind: str) -> Rewrite:
    style = system.dialect.times

    def rewrite(key: str, value: Any) -> Any:
        if style == "london" or not isinstance(value, str) or not _TIME.match(value):
            return value
        moment = datetime.fromisoformat(value)
        if style == "utc":
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if style == "milliseconds":
            return moment.isoformat(timespec="milliseconds")
        whole = key in _INSTANTS or (key == "date" and kind == _DOCUMENTS_DATE)
        return value if whole else value[:10]

    return rewrite


def _aged(told: FhirJson, system: System, today: date) -> None:
    """Nobody remembers the day of an onset of long ago."""
    length = {"day": 10, "month": 7, "year": 4}[system.dialect.old]
    for name in _ONSETS:
        said = told.get(name, "")
        if length < 10 and len(said) >= 10 and today - date.fromisoformat(said[:10]) > _OLD:
            told[name] = said[:length]


def _medicine(told: FhirJson, system: System) -> tuple[FhirJson, FhirJson | None]:
    style = system.dialect.medicines
    if style == "held":
        return told, None
    contained = [each for each in told.get("contained", ()) if each.get("resourceType") == "Medication"]
    others = [each for each in told.get("contained", ()) if each not in contained]
    concept = told.get("medicationCodeableConcept")
    product: FhirJson = contained[0] if contained else {"resourceType": "Medication", "id": "medicine", "code": concept}
    name = str(product["code"].get("text", ""))
    named = ("contained", "medicationReference", "medicationCodeableConcept")
    left = {key: value for key, value in told.items() if key not in named}
    if others:
        left["contained"] = others
    if style == "concept":
        return {**left, "medicationCodeableConcept": _as_concept(product)}, None
    if style == "contained":
        return {**left, "contained": [*others, {**product, "id": "medicine"}],
                "medicationReference": {"reference": "#medicine", "display": name}}, None  # fmt: skip
    apart = f"{told['id']}{PRODUCT}"
    return {**left, "medicationReference": {"reference": f"Medication/{apart}", "display": name}}, {**product, "id": apart}


def _as_concept(product: FhirJson) -> FhirJson:
    """The substance by its national code where an ingredient has one, else as the product is named."""
    substances = [each.get("itemCodeableConcept", {}) for each in product.get("ingredient", ())]
    return dict(substances[0]) if len(substances) == 1 and substances[0].get("coding") else dict(product["code"])


def _without_meta(told: FhirJson) -> None:
    kept = {name: value for name, value in told.pop("meta", {}).items() if name in ("security", "tag")}
    if kept:
        told["meta"] = kept


def _unknown(system: System, number: int) -> FhirJson:
    """An extension that only its maker understands; every second one is nested."""
    url = f"https://{system.key}.region.example/StructureDefinition/row-{number + 1}"
    if number % 2:
        return {"url": url, "extension": [{"url": "tenant", "valueString": system.key}, {"url": "revision", "valueInteger": 7}]}
    return {"url": url, "valueString": f"row {number + 1}"}


def _narrative(told: FhirJson) -> FhirJson:
    words = told.get("code", {}).get("text") or told.get("title") or told.get("description") or told["resourceType"]
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{escape(str(words))}</p></div>'}
