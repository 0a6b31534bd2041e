"""What else does an admission tell: allergies (AL1, IAM), diagnoses (DG1), procedures (PR1), what was observed (OBX)?"""

from itertools import takewhile
from typing import Any, Final

from carerecord.ingest.hl7v2 import files, systems, values
from carerecord.ingest.hl7v2 import obx as observations
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.people import Subject
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Said, statement
from carerecord.ingest.hl7v2.shapes import Statement
from carerecord.ingest.hl7v2.visits import Visit

_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_VERIFIED: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_CONDITION: Final = "http://terminology.hl7.org/CodeSystem/condition-"
_CATEGORIES: Final = {
    "DA": "medication",
    "FA": "food",
    "EA": "environment",
    "AA": "environment",
    "PA": "environment",
    "LA": "environment",
    "DRUG": "medication",
    "FOOD": "food",
}
_SEVERITIES: Final = {
    "SV": "severe", "MO": "moderate", "MI": "mild", "SEVERE": "severe", "MODERATE": "moderate", "MILD": "mild",
}  # fmt: skip
_IAM_STATUS: Final = {"C": "confirmed", "U": "unconfirmed", "P": "unconfirmed", "S": "unconfirmed", "D": "refuted"}
_DIAGNOSED: Final = {"A": "provisional", "W": "provisional", "P": "provisional", "F": "confirmed"}
NOT_STATED: Final = "Not stated"
DELETED: Final = "deleted by its sender"


def key_of(made: Resource) -> str:
    """By what one allergy or diagnosis is told from another: its first code, else its words."""
    if coding := made.get("coding"):
        return f"{systems.as_named(coding[0].get('system', ''))}|{coding[0]['code']}"
    return " ".join(made.get("text", "").casefold().split())


def said_of(reading: Reading, person: Subject, visit: Visit, segments: tuple[Segment, ...]) -> list[Statement]:
    """One statement for each AL1, IAM, DG1, PR1 and each OBX that says how sure its value is, with its comments."""
    found = []
    for place, segment in enumerate(segments, 1):
        reader = _READERS.get(segment.name)
        if reader is None or (segment.name == "OBX" and not _is_observed(segment)):
            continue
        type_, id_, facts = reader(reading, person, visit, segment)
        if id_:
            behind = takewhile(lambda each: each.name == "NTE", segments[place:])
            if notes := [text for each in behind if (text := values.text_of(each, 3))]:
                facts["+note/nte"] = {"text": "\n".join(notes)}
            facts.setdefault(WITHDRAWN, None)
            said = Said(person.patient, {f"{type_}/{id_}": facts})
            hangs = (person.thread, *visit.things) if type_ != "AllergyIntolerance" else (person.thread,)
            found.append(statement(f"{type_}/{id_}", person.local_id, said, hangs))
        else:
            reading.note(f"{segment.name} does not say what it is about")
    return found


_Made = tuple[str, str, dict[str, Any]]


def _al1(reading: Reading, person: Subject, visit: Visit, al1: Segment) -> _Made:
    made = values.concept(reading, al1.part(3))
    facts = _allergy(reading, al1, made, al1.text(2) if al1.text(2).upper() in _CATEGORIES else "", 4, 5)
    if onset := reading.date(al1, 6):
        facts["onsetDateTime"] = onset
    return "AllergyIntolerance", _allergy_id(reading, person, made), facts


def _allergy_id(reading: Reading, person: Subject, made: Resource) -> str:
    return stable_id(reading.sender, "AllergyIntolerance", person.local_id, key_of(made)) if made else ""


def _allergy(reading: Reading, segment: Segment, code: Resource, kind: str, severity: int, reactions: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"code": code, "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": "active"}]}}
    if kind.upper() in _CATEGORIES:
        facts["category"] = [_CATEGORIES[kind.upper()]]
    seen = [made for part in segment.parts(reactions) if (made := values.concept(reading, part))]
    bad = _SEVERITIES.get(segment.text(severity).upper(), "")
    if segment.text(severity) and not bad and segment.text(severity).upper() != "U":
        reading.note(f"{segment.name}-{severity} is no severity that is known here")
    if seen or bad:
        # FHIR hangs how bad it was on a reaction, and a reaction on how it showed itself.
        reaction: dict[str, Any] = {"manifestation": seen or [{"text": NOT_STATED}]}
        facts["reaction"] = [{**reaction, "severity": bad} if bad else reaction]
    elif segment.deletes(severity) or segment.deletes(reactions):
        facts["reaction"] = None
    return facts


def _iam(reading: Reading, person: Subject, visit: Visit, iam: Segment) -> _Made:
    made = values.concept(reading, iam.part(3))
    facts = _allergy(reading, iam, made, iam.text(2) if iam.text(2).upper() in _CATEGORIES else "", 4, 5)
    if iam.text(9).upper() in ("AL", "IN"):
        facts["type"] = {"AL": "allergy", "IN": "intolerance"}[iam.text(9).upper()]
    if onset := reading.date(iam, 11):
        facts["onsetDateTime"] = onset
    if recorded := reading.time(iam, 20) or reading.time(iam, 13):
        facts["recordedDate"] = recorded
    status = iam.text(17).upper()
    if status in _IAM_STATUS:
        facts["verificationStatus"] = {"coding": [{"system": _VERIFIED, "code": _IAM_STATUS[status]}]}
    elif status == "I":
        facts["clinicalStatus"] = {"coding": [{"system": _CLINICAL, "code": "inactive"}]}
    number = values.entity(reading, iam, 7, "allergy")
    if number:
        facts[f"+identifier/{number['system']}|{number['value']}"] = number
    if iam.text(6).upper() == "D" or status == "E":
        facts[WITHDRAWN] = DELETED
    if said := iam.text(8):
        facts["+note/action"] = {"text": said}
    return "AllergyIntolerance", _allergy_id(reading, person, made), facts


def _described(made: Resource, said: str) -> Resource:
    """With what the sender says of it beside its code."""
    if not said:
        return made
    return {**made, "text": said if made.get("text", said) == said else f"{made['text']}: {said}"}


def _dg1(reading: Reading, person: Subject, visit: Visit, dg1: Segment) -> _Made:
    made = _described(values.concept(reading, dg1.part(3)), dg1.text(4))
    if not made:
        return "Condition", "", {}
    number = values.entity(reading, dg1, 20, "diagnosis")
    key = f"{number['system']}|{number['value']}" if number else key_of(made)
    category = {"system": f"{_CONDITION}category", "code": "encounter-diagnosis", "display": "Encounter Diagnosis"}
    facts: dict[str, Any] = {"code": made, "category": [{"coding": [category]}]}
    if number:
        facts["identifier"] = [number]
    if visit.id:
        facts["encounter"] = visit.reference
    if recorded := reading.time(dg1, 5):
        facts["recordedDate"] = recorded
    if (kind := dg1.text(6).upper()) in _DIAGNOSED:
        facts["verificationStatus"] = {"coding": [{"system": f"{_CONDITION}ver-status", "code": _DIAGNOSED[kind]}]}
    elif kind:
        reading.note("DG1-6 is no type of diagnosis that is known here")
    if who := values.clinician(reading, dg1.part(16)):
        facts["asserter"] = who
    if dg1.text(21).upper() == "D":
        facts[WITHDRAWN] = DELETED
    return "Condition", stable_id(reading.sender, "Condition", person.local_id, visit.id, key), facts


def _pr1(reading: Reading, person: Subject, visit: Visit, pr1: Segment) -> _Made:
    made = _described(values.concept(reading, pr1.part(3)), pr1.text(4))
    done = reading.time(pr1, 5)
    if not made:
        return "Procedure", "", {}
    facts: dict[str, Any] = {"code": made, "status": "completed"}
    if visit.id:
        facts["encounter"] = visit.reference
    if done:
        facts["performedDateTime"] = done
    performers = [each for field in (11, 12, 8) for each in values.clinicians(reading, pr1, field)]
    if performers:
        facts["performer"] = [{"actor": each} for each in performers]
    if pr1.text(20).upper() == "D":
        facts[WITHDRAWN] = DELETED
    if number := values.entity(reading, pr1, 19, "procedure"):
        facts["identifier"] = [number]
    key = f"{number['system']}|{number['value']}" if number else f"{key_of(made)}|{done}"
    return "Procedure", stable_id(reading.sender, "Procedure", person.local_id, visit.id, key), facts


def _is_observed(obx: Segment) -> bool:
    """A height or a weight has a status; what a system notes for its own ends in an OBX of an admission has none."""
    return bool(obx.raw(11)) and not files.is_file(obx)


def _obx(reading: Reading, person: Subject, visit: Visit, obx: Segment) -> _Made:
    named, code = observations.code_of(reading, obx, {})
    if not named:
        return "Observation", "", {}
    recorded, taken = reading.order()[0], reading.time(obx, 14)
    facts = observations.observed(reading, code, [obx], [], "unknown", reading.time(obx, 19))
    if not taken and len(recorded) > len("2026-11-22"):
        facts["issued"] = recorded
    if visit.number:
        facts["encounter"] = visit.reference
    key = (person.local_id, visit.id, key_of(named), obx.text(4), taken)
    return "Observation", stable_id(reading.sender, "Observation", "told of a visit", *key), facts


_READERS: Final = {"AL1": _al1, "IAM": _iam, "DG1": _dg1, "PR1": _pr1, "OBX": _obx}
