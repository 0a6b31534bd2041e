"""Does every message come apart as its sender meant it, and nothing else come apart at all?"""

import time

import hl7 as hl7_library  # type: ignore[import-untyped]
import pytest
from hl7apy.core import Message as ApyMessage  # type: ignore[import-untyped]
from hl7apy.parser import parse_message  # type: ignore[import-untyped]
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.ingest.hl7v2.world import message, pv1

from carerecord.ingest.hl7v2 import Unreadable, is_plain, parse, split
from carerecord.ingest.hl7v2.charsets import AS_UTF_8, AS_WINDOWS
from carerecord.ingest.hl7v2.escapes import Delimiters, escaped, unescaped
from carerecord.ingest.hl7v2.parse import BROKEN_LINE

MSH = r"MSH|^~\&|A|B|C|D|20261122||ADT^A01|1|P|2.4"
MARKS = Delimiters()


def parsed(*lines: str, end: str = "\r"):
    return parse(end.join([MSH, *lines, ""]).encode())


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_segments_end_in_whatever_their_sender_ends_them(end):
    assert [each.name for each in parsed("EVN|A01", "PID|1", end=end).segments] == ["MSH", "EVN", "PID"]


def test_delimiters_are_those_that_the_header_names():
    said = parse(b"MSH*%$!@*A*B***20261122**ADT%A01*1*P*2.4\rPID*1**7%%%X@Y%MR$8!T!")

    assert said.trigger == ("ADT", "A01")
    assert [part[1] for part in said.segments[1].parts(3)] == ["7", "8@"]
    assert said.segments[1].parts(3)[0].sub(4, 2) == "Y"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"one\.br\two\.sp2\three", "one\ntwo\n\nthree"),
        (r"caf\XC3A9\ ", "café"),
        (r"a\X0D0A\b", "a\n\nb"),
        (r"an \open one", r"an \open one"),
        (r"\Zlocal\ stays", r"\Zlocal\ stays"),
        (r"\XZZ\ stays", r"\XZZ\ stays"),
    ],
)
def test_an_escape_stands_for_what_was_meant_and_an_unknown_one_stays(sent, meant):
    assert unescaped(sent, MARKS).strip() == meant.strip()


@pytest.mark.parametrize(
    ("charset", "raw", "says", "note"),
    [
        ("UNICODE UTF-8", "Zoë".encode(), "Zoë", None),
        ("UNICODE", "Zoë".encode(), "Zoë", None),
        ("8859/1", "Zoë".encode("latin-1"), "Zoë", None),
        ("8859/1", "O\u2019Brien".encode("cp1252"), "O\u2019Brien", AS_WINDOWS),
        ("", "Zoë".encode(), "Zoë", AS_UTF_8),
        ("ASCII", "Zoë".encode("cp1252"), "Zoë", AS_WINDOWS),
        ("UNICODE UTF-8", "Zoë".encode("cp1252"), "Zoë", AS_WINDOWS),
        ("8859/15", "5 €".encode("iso8859-15"), "5 €", None),
        ("8859/1", "Zoë Müller".encode(), "Zoë Müller", AS_UTF_8),
        ("8859/15", "Łukasz".encode(), "Łukasz", AS_UTF_8),
        ("WINDOWS-1252", "Édith".encode(), "Édith", AS_UTF_8),
    ],
)
def test_a_name_keeps_its_letters_whatever_the_header_claims(charset, raw, says, note):
    said = parse(f"{MSH}||||||{charset}".encode() + b"\rPID|1||||" + raw)

    assert said.segments[1].text(5) == says
    assert said.notes == ((note,) if note else ())


def test_two_bytes_a_letter_come_apart_too():
    assert parse(f"{MSH}\rPID|1||||Zoë".encode("utf-16")).segments[1].text(5) == "Zoë"


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", "empty"),
        (b"GET / HTTP/1.1", "segment 1, character 1"),
        (b"MSH", "segment 1"),
        (b"MSHA^~\\&AAAAAA", "character 4"),
        (b"MSH|^^\\&|A|B|C|D|20261122||ADT^A01", "character 5"),
        (b"MSH|^~\\&|A|B|C|D|20261122", "segment 1, field 9"),
        (f"{MSH}\rPID|1||SECRET\0X".encode(), "segment 2 holds a NUL at character 14"),
        (f"{MSH}\rPID|1||SECRET\r{MSH}".encode(), "segment 3 starts a second message"),
        (f"{MSH}||||||8859/7".encode() + b"\rPID|1||SECRET\xff\xae\xd2", "byte"),
    ],
)
def test_what_is_no_message_is_refused_with_where_and_nothing_of_it(raw, where):
    with pytest.raises(Unreadable) as refused:
        parse(raw)

    assert where in refused.value.reason
    assert "SECRET" not in refused.value.reason


def test_a_line_break_inside_a_field_costs_nothing():
    said = parse(f"{MSH}\rOBX|1|TX|C||first line\nsecond line||||||F\rNTE|1||after".encode())

    assert said.segments[1].parts(5)[0].whole == "first line\nsecond line"
    assert said.segments[1].text(11) == "F"
    assert said.segments[2].text(3) == "after"
    assert said.notes == (BROKEN_LINE,)


def test_a_batch_opens_into_its_messages_and_a_message_is_one():
    first, second = message("ADT^A01", pv1()), message("ADT^A03", pv1(), control="2")
    batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + first + second + b"BTS|2\rFTS|1\r"

    assert [parse(each).trigger[1] for each in split(batch)] == ["A01", "A03"]
    assert [parse(each).trigger[1] for each in split(first + b"\n" + second)] == ["A01", "A03"]
    assert split(first) == (first.strip(),)
    assert split(b"FHS|^~\\&|A\rFTS|0\r") == ()


def test_the_trigger_event_is_taken_from_the_event_where_the_header_leaves_it_out():
    assert parse(b"MSH|^~\\&|A|B|C|D|20261122||ADT|1|P|2.1\rEVN|A08|20261122").trigger == ("ADT", "A08")
    assert parse(MSH.replace("ADT^A01", "ADT^A28^ADT_A05").encode()).trigger == ("ADT", "A28")


def test_nothing_that_was_read_is_listed_and_nothing_unread_is_left_out():
    pid = parsed("PID|1||7^^^A&OID&ISO^MR~8||Marlow^Edith|x").segments[1]
    _ = pid.parts(3)[0][1], pid.parts(3)[0].sub(4, 1), pid.text(5, 2)

    assert pid.unread() == ["PID-1", "PID-3.4.2", "PID-3.4.3", "PID-3.5", "PID-3.1", "PID-5.1", "PID-6"]


WORD = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@given(st.lists(st.lists(st.lists(WORD, min_size=1, max_size=4), min_size=1, max_size=3), min_size=1, max_size=6))
@example([[[" "]]])
@settings(max_examples=150, deadline=None)
def test_what_is_escaped_and_joined_comes_apart_again(fields):
    line = "|".join("~".join("^".join(escaped(word, MARKS) for word in parts) for parts in repeats) for repeats in fields)
    said = parse(f"{MSH}||||||UNICODE UTF-8\rZAA|{line}|end".encode())  # blanks behind a message are its frame's
    again = parse(str(said).encode())

    for number, repeats in enumerate(fields, 1):
        sent = [
            [word.strip() for word in parts] for parts in repeats if any(escaped(word, MARKS) for word in parts) or len(parts) > 1
        ]
        assert [
            [part[at + 1] for at in range(len(words))] for part, words in zip(said.segments[1].parts(number), sent, strict=True)
        ] == sent
    assert str(again) == str(said)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=500)
def test_no_bytes_crash_it_or_hold_it_up(raw):
    for each in (raw, MSH.encode() + b"\r" + raw, b"MSH" + raw):
        for piece in split(each):
            try:
                said = parse(piece)
            except Unreadable:
                continue
            assert said.header.name == "MSH"
            for segment in said.segments:
                segment.unread()
                for number in range(len(segment.fields)):
                    assert all(type(part.whole) is str for part in segment.parts(number))


def test_a_long_hostile_line_takes_no_longer_than_its_length():
    for raw in (b"\\" * 200_000, b"\\H" * 100_000, b"~" * 200_000, b"^&" * 100_000, b"\n" * 200_000, b"\rP" * 60_000):
        said = parse(MSH.encode() + b"\rOBX|1|TX|C||" + raw)
        assert said.segments[1].unread() is not None


# Two other parsers agree with ours on what every field of an ordinary message holds.
ORDINARY = message(
    "ADT^A01^ADT_A01",
    pv1(),
    r"NK1|1|Marlow^Tom^^^Mr|SON^Son|2 Elm Road^^Hull|01482 1\T\2~07700 900123",
    "AL1|1|DA|^Penicillin|SV|Rash~Hives",
)


def test_the_library_hl7_finds_the_same_fields():
    theirs, ours = hl7_library.parse(ORDINARY.decode()), parse(ORDINARY)

    assert [str(each[0]) for each in theirs] == [each.name for each in ours.segments]
    for there, here in zip(list(theirs)[1:], ours.segments[1:], strict=True):
        assert [str(field) for field in there][1:] == here.fields[1:]
    assert theirs.unescape(str(theirs.segment("NK1")(5)(0))) == str(ours.segments[-2].text(5))


def test_the_library_hl7apy_finds_the_same_components():
    theirs: ApyMessage = parse_message(ORDINARY.decode(), find_groups=False)
    ours = parse(ORDINARY).every("PID")[0]

    assert theirs.pid.pid_5.pid_5_2.value == ours.text(5, 2)
    assert theirs.pid.pid_11.pid_11_5.value == ours.text(11, 5)
    assert [each.value for each in theirs.pid.pid_3] == [part.raw for part in ours.parts(3)]


ODD = st.sampled_from(
    [b"", b"|", b"^", b"~", b'""', b"\\", b"\r", b"\n", b"\0", b"\xc3", b"MSH", b"\rMSH|", b" ", b"A", b"&", b"\r\r", b"\x1b"]
)
SENT = f"{MSH}\rEVN|A01\rPID|1||7^^^A^MR||MARLOW^EDITH\r".encode()


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 6), ODD), max_size=4))
@example([(4, 4, b"\x01")])  # a delimiter that no text may hold
@settings(max_examples=600, deadline=None)
def test_what_is_plain_at_a_glance_is_always_read(changes):
    raw = SENT
    for at, gone, odd in changes:
        raw = raw[:at] + odd + raw[at + gone :]
    if is_plain(raw):
        assert split(raw) == (raw.strip(b"\x0b\x1c \t\r\n"),)
        parse(raw)


def test_a_message_with_a_page_of_line_ends_takes_no_longer_than_its_length():
    began = time.process_time()
    blank = parse(f"{MSH}\r".encode() + b"\n" * 200_000 + b"x\r\n\r\nPID|1\r")

    assert time.process_time() - began < 2, "it went through them anew from each"
    assert [each.name for each in blank.segments] == ["MSH", "PID"]


def test_nearly_every_message_is_plain_and_what_takes_a_closer_look_is_not():
    assert is_plain(SENT)
    assert not any(is_plain(SENT[:length]) for length in range(9))
    closer = (SENT.replace(b"EDITH", "ÉDITH".encode()), SENT.replace(b"\r", b"\n"), SENT + SENT, b"\n" + SENT, SENT[:20], b"{}")
    assert not any(map(is_plain, closer))


def test_a_file_of_frames_holds_as_many_messages_as_frames():
    one, other = message("ADT^A01", control="1"), message("ADT^A03", control="2")

    assert split(b"\x0b" + one + b"\x1c\r\x0b" + other + b"\x1c\r") == (one.rstrip(b"\r"), other.rstrip(b"\r"))


def test_a_batch_behind_the_mark_of_utf_8_is_opened():
    one = message("ADT^A01")

    assert split(b"\xef\xbb\xbfFHS|^~\\&|LAB\r" + one + b"FTS|1\r") == (one.rstrip(b"\r"),)
