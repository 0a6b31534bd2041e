"""Which problems are on somebody's list (PPR)?"""

from typing import Any, Final

from carerecord.ingest.hl7v2 import values
from carerecord.ingest.hl7v2.adt import Done, groups, in_passing
from carerecord.ingest.hl7v2.around import key_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, said_of_one

EVENTS: Final = {"PC1": "Problem added", "PC2": "Problem changed", "PC3": "Problem deleted"}
DELETED: Final = "the problem was deleted by its sender"
_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/condition-"
_CLINICAL: Final = {"ACTIVE": "active", "A": "active", "INACTIVE": "inactive", "I": "inactive", "RESOLVED": "resolved",
                    "R": "resolved",
                    "REMISSION": "remission", "RECURRENCE": "recurrence", "RELAPSE": "relapse"}  # fmt: skip
_GOES_ON: Final = frozenset(("active", "recurrence", "relapse"))
_VERIFIED: Final = {"CONFIRMED": "confirmed", "C": "confirmed", "PROVISIONAL": "provisional", "P": "provisional",
                    "DIFFERENTIAL": "differential", "D": "differential", "REFUTED": "refuted", "UNCONFIRMED": "unconfirmed",
                    "U": "unconfirmed"}  # fmt: skip


def listed(reading: Reading, event: str) -> Done:
    segments = groups(reading)[0]
    person, visit, passing = in_passing(reading, segments)
    said = [*passing]
    notes: dict[int, list[str]] = {}
    latest: Segment | None = None
    for segment in segments:
        if segment.name == "PRB":
            latest = segment
        elif segment.name == "NTE" and latest is not None and (text := values.text_of(segment, 3)):
            notes.setdefault(latest.number, []).append(text)
    for prb in (each for each in segments if each.name == "PRB"):
        made = values.concept(reading, prb.part(3))
        number = values.entity(reading, prb, 4, "problem")
        if not made:
            reading.note("PRB does not say which problem")
            continue
        facts = _facts(reading, prb, event, made)
        if number:
            facts[f"+identifier/{number['system']}|{number['value']}"] = number
        if prb.number in notes:
            facts["+note/nte"] = {"text": "\n".join(notes[prb.number])}
        key = (number["system"], number["value"]) if number else (person.local_id, key_of(made))
        thing = f"Condition/{stable_id(reading.sender, 'Condition', 'problem', *key)}"
        said.append(said_of_one(thing, person.patient, person.local_id, facts, (person.thread, *visit.things)))
    return [person], said, []


def _facts(reading: Reading, prb: Segment, event: str, made: Resource) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "code": made,
        "category": [{"coding": [{"system": f"{_SYSTEM}category", "code": "problem-list-item"}]}],
    }
    resolved = reading.time(prb, 9)
    state, sure = prb.part(14), prb.part(13)
    known = _CLINICAL.get((state[1] or state[2]).upper(), "") if state is not None else ""
    if known or resolved:
        facts["clinicalStatus"] = {"coding": [{"system": f"{_SYSTEM}clinical", "code": known or "resolved"}]}
    else:
        facts["?clinicalStatus"] = {"coding": [{"system": f"{_SYSTEM}clinical", "code": "active"}]}
    if known in _GOES_ON:  # whatever else is or was said of when it ended
        facts["abatementDateTime"] = None
        if resolved:
            facts["+note/resolved"] = {"text": f"Its sender says that it goes on, and was resolved at {resolved}"}
    elif resolved:
        facts["abatementDateTime"] = resolved
    if sure is not None and (code := _VERIFIED.get((sure[1] or sure[2]).upper(), "")):
        facts["verificationStatus"] = {"coding": [{"system": f"{_SYSTEM}ver-status", "code": code}]}
    for element, number in (("recordedDate", 7), ("onsetDateTime", 16)):
        if when := reading.time(prb, number):
            facts[element] = when
    if text := prb.text(17):
        facts["+note/onset"] = {"text": text}
    if event == "PC3" or prb.text(1).upper() == "DE":
        facts[WITHDRAWN] = DELETED
    return facts
