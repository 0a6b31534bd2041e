"""What was asked for: ORC and OBR as a ServiceRequest, whether an order brings them (ORM, OMG, OML) or a result does?"""

from typing import Any, Final

from carerecord.ingest.hl7v2 import files, values
from carerecord.ingest.hl7v2.adt import Done, groups, in_passing
from carerecord.ingest.hl7v2.around import key_of, said_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.obx import CODED, WITHDRAWS
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.people import Subject
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Said, statement
from carerecord.ingest.hl7v2.shapes import Statement, Unreadable
from carerecord.ingest.hl7v2.timings import PRIORITIES
from carerecord.ingest.hl7v2.visits import Visit

# ORC-1, what is to be done with the order (table 0119), and ORC-5, how far it is (table 0038).
CONTROLS: Final = {"NW": "active", "OK": "active", "SN": "active", "XO": "active", "XX": "active", "XR": "active", "SC": "",
                    "RE": "", "PA": "",
                    "CH": "", "CA": "revoked", "OC": "revoked", "CR": "revoked", "DC": "revoked", "OD": "revoked",
                    "DR": "revoked", "UA": "revoked",
                    "HD": "on-hold", "OH": "on-hold", "HR": "on-hold", "RL": "active", "OE": "active", "RP": "revoked",
                    "RO": "active",
                    "RU": "revoked", "RF": "active", "UC": "active", "UD": "active", "UX": "active", "UM": "active",
                    "DE": "entered-in-error"}  # fmt: skip
STATES: Final = {"A": "active", "CA": "revoked", "CM": "completed", "DC": "revoked", "ER": "entered-in-error",
                  "HD": "on-hold", "IP": "active",
                  "RP": "revoked", "SC": "active"}  # fmt: skip

NOTHING_ASKED: Final = "it asks for nothing that can be filed: no order with a number (ORC-2, ORC-3) says what is ordered (OBR-4)"


def requested(reading: Reading, event: str) -> Done:
    """ORM, OMG, OML: one request for each ORC with its OBR."""
    subjects, said = list[Subject](), list[Statement]()
    found = 0
    for segments in groups(reading):
        person, visit, passing = in_passing(reading, segments)
        subjects.append(person)
        said += passing
        said += said_of(reading, person, visit, tuple(each for each in segments if each.name == "AL1"))
        for orc, obr, rest in _pairs(segments):
            made = ordered(reading, person, visit, orc, obr, numbers_of(reading, orc, obr), passing=False, rest=rest)
            if made is None:
                reading.note("an ORC without a number, nor what is ordered, is not carried")
            else:
                found += 1
                said.append(made)
    if not found:
        raise Unreadable(NOTHING_ASKED)
    return subjects, said, []


def _pairs(segments: tuple[Segment, ...]) -> list[tuple[Segment | None, Segment | None, list[Segment]]]:
    """Each ORC with its OBR and what belongs to them: when (TQ1) stands before the OBR, and the comments on either."""
    found: list[tuple[Segment | None, Segment | None, list[Segment]]] = []
    open_orc: Segment | None = None
    ahead: list[Segment] = []
    rest = ahead
    for segment in segments:
        if segment.name == "ORC":
            if open_orc is not None:
                found.append((open_orc, None, ahead))
                ahead = []
            open_orc, rest = segment, ahead
        elif segment.name == "OBR":
            rest = ahead
            found.append((open_orc, segment, rest))
            open_orc, ahead = None, []
        elif segment.name in ("NTE", "DG1", "TQ1", "OBX", "SPM"):
            rest.append(segment)
    if open_orc is not None:
        found.append((open_orc, None, ahead))
    return found


def numbers_of(reading: Reading, orc: Segment | None, obr: Segment | None) -> list[Resource]:
    """Its orderer's numbers, then those of whoever does it."""
    return [
        found
        for number in (2, 3)
        for segment in (orc, obr)
        if segment is not None and (found := values.entity(reading, segment, number, values.ORDER_NUMBERS[number]))
    ]


def ordered(
    reading: Reading,
    person: Subject,
    visit: Visit,
    orc: Segment | None,
    obr: Segment | None,
    numbers: list[Resource],
    *,
    passing: bool,
    rest: list[Segment] | None = None,
) -> Statement | None:
    """The request behind an ORC. In passing, where a result brings it along: it then says less than the order itself."""
    if orc is None and (passing or obr is None):
        return None
    code = values.concept(reading, obr.part(4)) if obr is not None else {}
    if not numbers or (not code and obr is not None):
        return None
    id_ = stable_id(reading.sender, "ServiceRequest", numbers[0]["system"], numbers[0]["value"], key_of(code) if code else "")
    facts: dict[str, Any] = {"intent": "order", "status": _status(reading, orc, obr, passing=passing)}
    facts |= {f"+identifier/{each['system']}|{each['value']}": each for each in numbers}
    facts["code"] = code or {"text": "Request"}
    if group := (values.entity(reading, orc, 4, "order-group") if orc is not None else {}):
        facts["requisition"] = group
    _who_and_when(reading, orc, obr, facts)
    if visit.number:
        facts["encounter"] = visit.reference
    _said_with_it(reading, rest or [], facts)
    if passing:
        over = facts["status"] if facts["status"] in ("completed", "revoked") else ""
        facts = {key if key[0] == "+" else f"?{key}": value for key, value in facts.items()}
        if over:  # whoever does it knows that it is done, or will not be
            facts["status"] = over
    else:
        facts[WITHDRAWN] = None
    thread = f"ServiceRequest/{id_}"
    said = Said(person.patient, {thread: facts}, passing=passing)
    return statement(thread, person.local_id, said, (person.thread, *visit.things))


def _status(reading: Reading, orc: Segment | None, obr: Segment | None, *, passing: bool) -> str:
    if orc is None:
        return "active"
    control, state = orc.text(1).upper(), orc.text(5).upper()
    if passing:
        if (by_control := CONTROLS.get(control, "")) not in ("", "active"):
            return by_control
        done = obr is not None and obr.text(25).upper() in ("F", "C", "FINAL", "CORRECTED")
        return STATES.get(state, "completed" if done else "active")
    if control and control not in CONTROLS:
        reading.note("ORC-1 is no order control that is known here")
    by_control = CONTROLS.get(control, "unknown" if control else "")
    return (by_control if by_control not in ("", "active") else "") or STATES.get(state, "") or by_control or "active"


def _who_and_when(reading: Reading, orc: Segment | None, obr: Segment | None, facts: dict[str, Any]) -> None:
    requester: Resource = {}
    if orc is not None:
        requester = values.clinician(reading, orc.part(12))
        facts_at = reading.time(orc, 9)
        if facts_at:
            facts["authoredOn"] = facts_at
        if (reason := orc.part(16)) is not None and reason.words:
            facts["+note/control"] = {"text": reason.words}
    if obr is not None:
        if not requester or (orc is not None and orc.raw(12) == obr.raw(16)):
            requester = values.clinician(reading, obr.part(16))
        asked_at = reading.time(obr, 6)
        if asked_at and "authoredOn" not in facts:
            facts["authoredOn"] = asked_at
        reasons = [made for part in obr.parts(31) if (made := values.concept(reading, part))]
        if clinical := values.text_of(obr, 13):
            reasons.append({"text": clinical})
        if reasons:
            facts["reasonCode"] = reasons
        if planned := reading.time(obr, 36):
            facts["occurrenceDateTime"] = planned
        timing = obr.part(27)
        for part, component in ((timing, 6), (obr.part(5), 1)):
            if part is not None and part.peek(component).upper() in PRIORITIES:
                facts["priority"] = PRIORITIES[part[component].upper()]
    if requester:
        facts["requester"] = requester


def _answered(reading: Reading, obx: Segment) -> str:
    """What was asked when it was ordered, and the answer: "High infection risk: No". Files lie with the message as it came."""
    if files.is_file(obx) or obx.text(11).upper() in WITHDRAWS:
        return ""
    asked = values.concept(reading, obx.part(3))
    coded = obx.text(2).upper() in CODED
    said = ", ".join(filter(None, ((part[2] or part[1]) if coded else part.whole for part in obx.parts(5))))
    name = str(asked.get("text") or (asked["coding"][0]["code"] if "coding" in asked else ""))
    unit = values.unit(reading, obx.part(6))[0]
    return ": ".join(filter(None, (name, f"{said} {unit}".strip()))) if said else ""


def _said_with_it(reading: Reading, rest: list[Segment], facts: dict[str, Any]) -> None:
    notes = [text for each in rest if each.name == "NTE" and (text := values.text_of(each, 3))]
    if notes:
        facts["+note/nte"] = {"text": "\n".join(notes)}
    if answers := [said for each in rest if each.name == "OBX" and (said := _answered(reading, each))]:
        facts["+note/asked"] = {"text": "\n".join(answers)}
    for each in rest:
        if each.name == "TQ1":
            priority = each.text(9).upper()
            if priority in PRIORITIES:
                facts["priority"] = PRIORITIES[priority]
            if starts := reading.time(each, 7):
                facts["occurrenceDateTime"] = starts
        elif each.name == "DG1" and (made := values.concept(reading, each.part(3))):
            facts.setdefault("reasonCode", []).append(made)
