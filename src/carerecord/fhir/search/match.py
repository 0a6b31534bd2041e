"""Does a resource answer a clause? Decided on the resource itself; an index only says which need be looked at."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from carerecord.fhir.search.parameters import Parameter
from carerecord.fhir.search.query import BadSearch, Clause, parts, plain, plain_pair
from carerecord.fhir.search.terms import Codes
from carerecord.fhir.search.values import FIRST, LAST, Link, Number, Span, Text, Token, Value, all_of, folded, link, span

Test = Callable[[Value], bool]
Answers = Callable[[Mapping[str, Any]], bool]

_PREFIX: Final = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[\d+-])")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?\Z")
_PERHAPS_AFTER: Final = "perhaps after eq, ne, gt, lt, ge, le, sa, eb or ap"
_TENTH: Final = Decimal("0.1")


def answers(clause: Clause, *, base: str = "", now: datetime | None = None) -> Answers:
    """The test of one clause. `base` is our own FHIR address: a reference that begins with it is one to us.

    Raises:
        BadSearch: a value that cannot be what the parameter needs.
    """
    parameter, modifier = clause.parameter, clause.modifier
    if modifier == "missing":
        wanted = clause.values[0] == "true"
        return lambda resource: (not parameter.find(resource)) is wanted
    if clause.among is not None:
        tests: list[Test] = [_among(clause.among)]
    else:
        tests = [_test(parameter, modifier, each, base, now or datetime.now(UTC)) for each in clause.values]
    if modifier in ("not", "not-in"):
        # What has no value at all is not that value either.
        return lambda resource: not any(test(value) for value in parameter.values(resource) for test in tests)
    if parameter.type == "reference" and modifier == "identifier":
        return lambda resource: any(test(value) for value in _identifiers(parameter, resource) for test in tests)
    return lambda resource: any(test(value) for value in parameter.values(resource) for test in tests)


def _identifiers(parameter: Parameter, resource: Mapping[str, Any]) -> list[Token]:
    found = all_of(parameter.find(resource), "reference")
    return [each.identifier for each in found if isinstance(each, Link) and each.identifier is not None]


def _test(parameter: Parameter, modifier: str, value: str, base: str, now: datetime) -> Test:
    match parameter.type:
        case "token":
            return _of_token(parameter.code, modifier, value)
        case "string":
            return _of_string(modifier, plain(value))
        case "date":
            return _of_date(parameter.code, value, now)
        case "number":
            return _of_number(parameter.code, value)
        case "quantity":
            return _of_quantity(parameter.code, value)
        case "uri":
            return _of_uri(modifier, plain(value))
        case "reference":
            if modifier == "identifier":
                return _token_test(plain_pair(value))
            return _of_reference(parameter, modifier, plain(value), base)
    return _of_composite(parameter, value, base, now)


# --- token


def _token_test(pair: tuple[str | None, str]) -> Test:
    system, code = pair
    folded_code = code.casefold()

    def test(value: Value) -> bool:
        if not isinstance(value, Token):
            return False
        if system is not None and (value.system or "") != system and value.system is not None:
            return False
        if system and value.system is None:
            return True if not code else value.code == code  # a bare code has its system implied
        return not code or value.code == code or value.code.casefold() == folded_code

    return test


def _among(codes: Codes) -> Test:
    """As if each of the codes were asked for, at the price of one."""

    def test(value: Value) -> bool:
        if not isinstance(value, Token):
            return False
        code = value.code.casefold()
        return code in codes.plain if value.system is None else (value.system, code) in codes.coded

    return test


def _of_token(code: str, modifier: str, value: str) -> Test:
    if modifier == "text":
        wanted = folded(plain(value))
        return lambda each: isinstance(each, Token) and folded(each.text).startswith(wanted)
    if modifier == "of-type":
        said = [plain(each) for each in parts(value, "|")]
        if len(said) != 3 or not all(said[1:]):
            raise BadSearch(code, ":of-type is written system|code|value")
        return lambda each: isinstance(each, Token) and each.of_type == (said[0], said[1]) and each.code == said[2]
    return _token_test(plain_pair(value))


# --- text


def _of_string(modifier: str, value: str) -> Test:
    if modifier == "exact":
        return lambda each: isinstance(each, Text) and each.plain == value
    wanted = folded(value)
    if modifier == "contains":
        return lambda each: isinstance(each, Text) and wanted in each.folded
    return lambda each: isinstance(each, Text) and each.folded.startswith(wanted)


def _of_uri(modifier: str, value: str) -> Test:
    if modifier == "below":
        stem = value.rstrip("/") + "/"
        return lambda each: isinstance(each, str) and (each == value or each.startswith(stem))
    if modifier == "above":
        return lambda each: isinstance(each, str) and (each == value or value.startswith(each.rstrip("/") + "/"))
    return lambda each: each == value


# --- when and how much


def _prefixed(value: str) -> tuple[str, str]:
    found = _PREFIX.match(value)
    return (found.group(1), value[found.end() :]) if found else ("eq", value)


def _of_date(code: str, value: str, now: datetime) -> Test:
    prefix, said = _prefixed(plain(value))
    asked = span(said)
    if asked is None:
        raise BadSearch(code, f"is a date such as 2026, 2026-11-22 or 2026-11-22T14:02:00Z, {_PERHAPS_AFTER}")
    since, until = asked.since, asked.until
    if prefix == "ap":
        slack = abs(now - since) / 10
        since, until = max(FIRST + slack, since) - slack, min(LAST - slack, until) + slack

    def test(each: Value) -> bool:
        if not isinstance(each, Span):
            return False
        match prefix:
            case "eq":
                return since <= each.since and each.until <= until
            case "ne":
                return not (since <= each.since and each.until <= until)
            case "gt":
                return each.until > until
            case "lt":
                return each.since < since
            case "ge":
                return each.until > until or (since <= each.since and each.until <= until) or each.since >= since
            case "le":
                return each.since < since or (since <= each.since and each.until <= until) or each.until <= until
            case "sa":
                return each.since >= until
            case "eb":
                return each.until <= since
        return each.since < until and since < each.until  # ap: they meet

    return test


def _amount(code: str, said: str) -> tuple[Decimal, Decimal]:
    """The value, and half of its last digit: 100 is 99.5 to 100.5, 100.00 is 99.995 to 100.005."""
    if not _NUMBER.match(said):
        raise BadSearch(code, f"is a number, {_PERHAPS_AFTER}")
    try:
        value = Decimal(said)
    except InvalidOperation as fault:
        raise BadSearch(code, "is a number") from fault
    exponent = value.as_tuple().exponent
    return value, Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)


def _number_test(code: str, said: str) -> Callable[[Number], bool]:
    prefix, rest = _prefixed(said)
    value, half = _amount(code, rest)
    slack = abs(value) * _TENTH if prefix == "ap" else half

    def test(each: Number) -> bool:
        low, high = each.low, each.high
        match prefix:
            case "eq" | "ap":
                return low is not None and high is not None and value - slack <= low and high <= value + slack
            case "ne":
                return not (low is not None and high is not None and value - slack <= low and high <= value + slack)
            case "gt" | "sa":
                return (low is not None and low > value) if prefix == "sa" else (high is None or high > value)
            case "lt" | "eb":
                return (high is not None and high < value) if prefix == "eb" else (low is None or low < value)
            case "ge":
                return high is None or high >= value
        return low is None or low <= value

    return test


def _of_number(code: str, value: str) -> Test:
    inner = _number_test(code, plain(value))
    return lambda each: isinstance(each, Number) and inner(each)


def _of_quantity(code: str, value: str) -> Test:
    said = [plain(each) for each in parts(value, "|")]
    if len(said) not in (1, 3):
        raise BadSearch(code, "is written number, or number|system|code, or number||unit")
    inner = _number_test(code, said[0])
    if len(said) == 1:
        return lambda each: isinstance(each, Number) and inner(each)
    system, unit = said[1], said[2]

    def test(each: Value) -> bool:
        if not isinstance(each, Number):
            return False
        named = each.system == system and each.code == unit if system else unit in (each.code, each.unit)
        return (not unit or named) and inner(each)

    return test


# --- what it points at


def _of_reference(parameter: Parameter, modifier: str, value: str, base: str) -> Test:
    said = value.removeprefix(base.rstrip("/") + "/") if base else value
    asked = link(said)
    own = base.rstrip("/") + "/" if base else ""
    if asked.type and not asked.url:
        type_, id_ = asked.type, asked.id
    elif "/" in said or ":" in said:
        return lambda each: isinstance(each, Link) and each.url.partition("|")[0] == said.partition("|")[0]
    else:
        type_, id_ = modifier, said
    if modifier and type_ and type_ != modifier:
        raise BadSearch(parameter.code, f":{modifier} and a value of another type")

    def test(each: Value) -> bool:
        if not isinstance(each, Link) or each.id != id_ or (type_ and each.type != type_):
            return False
        return not each.url or (bool(own) and each.url.startswith(own))

    return test


def _of_composite(parameter: Parameter, value: str, base: str, now: datetime) -> Test:
    said = parts(value, "$")
    if len(said) != len(parameter.components):
        needed = "$".join(each.code for each in parameter.components)
        raise BadSearch(parameter.code, f"is written {needed}")
    tests: Sequence[Test] = [
        _test(component, "", each, base, now) for component, each in zip(parameter.components, said, strict=True)
    ]
    return lambda each: isinstance(each, tuple) and all(test(part) for test, part in zip(tests, each, strict=True))
