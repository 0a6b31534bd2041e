"""Do related messages end in the same state whatever the order in which they arrive, and however often?"""

import itertools
import random
import time
from decimal import Decimal

import msgspec
import pytest
from tests.ingest.hl7v2.world import (
    NHS,
    PID,
    SENDER,
    all_is_well,
    filed,
    message,
    one,
    pv1,
    resources,
    settled,
    stand,
    withdrawn,
)

from carerecord.ingest.hl7v2 import Heard, Put, patient_id, standing
from carerecord.ingest.hl7v2.adt import DELETED_PERSON, DELETED_VISIT
from carerecord.ingest.hl7v2.saying import Rule, Said, read, statement
from carerecord.ingest.hl7v2.standing import BECAME

OTHER = "PID|1||M8^^^RX1^MR||Marlow^Edna||19510203|F"
MRG = "MRG|M8^^^RX1^MR"


def obx(value: str, status: str = "F", *, code: str = "K^Potassium^L", number: str = "1") -> str:
    return f"OBX|{number}|NM|{code}||{value}|mmol/L|3.5 - 5.3||||{status}|||20261122061000"


def oru(at: str, *segments: str, status: str = "F", pid: str = PID) -> bytes:
    obr = f"OBR|1|P1|F1|UE^Urea and electrolytes^L|||20261122060000|||||||||||||||{at}|||{status}"
    return message("ORU^R01", pv1(), "ORC|RE|P1|F1", obr, *segments, at=at, pid=pid)


def at(minute: int) -> str:
    return f"202611221{minute // 60}{minute % 60:02d}00"


A_STAY = (
    message("ADT^A05", pv1(kind="P"), at=at(0)),
    message("ADT^A01", pv1(start="20261122100500"), "AL1|1|DA|^Penicillin|SV|Rash", at=at(5)),
    message("ADT^A02", pv1(place="WARD2"), at=at(10)),
    message("ADT^A12", pv1(place="WARD1"), at=at(15)),
    message("ADT^A03", pv1(end="20261122110000"), at=at(60)),
    message("ADT^A13", pv1(), at=at(70)),
)
A_CORRECTION = (
    message("ADT^A01", pv1(), at=at(0)),
    oru(at(1), obx("7.1", "P"), status="P"),
    oru(at(2), obx("7.1"), obx("140", code="NA^Sodium^L", number="2")),
    oru(at(3), obx("4.4", "C"), status="C"),
    oru(at(4), obx("", "W", code="NA^Sodium^L")),
    message("ADT^A08", pv1(), at=at(5), pid=PID.replace("1 Elm Road", "2 Oak Street").replace("|19480714|F", "||F")),
)
A_MERGE = (
    message("ADT^A01", pv1("V2"), at=at(0), pid=OTHER),
    message("ADT^A01", pv1(), at=at(1)),
    oru(at(2), obx("3.8"), pid=OTHER),
    message("ADT^A40", MRG, at=at(3)),
    message("ADT^A37", OTHER, at=at(4)),
    message("ADT^A40", MRG, at=at(5)),
)
A_MOVE = (
    message("ADT^A01", pv1("V2"), at=at(0), pid=OTHER),
    oru(at(1), obx("3.8"), pid=OTHER).replace(b"V1^^^RX1", b"V2^^^RX1"),
    message("ADT^A45", "MRG|M8^^^RX1^MR||||V2^^^RX1", at=at(2)),
    message("ADT^A08", pv1("V2", "WARD9"), at=at(3)),
    message("ADT^A60", "IAM|1|DA|^Penicillin|SV|Rash|A", at=at(4)),
    message("ADT^A60", "IAM|1|DA|^Penicillin|SV|Rash|D", at=at(5)),
)
A_DELETION = (
    message("ADT^A01", pv1("V2"), at=at(0), pid=OTHER),
    oru(at(1), obx("3.8"), pid=OTHER).replace(b"V1^^^RX1", b"V2^^^RX1"),
    message("ADT^A23", pv1("V2"), at=at(2), pid=OTHER),
    message("MDM^T02", "TXA|1|DS||20261122||||||||D1|||||AU", "OBX|1|TX|L||Letter||||||F", at=at(3), pid=OTHER),
    message("MDM^T10", "TXA|1|DS||20261122||||||||D2|D1||||AU", "OBX|1|TX|L||Better letter||||||F", at=at(4), pid=OTHER),
    message("ADT^A29", at=at(5), pid=OTHER),
)
A_JOINED_VISIT = (
    message("ADT^A04", pv1("V0", "AE", kind="E", start="20261122080000"), at=at(0)),
    message("ADT^A01", pv1(start="20261122090000"), at=at(5)),
    message("ADT^A42", "MRG|M7^^^RX1^MR||||V0^^^RX1", pv1(), at=at(10)),
    message("ADT^A02", pv1(place="WARD2"), at=at(15)),
    oru(at(20), obx("4.0")).replace(b"V1^^^RX1", b"V0^^^RX1"),
    message("ADT^A50", "MRG|M7^^^RX1^MR||||V1^^^RX1", pv1("V3", ""), at=at(25)),
)
ACCOUNT = f"{OTHER}||||||||||A1^^^RX1"
AN_ACCOUNT = (
    oru(at(0), obx("3.8"), pid=OTHER).replace(b"V1^^^RX1", b"V2^^^RX1"),
    message("ADT^A08", pv1("V2"), at=at(1), pid=ACCOUNT),
    message("ADT^A44", "MRG|M8^^^RX1^MR||A1^^^RX1", at=at(2)),
    oru(at(3), obx("4.4", "C"), status="C").replace(b"V1^^^RX1", b"V2^^^RX1"),
    message("ADT^A29", at=at(4), pid=OTHER),
    message("ADT^A31", at=at(5)),
)
SIX = {
    "a stay": A_STAY, "a correction": A_CORRECTION, "a merge": A_MERGE, "a move": A_MOVE, "a deletion": A_DELETION,
    "a visit of two": A_JOINED_VISIT, "an account": AN_ACCOUNT,
}  # fmt: skip


def content(puts: dict[str, Put]) -> dict[str, tuple[str, bytes | None, str, str]]:
    return {key: (put.local_id, put.raw, put.withdrawn, put.since) for key, put in puts.items()}


@pytest.mark.parametrize("name", SIX)
def test_all_720_orders_of_six_related_messages_end_in_one_state(name):
    expected = content(stand(SIX[name]))

    for order in itertools.permutations(SIX[name]):
        assert content(stand(order)) == expected


@pytest.mark.parametrize("name", SIX)
def test_a_message_that_comes_again_changes_nothing(name):
    expected = content(stand(SIX[name]))
    again = [*SIX[name], *(raw.replace(b"|1|P|2.4", b"|99|P|2.4") for raw in SIX[name])]
    random.Random(3).shuffle(again)

    assert content(stand(again)) == expected


def test_somebody_stands_since_the_last_of_it_was_first_said_or_last_said_otherwise():
    homes = enumerate(("1 Elm Road", "1 Elm Road", "2 Oak Street", "1 Elm Road", "1 Elm Road"))
    there = [message("ADT^A31", at=at(minute), pid=PID.replace("1 Elm Road", home)) for minute, home in homes]
    silent = message("ADT^A08", pv1(), at=at(9), pid="PID|1||M7^^^RX1^MR~A1^^^RX1^AN")
    copied = oru(at(8), obx("4.4"), pid=PID.replace("1 Elm Road", "3 Ash Row"))

    def since(*messages: bytes) -> str:
        return next(put.since for put in stand(messages).values() if put.type == "Patient")

    first, second, other, back, again = there
    assert since(first) == since(first, second, silent) == since(second, silent, first)
    assert since(first)[:16] == "2026-11-22T10:00"
    assert since(first, second, other) == since(*there, silent, copied) == since(copied, again, first, other)
    assert since(first, second, other)[:16] == "2026-11-22T10:02"
    assert since(back, other)[:16] == "2026-11-22T10:03"


def test_two_statements_of_one_moment_stand_alike_whichever_is_read_first():
    said = [
        each
        for home in ("1 Elm Road", "2 Oak Street")
        for each in filed(message("ADT^A31", pid=PID.replace("1 Elm Road", home))).statements
    ]
    heard = [Heard(each.thread, each.local_id, each.says, ("2026", "2026", 1)) for each in said]

    assert standing(said[0].thread, heard) == standing(said[0].thread, heard[::-1])


def test_a_discharge_called_back_is_a_stay_that_goes_on_where_the_transfer_was_called_back_to():
    encounter = one(stand(A_STAY), "Encounter")

    assert encounter["status"] == "in-progress"
    assert "end" not in encounter["period"]
    assert [(each["location"]["display"], each["status"]) for each in encounter["location"]] == [("RX1, WARD1", "active")]


def test_what_was_recorded_earlier_never_overwrites_what_was_recorded_later():
    late = message("ADT^A08", pv1(), at=at(9), recorded=at(4), pid=PID.replace("1 Elm Road", "Old House"))
    newer = message("ADT^A31", at=at(5), pid=PID.replace("1 Elm Road", "New House"))

    assert one(stand([newer, late]), "Patient")["address"][0]["line"] == ["New House"]


def test_empty_keeps_and_two_quotes_delete():
    empty = message("ADT^A31", at=at(5), pid=f"PID|1||M7^^^RX1^MR~{NHS}^^^NHS^NH||Marlow^Edith")
    deletes = message("ADT^A31", at=at(6), pid='PID|1||M7^^^RX1^MR||Marlow^Edith||||||""||""')

    kept = one(stand([A_STAY[1], empty]), "Patient")
    gone = one(stand([A_STAY[1], empty, deletes]), "Patient")

    assert kept["address"][0]["postalCode"] == "HU1 2AA"
    assert kept["birthDate"] == "1948-07-14"
    assert kept["telecom"]
    assert "address" not in gone
    assert "telecom" not in gone
    assert gone["birthDate"] == "1948-07-14"


def test_what_a_laboratory_copies_of_a_person_never_stands_against_what_the_hospital_said():
    stale = oru(at(30), obx("4.0"), pid=PID.replace("1 Elm Road", "Where she lived in 2009"))

    assert one(stand([A_STAY[1], stale]), "Patient")["address"][0]["line"] == ["1 Elm Road"]
    assert one(stand([stale]), "Patient")["address"][0]["line"] == ["Where she lived in 2009"]


def test_a_merge_links_and_an_unlinking_undoes_it():
    survivor, retired = patient_id(SENDER, "M7"), patient_id(SENDER, "M8")
    merged, undone = stand(A_MERGE[:4]), stand(A_MERGE[:5])

    by_id = {each["id"]: each for each in resources(merged, "Patient")}
    assert by_id[retired]["active"] is False
    assert by_id[retired]["link"] == [{"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}]
    assert by_id[survivor]["link"] == [{"other": {"reference": f"Patient/{retired}"}, "type": "replaces"}]
    assert one(merged, "Observation")["subject"] == {"reference": f"Patient/{retired}"}, (
        "nothing is filed anew: a person is a set"
    )
    assert all("link" not in each and each["active"] for each in resources(undone, "Patient"))


def test_a_late_result_for_the_number_given_up_is_filed_under_it():
    late = oru(at(20), obx("3.1"), pid=OTHER)

    assert (
        one(stand([*A_MERGE[:2], A_MERGE[3], late]), "Observation")["subject"]["reference"]
        == f"Patient/{patient_id(SENDER, 'M8')}"
    )


@pytest.mark.parametrize("mrg", ["MRG|M7^^^RX1^MR", f"MRG|M7^^^RX1^MR~{NHS}^^^NHS^NH"])
def test_a_merge_with_itself_merges_nothing_and_says_so(mrg):
    filing = filed(message("ADT^A40", mrg))

    assert filing.merges == ()
    assert any("itself" in each for each in filing.notes)


def test_a_circle_of_renumbered_visits_ends():
    def renumbered(new: str, old: str, minute: int) -> bytes:
        return message("ADT^A50", f"MRG|M7^^^RX1^MR||||{old}^^^RX1", pv1(new), at=at(minute))

    puts = stand([renumbered("V1", "V2", 1), renumbered("V2", "V1", 2), oru(at(3), obx("4.0"))])

    numbers = {each["value"]: each.get("use") for each in one(puts, "Encounter")["identifier"]}

    assert numbers == {"V2": None, "V1": "old"}, "what was said last"


def test_two_visits_that_became_one_are_one_with_the_places_numbers_and_results_of_both():
    puts = stand(A_JOINED_VISIT)
    all_is_well(puts)
    visit = one(puts, "Encounter")

    assert {each["value"]: each.get("use") for each in visit["identifier"]} == {"V3": None, "V1": "old", "V0": "old"}
    assert [each["location"]["display"].split(", ")[1] for each in visit["location"]] == ["AE", "WARD1", "WARD2"]
    assert one(puts, "Observation")["encounter"] == {"reference": f"Encounter/{visit['id']}"}
    assert list(withdrawn(puts).values()) == [BECAME] * 2


def test_a_visit_moved_takes_all_that_was_said_in_it_and_nothing_that_comes_later():
    puts = stand(A_MOVE[:3])
    right = f"Patient/{patient_id(SENDER, 'M7')}"

    assert one(puts, "Encounter")["subject"]["reference"] == right
    assert one(puts, "Observation")["subject"]["reference"] == right
    assert {put.local_id for put in puts.values() if put.type != "Patient"} == {"M7"}


def test_what_went_to_the_right_person_stays_when_the_wrong_entry_is_deleted():
    puts = stand([*A_MOVE[:3], message("ADT^A29", at=at(4), pid=OTHER)])

    assert {put.local_id for put in puts.values() if put.raw is not None} == {"M7"}
    assert {put.type for put in puts.values() if put.raw is not None} >= {"Encounter", "DiagnosticReport", "Observation"}
    assert withdrawn(puts) == {f"Patient/{patient_id(SENDER, 'M8')}": DELETED_PERSON}


def test_a_deleted_person_leaves_with_what_had_come_to_them_from_another():
    puts = stand([*A_MOVE[:3], message("ADT^A29", at=at(4))])

    assert {put.type for put in puts.values() if put.raw is not None} == {"Patient"}


def test_a_deleted_person_takes_along_nothing_of_another_within_a_visit_of_the_same_number():
    others = (message("ADT^A01", pv1("V2"), at=at(0), pid=OTHER), message("ADT^A29", at=at(4), pid=OTHER))
    result = oru(at(1), obx("3.8")).replace(b"V1^^^RX1", b"V2^^^RX1")

    assert one(stand([others[0], result, others[1]]), "Observation")["valueQuantity"]["value"] == Decimal("3.8")


def test_a_result_that_was_put_into_another_visit_stays_when_the_wrong_one_is_deleted_or_moves():
    wrong, right = oru(at(1), obx("3.8")).replace(b"V1^^^RX1", b"V2^^^RX1"), oru(at(2), obx("3.8"))
    away = message("ADT^A45", "MRG|M7^^^RX1^MR||||V2^^^RX1", at=at(3), pid=OTHER)

    for last in (message("ADT^A23", pv1("V2"), at=at(3)), away):
        result = one(stand([wrong, right, last]), "Observation")
        assert result["subject"] == {"reference": f"Patient/{patient_id(SENDER, 'M7')}"}
        assert result["encounter"] == {"reference": filed(right).statements[1].thread}


def test_a_deletion_that_an_older_build_wrote_down_takes_nothing_that_moves_to_the_number_when_it_is_used_again():
    deletion = filed(message("ADT^A29", at=at(2)))
    (now,) = deletion.statements
    before = statement(now.thread, now.local_id, Said(read(now.says).patient, {}, Rule("withdrawn", DELETED_PERSON)))
    stay, result, move = (filed(each) for each in A_MOVE[:3])

    for each in (now, before):
        puts = settled([stay, result, msgspec.structs.replace(deletion, statements=(each,)), move])
        assert {put.type for put in puts.values() if put.raw is not None} >= {"Encounter", "DiagnosticReport", "Observation"}


def test_a_report_of_thousands_of_results_goes_with_its_visit_in_a_moment():
    results = [obx(str(number), code=f"T{number}^Test {number}^L") for number in range(3_000)]
    in_no_visit = oru(at(1), *results).replace(pv1().encode() + b"\r", b"")
    said = [filed(each) for each in (in_no_visit, oru(at(2), *results), message("ADT^A23", pv1(), at=at(3)))]
    heard = [
        Heard(each.thread, each.local_id, each.says, (*filing.order, number))
        for number, filing in enumerate(said) for each in filing.statements
        if each.thread.startswith("DiagnosticReport/") or each.rules
    ]  # fmt: skip

    began = time.process_time()
    puts = standing(heard[0].thread, heard[:2], heard[2:])

    assert time.process_time() - began < 2
    assert [put.withdrawn for put in puts] == [DELETED_VISIT] * 3_001


def test_a_number_that_moves_takes_nobody_s_own_entry_along():
    puts = stand([message("ADT^A28", at=at(0), pid=OTHER), message("ADT^A43", MRG, at=at(1))])
    entry = puts[f"Patient/{patient_id(SENDER, 'M8')}"]

    assert (entry.local_id, entry.was) == ("M8", ("", ""))


def test_of_two_who_are_named_with_a_visit_in_passing_the_last_one_has_it():
    said = [oru(at(minute), obx("4.0"), pid=pid).replace(b"P1", b"P%d" % minute) for minute, pid in ((1, OTHER), (2, PID))]

    assert one(stand(said), "Encounter")["subject"] == {"reference": f"Patient/{patient_id(SENDER, 'M7')}"}


def test_a_deleted_visit_leaves_with_all_that_was_said_in_it():
    gone = withdrawn(stand(A_DELETION[:3]))

    assert {key.partition("/")[0] for key in gone} == {"Encounter", "DiagnosticReport", "Observation", "ServiceRequest"}
    assert all("deleted by its sender" in why for why in gone.values())


def test_a_deleted_person_leaves_with_everything():
    assert {put.raw for put in stand(A_DELETION).values()} == {None}


def test_what_is_said_again_after_a_deletion_is_there_again():
    again = message("ADT^A01", pv1("V2"), at=at(50), pid=OTHER)

    assert one(stand([*A_DELETION[:3], again]), "Encounter")["status"] == "in-progress"


def test_a_visit_that_moves_under_a_new_number_is_one_visit_with_the_right_person():
    messages = [
        message("ADT^A01", pv1("V8"), pid=OTHER, at=at(1)),
        oru(at(2), obx("4.4"), pid=OTHER).replace(b"|V1^", b"|V8^"),
        message("ADT^A45", "MRG|M8^^^RX1^MR||||V8^^^RX1", pv1("V9"), at=at(3)),
        message("ADT^A08", pv1("V9", "WARD3"), at=at(4)),
    ]
    for order in itertools.permutations(messages):
        puts = stand(order)
        all_is_well(puts)
        visit = one(puts, "Encounter")
        result = one(puts, "Observation")

        assert {each["value"]: each.get("use") for each in visit["identifier"]} == {"V9": None, "V8": "old"}
        assert result["encounter"] == {"reference": f"Encounter/{visit['id']}"}
        assert visit["subject"] == result["subject"]
        assert puts[f"Encounter/{visit['id']}"].local_id == "M7"
