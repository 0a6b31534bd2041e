"""When something is taken back or given to whom it belongs: is it gone everywhere, and does anybody know who has seen it?"""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.ingest.a_hospital import LAB, PAS, SENT, Hospital, a_hospital, adt, hl7_time, lane
from tests.ingest.test_filing import result
from tests.patients.people import nhs

from carerecord.contracts.ingest import WithdrawnAsked
from carerecord.contracts.patients import KNOWN_AS, WHO, KnownAsAsked, WhoAsked
from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest.journal.store import filing, saying
from carerecord.ingest.seen import Seeing
from carerecord.ingest.taken_back import MOVED
from carerecord.kit.errors import NotFound

NUMBERS = "https://fenwick.test/Id/number"


async def filed(hospital: Hospital, *messages: bytes) -> None:
    for each in messages:
        await hospital.put(each)
    await hospital.file_all()


async def noted(hospital: Hospital) -> list[dict[str, Any]]:
    rows = await hospital.db.fetch("SELECT * FROM withdrawn ORDER BY no")
    return [dict(row) for row in rows]


async def lines(hospital: Hospital) -> list[dict[str, Any]]:
    rows = await hospital.db.fetch("SELECT body FROM outbox WHERE kind = 'Line'")
    return [each for row in rows if (each := json.loads(row["body"]))["what"] == "item-withdrawn"]


async def pointers(hospital: Hospital) -> list[tuple[str, str]]:
    return [tuple(row) for row in await hospital.pools["locator"].fetch("SELECT local_id, patient FROM pointer")]


async def test_a_person_who_is_deleted_is_in_no_index_and_pointed_to_by_nobody(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt("A28", nhs=nhs(1)), result("F", "2"))
        ((_, patient),) = await pointers(hospital)
        await filed(hospital, adt("A29", control="3", at=SENT + timedelta(hours=1)))

        assert await pointers(hospital) == []
        with pytest.raises(NotFound):
            await hospital.calls.ask(KNOWN_AS, KnownAsAsked(NUMBERS, "MRN1"))
        with pytest.raises(NotFound):
            await hospital.calls.ask(WHO, WhoAsked(patient))
        assert {(each["type"], each["patient"], each["message"]) for each in await noted(hospital)} >= {
            ("Patient", patient, 3), ("Observation", patient, 3)
        }  # fmt: skip

        again = adt("A28", control="4", at=SENT + timedelta(hours=2), given="HAMZA", family="IQBAL", born="20010709")
        await filed(hospital, again)
        assert [each[0] for each in await pointers(hospital)] == ["MRN1"]
        assert (await hospital.calls.ask(WHO, WhoAsked(patient))).demographics.names[0].family.upper() == "IQBAL"


@pytest.mark.parametrize("together", [True, False])
async def test_a_merge_of_who_is_deleted_is_filed_with_what_it_says_of_the_other(service_database: Any, *, together: bool):
    merge = adt("A40", control="1", more=("MRG|MRN2^^^R1A^MR",))
    deletion = adt("A29", number="MRN2", control="2", given="EDNA", at=SENT + timedelta(hours=1))
    async with a_hospital(service_database) as hospital:
        for some in ((merge, deletion),) if together else ((deletion,), (merge,)):
            await filed(hospital, *some)

        assert (await hospital.stuck(), [each[0] for each in await pointers(hospital)]) == ([], ["MRN1"])
        newest = {each.id: each for each in reversed(await hospital.history("Patient"))}
        standing = [each for each in newest.values() if not each.gone]
        assert [json.loads(each.text)["name"][0]["family"] for each in standing] == ["MARLOW"]


async def test_a_deletion_of_nobody_leaves_nobody_behind(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt("A29"))

        assert (await hospital.stuck(), await pointers(hospital), await noted(hospital)) == ([], [], [])
        assert await hospital.pools["patients"].fetchval("SELECT count(*) FROM patient") == 0


def moved(at: Any) -> bytes:
    """A44: the visit's account was kept under MRN1 and is MRN2's."""
    return adt("A45", number="MRN2", control="9", given="EDNA", at=at, more=("MRG|MRN1^^^R1A^MR||||V1^^^R1A",))


async def test_what_moves_to_the_right_person_is_noted_with_the_wrong_one_once(service_database: Any):
    pv1 = "PV1|1|I|WARD1^^^R1A||||||||||||||||V1^^^R1A"
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt("A01", more=(pv1,)), adt("A28", number="MRN2", given="EDNA", control="2"))
        whose = dict(await pointers(hospital))
        await filed(hospital, moved(SENT + timedelta(hours=1)))
        await filed(hospital, adt("A08", number="MRN2", given="EDNA", control="10", at=SENT + timedelta(hours=2), more=(pv1,)))

        (row,) = await noted(hospital)
        (line,) = await lines(hospital)
        left = await hospital.pools["holdings"].fetch("SELECT patient, type, source FROM departure")
        wrong = PatientIds(hospital.senders.id_key)("fenwick", "MRN1")
    assert [tuple(each) for each in left] == [(wrong, "Encounter", "fenwick")], "of which its page gives notice"
    assert (row["type"], row["patient"], row["reason"]) == ("Encounter", whose["MRN1"], MOVED)
    assert line["patients"] == [whose["MRN1"]]


def of(number: str, message: bytes) -> bytes:
    """The same, said of another number."""
    return message.replace(b"|MRN1^", f"|{number}^".encode())


async def test_a_result_that_is_sent_again_under_the_right_person_is_noted_with_the_wrong_one_once(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt(), adt(number="MRN2", given="EDNA", control="2"), result("F", "3"))
        whose = dict(await pointers(hospital))
        for each in ("4", "5"):
            await filed(hospital, of("MRN2", result("C", each, minutes=int(each))))

        rows = [each for each in await noted(hospital) if each["type"] == "Observation"]
        assert [(each["patient"], each["reason"]) for each in rows] == [(whose["MRN1"], MOVED)]
        assert {tuple(each["patients"]) for each in await lines(hospital)} == {(whose["MRN1"],)}


async def test_a_result_that_is_withdrawn_under_the_right_person_is_noted_with_whose_it_was(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt(), adt(number="MRN2", given="EDNA", control="2"), result("F", "3"))
        whose = dict(await pointers(hospital))
        await filed(hospital, of("MRN2", result("D", "4", minutes=5)))

        rows = [each for each in await noted(hospital) if each["type"] == "Observation"]
        assert [each["patient"] for each in rows] == [whose["MRN1"]]
        assert MOVED not in {each["reason"] for each in rows}


async def test_what_goes_from_one_number_of_a_person_to_another_of_theirs_was_taken_from_nobody(service_database: Any):
    merge = adt("A40", control="4", at=SENT + timedelta(minutes=1), more=("MRG|MRN2^^^R1A^MR",))
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt(), adt(number="MRN2", control="2"), of("MRN2", result("F", "3")))
        await filed(hospital, merge)
        await filed(hospital, result("C", "5", minutes=5))

        newest = max(await hospital.history("Observation"), key=lambda each: each.version)
        right = PatientIds(hospital.senders.id_key)("fenwick", "MRN1")
        assert json.loads(newest.text)["subject"] == {"reference": f"Patient/{right}"}
        assert (await noted(hospital), await lines(hospital)) == ([], [])


async def test_what_hangs_on_a_visit_goes_along_where_a_late_word_alone_says_on_which_account_it_is(service_database: Any):
    pv1 = "PV1|1|I|WARD1^^^R1A||||||||||||||||V1^^^R1A"
    of_visit = result("F", "1").replace(b"|F\rOBR", f"|F\r{pv1}\rOBR".encode())
    merge = "MRG|MRN1^^^R1A^MR||A1^^^R1A"
    moves = adt("A44", number="MRN2", control="2", given="EDNA", at=SENT + timedelta(hours=2), more=(merge,))
    account = "1 HIGH STREET^^FENWICK^^ZZ4 1AA|||||||A1^^^R1A"
    late = adt("A08", control="3", at=SENT + timedelta(hours=1), home=account, more=(pv1,))
    async with a_hospital(service_database) as hospital:
        for each in (of_visit, moves, late):
            await filed(hospital, each)

        newest = max(await hospital.history("Observation"), key=lambda each: each.version)
        right = PatientIds(hospital.senders.id_key)("fenwick", "MRN2")
        assert json.loads(newest.text)["subject"] == {"reference": f"Patient/{right}"}


@pytest.mark.parametrize("way", ["moved", "deleted"])
async def test_what_one_sender_takes_back_or_moves_that_another_told_of_is_told_to_both(service_database: Any, way: str):
    visit = "PV1|1|I|WARD1^^^R1A||||||||||||||||V1^^^R1A"
    lab = result("F", "2").replace(b"|PAS|", b"|LAB|", 1).replace(b"\rOBR|", f"\r{visit}\rOBR|".encode(), 1)
    later = SENT + timedelta(hours=1)
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt("A01", more=(visit,)), adt("A28", number="MRN2", given="EDNA", control="3"))
        await hospital.put(lab, sender=LAB)
        await hospital.file_all()
        await filed(hospital, moved(later) if way == "moved" else adt("A29", control="9", at=later))
        desk = Seeing(hospital.calls, hospital.db, hospital.outbox, hospital.clock)
        of_the_lab, of_the_pas, of_others = [
            (await desk.items(WithdrawnAsked(each))).items for each in (LAB.id, PAS.id, "fenwick-x")
        ]

    assert {"Observation", "DiagnosticReport"} <= {each.type for each in of_the_lab}
    assert {(each.sender, each.told_by) for each in of_the_lab} == {(PAS.id, (LAB.id,))}
    assert set(of_the_lab) <= set(of_the_pas)
    assert not of_others


async def test_a_withdrawal_is_noted_once_with_when_it_could_first_be_seen(service_database: Any):
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt(), result("F", "2"))
        first = hospital.clock.at
        hospital.clock.at += timedelta(hours=3)
        withdrawal = result("D", "3", minutes=5)
        await filed(hospital, withdrawal)
        await filed(hospital, result("D", "4", minutes=6))

        rows = [each for each in await noted(hospital) if each["type"] == "Observation"]
        assert [(each["filed_at"], each["at"]) for each in rows] == [(first, first + timedelta(hours=3))]
        assert len(await lines(hospital)) == len(await noted(hospital))


async def test_a_visit_that_is_one_with_another_was_not_taken_back_and_a_late_word_for_it_counts(service_database: Any):
    pv1 = "PV1|1|I|{place}^^^R1A||||||||||||||||{visit}^^^R1A"
    later = SENT + timedelta(hours=1)
    async with a_hospital(service_database) as hospital:
        await filed(
            hospital,
            adt("A04", more=(pv1.format(place="AE", visit="V1"),)),
            adt("A01", control="2", at=SENT + timedelta(minutes=5), more=(pv1.format(place="WARD1", visit="V2"),)),
            adt("A42", control="3", at=later, more=("MRG|MRN1^^^R1A^MR||||V1^^^R1A", pv1.format(place="WARD1", visit="V2"))),
        )
        late = pv1.format(place="RESUS", visit="V1")
        await filed(hospital, adt("A02", control="4", at=SENT + timedelta(minutes=2), more=(late,)))
        newest = {each.id: each for each in reversed(await hospital.history("Encounter"))}

        (visit,) = [json.loads(each.text) for each in newest.values() if not each.gone]
        assert await noted(hospital) == []
    assert [each["location"]["display"].rpartition(", ")[2] for each in visit["location"]] == ["AE", "RESUS", "WARD1"]


async def test_a_word_for_a_visit_that_becomes_one_with_another_in_that_very_moment_counts(
    service_database: Any, monkeypatch: pytest.MonkeyPatch
):
    """Two workers: what a sender says under the old number of somebody may lie in another lane than that it is old."""
    pv1 = "PV1|1|I|{place}^^^R1A||||||||||||||||{visit}^^^R1A"
    async with a_hospital(service_database) as hospital:
        await filed(
            hospital,
            adt("A04", more=(pv1.format(place="AE", visit="V1"),)),
            adt("A01", control="2", at=SENT + timedelta(minutes=5), more=(pv1.format(place="WARD1", visit="V2"),)),
        )
        joined = ("MRG|MRN1^^^R1A^MR||||V1^^^R1A", pv1.format(place="WARD1", visit="V2"))
        late = adt("A02", control="4", at=SENT + timedelta(minutes=2), more=(pv1.format(place="RESUS", visit="V1"),))
        await hospital.put(adt("A42", control="3", at=SENT + timedelta(hours=1), more=joined), late)
        filer, copied = hospital.filer, saying._copied
        (one, other), _ = await filer._read(await filing.next_group(hospital.db, lane(late), 2))

        async def crossed(*told: Any) -> None:
            monkeypatch.setattr(saying, "_copied", copied)
            await filer.effects.of([one])
            await copied(*told)

        monkeypatch.setattr(saying, "_copied", crossed)
        await filer.effects.of([other])
        newest = {each.id: each for each in reversed(await hospital.history("Encounter"))}

    (visit,) = [json.loads(each.text) for each in newest.values() if not each.gone]
    assert [each["location"]["display"].rpartition(", ")[2] for each in visit["location"]] == ["AE", "RESUS", "WARD1"]


async def test_a_signal_of_the_register_has_its_number_asked_for_anew_and_says_nothing_of_a_stranger(service_database: Any):
    def signal(number: str) -> bytes:
        told = {"specversion": "1.0", "id": "1", "type": "pds-death-notification-2", "subject": number,
                "time": hl7_time(SENT)}  # fmt: skip
        return json.dumps(told).encode()

    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt("A28", nhs=nhs(1)))
        ((_, patient),) = await pointers(hospital)
        await filed(hospital, signal(nhs(1)), signal(nhs(2)))
        rows = await hospital.db.fetch("SELECT patient, state, anew FROM trace")

    assert [tuple(row) for row in rows] == [(patient, "waiting", True)]


@pytest.mark.parametrize("said", ["W", "D"])
async def test_what_is_taken_back_before_it_ever_came_is_filed_and_leaves_nothing_behind(service_database: Any, said: str):
    async with a_hospital(service_database) as hospital:
        await filed(hospital, adt("A28"), result(said, "2"))

        assert (await hospital.stuck(), await hospital.waiting()) == ([], 0)
        assert (await noted(hospital), await lines(hospital)) == ([], [])


async def test_an_advance_directive_is_kept_with_where_it_came_from_and_goes_when_it_is_named_no_longer(service_database: Any):
    def named(codes: str, control: str, hour: int) -> bytes:
        return adt("A31", control=control, at=SENT + timedelta(hours=hour), more=(f"PD1{'|' * 15}{codes}",))

    async with a_hospital(service_database) as hospital:
        await filed(hospital, named("DNR~ADRT^Refuses blood", "1", 0))
        kept = await hospital.history("Flag")
        assert {json.loads(each.text)["code"]["text"] for each in kept} == {
            "Advance directive: Do not resuscitate (DNR)", "Advance directive: Refuses blood (code ADRT)"
        }  # fmt: skip
        told_of = b"".join(each.text for each in await hospital.history("Provenance"))
        assert all(f"Flag/{each.id}".encode() in told_of for each in kept)

        await filed(hospital, named("", "2", 1))
        assert await noted(hospital) == []

        await filed(hospital, named("ADRT^Refuses blood", "3", 2))
        assert [(each["type"], each["message"]) for each in await noted(hospital)] == [("Flag", 3)]

        await filed(hospital, named("DNR~ADRT^Refuses blood", "4", 3), named("DNR~ADRT^Refuses blood", "5", 4))
        newest = {each.id: each.text for each in reversed(await hospital.history("Flag"))}
        assert sum(b"Do not resuscitate" in each for each in newest.values()) == 1
        assert len(newest) == 2
