"""What can a mapping say of one element of a resource? The small set of rules, and what each makes of a supplier's value.

Each rule is a table with one of the keys in RULES, or a bare path (text as sent). A value that a rule cannot take safely (a code
that no map holds, a date in another format, several values where one is meant) is a BadPath: its item is counted as unreadable
and named so, never guessed at.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from carerecord.connectors.rest_json_dates import check_format, dated, zone_name
from carerecord.connectors.rest_json_paths import BadPath, Path, Scope, every, levels, names_at, one, path, text_of

Names = tuple[str, ...]
Levels = tuple[Names, ...]
Apply = Callable[[Scope, "Around"], Any]  # None: the source says nothing here

# In this order: a table is the first of these rules whose key it has.
RULES: Final = (
    "each", "listed", "reference", "concept", "value", "boolean", "number", "date", "constant", "words", "code", "text",
)  # fmt: skip
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset(("text",)),
    "words": frozenset(("words", "between")),
    "constant": frozenset(("constant", "if")),
    "date": frozenset(("date", "format", "zone", "as")),
    "number": frozenset(("number",)),
    "value": frozenset(("value", "unit", "unit_is", "system", "code")),
    "boolean": frozenset(("boolean", "yes", "no")),
    "code": frozenset(("code", "map", "otherwise")),
    "concept": frozenset(("concept", "system", "display", "text", "map", "otherwise")),
    "reference": frozenset(("reference", "to", "display")),
    "listed": frozenset(("listed", "by", "take")),
    "each": frozenset(("each", "fields")),
}
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
_COMPARED: Final = re.compile(r"(<=|>=|<|>)\s*(\S+)\Z")

class Around(Struct, frozen=True):
    """What rules lean on beside the item itself."""

    codes: Mapping[str, Mapping[str, str]]
    lists: Mapping[str, Mapping[str, Scope]]  # by name, then by id, of this answer
    empty: frozenset[str]  # what this supplier writes for "nothing"


class Known(Struct, frozen=True):
    """What a mapping declares elsewhere, that its rules may name."""

    codes: Mapping[str, Mapping[str, str]]
    lists: Mapping[str, Levels]
    zone: str


class Rule(Struct, frozen=True):
    apply: Apply
    reads: tuple[Names, ...]  # names from the root of all that it looks at


def rule(said: Any, at: Levels, known: Known) -> Rule:
    """Raises BadPath with what to write instead."""
    if isinstance(said, str):
        said = {"text": said}
    if not isinstance(said, dict):
        raise BadPath("is a path, or a table with one of: " + ", ".join(RULES))
    name = next((each for each in RULES if each in said), "")
    if not name:
        raise BadPath(f"has no rule; write one of: {', '.join(RULES)}")
    odd = sorted(said.keys() - _KEYS[name])
    if odd:
        raise BadPath(f"{odd[0]!r} means nothing beside {name!r}; it knows {', '.join(sorted(_KEYS[name]))}")
    return _MAKERS[name](said, at, known)


# --- makers, one for each rule


def _text(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    to, reads = _path(said, "text", at)
    return Rule(lambda scope, around: _said(scope, to, around) or None, reads)


def _words(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    paths = said["words"]
    if not isinstance(paths, list) or not all(isinstance(each, str) for each in paths):
        raise BadPath("words is a list of paths")
    tos, between = [path(each) for each in paths], str(said.get("between", " "))

    def apply(scope: Scope, around: Around) -> Any:
        return between.join(filter(None, (_said(scope, to, around) for to in tos))) or None

    return Rule(apply, tuple(names_at(at, to) for to in tos))


def _constant(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    value = said["constant"]
    if "if" not in said:
        return Rule(lambda scope, around: value, ())
    to, reads = _path(said, "if", at)
    return Rule(lambda scope, around: value if _said(scope, to, around) else None, reads)


def _date(said: Mapping[str, Any], at: Levels, known: Known) -> Rule:
    to, reads = _path(said, "date", at)
    formats = said.get("format", "iso")
    formats = [formats] if isinstance(formats, str) else formats
    if not isinstance(formats, list) or not formats:
        raise BadPath('format is "iso", or a pattern such as "%d/%m/%Y", or a list of them')
    for each in formats:
        check_format(each)
    zone = ZoneInfo(zone_name(said.get("zone", known.zone)))
    cut = said.get("as", "")
    if cut not in ("", "date"):
        raise BadPath('as is "date" (the time is left out), or nothing')

    def apply(scope: Scope, around: Around) -> Any:
        text = _said(scope, to, around)
        if not text:
            return None
        made = next((made for each in formats if (made := dated(text, each, zone))), "")
        if not made:
            raise BadPath(f"{to.text} holds a date in a format that the mapping does not state")
        return made[:10] if cut else made

    return Rule(apply, reads)


def _number(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    to, reads = _path(said, "number", at)

    def apply(scope: Scope, around: Around) -> Any:
        text = _said(scope, to, around)
        if not text:
            return None
        found = _decimal(text)
        if found is None:
            raise BadPath(f"{to.text} holds what is no number")
        return found

    return Rule(apply, reads)


def _value(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    """A result: a quantity where it is a number ("<5" keeps its sign), its own words where it is none ("POSITIVE")."""
    to, reads = _path(said, "value", at)
    unit, unit_reads = _path(said, "unit", at) if "unit" in said else (None, ())
    fixed, system, code = str(said.get("unit_is", "")), str(said.get("system", "")), str(said.get("code", ""))

    def apply(scope: Scope, around: Around) -> Any:
        text = _said(scope, to, around)
        if not text:
            return None
        compared = _COMPARED.match(text)
        number = _decimal(compared.group(2) if compared else text)
        if number is None:
            return {"valueString": text}
        words = (_said(scope, unit, around) if unit else "") or fixed
        quantity: dict[str, Any] = {"value": number}
        if compared:
            quantity["comparator"] = compared.group(1)
        if words:
            quantity["unit"] = words
        if code and words == fixed:  # a coded unit is that of the fixed one alone
            quantity |= {"system": system or "http://unitsofmeasure.org", "code": code}
        return {"valueQuantity": quantity}

    return Rule(apply, (*reads, *unit_reads))


def _boolean(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    to, reads = _path(said, "boolean", at)
    yes = frozenset(str(each) for each in said.get("yes", ("true",)))
    no = frozenset(str(each) for each in said.get("no", ("false",)))

    def apply(scope: Scope, around: Around) -> Any:
        text = _said(scope, to, around)
        if text and text not in yes | no:
            raise BadPath(f"{to.text} holds neither of the words that the mapping knows for yes and no")
        return text in yes if text else None

    return Rule(apply, reads)


def _code(said: Mapping[str, Any], at: Levels, known: Known) -> Rule:
    to, reads = _path(said, "code", at)
    translate = _translator(said, to, known, required=True)
    return Rule(lambda scope, around: translate(_said(scope, to, around)) or None, reads)


def _concept(said: Mapping[str, Any], at: Levels, known: Known) -> Rule:
    to, reads = _path(said, "concept", at)
    shown, shown_reads = _path(said, "display", at) if "display" in said else (None, ())
    words, words_reads = _path(said, "text", at) if "text" in said else (None, ())
    system = str(said.get("system", ""))
    translate = _translator(said, to, known, required=False)

    def apply(scope: Scope, around: Around) -> Any:
        code = translate(_said(scope, to, around))
        display = _said(scope, shown, around) if shown else ""
        text = _said(scope, words, around) if words else ""
        made: dict[str, Any] = {}
        if code:
            coding = {"system": system, "code": code, "display": display}
            made["coding"] = [{key: value for key, value in coding.items() if value}]
        if text or (display and not code):
            made["text"] = text or display
        return made or None

    return Rule(apply, (*reads, *shown_reads, *words_reads))


def _reference(said: Mapping[str, Any], at: Levels, _: Known) -> Rule:
    to, reads = _path(said, "reference", at)
    kind = said.get("to", "")
    if not isinstance(kind, str) or not kind.isalpha():
        raise BadPath('reference needs `to`, the type it leads to, such as "Practitioner"')
    shown, shown_reads = _path(said, "display", at) if "display" in said else (None, ())

    def apply(scope: Scope, around: Around) -> Any:
        id_, display = _said(scope, to, around), _said(scope, shown, around) if shown else ""
        made = {"reference": f"{kind}/{id_}" if id_ else "", "display": display}
        return {key: value for key, value in made.items() if value} or None

    return Rule(apply, (*reads, *shown_reads))


def _listed(said: Mapping[str, Any], at: Levels, known: Known) -> Rule:
    """What another list of the same answer says of an id: the name of a clinician, of a clinic."""
    name = said["listed"]
    if not isinstance(name, str) or name not in known.lists:
        raise BadPath(f"listed names {name!r}, and the mapping has no table lists.{name}")
    if "by" not in said or "take" not in said:
        raise BadPath("listed needs `by`, the path of the id here, and `take`, the path of what is wanted there")
    by, reads = _path(said, "by", at)
    take, take_reads = _path(said, "take", known.lists[name])

    def apply(scope: Scope, around: Around) -> Any:
        id_ = _said(scope, by, around)
        there = around.lists[name].get(id_) if id_ else None
        # One that is not in the list keeps its id: a clinician unknown by name is not nobody.
        return (_said(there, take, around) if there else "") or id_ or None

    return Rule(apply, (*reads, *take_reads))


def _each(said: Mapping[str, Any], at: Levels, known: Known) -> Rule:
    to = path(_a_path(said, "each"))
    inner = fields(said.get("fields", {}), levels(at, to), known)

    def apply(scope: Scope, around: Around) -> Any:
        return [made for each in every(scope, to) if (made := inner.apply(each, around))] or None

    return Rule(apply, inner.reads)


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, Any], Levels, Known], Rule]]] = {
    "text": _text, "words": _words, "constant": _constant, "date": _date, "number": _number, "value": _value,
    "boolean": _boolean, "code": _code, "concept": _concept, "reference": _reference, "listed": _listed, "each": _each,
}  # fmt: skip


# --- a table of elements


def fields(said: Any, at: Levels, known: Known) -> Rule:
    """Elements of a resource by their place in it ("code.coding[0].system"), each with its rule.

    Raises:
        BadPath: naming the key that is at fault.
    """
    if not isinstance(said, dict) or not said:
        raise BadPath("fields is a table of elements")
    made = []
    for target, each in said.items():
        try:
            if target.endswith("[x]") and not (isinstance(each, dict) and "value" in each):
                raise BadPath("takes the rule value, which says of which type it is")
            made.append((_target(target), rule(each, at, known)))
        except BadPath as fault:
            raise BadPath(f"fields.{target}: {fault.reason}") from None

    def apply(scope: Scope, around: Around) -> Any:
        resource: dict[str, Any] = {}
        for target, each in made:
            value = each.apply(scope, around)
            if value is not None:
                _put(resource, target, value)
        return _closed_up(resource)

    return Rule(apply, tuple(names for _, each in made for names in each.reads))


Target = tuple[tuple[str, int], ...]  # name and place in a list; -1: no list
_TARGET: Final = re.compile(r"([A-Za-z]+(?:\[x\])?)(?:\[(\d+)\])?\Z")


def _target(text: str) -> Target:
    steps = []
    for part in text.split("."):
        found = _TARGET.match(part)
        if not found:
            raise BadPath("is not an element: names joined by dots, with [0] for a place in a list")
        steps.append((found.group(1), int(found.group(2)) if found.group(2) else -1))
    return tuple(steps)


_SEVERAL: Final = "is a value for one rule, and has elements of its own, or is a list, for another"


class _Places(dict[int, Any]):
    """A list whose places are still being filled."""


def _put(resource: dict[str, Any], target: Target, value: Any) -> None:
    here: Any = resource
    *above, (name, index) = target
    for outer, place in above:
        holder, key = _holder(here, outer, place)
        here = holder.setdefault(key, {})
        if type(here) is not dict:
            raise BadPath(f"{outer} {_SEVERAL}")
    if name.endswith("[x]"):
        here |= value
        return
    holder, key = _holder(here, name, index)
    if key in holder:
        raise BadPath(f"{name} {_SEVERAL}")
    holder[key] = value


def _holder(here: dict[str, Any], name: str, index: int) -> tuple[dict[Any, Any], str | int]:
    """What holds an element, and under which key: `here` under its name, or a list under its place."""
    if index < 0:
        return here, name
    places = here.setdefault(name, _Places())
    if not isinstance(places, _Places):
        raise BadPath(f"{name} is a list for one rule, and none for another")
    return places, index


def _closed_up(value: Any) -> Any:
    """Places of which the source said nothing are left out: FHIR knows no empty place in a list."""
    if isinstance(value, _Places):
        return [_closed_up(value[place]) for place in sorted(value)]
    if isinstance(value, dict):
        return {name: _closed_up(each) for name, each in value.items()}
    return value


# --- small parts


def _said(scope: Scope, to: Path, around: Around) -> str:
    text = text_of(one(scope, to))
    return "" if text in around.empty else text


def _a_path(said: Mapping[str, Any], key: str) -> str:
    if not isinstance(said[key], str):
        raise BadPath(f"{key} is a path")
    return str(said[key])


def _path(said: Mapping[str, Any], key: str, at: Levels) -> tuple[Path, tuple[Names, ...]]:
    to = path(_a_path(said, key))
    return to, (names_at(at, to),)


def _translator(said: Mapping[str, Any], to: Path, known: Known, *, required: bool) -> Callable[[str], str]:
    name = said.get("map", "")
    if not name and not required:
        return lambda code: code
    if not isinstance(name, str) or name not in known.codes:
        raise BadPath(f"map names {name!r}, and the mapping has no table codes.{name}" if name else "code needs `map`")
    table, otherwise = known.codes[name], said.get("otherwise")

    def translate(code: str) -> str:
        if not code:
            return ""
        if code not in table and otherwise is None:
            raise BadPath(f"{to.text} holds a code that codes.{name} does not know")
        return str(table.get(code, otherwise))

    return translate


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMBER.match(text) else None
    except InvalidOperation:
        return None
