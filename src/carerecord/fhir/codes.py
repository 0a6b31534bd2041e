"""How is a code in a resource got at, whatever the sender left out? Small readers of Coding and CodeableConcept."""

from collections.abc import Iterator, Mapping
from typing import Any

from carerecord.fhir.identifiers import canonical_system

Json = Mapping[str, Any]


def text_in(source: Any, key: str) -> str:
    """`source[key]` where that is text worth showing, "" otherwise."""
    value = source.get(key) if isinstance(source, dict) else None
    return value.strip() if isinstance(value, str) else ""


def dict_in(source: Any, key: str) -> dict[str, Any]:
    value = source.get(key) if isinstance(source, dict) else None
    return value if isinstance(value, dict) else {}


def dicts_in(source: Any, key: str) -> list[dict[str, Any]]:
    """The objects under `key`: a list of them, or one alone where a sender forgot the list."""
    value = source.get(key) if isinstance(source, dict) else None
    if isinstance(value, list):
        return [each for each in value if isinstance(each, dict)]
    return [value] if isinstance(value, dict) else []


def texts_in(source: Any, key: str) -> list[str]:
    value = source.get(key) if isinstance(source, dict) else None
    if isinstance(value, list):
        return [each.strip() for each in value if isinstance(each, str) and each.strip()]
    return [value.strip()] if isinstance(value, str) and value.strip() else []


def codings(concept: Any) -> Iterator[tuple[str, str]]:
    """(system, code) pairs of a CodeableConcept, a Coding, or a list of either; aliases of systems resolved."""
    if isinstance(concept, list):
        for each in concept:
            yield from codings(each)
    elif isinstance(concept, dict):
        for coding in dicts_in(concept, "coding") if "coding" in concept else (concept,):
            code = text_in(coding, "code")
            if code:
                yield canonical_system(text_in(coding, "system")), code


def code_values(concept: Any) -> frozenset[str]:
    return frozenset(code for _, code in codings(concept))


def words(concept: Any) -> str:
    """Every text of a concept or list of concepts, for looking words up in; never for showing."""
    if isinstance(concept, list):
        return " | ".join(filter(None, map(words, concept)))
    if not isinstance(concept, dict):
        return concept if isinstance(concept, str) else ""
    displays = (text_in(coding, "display") for coding in dicts_in(concept, "coding"))
    return " | ".join(filter(None, (text_in(concept, "text"), text_in(concept, "display"), *displays)))
