"""How are messages filed? Each once, in its order, whatever fails in between, and nothing is ever stuck in silence."""

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from tests.ingest.a_hospital import PAS, SENT, Hospital, a_hospital, a_house_of, adt, hl7_time, lane, neighbour, the_answer

from carerecord.contracts.holdings import WRITE, Issue, WriteAsked, Written
from carerecord.contracts.patients import INSTRUCT, TAKE, InstructAsked, Instructed, TakeAsked, Taken
from carerecord.fhir.bundle import parse as json_of
from carerecord.ingest.filing import FAULT, GIVEN_UP
from carerecord.ingest.head import Verdict, read
from carerecord.ingest.journal.arrivals import Arrival
from carerecord.ingest.journal.store import adding
from carerecord.ingest.kinds import filings
from carerecord.kit.errors import Unavailable
from carerecord.kit.part import answer


async def provenances(hospital: Hospital) -> list[str]:
    """The numbers of the messages that were filed, one for each version that stands in the history."""
    found = [json.loads(each.text) for each in await hospital.history("Provenance")]
    return sorted(each["entity"][0]["what"]["identifier"]["value"] for each in found)


async def test_a_message_becomes_a_patient_with_where_it_came_from(service_database: Any):
    async with a_hospital(service_database) as hospital:
        assert await hospital.put(adt("A28")) == [Verdict.TAKEN]
        await hospital.file_all()

        (patient,) = await hospital.history("Patient")
        (provenance,) = await hospital.history("Provenance")
        pointer = await hospital.pools["locator"].fetchrow("SELECT source, local_id FROM pointer")

    assert b"MARLOW" in patient.text.upper()
    assert f"Patient/{patient.id}".encode() in provenance.text
    assert b'"value":"1"' in provenance.text, "the number of the message in the journal"
    assert pointer is not None
    assert pointer["source"] == "fenwick"


async def test_a_message_that_came_three_times_has_one_effect(service_database: Any):
    async with a_hospital(service_database) as hospital:
        for control in ("1", "1", "2"):
            await hospital.put(adt("A28", control=control))
            await hospital.file_all()

        assert len(await hospital.history("Patient")) == 1
        assert await provenances(hospital) == ["1"]


async def test_of_two_statements_the_one_that_was_recorded_last_stands_whichever_came_last(service_database: Any):
    old, new = adt("A31", family="OLD", control="1"), adt("A31", family="NEW", control="2", at=SENT + timedelta(hours=1))
    async with a_hospital(service_database) as hospital:
        await hospital.put(new)
        await hospital.file_all()
        await hospital.put(old)
        await hospital.file_all()

        newest = (await hospital.history("Patient"))[0]

    assert b"NEW" in newest.text.upper()


async def test_a_number_that_the_index_cannot_hold_is_parked_and_whoever_waits_behind_goes_on(service_database: Any):
    """A database that refuses a value is not one that is away: to wait for it would hold up the lane for ever."""
    endless = random.Random(1).randbytes(4_000).hex()
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(number=endless, control="1"), adt(number=neighbour(endless), control="2"))
        await hospital.file_all()
        assert len(await hospital.history("Patient")) == 1
        for _ in range(3):
            await hospital.later(10_000)

        assert await hospital.stuck() == [("parked", 3, FAULT)]


async def test_poison_is_tried_three_times_and_parked_while_what_follows_goes_on(service_database: Any):
    tried = 0

    def reading(raw: bytes, *told: Any, **named: Any) -> Any:
        nonlocal tried
        if b"POISON" in raw:
            tried += 1
            raise RecursionError
        return filings(raw, *told, **named)

    async with a_hospital(service_database) as hospital:
        hospital.filer.read = reading
        await hospital.put(adt(family="POISON", number="M1", control="1"), *[adt(number=f"M{each}") for each in (2, 3)])
        await hospital.file_all()
        assert await provenances(hospital) == ["2", "3"], "later ones flow at once"
        for _ in range(5):
            await hospital.later(30)

        assert tried == 3
        assert await hospital.stuck() == [("parked", 3, FAULT)]
        assert await hospital.waiting() == 0


async def test_what_holdings_does_not_take_is_parked_with_its_reason_and_costs_nobody_else(service_database: Any):
    refusing: dict[str, Any] = {}

    async def write(asked: WriteAsked) -> tuple[Written, ...]:
        bad = next((place for place, each in enumerate(asked.changes) if b"BADLY" in each.text.upper()), None)
        if bad is None:
            written: tuple[Written, ...] = await refusing["whole"].handler(asked)
            return written
        told = Written(422, None, (Issue("error", "structure", "Patient.name", "must be an array"),))
        return tuple(told if place == bad else Written(424) for place in range(len(asked.changes)))

    async with a_hospital(service_database, write=answer(WRITE, write)) as hospital:
        refusing["whole"] = await the_answer(hospital, "holdings", WRITE)
        await hospital.put(adt(number="M1"), adt(number="M2", family="BADLY"), adt(number="M3"))
        await hospital.file_all()
        for _ in range(3):
            await hospital.later(30)

        assert await provenances(hospital) == ["1", "3"]
        says = "Holdings did not take its Patient (422) at Patient.name: must be an array"
        assert await hospital.stuck() == [("parked", 3, says)]
        assert await hospital.db.fetchval("SELECT count(*) FROM statement WHERE message = 2") == 0, "nothing stumbles over it"


async def test_that_alone_is_believed_to_be_new_of_which_nothing_was_said_before(service_database: Any):
    believed: list[dict[str, bool]] = []
    whole: dict[str, Any] = {}

    async def write(asked: WriteAsked) -> tuple[Written, ...]:
        believed.append({each.type: each.likely_new for each in asked.changes})
        written: tuple[Written, ...] = await whole["write"].handler(asked)
        return written

    async with a_hospital(service_database, write=answer(WRITE, write)) as hospital:
        whole["write"] = await the_answer(hospital, "holdings", WRITE)
        await hospital.put(adt("A28"))
        await hospital.file_all()
        await hospital.put(adt("A31", family="OTHER", control="2", at=SENT + timedelta(hours=1)))
        await hospital.file_all()
        await hospital.db.execute("INSERT INTO waiting (lane, id) SELECT $1, id FROM message", lane(adt()))
        await hospital.file_all()

    new, known = {"Patient": True, "Provenance": True}, {"Patient": False, "Provenance": True}
    assert believed == [new, known, {"Patient": False, "Provenance": False}], "what is filed again was said before"


async def test_what_was_said_before_stands_though_who_said_it_again_ended_its_worker_and_must_wait_then(service_database: Any):
    async def take(asked: TakeAsked) -> tuple[Taken, ...]:
        return tuple(Taken(each.stated.source, each.stated.local_id, "", (), "waits", say="Whose?") for each in asked.claims)

    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(control="1"))
        await hospital.file_all()
        await hospital.put(adt(control="2", at=SENT + timedelta(hours=1)))
        killed = await a_house_of(hospital.pools, clock=hospital.clock)
        _die(killed, "of", before=False)
        for lane in await killed.filer.lease(8):
            with pytest.raises(Killed):
                await killed.filer._once(lane)
        hospital.clock.at += timedelta(seconds=31)
        later = await a_house_of(hospital.pools, clock=hospital.clock, take=answer(TAKE, take))
        await later.file_all()
        await later.later(5)

        assert await hospital.stuck() == [("again", 0, "Whose?")]
        assert not any(each.gone for each in await hospital.history("Patient"))


async def test_what_was_said_before_stands_although_a_message_that_said_it_again_is_not_filed(service_database: Any):
    refusing: dict[str, Any] = {}

    async def write(asked: WriteAsked) -> tuple[Written, ...]:
        if any(b"BADLY" in each.text for each in asked.changes):
            told = Written(422, None, (Issue("error", "structure", "AllergyIntolerance.code", "is odd"),))
            return tuple(told if b"BADLY" in each.text else Written(424) for each in asked.changes)
        written: tuple[Written, ...] = await refusing["whole"].handler(asked)
        return written

    async with a_hospital(service_database, write=answer(WRITE, write)) as hospital:
        refusing["whole"] = await the_answer(hospital, "holdings", WRITE)
        await hospital.put(adt())
        await hospital.file_all()
        await hospital.put(adt(at=SENT + timedelta(hours=1), more=["AL1|1|DA|^BADLY"], control="2"))
        await hospital.file_all()
        for _ in range(3):
            await hospital.later(30)
        assert [state for state, _, _ in await hospital.stuck()] == ["parked"]
        said = "SELECT message FROM statement WHERE thread LIKE 'Patient/%' ORDER BY message"
        assert [row["message"] for row in await hospital.db.fetch(said)] == [1]

        await hospital.put(adt(at=SENT + timedelta(hours=2), control="3"))
        await hospital.file_all()
        assert [row["message"] for row in await hospital.db.fetch(said)] == [1, 3], "of a person's, first and last"
        await hospital.put(adt(at=SENT + timedelta(hours=3), control="4"))
        await hospital.file_all()
        assert [row["message"] for row in await hospital.db.fetch(said)] == [1, 4], "and no more, however often it is said"


async def test_what_is_ruled_of_one_has_nothing_of_another_settled_who_is_filed_beside_them(service_database: Any):
    visit = "PV1|1|I|WARD1^^^R1A||||||||||||||||V1^^^R1A"
    known: dict[str, Any] = {"changes": 0}

    async def write(asked: WriteAsked) -> tuple[Written, ...]:
        known["changes"] += len(asked.changes)
        written: tuple[Written, ...] = await known["whole"].handler(asked)
        return written

    def of_visit(number: int) -> bytes:
        numbered = result("F", f"R{number}").replace(b"|P1|F1|", b"|P%d|F%d|" % (number, number))
        return numbered.replace(b"\rOBR|", f"\r{visit}\rOBR|".encode())

    async with a_hospital(service_database, write=answer(WRITE, write)) as hospital:
        known["whole"] = await the_answer(hospital, "holdings", WRITE)
        await hospital.put(adt("A01", more=(visit,)), *map(of_visit, range(20)))
        await hospital.file_all()
        known["changes"] = 0
        await hospital.put(adt("A29", number=neighbour("MRN1"), control="2"), of_visit(20))
        await hospital.file_all()

    assert 0 < known["changes"] < 10


async def test_while_holdings_is_away_everything_waits_untried_and_is_filed_when_it_is_back(service_database: Any):
    keeper: dict[str, Any] = {"away": True}

    async def write(asked: WriteAsked) -> tuple[Written, ...]:
        if keeper["away"]:
            raise Unavailable("The holdings service does not answer.", service="holdings")
        written: tuple[Written, ...] = await keeper["whole"].handler(asked)
        return written

    async with a_hospital(service_database, write=answer(WRITE, write)) as hospital:
        keeper["whole"] = await the_answer(hospital, "holdings", WRITE)
        await hospital.put(*[adt(number=f"M{each}") for each in range(5)])
        (lane,) = await hospital.filer.lease(1)
        await asyncio.wait_for(hospital.filer.drain(lane), 5)
        assert (await hospital.waiting(), await hospital.stuck()) == (5, [])

        keeper["away"] = False
        await hospital.file_all()

        assert await hospital.waiting() == 0
        assert len(await provenances(hospital)) == 5


async def test_whose_it_is_may_wait_for_a_person_and_is_asked_again(service_database: Any):
    known: dict[str, Any] = {"waits": True}

    async def take(asked: TakeAsked) -> tuple[Taken, ...]:
        if known["waits"]:
            say = "This number looks like somebody else's now."
            return tuple(Taken(each.stated.source, each.stated.local_id, "", (), "waits", say=say) for each in asked.claims)
        taken: tuple[Taken, ...] = await known["whole"].handler(asked)
        return taken

    async with a_hospital(service_database, take=answer(TAKE, take)) as hospital:
        known["whole"] = await the_answer(hospital, "patients", TAKE)
        await hospital.put(adt())
        for _ in range(5):
            await hospital.later(600)
        assert await hospital.stuck() == [("again", 0, "This number looks like somebody else's now.")]
        assert await hospital.history("Patient") == (), "nothing is filed under anybody"
        lines = await hospital.pools["holdings"].fetch("SELECT body FROM outbox WHERE kind = 'Line'")
        assert not [row for row in lines if json.loads(row["body"])["what"] == "resource-written"], "nor is anything in the book"

        known["waits"] = False
        await hospital.later(600)

        assert (await hospital.stuck(), await provenances(hospital)) == ([], ["1"])


async def test_two_are_joined_once_their_entries_are_and_parted_before_their_entries_are(service_database: Any):
    known: dict[str, Any] = {"seen": []}

    async def instruct(asked: InstructAsked) -> tuple[Instructed, ...]:
        if not asked.dry:
            page = await known["hospital"].history("Patient")
            newest = {each.id: each for each in reversed(page)}
            one = any(b'"replaced-by"' in each.text for each in newest.values())
            known["seen"].append((asked.instructions[0].kind, "their entries say one" if one else "their entries say two"))
        told: tuple[Instructed, ...] = await known["whole"].handler(asked)
        return told

    later = [SENT + timedelta(minutes=minutes) for minutes in (1, 2)]
    pid = "PID|2||MRN2^^^R1A^MR||UNKNOWN^MALE"
    async with a_hospital(service_database, instruct=answer(INSTRUCT, instruct)) as hospital:
        known |= {"whole": await the_answer(hospital, "patients", INSTRUCT), "hospital": hospital}
        await hospital.put(adt(), adt(number="MRN2", control="2", family="UNKNOWN", given="MALE"))
        await hospital.file_all()
        for control, trigger, at, more in (("3", "A40", later[0], "MRG|MRN2^^^R1A^MR"), ("4", "A37", later[1], pid)):
            await hospital.put(adt(trigger, control=control, at=at, more=[more]))
            await hospital.file_all()

    assert known["seen"] == [("merge", "their entries say one"), ("unlink", "their entries say one")]


async def test_what_the_index_refuses_is_refused_before_an_entry_says_so(service_database: Any):
    async def refuse(asked: InstructAsked) -> tuple[Instructed, ...]:
        return tuple(Instructed("refused", say="These two may not be linked.") for _ in asked.instructions)

    async with a_hospital(service_database, instruct=answer(INSTRUCT, refuse)) as hospital:
        await hospital.put(adt(), adt(number="MRN2", control="2", family="UNKNOWN", given="MALE"))
        await hospital.file_all()
        await hospital.put(adt("A40", control="3", at=SENT + timedelta(minutes=1), more=["MRG|MRN2^^^R1A^MR"]))
        await hospital.file_all()
        stuck, patients = await hospital.stuck(), await hospital.history("Patient")

    assert [each[2] for each in stuck] == ["These two may not be linked."]
    assert not any(b'"replaced-by"' in each.text for each in patients)


async def test_what_the_index_refuses_once_the_entries_say_so_is_taken_back_with_all_that_went_along(service_database: Any):
    """A human parted two in the very moment in which they were filed as one."""
    known: dict[str, Any] = {}

    async def refuse(asked: InstructAsked) -> tuple[Instructed, ...]:
        if not asked.dry:
            return tuple(Instructed("refused", say="These two may not be linked.") for _ in asked.instructions)
        told: tuple[Instructed, ...] = await known["whole"].handler(asked)
        return told

    async with a_hospital(service_database, instruct=answer(INSTRUCT, refuse)) as hospital:
        known["whole"] = await the_answer(hospital, "patients", INSTRUCT)
        other = adt(number="MRN2", control="2", family="UNKNOWN", given="MALE", more=["AL1|1|DA|^PENICILLIN"])
        await hospital.put(adt(), other)
        await hospital.file_all()
        (before,) = await hospital.history("AllergyIntolerance")
        await hospital.put(adt("A43", control="3", at=SENT + timedelta(minutes=1), more=["MRG|MRN2^^^R1A^MR"]))
        await hospital.file_all()
        stuck, allergies = await hospital.stuck(), await hospital.history("AllergyIntolerance")

    assert [each[2] for each in stuck] == ["These two may not be linked."]
    newest = max(allergies, key=lambda each: each.version)
    assert json.loads(newest.text)["patient"] == json.loads(before.text)["patient"]


def result(status: str, control: str, *, minutes: int = 0) -> bytes:
    at = hl7_time(SENT + timedelta(minutes=minutes))
    return (
        f"MSH|^~\\&|PAS|R1A|CARE|ROUTE|{at}+0000||ORU^R01|{control}|P|2.4\rPID|1||MRN1^^^R1A^MR||MARLOW^EDITH||19480314|F\r"
        f"OBR|1|P1|F1|UE^Urea^L|||20261101110000\rOBX|1|NM|UR^Urea^L||5.8|mmol/L|2-7||||{status}\r"
    ).encode()


async def test_a_withdrawn_result_is_gone_and_the_book_says_so_among_the_looks_at_the_person(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(), result("F", "2"))
        await hospital.file_all()
        await hospital.put(result("D", "3", minutes=5))
        await hospital.file_all()
        newest = (await hospital.history("Observation"))[0]
        rows = await hospital.db.fetch("SELECT body FROM outbox WHERE kind = 'Line'")
        pointer = await hospital.pools["locator"].fetchval("SELECT patient FROM pointer")

    (line,) = [json.loads(row["body"]) for row in rows]
    assert newest.gone
    assert (line["what"], line["patients"]) == ("item-withdrawn", [pointer])
    assert line["states"] == [f"Observation/{newest.id}", "message 3"]
    assert "5.8" not in json.dumps(line)


class Killed(BaseException):
    """Stands for kill -9: nothing that follows is run."""


@pytest.mark.parametrize(
    ("step", "before"),
    [
        ("threads.stated", True),
        ("threads.settled", True),
        ("_write", True),
        ("_write", False),
        *[
            pytest.param(step, before, marks=pytest.mark.soak)
            for step in ("threads.settled", "whose.people", "whose.instructed", "whose.pointed_to", "_written")
            for before in (True, False)
        ],
    ],
)
async def test_a_worker_that_ends_at_any_step_leaves_one_effect_to_the_next(service_database: Any, step: str, before: bool):
    async with a_hospital(service_database) as hospital:
        wed = adt("A31", family="WED", at=SENT + timedelta(hours=1), control="2")
        await hospital.put(adt("A28"), wed, adt(number=neighbour("MRN1")))
        _die(hospital, step, before=before)
        (lane,) = await hospital.filer.lease(1)
        with pytest.raises(Killed):
            await hospital.filer._once(lane)

        another = await a_house_of(hospital.pools, clock=hospital.clock)
        assert await another.filer.lease(8) == (), "it is in another's hand"
        await another.later(31)
        await another.later(5)

        assert (await another.waiting(), await another.stuck()) == (0, [])
        assert await provenances(another) == ["1", "2", "3"]
        assert len(await another.history("Patient")) == 2, "at once, as both messages have it"


def _die(hospital: Hospital, step: str, *, before: bool) -> None:
    room, _, name = step.rpartition(".")
    part = getattr(hospital.filer.effects, room) if room else hospital.filer.effects
    whole: Callable[..., Any] = getattr(part, name)

    async def ends(*told: Any, **how: Any) -> Any:
        if not before:
            await whole(*told, **how)
        raise Killed

    setattr(part, name, ends)


async def test_a_message_that_kills_its_worker_again_and_again_is_parked(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt(number="M1", family="DEADLY"), adt(number="M2"))
        for _ in range(9):  # among others, among few, and then alone
            filer = (await a_house_of(hospital.pools, clock=hospital.clock)).filer

            def deadly(raw: bytes, *told: Any, **named: Any) -> Any:
                if b"DEADLY" in raw:
                    raise Killed
                return filings(raw, *told, **named)

            filer.read = deadly
            try:
                for lane in await filer.lease(8):
                    while await filer._once(lane):
                        pass
            except Killed:
                pass
            hospital.clock.at += timedelta(seconds=31)

        assert await hospital.stuck() == [("parked", 4, GIVEN_UP)]
        assert await provenances(hospital) == ["2"]


@pytest.mark.parametrize("step", ["whose.people", "whose.known_no_more"])
async def test_what_a_message_said_that_kills_its_worker_again_and_again_is_in_no_record_and_settles_with_nothing(
    service_database: Any, step: str
):
    async with a_hospital(service_database) as hospital:
        await hospital.put(adt("A31", home="1 DEADLY ROAD", recorded=SENT + timedelta(minutes=5)))
        for _ in range(9):
            another = await a_house_of(hospital.pools, clock=hospital.clock)
            _die(another, step, before=False)
            for lane in await another.filer.lease(8):
                with suppress(Killed):
                    await another.filer._once(lane)
            hospital.clock.at += timedelta(seconds=61)
        assert await hospital.stuck() == [("parked", 3, GIVEN_UP)]
        assert all(each.gone for each in (await hospital.history("Patient"))[:1])

        await hospital.put(adt("A31", control="2", home=""))
        await hospital.file_all()

        patient = max(await hospital.history("Patient"), key=lambda each: each.version)
        assert "address" not in json_of(patient.text)


async def test_the_worker_files_what_comes_by_itself_and_stops_when_told(service_database: Any):
    async with a_hospital(service_database) as hospital:
        working = asyncio.create_task(hospital.filer.work())
        await asyncio.sleep(0.05)
        await hospital.put(*[adt(number=f"M{each}") for each in range(150)])
        async with asyncio.timeout(15):
            while await hospital.waiting():
                await asyncio.sleep(0.05)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

        assert len(await hospital.history("Patient")) == 100, "the newest hundred of 150"
        assert hospital.filer.filed == 150
        assert await hospital.db.fetchval("SELECT count(*) FROM lane WHERE owner <> ''") == 0


async def test_while_senders_wait_at_the_door_one_lane_is_filed_at_a_time_and_all_of_them_are(service_database: Any):
    async with a_hospital(service_database) as hospital:
        filer, at_once, most = hospital.filer, 0, 0
        once = filer._once

        async def counted(lane: int) -> bool:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            try:
                return await once(lane)
            finally:
                at_once -= 1

        filer.pressed, filer._once = lambda: True, counted  # type: ignore[method-assign]
        await hospital.put(*[adt(number=f"M{each}") for each in range(40)])
        working = asyncio.create_task(filer.work())
        async with asyncio.timeout(30):
            while await hospital.waiting():
                await asyncio.sleep(0.05)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    assert (filer.filed, most) == (40, 1)


async def test_the_door_is_pressed_while_messages_come(service_database: Any):
    async with a_hospital(service_database) as hospital:
        assert not hospital.journal.pressed
        hospital.journal.put(Arrival(adt(), read(adt()), PAS, Verdict.TAKEN, "", lambda _: None))
        assert hospital.journal.pressed
        await hospital.journal.settled()


async def test_those_of_one_group_are_answered_while_the_next_one_is_written(
    service_database: Any, monkeypatch: pytest.MonkeyPatch
):
    begun, answered = list[int](), list[str]()
    gates = [asyncio.Event(), asyncio.Event(), asyncio.Event()]
    add = adding.add

    async def held(*told: Any, **named: Any) -> frozenset[bytes]:
        begun.append(len(told[1]))
        await gates[len(begun) - 1].wait()
        return await add(*told, **named)

    monkeypatch.setattr(adding, "add", held)
    async with a_hospital(service_database) as hospital:

        def put(number: str, reason: str = "") -> None:
            verdict = Verdict.UNREADABLE if reason else Verdict.TAKEN
            raw = adt(number=number)
            arrival = Arrival(raw, read(raw), PAS, verdict, reason, lambda each: answered.append(each.reason or number))
            hospital.journal.put(arrival)

        async with asyncio.timeout(10):
            put("M1")
            while len(begun) < 1:
                await asyncio.sleep(0)
            put("M2")
            put("M3", "cannot be read")
            put("M4")
            assert answered == []
            gates[0].set()
            while len(begun) < 2 or not answered:
                await asyncio.sleep(0)
            assert answered == ["M1"]
            gates[1].set()
            gates[2].set()
            await hospital.journal.settled()
        rows = await hospital.db.fetch("SELECT id IN (SELECT id FROM waiting) AS waits FROM message ORDER BY id")
        stuck = await hospital.stuck()

    assert (begun, answered) == ([1, 2, 1], ["M1", "M2", "cannot be read", "M4"])
    assert [row["waits"] for row in rows] == [True, True, False, True]
    assert [state for state, _, _ in stuck] == ["unreadable"]


async def test_an_answer_that_fails_costs_nobody_else_theirs_and_the_door_goes_on(service_database: Any):
    answered = list[str]()
    async with a_hospital(service_database) as hospital:

        def put(number: str) -> None:
            def kept(each: Arrival) -> None:
                answered.append(number)
                if number == "M2":
                    raise ZeroDivisionError

            raw = adt(number=number)
            hospital.journal.put(Arrival(raw, read(raw), PAS, Verdict.TAKEN, "", kept))

        async with asyncio.timeout(10):
            for number in ("M1", "M2", "M3"):
                put(number)
            await hospital.journal.settled()
            put("M4")
            await hospital.journal.settled()
        assert await hospital.journalled() == 4

    assert answered == ["M1", "M2", "M3", "M4"]
