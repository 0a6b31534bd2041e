"""What does a client ask? The query of a FHIR search, read strictly: what is not understood is named, never passed over."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from carerecord.fhir.errors import FhirError
from carerecord.fhir.search.parameters import Parameter, Parameters
from carerecord.fhir.search.terms import AMONG, Codes, NotLoaded, Terms

MOST_CLAUSES: Final = 50
MOST_INCLUDES: Final = 50
MOST_VALUES: Final = 500  # alternatives of one clause
LONGEST_VALUE: Final = 1_000
DEEPEST_CHAIN: Final = 4
# Which modifiers each type of parameter takes (FHIR R4, 3.1.1.5.4).
MODIFIERS: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset(("exact", "contains", "missing")),
    "token": frozenset(("not", "text", "missing", "of-type", "in", "not-in", "below", "above")),
    "reference": frozenset(("identifier", "missing")),  # and the name of a type
    "uri": frozenset(("below", "above", "missing")),
    "date": frozenset(("missing",)), "number": frozenset(("missing",)), "quantity": frozenset(("missing",)),
    "composite": frozenset(("missing",)),
}  # fmt: skip
RESULT_PARAMETERS: Final = frozenset(
    ("_sort", "_count", "_include", "_revinclude", "_summary", "_elements", "_total", "_format", "_pretty", "_contained")
)
_WITHIN: Final = "contained resources are found with those that hold them, never by themselves: leave it out"
_ESCAPED: Final = re.compile(r"\\([\\,$|])")


class BadSearch(FhirError):
    """A search that cannot be answered as it was asked. `says` names the parameter and what may be asked, never its value."""

    def __init__(self, parameter: str, says: str) -> None:
        super().__init__(f"{parameter}: {says}" if parameter else says)
        self.parameter, self.says = parameter, says


class Clause(Struct, frozen=True):
    """One parameter with its alternatives; several clauses must all hold."""

    parameter: Parameter
    values: tuple[str, ...]  # as written, unescaping left to the reader of the parts
    modifier: str = ""
    among: Codes | None = None  # the codes for which the values stand, where a modifier asks for those of a value set or a branch


class Either(Struct, frozen=True):
    """One of these at least must hold."""

    clauses: tuple[Clause, ...]


class Chained(Struct, frozen=True):
    """`patient.identifier=…`: what this points at must answer `then`."""

    parameter: Parameter
    target: str  # the type pointed at
    then: "Clause | Chained | Has"


class Has(Struct, frozen=True):
    """`_has:Observation:patient:code=…`: something that points here must answer `then`."""

    type: str
    parameter: Parameter  # of that type, which points here
    then: "Clause | Chained | Has"


class Include(Struct, frozen=True):
    """`_include=Observation:subject:Patient`; `_revinclude` the other way."""

    source: str
    parameter: Parameter | None  # None: every reference of the source ("*")
    target: str = ""
    iterate: bool = False
    reverse: bool = False


class Query(Struct, frozen=True):
    type: str
    clauses: tuple[Clause | Chained | Has | Either, ...] = ()
    sort: tuple[tuple[Parameter, bool], ...] = ()  # and whether it falls
    includes: tuple[Include, ...] = ()
    count: int | None = None
    total: str = ""  # none, estimate, accurate
    summary: str = ""  # true, text, data, count, false
    elements: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()  # names that nobody here understands, where the client is lenient


def read(type_: str, pairs: Iterable[tuple[str, str]], parameters: Parameters, *, strict: bool = True) -> Query:
    """The query of a search for `type_`.

    Raises:
        BadSearch: a parameter, modifier or value that is not understood; where `strict` is false, an unknown parameter is
            put under `ignored` instead.
    """
    clauses: list[Clause | Chained | Has] = []
    includes: list[Include] = []
    ignored: list[str] = []
    given: dict[str, str] = {}
    for name, value in pairs:
        base = name.partition(":")[0]
        if len(value) > LONGEST_VALUE * 10 or len(clauses) >= MOST_CLAUSES or len(includes) >= MOST_INCLUDES:
            raise BadSearch(base[:60], "the search is longer than any that is answered")
        try:
            if base in ("_include", "_revinclude"):
                includes.append(_include(name, value, parameters, reverse=base == "_revinclude"))
            elif base == "_containedType" or (base == "_contained" and value != "false"):
                raise UnknownParameter(base, _WITHIN)
            elif base in RESULT_PARAMETERS:
                given[base] = value
            else:
                clauses.append(_clause(type_, name, value, parameters, 0))
        except UnknownParameter:
            if strict:
                raise
            ignored.append(name[:60])
    return Query(
        type_, tuple(clauses), _sort(type_, given.get("_sort", ""), parameters), tuple(dict.fromkeys(includes)),
        _count(given.get("_count")),
        _one_of(given, "_total", ("none", "estimate", "accurate")),
        _one_of(given, "_summary", ("true", "text", "data", "count", "false")),
        tuple(each.strip() for each in given.get("_elements", "").split(",") if each.strip()), tuple(ignored),
    )  # fmt: skip


class UnknownParameter(BadSearch):
    """No such parameter of this type."""


def parts(value: str, mark: str) -> list[str]:
    """Split at a mark that is not escaped; the escapes stay."""
    if "\\" not in value:
        return value.split(mark)
    found, begun, at = [], 0, 0
    while at < len(value):
        if value[at] == "\\":
            at += 2
            continue
        if value[at] == mark:
            found.append(value[begun:at])
            begun = at + 1
        at += 1
    return [*found, value[begun:]]


def plain(value: str) -> str:
    """The value without its escapes."""
    return _ESCAPED.sub(r"\1", value) if "\\" in value else value


def plain_pair(value: str) -> tuple[str | None, str]:
    """`system|code`, `|code` (no system), `system|` or `code` (any system): the system, None for any, and the code."""
    found = parts(value, "|")
    if len(found) == 1:
        return None, plain(found[0])
    return plain(found[0]), plain("|".join(found[1:]))


def _clause(type_: str, name: str, value: str, parameters: Parameters, depth: int) -> Clause | Chained | Has:
    if depth > DEEPEST_CHAIN:
        raise BadSearch(name[:60], f"chains go {DEEPEST_CHAIN} steps at most")
    if name.startswith("_has:"):
        return _has(name, value, parameters, depth)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    parameter = parameters.of(type_).get(code)
    if parameter is None:
        known = ", ".join(sorted(parameters.of(type_)))
        raise UnknownParameter(code[:60], f"is no search parameter of {type_}; they are {known}")
    if dot:
        return _chained(parameter, modifier, rest, value, parameters, depth)
    is_a_type = parameter.type == "reference" and modifier in parameters.types
    if modifier and not is_a_type and modifier not in MODIFIERS[parameter.type]:
        allowed = ", ".join(f":{each}" for each in sorted(MODIFIERS[parameter.type]))
        raise BadSearch(code, f":{modifier[:40]} is no modifier of it; it takes {allowed}")
    if modifier == "missing" and value not in ("true", "false"):
        raise BadSearch(code, ":missing takes true or false")
    values = tuple(each for each in parts(value, ",") if each)
    if not values:
        raise BadSearch(code, "is asked without a value")
    if len(values) > MOST_VALUES or any(len(each) > LONGEST_VALUE for each in values):
        raise BadSearch(code, f"takes {MOST_VALUES} values of {LONGEST_VALUE} characters at most")
    among = _among(code, modifier, values, parameters.terms) if parameter.type == "token" and modifier in AMONG else None
    return Clause(parameter, values, modifier, among)


def _among(code: str, modifier: str, values: Iterable[str], terms: Terms) -> Codes:
    try:
        return terms.codes(modifier, [plain_pair(each) for each in values])
    except NotLoaded as fault:
        raise BadSearch(code, f":{modifier} {fault.reason}") from None


def _chained(parameter: Parameter, modifier: str, rest: str, value: str, parameters: Parameters, depth: int) -> Chained:
    if parameter.type != "reference":
        raise BadSearch(parameter.code, "is no reference, so nothing can be chained to it")
    targets = (modifier,) if modifier else tuple(each for each in parameters.types if each in parameter.targets)
    able = []
    code = rest.partition(".")[0].partition(":")[0]
    for target in sorted(targets):
        if target not in parameters.types:
            raise BadSearch(parameter.code, f"{target[:40]} is no type of R4")
        if code in parameters.of(target) or code == "_has":
            able.append(target)
    if not able:
        raise UnknownParameter(f"{parameter.code}.{code}"[:60], "nothing that it may point at has that parameter")
    if len(able) > 1:
        says = f"may point at several types: write {parameter.code}:{able[0]}.{code}, for one of {', '.join(able)}"
        raise BadSearch(parameter.code, says)
    return Chained(parameter, able[0], _clause(able[0], rest, value, parameters, depth + 1))


def _has(name: str, value: str, parameters: Parameters, depth: int) -> Has:
    said = name.split(":", 3)
    if len(said) != 4 or said[1] not in parameters.types:
        raise BadSearch("_has", "is written _has:Type:parameter:parameter")
    _, type_, code, rest = said
    parameter = parameters.of(type_).get(code)
    if parameter is None or parameter.type != "reference":
        raise UnknownParameter(f"_has:{type_}:{code}"[:60], "is no reference parameter")
    return Has(type_, parameter, _clause(type_, rest, value, parameters, depth + 1))


def _include(name: str, value: str, parameters: Parameters, *, reverse: bool) -> Include:
    base, _, modifier = name.partition(":")
    if modifier not in ("", "iterate"):
        raise BadSearch(base, "takes :iterate and no other modifier")
    if value == "*" and not reverse:
        return Include("", None, iterate=modifier == "iterate")
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    if source not in parameters.types:
        raise BadSearch(base, "is written Type:parameter, and optionally :TargetType")
    if code == "*":
        return Include(source, None, target, modifier == "iterate", reverse)
    parameter = parameters.of(source).get(code)
    if parameter is None or parameter.type != "reference":
        known = ", ".join(sorted(each.code for each in parameters.of(source).values() if each.type == "reference"))
        raise BadSearch(base, f"{source} has no such reference; they are {known}")
    return Include(source, parameter, target, modifier == "iterate", reverse)


def _sort(type_: str, said: str, parameters: Parameters) -> tuple[tuple[Parameter, bool], ...]:
    keys = []
    for each in filter(None, said.split(",")):
        code = each.removeprefix("-")
        parameter = parameters.of(type_).get(code)
        if parameter is None or parameter.type in ("composite", "reference"):
            raise BadSearch("_sort", f"names something that {type_} cannot be sorted by")
        keys.append((parameter, each.startswith("-")))
    return tuple(keys)


def _count(said: str | None) -> int | None:
    if said is None:
        return None
    if not said.isdecimal() or len(said) > 6:
        raise BadSearch("_count", "is a number, 0 or more")
    return int(said)


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    if name in given and given[name] not in allowed:
        raise BadSearch(name, f"is one of {', '.join(allowed)}")
    return given.get(name, "")
