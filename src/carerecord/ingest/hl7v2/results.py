"""What does a message of results say: reports, each with its observations, specimens, files and comments?"""

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, field

from carerecord.fhir.sections import section_of
from carerecord.ingest.hl7v2 import files, findings, orders, specimens, values
from carerecord.ingest.hl7v2 import obx as observations
from carerecord.ingest.hl7v2.adt import Done, groups, in_passing
from carerecord.ingest.hl7v2.around import key_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.people import Subject
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Rule, Said, statement
from carerecord.ingest.hl7v2.shapes import Statement, Unreadable
from carerecord.ingest.hl7v2.systems import local
from carerecord.ingest.hl7v2.visits import Visit
from carerecord.ingest.hl7v2.ways import Ways, recurring

STATUS: Final = {
    "O": "registered", "I": "registered", "S": "registered", "A": "partial", "P": "preliminary", "C": "corrected",
    "M": "corrected", "R": "preliminary", "F": "final", "X": "cancelled", "Y": "registered", "Z": "registered", "N": "unknown",
    "FINAL": "final", "CORRECTED": "corrected", "PRELIMINARY": "preliminary", "AMENDED": "amended", "CANCELLED": "cancelled",
    "PARTIAL": "partial",
}  # fmt: skip
WITHDRAWS: Final = {"D": "the report was deleted by its sender", "W": "the report was withdrawn by its sender"}
_OF_A_RESULT: Final = {"registered": "registered", "partial": "preliminary", "preliminary": "preliminary",
                       "corrected": "corrected",
                       "amended": "amended",
                       "final": "final", "cancelled": "cancelled", "unknown": "unknown"}  # fmt: skip
_IMAGING: Final = frozenset(
    ("RAD", "RUS", "RX", "XRC", "CT", "CUS", "NMR", "NMS", "VUS", "RT", "MR", "US", "XR", "NM", "MG", "DX", "CR", "PT")
)
_SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
_OF: Final = "Of this finding: "
_OF_ITS_REPORT: Final = ("effectiveDateTime", "effectivePeriod", "performer")
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"


class Report(Struct):
    """The segments of one report, in the order sent."""

    orc: Segment | None = None
    obr: Segment | None = None
    notes: list[str] = field(default_factory=list)
    numbers: list[Resource] = field(default_factory=list)  # of the order, as `orders.numbers_of` has them
    lines: list[tuple[list[Segment], list[str]]] = field(default_factory=list)  # an observation's OBX, and its comments
    specimens: list[tuple[Segment, list[str]]] = field(default_factory=list)  # with their comments


def resulted(reading: Reading, event: str) -> Done:
    """ORU: each OBR with what follows it is one thing with a life of its own, and so is the order behind it."""
    return _all_of(reading, groups(reading))


def of_specimens(reading: Reading, event: str) -> Done:
    """OUL: the same, told by specimen: each SPM goes before the reports on it, and an ORC behind its OBR."""
    return _all_of(reading, [_by_report(segments) for segments in groups(reading)])


def of_orders(reading: Reading, event: str) -> Done:
    """OUL, told by order: as an ORU, but for the ORC that goes behind its OBR."""
    return _all_of(reading, [_orders_first(segments) for segments in groups(reading)])


def _orders_first(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    begun = -1  # where the report begins, until something but a comment has followed its OBR
    for segment in segments:
        if segment.name == "ORC" and begun >= 0 and not _has_order(found, begun):
            found.insert(begun, segment)
        else:
            found.append(segment)
        if segment.name == "OBR":
            begun = len(found) - 1
        elif segment.name != "NTE":
            begun = -1
    return tuple(found)


def _by_report(segments: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """In the order of an ORU: order, report, results, then of what. What is said of a specimen lies with its first report.

    Raises:
        Unreadable: there is no report on a specimen. Beside another's, its values would be taken for that one's.
    """
    found: list[Segment] = []
    specimen: list[Segment] = []  # for the reports that follow
    behind: list[Segment] = []  # for the end of the report that is being told: empty until there is one on this specimen
    begun = -1  # where that report begins, until something but a comment has followed its OBR
    for segment in segments:
        name = segment.name
        if name == "SPM":
            _reported_on(specimen, behind)
            found += behind
            behind, specimen, begun = [], [segment], -1
        elif name == "OBR":
            found += behind
            behind, specimen, begun = specimen, specimen[:1], len(found)
            found.append(segment)
        elif name == "ORC" and begun >= 0 and not _has_order(found, begun):
            found.insert(begun, segment)
            begun = -1
        elif name in ("OBX", "NTE") and specimen and not behind:
            specimen.append(segment)
        else:
            found.append(segment)
            begun = begun if name == "NTE" else -1
    _reported_on(specimen, behind)
    return (*found, *behind)


def _has_order(found: list[Segment], begun: int) -> bool:
    """Whether the report has its order already, told before it as in an ORU: the next one is the next report's."""
    return begun > 0 and found[begun - 1].name == "ORC"


def _reported_on(specimen: list[Segment], behind: list[Segment]) -> None:
    if specimen and not behind:
        raise Unreadable(f"there is no report (OBR) on the specimen of SPM (segment {specimen[0].number})")


def _all_of(reading: Reading, everybody: Iterable[tuple[Segment, ...]]) -> Done:
    subjects, said = list[Subject](), list[Statement]()
    for segments in everybody:
        person, visit, passing = in_passing(reading, segments)
        subjects.append(person)
        said += passing
        seen: dict[str, int] = {}
        found = reports(reading, segments)
        for report in found:
            id_ = _id(reading, person, report)
            seen[id_] = seen.get(id_, 0) + 1
            if seen[id_] > 1:  # the same number and the same test, once more: a second report, never a second value of the first
                id_ = stable_id(reading.sender, "DiagnosticReport", id_, str(seen[id_]))
            said += _reported(reading, person, visit, report, id_, _finding(report, found))
    return subjects, said, []


def reports(reading: Reading, segments: tuple[Segment, ...]) -> list[Report]:
    """Each comment lies with what it stands behind; one before any report, or behind an ORC, with the report that follows."""
    found: list[Report] = []
    orc: Segment | None = None
    ahead: list[str] = []
    notes = ahead
    for segment in segments:
        name = segment.name
        if name == "ORC":
            orc, notes = segment, ahead
        elif name == "OBR":
            notes = ahead
            found.append(Report(orc, segment, notes, orders.numbers_of(reading, orc, segment)))
            orc, ahead = None, []
        elif name == "OBX":
            if not found:
                found.append(Report(orc, None, ahead, orders.numbers_of(reading, orc, None)))
                ahead = []
            notes = _observed(segment, found[-1].lines)
        elif name == "SPM" and found:
            notes = []
            found[-1].specimens.append((segment, notes))
        elif name == "NTE" and (text := values.text_of(segment, 3)):
            notes.append(text)
    if ahead and found:  # no report follows
        found[-1].notes.extend(ahead)
    elif ahead:
        found.append(Report(orc, None, ahead, orders.numbers_of(reading, orc, None)))
    return found


def _observed(obx: Segment, lines: list[tuple[list[Segment], list[str]]]) -> list[str]:
    """Where its comments go, once it lies with the OBX that it goes on from, or by itself."""
    before, said = lines[-1] if lines else ([], [])
    if before and not said and _goes_on(obx, before):
        before.append(obx)
    else:
        lines.append(([obx], []))
    return lines[-1][1]


def _goes_on(obx: Segment, before: list[Segment]) -> bool:
    if obx.raw(3) != before[-1].raw(3):
        return False
    if files.is_file(before[0]):
        return files.goes_on(obx, before)
    return not files.is_file(obx) and observations.goes_on(obx, before[-1])


def _finding(report: Report, others: list[Report]) -> str:
    """What these results tell more of (OBR-26), in words: the organism whose sensitivities they are."""
    parent = report.obr.part(26) if report.obr is not None else None
    if parent is None or parent.empty:
        return ""
    code, sub_id, words = parent[1], parent[2], parent.sub(3, 2) or parent[3]
    whose = report.obr.part(29) if report.obr is not None else None
    numbers = {whose.sub(1, 1), whose.sub(2, 1)} - {""} if whose is not None else set()
    within = [each for each in others if each is not report and (not numbers or numbers & _numbers(each))]
    return words or findings.named_at((code, sub_id), [lines[0] for each in within for lines, _ in each.lines])


def _numbers(report: Report) -> set[str]:
    return {segment.text(number) for segment in (report.obr, report.orc) if segment is not None for number in (2, 3)}


def _reported(reading: Reading, person: Subject, visit: Visit, report: Report, id_: str, finding: str) -> list[Statement]:
    order = None
    if report.obr is not None:
        order = orders.ordered(reading, person, visit, report.orc, report.obr, report.numbers, passing=True)
    thread = f"DiagnosticReport/{id_}"
    of = [f"{_OF}{finding}"] if finding else []
    found_here = findings.told_with([lines[0] for lines, _ in report.lines])
    facts, status, withdrawn = _facts(reading, visit, report)
    if told := [*of, *report.notes]:
        facts["conclusion"] = "\n".join(told)
    if order is not None:
        facts["+basedOn/order"] = {"reference": order.thread}
    things: dict[str, dict[str, Any]] = {}
    specimens = _specimens(reading, report, id_)
    for key, made in specimens:
        things[key] = made
        facts[f"+specimen/{key}"] = {"reference": key, **_named_as(made)}
    sent = reading.time(report.obr, 22)
    section = report.obr.text(24).upper() if report.obr is not None else ""
    category = [{"coding": [{"system": _CATEGORY, "code": "imaging" if section in _IMAGING else "laboratory"}]}]
    shared = _shared(facts, visit, specimens)
    seen: dict[str, int] = {}
    for lines, notes in report.lines:
        obx = lines[0]
        named, code = observations.code_of(reading, obx, facts["code"])
        key = f"{key_of(named)}|{obx.text(4)}"
        seen[key] = seen.get(key, 0) + 1
        told_apart = (id_, key) if seen[key] == 1 else (id_, key, str(seen[key]))
        if files.is_file(obx):
            thing, made = files.file_of(reading, lines, notes, visit, told_apart, thread, facts)
        else:
            thing = f"Observation/{stable_id(reading.sender, 'Observation', *told_apart)}"
            made = observations.observed(reading, code, lines, notes, _OF_A_RESULT[status], sent or reading.time(obx, 19))
            whose = finding
            if not whose and found_here and not findings.is_coded(obx):
                whose = found_here.get(findings.place_of(obx), "")
            if whose:
                made["+note/finding"] = {"text": f"{_OF}{whose}"}
            made |= shared
            if section or (_is_named_result(reading, obx.part(3)) if named else _is_result(code)):
                made["category"] = category
            facts[f"+result/{thing}"] = {"#": len(things), "reference": thing}
        things[thing] = made
    things = {thread: facts, **things}
    said = Said(person.patient, things, Rule("withdrawn", withdrawn) if withdrawn else None)
    made_of = [statement(thread, person.local_id, said, (person.thread, *visit.things))]
    return [*made_of, order] if order is not None else made_of


def _id(reading: Reading, person: Subject, report: Report) -> str:
    """By the number that the laboratory gave it, else that of the orderer, with what was ordered; else by when it was.

    Sensitivities of two organisms have all of that in common, and not what they are of.
    """
    obr = report.obr
    code = key_of(values.concept(reading, obr.part(4))) if obr is not None else ""
    if (parent := obr.part(26) if obr is not None else None) is not None and not parent.empty:
        code = f"{code}|{parent.peek(1)}|{parent.peek(2) or parent.peek(3)}"
    if report.numbers:
        last = report.numbers[-1]
        return stable_id(reading.sender, "DiagnosticReport", last["system"], last["value"], code)
    when = reading.time(obr, 7) or reading.order()[0]
    return stable_id(reading.sender, "DiagnosticReport", person.local_id, code, when)


def _facts(reading: Reading, visit: Visit, report: Report) -> tuple[dict[str, Any], str, str]:
    """Facts of the report, its status, and why it is withdrawn ("" where it is not)."""
    facts: dict[str, Any] = {WITHDRAWN: None}
    obr = report.obr
    if obr is None:
        facts |= {"code": {"text": "Results"}, "status": "unknown"}
        return facts, "unknown", ""
    facts |= {f"+identifier/{each['system']}|{each['value']}": each for each in report.numbers}
    facts["code"] = values.concept(reading, obr.part(4)) or {"text": "Report"}
    said = obr.text(25).upper() or (report.orc.text(25).upper() if report.orc is not None else "")
    withdrawn = WITHDRAWS.get(said, "")
    status = STATUS.get(said, "unknown")
    if said and not withdrawn and said not in STATUS:
        reading.note("OBR-25 is no status that is known here")
    facts["status"] = status
    start, end = reading.in_order(reading.time(obr, 7), reading.time(obr, 8), "OBR-8 is before OBR-7")
    issued = reading.time(obr, 22)
    if start and end and end != start:
        facts |= {"effectivePeriod": {"start": start, "end": end}, "effectiveDateTime": None}
    elif start:
        facts |= {"effectiveDateTime": start, "effectivePeriod": None}
    if len(issued) > 10:
        facts["issued"] = issued
    if section := obr.text(24):
        made: Resource = {"coding": [{"system": _SECTION, "code": section}]} if section.isalnum() else {"text": section}
        facts["category"] = [made]
    if here := reading.here():
        facts["performer"] = [here]
    if who := [each for number in (32, 33) for each in values.clinicians(reading, obr, number)]:
        facts["resultsInterpreter"] = who
    if visit.number:
        facts["encounter"] = visit.reference
    return facts, status, withdrawn


def _named_as(specimen: dict[str, Any]) -> Resource:
    """What a specimen is, beside the reference to it: its words, else its code; and, for who reads the results alone, why it was
    rejected."""
    why = [said for each in specimen.get("condition") or () if (said := each.get("text", "")).startswith(specimens.REJECTED)]
    said = [each for each in (observations.words_of(specimen.get("type", {})), *why) if each]
    return {"display": "; ".join(said)} if said else {}


def _is_result(code: Resource) -> bool:
    """Whether its code alone sets it among results, and not among vital signs or plans."""
    return section_of({"resourceType": "Observation", "code": code, "specimen": {}}) == "results"


@recurring
def _is_named_result(ways: Ways, named: Part | None) -> bool:
    return _is_result(values.concept(ways, named))


def _shared(facts: dict[str, Any], visit: Visit, specimens: list[tuple[str, Any]]) -> dict[str, Any]:
    """What every observation has from its report: when it was taken, of what and where."""
    shared = {f"?{element}": facts[element] for element in _OF_ITS_REPORT if element in facts}
    if "issued" in facts:
        shared["issued"] = facts["issued"]
    if visit.number:
        shared["encounter"] = visit.reference
    if len(specimens) == 1:
        shared["specimen"] = next(value for key, value in facts.items() if key.startswith("+specimen/"))
    return shared


def _specimens(reading: Reading, report: Report, id_: str) -> list[tuple[str, dict[str, Any]]]:
    found = []
    for spm, notes in report.specimens:
        facts: dict[str, Any] = {WITHDRAWN: None}
        number = spm.part(2)
        name = (number.sub(2, 1) or number.sub(1, 1)) if number is not None else ""
        if name:
            facts["accessionIdentifier"] = {"system": local("specimen", reading.sender, ""), "value": name}
        if type_ := values.concept(reading, spm.part(4)):
            facts["type"] = type_
        collected = reading.time_in(part, 1, "SPM-17") if (part := spm.part(17)) is not None else ""
        if collected:
            facts["collection:collectedDateTime"] = collected
        if site := values.concept(reading, spm.part(8)):
            facts["collection:bodySite"] = site
        if received := reading.time(spm, 18):
            facts["receivedTime"] = received
        if described := values.text_of(spm, 14):
            facts["+note/description"] = {"text": described}
        facts |= specimens.how_it_is(reading, spm)
        if notes:
            facts["+note/nte"] = {"text": "\n".join(notes)}
        key = f"{name}|{key_of(type_) if type_ else ''}"
        found.append((f"Specimen/{stable_id(reading.sender, 'Specimen', id_, key)}", facts))
    obr = report.obr
    source = obr.part(15) if obr is not None and not found else None
    if source is not None and not source.empty and obr is not None:
        text, described = source.sub(1, 2) or source[2] or source.sub(1, 1), source.words_in(3)
        taken_from = source[4]
        if text or described:
            facts = {WITHDRAWN: None, "type": {"text": text or described}}
            if text and described:
                facts["+note/description"] = {"text": described}
            if taken_from:
                facts["collection:bodySite"] = {"text": taken_from}
            if received := reading.time(obr, 14):
                facts["receivedTime"] = received
            found.append((f"Specimen/{stable_id(reading.sender, 'Specimen', id_, (text or described).casefold())}", facts))
    return found
