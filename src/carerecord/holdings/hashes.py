"""Under which words is a value found again, and what is their keyed hash? Words that many resources share are hashed once.

What is asked of a node here is what `fhir.search.values` says of it, without what a hash leaves out: systems, texts, displays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from struct import Struct
from typing import Any, Final, Protocol

from carerecord.fhir.search.values import folded, link, span, tokens

_number: Final = Struct(">q").unpack
_AT_HAND: Final = 1_024  # words of one parameter
_NOTHING: Final = ()
PREFIXES: Final = 8  # letters of a name that are hashed one by one: Ma, Mar, Marl …
# What says who somebody is, is not kept at hand: each is seen once, and memory is no place for it.
OF_SOMEBODY: Final = frozenset(("Patient", "Person", "RelatedPerson", "Practitioner", "PractitionerRole"))
NUMBERED: Final = frozenset(("identifier", "telecom", "phone", "email"))


def hashed(key: bytes, name: str, value: str) -> int:
    return Hashes(key, name, folds=False, keeps=False)[value]


@lru_cache(2_048)  # names of parameters, never a value
def _begun(key: bytes, name: str) -> blake2b:
    return blake2b(f"{name}\0".encode(), digest_size=8, key=key)


class Finds(Protocol):
    """Under which hashes a value is found again."""

    def all(self, word: str) -> Sequence[int]: ...


class Hashes(dict[str, int]):
    """The hashes of one parameter's words, by word."""

    def __init__(self, key: bytes, name: str, *, folds: bool, keeps: bool) -> None:
        super().__init__()
        self._begun, self._folds, self._keeps = _begun(key, name), folds, keeps

    def __missing__(self, word: str) -> int:
        hashing = self._begun.copy()
        hashing.update((word.casefold() if self._folds else word).encode())
        made: int = _number(hashing.digest())[0]
        if self._keeps:
            if len(self) >= _AT_HAND:
                self.clear()
            self[word] = made
        return made

    def all(self, word: str) -> Sequence[int]:
        return (self[word],)


@dataclass(frozen=True)
class Cut:
    """A value that is found by parts of it."""

    hashes: Hashes
    parts: Callable[[str], Sequence[str]]

    def all(self, word: str) -> Sequence[int]:
        return [self.hashes[part] for part in self.parts(word)]


def beginnings(word: str) -> Sequence[str]:
    """Of a name, as names are compared: without case, accents and punctuation."""
    name = folded(word)
    return [name[:end] for end in range(1, min(PREFIXES, len(name)) + 1)]


def days(word: str) -> Sequence[str]:
    """Its year, its month and the day itself; of what is left out the first."""
    found = span(word)
    if found is None:
        return _NOTHING
    day = found.since.date().isoformat()
    return day[:4], day[:7], day


def codes(node: Any) -> Sequence[str]:
    """The codes of a token: of each coding, of an identifier its value, of a flag the word for it."""
    kind = type(node)
    if kind is dict:
        if "coding" in node or "text" in node:
            coding = node.get("coding")
            listed = coding if type(coding) is list else (coding,)
            return [code for each in listed if type(each) is dict and type(code := each.get("code")) is str and code]
        code = node.get("value") if "value" in node else node.get("code")
        return (code,) if type(code) is str and code else _NOTHING
    if kind is str:
        return (node,) if node else _NOTHING
    if kind is bool:
        return ("true",) if node else ("false",)
    return (str(node),) if kind is int or kind is Decimal else _NOTHING


def said(node: Any) -> Sequence[str]:
    """What a reference points at: an id, or the last word of an address."""
    if type(node) is dict:
        if "resourceType" in node:
            id_ = node.get("id")
            return (id_,) if type(id_) is str and id_ else _NOTHING
        node = node.get("reference")
    if type(node) is not str:
        return _NOTHING
    found = link(node)
    word = found.id or found.url.rsplit("/", 1)[-1]
    return (word,) if word else _NOTHING


def named(node: Any) -> Sequence[str]:
    """The business identifier by which a reference names what it points at."""
    if type(node) is not dict or "resourceType" in node or type(node.get("identifier")) is not dict:
        return _NOTHING
    inner = next(tokens(node["identifier"]), None)
    return (inner.code,) if inner is not None and inner.code else _NOTHING


def words(node: Any) -> Sequence[str]:
    return (node,) if type(node) is str else _NOTHING


def titles(node: Any) -> Sequence[str]:
    """Of a name what is neither family nor given name, by which it is found anyway."""
    if type(node) is not dict:
        return _NOTHING
    told = [node.get(each) for each in ("text", "prefix", "suffix")]
    return [each for some in told for each in (some if type(some) is list else (some,)) if type(each) is str]
