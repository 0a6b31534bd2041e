"""Does an event in FHIR become what it says about whom it says, and stand by when it was recorded?"""

import itertools
import json
import random
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.hl7v2.world import NHS, SENDER, all_is_well, message, on_a_page, one, resources, settled, withdrawn

from carerecord.fhir.person import person
from carerecord.fhir.read.events import GOES_ON
from carerecord.ingest.fhir_messages import mapped
from carerecord.ingest.hl7v2 import Filing, Put, Unreadable, patient_id
from carerecord.ingest.hl7v2.saying import WITHDRAWN

NHS_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
PATIENT = {
    "resourceType": "Patient", "id": "p1", "identifier": [{"system": NHS_SYSTEM, "value": NHS}],
    "name": [{"family": "Marlow", "given": ["Edith"]}], "birthDate": "1948-07-14", "gender": "female",
}  # fmt: skip
VACCINE = {
    "resourceType": "Immunization", "id": "i1", "identifier": [{"system": "https://supplier.example/imms", "value": "77"}],
    "status": "completed", "vaccineCode": {"text": "Influenza vaccine"}, "patient": {"reference": "urn:uuid:p"},
    "occurrenceDateTime": "2026-11-20", "performer": [{"actor": {"reference": "Practitioner/9", "display": "Dr Nair"}}],
}  # fmt: skip


def event(
    *resources_: dict[str, Any], kind: str = "new", at: str = "2026-11-22T10:00:00+00:00", patient: dict[str, Any] | None = None
) -> bytes:
    header = {
        "resourceType": "MessageHeader", "eventCoding": {"system": "urn:events", "code": "vaccinations-1"},
        "source": {"endpoint": "urn:supplier"}, "meta": {"lastUpdated": at},
        "extension": [{"url": "https://fhir.nhs.uk/Extension-messageEventType", "valueCoding": {"code": kind}}],
    }  # fmt: skip
    who = PATIENT if patient is None else patient
    entries = [{"resource": header}, *([{"fullUrl": "urn:uuid:p", "resource": who}] if who else [])]
    bundle = {
        "resourceType": "Bundle",
        "type": "message",
        "timestamp": at,
        "entry": [*entries, *({"resource": each} for each in resources_)],
    }
    return json.dumps(bundle).encode()


def filing(raw: bytes) -> Filing:
    return mapped(raw, SENDER)


def stand(*messages: bytes) -> dict[str, Put]:
    return settled([filing(each) for each in messages])


def test_an_event_is_filed_under_the_person_it_names():
    puts = stand(event(VACCINE))
    all_is_well(puts)

    immunisation = one(puts, "Immunization")
    assert immunisation["patient"] == {"reference": f"Patient/{patient_id(SENDER, f'nhs|{NHS}')}"}
    assert immunisation["performer"] == [{"actor": {"display": "Dr Nair"}}], "what is not in the message is not led to"
    assert filing(event(VACCINE)).trigger == "vaccinations-1"
    assert person(one(puts, "Patient")).nhs_number == NHS


def test_new_changed_and_deleted_stand_by_when_they_were_recorded():
    changed = {**VACCINE, "vaccineCode": {"text": "Influenza vaccine, nasal"}, "id": "another id in each message"}
    new, update = event(VACCINE), event(changed, kind="update", at="2026-11-22T11:00:00+00:00")
    delete = event(VACCINE, kind="delete", at="2026-11-22T12:00:00+00:00")

    for order in itertools.permutations([new, update]):
        assert one(stand(*order), "Immunization")["vaccineCode"]["text"] == "Influenza vaccine, nasal"
    for order in itertools.permutations([new, update, delete]):
        puts = stand(*order)
        assert list(withdrawn(puts).values()) == ["deleted by its sender"]
        assert not resources(puts, "Immunization")


def test_an_element_that_a_newer_version_leaves_out_is_gone():
    without = {key: value for key, value in VACCINE.items() if key != "performer"}

    assert "performer" not in one(stand(event(VACCINE), event(without, at="2026-11-22T11:00:00+00:00")), "Immunization")


def test_an_event_of_stu3_is_turned_into_r4():
    stu3 = {
        "resourceType": "Bundle", "type": "message", "meta": {"lastUpdated": "2026-11-22T10:00:00+00:00"},
        "entry": [
            {"resource": {"resourceType": "MessageHeader", "timestamp": "2026-11-22T10:00:00+00:00", "event": {"code": "v-1"}}},
            {"fullUrl": "urn:uuid:p", "resource": PATIENT},
            {"resource": {"resourceType": "Immunization", "id": "i1", "identifier": [{"system": "urn:x", "value": "1"}],
                          "status": "completed", "notGiven": False, "primarySource": True, "vaccineCode": {"text": "MMR vaccine"},
                          "patient": {"reference": "urn:uuid:p"}, "date": "2026-11-20"}},
        ],
    }  # fmt: skip
    puts = stand(json.dumps(stu3).encode())
    all_is_well(puts)

    assert one(puts, "Immunization")["occurrenceDateTime"] == "2026-11-20"


def test_a_document_inside_a_message_is_opened():
    letter = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "urn:uuid:p"},
              "content": [{"attachment": {"contentType": "text/plain", "data": "TGV0dGVy"}}]}  # fmt: skip
    inner = {"resourceType": "Bundle", "type": "document", "entry": [{"resource": letter}]}
    puts = stand(event(inner))
    all_is_well(puts)

    assert one(puts, "DocumentReference")["content"][0]["attachment"]["data"] == "TGV0dGVy"


def test_a_notification_holds_what_changed_or_says_that_it_does_not():
    status = {"resourceType": "Parameters", "parameter": []}
    changed = {
        **VACCINE,
        "patient": {"identifier": {"system": NHS_SYSTEM, "value": NHS}},
        "meta": {"lastUpdated": "2026-11-22T10:00:00Z"},
    }

    def notified(*held: dict[str, Any]) -> bytes:
        return json.dumps(
            {"resourceType": "Bundle", "type": "history", "entry": [{"resource": each} for each in (status, *held)]}
        ).encode()

    puts = stand(notified(changed))
    all_is_well(puts)
    assert one(puts, "Immunization")["status"] == "completed"
    assert "asked next" in filing(notified()).kept_only


def test_a_signal_says_whose_and_nothing_else():
    signal = {
        "specversion": "1.0",
        "id": "1",
        "source": "uk.nhs.pds",
        "type": "pds-death-notification-2",
        "time": "2026-11-22T10:00:00Z",
        "subject": NHS,
    }
    found = filing(json.dumps(signal).encode())

    assert (found.trigger, found.statements, found.people[0].demographics.nhs_number) == ("pds-death-notification-2", (), NHS)
    assert found.kept_only
    with pytest.raises(Unreadable):
        filing(json.dumps({**signal, "subject": "1111111111"}).encode())
    before = {name: value for name, value in signal.items() if name != "specversion"}
    old = {**before, "subject": {"nhsNumber": NHS, "familyName": "MARLOW", "dob": "1948-07-14"}, "data": {"versionId": "2"}}
    assert filing(json.dumps(old).encode()).signals == (NHS,)
    assert filing(json.dumps(old).encode()).order == found.order


def test_a_signal_in_fhir_is_the_same_as_one_that_is_none():
    def notified(type_: str, number: str) -> bytes:
        said = {
            "name": "additional-context",
            "part": [
                {"name": "event-type", "valueString": type_},
                {"name": "source", "valueUri": "https://fhir.nhs.uk/Id/nhsSpineASID/477121000324"},
                {"name": "subject", "valueReference": {"identifier": {"value": number}}},
            ],
        }
        status = {"resourceType": "Parameters", "parameter": [{"name": "status", "valueCode": "active"}, said]}
        entries = [{"resource": status, "request": {"method": "GET"}}, {"resource": {}, "request": {"method": "GET"}}]
        return json.dumps(
            {"resourceType": "Bundle", "type": "history", "timestamp": "2026-11-22T10:00:00Z", "entry": entries}
        ).encode()

    found = filing(notified("pds-death-notification-2", NHS))

    assert (found.trigger, found.signals, found.statements) == ("pds-death-notification-2", (NHS,), ())
    assert "the register is asked" in found.kept_only
    with pytest.raises(Unreadable):
        filing(notified("pds-death-notification-2", "1111111111"))


def test_what_is_deleted_of_one_person_takes_nobody_elses_practice():
    def of(number: str, item: str, **more: Any) -> bytes:
        practice = {
            "resourceType": "Organization", "id": f"o{item}", "name": "Silverdale",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A83627"}],
        }  # fmt: skip
        given = {
            **VACCINE,
            "identifier": [{"system": "urn:x", "value": item}],
            "performer": [{"actor": {"reference": f"Organization/o{item}"}}],
        }
        return event(given, practice, patient={**PATIENT, "identifier": [{"system": NHS_SYSTEM, "value": number}]}, **more)

    said = [of(NHS, "1"), of("9990000026", "2"), of(NHS, "1", kind="delete", at="2026-11-22T12:00:00+00:00")]
    for order in itertools.permutations(said):
        puts = stand(*order)
        (left,) = resources(puts, "Immunization")
        assert left["performer"][0]["actor"]["reference"] == f"Organization/{one(puts, 'Organization')['id']}"
    assert {hung.split("/")[0] for each in filing(said[0]).statements for hung in each.hangs} == {"Patient"}
    assert not next(each for each in filing(said[0]).statements if each.thread.startswith("Organization/")).hangs


def test_what_no_practice_has_is_said_of_none_and_harms_none():
    practice = {"resourceType": "Organization", "id": "o", "name": "Silverdale"}
    odd = {"": "x", "@move": "x", "+name/1": "x", "ext:x": "x", WITHDRAWN: "x"}
    said = filing(event(VACCINE, {**practice, **odd}))
    puts = settled([said])
    all_is_well(puts)

    assert one(puts, "Organization")["name"] == "Silverdale"
    assert {f"Organization.{name} is not carried" for name in odd} <= set(said.notes)


def test_the_letter_of_a_transfer_of_care_in_stu3_is_carried_and_its_words_are_shown():
    def organisation(id_: str, **more: str) -> dict[str, Any]:
        code = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A83627"}
        return {"fullUrl": f"urn:uuid:{id_}", "resource": {"resourceType": "Organization", "identifier": [code], **more}}

    letter = {
        "resourceType": "Composition", "identifier": {"system": "urn:ietf:rfc:4122", "value": "edea0158"}, "status": "final",
        "type": {"text": "Discharge summary"}, "class": {"text": "letter"}, "subject": {"reference": "urn:uuid:p"},
        "date": "2026-11-20T10:00:00+00:00", "author": [{"display": "Dr Nair"}], "title": "Inpatient discharge",
        "attester": [{"mode": ["personal", "legal"], "time": "2026-11-20"}], "custodian": {"reference": "urn:uuid:o2"},
        "section": [
            {"title": "Plan and requested actions", "text": {"status": "additional", "div": "<div><p>Stop warfarin.</p></div>"},
             "section": [{"title": "Person completing record", "text": {"status": "additional", "div": "<div>Dr Nair</div>"}}]},
        ],
    }  # fmt: skip
    document = {"resourceType": "Bundle", "type": "document", "entry": [
        {"resource": letter}, organisation("o2", name="MGP Medical Centre"), {"fullUrl": "urn:uuid:p", "resource": PATIENT},
    ]}  # fmt: skip
    header = {"resourceType": "MessageHeader", "timestamp": "2026-11-22T10:00:00+00:00", "event": {"code": "ITK007C"}}
    entries = [{"resource": header}, organisation("o1"), {"resource": document}]
    said = filing(json.dumps({"resourceType": "Bundle", "type": "message", "entry": entries}).encode())
    puts = settled([said])
    all_is_well(puts)

    carried = one(puts, "Composition")
    assert carried["category"] == [{"text": "letter"}]
    assert [each["mode"] for each in carried["attester"]] == ["personal", "legal"]
    assert carried["custodian"]["reference"] == f"Organization/{one(puts, 'Organization')['id']}"
    assert one(puts, "Organization")["name"] == "MGP Medical Centre", "the envelope names it by its code alone"
    shown = on_a_page(carried)
    assert (shown.title, shown.section) == ("Inpatient discharge", "documents")
    assert shown.document.text == "Plan and requested actions\nStop warfarin.\n\nPerson completing record\nDr Nair"
    assert said.notes == ()


def test_a_letter_too_long_for_a_page_says_that_it_goes_on():
    words = {"status": "additional", "div": f"<div>{'x' * 9_000}</div>"}
    sections = [{"title": f"Part {each}", "text": words} for each in (1, 2, 3)]
    letter = {"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "Letter"}, "title": "Letter"}

    assert on_a_page({**letter, "section": sections}).document.text.endswith(GOES_ON)
    assert GOES_ON not in on_a_page({**letter, "section": sections[:2]}).document.text
    assert "(unavailable)" in on_a_page(
        {**letter, "section": [{"title": "Allergies", "emptyReason": {"text": "unavailable"}}]}
    ).document.text


def test_a_heading_of_a_letter_stands_above_the_parts_that_say_what_is_under_it():
    parts = [{"title": "Warfarin", "text": {"status": "additional", "div": "<div>3 mg at night</div>"}}]
    letter = {"resourceType": "Composition", "id": "c", "status": "final", "type": {"text": "Letter"}, "title": "Letter"}
    sections = [{"title": "Medicines that were stopped", "section": parts}, {"title": "Nothing is said of these"}]

    text = on_a_page({**letter, "section": sections}).document.text
    assert text == "Medicines that were stopped\n\nWarfarin\n3 mg at night"


def test_an_event_whose_header_names_somebody_else_waits():
    def led_to(number: str) -> bytes:
        made = json.loads(event(VACCINE))
        demographics = {
            "url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-RoutingDemographics-1",
            "extension": [{"url": "nhsNumber", "valueIdentifier": {"system": NHS_SYSTEM, "value": number}}],
        }
        made["entry"][0]["resource"]["extension"].append(demographics)
        return json.dumps(made).encode()

    assert one(stand(led_to(f"{NHS[:3]} {NHS[3:6]} {NHS[6:]}")), "Immunization")
    with pytest.raises(Unreadable, match="names another NHS number") as refused:
        filing(led_to("9990000026"))
    assert NHS not in refused.value.reason


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{", b'{"resourceType":"Patient"}', b'{"resourceType":"Bundle","type":"searchset"}',
        b'{"resourceType":"Bundle","type":"message"}',
        event(VACCINE, patient={}),
        event({**VACCINE, "patient": {"identifier": {"system": NHS_SYSTEM, "value": "9990000026"}}}),
        event({**VACCINE, "patient": {"reference": "Patient/somebody-else"}}),
        event({**PATIENT, "identifier": [{"value": "other"}]}),
        event(VACCINE, patient={**PATIENT, "identifier": []}),
    ],
)  # fmt: skip
def test_what_is_about_nobody_or_about_two_is_refused_with_a_reason_that_holds_none_of_it(raw):
    with pytest.raises(Unreadable) as refused:
        filing(raw)

    assert NHS not in refused.value.reason
    assert "Marlow" not in refused.value.reason


def test_a_time_far_ahead_does_not_stand_for_ever():
    received = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    assert mapped(event(VACCINE, at="2099-01-01T00:00:00+00:00"), SENDER, received).order[0] == "2026-11-22T12:00:00.000000Z"


def test_an_event_and_a_hospitals_message_meet_in_one_person():
    from carerecord.ingest.hl7v2 import mapped as of_v2
    from carerecord.ingest.hl7v2 import parse

    pid = f"PID|1||{NHS}^^^NHS^NH||Marlow^Edith"
    puts = settled([filing(event(VACCINE)), of_v2(parse(message("ADT^A28", pid=pid)), SENDER)])

    assert len(resources(puts, "Patient")) == 1


ODD: tuple[Any, ...] = (None, "", 0, 1.5, [], {}, "x", [None], [{}], {"a": [1]}, True, "urn:uuid:p", [[1]])


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if before:
        yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*before, key))


@given(st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_an_event_it_becomes_something_or_a_reason(chance: random.Random) -> None:
    value = json.loads(event(VACCINE))
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice(list(places(value)))
        holder = value
        for key in way:
            holder = holder[key]
        holder[last] = deepcopy(chance.choice(ODD))
    try:
        found = filing(json.dumps(value).encode())
    except Unreadable as refused:
        if not refused.reason:
            raise
        return
    settled([found])


PRACTICE = {
    "resourceType": "Organization", "id": "o1", "name": "Elm Bank Surgery",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A99917"}],
}  # fmt: skip
TRACED = {
    "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
    "valueCodeableConcept": {
        "coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland", "code": "01"}]
    },
}


def test_a_practice_that_the_event_holds_is_led_to_and_known_by_its_code():
    whose = {"reference": "Organization/o1", "display": "Elm Bank Surgery"}
    who = {**PATIENT, "generalPractitioner": [whose], "managingOrganization": {"reference": "Organization/elsewhere"}}
    found = filing(event(PRACTICE, patient=who))
    puts = settled([found])

    kept, practice = one(puts, "Patient"), one(puts, "Organization")
    assert kept["generalPractitioner"][0]["reference"] == f"Organization/{practice['id']}"
    assert (found.people[0].demographics.gp, person(kept).practice.ods) == ("A99917", "A99917")
    assert kept["managingOrganization"] == {"display": "not sent"}


def test_a_practice_without_a_reference_is_not_whichever_organisation_came_along():
    who = {**PATIENT, "generalPractitioner": [{"display": "Oak Street"}], "managingOrganization": {"display": "Oak Street"}}
    found = filing(event(PRACTICE, patient=who))

    assert found.people[0].demographics.gp == ""
    assert one(settled([found]), "Patient")["generalPractitioner"] == [{"display": "Oak Street"}]


def test_an_organisation_whose_code_is_empty_gives_a_practice_none():
    who = {**PATIENT, "generalPractitioner": [{"reference": "Organization/o1"}]}
    codeless = {**PRACTICE, "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code"}]}
    kept = one(settled([filing(event(codeless, patient=who))]), "Patient")

    assert [*kept["generalPractitioner"][0]] == ["reference"]


def test_an_element_of_a_person_without_a_name_stops_nothing():
    found = filing(event(VACCINE, patient={**PATIENT, "": "nothing"}))

    assert "" not in one(settled([found]), "Patient")
    assert "Patient. is not carried" in found.notes


def test_how_far_a_number_is_traced_is_kept_as_the_event_says_and_what_is_not_carried_is_named():
    number = {"system": NHS_SYSTEM, "value": NHS, "extension": [TRACED]}
    born = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": "1948-07-14"}]}
    found = filing(event(VACCINE, patient={**PATIENT, "identifier": [number], "_birthDate": born}))
    later = event(VACCINE, at="2026-11-22T11:00:00+00:00")

    assert person(one(settled([found]), "Patient")).nhs_number_status == "01"
    assert person(one(settled([found, filing(later)]), "Patient")).nhs_number_status == "01"
    assert "Patient._birthDate is not carried" in found.notes
