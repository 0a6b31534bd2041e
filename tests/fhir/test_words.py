"""Narratives, units, times, outcomes: the small knowledge beside the reading."""

import time
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carerecord.fhir import narrative
from carerecord.fhir.labels import status_words, type_words
from carerecord.fhir.numbers import number, number_text
from carerecord.fhir.outcome import Issue, issues_of, outcome, state_of
from carerecord.fhir.times import sort_key, when
from carerecord.fhir.units import comparable, display_unit

ATTACKS = [
    "<script>alert(1)</script>",
    '<div onclick="alert(1)">x</div>',
    '<a href="javascript:alert(1)">x</a>',
    '<p style="background:url(//evil.example/x)">x</p>',
    "<svg><script>alert(1)</script></svg>",
    '<img src="//evil.example/x" onerror="alert(1)"/>',
    "<style>@import url(//evil.example)</style>",
    "<ScRiPt>alert(1)</sCrIpT>",
    '<iframe src="//evil.example"></iframe>',
    "<math><mi><style><img src=x onerror=alert(1)></style></mi></math>",
    '<form action="//evil.example"><input value="x"/></form>',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    '<td colspan="1&quot; onmouseover=&quot;alert(1)">x</td>',
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<p", "</p></div>", "<script>never closed", "<plaintext><p>",
]  # fmt: skip


class Seen(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def is_harmless(markup: str) -> bool:
    seen = Seen(markup)
    return seen.tags <= narrative._KEPT and seen.attributes <= {"colspan", "rowspan", "lang", "dir"}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_narrative_cannot_act(attack: str) -> None:
    made = narrative.safe(f"<div>before {attack} after</div>")
    assert is_harmless(made)
    assert "before" in made


@given(st.text(alphabet="<>/=\"' abcdiopsvgtrx&;#!-[]", max_size=80))
def test_no_narrative_can_act(text: str) -> None:
    made = narrative.safe(text)
    assert is_harmless(made)
    assert narrative.safe(made) == made


FRAGMENTS = (
    "<", "</", ">", "/>", "p", "script", "style", "svg", "<!--", "-->", "--", "<![CDATA[", "]]>", "<?", "<!", "&", "&lt;",
    "&#60;", "=", "'", '"', " ", "<td colspan=\"2\"", "lang=en", "<p>", "</p>", "<script>", "</script>", "<br/>", "\n",
    "onclick=alert(1)", "<a href='",
)  # fmt: skip


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
def test_no_tags_however_they_lie_can_act(text: str) -> None:
    made = narrative.safe(text)
    assert is_harmless(made)
    assert narrative.safe(made) == made


@pytest.mark.parametrize("mark", ["<!--", "<![CDATA[", "<p a='", "<p a=\">\" ", "</p ", "<?", "<b></i>", "<script></script"])
def test_marks_that_never_end_are_read_in_time_that_grows_with_their_length(mark: str) -> None:
    began = time.process_time()
    narrative.safe(mark * (60_000 // len(mark)))
    assert time.process_time() - began < 2, "the rest was gone through anew from each mark"


NO_CHARACTER = f"&#{'1' * 5_000};"


@pytest.mark.parametrize(
    "odd", ["<!-- taken", "<p title='taken", "<![CDATA[ taken", "BP <a taken", "<? taken", "</p taken", f"{NO_CHARACTER} taken"]
)
def test_what_never_ends_hides_no_word(odd: str) -> None:
    assert narrative.plain(f"<div><p>before</p>{odd} with food").endswith("with food")
    assert "taken" in narrative.plain(f"<p>{odd} with food")


def test_a_value_without_quotation_marks_may_hold_one() -> None:
    assert narrative.safe("<table title=John's><tr><td lang=en colspan=2 COLSPAN='9'>K</td></tr></table>") == (
        '<table><tr><td lang="en" colspan="2">K</td></tr></table>'
    )


@pytest.mark.parametrize("odd", ["<![a", "<![;", "<![if x]>", "<![endif]>", "<![", "<!a>", "<![CDATA[", "<![CDATA[<b>"])
def test_an_odd_declaration_takes_no_word_before_it_and_ends_nothing(odd: str) -> None:
    assert narrative.safe(f"<p>before {odd}").startswith("<p>before ")
    assert narrative.plain(f"<p>before</p><p>{odd}</p>").startswith("before")


def test_words_in_a_cdata_section_are_words() -> None:
    assert narrative.safe("<p>Sodium <![CDATA[< 130 & falling]]> today</p>") == "<p>Sodium &lt; 130 &amp; falling today</p>"
    assert narrative.plain("<p>Sodium <![CDATA[< 130]]></p>") == "Sodium < 130"


def test_a_table_stays_a_table_and_its_words_stay_apart() -> None:
    table = "<div xmlns='http://www.w3.org/1999/xhtml'><table><tr><td>K</td><td>5.2</td></tr></table></div>"
    assert narrative.safe(table) == "<div><table><tr><td>K</td><td>5.2</td></tr></table></div>"
    assert narrative.plain(table) == "K 5.2"
    assert narrative.plain("<p>one</p><p>two<br/>three</p>") == "one\ntwo\nthree"


@pytest.mark.parametrize(
    ("unit", "code", "reads"),
    [
        ("", "10*9/L", "×10⁹/L"),
        ("10^9/L", "10*9/L", "×10⁹/L"),
        ("x10^9/L", "", "×10⁹/L"),
        ("umol/L", "umol/L", "µmol/L"),
        ("", "mm[Hg]", "mmHg"),
        ("mcg", "ug", "micrograms"),
        ("mL/min/1.73m2", "", "mL/min/1.73 m²"),
        ("mU/L", "mU/L", "mU/L"),
        ("MU/L", "MU/L", "MU/L"),
        ("furlongs", "", "furlongs"),
        ("", "{score}", ""),
        ("", "", ""),
    ],
)
def test_a_unit_is_written_as_clinicians_read_it(unit: str, code: str, reads: str) -> None:
    assert display_unit(unit, code) == reads


def test_values_are_compared_only_in_the_same_unit() -> None:
    assert comparable("10^9/L", "10*9/L")
    assert comparable("umol/L", "µmol/L")
    assert not comparable("mg/L", "mg/dL")
    assert not comparable("mmol/L", "")
    assert not comparable("mU/L", "MU/L")


def test_a_time_is_placed_with_the_precision_it_has() -> None:
    assert when("2026-07-01") == datetime(2026, 6, 30, 23, tzinfo=UTC)  # a day in London, in summer
    assert when("2026-01") == datetime(2026, 1, 1, tzinfo=UTC)
    assert when("2026", end=True) == datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert when("2026-11-22T14:02:11+01:00") == datetime(2026, 11, 22, 13, 2, 11, tzinfo=UTC)
    assert when("2026-11-22T14:02") == datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
    assert when("2026-12", end=True) == datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-02-30", "22/11/2026", "0000", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_time_has_none(text: str) -> None:
    assert when(text) is None
    assert sort_key(text) == float("-inf")


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    when(text)
    when(text, end=True)


@pytest.mark.parametrize(("status", "reads"), [("entered-in-error", "entered in error"), ("active", "active"), ("a-b", "a b")])
def test_a_status_reads_as_words(status: str, reads: str) -> None:
    assert status_words(status) == reads


def test_a_type_nobody_knows_reads_as_words() -> None:
    assert type_words("SomethingFromTheFuture") == "Something from the future"


def test_what_is_no_number_has_no_digits() -> None:
    assert number_text(True) == number_text(None) == ""
    assert len(number_text(10**400)) < 40


def test_a_number_sent_as_text_stands_as_it_came_and_is_drawn_where_it_is_one() -> None:
    assert (number_text(" 7.10 "), number(" 7.10 ")) == ("7.10", 7.1)
    assert (number_text("about 7"), number("about 7")) == ("about 7", None)


def test_an_outcome_of_ours_is_read_back() -> None:
    said = (Issue("warning", "timeout", "REC_TIMEOUT", "Source R0A did not answer in 8 s"),)
    assert issues_of(outcome(said)) == said
    assert state_of(said) == "incomplete"


@pytest.mark.parametrize(
    ("issue", "state"),
    [
        (Issue("error", "not-found", "PATIENT_NOT_FOUND"), "unknown person"),
        (Issue("error", "forbidden", "NO_PATIENT_CONSENT"), "withheld"),
        (Issue("warning", "suppressed"), "withheld"),
        (Issue("fatal", "exception"), "failed"),
        (Issue("information", "informational"), ""),
    ],
)
def test_an_outcome_of_a_source_means_a_state(issue: Issue, state: str) -> None:
    assert state_of([issue]) == state


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"<html>", b'{"resourceType":"OperationOutcome","issue":7}'])
def test_what_is_no_outcome_says_nothing(raw: bytes) -> None:
    assert issues_of(raw) == ()
