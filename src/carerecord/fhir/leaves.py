"""Which values of a resource could be others, and it would have no fault all the same? Words, names, numbers, ids and times.

Asked of the text of a resource that has no fault, and no backslash but for the ends of lines. Its other words are codes and
addresses of systems: of those FHIR says which they may be, so they count as letters. What is neither makes it one of which
nothing is known here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir import calendar
from carerecord.fhir.identifiers import ALIASES, NHS_NUMBER, is_nhs_number
from carerecord.fhir.times import ends_first


class Form(IntEnum):
    WORDS = 0
    CODE = 1
    ID = 2
    NUMBER = 3
    DAY = 4
    MOMENT = 5
    NHS = 6
    LINES = 7  # words that may stand on several lines


class Leaf(Struct, frozen=True, gc=False):
    """One value: the names that lead to it, its form, and where it stands, without quotation marks."""

    path: tuple[str | int, ...]
    form: Form
    begins: int
    ends: int


class Odd(Exception):
    """It holds a word that is neither a value nor one of FHIR's own."""


_WORDS: Final = frozenset(
    (
        "city", "country", "description", "display", "district", "family", "given", "line", "name", "postalCode", "prefix",
        "state", "suffix", "text", "title", "unit",
    )
)  # fmt: skip
_LETTERS: Final = frozenset(
    (
        "category", "code", "comparator", "contentType", "criticality", "currency", "docStatus", "gender", "intent", "language",
        "lifecycleStatus", "mode", "outcome", "periodUnit", "priority", "profile", "resourceType", "role", "severity", "status",
        "system", "type", "url", "use",
    )
)  # fmt: skip
BREAK: Final = "¶"  # stands for the end of a line, which a text writes by a backslash
# No required set of codes binds these.
_OPEN: Final = frozenset(("code", "manifestation", "medicationCodeableConcept", "productOrService", "reasonCode", "vaccineCode"))
_NHS_NUMBERS: Final = frozenset({NHS_NUMBER, *(alias for alias, system in ALIASES.items() if system == NHS_NUMBER)})
_reference: Final = re.compile(r"[A-Z][A-Za-z]+/([A-Za-z0-9\-.]{1,64})").fullmatch
_id: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_ids: Final = re.compile(r'(?:[A-Za-z0-9\-.]{1,64}(?:"[A-Za-z0-9\-.]{1,64})*)?').fullmatch  # parted by quotation marks
_numbers: Final = re.compile(r'(?:[^"eE]{1,20}(?:"|\Z))+').fullmatch
_day: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_MOMENT: Final = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{3}|\.[0-9]{6})?(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
)
_moment: Final = re.compile(_MOMENT).fullmatch
_small: Final = re.compile(r"[0-9]{1,3}").fullmatch
_number: Final = re.compile(r"-?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_MOMENTS_AT_HAND: Final = 512
_LONGEST_MOMENT: Final = len("2026-11-22T08:30:00.000000+00:00")
_DIGITS: Final = 20  # of a number, with its sign and its point: more, or a power of ten, is left to the parser
_LITERALS: Final = {True: "true", False: "false", None: "null"}


def leaves(text: str, resource: Mapping[str, Any]) -> tuple[Leaf, ...]:
    """From left to right.

    Raises:
        Odd: it holds something of which it is not known what else it could be.
    """
    return tuple(_Finding(text, resource).found)


class _Finding:
    """Goes through the text and what was parsed of it side by side."""

    def __init__(self, text: str, resource: Mapping[str, Any]) -> None:
        self._text, self._at = text, 0
        self.found: list[Leaf] = []
        self._below(resource, ())

    def _below(self, node: Mapping[str, Any], path: tuple[str | int, ...]) -> None:
        for name, value in node.items():
            self._at = self._text.index('"', self._at) + len(name) + 2
            self._value(value, (*path, name), node)

    def _value(self, value: Any, path: tuple[str | int, ...], beside: Mapping[str, Any]) -> None:
        if isinstance(value, dict):
            self._below(value, path)
        elif isinstance(value, list):
            for place, each in enumerate(value):
                self._value(each, (*path, place), beside)
        elif isinstance(value, str):
            begins = self._text.index('"', self._at) + 1
            self._at = begins + len(value) + 1
            self._word(value, begins, path, beside)
        elif value is None or isinstance(value, bool):
            self._at = self._text.index(_LITERALS[value], self._at) + 4
        elif (told := _number.search(self._text, self._at)) is not None:
            self._at = told.end()
            if path[-1] == "value" and fits(Form.NUMBER, told[0]):
                self.found.append(Leaf(path, Form.NUMBER, *told.span()))

    def _word(self, value: str, begins: int, path: tuple[str | int, ...], beside: Mapping[str, Any]) -> None:
        name = next(each for each in reversed(path) if isinstance(each, str))
        ends = begins + len(value)
        if (name == "reference" and value[:1] == "#") or (name == "id" and "contained" in path):
            if not self._says_nothing(value.removeprefix("#")):
                raise Odd
        elif name == "reference":
            relative = _reference(value)
            if relative is None:
                raise Odd
            self.found.append(Leaf(path, Form.ID, begins + relative.start(1), ends))
        elif (form := self._form(name, value, path, beside)) is not None:
            if not fits(form, value):
                raise Odd
            self.found.append(Leaf(path, form, begins, ends))
        elif name not in _LETTERS or "\n" in value or BREAK in value:
            raise Odd

    def _says_nothing(self, id_: str) -> bool:
        """Whether an id of what is contained may be letters, being about nobody: a small number, or the name of an element."""
        return _small(id_) is not None or f'"{id_}":' in self._text

    def _form(self, name: str, value: str, path: tuple[str | int, ...], beside: Mapping[str, Any]) -> Form | None:
        if name == "valueString" or (name == "text" and "note" in path):
            return Form.LINES
        if name in _WORDS:
            return Form.WORDS
        if name == "value":
            return Form.NHS if beside.get("system") in _NHS_NUMBERS else Form.WORDS
        if name == "id":
            return Form.ID
        if name in calendar.names():
            return Form.DAY if len(value) == len("2026-11-22") else Form.MOMENT
        if name == "code" and _of_what(path) in _OPEN:
            return Form.CODE
        return None


def _of_what(path: tuple[str | int, ...]) -> str:
    """The element of which this is the code of a coding; "" for any other code."""
    names = [each for each in path if isinstance(each, str)]
    return names[-3] if names[-2:-1] == ["coding"] and len(names) > 2 else ""


def fits(form: Form, value: str) -> bool:
    """Whether a value without quotation marks and signs that do not print is one of this form."""
    if form in (Form.WORDS, Form.LINES):
        return not value[:1].isspace()
    if form is Form.CODE:
        return value[:1] != " " and value[-1:] != " " and "  " not in value
    if form is Form.ID:
        return _id(value) is not None
    if form is Form.NUMBER:
        return len(value) <= _DIGITS and "e" not in value and "E" not in value
    if form is Form.NHS:
        return is_nhs_number(value)
    if form is Form.MOMENT:
        return _is_moment(value)
    return _day(value) is not None and _is_time(value)


def _is_moment(value: str) -> bool:
    return len(value) <= _LONGEST_MOMENT and _is_moment_at_hand(value)


@lru_cache(_MOMENTS_AT_HAND)  # most of what a system says at once bears the times of a few hours
def _is_moment_at_hand(value: str) -> bool:
    return _moment(value) is not None and _is_time(value)


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


Picks = Callable[[Sequence[str]], Sequence[str]]


def picks(places: Sequence[int]) -> Picks:
    """Those at these places."""
    if len(places) < 2:  # of one the library's own makes no sequence
        return itemgetter(slice(places[0], places[0] + 1) if places else slice(0))
    return itemgetter(*places)


class Fit(Struct, frozen=True, gc=False):
    """What must the values of a text be, where others of the same letters have no fault? Those of one form are held at once."""

    ids: Picks
    codes: Picks
    numbers: Picks
    moments: Picks
    lines: frozenset[int]
    others: tuple[tuple[int, Form], ...]  # but for words, which may be any
    periods: tuple[tuple[int, int], ...]  # of which the first is not after the second
    unlike: tuple[tuple[int, int], ...]  # the code of a whole, and one of its component, which may not repeat it

    def holds(self, values: Sequence[str]) -> bool:
        joined = '"' + '"'.join(values)
        if not joined.isprintable() or '" ' in joined:  # what begins with a blank may be nothing but blanks
            return False
        if BREAK in joined and not self._has_lines(joined, values):
            return False
        if _ids('"'.join(self.ids(values))) is None:
            return False
        codes = '"'.join(self.codes(values)) + '"'
        if "  " in codes or ' "' in codes:
            return False
        if (numbers := self.numbers(values)) and _numbers('"'.join(numbers)) is None:
            return False
        if not all(map(_is_moment, self.moments(values))):
            return False
        for place, form in self.others:
            if not fits(form, values[place]):
                return False
        if self.unlike and any(values[whole] == values[part] for whole, part in self.unlike):
            return False
        return not self.periods or not any(ends_first(values[start], values[end]) for start, end in self.periods)

    def _has_lines(self, joined: str, values: Sequence[str]) -> bool:
        """Whether lines end where they may, and the first of them says something."""
        return '"' + BREAK not in joined and self.lines.issuperset([place for place, each in enumerate(values) if BREAK in each])


def fit_of(found: Sequence[Leaf]) -> Fit:
    places = {each.path: place for place, each in enumerate(found)}

    def of(form: Form) -> list[int]:
        return [place for place, each in enumerate(found) if each.form is form]

    together = (Form.WORDS, Form.LINES, Form.ID, Form.CODE, Form.NUMBER, Form.MOMENT)
    coded = [(found[place].path[:-4], place) for place in of(Form.CODE) if found[place].path[-4] == "code"]  # its coding's code
    return Fit(
        picks(of(Form.ID)),
        picks(of(Form.CODE)),
        picks(of(Form.NUMBER)),
        picks(of(Form.MOMENT)),
        frozenset(of(Form.LINES)),
        tuple([(place, each.form) for place, each in enumerate(found) if each.form not in together]),
        tuple([
            (place, places[(*each.path[:-1], "end")])
            for place, each in enumerate(found) if each.path[-1] == "start" and (*each.path[:-1], "end") in places
        ]),
        tuple([
            (whole, part) for above, whole in coded for below, part in coded  # wherever in a Bundle they lie
            if below[:-2] == above and below[-2:-1] == ("component",)
        ]),
    )  # fmt: skip
