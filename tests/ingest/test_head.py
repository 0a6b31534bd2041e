"""What does MSH say, and how is the message acknowledged? Held to two parsers that are not ours."""

from datetime import UTC, datetime

import hl7  # type: ignore[import-untyped]
import pytest
from hl7apy.consts import VALIDATION_LEVEL  # type: ignore[import-untyped]
from hl7apy.parser import parse_message  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from carerecord.ingest import head as heads
from carerecord.ingest.head import UNKNOWN, Head, Unheaded, Verdict

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8")


def msh(
    version: str = "2.4", accept: str = "", application: str = "", separators: str = "|^~\\&", kind: str = "ADT^A01^ADT_A01"
) -> bytes:  # fmt: skip
    fs, between = separators[0], separators[1]
    fields = [
        "MSH", separators[1:], f"PAS{between}1.2.3{between}ISO", "R1A", "CARE", "ROUTE", "20261122090000", "",
        kind.replace("^", between), "CTRL0001", "P", version, "", "", accept, application, "GBR", "UNICODE UTF-8",
    ]  # fmt: skip
    return fs.join(fields).encode() + b"\rPID|1\r"


def answered(raw: bytes, verdict: Verdict = Verdict.TAKEN, reason: str = "", **habits: str) -> tuple[str, bytes]:
    head = heads.read(raw)
    letters = heads.code(head, verdict, **habits)
    return letters, heads.acknowledgement(head, letters, verdict, reason, now=NOW, ours=b"ab1")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_answer_is_read_by_both_parsers_in_the_version_of_its_question(version: str, verdict: Verdict):
    reason = "" if verdict is Verdict.TAKEN else "PID-3 holds no number & that is what | we go by."

    letters, ack = answered(msh(version), verdict, reason)

    theirs = hl7.parse(ack.decode())
    assert [str(theirs["MSA"][0][place]) for place in (1, 2)] == [letters, "CTRL0001"]
    assert str(theirs["MSH"][0][12]) == version
    strict = parse_message(ack.decode(), validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
    assert strict.msa.msa_1.value == letters
    assert strict.msa.msa_2.value == "CTRL0001"
    assert strict.msh.msh_5.value.startswith("PAS"), "it goes back to whom it came from"


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_an_answer_stands_the_strict_reading_of_its_version(version: str):
    _, ack = answered(msh(version))

    parse_message(ack.decode(), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True).validate()


def test_an_answer_speaks_in_the_separators_of_its_question():
    _, ack = answered(msh(separators="#*~\\&"), Verdict.UNREADABLE, "no # and no * of ours")

    assert ack.startswith(b"MSH#*~\\&#CARE#ROUTE#PAS#R1A#")
    assert b"\rMSA#AE#CTRL0001#no   and no   of ours\r" in ack


@pytest.mark.parametrize(
    ("accept", "application", "verdict", "letters"),
    [
        ("", "", Verdict.TAKEN, "AA"),
        ("", "", Verdict.UNREADABLE, "AE"),
        ("", "", Verdict.UNABLE, "AR"),
        ("AL", "NE", Verdict.TAKEN, "CA"),
        ("AL", "AL", Verdict.UNREADABLE, "CE"),
        ("AL", "NE", Verdict.UNABLE, "CR"),
        ("ER", "NE", Verdict.TAKEN, ""),
        ("ER", "NE", Verdict.UNREADABLE, "CE"),
        ("SU", "NE", Verdict.TAKEN, "CA"),
        ("SU", "NE", Verdict.UNABLE, ""),
        ("NE", "NE", Verdict.UNREADABLE, ""),
        ("NE", "AL", Verdict.TAKEN, "AA"),
        ("NE", "ER", Verdict.TAKEN, ""),
        ("ER", "AL", Verdict.TAKEN, "AA"),
        ("ER", "AL", Verdict.UNREADABLE, "CE"),
        ("SU", "ER", Verdict.UNABLE, "AR"),
        ("ER", "SU", Verdict.TAKEN, "AA"),
        ("ER", "", Verdict.TAKEN, ""),
        ("NE", "ER", Verdict.UNABLE, "AR"),
        ("", "AL", Verdict.TAKEN, "AA"),
    ],
)
def test_the_answer_is_the_one_that_msh_15_and_16_ask_for(accept: str, application: str, verdict: Verdict, letters: str):
    assert heads.code(heads.read(msh(accept=accept, application=application)), verdict) == letters


def test_a_sender_may_have_habits_of_its_own():
    asked, plain = heads.read(msh(accept="AL", application="NE")), heads.read(msh())

    assert heads.code(asked, Verdict.TAKEN, acknowledge="original") == "AA"
    assert heads.code(plain, Verdict.UNABLE, unable="AE") == "AE"
    assert heads.code(plain, Verdict.UNABLE, unable="silence") == ""
    assert heads.code(plain, Verdict.UNREADABLE, unable="silence") == "AE"


def test_what_has_no_head_is_answered_all_the_same():
    letters = heads.code(UNKNOWN, Verdict.UNREADABLE)
    ack = heads.acknowledgement(UNKNOWN, letters, Verdict.UNREADABLE, "It does not begin with MSH.", now=NOW, ours=b"ab1")

    assert str(hl7.parse(ack.decode())["MSA"][0][1]) == "AE"


def test_a_batch_is_answered_by_its_first_message():
    assert heads.read(b"FHS|^~\\&|X\rBHS|^~\\&|X\r" + msh()).control == b"CTRL0001"


@given(st.binary(max_size=400))
def test_any_bytes_are_a_head_or_are_refused(tail: bytes):
    for raw in (tail, b"MSH|^~\\&|" + tail):
        try:
            head = heads.read(raw)
        except Unheaded:
            continue
        assert isinstance(head, Head)
        ack = heads.acknowledgement(head, "AE", Verdict.UNREADABLE, "x", now=NOW, ours=b"1")
        assert ack.count(b"\r") in (2, 3), "nothing that came adds a segment"


def test_code_words_alone_reach_pages_and_logs():
    assert heads.read(msh(kind="ADT^A01^ADT_A01")).form.named == "ADT^A01"
    assert heads.read(msh(kind="999 000 0018")).form.named == "?"


@pytest.mark.parametrize("ahead", [b"\xef\xbb\xbf", b"\r\n", b"\x0b", b"  \r\n\x0b\xef\xbb\xbf"])
def test_what_stands_before_a_message_and_is_no_part_of_it_hides_it_not(ahead: bytes):
    plain, found = heads.read(msh()), heads.read(ahead + msh())

    assert (found.form, found.control, found.ends) == (plain.form, plain.control, plain.ends + len(ahead))


@pytest.mark.parametrize("ends", [b"\r", b"\n", b"\r\n"])
@pytest.mark.parametrize("ahead", [b"", b"\xef\xbb\xbf"])
def test_a_batch_is_answered_by_its_first_message_however_its_lines_end(ends: bytes, ahead: bytes):
    batch = ahead + ends.join((rb"FHS|^~\&|LAB", rb"BHS|^~\&|LAB", msh().rstrip(b"\r"), b"BTS|1", b"FTS|1", b""))

    assert heads.read(batch).control == b"CTRL0001"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_message_in_utf_16_is_refused_with_what_to_do(encoding: str):
    with pytest.raises(Unheaded, match="written in UTF-16: its sender has to write UTF-8"):
        heads.read(msh().decode().encode(encoding))
