"""What does one message come to? By its trigger event, whatever structure its header names."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from carerecord.ingest.hl7v2 import adt, appointments, documents, medicines, orders, problems, results
from carerecord.ingest.hl7v2.adt import Done
from carerecord.ingest.hl7v2.parse import Message
from carerecord.ingest.hl7v2.reading import Nearby, Reading
from carerecord.ingest.hl7v2.shapes import Filing, Sender, Unreadable


class Trigger(Struct, frozen=True):
    """One trigger event that is mapped."""

    title: str
    makes: str  # the resources, for whoever reads the table of them
    mapping: Callable[[Reading, str], Done]


def _table() -> dict[tuple[str, str], Trigger]:
    around = "Patient, Encounter, AllergyIntolerance, Condition, Procedure, Observation, Flag"
    found = {("ADT", event): Trigger(effect.title, around, adt.visited) for event, effect in adt.EFFECTS.items()}
    for event, title in adt.PERSON_ALONE.items():
        found["ADT", event] = Trigger(title, "Patient, AllergyIntolerance, Observation, Flag", adt.told_of_person)
    for event, (_, title) in adt.MERGES.items():
        found["ADT", event] = Trigger(title, "two Patients, linked", adt.merged)
    for event, title in adt.VISIT_MERGES.items():
        found["ADT", event] = Trigger(title, "Encounter; what hung on the old number", adt.merged_visits)
    found["ADT", "A23"] = Trigger("Visit deleted", "the visit and all within it withdrawn", adt.deleted_visit)
    found["ADT", "A29"] = Trigger("Person deleted", "the person's entry and all under it withdrawn", adt.deleted_person)
    for event, title in adt.ACCOUNT_MERGES.items():
        found["ADT", event] = Trigger(title, "Patient", adt.merged_accounts)
    for event, title in (("A43", "A number moves"), ("A44", "An account moves"), ("A45", "A visit moves")):
        found["ADT", event] = Trigger(title, "all that hangs on it, under the right person", adt.moved)
    found["ADT", "A24"] = Trigger("Two entries are of one person", "two Patients, linked", adt.linked)
    found["ADT", "A37"] = Trigger("Two entries are not of one person", "two Patients, unlinked; a merge undone", adt.linked)
    report = "DiagnosticReport, Observation, Specimen, DocumentReference, ServiceRequest"
    for code, event, title in (
        ("ORU", "R01", "Results"), ("ORU", "R30", "Results at the bedside"), ("ORU", "R31", "Results at the bedside"),
        ("ORU", "R32", "Results at the bedside"),
    ):  # fmt: skip
        found[code, event] = Trigger(title, report, results.resulted)
    for event, title in (("R22", "Results, by specimen"), ("R23", "Results, by container")):
        found["OUL", event] = Trigger(title, report, results.of_specimens)
    found["OUL", "R24"] = Trigger("Results, by order", report, results.of_orders)
    for event, title in documents.EVENTS.items():
        found["MDM", event] = Trigger(title, "DocumentReference", documents.documented)
    for code, event, title in (("ORM", "O01", "Order"), ("OMG", "O19", "Order"), ("OMI", "O23", "Imaging order"),
                               ("OML", "O21", "Laboratory order"), ("OML", "O33", "Laboratory order"),
                               ("OML", "O35", "Laboratory order")):  # fmt: skip
        found[code, event] = Trigger(title, "ServiceRequest", orders.requested)
    for event, (title, _) in appointments.EVENTS.items():
        found["SIU", event] = Trigger(title, "Appointment", appointments.scheduled)
    for code, event, title in (
        ("OMP", "O09", "Medicine ordered"), ("RDE", "O11", "Medicine ordered"), ("RDE", "O01", "Medicine ordered"),
        ("RDE", "O25", "Medicine ordered"), ("RDS", "O13", "Medicine dispensed"), ("RDS", "O01", "Medicine dispensed"),
        ("RAS", "O17", "Medicine given"), ("RAS", "O01", "Medicine given"),
    ):  # fmt: skip
        makes = {"RDS": "MedicationRequest, MedicationDispense", "RAS": "MedicationRequest, MedicationAdministration"}
        found[code, event] = Trigger(title, makes.get(code, "MedicationRequest"), medicines.medicated)
    for event, title in problems.EVENTS.items():
        found["PPR", event] = Trigger(title, "Condition", problems.listed)
    found["VXU", "V04"] = Trigger("Vaccination", "Immunization", medicines.vaccinated)
    return found


TRIGGERS: Final[Mapping[tuple[str, str], Trigger]] = _table()
_ANSWERS: Final = frozenset(("ACK", "MCF", "ORR", "RRE", "RRD", "RRA", "SRR", "VXX", "ORG", "ORL"))


def mapped(
    message: Message, sender: Sender, received_at: datetime | None = None, *, notes: bool = True, nearby: Nearby | None = None
) -> Filing:
    """All that a message comes to: whom it is about, what it says of each thing and, where `notes` are wanted, what was left.

    `nearby` is handed from message to message where several are read together: most of a day's are about somebody of whom another
    has just said the same.

    Raises:
        Unreadable: it lacks what its kind cannot do without (whom it is about, which visit it deletes), or it holds results and
            is of a kind that nobody here can read.
    """
    code, event = message.trigger
    trigger = TRIGGERS.get((code, event))
    reading = Reading(message, sender, received_at, listing=notes, nearby=nearby)
    order = reading.order()
    said_trigger = f"{code}^{event}"
    if trigger is None:
        why = _why_not(code, event)
        if code not in _ANSWERS and any(segment.name == "OBX" for segment in message.segments):
            raise Unreadable(f"{why}, and it holds results: no record shows them")
        return Filing(said_trigger, order, kept_only=why)
    if message.header.text(11)[:1].upper() in ("T", "D"):
        reading.note("MSH-11 says that this is no live message")
    try:
        subjects, statements, merges = trigger.mapping(reading, event)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as stumble:
        # What no rule foresaw costs this message a place in the queue, never the worker.
        raise Unreadable(f"a {said_trigger} of a form that nobody foresaw ({type(stumble).__name__})") from stumble
    people = {each.local_id: each.source_patient for each in reversed(subjects)}
    return Filing(
        said_trigger,
        order,
        tuple([people[each] for each in dict.fromkeys([each.local_id for each in subjects])]),
        tuple(statements),
        tuple(merges),
        notes=reading.left() if notes else (),
    )


def _why_not(code: str, event: str) -> str:
    if code in _ANSWERS:
        return "an answer to a message, which says nothing of anybody"
    known = code.isalnum() and event.isalnum() and len(code) <= 4 and len(event) <= 4
    return f"{code}^{event} is not mapped" if known else "its trigger event is not mapped"
