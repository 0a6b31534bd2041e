"""Does a field that recurs mean what it would mean if it were read anew, for each sender by its own ways?"""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from tests.ingest.hl7v2.test_anything import odd_messages
from tests.ingest.hl7v2.test_triggers import a_message
from tests.ingest.hl7v2.world import PID, SENDER, message, pv1

from carerecord.ingest.hl7v2 import TRIGGERS, Filing, Nearby, Unreadable, mapped, parse
from carerecord.ingest.hl7v2.parse import Part
from carerecord.ingest.hl7v2.ways import Ways, recurring, ways_of

OTHER = replace(SENDER, systems=(("L", "https://other.test/codes"),), authorities=(("RX1", "https://other.test/staff"),))
OBR = "OBR|1|P1|F1|UE^Urea^L|||20261122055500||||||||||||||||||F"
OBX = "OBX|1|NM|K^Potassium^L||4.4|mmol/L|3.5 - 5.3|H"


def of(raw: bytes, *, listing: bool, nearby: Nearby | None = None) -> Filing | str:
    """What it comes to, but for the list of what was left, which only one of the two makes."""
    try:
        return replace(mapped(parse(raw), SENDER, notes=listing, nearby=nearby), notes=())
    except Unreadable as refused:
        return refused.reason


@pytest.mark.parametrize(("code", "event"), list(TRIGGERS), ids="^".join)
def test_what_is_known_is_what_is_read_where_each_place_is_looked_at(code: str, event: str):
    raw = a_message(code, event)
    anew = of(raw, listing=True)

    assert of(raw, listing=False) == anew
    assert of(raw, listing=False) == anew, "and nobody changed what is shared"


@given(odd_messages())
@settings(max_examples=150, deadline=None)
def test_so_it_is_whatever_stands_in_the_fields(made: tuple[tuple[str, str], bytes]):
    _, raw = made

    assert of(raw, listing=False) == of(raw, listing=True)


def test_the_same_letters_of_two_senders_mean_what_each_of_them_means():
    raw = message("ORU^R01", pv1(), "ORC|RE|P1|F1", OBR, OBX)
    said = [mapped(parse(raw), sender, notes=False).statements for sender in (SENDER, OTHER, SENDER)]

    assert said[0] == said[2]
    assert [b"https://other.test/codes" in b"".join(bytes(each.says) for each in one) for one in said] == [False, True, False]


def test_a_long_text_is_not_kept_at_hand():
    read: list[str] = []

    @recurring
    def meaning(ways: Ways, part: Part | None) -> str:
        read.append(part.raw[:1] if part is not None else "")
        return ""

    parsed = parse(message("ADT^A01", pv1()))
    for raw in ("a", "a", "b" * 10_000, "b" * 10_000):
        meaning(Ways(SENDER, parsed.marks, parsed.codec), Part(raw, parsed.marks, parsed.codec))
        meaning(ways := ways_of(SENDER, parsed.marks, parsed.codec), Part(raw, ways.marks, ways.codec))

    assert read == ["a", "a", "a", "b", "b", "b", "b"]


def test_a_mark_of_one_message_is_no_mark_in_another():
    plain = message("ADT^A01", pv1(), "AL1|1|DA|^Nuts#Eggs|SV|Rash", pid=PID)
    marked = plain.replace(rb"|^~\&|", rb"|#~\&|").replace(b"^", b"#").replace(b"ADT#A01", b"ADT#A01")

    said = [b"".join(bytes(each.says) for each in mapped(parse(raw), SENDER, notes=False).statements) for raw in (plain, marked)]
    assert [b'"text":"Nuts#Eggs"' in each for each in said] == [True, False]


TOGETHER: Nearby = {}


@pytest.mark.parametrize(("code", "event"), list(TRIGGERS), ids="^".join)
def test_messages_that_are_read_together_mean_what_each_means_alone(code: str, event: str):
    raw = a_message(code, event)

    assert of(raw, listing=False, nearby=TOGETHER) == of(raw, listing=True)
    assert of(raw, listing=False, nearby=TOGETHER) == of(raw, listing=True), "and nobody changed what is shared"


@given(odd_messages())
@settings(max_examples=150, deadline=None)
def test_so_they_do_whatever_stands_in_the_fields(made: tuple[tuple[str, str], bytes]):
    _, raw = made
    nearby: Nearby = {}
    of(raw.replace(b"Marlow", b"Barlow", 1), listing=False, nearby=nearby)

    assert of(raw, listing=False, nearby=nearby) == of(raw, listing=True)
    assert of(raw, listing=False, nearby=nearby) == of(raw, listing=True)


def test_an_hour_that_is_there_twice_is_the_one_that_had_come_when_each_of_two_messages_did():
    died = f"{PID}{'|' * 16}20261025013000|Y"
    raw = message("ADT^A31", pid=died, at="20261025013500")
    nearby: Nearby = {}
    said = [
        b"".join(bytes(each.says) for each in mapped(parse(raw), SENDER, at, notes=False, nearby=nearby).statements)
        for at in (datetime(2026, 10, 25, 0, 40, tzinfo=UTC), datetime(2026, 10, 25, 1, 40, tzinfo=UTC))
    ]

    assert [b"2026-10-25T01:30:00+01:00" in each for each in said] == [True, False]
    assert [b"2026-10-25T01:30:00+00:00" in each for each in said] == [False, True]


def test_a_number_ends_for_the_message_that_was_sent_after_its_end_and_not_for_the_one_before():
    ends = PID.replace("M7^^^RX1^MR", "M7^^^RX1^MR~M6^^^RX1^MR^^20261110^20261123")
    nearby: Nearby = {}
    said = [
        b"".join(bytes(each.says) for each in mapped(parse(raw), SENDER, notes=False, nearby=nearby).statements)
        for raw in (message("ADT^A31", pid=ends, at=at) for at in ("20261122120000", "20261124120000"))
    ]

    assert [b'"period":{"end"' in each for each in said] == [False, True]
