"""How is a resource written as XML? By HL7's order of elements, every value letter for letter.

FHIR R4, 2.6.1: a value is the attribute `value`, an element's id and an extension's url are attributes, a narrative is XHTML as
it stands. What XML cannot hold, or FHIR does not know, is refused by name: nothing is left out in silence.
"""

import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from carerecord.fhir.errors import Unreadable

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_ESCAPED: Final = re.compile(r'[&<>"\n\r\t]')
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_BARE_DIV: Final = re.compile(r"\A\s*<div(?![^>]*\sxmlns\s*=)(?=[\s>/])")


class Element(NamedTuple):
    """One element of a type. `kind` is a definition's name, or string, number, boolean, xhtml, ResourceList."""

    name: str
    kind: str
    many: bool


class Digits(str):
    """A number as it was written."""


Elements = Mapping[str, Mapping[str, Element]]


def load() -> Elements:
    """Each definition's elements in HL7's order. Some tens of milliseconds: at start, off the event loop.

    Raises:
        Unreadable: set-up has not made the definitions.
    """
    found = files("carerecord.fhir").joinpath("definitions", "elements.json")
    if not found.is_file():
        raise Unreadable("the FHIR definitions are not installed: run `make setup`")
    told = json.loads(found.read_bytes())
    return {name: {row[0]: Element(*row) for row in rows} for name, rows in told.items()}


def is_resource(type_: str, elements: Elements) -> bool:
    return "implicitRules" in elements.get(type_, ())


def written(resource: bytes, elements: Elements, *, pretty: bool = False) -> bytes:
    """A resource in JSON as XML. A narrative without a namespace gets XHTML's; the rest stays as it is.

    Raises:
        Unreadable: a member that FHIR does not know, a character that XML cannot hold, a narrative that is no XHTML.
    """
    told = json.loads(resource, parse_float=Digits, parse_int=Digits)
    parts: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']
    _Writing(elements, parts, pretty).resource(told, 0, f' xmlns="{FHIR}"')
    return "".join(parts).encode()


class _Writing:
    def __init__(self, elements: Elements, parts: list[str], pretty: bool) -> None:
        self._elements, self._parts, self._pretty = elements, parts, pretty

    def resource(self, told: Any, depth: int, namespace: str = "") -> None:
        type_ = told.get("resourceType") if isinstance(told, dict) else None
        if not isinstance(type_, str) or not is_resource(type_, self._elements):
            raise Unreadable("a resource of no type that FHIR R4 has")
        self._line(depth)
        self._parts.append(f"<{type_}{namespace}>")
        self._members(told, type_, depth + 1, {"resourceType"})
        self._line(depth)
        self._parts.append(f"</{type_}>")

    def _members(self, told: Mapping[str, Any], kind: str, depth: int, done: set[str]) -> None:
        """Every member, in HL7's order; `done` stand elsewhere."""
        known = self._elements[kind]
        for name in told:
            if name not in done and name.removeprefix("_") not in known:
                raise Unreadable(f"a member of {kind} that FHIR R4 does not have, which XML cannot carry")
        for name, element in known.items():
            value, beside = told.get(name), told.get(f"_{name}")
            if name in done or (value is None and beside is None):
                continue
            for each, more in _pairs(value, beside):
                self._element(element, each, more, depth)

    def _element(self, element: Element, value: Any, beside: Any, depth: int) -> None:
        self._line(depth)
        if element.kind in self._elements:
            if not isinstance(value, dict):
                raise Unreadable(f"{element.name} is no object")
            self._complex(element, value, depth)
        elif element.kind == "ResourceList":
            self._parts.append(f"<{element.name}>")
            self.resource(value, depth + 1)
            self._line(depth)
            self._parts.append(f"</{element.name}>")
        elif element.kind == "xhtml":
            self._parts.append(_narrative(value))
        else:
            self._primitive(element, value, beside, depth)

    def _complex(self, element: Element, value: Mapping[str, Any], depth: int) -> None:
        done = {name for name in ("id", *(("url",) if element.kind == "Extension" else ())) if isinstance(value.get(name), str)}
        self._open(element.name, ((name, value[name]) for name in ("id", "url") if name in done), bool(value.keys() - done))
        if value.keys() - done:
            self._members(value, element.kind, depth + 1, done)
            self._line(depth)
            self._parts.append(f"</{element.name}>")

    def _primitive(self, element: Element, value: Any, beside: Any, depth: int) -> None:
        more = beside if isinstance(beside, dict) else {}
        attributes = [("id", more["id"])] if isinstance(more.get("id"), str) else []
        if value is not None:
            attributes.append(("value", _text(value, element.name)))
        inner = more.keys() - {"id"}
        self._open(element.name, attributes, bool(inner))
        if inner:
            self._members(more, "Element", depth + 1, {"id"})
            self._line(depth)
            self._parts.append(f"</{element.name}>")

    def _open(self, name: str, attributes: Iterable[tuple[str, str]], holds: bool) -> None:
        told = "".join(f' {each}="{_escaped(value, name)}"' for each, value in attributes)
        self._parts.append(f"<{name}{told}{'' if holds else '/'}>")

    def _line(self, depth: int) -> None:
        if self._pretty:
            self._parts.append("\n" + "  " * depth)


def _pairs(value: Any, beside: Any) -> list[tuple[Any, Any]]:
    if not isinstance(value, list) and not isinstance(beside, list):
        return [(value, beside)]
    values, besides = value if isinstance(value, list) else [], beside if isinstance(beside, list) else []
    many = max(len(values), len(besides))
    return [
        (values[place] if place < len(values) else None, besides[place] if place < len(besides) else None)
        for place in range(many)
    ]


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise Unreadable(f"{name} is no single value")


def _escaped(text: str, name: str) -> str:
    if _NOT_XML.search(text):
        raise Unreadable(f"{name} holds a character that XML cannot carry")
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)


def _narrative(div: Any) -> str:
    """The division as it stands: it must be whole by itself."""
    if not isinstance(div, str):
        raise Unreadable("a narrative that is no text")
    named = _BARE_DIV.sub(f'<div xmlns="{XHTML}"', div, count=1)
    if not is_division(named.encode("utf-8", "surrogatepass")):
        raise Unreadable("a narrative that is no well-formed XHTML, which XML cannot carry")
    return named.strip()


def is_division(text: bytes) -> bool:
    """Whether this is one well-formed <div> of XHTML, without a document type or an entity of its own."""
    parser = expat.ParserCreate("utf-8", namespace_separator="}")
    first: list[str] = []

    def refuse(*_: object) -> None:
        raise Unreadable("a document type of its own")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, _: first.append(name) if not first else None
    try:
        parser.Parse(text.strip(), True)
    except (expat.ExpatError, Unreadable):
        return False
    return bool(first) and first[0] == f"{XHTML}}}div"
