"""What does an XML answer say? Taken in by pieces, with no entity, no DTD, no depth and no size that could harm us.

An answer needs no document type of its own, so one that has any is refused: entities that grow a thousandfold, or that name a
file or an address, are then impossible. Element and attribute names lose their namespace.
"""

from collections.abc import Iterator
from typing import Any, Final
from xml.parsers import expat

from msgspec import Struct

from carerecord.fhir.errors import Unreadable

DEEPEST: Final = 64
MOST_ELEMENTS: Final = 500_000
PIECE_BYTES: Final = 65_536


class Element(Struct):
    """One element. `text` holds all its own text, in order; names are without namespace."""

    name: str
    attributes: dict[str, str]
    children: list["Element"]
    text: str = ""
    plain: Any = None  # as JSON would say it: text, or names with values; attributes as "@name", own text as "#text"

    def first(self, *names: str) -> "Element | None":
        """The first descendant along this path of child names."""
        here: Element | None = self
        for name in names:
            here = next((each for each in here.children if each.name == name), None) if here else None
        return here

    def all(self, name: str) -> list["Element"]:
        return [each for each in self.children if each.name == name]

    def within(self, name: str) -> Iterator["Element"]:
        """Every descendant of this name, in document order."""
        for each in self.children:
            if each.name == name:
                yield each
            yield from each.within(name)


class XmlReader:
    """Feed it pieces, then `root()`. Raises Unreadable, whose reason quotes nothing that was received."""

    def __init__(self) -> None:
        self._open: list[tuple[Element, list[str]]] = []
        self._root: Element | None = None
        self._count = 0
        self._parser = expat.ParserCreate(namespace_separator="}")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._doctype

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        try:
            self._parser.Parse(piece, last)
        except (expat.ExpatError, ValueError, LookupError) as fault:  # LookupError: an encoding that nobody knows
            if isinstance(fault, Unreadable):
                raise
            raise Unreadable("XML cut short or malformed") from None

    def root(self) -> Element:
        self.feed(b"", last=True)
        if self._root is None:
            raise Unreadable("XML cut short or malformed")
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEEPEST or self._count > MOST_ELEMENTS:
            raise Unreadable("XML nested deeper, or of more elements, than any real answer")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()}, [])
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self._root = element
        self._open.append((element, []))

    def _end(self, _: str) -> None:
        element, texts = self._open.pop()
        element.text = "".join(texts)
        element.plain = _plain(element)  # now, element by element: the whole at once would hold others up

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][1].append(text)

    @staticmethod
    def _doctype(*_: object) -> None:
        raise Unreadable("XML with a document type of its own, which is not read")


def read_xml(body: bytes) -> Element:
    """A small document at once. Raises Unreadable."""
    reader = XmlReader()
    reader.feed(body)
    return reader.root()


def _plain(element: Element) -> Any:
    if not element.children and not element.attributes:
        return element.text.strip()
    found: dict[str, Any] = {f"@{name}": value for name, value in element.attributes.items()}
    for each in element.children:
        value = each.plain
        if each.name not in found:
            found[each.name] = value
        elif isinstance(found[each.name], _Several):
            found[each.name].append(value)
        else:
            found[each.name] = _Several([found[each.name], value])
    if element.text.strip():
        found["#text"] = element.text.strip()
    return found


class _Several(list[Any]):
    """Elements of one name: a list of ours, told apart from a value that is one."""


def _local(name: str) -> str:
    return name.rpartition("}")[2]
