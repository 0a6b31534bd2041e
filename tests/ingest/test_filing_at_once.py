"""May several workers file what one organisation sends, at the same moment? Each person in order, and no word of anybody lost."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.ingest.a_hospital import SENT, Hospital, a_hospital, a_house_of, adt, hl7_time, lane, the_answer

from carerecord.contracts.holdings import WRITE, Issue, WriteAsked, Written
from carerecord.contracts.patients import TAKE, TakeAsked, Taken
from carerecord.ingest import head as heads
from carerecord.ingest.journal.arrivals import LANES, whose
from carerecord.kit.part import answer


def result(number: str, value: str, control: str, *, minutes: int = 0) -> bytes:
    """Of one and the same report, whoever is said to be its person."""
    at = hl7_time(SENT + timedelta(minutes=minutes))
    return (
        f"MSH|^~\\&|PAS|R1A|CARE|ROUTE|{at}+0000||ORU^R01|{control}|P|2.4\rPID|1||{number}^^^R1A^MR||MARLOW^EDITH||19480314|F\r"
        f"OBR|1|P1|F1|UE^Urea^L|||20261101110000\rOBX|1|NM|UR^Urea^L||{value}|mmol/L|2-7||||F\r"
    ).encode()


def apart(one: str) -> str:
    """A number of another lane."""
    return next(f"M{each}" for each in range(100) if lane(adt(number=f"M{each}")) != lane(adt(number=one)))


PID = "MSH|^~\\&|PAS|R1A|C|R|20261101||ADT^A28|1|P|2.4\rEVN|A28\rPID|1|{}|{}|\r"


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (PID.format("", "M1^^^R1A^MR~9990000018^^^NHS^NH"), b"M1"),
        (PID.format("M1^^^R1A", ""), b"M1"),
        (PID.format("M2", "M1"), b"M1"),
        (PID.format("", '""'), b""),
        (PID.format("", ""), b""),
        ("MSH#*~\\&#PAS#R1A#C#R#20261101##ADT*A28#1#P#2.4\rPID#1##M1*R1A\r", b"M1"),
        ("MSH|^~\\&|PAS|R1A|C|R|20261101||MFN^M02|1|P|2.4\rMFI|PRA\r", b""),
        ("MSH|^~\\&|PAS|R1A|C|R|20261101||ADT^A28|1|P|2.4\rPID", b""),
    ],
)
def test_the_number_of_the_person_says_who_files_it(raw: str, number: bytes):
    assert whose(raw.encode(), heads.read(raw.encode())) == number


def test_everything_of_one_person_is_in_one_lane_and_people_are_in_all_of_them():
    of_one = {lane(adt(number="M1")), lane(adt("A31", number="M1", family="WED", control="7")), lane(result("M1", "5.8", "2"))}
    assert len(of_one) == 1
    assert {lane(adt(number=f"M{each}")) for each in range(100)} == set(range(LANES))


async def texts(hospital: Hospital, type_: str) -> list[bytes]:
    """All versions of the one resource of this type."""
    return [each.text for each in sorted(await hospital.history(type_), key=lambda each: each.version)]


async def held_at(hospital: Hospital, refuses: str = "") -> tuple[Hospital, asyncio.Event, asyncio.Event]:
    """Another worker, which stops before it writes, once; what it then writes of this type is refused."""
    there, go = asyncio.Event(), asyncio.Event()
    write = await the_answer(hospital, "holdings", WRITE)

    async def waits(asked: WriteAsked) -> tuple[Written, ...]:
        first = not there.is_set()
        there.set()
        await go.wait()
        if first and any(each.type == refuses for each in asked.changes):
            issue = Issue("error", "structure", refuses, "is refused here")
            return tuple(Written(422, None, (issue,)) if each.type == refuses else Written(424) for each in asked.changes)
        written: tuple[Written, ...] = await write.handler(asked)
        return written

    return await a_house_of(hospital.pools, clock=hospital.clock, write=answer(WRITE, waits)), there, go


async def test_of_two_who_file_one_report_at_once_the_last_has_heard_both(service_database: Any):
    async with a_hospital(service_database) as hospital:
        slow, there, go = await held_at(hospital)
        await hospital.put(result("M1", "5.8", "1"))
        filing = asyncio.create_task(slow.file_all())
        await there.wait()
        await hospital.put(result(apart("M1"), "6.1", "2", minutes=5))
        await hospital.file_all()
        go.set()
        await filing
        versions = await texts(hospital, "Observation")

    assert [b"6.1" in each for each in versions] == [True, False, True], "what the slow one knew did not stand for long"


async def test_two_who_file_of_the_same_visits_at_once_wait_for_nobody_and_file_everything(service_database: Any):
    other = apart("M1")
    async with a_hospital(service_database) as hospital:
        workers = [await a_house_of(hospital.pools, clock=hospital.clock) for _ in range(2)]
        for number in range(12):
            of_visit = f"\rPV1|1|O|ED|||||||||||||||||V{number % 3}\rOBR|".encode()
            for person in ("M1", other):
                said = result(person, f"{number}.1", f"{person}-{number}", minutes=number)
                await hospital.put(said.replace(b"\rOBR|", of_visit))
        await asyncio.gather(*(each.file_all() for each in workers))
        versions = await texts(hospital, "Observation")

        assert (await hospital.waiting(), await hospital.stuck()) == (0, [])
        assert await hospital.db.fetchval("SELECT count(*) FROM message") == 24
    assert b'"value":11.1' in versions[-1]


async def test_what_is_refused_in_the_end_is_taken_out_of_what_others_settled_with_it(service_database: Any):
    async with a_hospital(service_database) as hospital:
        slow, there, go = await held_at(hospital, refuses="DiagnosticReport")
        await hospital.put(result("M1", "5.8", "1", minutes=5))
        filing = asyncio.create_task(slow.file_all())
        await there.wait()
        await hospital.put(result(apart("M1"), "6.1", "2"))
        await hospital.file_all()
        settled = (await texts(hospital, "Observation"))[-1]
        go.set()
        await filing
        stands = (await texts(hospital, "Observation"))[-1]
        stuck = await hospital.stuck()

    assert b"5.8" in settled
    assert b"5.8" not in stands
    assert b"6.1" in stands
    assert [(state, tries) for state, tries, _ in stuck] == [("again", 1)]


async def test_the_index_is_told_again_where_another_worker_told_it_something_else_in_between(service_database: Any):
    told: list[str] = []

    async with a_hospital(service_database) as hospital:
        take = await the_answer(hospital, "patients", TAKE)

        async def takes(asked: TakeAsked) -> tuple[Taken, ...]:
            told.extend(each.stated.demographics.names[0].family for each in asked.claims)
            taken: tuple[Taken, ...] = await take.handler(asked)
            return taken

        one, other = [await a_house_of(hospital.pools, clock=hospital.clock, take=answer(TAKE, takes)) for _ in range(2)]
        # Written in two ways the numbers of one person are in two lanes, and both are in hand.
        ways = {id(one): "MRN1^^^R1A^MR~9990000018^^^NHS^NH", id(other): "9990000018^^^NHS^NH~MRN1^^^R1A^MR"}
        lanes: dict[int, int] = {}
        for hour, (worker, family) in enumerate([(one, "OLD"), (other, "NEW"), (one, "OLD"), (one, "OLD")]):
            said = adt("A31", family=family, at=SENT + timedelta(hours=hour), control=str(hour))
            await hospital.put(said.replace(b"MRN1^^^R1A^MR", ways[id(worker)].encode()))
            if id(worker) not in lanes:
                (lanes[id(worker)],) = await worker.filer.lease(1)
            assert await worker.filer._once(lanes[id(worker)])

    assert len(set(lanes.values())) == 2
    assert told == ["OLD", "NEW", "OLD"]
