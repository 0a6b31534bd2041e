"""What does a resource in XML say? The same in JSON: every value letter for letter, digits too.

An XML that brings a document type is refused at its first sign: no entity is ever expanded, no address ever asked.
"""

import re
from typing import Any, Final
from xml.parsers import expat

import msgspec
from msgspec import Raw

from carerecord.fhir.errors import Unreadable
from carerecord.fhir.xml import FHIR, XHTML, Element, Elements, is_division, is_resource

DEEPEST: Final = 64
MOST_ELEMENTS: Final = 2_000_000
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance}"
_HOLDER: Final = Element("", "ResourceList", False)  # of the document itself


def read(body: bytes, elements: Elements) -> bytes:
    """A resource in XML as JSON.

    Raises:
        Unreadable: not XML in UTF-8, with a document type, nested too deeply, or with what FHIR does not have.
            The reason names our own words alone, nothing that was sent.
    """
    reading = _Reading(body, elements)
    return msgspec.json.encode(reading.root())


class _Open:
    """An element whose end has not come."""

    __slots__ = ("beside", "element", "found", "kind", "type", "value")

    def __init__(self, element: Element, kind: str) -> None:
        self.element = element
        self.kind = kind  # the definition whose elements may stand here; "" for a place that holds one resource
        self.type = ""  # of a resource
        self.found: dict[str, list[tuple[Any, Any]]] = {}
        self.value: Any = None  # of a primitive, or the resource that this holds
        self.beside: dict[str, Any] = {}


class _Reading:
    def __init__(self, body: bytes, elements: Elements) -> None:
        self._body, self._elements = body, elements
        self._stack: list[_Open] = [_Open(_HOLDER, "")]
        self._count = self._div_depth = self._div_from = 0
        parser = self._parser = expat.ParserCreate("utf-8", namespace_separator="}")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._doctype

    def root(self) -> Any:
        try:
            self._parser.Parse(self._body, True)
        except (expat.ExpatError, LookupError):
            raise Unreadable("not well-formed XML in UTF-8") from None
        return self._stack[0].value

    @staticmethod
    def _doctype(*_: object) -> None:
        raise Unreadable("XML with a document type of its own, which is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._stack) + self._div_depth > DEEPEST or self._count > MOST_ELEMENTS:
            raise Unreadable("XML nested deeper, or of more elements, than any real resource")
        if self._div_depth:
            self._div_depth += 1
            return
        namespace, _, local = name.rpartition("}")
        above = self._stack[-1]
        if namespace == XHTML and local == "div" and above.kind == "Narrative":
            self._div_depth, self._div_from = 1, self._parser.CurrentByteIndex
            return
        if namespace != FHIR:
            raise Unreadable("an element outside FHIR's namespace")
        self._stack.append(self._resource(above, local) if not above.kind else self._member(above, local, attributes))

    def _resource(self, above: _Open, local: str) -> _Open:
        if above.element.kind != "ResourceList" or above.value is not None or not is_resource(local, self._elements):
            raise Unreadable("an element where FHIR has none")
        opened = _Open(_HOLDER, local)
        opened.type = local
        return opened

    def _member(self, above: _Open, local: str, attributes: dict[str, str]) -> _Open:
        element = self._elements[above.kind].get(local)
        if element is None or element.kind == "xhtml":
            raise Unreadable(f"an element of {above.kind} that FHIR R4 does not have")
        told = {name: value for name, value in attributes.items() if not name.startswith(_XSI)}
        if element.kind == "ResourceList":
            opened = _Open(element, "")
        elif element.kind in self._elements:
            opened = _Open(element, element.kind)
            for name in ("id", "url") if element.kind == "Extension" else ("id",):
                if name in told:
                    opened.found[name] = [(told.pop(name), None)]
        else:
            opened = _Open(element, "Element")
            if "id" in told:
                opened.beside["id"] = told.pop("id")
            if "value" in told:
                opened.value = _value(told.pop("value"), element)
        if told:
            raise Unreadable(f"{above.kind}.{local} has an attribute that FHIR does not have")
        return opened

    def _end(self, _: str) -> None:
        if self._div_depth:
            self._div_depth -= 1
            if not self._div_depth:
                self._division()
            return
        closed = self._stack.pop()
        above = self._stack[-1]
        if closed.type:
            above.value = {"resourceType": closed.type, **self._object(closed)}
        elif closed.kind == "Element" and closed.element.kind not in self._elements:
            beside = {**closed.beside, **self._object(closed)}
            _put(above, closed.element, closed.value, beside or None)
        elif not closed.kind:
            if closed.value is None:
                raise Unreadable(f"{closed.element.name} holds no resource")
            _put(above, closed.element, closed.value, None)
        else:
            _put(above, closed.element, self._object(closed), None)

    def _division(self) -> None:
        """The bytes as they were sent, from its first to its last angle bracket."""
        end = self._body.index(b">", self._parser.CurrentByteIndex) + 1
        text = self._body[self._div_from : end]
        if not is_division(text):
            raise Unreadable("a narrative that is no division of XHTML by itself")
        _put(self._stack[-1], self._elements["Narrative"]["div"], text.decode("utf-8"), None)

    def _object(self, closed: _Open) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, pairs in closed.found.items():
            many = self._elements[closed.kind][name].many
            if not many and len(pairs) > 1:
                raise Unreadable(f"{closed.kind}.{name} is given twice")
            values, besides = [value for value, _ in pairs], [beside for _, beside in pairs]
            if any(value is not None for value in values):
                made[name] = values if many else values[0]
            if any(beside is not None for beside in besides):
                made[f"_{name}"] = besides if many else besides[0]
        return made

    def _text(self, text: str) -> None:
        if not self._div_depth and text.strip():
            raise Unreadable("text between elements, where FHIR has none")


def _put(above: _Open, element: Element, value: Any, beside: Any) -> None:
    above.found.setdefault(element.name, []).append((value, beside))


def _value(text: str, element: Element) -> Any:
    if element.kind == "boolean":
        if text not in ("true", "false"):
            raise Unreadable(f"{element.name} is neither true nor false")
        return text == "true"
    if element.kind == "number":
        if not _NUMBER.match(text):
            raise Unreadable(f"{element.name} is no number")
        return Raw(text.encode())
    return text
