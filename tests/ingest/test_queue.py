"""Is anything stuck in silence? What waits is shown with its reason, read with a reason alone, filed again when it is mended."""

import json
import random
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.ingest.a_hospital import LAB, PAS, SENT, Hospital, Line, a_door, a_hospital, adt, lane, listening, receiving
from tests.patients.people import DR_NAIR

from carerecord.contracts.ingest import DiscardAsked, MessageAsked, MessagesAsked, ReplayAsked, TryAsked
from carerecord.ingest.filing import FAULT, FEW, GIVEN_UP, KILLED, TRIES
from carerecord.ingest.journal.store import counting
from carerecord.ingest.journal.store.filing import ANEW, suspect
from carerecord.ingest.kinds import filings
from carerecord.ingest.queue import OTHERWISE, Queue
from carerecord.ingest.rhythm import silence
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotAcceptable, NotFound, NotUnderstood


async def lines(hospital: Hospital) -> list[dict[str, Any]]:
    return [json.loads(row["body"]) for row in await hospital.db.fetch("SELECT body FROM outbox WHERE kind = 'Line' ORDER BY id")]


def broken(raw: bytes, *told: Any) -> Any:
    raise RecursionError


async def test_what_waits_is_shown_with_its_reason_and_never_with_a_word_of_what_it_says(service_database: Any):
    async with a_door(service_database) as hospital:
        await hospital.put(adt(family="MARLOW", control="1"), b"MARLOW", adt(control="2", number="M2"))
        found = await Queue(receiving(hospital)).queue(MessagesAsked())

    (stuck,) = found.messages
    assert (found.waiting, found.stuck) == (2, 1)
    assert (stuck.id, stuck.sender, stuck.state) == (2, "fenwick-pas", "unreadable")
    assert stuck.reason.startswith("It does not start with MSH")
    assert "MARLOW" not in repr(found)


async def test_a_message_that_is_tried_in_a_name_that_its_sender_does_not_use_says_what_the_door_would(service_database: Any):
    async with a_door(service_database) as hospital:
        queue = Queue(receiving(hospital))
        tried = [
            await queue.attempt(TryAsked(b64encode(adt(application=each)).decode(), "fenwick-pas"))
            for each in ("PAS", "PAS2", "LAB")
        ]

    assert [OTHERWISE in each.says for each in tried] == [False, True, True]


async def test_what_came_what_waits_and_what_is_stuck_can_be_watched_by_figures(service_database: Any):
    async with a_door(service_database) as hospital:
        await hospital.put(adt(family="MARLOW", control="1"), b"MARLOW", adt(control="2", number="M2"))
        hospital.clock.at += timedelta(seconds=90)
        door = receiving(hospital)
        await door._count()
        page = door.metrics.page().decode()
        await hospital.db.execute("DELETE FROM stuck")
        await door._count()
        mended = door.metrics.page().decode()

    assert 'carerecord_messages_total{sender="fenwick-pas",service="ingest"} 3.0' in page
    assert 'carerecord_messages_waiting{service="ingest"} 2.0' in page
    assert 'carerecord_message_oldest_seconds{service="ingest"} 90.0' in page
    assert 'carerecord_messages_stuck{sender="fenwick-pas",service="ingest"} 1.0' in page
    assert 'carerecord_messages_stuck{sender="fenwick-pas",service="ingest"} 0.0' in mended
    assert "MARLOW" not in page


async def test_a_message_is_read_only_with_a_line_in_the_book(service_database: Any):
    async with a_door(service_database) as hospital:
        await hospital.put(adt())
        queue = Queue(receiving(hospital))

        shown = await queue.message(MessageAsked(1, "Why is it stuck?", DR_NAIR))

        assert shown.text.split("\n")[2].startswith("PID|1||MRN1")
        (line,) = await lines(hospital)
        assert (line["what"], line["actor"]["subject"], line["reason"]) == ("message-read", "0001", "Why is it stuck?")
        with pytest.raises(NotFound):
            await queue.message(MessageAsked(99))


@pytest.mark.parametrize("which", [ReplayAsked(id=1), ReplayAsked(sender="fenwick-pas"), ReplayAsked(everything=True)])
async def test_what_was_mended_is_filed_again(service_database: Any, which: ReplayAsked):
    async with a_hospital(service_database) as hospital:
        hospital.filer.read = broken
        await hospital.put(adt())
        for _ in range(4):
            await hospital.later(30)
        assert await hospital.stuck() == [("parked", 3, FAULT)]

        hospital.filer.read = filings
        done = await Queue(receiving(hospital)).replay(which)
        await hospital.file_all()

        assert (done.count, await hospital.stuck()) == (1, [])
        assert len(await hospital.history("Patient")) == 1
        assert [each["what"] for each in await lines(hospital)] == ["messages-replayed"]


async def test_what_is_filed_again_together_goes_in_groups_and_one_that_cannot_be_costs_nobody_else(service_database: Any):
    """Twenty thousand rows of a mapping that is mended now: each by itself they would take the better part of an hour."""
    numbers = [f"M{each}" for each in range(400) if lane(adt(number=f"M{each}")) == 0][:40]
    async with a_hospital(service_database) as hospital:
        hospital.filer.read = broken
        await hospital.put(*[adt(number=each, control=each) for each in numbers])
        for _ in range(4):
            await hospital.later(30)
        assert await hospital.stuck() == [("parked", 3, FAULT)] * 40

        def reading(raw: bytes, *told: Any, **named: Any) -> Any:
            if numbers[7].encode() + b"^" in raw:
                raise RecursionError
            return filings(raw, *told, **named)

        hospital.filer.read, groups, of = reading, [], hospital.filer.effects.of

        async def counted(reads: Any) -> None:
            groups.append(len(reads))
            await of(reads)

        hospital.filer.effects.of = counted  # type: ignore[assignment,method-assign]
        await Queue(receiving(hospital)).replay(ReplayAsked(everything=True))
        assert {reason for _, _, reason in await hospital.stuck()} == {ANEW}, "and not why it could not be before"
        await hospital.file_all()

        assert groups == [39]
        assert await hospital.stuck() == [("again", 1, FAULT)]


async def test_that_a_worker_ended_with_many_in_its_hand_is_held_against_none_that_was_to_be_filed_again(service_database: Any):
    async with a_hospital(service_database) as hospital:
        hospital.filer.read = broken
        await hospital.put(*[adt(number=f"M{each}", control=f"{each}") for each in range(FEW + 1)])
        await hospital.file_all()
        await Queue(receiving(hospital)).replay(ReplayAsked(everything=True))

        for many, tries in ((FEW + 1, 0), (FEW, 1)):
            ids = [row["id"] for row in await hospital.db.fetch("SELECT id FROM stuck ORDER BY id LIMIT $1", many)]
            await hospital.db.execute("UPDATE stuck SET lane = 0")
            async with hospital.db.acquire() as db, db.transaction():
                await suspect(db, 0, ids, hospital.clock.now(), TRIES, KILLED, GIVEN_UP, few=FEW)
            rows = await hospital.db.fetch("SELECT tries FROM stuck WHERE id = ANY ($1)", ids)
            assert {row["tries"] for row in rows} == {tries}


async def test_a_replay_says_what_it_means(service_database: Any):
    async with a_door(service_database) as hospital:
        queue = Queue(receiving(hospital))
        with pytest.raises(NotUnderstood):
            await queue.replay(ReplayAsked())
        with pytest.raises(NotFound):
            await queue.replay(ReplayAsked(id=7))
        with pytest.raises(NotFound):
            await queue.replay(ReplayAsked(sender="fenwick-pass"))


async def test_what_is_discarded_waits_no_more_and_stays_in_the_journal(service_database: Any):
    async with a_door(service_database) as hospital:
        await hospital.put(b"hello")
        queue = Queue(receiving(hospital))
        with pytest.raises(NotUnderstood):
            await queue.discard(DiscardAsked(1, " "))

        await queue.discard(DiscardAsked(1, "A test of the engine", DR_NAIR))

        assert (await hospital.stuck(), await hospital.journalled()) == ([], 1)
        assert (await queue.message(MessageAsked(1))).state == "discarded"
        assert (await lines(hospital))[0]["reason"] == "A test of the engine"
        with pytest.raises(NotFound):
            await queue.discard(DiscardAsked(1, "again"))


async def test_to_try_a_message_shows_what_it_would_become_and_keeps_nothing(service_database: Any):
    def content(raw: bytes) -> str:
        return b64encode(raw.replace(b"\r", b"\r\n")).decode()

    async with a_door(service_database) as hospital:
        queue = Queue(receiving(hospital))
        found = await queue.attempt(TryAsked(content(adt("A01", more=("PV1|1|I|W1^^^R1A|||||||||||||||||V1",))), "fenwick-pas"))
        unread = await queue.attempt(TryAsked(content(b"hello"), "fenwick-pas"))
        nameless = b"\r".join(each for each in adt().split(b"\r") if not each.startswith(b"PID"))
        about_nobody = await queue.attempt(TryAsked(content(nameless), "fenwick-pas"))
        with pytest.raises(NotAcceptable) as nobody:
            await queue.attempt(TryAsked(content(adt()), "nobody"))

        assert await hospital.journalled() == 0
    assert found.trigger == "ADT^A01"
    assert {json.loads(bytes(each))["resourceType"] for each in found.resources} >= {"Patient", "Encounter"}
    assert (unread.readable, len(unread.says), unread.answered) == (False, 1, "AE")
    assert (about_nobody.readable, about_nobody.answered) == (False, "AA"), "it can be read, and is about nobody"
    assert "fenwick-lab, fenwick-pas" in nobody.value.says or "fenwick-pas, fenwick-lab" in nobody.value.says


@pytest.mark.parametrize(
    ("raw", "says", "answered"),
    [
        (adt().decode().encode("utf-16"), "It is written in UTF-16: its sender has to write UTF-8", "AE"),
        (b"", "It does not begin with MSH.", "AE"),
        (b"FHS|^~\\&|PAS\r" + adt() + adt(number="") + b"FTS|1\r", "Message 2 of 2: PID (segment 3) holds no number", "AA"),
        (b"FHS|^~\\&|PAS\r" + adt(number="") + adt() + b"Z|\0\rFTS|1\r", "Message 1 of 2: PID (segment 3) holds no number", "AE"),
    ],
    ids=["utf-16", "empty", "one of a batch", "two of a batch"],
)
async def test_to_try_what_cannot_be_read_says_what_the_door_would(service_database: Any, raw: bytes, says: str, answered: str):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        tried = await Queue(receiving(hospital)).attempt(TryAsked(b64encode(raw).decode(), "fenwick-pas"))

        assert (tried.readable, tried.answered) == (False, answered)
        assert tried.says[0].startswith(says)
        assert (await (await Line.to(port)).send(raw))[0] == answered


async def test_the_book_is_told_of_every_message_that_was_received(service_database: Any):
    async with a_door(service_database) as hospital:
        await hospital.put(adt(control="1"), adt(control="2", number="M2"))
        await hospital.put(adt(control="3", application="LAB", number="M3"), sender=LAB)
        book = receiving(hospital)
        await book._book(hospital.clock.now())
        assert await lines(hospital) == [], "what is settled is told: no transaction can still come in between"

        hospital.clock.at += timedelta(minutes=2)
        await book._book(hospital.clock.now())
        await book._book(hospital.clock.now())

        (line,) = await lines(hospital)
        assert line["states"] == ["messages 1 to 3", "fenwick-lab=1", "fenwick-pas=2"]
        assert len(line["digest"]) == 64


@pytest.fixture
def a_week(service_database: Callable[[str], Awaitable[Any]]) -> Any:
    async def make(hospital: Hospital, sender: str, each_hour: int) -> None:
        for back in range(14 * 24, 0, -1):
            await counting.add_heard(hospital.db, {sender: each_hour}, hospital.clock.now() - timedelta(hours=back))

    return make


async def test_a_sender_that_is_silent_beyond_its_rhythm_is_flagged_and_a_quiet_one_is_not(service_database: Any, a_week: Any):
    async with a_door(service_database) as hospital:
        await a_week(hospital, PAS.id, 20)
        await a_week(hospital, LAB.id, 1)
        found = await Queue(receiving(hospital)).queue(MessagesAsked())

    states = {each.id: each for each in found.senders}
    assert states[PAS.id].silent
    assert states[PAS.id].says.startswith("Nothing for 60 min, when about 20 messages would have come")
    assert not states[LAB.id].silent
    assert SENT


async def test_a_few_hours_of_a_month_tell_of_its_silence_what_all_of_it_tells(service_database: Any):
    """Of two hundred senders a month of hours is 140,000 rows, and the page of messages asks at each look."""
    told = random.Random(7)
    async with a_door(service_database) as hospital:
        now, known = hospital.clock.now(), dict[str, dict[datetime, int]]()
        gone = [timedelta(minutes=told.choice((1, 70, 60 * 9, 60 * 24 * 4, 60 * 24 * 40))) for _ in range(60)]
        lasts = {f"s{number}": now - each for number, each in enumerate(gone)}
        for sender, last in lasts.items():
            hour, rate = last.replace(minute=0, second=0, microsecond=0), told.choice((2, 30))
            backs = [each for each in range(told.choice((1, 24 * 5, 24 * 28))) if not each or told.random() < 0.9]
            known[sender] = {hour - timedelta(hours=back): told.randrange(rate) for back in backs}
        rows = [(sender, hour, count, lasts[sender]) for sender, counts in known.items() for hour, count in counts.items()]
        await hospital.db.executemany("INSERT INTO rhythm (sender, hour, count, last) VALUES ($1, $2, $3, $4)", rows)

        found = {each.sender: each for each in await counting.rhythms(hospital.db, 29, now)}

    says = {sender: silence(known[sender], last, now) for sender, last in lasts.items()}
    assert {sender: silence(each.counts, each.last, now) for sender, each in found.items()} == says
    assert 5 < sum(map(bool, says.values())) < 55
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert {sender: each.today for sender, each in found.items()} == {
        sender: sum(count for hour, count in counts.items() if hour >= midnight) for sender, counts in known.items()
    }
    assert all(len(found[sender].counts) <= 34 for sender, last in lasts.items() if now - last < timedelta(hours=2))


@pytest.mark.parametrize("sender", [PAS, msgspec.structs.replace(PAS, silent_after_s=3_600)], ids=["its rhythm", "its row"])
async def test_a_sender_that_is_silent_for_months_is_flagged_yet_and_when_it_was_last_heard_is_not_forgotten(
    service_database: Any, a_week: Any, sender: Any
):
    async with a_door(service_database, senders=(sender,)) as hospital:
        await a_week(hospital, PAS.id, 20)
        heard = hospital.clock.now() - timedelta(hours=1)
        hospital.clock.at += timedelta(days=90)
        await receiving(hospital)._count()
        (state,) = (await Queue(receiving(hospital)).queue(MessagesAsked())).senders

    assert (state.silent, state.last_at) == (True, stamp(heard))
    assert state.says.startswith("Nothing for 90 days")


async def test_a_sender_that_never_sent_anything_is_flagged_a_day_after_it_was_let_in_or_as_its_row_says(service_database: Any):
    hasty = msgspec.structs.replace(LAB, silent_after_s=600)
    async with a_door(service_database, senders=(PAS, hasty)) as hospital:
        door = receiving(hospital)

        async def silent() -> dict[str, str]:
            await door._count()
            found = await Queue(door).queue(MessagesAsked())
            return {each.id: each.says for each in found.senders if each.silent}

        at_first = await silent()
        hospital.clock.at += timedelta(minutes=30)
        soon = await silent()
        hospital.clock.at += timedelta(days=3)
        late = await silent()
        await hospital.put(adt())
        heard = await silent()

    assert (at_first, soon) == ({}, {LAB.id: "Nothing has ever come from it; it is awaited for 30 min."})
    assert late == dict.fromkeys((PAS.id, LAB.id), "Nothing has ever come from it; it is awaited for 3 days.")
    assert set(heard) == {LAB.id}


async def test_files_that_were_refused_are_counted_until_somebody_clears_them_away(service_database: Any, tmp_path: Path):
    apart = tmp_path / PAS.id / "refused"
    apart.mkdir(parents=True)
    for name in ("night.csv", "night.csv.receipt.json", "night-2.csv", "night-2.csv.receipt.json"):
        (apart / name).touch()
    async with a_door(service_database) as hospital:
        desk = Queue(receiving(hospital), tmp_path)
        before = {each.id: each.refused_files for each in (await desk.queue(MessagesAsked())).senders}
        (apart / "night.csv").unlink()
        after = {each.id: each.refused_files for each in (await desk.queue(MessagesAsked())).senders}

    assert (before[PAS.id], before[LAB.id], after[PAS.id]) == (2, 0, 1)
