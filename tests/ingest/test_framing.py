"""Where does one message end and the next begin? However the bytes are cut, and whatever stands between."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carerecord.ingest.framing import CUT_OFF, KEPT_OF_LARGE, NO_END, NO_ROOM, WITHIN, Framed, Framing, too_large

MESSAGE = st.binary(max_size=60).map(lambda each: b"MSH|" + each.replace(b"\x0b", b"").replace(b"\x1c", b""))
BETWEEN = st.sampled_from([b"", b"\r", b"\r\n", b"\n\n", b" "])


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({each % (len(data) + 1) for each in at})
    return [data[begun:ended] for begun, ended in zip([0, *places], [*places, len(data)], strict=True)]


def fed(framing: Framing, pieces: list[bytes]) -> list[Framed]:
    return [each for piece in pieces for each in framing.feed(piece)]


@given(st.lists(st.tuples(BETWEEN, MESSAGE), max_size=6), st.lists(st.integers(0, 500), max_size=8))
def test_messages_come_out_whole_however_they_are_cut(sent: list[tuple[bytes, bytes]], at: list[int]):
    data = b"".join(between + b"\x0b" + raw + b"\x1c\r" for between, raw in sent)
    framing = Framing(1_000)

    assert fed(framing, cut(data, at)) == [Framed(raw) for _, raw in sent]
    assert not framing.half
    assert framing.junk_bytes == 0


@settings(max_examples=300)
@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_no_bytes_break_it_and_a_whole_message_behind_them_is_found(junk: bytes, at: list[int]):
    framing = Framing(100)

    found = fed(framing, [*cut(junk, at), b"\x1c\r\x0bMSH|behind\x1c\r"])

    assert found[-1] == Framed(b"MSH|behind")


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=8))
def test_the_same_bytes_come_to_the_same_messages_however_they_are_cut(data: bytes, at: list[int]):
    """But for whether an end was the end: who sends no more at that moment has ended."""
    assert [each.raw for each in fed(Framing(100), cut(data, at))] == [each.raw for each in fed(Framing(100), [data])]


def test_an_end_within_a_message_is_told_and_what_real_engines_send_behind_an_end_is_none():
    assert Framing(1_000).feed(b"\x0bMSH|MAR\x1cLOW|OBX\x1c\r\x0bMSH|next\x1c\r") == [
        Framed(b"MSH|MAR", WITHIN),
        Framed(b"MSH|next"),
    ]
    for behind in (b"", b"\r", b"\r\n", b"\n", b"\x1c\r", b" ", b"\0"):
        assert Framing(1_000).feed((b"\x0bMSH|one\x1c" + behind) * 2) == [Framed(b"MSH|one")] * 2
    assert Framing(1_000).feed(b"MSH|one\x1cMSH|two\x1c") == [Framed(b"MSH|one"), Framed(b"MSH|two")]


def test_a_message_that_begins_within_another_leaves_the_first_as_a_half():
    assert Framing(1_000).feed(b"\x0bMSH|one, and the line went\x0bMSH|two\x1c\r") == [
        Framed(b"MSH|one, and the line went", CUT_OFF),
        Framed(b"MSH|two"),
    ]


def test_a_message_without_its_first_byte_is_taken_where_it_begins_at_once():
    assert fed(Framing(1_000), [b"MS", b"H|one\x1c", b"\r\x0bMSH|two\x1c\r"]) == [Framed(b"MSH|one"), Framed(b"MSH|two")]


def test_one_that_is_too_large_keeps_its_beginning_and_never_its_whole():
    framing, most = Framing(200_000), 0
    found: list[Framed] = []
    for piece in [b"\x0bMSH|" + b"a" * 100_000, *[b"b" * 100_000] * 500, b"\x1c\r\x0bMSH|next\x1c\r"]:
        found += framing.feed(piece)
        most = max(most, len(framing._buffer))

    assert [each.fault for each in found] == [too_large(200_000), ""]
    assert len(found[0].raw) == KEPT_OF_LARGE
    assert most < 400_000, "fifty megabytes went by, and were not held"


def test_an_end_that_does_not_come_is_given_up_and_its_rest_is_junk():
    framing = Framing(1_000)

    assert framing.feed(b"\x0bMSH|half") == []
    assert framing.give_up() == Framed(b"MSH|half", NO_END)
    assert framing.held == 0, "nothing of it stays in memory"
    assert framing.give_up() is None
    assert framing.feed(b" the rest\x1c\r\x0bMSH|next\x1c\r") == [Framed(b"MSH|next")]


def test_one_that_gives_its_room_up_says_so_and_the_next_is_whole():
    framing = Framing(1_000_000)
    framing.feed(b"\x0bMSH|" + b"a" * 500_000)
    assert framing.spare > 400_000
    framing.let_go()

    assert framing.held <= KEPT_OF_LARGE + 4
    assert framing.spare == 0, "there is no more to be had"
    (gone, behind) = framing.feed(b"a" * 100_000 + b"\x1c\r\x0bMSH|next\x1c\r")
    assert (gone.raw[:4], gone.fault, behind) == (b"MSH|", NO_ROOM, Framed(b"MSH|next"))


@pytest.mark.parametrize("each", [b"\x0bMSH|", b"\x0b\x1c\r"], ids=["beginnings without an end", "messages of nothing"])
def test_four_times_as_much_takes_no_more_than_about_four_times_as_long(each: bytes):
    def seconds(many: int) -> float:
        begun = time.process_time()
        Framing(1_000_000).feed(each * many)
        return time.process_time() - begun

    once = min(seconds(20_000) for _ in range(3))
    assert min(seconds(80_000) for _ in range(3)) < 8 * once


def test_junk_is_counted_and_line_ends_are_none():
    framing = Framing(1_000)

    assert framing.feed(b"\r\n\r\nGET / HTTP/1.1\r\n\x0bMSH|one\x1c\r\r\n") == [Framed(b"MSH|one")]
    assert framing.junk_bytes == len(b"GET / HTTP/1.1\r\n")
