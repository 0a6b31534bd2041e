"""Which visit is a message about, and what does PV1 say of it?"""

from typing import Any, Final

from msgspec import Struct

from carerecord.ingest.hl7v2 import systems, values
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.people import UK_CORE, Subject
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import Said, statement
from carerecord.ingest.hl7v2.shapes import Statement

_ACT: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CLASSES: Final = {
    "E": ("EMER", "emergency"), "I": ("IMP", "inpatient encounter"), "O": ("AMB", "ambulatory"), "P": ("PRENC", "pre-admission"),
    "R": ("AMB", "ambulatory"), "B": ("IMP", "inpatient encounter"), "D": ("SS", "short stay"), "H": ("HH", "home health"),
    "EMERGENCY": ("EMER", "emergency"), "INPATIENT": ("IMP", "inpatient encounter"), "OUTPATIENT": ("AMB", "ambulatory"),
    "PREADMIT": ("PRENC", "pre-admission"), "RECURRING": ("AMB", "ambulatory"), "DAY CASE": ("SS", "short stay"),
}  # fmt: skip
_OF_HL7: Final = frozenset("CNU")  # the rest of HL7's own letters for it, for which FHIR has none
_CONCEPTS: Final = ((10, "serviceType"), (14, "hospitalization:admitSource"), (36, "hospitalization:dischargeDisposition"))
_TAKEN: Final = (
    (4, "ext:AdmissionMethod"),
    (5, "hospitalization:preAdmissionIdentifier"),
    (18, "+type/patient"),
    (37, "hospitalization:destination"),
    (44, "start"),
    (45, "end"),
)
_ROLES: Final = ((7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM"))
_DOCTORS: Final = "+participant/"


class Visit(Struct, frozen=True):
    """The visit of a message: "" for its id where nothing says which one it is."""

    id: str
    number: Resource  # its Identifier, {} where it has none
    facts: dict[str, Any]
    place: str
    start: str
    end: str
    account: str = ""  # the thread of the account that it is kept under (PID-18)

    @property
    def thread(self) -> str:
        return f"Encounter/{self.id}" if self.id else ""

    @property
    def reference(self) -> Resource:
        return {"reference": self.thread}

    @property
    def things(self) -> tuple[str, ...]:
        return (self.thread, self.account)


NO_VISIT: Final = Visit("", {}, {}, "", "", "")


def account_thread(reading: Reading, pid: Segment | None, field: int = 18) -> str:
    """An account groups visits: it is no resource of ours, but its visits go where it is moved."""
    part = pid.part(field) if pid is not None else None
    found = values.identifier(reading, part)
    return f"Account/{stable_id(reading.sender, 'Account', found['system'], found['value'])}" if found else ""


def _field_named(name: str, beside: tuple[Segment, ...]) -> Part | None:
    """The field that a sender's row names ("PV1-19"), of the segments that belong together; None where it is empty."""
    segment, _, field = name.partition("-")
    found = next((each for each in beside if each.name == segment), None)
    return found.part(int(field)) if found is not None and field.isdigit() else None


def number_of(reading: Reading, part: Part | None) -> Resource:
    made = values.identifier(reading, part)
    if not made:
        return {}
    made["system"] = f"{made['system']}:visit" if not made["system"].startswith("http") else made["system"]
    made.setdefault("type", {"coding": [{"system": f"{values.V2}0203", "code": "VN"}]})
    return made


def visit_id(reading: Reading, number: Resource) -> str:
    return stable_id(reading.sender, "Encounter", number["system"], number["value"]) if number else ""


def in_passing_of(reading: Reading) -> tuple[str, ...]:
    """The segments that say which visit it is, and what of it."""
    return ("PID", "PV1", "PV2", reading.sender.visit_number.partition("-")[0])


def in_passing(reading: Reading, person: Subject, segments: tuple[Segment, ...]) -> tuple[Visit, list[Statement]]:
    """The visit that a message about something else names, and what it copies of it: believed where nobody else has spoken.

    Without a number it is nobody's visit, and where the person lay is not for a laboratory to say.
    """
    pv1 = next((each for each in segments if each.name == "PV1"), None)
    if pv1 is None or not number_of(reading, _field_named(reading.sender.visit_number.partition("/")[0], segments)):
        return visit(reading, person, tuple(each for each in segments if each.name == "PID")), []
    found = visit(reading, person, segments, placed=False)
    facts = {
        key if key[0] in "+?" and not key.startswith(_DOCTORS) else f"?{key}": value
        for key, value in found.facts.items()
        if value is not None or key.startswith(_DOCTORS)  # where their list ends
    }
    is_expected = found.end and reading.is_still_to_come(found.end)
    for key, value in (("?start", found.start), ("?end", "" if is_expected else found.end)):
        if value:
            facts[key] = value
    said = Said(person.patient, {found.thread: facts}, passing=True)
    return found, [statement(found.thread, person.local_id, said, (person.thread, found.account))]


def visit(reading: Reading, person: Subject, segments: tuple[Segment, ...], *, begins: str = "", placed: bool = True) -> Visit:
    """The visit of a PV1 (with its PV2): by its number; without one, by whose it is and when it began.

    `begins` is when it began as the event itself says, for an admission that carries no time of its own.
    """
    pv1 = next((each for each in segments if each.name == "PV1"), None)
    account = account_thread(reading, next((each for each in segments if each.name == "PID"), None))
    if pv1 is None:
        return Visit("", {}, {}, "", "", "", account)
    number = number_of(reading, _field_named(reading.sender.visit_number.partition("/")[0], segments))
    start, end = reading.in_order(reading.time(pv1, 44), reading.time(pv1, 45), "PV1-45 is before PV1-44")
    if number and reading.sender.visit_number.endswith("/PID-3"):  # numbers that count anew for each person
        id_ = stable_id(reading.sender, "Encounter", number["system"], number["value"], person.local_id)
    elif number:
        id_ = visit_id(reading, number)
    elif start or begins:
        id_ = stable_id(reading.sender, "Encounter", person.local_id, start or begins)
    else:
        return Visit("", {}, {}, "", "", "", account)
    facts: dict[str, Any] = {}
    if number:
        facts[f"+identifier/{number['system']}|{number['value']}"] = number
    facts |= reading.once(pv1.line, lambda: _of_pv1(reading, pv1))
    for each in segments:
        if each.name == "PV2":
            _of_pv2(reading, each, facts)
    if here := reading.here():
        facts["serviceProvider"] = here
    return Visit(id_, number, facts, values.place(reading, pv1.part(3)) if placed else "", start, end, account)


def class_of(code: str) -> Resource:
    known, display = CLASSES[code]
    return {"system": _ACT, "code": known, "display": display}


def _of_pv1(reading: Reading, pv1: Segment) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    kind = " ".join(pv1.text(2).upper().split())
    if kind in CLASSES:
        facts["class"] = class_of(kind)
    elif kind:
        system = f"{values.V2}0004" if kind in _OF_HL7 else systems.local("code", reading.sender, "patient-class")
        facts["class"] = {"system": system, "code": kind}
    for field, role in _ROLES:
        who = values.clinicians(reading, pv1, field)
        type_ = [{"coding": [{"system": _PARTICIPATION, "code": role}]}]
        if who:
            facts[f"+participant/{role}"] = {"type": type_, "individual": who[0]}
            for number, each in enumerate(who[1:], 2):
                facts[f"+participant/{role}-{number}"] = {"type": type_, "individual": each}
            facts[f"+participant/{role}-{len(who) + 1}"] = None  # the list ends here, whoever else was on it before
        elif pv1.deletes(field):
            facts[f"+participant/{role}"] = None
    for field, element in _CONCEPTS:
        if made := values.concept(reading, pv1.part(field)):
            facts[element] = made
        elif pv1.deletes(field):
            facts[element] = None
    if made := values.concept(reading, pv1.part(4)):
        facts["ext:AdmissionMethod"] = {"url": f"{UK_CORE}AdmissionMethod", "valueCodeableConcept": made}
    if made := values.concept(reading, pv1.part(18)):
        facts["+type/patient"] = made
    facts |= {element: None for field, element in _TAKEN if pv1.deletes(field)}
    pre = pv1.part(5)
    if pre is not None and (made := values.identifier(reading, pre)):
        facts["hospitalization:preAdmissionIdentifier"] = made
    other = pv1.part(50)
    if other is not None and (made := values.identifier(reading, other)):
        facts[f"+identifier/{made['system']}|{made['value']}"] = made
    if destination := values.place(reading, pv1.part(37)):
        facts["hospitalization:destination"] = {"type": "Location", "display": destination}
    return facts


def _of_pv2(reading: Reading, pv2: Segment, facts: dict[str, Any]) -> None:
    reason = values.concept(reading, pv2.part(3)) or ({"text": pv2.text(12)} if pv2.text(12) else {})
    if reason:
        facts["+reasonCode/admit"] = reason
    elif pv2.deletes(3) or pv2.deletes(12):
        facts["+reasonCode/admit"] = None
