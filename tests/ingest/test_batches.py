"""Does an envelope whose counts are not true say so to its sender and to a human, and lose none of what came?"""

import base64
from pathlib import Path
from typing import Any

import pytest
from tests.ingest.a_hospital import PAS, Line, a_door, a_hospital, adt, listening, receiving
from tests.ingest.test_receive import sent
from tests.ingest.test_watching import at, lay, receipt, taken

from carerecord.contracts.ingest import DiscardAsked, MessageAsked, MessagesAsked, ReplayAsked, TryAsked
from carerecord.ingest.batches import envelope_of, messages_of, miscounted
from carerecord.ingest.kinds import ENVELOPE
from carerecord.ingest.queue import Queue

ONE, TWO = adt(number="M1", control="C1"), adt(number="M2", control="C2")
HEAD = b"FHS|^~\\&|PAS|R1A\rBHS|^~\\&|PAS|R1A\r"
SHORT = HEAD + ONE + TWO + b"BTS|3|night\rFTS|1\r"
SAYS = "BTS-1 says 3, and 2 came."


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (HEAD + ONE + TWO + b"BTS|2\rFTS|1\r", ""),
        (SHORT, SAYS),
        (SHORT.replace(b"\r", b"\r\n"), SAYS),
        (HEAD.replace(b"|", b"#") + ONE + b"BTS#2\r", "BTS-1 says 2, and 1 came."),
        (HEAD + ONE + b"BTS|1\rBHS|^~\\&\r" + TWO + b"BTS|2\rFTS|2\r", "BTS-1 says 2, and 1 came."),
        (HEAD + ONE + b"BTS|1\rBHS|^~\\&\r" + TWO + b"BTS|1\rFTS|2\r", ""),
        (HEAD + ONE + b"BTS|1\rFTS|2\r", "FTS-1 says 2, and 1 with 1 messages came."),
        (b"FHS|^~\\&|PAS\r" + ONE + TWO + b"FTS|2\r", ""),  # meant as the number of messages, as many do
        (b"FHS|^~\\&|PAS\r" + ONE + TWO + b"FTS|1\r", ""),
        (HEAD + ONE + TWO + b"BTS\rFTS|\r", ""),
        (HEAD + ONE + TWO + b"BTS|two\r", ""),
        (HEAD + ONE + TWO, ""),
    ],
)
def test_an_envelope_is_held_against_what_came(raw: bytes, says: str):
    assert miscounted(raw) == says


def test_what_is_kept_of_it_names_the_messages_and_holds_none_of_their_words():
    kept = envelope_of(SHORT)

    assert kept == HEAD + b"BTS|3|night\rFTS|1\rNTE|1||came: C1 C2\r"
    assert tuple(messages_of(kept)) == ()


async def test_a_batch_that_is_short_is_told_so_and_what_came_of_it_is_filed(service_database: Any):
    async with a_hospital(service_database) as hospital, listening(hospital) as (_, port):
        line = await Line.to(port)
        assert await line.send(SHORT) == ("AE", "C1", SAYS)
        odd = SHORT.replace(b"M2^^^R1A", b"M2^^^R1A\0")
        code, _, says = await line.send(odd)
        assert (code, says[: len(SAYS) + 20]) == ("AE", f"{SAYS} Message 2 of 2: Seg"[: len(SAYS) + 20])
        await hospital.file_all()
        assert len(await hospital.history("Patient")) == 2

        desk = Queue(receiving(hospital))
        waits = [each for each in (await desk.queue(MessagesAsked())).messages if each.trigger == "BATCH"]
        assert [(each.sender, each.state, each.reason) for each in waits] == [(PAS.id, "unreadable", SAYS)]
        assert "came: C1 C2" in (await desk.message(MessageAsked(waits[0].id, "Why?"))).text
        await desk.replay(ReplayAsked(waits[0].id))
        await hospital.file_all()
        (still,) = [each for each in (await desk.queue(MessagesAsked())).messages if each.trigger == "BATCH"]
        assert (still.state, still.reason) == ("unreadable", ENVELOPE), "whoever replays all does not lose that one is missing"
        await desk.discard(DiscardAsked(still.id, "It was sent again."))
        tried = await desk.attempt(TryAsked(base64.b64encode(SHORT).decode(), PAS.id))
    assert (tried.readable, tried.says, tried.answered) == (False, (SAYS,), "AE")


async def test_one_over_http_and_one_in_the_folder_are_told_the_same(service_database: Any, tmp_path: Path):
    async with a_door(service_database) as hospital:
        (told,) = await sent(hospital, SHORT, sender=PAS.id)
        assert (told.outcome, told.reason) == ("unreadable", SAYS)
        assert f"|C1|{SAYS}" in base64.b64decode(told.answer).decode()
        lay(tmp_path, "night.hl7", SHORT)
        await taken(at(hospital), tmp_path)

        assert await hospital.journalled() == 3, "two messages and their envelope, each once"
    said = receipt(tmp_path, "night.hl7")
    assert (said["messages"], said["taken"], said["envelope"]) == (2, 2, SAYS)


async def test_an_envelope_in_a_name_that_nobody_knows_is_answered_and_not_kept(service_database: Any):
    async with a_door(service_database) as hospital, listening(hospital) as (_, port):
        code, _, says = await (await Line.to(port)).send(SHORT.replace(b"|PAS|R1A|CARE", b"|NEW|R1A|CARE"))

        assert (code, await hospital.journalled()) == ("AR", 0)
        assert says.startswith(SAYS)
