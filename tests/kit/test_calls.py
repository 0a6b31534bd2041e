"""A question is carried the same way in process and over a socket, and so is an error."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

import pytest
from msgspec import Raw, Struct
from structlog.testing import capture_logs
from tests.both_ways.ways import across_a_socket, agree, said

from carerecord.kit import request
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.errors import CareRecordError, Refused, Unavailable
from carerecord.kit.log import log_for
from carerecord.kit.part import Part, answer, answer_stream
from carerecord.kit.question import Question, Stream


class Sum(Struct, frozen=True):
    parts: tuple[int, ...]


class Told(Struct, frozen=True):
    total: int
    body: Raw = Raw(b"1.10")


ADD = Question("adder", "add", Sum, Told)
COUNT = Stream("adder", "count", Sum, Told)


async def add(asked: Sum) -> Told:
    if not asked.parts:
        raise Refused("There is nothing to add.", rule="adder/1")
    if asked.parts == (13,):
        raise ZeroDivisionError("a name that must not be told: SMITH")
    return Told(sum(asked.parts))


async def count(asked: Sum) -> AsyncIterator[Told]:
    for each in asked.parts:
        if each < 0:
            raise Refused("It counts upwards.", rule="adder/2")
        yield Told(each)


def the_adder() -> Part:
    return Part("adder", answers=(answer(ADD, add), answer_stream(COUNT, count)))


async def make(_: AsyncExitStack) -> Part:
    return the_adder()


async def test_an_answer_an_error_a_fault_and_a_stream_are_the_same_both_ways():
    answers = await agree(
        make,
        [(ADD, Sum((1, 2))), (ADD, Sum(())), (ADD, Sum((13,))), (COUNT, Sum((1, 2, 3))), (COUNT, Sum((1, -1))), (COUNT, Sum(()))],
    )
    assert answers[1].facts == (("rule", "adder/1"),)
    assert answers[2].error == "CareRecordError"
    assert len(answers[3].chunks) == 3
    assert answers[4].error == "Refused"
    assert answers[5].chunks == ()


async def test_a_fault_of_ours_is_told_without_its_inside():
    async with across_a_socket(the_adder()) as way:
        told = await said(way, ADD, Sum((13,)))
    assert "SMITH" not in told.says


@pytest.mark.parametrize("round_trip", [False, True])
async def test_a_fault_of_ours_in_one_process_is_written_down_by_whom_it_befell(round_trip):
    part = the_adder()
    way = Direct(part.answers, log=log_for("adder"), round_trip=round_trip)
    with capture_logs() as logs:
        told = await said(way, ADD, Sum((13,)))
        await said(way, ADD, Sum((1,)))
    assert "SMITH" not in told.says
    assert [(each["event"], each["question"]) for each in logs] == [("question.failed", ADD.name)]


async def test_received_bytes_cross_untouched():
    async with across_a_socket(the_adder()) as way:
        told = await Calls("asker", {"adder": way}).ask(ADD, Sum((1,)))
    assert bytes(told.body) == b"1.10"


async def test_a_caller_that_the_catalogue_does_not_name_is_refused():
    async with across_a_socket(the_adder(), callers=frozenset({"somebody-else"})) as way:
        told = await said(way, ADD, Sum((1,)))
    assert (told.error, told.facts) == ("Refused", (("rule", "door/catalogue"),))


async def test_a_caller_without_a_credential_is_refused():
    async with across_a_socket(the_adder()) as way:
        way._headers["X-Carerecord-Caller"] = "asker:00"
        told = await said(way, ADD, Sum((1,)))
    assert told.facts == (("rule", "door/credential"),)


async def test_a_service_of_an_older_build_that_does_not_know_a_question_is_silent_and_nothing_is_said_to_be_nowhere():
    newer = Question("adder", "add-again", Sum, Told)
    async with across_a_socket(the_adder()) as way:
        with pytest.raises(Unavailable) as caught:
            await way.ask(newer, Sum((1,)))
    assert caught.value.facts == {"service": "adder"}


async def test_a_service_that_is_gone_is_said_to_be_silent():
    async with across_a_socket(the_adder()) as way:
        way._address = "http://127.0.0.1:9"
        with pytest.raises(Unavailable) as caught:
            await way.ask(ADD, Sum((1,)))
    assert caught.value.facts == {"service": "adder"}


async def test_a_stream_that_is_closed_early_stops_the_work_behind_it():
    stopped = []

    async def endless(_: Sum) -> AsyncIterator[Told]:
        try:
            while True:
                yield Told(1)
        finally:
            stopped.append(True)

    calls = Calls("asker", {"adder": Direct((answer_stream(COUNT, endless),))})
    async with aclosing(calls.stream(COUNT, Sum(()))) as chunks:  # type: ignore[type-var]
        async for _ in chunks:
            break
    assert stopped == [True]


async def test_a_service_that_the_catalogue_does_not_let_it_ask_cannot_be_asked():
    with pytest.raises(LookupError, match="does not let viewer ask adder"):
        await Calls("viewer", {}).ask(ADD, Sum(()))


async def test_the_request_id_goes_along():
    seen = []

    async def note(_: Sum) -> Told:
        seen.append(request.current())
        return Told(0)

    part = Part("adder", answers=(answer(ADD, note),))
    async with across_a_socket(part) as way:
        with request.request("page-request-1"):
            await way.ask(ADD, Sum(()))
    assert seen == ["page-request-1"]


def test_an_unknown_error_of_a_newer_version_is_still_an_error():
    from carerecord.kit.errors import by_name

    assert by_name("SomethingNewer") is CareRecordError
