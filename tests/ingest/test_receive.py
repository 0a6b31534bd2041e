"""Is a message that comes by another door than MLLP as durable, as single and as well told apart?"""

import base64
import json
import threading
from typing import Any

import hl7 as hl7_library  # type: ignore[import-untyped]
import msgspec
import pytest
from tests.ingest.a_hospital import LAB, PAS, Hospital, a_hospital
from tests.ingest.hl7v2.world import message, pv1
from tests.ingest.test_extracts import MAPPING, PENICILLIN, rows
from tests.ingest.test_fhir_messages import PATIENT, VACCINE, event

from carerecord.contracts.ingest import ReceiveAsked, Received
from carerecord.fhir.bundle import parse
from carerecord.ingest import receive
from carerecord.ingest.journal.arrivals import ASIDE_BYTES
from carerecord.ingest.receive import Receiver
from carerecord.ingest.senders import Refusal
from carerecord.kit.errors import NotFound, Refused
from carerecord.kit.turns import Turns

APP = msgspec.structs.replace(PAS, clients=("app",), mapping=MAPPING)
OTHER = msgspec.structs.replace(LAB, clients=("engine",))
AGAIN = msgspec.structs.replace(PAS, id="fenwick-again", clients=("engine",))


@pytest.fixture
async def hospital(service_database: Any):
    async with a_hospital(service_database, senders=(APP, OTHER, AGAIN)) as made:
        yield made


async def sent(hospital: Hospital, *messages: bytes, **asked: str) -> tuple[Received, ...]:
    turned_away: list[Refusal] = []
    receiver = Receiver(hospital.journal, hospital.senders, Turns(), turned_away.append)
    return await receiver.receive(ReceiveAsked(tuple(base64.b64encode(each).decode() for each in messages), **asked))


async def test_an_event_in_fhir_is_kept_answered_and_filed_once_however_often_it_comes(hospital: Hospital) -> None:
    for _ in range(3):
        (told,) = await sent(hospital, event(VACCINE), client="app")
        assert (told.outcome, told.trigger, told.answer) == ("taken", "FHIR^MSG", "")
    await hospital.file_all()

    assert await hospital.journalled() == 1
    (held,) = await hospital.history("Immunization")
    assert parse(held.text)["vaccineCode"]["text"] == "Influenza vaccine"


async def test_whoever_sends_an_event_about_two_people_or_about_nobody_is_told_so_at_the_door(hospital: Hospital) -> None:
    two = event(VACCINE, {**PATIENT, "identifier": [{"system": "urn:x", "value": "another"}]})
    elses = event({**VACCINE, "patient": {"reference": "Patient/somebody-else"}})
    for raw, why in ((two, "several people"), (elses, "somebody else"), (event(VACCINE, patient={}), "not say whom")):
        (told,) = await sent(hospital, raw, client="app")
        assert told.outcome == "unreadable"
        assert why in told.reason
    assert (await hospital.journalled(), await hospital.waiting()) == (3, 0)


async def test_whoever_sends_what_is_not_carried_as_a_whole_is_told_so_and_the_rest_is_filed(hospital: Hospital) -> None:
    given = {"resourceType": "MedicationAdministration", "id": "a1", "status": "completed"}
    imms = {**VACCINE, "notGiven": False, "primarySource": True}
    header = {"resourceType": "MessageHeader", "timestamp": "2026-11-22T10:00:00+00:00", "event": {"code": "v-1"}}
    entries = [{"resource": header}, {"fullUrl": "urn:uuid:p", "resource": PATIENT}, {"resource": given}, {"resource": imms}]
    raw = json.dumps({"resourceType": "Bundle", "type": "message", "entry": entries}).encode()
    (told,) = await sent(hospital, raw, client="app")
    await hospital.file_all()

    assert (told.outcome, told.reason) == (
        "taken",
        "Not carried, and to be seen in the message alone: MedicationAdministration.",
    )
    assert (len(await hospital.history("Immunization")), await hospital.stuck()) == (1, [])


async def test_a_batch_over_http_is_its_messages_and_has_one_answer(hospital: Hospital) -> None:
    one, odd, three = (message("ADT^A28", control=each) for each in "123")
    batch = b"FHS|^~\\&|PAS|R1A\r" + one + odd + b"ZZZ|\0\r" + three.replace(b"MRN1", b"MRN3") + b"FTS|1\r"

    (told,) = await sent(hospital, batch, sender=PAS.id)

    assert (told.outcome, told.reason) == ("unreadable", "Message 2 of 3: Segment 4 holds a NUL at character 5")
    answer = base64.b64decode(told.answer).decode()
    assert "\rMSA|CE|1|Message 2 of 3: " in answer
    assert await hospital.journalled() >= 2


async def test_a_large_message_is_read_in_a_thread_in_a_batch_too(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, where = threading.get_ident(), []

    def judged(raw: bytes, *told: Any) -> tuple[str, str]:
        where.append((len(raw) > ASIDE_BYTES, threading.get_ident() == ours))
        return "", ""

    monkeypatch.setattr(receive, "judged", judged)
    large = message("ADT^A28", control="2") + b"NTE|1||" + b"a" * ASIDE_BYTES + b"\r"
    await sent(hospital, b"BHS|^~\\&|PAS|R1A\r" + message("ADT^A28") + large + b"BTS|2\r", sender=PAS.id)

    assert where == [(False, True), (True, False)]


async def test_rows_of_an_extract_are_filed_and_a_broken_one_waits_while_the_others_stand(hospital: Hospital) -> None:
    extract = rows(PENICILLIN, "2,M8", PENICILLIN.replace("1,M7", "3,M9").replace(",A,", ",Q,"))
    told = await sent(hospital, *extract, sender=PAS.id)
    await hospital.file_all()

    assert [each.outcome for each in told] == ["taken", "unreadable", "unreadable"]
    assert len(await hospital.history("AllergyIntolerance")) == 1
    assert [state for state, _, _ in await hospital.stuck()] == ["unreadable", "unreadable"]
    assert [each.outcome for each in await sent(hospital, *extract, sender=PAS.id)] == ["taken", "unreadable", "unreadable"]
    assert await hospital.journalled() == 3, "the same file twice is the same messages"


async def test_hl7_v2_over_http_is_answered_by_an_acknowledgement_that_others_can_read(hospital: Hospital) -> None:
    (told,) = await sent(hospital, message("ADT^A28", pv1(), control="C77"), client="app")
    answer = hl7_library.parse(base64.b64decode(told.answer).decode())

    assert (told.outcome, str(answer.segment("MSA")(1)), str(answer.segment("MSA")(2))) == ("taken", "CA", "C77")


async def test_what_cannot_be_read_is_kept_and_said_so(hospital: Hospital) -> None:
    for raw in (b"{", b'{"resourceType":"Patient"}', b"hello", message("ADT^A28").replace(b"|ADT^A28|", b"||")):
        (told,) = await sent(hospital, raw, client="app")
        assert told.outcome == "unreadable"
        assert told.reason
    assert await hospital.journalled() == 4


async def test_a_client_sends_for_those_senders_alone_whose_rows_name_it(hospital: Hospital) -> None:
    with pytest.raises(Refused, match="No sender"):
        await sent(hospital, event(VACCINE), client="stranger")
    with pytest.raises(Refused, match="several"):
        await sent(hospital, event(VACCINE), client="engine")
    with pytest.raises(NotFound):
        await sent(hospital, event(VACCINE), client="engine", sender=PAS.id)
    assert await hospital.journalled() == 0


async def test_what_could_not_be_made_durable_is_not_said_to_be(hospital: Hospital) -> None:
    await hospital.db.execute("ALTER TABLE message RENAME TO message_gone")
    try:
        (told,) = await sent(hospital, event(VACCINE), client="app")
    finally:
        await hospital.db.execute("ALTER TABLE message_gone RENAME TO message")

    assert told.outcome == "unable"
