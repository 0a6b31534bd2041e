"""What is one item, and which results share an axis?"""

from hypothesis import given
from hypothesis import strategies as st

from carerecord.contracts.records import Entry
from carerecord.records.doubles import joined
from carerecord.records.trends import trends
from tests.records.facts import a_medicine, a_result

NUMBER = ("https://lab.example|12345",)


def test_an_equal_business_identifier_makes_two_one_with_both_origins():
    (one,) = joined(
        [a_result("lab", "Potassium", "5.0", identifiers=NUMBER), a_result("gp", "Potassium", "5.0", identifiers=NUMBER)]
    )

    assert {origin.source for origin in one.origins} == {"lab", "gp"}


def test_results_of_equal_code_minute_value_and_unit_are_one():
    one, other = a_result("lab", "Potassium", "5.0", at="2026-11-01T09:30:10Z"), a_result("gp", "Potassium", "5.0")

    assert len(joined([one, other])) == 1
    assert len(joined([one, a_result("gp", "Potassium", "5.1")])) == 2
    assert len(joined([one, a_result("gp", "Potassium", "5.0", at="2026-11-01T09:31:00Z")])) == 2
    assert len(joined([one, a_result("gp", "Potassium", "5.0", unit="g/L")])) == 2
    assert (
        len(joined([a_result("lab", "Potassium", "5.0", at="2026-11-01"), a_result("gp", "Potassium", "5.0", at="2026-11-01")]))
        == 2
    )


def test_one_number_for_all_results_of_a_sample_joins_none_of_them():
    results = [a_result("lab", name, "5.0", identifiers=NUMBER) for name in ("Potassium", "Sodium")]

    assert len(joined([*results, a_result("gp", "Potassium", "5.0", identifiers=NUMBER)])) == 2


def test_a_corrected_copy_is_never_swallowed_by_the_uncorrected_one():
    one, other = a_result("lab", "Potassium", "7.1"), a_result("gp", "Potassium", "7.1", warning="corrected")

    assert len(joined([one, other])) == 2


def test_medicines_of_one_identifier_and_two_doses_stay_two():
    assert (
        len(
            joined(
                [
                    a_medicine("gp", "Ramipril", "5 mg", identifiers=NUMBER),
                    a_medicine("rx", "Ramipril", "10 mg", identifiers=NUMBER),
                ]
            )
        )
        == 2
    )
    assert len(joined([a_medicine("gp", "Ramipril", "5 mg"), a_medicine("rx", "Ramipril", "5 mg")])) == 2


def test_two_items_of_one_source_stay_two():
    assert len(joined([a_result("lab", "Potassium", "5.0", id="1"), a_result("lab", "Potassium", "5.0", id="2")])) == 2


some = st.lists(
    st.builds(
        a_result, st.sampled_from(["lab", "gp", "trust"]), st.sampled_from(["Potassium", "Sodium"]),
        st.sampled_from(["4.1", "5.0"]),
        id=st.integers(0, 99).map(str), identifiers=st.sampled_from([(), NUMBER]), warning=st.sampled_from(["", "amended"]),
    ),
    max_size=12, unique_by=lambda each: each.key,
)  # fmt: skip


def _value(entry: Entry) -> str:
    assert entry.facts.result
    return entry.facts.result.measure.value


@given(some)
def test_joining_loses_no_origin_and_no_value(entries: list[Entry]):
    out = joined(entries)

    assert sorted(o.id + o.source for e in entries for o in e.origins) == sorted(o.id + o.source for e in out for o in e.origins)
    values = {(e.source, e.facts.id): _value(e) for e in entries}
    for e in out:
        assert {values[o.source, o.id] for o in e.origins} == {_value(e)}


def test_two_laboratories_share_a_trend_where_code_unit_and_method_agree():
    results = [
        a_result("lab", "Neutrophils", "4.2", id="1"),
        a_result("other", "Neutrophils", "0.9", at="2026-11-05T09:00:00Z", id="2"),
    ]
    (trend,) = trends(joined(results))

    assert trend.entries == ("lab/Observation/1", "other/Observation/2")
    assert trend.important


def test_another_unit_or_method_never_shares_an_axis():
    results = [
        a_result("lab", "Troponin", "6", unit="ng/L", method="I"),
        a_result("lab", "Troponin", "41", unit="ng/L", method="I", id="2"),
        a_result("fen", "Troponin", "9", unit="ng/L", method="T", id="3"),
        a_result("fen", "Troponin", "8", unit="pg/mL", method="T", id="4"),
    ]  # fmt: skip

    drawn = [set(trend.entries) for trend in trends(joined(results))]
    assert sorted(drawn, key=len, reverse=True) == [
        {"lab/Observation/r", "lab/Observation/2"}, {"fen/Observation/3"}, {"fen/Observation/4"},
    ]  # fmt: skip


def test_what_was_entered_in_error_is_not_drawn():
    wrong = a_result("lab", "Potassium", "7.1", warning="entered in error", id="2")

    assert [trend.entries for trend in trends([a_result("lab", "Potassium", "5.0"), wrong])] == [("lab/Observation/r",)]


def test_a_key_result_that_stands_alone_is_told_and_another_is_no_trend():
    """The first platelet count may be the one that matters; a first vitamin B12 waits in its section."""
    alone = [a_result("lab", "Platelets", "92"), a_result("lab", "Vitamin B12", "300", id="2")]

    assert [(trend.title, trend.important, len(trend.entries)) for trend in trends(alone)] == [("Platelets", True, 1)]
