"""What does a message about a document say (MDM): one more, one changed, one replaced, one taken back?"""

import base64
from typing import Any, Final

from carerecord.ingest.hl7v2 import files, systems, values, visits
from carerecord.ingest.hl7v2.adt import Done, groups, person_said, subject_of
from carerecord.ingest.hl7v2.ids import stable_id
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Said, said_of_one, statement
from carerecord.ingest.hl7v2.shapes import Statement, Unreadable

EVENTS: Final = {
    "T01": "Document written", "T02": "Document written, with its content", "T03": "Document's status changed",
    "T04": "Document's status changed, with its content", "T05": "Addendum written", "T06": "Addendum written, with its content",
    "T07": "Document edited", "T08": "Document edited, with its content", "T09": "Document replaced",
    "T10": "Document replaced, with its content", "T11": "Document cancelled",
}  # fmt: skip
_TYPES: Final = {
    "AR": "Autopsy report", "CD": "Cardiodiagnostics", "CN": "Consultation", "DI": "Diagnostic imaging",
    "DS": "Discharge summary",
    "ED": "Emergency department report", "HP": "History and physical examination", "OP": "Operative report",
    "PC": "Psychiatric consultation", "PH": "Psychiatric history and physical examination", "PN": "Procedure note",
    "PR": "Progress note", "SP": "Surgical pathology", "TS": "Transfer summary",
}  # fmt: skip
COMPLETE: Final = {"AU": "final", "LA": "final", "DI": "preliminary", "DO": "preliminary", "IN": "preliminary",
                    "IP": "preliminary",
                    "PA": "preliminary"}  # fmt: skip
_GONE: Final = {"CA": "the document was deleted by its sender", "UN": "the document was made unavailable for care by its sender"}
CANCELLED: Final = "the document was cancelled by its sender"
_CONFIDENTIAL: Final = {"V": "V", "R": "R", "U": "N"}


def documented(reading: Reading, event: str) -> Done:
    segments = groups(reading)[0]
    person = subject_of(reading, segments)
    txa = next((each for each in segments if each.name == "TXA"), None)
    if txa is None:
        raise Unreadable("there is no TXA: the message does not say which document")
    number = _number(reading, txa, 12)
    if not number:
        raise Unreadable("TXA-12 is empty: the document has no number by which it could be changed or taken back")
    visit, passing = visits.in_passing(reading, person, segments)
    said: list[Statement] = [person_said(person, passing=True), *passing]
    thing = _thing(reading, number)
    hangs = (person.thread, *visit.things)
    facts = _facts(reading, txa, event, number)
    if visit.number:
        facts["context:encounter"] = [visit.reference]
    lines = [each for each in segments if each.name in ("OBX", "NTE")]
    _content(reading, txa, lines, event, facts)
    parent = _number(reading, txa, 13)
    if parent and parent != number and event in ("T05", "T06", "T09", "T10"):
        before = _thing(reading, parent)
        kind = "appends" if event in ("T05", "T06") else "replaces"
        facts[f"+relatesTo/{before}"] = {"code": kind, "target": {"reference": before}}
        if kind == "replaces":
            replaced = Said(person.patient, {before: {"status": "superseded", **_stub(parent)}}, passing=True)
            said.append(statement(before, person.local_id, replaced, hangs))
    return [person], [*said, said_of_one(thing, person.patient, person.local_id, facts, hangs)], []


def _number(reading: Reading, txa: Segment, field: int) -> Resource:
    """Its number, which HL7's own examples (chapter 9) write as `^^12345`. What has a kind (ISO, DNS) names who gave it."""
    found, part = values.entity(reading, txa, field, "document"), txa.part(field)
    if found or part is None or part[2] or part[4] or not part[3]:
        return found
    return {"system": systems.local("document", reading.sender, ""), "value": part[3]}


def _thing(reading: Reading, number: Resource) -> str:
    return f"DocumentReference/{stable_id(reading.sender, 'DocumentReference', number['system'], number['value'])}"


def _stub(number: Resource) -> dict[str, Any]:
    """What is known of a document that another one speaks of, until it has come itself."""
    return {"?masterIdentifier": number, "?content": [{"attachment": {"title": "The document itself was not sent"}}]}


def _named(type_: Resource) -> Resource:
    """With words beside a code that came without."""
    coding = type_.get("coding", ())
    named = [{"display": _TYPES[each["code"]], **each} if each["code"] in _TYPES else each for each in coding]
    return {**type_, "coding": named} if named else type_


def _facts(reading: Reading, txa: Segment, event: str, number: Resource) -> dict[str, Any]:
    facts: dict[str, Any] = {"masterIdentifier": number, "?status": "current"}
    if type_ := values.table(reading, txa.part(2), "0270"):
        facts["type"] = _named(type_)
    if (state := txa.text(17).upper()) in COMPLETE:
        facts["docStatus"] = "amended" if event in ("T07", "T08") and COMPLETE[state] == "final" else COMPLETE[state]
    elif state:
        reading.note("TXA-17 is no status that is known here")
    available = txa.text(19).upper()
    if event == "T11":
        facts[WITHDRAWN] = CANCELLED
    elif available in _GONE:
        facts[WITHDRAWN] = _GONE[available]
    elif available == "OB":
        facts["status"] = "superseded"
    written = reading.time(txa, 8) or reading.time(txa, 7) or reading.time(txa, 6) or reading.time(txa, 4)
    if len(written) > 10:
        facts["date"] = written
    if active := reading.time(txa, 4):
        facts["context:period"] = {"start": active}
    authors = values.clinicians(reading, txa, 9) or values.clinicians(reading, txa, 5)
    if authors:
        facts["author"] = authors
    if who := values.clinicians(reading, txa, 10) or values.clinicians(reading, txa, 22):
        facts["authenticator"] = who[0]
    if level := _CONFIDENTIAL.get(txa.text(18).upper()):
        label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": level}
        facts["securityLabel"], facts["meta"] = [{"coding": [label]}], {"security": [label]}
    elif txa.text(18):
        reading.note("TXA-18 is no confidentiality that is known here")
    related = [values.entity(reading, txa, field, values.ORDER_NUMBERS[field - 12]) for field in (14, 15)]
    if orders := [{"identifier": each} for each in related if each]:
        facts["context:related"] = orders
    return facts


def _content(reading: Reading, txa: Segment, lines: list[Segment], event: str, facts: dict[str, Any]) -> None:
    """The words of the document as one text, comments (NTE) where they stand, and each file in it. Where none came, that is what
    it says."""
    created = reading.time(txa, 6) or reading.time(txa, 4)
    named = [each for each in lines if each.name == "OBX"]
    title = next((said for each in named if (said := each.text(3, 2) or each.text(3))), "") or txa.text(16)
    if title:
        facts["description"] = title
    texts: list[str] = []
    whole: list[list[Segment]] = []  # the OBX of each file
    for each in lines:
        if each.name == "NTE":
            texts += [said] if (said := values.text_of(each, 3)) else []
            continue
        for field in (2, 4, 11):
            for part in each.parts(field):
                _ = part.whole
        if each is not named[0] and each.raw(3) == named[0].raw(3):
            _ = each.text(3), each.text(3, 2), each.text(3, 3)
        if whole and files.goes_on(each, whole[-1]):
            whole[-1].append(each)
        elif files.is_file(each):
            whole.append([each])
        elif text := values.text_of(each, 5):
            texts.append(text)
    found = [attachment for each in whole if (attachment := files.attached(reading, each))]
    if texts:
        content = "\n".join(texts).encode()
        data = base64.b64encode(content).decode()
        found.insert(0, {"contentType": "text/plain; charset=utf-8", "data": data, "size": len(content)})
    if created:
        found = [{**each, "creation": created} for each in found]
    if found:
        facts["content"] = [{"attachment": each} for each in found]
    else:
        facts["?content"] = [{"attachment": {"title": files.NOT_READ if whole else "The document itself was not sent"}}]
