"""Whatever stands in its fields, does a message become valid resources, or a reason, and never anything else?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.hl7v2.test_triggers import a_message
from tests.ingest.hl7v2.world import SENDER, all_is_well, message, pv1, stand

from carerecord.ingest.hl7v2 import TRIGGERS, Filing, Unreadable, mapped, parse

ODD = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=20),
    st.sampled_from(
        ["", '""', "^", "~", "&", "^&^", '""^""', "20261399", "2026112", "00000000", "99999999999999", "1E400", "-0", "<",
         ">=5", "1.2.3", "9990000018^^^NHS^NH", "^^^NHS^NH", r"\X00\ ", r"\E\\F\ ", "a b  c", "https://x y", "\t", "\x1f",
         "\u200b", "é" * 300, "F", "W", "D"]
    ),
)  # fmt: skip


def mapped_or_refused(raw: bytes) -> Filing | None:
    """None where it is refused for a reason that a rule gives; what no rule foresaw is a fault of ours."""
    try:
        return mapped(parse(raw), SENDER)
    except Unreadable as refused:
        if "nobody foresaw" in refused.reason:
            raise
        return None


@st.composite
def odd_messages(draw: st.DrawFn) -> tuple[tuple[str, str], bytes]:
    """A trigger, and a message of it with anything in some of its fields."""
    trigger = draw(st.sampled_from(sorted(TRIGGERS)))
    lines = a_message(*trigger).decode().split("\r")[:-1]
    for place, field, odd in draw(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 50), ODD), min_size=1, max_size=8)):
        at = 1 + place % (len(lines) - 1)
        fields = lines[at].split("|")
        fields += [""] * (field + 1 - len(fields))
        fields[field] = odd
        lines[at] = "|".join(fields)
    return trigger, "\r".join(lines).encode()


@given(odd_messages())
@settings(max_examples=250, deadline=None)
def test_any_field_may_hold_anything(made):
    trigger, raw = made
    filing = mapped_or_refused(raw)
    if filing is None:
        return
    assert filing.trigger == "^".join(trigger)
    all_is_well(stand([raw]))


@given(
    st.permutations(
        [
            "PV1|1|I|WARD1",
            "AL1|1|DA|^Latex",
            "OBX|1|NM|K^Potassium||4",
            "NTE|1||note",
            "ORC|RE|1",
            "OBR|1|1|2|U^UE",
            "MRG|1",
            "RXA|0",
        ]
    )
)
@settings(max_examples=60, deadline=None)
def test_segments_may_stand_in_any_order(segments):
    for trigger in ("ADT^A01", "ORU^R01", "RAS^O17", "ORM^O01", "VXU^V04"):
        try:
            all_is_well(stand([message(trigger, *segments)]))
        except Unreadable:  # there is no medicine in it, or nothing that is asked for
            assert trigger in ("RAS^O17", "ORM^O01")


def test_a_message_without_any_field_but_its_names_says_why():
    for code, event in TRIGGERS:
        with pytest.raises(Unreadable, match="PID"):
            mapped(parse(message(f"{code}^{event}", "PV1", "SCH", "TXA", "OBR", "OBX", "MRG", "PRB", "RXA", pid="PID")), SENDER)


def test_an_empty_visit_is_no_visit():
    assert not any(put.type == "Encounter" for put in stand([message("ADT^A08", pv1("", ""))]).values())
