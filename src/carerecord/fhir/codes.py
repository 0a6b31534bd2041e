"""How is a code in a resource got at, whatever the sender left out? Small readers of Coding and CodeableConcept."""

from typing import Any


# These run a hundred times a resource: `type(x) is` costs half of `isinstance`, and parsed JSON has no subclasses; a loop over
# the one or two members of a list costs half of a comprehension.
def text_in(source: Any, key: str) -> str:
    """`source[key]` where that is text worth showing, "" otherwise."""
    value = source.get(key) if type(source) is dict else None
    return value.strip() if type(value) is str else ""


def dict_in(source: Any, key: str) -> dict[str, Any]:
    value = source.get(key) if type(source) is dict else None
    return value if type(value) is dict else {}


def dicts_in(source: Any, key: str) -> list[dict[str, Any]]:
    """The objects under `key`: a list of them, or one alone where a sender forgot the list. Not to be changed: it may be the
    resource's own list."""
    value = source.get(key) if type(source) is dict else None
    if value is None:
        return []
    if type(value) is list:
        for each in value:
            if type(each) is not dict:
                return [each for each in value if type(each) is dict]
        return value
    return [value] if type(value) is dict else []


def texts_in(source: Any, key: str) -> list[str]:
    value = source.get(key) if isinstance(source, dict) else None
    if isinstance(value, list):
        return [each.strip() for each in value if isinstance(each, str) and each.strip()]
    return [value.strip()] if isinstance(value, str) and value.strip() else []


def codes_in(concept: Any) -> list[str]:
    """Every code in a CodeableConcept, a Coding, or a list of either, whatever its system, in the order sent."""
    if type(concept) is dict:  # by far the most: one concept with one coding
        codings = concept.get("coding")
        if type(codings) is list and len(codings) == 1 and type(coding := codings[0]) is dict:
            code = coding.get("code")
            return [code.strip()] if type(code) is str and code else []
    found: list[str] = []
    for each in concept if type(concept) is list else (concept,):
        if type(each) is not dict:
            continue
        inner = each.get("coding", each)
        for coding in inner if type(inner) is list else (inner,):
            code = coding.get("code") if type(coding) is dict else None
            if type(code) is str and code:
                found.append(code.strip())
    return found


def code_values(concept: Any) -> set[str]:
    """The same, each once."""
    return set(codes_in(concept))


def words(concept: Any) -> str:
    """Every text of a concept or list of concepts, for looking words up in; never for showing."""
    if isinstance(concept, list):
        return " | ".join(filter(None, map(words, concept)))
    if not isinstance(concept, dict):
        return concept if isinstance(concept, str) else ""
    displays = (text_in(coding, "display") for coding in dicts_in(concept, "coding"))
    return " | ".join(filter(None, (text_in(concept, "text"), text_in(concept, "display"), *displays)))
