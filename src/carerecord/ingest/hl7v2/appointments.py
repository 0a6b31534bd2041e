"""When is somebody to come, and did they (SIU)?"""

from datetime import datetime, timedelta
from typing import Any, Final

from carerecord.ingest.hl7v2 import values, visits
from carerecord.ingest.hl7v2.adt import Done, groups, person_said, subject_of
from carerecord.ingest.hl7v2.around import key_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, said_of_one
from carerecord.ingest.hl7v2.shapes import Unreadable

# Event: title, status ("?": believed where nothing else was said).
EVENTS: Final = {
    "S12": ("Appointment booked", "booked"), "S13": ("Appointment moved", "booked"), "S14": ("Appointment changed", "?booked"),
    "S15": ("Appointment cancelled", "cancelled"), "S16": ("Appointment discontinued", "cancelled"),
    "S17": ("Appointment deleted", ""), "S26": ("Did not attend", "noshow"),
}  # fmt: skip
DELETED: Final = "the appointment was deleted by its sender"
STATES: Final = {"BOOKED": "booked", "CANCELLED": "cancelled", "CANCELED": "cancelled", "COMPLETE": "fulfilled",
                  "COMPLETED": "fulfilled",
                  "NOSHOW": "noshow", "DNA": "noshow", "PENDING": "pending", "STARTED": "arrived", "ARRIVED": "arrived",
                  "WAITLIST": "waitlist",
                  "OVERBOOK": "booked", "SCHEDULED": "booked", "ATTENDED": "fulfilled"}  # fmt: skip
_MINUTES: Final = {
    "MIN": 1,
    "M": 1,
    "MINUTES": 1,
    "MINUTE": 1,
    "MINS": 1,
    "": 1,
    "H": 60,
    "HR": 60,
    "HOUR": 60,
    "HOURS": 60,
    "S": 0,
}


def scheduled(reading: Reading, event: str) -> Done:
    segments = groups(reading)[0]
    person = subject_of(reading, segments)
    sch = reading.message.first("SCH")
    if sch is None:
        raise Unreadable("there is no SCH: the message does not say which appointment")
    numbers = [
        found
        for field in (2, 1)
        if (found := values.entity(reading, sch, field, "appointment" if field == 2 else "placer-appointment"))
    ]
    if not numbers:
        raise Unreadable("SCH-1 and SCH-2 are empty: the appointment has no number by which it could be moved or cancelled")
    visit, passing = visits.in_passing(reading, person, segments)
    id_ = stable_id(reading.sender, "Appointment", numbers[0]["system"], numbers[0]["value"])
    facts: dict[str, Any] = {f"+identifier/{each['system']}|{each['value']}": each for each in numbers}
    _status(reading, sch, event, facts)
    _when(reading, sch, facts)
    if type_ := values.concept(reading, sch.part(8)):
        facts["appointmentType"] = type_
    if reason := values.concept(reading, sch.part(7)):
        facts["+reasonCode/appointment"] = reason
    if why := values.concept(reading, sch.part(6)):
        facts["cancelationReason" if facts.get("status") in ("cancelled", "noshow") else "+reasonCode/event"] = why
    _parties(reading, facts)
    comments = [text for each in reading.message.every("NTE") if (text := values.text_of(each, 3))]
    if comments:
        facts["comment"] = "\n".join(comments)
    thing = f"Appointment/{id_}"
    made = said_of_one(thing, person.patient, person.local_id, facts, (person.thread, *visit.things))
    return [person], [person_said(person, passing=True), *passing, made], []


def _status(reading: Reading, sch: Segment, event: str, facts: dict[str, Any]) -> None:
    stated = sch.part(25)
    state = " ".join((stated[1] or stated[2]).upper().split()) if stated is not None else ""
    by_event = EVENTS[event][1]
    if event == "S17":
        facts[WITHDRAWN] = DELETED
        facts["?status"] = "cancelled"
    elif (
        by_event[0] == "?"
        or state in ("WAITLIST", "PENDING")
        or (by_event == "booked" and STATES.get(state) in ("arrived", "fulfilled"))
    ):
        if known := STATES.get(state):
            facts["status"] = known
        else:
            facts["?status"] = by_event.lstrip("?")
    else:
        facts["status"] = by_event
    if state and state not in STATES:
        reading.note("SCH-25 is no status that is known here")


def _when(reading: Reading, sch: Segment, facts: dict[str, Any]) -> None:
    timing = sch.part(11)
    start = reading.time_in(timing, 4, "SCH-11.4") if timing is not None else ""
    end = reading.time_in(timing, 5, "SCH-11.5") if timing is not None else ""
    for name, field in (("TQ1", 7), ("AIS", 4), ("AIG", 8), ("AIL", 6), ("AIP", 6)):
        segment = reading.message.first(name)
        if not start and segment is not None:
            start = reading.time(segment, field)
    duration = values.number(sch.text(9)) if sch.text(9) else None
    unit = _MINUTES.get(sch.text(10).upper(), 0)
    minutes = int(duration * unit) if duration is not None and unit and 0 < duration * unit < 10_000 else 0
    if not minutes:
        ais = reading.message.first("AIS")
        length = values.number(ais.text(7)) if ais is not None and ais.text(7) else None
        scale = _MINUTES.get(ais.text(8).upper(), 0) if ais is not None else 0
        minutes = int(length * scale) if length is not None and 0 < length * scale < 10_000 else 0
    if len(start) > 10:
        facts["start"] = start
        if not end and minutes:
            end = (datetime.fromisoformat(start) + timedelta(minutes=minutes)).isoformat()
        _, end = reading.in_order(start, end, "the end of SCH is before its start")
        facts["end"] = end if len(end) > 10 else None  # the end of another start is none of this one
    if minutes:
        facts["minutesDuration"] = minutes


def _parties(reading: Reading, facts: dict[str, Any]) -> None:
    for ais in reading.message.every("AIS"):
        if service := values.concept(reading, ais.part(3)):
            facts[f"+serviceType/{key_of(service)}"] = service
    for segment in reading.message.every("AIP"):
        for who in values.clinicians(reading, segment, 3):
            facts[f"+participant/{who.get('display', '')}{who.get('identifier', {}).get('value', '')}"] = _there(who)
    for segment in reading.message.every("AIL"):
        if where := values.place(reading, segment.part(3)):
            facts[f"+participant/{where}"] = _there({"type": "Location", "display": where})
    for segment in reading.message.every("AIG"):
        if thing := values.concept(reading, segment.part(3)):
            facts[f"+participant/{key_of(thing)}"] = _there({"display": thing.get("text") or key_of(thing)})


def _there(actor: Resource) -> Resource:
    return {"actor": actor, "status": "accepted"}
