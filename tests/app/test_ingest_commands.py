"""What does an operator read at the terminal of messages that wait, and by which code does a monitor know?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carerecord.app.commands import ingest
from carerecord.contracts.ingest import (
    DISCARD,
    LEAVE_PERSON,
    MESSAGE,
    MESSAGES,
    PEOPLE_AGAIN,
    PEOPLE_WAITING,
    REPLAY,
    TRY,
    DiscardAsked,
    LeavePersonAsked,
    MessageAsked,
    MessageQueue,
    MessageShown,
    PeopleAgainAsked,
    PeopleWaiting,
    PersonWaiting,
    QueueChanged,
    ReplayAsked,
    SenderState,
    StuckMessage,
    Tried,
)
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.part import answer

STUCK = StuckMessage(17, "fenwick-pas", "ADT^A01", "parked", "No number.", 3, "2026-11-22T09:00:00Z")
SILENT = SenderState("fenwick-lab", "Fenwick laboratory", "fenwick", silent=True, says="Nothing for 2 hours.")


class Porter:
    """Says what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.queue = MessageQueue("2026-11-22T10:00:00Z", 0, "", 0, (), (), port=2575)
        self.people = PeopleWaiting(0)
        self.tried = Tried(True, ("ZZ1-3 is not carried",), "ADT^A28", ("MRN1",), (), (b'{"resourceType":"Patient"}',))  # type: ignore[arg-type]

    @asynccontextmanager
    async def calls(self, *_: Any, **__: Any) -> AsyncIterator[Calls]:
        def says(what: Any) -> Any:
            async def answered(asked: Any) -> Any:
                self.asked.append(asked)
                return what() if callable(what) else what

            return answered

        shown = MessageShown(17, "fenwick-pas", "ADT^A01", "2026-11-22T09:00:00Z", "MSH|…\nPID|1", "parked", "No number.")
        answers = [
            answer(MESSAGES, says(lambda: self.queue)), answer(MESSAGE, says(shown)), answer(REPLAY, says(QueueChanged(4))),
            answer(DISCARD, says(QueueChanged(1))), answer(TRY, says(lambda: self.tried)),
            answer(PEOPLE_WAITING, says(lambda: self.people)), answer(PEOPLE_AGAIN, says(QueueChanged(4))),
            answer(LEAVE_PERSON, says(QueueChanged(1))),
        ]  # fmt: skip
        yield Calls("operator", {"ingest": Direct(answers)})


@pytest.fixture
def porter(monkeypatch: pytest.MonkeyPatch) -> Porter:
    made = Porter()
    monkeypatch.setattr(ingest, "operator_calls", made.calls)
    monkeypatch.setattr(ingest, "gate_with", lambda: None)
    return made


def told(*words: str) -> Any:
    return CliRunner().invoke(ingest.app, words)


def test_an_empty_queue_is_well_and_one_that_is_not_tells_a_monitor(porter: Porter):
    assert told("queue").exit_code == 0

    porter.queue = MessageQueue("2026-11-22T10:00:00Z", 3, "2026-11-22T09:59:00Z", 1, (STUCK,), (SILENT,), port=2575)
    found = told("queue")
    assert found.exit_code == 1
    assert "No number." in found.output
    assert "fenwick-lab is silent. Nothing for 2 hours." in found.output


def test_files_that_were_refused_tell_a_monitor(porter: Porter):
    refused = SenderState("fenwick-night", "Night", "fenwick", refused_files=2)
    porter.queue = MessageQueue("2026-11-22T10:00:00Z", 0, "", 0, (), (refused,), port=2575)
    found = told("queue")

    assert found.exit_code == 1
    assert "Files of fenwick-night that were refused, each beside its reason: 2." in found.output


def test_a_message_is_shown_only_for_a_reason(porter: Porter):
    assert told("show", "17", "--reason", " ").exit_code == 1
    assert porter.asked == []

    assert "PID|1" in told("show", "17", "--reason", "Why is it stuck?").output
    assert porter.asked == [MessageAsked(17, "Why is it stuck?")]


def test_what_is_mended_is_said(porter: Porter):
    assert "4 to be tried again" in told("replay", "--sender", "fenwick-pas").output
    assert told("discard", "17", "--reason", "A test").exit_code == 0
    assert porter.asked == [ReplayAsked(0, "fenwick-pas", False), DiscardAsked(17, "A test")]


def test_people_who_wait_are_listed_and_mended_and_tell_a_monitor(porter: Porter):
    assert told("people").exit_code == 0

    waits = PersonWaiting("p1", "midwives", "2026-11-20T09:00:00Z", "Somebody else.", 4, "2026-11-22T15:00:00Z")
    porter.people = PeopleWaiting(2, (waits,))
    found = told("people")
    assert found.exit_code == 1
    assert "Patient/p1 of midwives, since 2026-11-20T09:00:00Z" in found.output
    assert "Somebody else." in found.output
    assert "There are 2 in all" in found.output
    porter.asked.clear()
    assert "4 to be asked again" in told("people-again", "Patient/p1").output
    assert told("people-again", "--all").exit_code == 0
    assert told("people-leave", "p1", "--reason", "A test of theirs").exit_code == 0
    assert porter.asked == [
        PeopleAgainAsked("p1", False), PeopleAgainAsked("", True), LeavePersonAsked("p1", "A test of theirs"),
    ]  # fmt: skip


def test_a_message_is_tried_by_its_very_bytes(porter: Porter, tmp_path: Path):
    file = tmp_path / "message.hl7"
    file.write_bytes(b"MSH|^~\\&|PAS\r\xff")

    found = told("try", str(file), "--as", "fenwick-pas")

    assert found.exit_code == 0
    assert '"resourceType": "Patient"' in found.output
    assert porter.asked[0].content == "TVNIfF5+XCZ8UEFTDf8="
    porter.tried = Tried(False, ("It does not begin with MSH.",))
    assert told("try", str(file), "--as", "fenwick-pas").exit_code == 1
