"""Which laws do reading a search and answering one keep, whatever is typed and whatever a resource holds?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carerecord.fhir.search.match import answers
from carerecord.fhir.search.parameters import load
from carerecord.fhir.search.query import MODIFIERS, RESULT_PARAMETERS, BadSearch, Clause, parts, plain, read
from carerecord.fhir.search.values import folded, span

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
KNOWN = load()
TYPES = ("Patient", "Observation", "Encounter", "Condition", "MedicationRequest", "Bundle", "ValueSet", "RiskAssessment")
CODES = sorted({code for type_ in TYPES for code in KNOWN.of(type_)})
MARKS = [*sorted({each for known in MODIFIERS.values() for each in known}), "Patient", "x"]
ODD = st.text(max_size=40) | st.text("0123456789-+.eETZ:|$,\\ gtlnspab", max_size=30)
NAMES = st.one_of(
    st.sampled_from(CODES),
    st.sampled_from(sorted(RESULT_PARAMETERS)),
    st.tuples(st.sampled_from(CODES), st.sampled_from(MARKS)).map(":".join),
    st.lists(st.sampled_from(["subject", "patient", "encounter", "name", "_has", "code", "*", ""]), max_size=7).map(".".join),
    st.lists(st.sampled_from(["_has", "Observation", "patient", "code", "subject", ""]), max_size=9).map(":".join),
    ODD,
)
VALUES = st.one_of(
    ODD, st.sampled_from(["true", "false", "2026", "ge2026-11-22T10:00:00+99:99", "9" * 400, "1e999", "ap0001", "ap9999-12-31",
                          "lt0000", "5||", "|", "$", "\\", "Observation:subject:Patient", "Observation:*", "*", "-date,_id"])
)  # fmt: skip
FULL: dict[str, Any] = {
    "resourceType": "Observation", "id": "k1", "status": "final", "effectiveDateTime": "2026-11-20T10:15:00Z",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]}, "subject": {"reference": "Patient/p1"},
    "valueQuantity": {"value": Decimal("5.20"), "unit": "mmol/L"},
}  # fmt: skip
quickly = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answered(resource: dict[str, Any], *pairs: tuple[str, str]) -> bool:
    query = read(resource["resourceType"], pairs, KNOWN)
    return all(answers(each, now=NOW)(resource) for each in query.clauses if isinstance(each, Clause))


@quickly
@given(type_=st.sampled_from(TYPES), pairs=st.lists(st.tuples(NAMES, VALUES), max_size=5), strict=st.booleans())
def test_whatever_is_typed_is_understood_or_refused_in_words(type_: str, pairs: list[tuple[str, str]], strict: bool) -> None:
    try:
        query = read(type_, pairs, KNOWN, strict=strict)
        tests = [answers(each, now=NOW) for each in query.clauses if isinstance(each, Clause)]
    except BadSearch:
        return
    for test in tests:
        assert test(FULL) in (True, False)


@quickly
@given(code=st.sampled_from(sorted(KNOWN.of("Observation"))), value=VALUES)
def test_any_value_of_any_parameter_is_decided_or_refused_in_words(code: str, value: str) -> None:
    try:
        assert answered(FULL, (code, value)) in (True, False)
    except BadSearch:
        return


# --- dates: against the definitions of FHIR, moment by moment

START = datetime(2026, 2, 26, tzinfo=UTC)
MOMENTS = [START + timedelta(hours=hour) for hour in range(-24, 24 * 8)]
WRITTEN = st.sampled_from(
    ["2026", "2026-02", "2026-03", "2026-02-26", "2026-02-27", "2026-02-28", "2026-03-01", "2026-02-27T00:00:00Z",
     "2026-02-27T10:00Z", "2026-02-27T10:30:00+01:00", "2026-02-28T23:59:59.999Z", "2026-03-01T00:00:00Z"]
)  # fmt: skip
DEFINED = {
    "eq": lambda asked, held: asked.since <= held.since and held.until <= asked.until,
    "ne": lambda asked, held: not (asked.since <= held.since and held.until <= asked.until),
    "gt": lambda asked, held: held.until > asked.until,  # the range above the asked value meets the held one
    "lt": lambda asked, held: held.since < asked.since,
    "ge": lambda asked, held: held.until > asked.until or (asked.since <= held.since and held.until <= asked.until),
    "le": lambda asked, held: held.since < asked.since or (asked.since <= held.since and held.until <= asked.until),
    "sa": lambda asked, held: held.since >= asked.until,
    "eb": lambda asked, held: held.until <= asked.since,
}


@quickly
@given(prefix=st.sampled_from(sorted(DEFINED)), asked=WRITTEN, held=WRITTEN)
def test_a_prefix_of_a_date_means_what_fhir_defines(prefix: str, asked: str, held: str) -> None:
    one, other = span(asked), span(held)
    assert one is not None
    assert other is not None
    assert answered({**FULL, "effectiveDateTime": held}, ("date", prefix + asked)) == DEFINED[prefix](one, other)


@quickly
@given(asked=WRITTEN, held=st.sampled_from(MOMENTS))
def test_of_a_moment_before_within_and_after_are_one_each(asked: str, held: datetime) -> None:
    resource = {**FULL, "effectiveDateTime": held.isoformat()}
    told = [prefix for prefix in ("eb", "eq", "sa") if answered(resource, ("date", prefix + asked))]

    assert len(told) == 1


# --- numbers: against the definitions of FHIR

NUMBERS = st.decimals(min_value=-200, max_value=200, places=2)


@quickly
@given(prefix=st.sampled_from(("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")), asked=NUMBERS, held=NUMBERS)
def test_a_prefix_of_a_quantity_means_what_fhir_defines(prefix: str, asked: Decimal, held: Decimal) -> None:
    half = Decimal("0.005")
    within = asked - half <= held <= asked + half
    defined = {
        "eq": within, "ne": not within, "gt": held > asked, "lt": held < asked, "ge": held >= asked, "le": held <= asked,
        "sa": held > asked, "eb": held < asked,
    }  # fmt: skip
    resource = {**FULL, "valueQuantity": {"value": held}}

    assert answered(resource, ("value-quantity", f"{prefix}{asked}")) == defined[prefix]


@quickly
@given(asked=NUMBERS, held=NUMBERS)
def test_of_a_quantity_known_only_to_lie_below_nothing_more_is_said(asked: Decimal, held: Decimal) -> None:
    """"<5" may be anything under five: it is no proof of being over a number, and never equal to one."""
    resource = {**FULL, "valueQuantity": {"value": held, "comparator": "<"}}

    assert answered(resource, ("value-quantity", f"lt{asked}"))
    assert answered(resource, ("value-quantity", f"gt{asked}")) == (held > asked)
    assert not answered(resource, ("value-quantity", f"eq{asked}"))
    assert not answered(resource, ("value-quantity", f"sa{asked}"))


# --- the laws of AND, OR, :not and :missing

CODINGS = st.lists(
    st.fixed_dictionaries({"system": st.sampled_from(["urn:a", "urn:b"]), "code": st.sampled_from(["1", "2", "x,y", "p|q"])}),
    max_size=3,
)
TOKENS = st.sampled_from(["1", "2", "urn:a|1", "urn:b|2", "urn:a|", "x\\,y", "p\\|q", "urn:b|x\\,y"])


@quickly
@given(codings=CODINGS, one=TOKENS, other=TOKENS)
def test_and_or_and_not_keep_their_laws(codings: list[dict[str, str]], one: str, other: str) -> None:
    resource = {**FULL, "code": {"coding": codings}}
    first, second = answered(resource, ("code", one)), answered(resource, ("code", other))

    assert answered(resource, ("code", f"{one},{other}")) == (first or second)
    assert answered(resource, ("code", one), ("code", other)) == (first and second)
    assert answered(resource, ("code:not", one)) is not first
    assert answered(resource, ("code:not", f"{one},{other}")) == (not first and not second)
    assert answered(resource, ("code", f"{one},{one}")) == first


@pytest.mark.parametrize("type_", TYPES)
def test_of_missing_true_and_false_one_holds_and_a_value_is_never_found_where_one_is_missing(type_: str) -> None:
    resource = {**FULL, "resourceType": type_}
    for code, parameter in KNOWN.of(type_).items():
        missing = answered(resource, (f"{code}:missing", "true"))
        assert missing is not answered(resource, (f"{code}:missing", "false"))
        assert not (missing and parameter.values(resource)), code


# --- texts and escapes


@quickly
@given(written=st.text(max_size=30))
def test_what_is_escaped_comes_back_as_it_was(written: str) -> None:
    escaped = "".join(f"\\{each}" if each in "\\,$|" else each for each in written)

    assert plain(escaped) == written
    for mark in ",$|":
        assert parts(escaped, mark) == [escaped]


@quickly
@given(family=st.text(min_size=1, max_size=12), cut=st.integers(0, 12))
def test_a_name_is_found_by_its_beginning_however_it_is_written(family: str, cut: int) -> None:
    person = {"resourceType": "Patient", "id": "p1", "name": [{"family": family}]}
    begins = folded(family)[: cut + 1].strip()
    if not begins:
        return
    assert answered(person, ("family", begins))
    assert answered(person, ("family:contains", begins))
    assert answered(person, ("name", begins.upper().casefold()))


def test_folding_twice_is_folding_once() -> None:
    for each in ("Nuñez-O'Brien", "ẞ", "İ", "ﬁ", "Ǆ", "  a  -  b "):
        assert folded(folded(each)) == folded(each)
