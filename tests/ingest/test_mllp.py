"""How do messages come in over MLLP? Durable before they are answered, in their order, and never by a dropped connection."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.ingest.a_hospital import LAB, PAS, Line, a_door, a_hospital, adt, framed, listening, receiving, said

from carerecord.contracts.sources import Sender
from carerecord.ingest.framing import WITHIN
from carerecord.ingest.head import Verdict
from carerecord.ingest.mllp import UNANSWERED, tls_of


async def test_a_message_is_in_the_journal_before_it_is_answered(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        assert await line.send(adt(control="C77")) == ("AA", "C77", "")
        assert await hospital.journalled() == 1


async def test_what_stands_in_the_journal_is_sealed_and_is_what_came_to_the_byte(service_database: Any):
    raw = adt(family="MARLOW") + b"ZZ1|\xff\xfe odd bytes\r"
    async with a_door(service_database) as hospital:
        await hospital.put(raw)
        row = await hospital.db.fetchrow("SELECT * FROM message")

    assert row is not None
    assert b"MARLOW" not in row["body"]
    assert hospital.journal.seals.open(row["body"], organisation="R1A", place=row["digest"]) == raw


async def test_many_messages_in_one_write_are_answered_in_their_order(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        await line.write(b"".join(framed(adt(control=f"C{each}", number=f"M{each}")) for each in range(300)))

        assert [said(await line.answer())[1] for _ in range(300)] == [f"C{each}" for each in range(300)]
        assert await hospital.journalled() == 300


async def test_a_message_that_holds_the_byte_that_ends_one_is_not_taken_for_whole(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        with capture_logs() as told:
            await line.write(framed(adt(family="MAR\x1cLOW")))
            code, _, says = said(await line.answer())
            assert (code, says) == ("AE", WITHIN[:80])
            await line.write(b"MARLOW" + framed(adt(control="2", number="M2")))
            assert said(await line.answer())[:2] == ("AA", "2")

    assert [(each["event"], each["sender"]) for each in told] == [("mllp.junk", "fenwick-pas")]
    assert "MARLOW" not in str(told)


async def test_one_connection_carries_many_senders(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        assert [(await line.send(adt(application=each)))[0] for each in ("PAS", "LAB", "PAS")] == ["AA", "AA", "AA"]
        rows = await hospital.db.fetch("SELECT sender, count(*) AS many FROM message GROUP BY sender ORDER BY sender")
        assert [tuple(row) for row in rows] == [("fenwick-lab", 1), ("fenwick-pas", 1)], "the third is the first again"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"hello", "It does not begin with MSH."),
        (b"MSH|^~\\&|PAS|R1A", "MSH ends before MSH-9"),
        (b"", "It does not begin with MSH."),
    ],
)
async def test_what_cannot_be_read_is_kept_and_answered_ae(service_database: Any, raw: bytes, reason: str):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        await line.send(adt())

        code, _, says = await line.send(raw)

        assert (code, says.startswith(reason)) == ("AE", True)
        assert [each[0] for each in await hospital.stuck()] == ["unreadable"]
        assert (await line.send(adt(control="2", number="M2")))[0] == "AA", "the connection lives on"


async def test_a_message_without_its_end_is_given_up_and_told_so(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, half_s=0.2) as (_, port):
        line = await Line.to(port)

        await line.write(b"\x0b" + adt(control="HALF"))
        code, control, says = said(await line.answer())

        assert (code, control) == ("AE", "HALF")
        assert says == "The message has no end: nothing more of it came in time."
        assert (await line.send(adt(control="2")))[0] == "AA"
        assert await hospital.waiting() == 1, "that its half came before is no reason not to file it"
        assert (await line.send(adt(control="3")))[0] == "AA"
        assert await hospital.journalled() == 2


async def test_a_sender_that_writes_byte_by_byte_is_waited_for(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, half_s=0.5) as (_, port):
        line = await Line.to(port)
        for place, each in enumerate(framed(adt())):
            line.writer.write(bytes((each,)))
            if place % 40 == 0:
                await asyncio.sleep(0.05)

        assert said(await line.answer())[0] == "AA"


async def test_a_message_too_large_is_answered_and_its_beginning_kept(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital, most_bytes=100_000) as (_, port):
        line = await Line.to(port)

        await line.write(b"\x0b" + adt(control="BIG") + b"OBX|1|ED|" + b"A" * 5_000_000 + b"\x1c\r")

        assert said(await line.answer())[:2] == ("AE", "BIG")
        assert await hospital.db.fetchval("SELECT size FROM message") == 65_536


async def test_a_database_that_is_away_is_told_as_ar_and_the_next_message_is_taken(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line, pool = await Line.to(port), hospital.journal.db

        hospital.journal.db = _Away()  # type: ignore[assignment]
        code, _, says = await line.send(adt(control="1"))
        hospital.journal.db = pool

        assert (code, says) == ("AR", "It could not be kept just now. Nothing of it was taken: send it again.")
        assert (await line.send(adt(control="1")))[0] == "AA"
        assert await hospital.journalled() == 1


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody hears at the server that a statement is called back."""

    async def unheard(**_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("asyncpg.connect_utils._cancel", unheard)


@pytest.mark.usefixtures("deaf")
async def test_a_database_that_stands_still_is_told_as_ar_and_not_waited_for(service_database: Any):
    """It is there, its machine or its disk is not: no statement ends, and no connection does."""
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line, pool = await Line.to(port), hospital.journal.db
        hospital.journal.stalled_s = 0.2

        async with pool.acquire() as other, other.transaction():
            await other.execute("LOCK TABLE message")
            stood = await line.send(adt(control="1"))

        assert stood == ("AR", "1", "It could not be kept just now. Nothing of it was taken: send it again.")
        assert (await line.send(adt(control="1")))[0] == "AA"
        assert await hospital.journalled() == 1


@pytest.mark.usefixtures("deaf")
async def test_one_that_stands_still_once_a_message_is_kept_holds_no_answer_back(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line, pool = await Line.to(port), hospital.journal.db
        await line.send(adt(control="1"))
        hospital.journal.stalled_s = 0.2

        async with pool.acquire() as other, other.transaction():
            await other.execute("LOCK TABLE repeat")  # that it came again cannot be counted
            again = await asyncio.wait_for(line.send(adt(control="1")), 5)

        assert again[0] == "AA"
        assert (await line.send(adt(control="2", number="M2")))[0] == "AA"
        assert await hospital.journalled() == 2


async def test_a_commit_whose_outcome_nobody_knows_has_one_effect(service_database: Any):
    """The line to the database breaks after the commit: to write it again finds it there, and it is acknowledged."""
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        cut = _CutAfterCommit(hospital.journal.db)
        hospital.journal.db = cut  # type: ignore[assignment]

        assert (await line.send(adt(control="1")))[0] == "AA"
        assert cut.cut
        assert await hospital.journalled() == 1
        assert await hospital.db.fetchval("SELECT count(*) FROM repeat") == 0, "it came once"
        assert hospital.journal.bell.is_set(), "and whoever files is told of it"


class _Away:
    async def acquire(self) -> Any:
        raise ConnectionRefusedError

    async def release(self, _: Any) -> None: ...


class _CutAfterCommit:
    def __init__(self, pool: Any) -> None:
        self.pool, self.cut = pool, False

    async def acquire(self) -> Any:
        return _CutOnce(self) if not self.cut else await self.pool.acquire()

    async def release(self, held: Any) -> None:
        if not isinstance(held, _CutOnce):
            await self.pool.release(held)


class _CutOnce:
    def __init__(self, owner: _CutAfterCommit) -> None:
        self.owner = owner

    async def execute(self, *told: Any) -> Any:
        await self.owner.pool.execute(*told)
        self.owner.cut = True
        raise ConnectionResetError


async def test_the_same_message_again_has_the_same_answer_and_no_second_row(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        first, again = adt(control="1"), adt(control="2")  # a new MSH-10, the same content

        assert [(await line.send(each))[0] for each in (first, first, again)] == ["AA", "AA", "AA"]
        assert await hospital.journalled() == 1
        assert await hospital.db.fetchval("SELECT times FROM repeat") == 2


async def test_one_that_came_before_keeps_none_of_its_group_from_being_kept(service_database: Any):
    async with a_door(service_database) as hospital:
        await hospital.put(adt(number="M1"))
        assert await hospital.put(*(adt(number=each) for each in ("M2", "M1", "M3"))) == [Verdict.TAKEN] * 3
        assert await hospital.put(*(adt(number=each) for each in ("M4", "M2"))) == [Verdict.TAKEN] * 2

        assert await hospital.journalled() == await hospital.waiting() == 4
        assert await hospital.db.fetchval("SELECT count(*) FROM repeat WHERE times = 1") == 2


async def test_one_control_id_with_other_content_is_another_message(service_database: Any):
    """Engines begin to count anew: what is new is never lost for a number that was used before."""
    async with a_door(service_database) as hospital:
        await hospital.put(adt(control="1", number="M1"), adt(control="1", number="M2"))

        assert await hospital.journalled() == 2


async def test_the_same_words_at_another_time_are_another_statement_where_only_msh_7_says_when(service_database: Any):
    """Moved to ward A, to B, and back to A: without EVN-2 the third is no repetition of the first."""
    from datetime import timedelta

    from tests.ingest.a_hospital import SENT

    def bare(minutes: int) -> bytes:
        lines = adt("A02", at=SENT + timedelta(minutes=minutes)).split(b"\r")
        return b"\r".join([lines[0], b"EVN|A02", *lines[2:]])

    async with a_door(service_database) as hospital:
        await hospital.put(bare(0), bare(0), bare(30))

        assert await hospital.journalled() == 2


async def test_what_a_sender_asks_by_msh_15_is_what_it_gets(service_database: Any):
    asked = adt().replace(b"|P|2.4\r", b"|P|2.4|||AL|NE\r", 1)
    nothing = adt(number="M2").replace(b"|P|2.4\r", b"|P|2.4|||NE|NE\r", 1)
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        assert (await line.send(asked))[0] == "CA"
        await line.write(framed(nothing))
        assert (await line.send(adt(number="M3", control="3")))[:2] == ("AA", "3"), "nothing came for the one between"
        assert await hospital.journalled() == 3


async def test_a_sender_nobody_knows_is_refused_in_words_and_the_line_stays(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        assert (await line.send(adt(application="NEW")))[:2] == ("AR", "1")
        assert [each.rule for each in hospital.refusals] == ["sender/unknown"]
        assert (await line.send(adt()))[0] == "AA"


async def test_an_open_door_closes_only_after_what_came_is_answered(service_database: Any):
    async with a_door(service_database) as hospital:
        async with listening(hospital) as (_, port):
            line = await Line.to(port)
            await line.write(b"".join(framed(adt(control=str(each), number=f"M{each}")) for each in range(100)))
            await asyncio.sleep(0.05)
        answers = []
        while True:
            try:
                answers.append(said(await line.answer()))
            except asyncio.IncompleteReadError:
                break

        assert len(answers) == await hospital.journalled()


async def test_who_says_that_no_more_comes_is_answered_and_the_connection_ends(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (desk, port):
        asked, gone = await Line.to(port), await Line.to(port)

        await gone.write(framed(adt(control="G", number="M1")))
        await gone.close()
        await asked.write(b"".join(framed(adt(control=each, number=each)) for each in ("A", "B")))
        asked.writer.write_eof()

        assert [said(await asked.answer())[1] for _ in range(2)] == ["A", "B"]
        assert await asked.ended()
        await asyncio.wait_for(desk.empty.wait(), 5.0)
        assert await hospital.journalled() == 3


async def test_the_registry_of_sources_says_who_may_send_from_one_moment_to_the_next(service_database: Any):
    async with a_door(service_database, senders=(PAS,)) as hospital:
        hospital.senders.take(await _registry(hospital, PAS, LAB))
        assert set(hospital.senders.by_id()) == {"fenwick-pas", "fenwick-lab"}

        hospital.senders.registry_version = "old"
        await receiving(hospital).look()

        assert set(hospital.senders.by_id()) == {"fenwick-pas"}


async def _registry(hospital: Any, *senders: Sender) -> Any:
    from carerecord.contracts.sources import Registry

    return Registry("2", (), senders=senders)


def test_no_door_opens_without_a_certificate_of_ours(tmp_path: Path):
    with pytest.raises((OSError, ssl.SSLError)):
        tls_of(str(tmp_path / "none.pem"), str(tmp_path / "none.pem"), lambda refusal: None)


def batch(*messages: bytes) -> bytes:
    return b"FHS|^~\\&|PAS|R1A\rBHS|^~\\&|PAS|R1A\r" + b"".join(messages) + b"BTS|%d\rFTS|1\r" % len(messages)


async def test_a_batch_is_answered_once_and_one_message_that_cannot_be_filed_holds_up_no_other(service_database: Any):
    nobody = adt(number="", control="2")
    async with a_hospital(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        answer = await line.send(batch(adt(number="M1", control="1"), nobody, adt(number="M3", control="3")))
        await hospital.file_all()

        assert answer == ("AA", "1", "")
        assert [reason for _, _, reason in await hospital.stuck()] == [
            "PID (segment 3) holds no number by which its sender knows anybody"
        ]
        assert len(await hospital.history("Patient")) == 2
        again = await line.send(adt(number="M3", control="3"))
        assert (again[0], await hospital.journalled()) == ("AA", 3), "and each is known when it comes by itself"


async def test_a_batch_with_a_message_that_cannot_be_read_says_which_and_keeps_the_others(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        odd = adt(control="2") + b"ZZZ|\0\r"
        code, control, says = await line.send(batch(adt(number="M1", control="1"), odd, adt(number="M3")))

        assert (code, control, says) == ("AE", "1", "Message 2 of 3: Segment 4 holds a NUL at character 5")
        assert (await hospital.journalled(), await hospital.waiting()) == (3, 2)


async def test_a_message_in_a_batch_in_a_name_that_nobody_knows_is_not_kept_and_each_other_is_its_own_senders(
    service_database: Any,
):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        mixed = batch(adt(control="1"), adt(number="M2", application="LAB"), adt(number="M3", application="NEW"))

        code, control, says = await line.send(mixed)

        assert (code, control) == ("AR", "1")
        assert says.startswith("Message 3 of 3: MSH-3 and MSH-4 are those of no sender")
        rows = await hospital.db.fetch("SELECT sender FROM message ORDER BY id")
        assert [row["sender"] for row in rows] == ["fenwick-pas", "fenwick-lab"]


async def test_a_long_batch_is_put_into_the_journal_in_order_and_what_comes_behind_it_behind_it(service_database: Any):
    long = [adt(number=f"M{each}", control=f"{each}") for each in range(3 * UNANSWERED)]
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)

        await line.write(framed(batch(*long)) + framed(adt(number="LAST", control="last")))
        answers = [said(await line.answer())[:2] for _ in range(2)]

        assert answers == [("AA", "0"), ("AA", "last")]
        rows = await hospital.db.fetch("SELECT body, digest, organisation FROM message ORDER BY id")
        seals = hospital.journal.seals
        came = [seals.open(row["body"], organisation=row["organisation"], place=row["digest"]) for row in rows]
        assert [each.strip() for each in came] == [each.strip() for each in (*long, adt(number="LAST", control="last"))]
