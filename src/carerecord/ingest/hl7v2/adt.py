"""What does an ADT message do: to a person, to a visit, to what hangs on either?"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.times import sort_key
from carerecord.ingest.hl7v2 import around, directives, people, visits
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.people import Subject
from carerecord.ingest.hl7v2.reading import Reading
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Rule, Said, statement
from carerecord.ingest.hl7v2.shapes import Merge, Statement, Unreadable
from carerecord.ingest.hl7v2.visits import Visit

Segments = tuple[Segment, ...]


class Effect(Struct, frozen=True):
    """What one trigger event does to the visit that it names."""

    title: str
    status: str = ""  # "?finished": believed where nothing else was said
    # "": nothing of where | moved: they went there | come: they are there, where they were not before | planned: they will
    # | named: the same stay, told anew | back: no move at all | called: named, or where it names none: they never came
    place: str = "named"
    kind: str = ""  # PV1-2 where the message leaves it out
    begins: bool = False
    ends: str = ""  # set | clear | expected


EFFECTS: Final[Mapping[str, Effect]] = {
    "A01": Effect("Admitted", "in-progress", "moved", "I", begins=True),
    "A02": Effect("Transferred", "?in-progress", "moved"),
    "A03": Effect("Discharged", "finished", "named", ends="set"),
    "A04": Effect("Registered", "in-progress", "moved", "O", begins=True),
    "A05": Effect("To be admitted", "planned", "planned", "P"),
    "A06": Effect("Outpatient becomes inpatient", "?in-progress", "moved", "I"),
    "A07": Effect("Inpatient becomes outpatient", "?in-progress", "moved", "O"),
    "A08": Effect("Details changed", "?in-progress"),
    "A09": Effect("On the way to another place", "?in-progress", ""),
    "A10": Effect("Come to another place", "?in-progress", "come"),
    "A11": Effect("Admission cancelled", "cancelled"),
    "A12": Effect("Transfer cancelled", "?in-progress", "back"),
    "A13": Effect("Discharge cancelled", "in-progress", ends="clear"),
    "A14": Effect("Admission pending", "planned", "planned", "P"),
    "A15": Effect("Transfer pending", "?in-progress"),
    "A16": Effect("Discharge pending", "?in-progress", ends="expected"),
    "A17": Effect("Two people change beds", "?in-progress", "moved"),
    "A21": Effect("On leave", "onleave"),
    "A22": Effect("Back from leave", "in-progress"),
    "A25": Effect("Pending discharge cancelled", "?in-progress", ends="expected"),
    "A26": Effect("Pending transfer cancelled", "?in-progress"),
    "A27": Effect("Pending admission cancelled", "cancelled"),
    "A32": Effect("Coming to another place cancelled", "?in-progress", "called"),
    "A33": Effect("Going to another place cancelled", "?in-progress", ""),
    "A38": Effect("Planned admission cancelled", "cancelled"),
    "A52": Effect("Leave cancelled", "in-progress"),
    "A53": Effect("Return from leave cancelled", "onleave"),
    "A54": Effect("Attending doctor changed", "?in-progress"),
    "A55": Effect("Change of attending doctor cancelled", "?in-progress"),
    "A61": Effect("Consulting doctor changed", "?in-progress"),
    "A62": Effect("Change of consulting doctor cancelled", "?in-progress"),
}
# Events of a person alone: a PV1 that comes with them is a form to be filled in, and says nothing of a visit.
PERSON_ALONE: Final = {"A28": "Person added", "A31": "Person's details changed", "A60": "Allergies changed"}
MERGES: Final = {
    "A18": ("merge", "Two people are one"), "A30": ("merge", "Two people are one"), "A34": ("merge", "Two people are one"),
    "A39": ("merge", "Two people are one"), "A40": ("merge", "Two people are one"),
    "A36": ("merge", "Two people are one, with their accounts"),
    "A46": ("renumber", "A person's number changed"), "A47": ("renumber", "A person's number changed"),
}  # fmt: skip
ACCOUNT_MERGES: Final = {"A35": "Two accounts are one", "A41": "Two accounts are one", "A49": "An account's number changed"}
VISIT_MERGES: Final = {"A42": "Two visits are one", "A50": "A visit's number changed"}
DELETED_VISIT: Final = "the visit was deleted by its sender"
DELETED_PERSON: Final = "the person's entry was deleted by its sender"

_OF_A_PERSON: Final = ("PD1", "NK1")
_PERSONS: Final = ("PID", *_OF_A_PERSON)

Done = tuple[list[Subject], list[Statement], list[Merge]]


def groups(reading: Reading) -> list[Segments]:
    """The segments of each person: a PID with all that follows it, up to the next."""
    found: list[list[Segment]] = []
    for segment in reading.message.segments:
        if segment.name == "PID":
            found.append([segment])
        elif found:
            found[-1].append(segment)
    if not found:
        raise Unreadable("there is no PID: the message does not say whom it is about")
    return [tuple(each) for each in found]


def subject_of(reading: Reading, segments: Segments) -> Subject:
    return people.subject(reading, segments[0], [each for each in segments if each.name in _OF_A_PERSON])


def person_said(person: Subject, more: dict[str, Any] | None = None, *, passing: bool = False) -> Statement:
    facts = people.believed_less(person.facts) if passing else {**person.facts, WITHDRAWN: None}
    said = Said(person.patient, {person.thread: {**facts, **(more or {})}}, passing=passing)
    return statement(person.thread, person.local_id, said)


def in_passing(reading: Reading, segments: tuple[Segment, ...]) -> tuple[Subject, Visit, tuple[Statement, ...]]:
    """Whom a message about something else names, in which visit, and what it copies of both: believed where nobody else spoke."""
    of_visit = visits.in_passing_of(reading)
    words = ("in passing", *[each.line for each in segments if each.name in _PERSONS or each.name in of_visit])
    return reading.once(words, lambda: _in_passing(reading, segments))


def _in_passing(reading: Reading, segments: tuple[Segment, ...]) -> tuple[Subject, Visit, tuple[Statement, ...]]:
    person = subject_of(reading, segments)
    visit, said = visits.in_passing(reading, person, segments)
    decided = directives.said_of(reading, person, segments, passing=True)
    return person, visit, (person_said(person, passing=True), *said, *decided)


def visited(reading: Reading, event: str) -> Done:
    """An event of a visit, or of two (A17)."""
    effect, subjects, said = EFFECTS[event], [], []
    for segments in groups(reading):
        person = subject_of(reading, segments)
        subjects.append(person)
        said.append(person_said(person))
        begins = reading.happened() if effect.begins else ""
        visit = visits.visit(reading, person, segments, begins=begins)
        if visit.id:
            said.append(_visit_said(reading, person, visit, effect, event))
        elif any(each.name == "PV1" for each in segments):
            reading.note("no visit number, nor when it began: the visit is not carried")
        said += around.said_of(reading, person, visit, segments)
        said += directives.said_of(reading, person, segments)
    return subjects, said, []


def _visit_said(reading: Reading, person: Subject, visit: Visit, effect: Effect, event: str) -> Statement:
    facts: dict[str, Any] = {**visit.facts, WITHDRAWN: None}
    happened = reading.happened()
    facts["?status" if effect.status[0] == "?" else "status"] = effect.status.lstrip("?")
    is_expected = visit.end and (effect.ends == "expected" or reading.is_still_to_come(visit.end)) and effect.status != "planned"
    if visit.end and effect.status[0] == "?" and not is_expected:
        facts["?status"] = "finished"
    if effect.kind:
        facts.setdefault("?class", visits.class_of(effect.kind))
    if visit.start or effect.begins:
        facts["start"] = visit.start or happened
    if effect.ends == "set":
        facts["end"] = visit.end or happened
    elif effect.ends == "clear":
        facts["end"] = None
    elif is_expected:
        reading.note("a discharge that is only expected: PV1-45 is not carried")
    elif visit.end and effect.begins and not visit.start and sort_key(visit.end) <= sort_key(happened):
        reading.note("PV1-45 is no later than the admission: the end is not carried")
    elif visit.end and effect.status == "planned":  # once they are there it is none
        facts[f"@expected/{visit.end}"] = {"kind": "ends", "place": "", "at": visit.end}
    elif visit.end:
        facts["end"] = visit.end
    if (visit.place and effect.place) or effect.place in ("back", "called"):
        at = (visit.start if effect.begins and visit.start else happened) or ""
        kind = "named" if visit.place and effect.place == "called" else effect.place
        # One key a move: told again, it is the same one. What calls a move back has its own time.
        facts[f"@move/{event}/{at}/{visit.place}"] = {"kind": kind, "place": visit.place, "at": at}
    return statement(visit.thread, person.local_id, Said(person.patient, {visit.thread: facts}), (person.thread, visit.account))


def told_of_person(reading: Reading, event: str) -> Done:
    subjects, said = [], []
    for segments in groups(reading):
        person = subject_of(reading, segments)
        subjects.append(person)
        said.append(person_said(person))
        said += around.said_of(reading, person, visits.NO_VISIT, segments)
        said += directives.said_of(reading, person, segments)
    return subjects, said, []


def deleted_visit(reading: Reading, event: str) -> Done:
    """A23: the visit, and all that was said within it."""
    segments = groups(reading)[0]
    person = subject_of(reading, segments)
    visit = visits.visit(reading, person, segments)
    if not visit.id:
        number = reading.sender.visit_number
        raise Unreadable(f"it deletes a visit, and holds no visit number nor the time when it began: say which ({number})")
    said = Said(person.patient, {}, Rule("withdrawn", DELETED_VISIT, within=visit.thread))
    return [person], [statement(visit.thread, person.local_id, said, (person.thread, visit.account))], []


def deleted_person(reading: Reading, event: str) -> Done:
    """A29: the entry of a person, and all that is theirs: not what somebody else has within a visit of the same number."""
    person = subject_of(reading, groups(reading)[0])
    said = Said(person.patient, {}, Rule("withdrawn", DELETED_PERSON, of=person.patient))
    return [person], [statement(person.thread, person.local_id, said)], []


def merged(reading: Reading, event: str) -> Done:
    """The person of MRG lives on in that of PID. Nothing is filed anew: a person is the set of their entries."""
    subjects: list[Subject] = []
    said: list[Statement] = []
    merges: list[Merge] = []
    for segments in groups(reading):
        left, right = _pair(reading, segments)
        subjects += [left, right]
        said += directives.said_of(reading, left, segments)
        if left.local_id == right.local_id:
            reading.note("it merges a number with itself: nothing is merged")
            said.append(person_said(left))
            continue
        said.append(person_said(left, {f"+link/{right.patient}": {"other": right.reference, "type": "replaces"}, "active": True}))
        retired = {f"+link/{left.patient}": {"other": left.reference, "type": "replaced-by"}, "active": False}
        said.append(person_said(right, retired, passing=True))
        merges.append(Merge(MERGES[event][0], left.local_id, right.local_id))
        if event == "A36":
            said += _accounts(reading, segments, left)
    return subjects, said, merges


def _pair(reading: Reading, segments: Segments) -> tuple[Subject, Subject]:
    mrg = _mrg(segments)
    return subject_of(reading, segments), people.numbered(reading, mrg, (1, 4))


def _mrg(segments: Segments) -> Segment:
    found = next((each for each in segments if each.name == "MRG"), None)
    if found is None:
        raise Unreadable("there is no MRG: the message does not say which number is given up")
    return found


def _accounts(reading: Reading, segments: Segments, person: Subject) -> list[Statement]:
    old, new = visits.account_thread(reading, _mrg(segments), 3), visits.account_thread(reading, segments[0])
    if not old or not new or old == new:
        reading.note("it does not name two accounts: none is merged")
        return []
    return [statement(old, person.local_id, Said(person.patient, {}, Rule("renumbered", of=old, to=new)), (new,))]


def merged_accounts(reading: Reading, event: str) -> Done:
    person = subject_of(reading, groups(reading)[0])
    decided = directives.said_of(reading, person, groups(reading)[0])
    return [person], [person_said(person), *_accounts(reading, groups(reading)[0], person), *decided], []


def merged_visits(reading: Reading, event: str) -> Done:
    """A42, A50: the old number is the new one from now on: all that was said of it, and what hung on it (`standing`)."""
    segments = groups(reading)[0]
    person = subject_of(reading, segments)
    visit = visits.visit(reading, person, segments)
    old = _old_visit(reading, segments)
    if not visit.id or not old or old == visit.thread:
        number = reading.sender.visit_number
        raise Unreadable(f"it joins two visits, and does not hold two visit numbers that differ ({number} and MRG-5)")
    told = _visit_said(reading, person, visit, EFFECTS["A08"], event)
    decided = directives.said_of(reading, person, segments)
    return [person], [person_said(person), told, _became(person, visit, old), *decided], []


def _old_visit(reading: Reading, segments: Segments, field: int = 5) -> str:
    mrg = next((each for each in segments if each.name == "MRG"), None)
    number = visits.number_of(reading, mrg.part(field)) if mrg is not None else {}
    return f"Encounter/{visits.visit_id(reading, number)}" if number else ""


def moved(reading: Reading, event: str) -> Done:
    """A43, A44, A45: a number, an account or a visit was kept under the wrong person. All that hangs on it goes along."""
    subjects: list[Subject] = []
    said: list[Statement] = []
    merges: list[Merge] = []
    for segments in groups(reading):
        left, right = _pair(reading, segments)
        subjects += [left, right] if left.local_id != right.local_id else [left]
        said.append(person_said(left))
        said += directives.said_of(reading, left, segments)
        if event == "A43":
            merges.append(Merge("move", left.local_id, right.local_id))
            thread = right.thread
            if left.local_id == right.local_id:
                said.append(_other_numbers(left, right))
                continue
        elif event == "A44":
            thread = visits.account_thread(reading, _mrg(segments), 3) or visits.account_thread(reading, segments[0])
        else:
            thread = _old_visit(reading, segments) or visits.visit(reading, left, segments).thread
        if not thread:
            raise Unreadable("it moves an account or a visit, and does not hold its number (MRG-3, MRG-5)")
        within = thread if event == "A45" else ""
        rule = Rule("moved", "moved to the right person by its sender", right.patient, left.patient, left.local_id, within)
        said.append(statement(thread, right.local_id, Said(right.patient, {}, rule), (left.thread,)))
        if event == "A45":
            said += _under_a_new_number(reading, segments, left, thread)
    return subjects, said, merges


def _under_a_new_number(reading: Reading, segments: Segments, person: Subject, old: str) -> list[Statement]:
    """A visit that got another number as it moved (PV1-19 beside MRG-5): both are one, with the right person."""
    visit = visits.visit(reading, person, segments)
    if not visit.number or visit.thread == old:
        return []
    return [_visit_said(reading, person, visit, EFFECTS["A08"], "A45"), _became(person, visit, old)]


def _became(person: Subject, visit: Visit, old: str) -> Statement:
    said = Said(person.patient, {}, Rule("renumbered", of=old, to=visit.thread), passing=True)
    return statement(old, person.local_id, said, (person.thread, visit.account, visit.thread))


def _other_numbers(left: Subject, right: Subject) -> Statement:
    """The same record number, before and now beside other numbers: those of before are taken from it."""
    gone = {key: None for key in right.facts if key.startswith("+identifier/") and key not in left.facts}
    return person_said(left, gone)


def linked(reading: Reading, event: str) -> Done:
    """A24 and A37: two PIDs are one person, or are not. A37 undoes a merge as well."""
    found = groups(reading)
    if len(found) < 2:
        raise Unreadable("it speaks of two people, and holds one PID")
    one, other = (subject_of(reading, each) for each in found[:2])
    subjects = [one, other]
    if one.local_id == other.local_id:
        raise Unreadable("it speaks of two people, and both PIDs hold the same number")
    said = []
    for own, beside in ((one, other), (other, one)):
        link = {"other": beside.reference, "type": "seealso"} if event == "A24" else None
        facts: dict[str, Any] = {f"+link/{beside.patient}": link}
        if event == "A37":
            facts["active"] = True
        said.append(person_said(own, facts))
    for own, segments in zip(subjects, found, strict=False):
        said += directives.said_of(reading, own, segments)
    return subjects, said, [Merge("link" if event == "A24" else "unlink", one.local_id, other.local_id)]
