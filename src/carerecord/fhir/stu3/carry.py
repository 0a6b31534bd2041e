"""How does one resource's elements reach R4: each by a rule, and each without one by name on the list of what was not carried?

Rules stand in tables, one for each type and for each of its groups of elements. A rule is the element's name in R4, where the
value stays as it is, or a function that puts it in its new form.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from carerecord.fhir.errors import Unreadable
from carerecord.fhir.stu3.around import Around
from carerecord.fhir.stu3.extensions import extended
from carerecord.fhir.stu3.systems import system

Element = dict[str, Any]
Rules = Mapping[str, "str | Callable[[Work, Element, Any, str], None]"]

UNKNOWN: Final = "STU3 does not know this element"
MALFORMED: Final = "not of the form that STU3 gives it"
EMPTY: Final = "empty"
PROFILE: Final = "a claim to follow STU3"
CROSS_VERSION: Final = "http://hl7.org/fhir/3.0/StructureDefinition/extension-"


class Work:
    """One resource on its way to R4."""

    __slots__ = ("around", "id", "lost", "type")

    def __init__(self, type_: str, id_: str, around: Around) -> None:
        self.type, self.id, self.around = type_, id_, around
        self.lost: list[tuple[str, str]] = []  # (path, why)

    def lose(self, path: str, why: str) -> None:
        self.lost.append((path, why))


def carried(work: Work, rules: Rules, received: Element, path: str, out: Element) -> Element:
    """Put each element of `received` into `out` by its rule; name each that has none."""
    to = work.around.to
    for name, value in received.items():
        rule = rules.get(name)
        if rule is None:
            _without_rule(work, rules, name, value, path, out)
        elif value is None:
            work.lose(f"{path}.{name}", EMPTY)
        elif type(rule) is str:
            kind = type(value)
            if kind is dict:
                _renamed(to, value)
            elif kind is list:
                _each_renamed(to, value)
            out[rule] = value
        else:
            rule(work, out, value, f"{path}.{name}")  # type: ignore[operator]
    return out


def _without_rule(work: Work, rules: Rules, name: str, value: Any, path: str, out: Element) -> None:
    """`_birthDate` beside `birthDate` holds the extensions of a plain value, and follows it."""
    rule = rules.get(name[1:]) if name[:1] == "_" else None
    if type(rule) is str:
        out[f"_{rule}"] = plain(work, value)
    else:
        work.lose(f"{path}.{name}", UNKNOWN if rule is None else "R4 has no place for an extension of this element")


def plain(work: Work, value: Any) -> Any:
    """A value whose form is the same in R4, with references, code systems and extensions as R4 knows them.

    It is changed where it stands: what was parsed belongs to the conversion, and copying it would cost half of the time.
    """
    kind = type(value)
    if kind is dict:
        _renamed(work.around.to, value)
    elif kind is list:
        _each_renamed(work.around.to, value)
    return value


def _renamed(to: Callable[[str], str], element: Element) -> None:
    for name, inner in element.items():  # no name comes or goes meanwhile
        kind = type(inner)
        if kind is str:
            if name == "system":
                element[name] = system(inner)
            elif name == "reference":
                element[name] = to(inner)
        elif kind is dict:
            _renamed(to, inner)
        elif kind is list:
            _each_renamed(to, inner)
            if name == "extension":
                element[name] = extended(inner)


def _each_renamed(to: Callable[[str], str], inner: list[Any]) -> None:
    for each in inner:
        kind = type(each)
        if kind is dict:
            _renamed(to, each)
        elif kind is list:
            _each_renamed(to, each)


def same(*names: str) -> dict[str, Any]:
    return {name: name for name in names}


def extension(work: Work, out: Element, value: Any, path: str) -> None:
    """Extensions stay; the known ones under the name that UK Core gives them."""
    if type(value) is not list:
        return work.lose(path, MALFORMED)
    out.setdefault("extension", []).extend(extended(plain(work, value)))
    return None


def meta(work: Work, out: Element, value: Any, path: str) -> None:
    if type(value) is not dict:
        return work.lose(path, MALFORMED)
    found = plain(work, value)
    if "profile" in found:
        del found["profile"]
        work.lose(f"{path}.profile", PROFILE)
    if found:
        out["meta"] = found
    return None


def listed(name: str) -> Any:
    """One in STU3, a list in R4."""

    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        out[name] = as_list(plain(work, value))

    return rule


def as_list(value: Any) -> list[Any]:
    return value if type(value) is list else [] if value is None else [value]


def coded(name: str, code_system: str, codes: Mapping[str, str]) -> Any:
    """A code in STU3, a CodeableConcept in R4, and one on which the meaning of the whole rests.

    What is not one of `codes` makes the resource unreadable: an allergy whose ending is misspelt must not look active.
    """

    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        code = codes.get(value) if type(value) is str else None
        if code is None:
            raise Unreadable(f"{path} is not one of the codes that FHIR allows here")
        out[name] = {"coding": [{"system": code_system, "code": code}]}

    return rule


def status(codes: Mapping[str, str], name: str = "status") -> Any:
    """A status of which R4 has renamed some codes; one that it does not know is left for validation to refuse."""

    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        out[name] = codes.get(value, value) if type(value) is str else value

    return rule


def flag(work: Work, value: Any, path: str) -> bool:
    """A boolean on which the meaning of the whole rests ("not given").

    Raises:
        Unreadable: it is neither true nor false.
    """
    if type(value) is not bool:
        raise Unreadable(f"{path} must be true or false")
    return value


def carried_if_done(work: Work, rules: Rules, received: Element, type_: str, negation: str) -> Element:
    """As `carried`, for a type whose STU3 says by a boolean that the thing was not done; R4 says so by its status.

    Raises:
        Unreadable: whether it was done is said by something that is neither true nor false.
    """
    not_done = negation in received and flag(work, received[negation], f"{type_}.{negation}")
    out = carried(work, rules, received, type_, {})
    if not_done and out.get("status") != "entered-in-error":
        if "status" in out:
            work.lose(f"{type_}.status", "R4 says of what was not done that alone")
        out["status"] = "not-done"
    return out


def kept(element: str, value_name: str) -> Any:
    """What R4 has dropped stays in the extension that FHIR defines for elements of its third version."""
    is_object = value_name in _OBJECTS

    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        for each in value if type(value) is list else (value,):
            if each is None or type(each) is list or (type(each) is dict) is not is_object:
                work.lose(path, MALFORMED)
            else:
                out.setdefault("extension", []).append({"url": CROSS_VERSION + element, value_name: plain(work, each)})

    return rule


_OBJECTS: Final = frozenset(
    ("valueCodeableConcept", "valueReference", "valueIdentifier", "valueQuantity", "valuePeriod", "valueAttachment",
     "valueCoding", "valueAnnotation", "valueRange", "valueRatio")
)  # fmt: skip


def group(name: str, rules: Rules, *, many: bool) -> Any:
    """A group of elements with rules of its own; `many` where R4 has a list."""
    whole = {**ELEMENT, **rules}

    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        found = []
        for each in value if type(value) is list else (value,):
            if type(each) is dict:
                found.append(carried(work, whole, each, path, {}))
            else:
                work.lose(path, MALFORMED)
        if many:
            out[name] = found
        elif found:
            out[name] = found[0]
            for _ in found[1:]:
                work.lose(path, "R4 has place for one")

    return rule


# What every element, and every resource, may carry.
ELEMENT: Final[dict[str, Any]] = {"id": "id", "extension": extension, "modifierExtension": "modifierExtension"}
RESOURCE: Final[dict[str, Any]] = {
    **ELEMENT,
    **same("resourceType", "implicitRules", "language", "text"),
    "meta": meta,
}
