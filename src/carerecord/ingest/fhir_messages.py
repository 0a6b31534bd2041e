"""What does a message of FHIR come to: an event's Bundle in R4 or STU3, a notification, a signal that something changed?

The same statements as an HL7 v2 message makes, under the same fold: what was recorded last stands, whatever came last, and what
an event deletes is withdrawn. In JSON or in XML, as it came.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec

from carerecord.contracts.patients import Demographics, Identifier, SourcePatient
from carerecord.fhir import xml, xml_reading
from carerecord.fhir.bundle import parse, split
from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.errors import FhirError
from carerecord.fhir.identifiers import NHS_NUMBER, ODS_ORGANISATION, canonical_system
from carerecord.fhir.person import person
from carerecord.fhir.stu3 import convert
from carerecord.fhir.stu3.elements import elements as elements_of_stu3
from carerecord.ingest.hl7v2 import systems, times
from carerecord.ingest.hl7v2.ids import patient_id, stable_id
from carerecord.ingest.hl7v2.people import known_by
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Facts, Said, statement
from carerecord.ingest.hl7v2.shapes import Filing, Sender, Statement, Unreadable
from carerecord.ingest.people import stated

Resource = dict[str, Any]
MOST_TAGS: Final = 10_000  # some forty milliseconds
DELETED: Final = "deleted by its sender"
_ENVELOPES: Final = frozenset(("MessageHeader", "Parameters", "SubscriptionStatus", "OperationOutcome", "Bundle"))
# Of nobody: many people's items refer to one of these, and no event about one of them takes it from the others.
_SHARED: Final = frozenset(
    ("Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Endpoint", "Medication", "Substance")
)
_NOT_SAID: Final = frozenset(
    ("resourceType", "id", "meta", "text", "identifier", "extension", "deceasedBoolean", "deceasedDateTime", "link")
)
_json: Final = msgspec.json.Encoder(decimal_format="number")


def mapped(raw: bytes, sender: Sender, received_at: datetime | None = None) -> Filing:
    """All that one message comes to.

    Raises:
        Unreadable: no message of FHIR, or one that does not say whom it is about; the reason holds none of it.
    """
    try:
        value = opened(raw)
        if _is_signal(value):
            return _signal(value, sender, received_at)
        if text_in(value, "type") == "message":
            return _message(value, sender, received_at)
        return _notification(value, sender, received_at)
    except FhirError as fault:
        raise Unreadable(fault.reason) from fault


def opened(raw: bytes) -> Resource:
    """The message as plain values. Raises Unreadable: it is none."""
    try:
        value = parse(_as_json(raw) if is_xml(raw) else raw)
    except FhirError as fault:
        raise Unreadable(fault.reason) from fault
    if not _is_signal(value):
        if text_in(value, "resourceType") != "Bundle":
            raise Unreadable("it is no Bundle")
        if text_in(value, "type") not in ("message", "history"):
            raise Unreadable("its Bundle is of type neither message nor history")
    return value


def is_xml(raw: bytes) -> bool:
    return raw[:64].lstrip()[:1] == b"<"


_elements_of_r4: Final = cache(xml.load)


def warmed() -> None:
    """Read what XML needs, so that no message waits for it."""
    _elements_of_r4()
    elements_of_stu3()


def _as_json(raw: bytes) -> bytes:
    """By R4; the header of an event in STU3 holds what R4 does not have.

    Raises:
        FhirError: by neither. Unreadable: it is so large that all others would wait while it is read.
    """
    if raw.count(b"<") > MOST_TAGS:
        raise Unreadable("in XML it has more elements than an event has: send it in JSON")
    try:
        return xml_reading.read(raw, _elements_of_r4())
    except FhirError:
        return xml_reading.read(raw, elements_of_stu3())


class Reading:
    """One message on its way to statements."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self.names: dict[str, str] = {}  # as others in the message refer to a resource -> Type/id here


def _is_signal(value: Resource) -> bool:
    """A CloudEvent, or what was sent before there were such: an event's name and whom it is about."""
    return "specversion" in value or ("resourceType" not in value and {"type", "subject", "time"} <= value.keys())


def _signal(value: Resource, sender: Sender, received_at: datetime | None) -> Filing:
    number, at = text_in(value, "subject") or text_in(dict_in(value, "subject"), "nhsNumber"), text_in(value, "time")
    return _changed(number, text_in(value, "type"), instant(at, received_at), sender)


def _changed(number: str, type_: str, at: str, sender: Sender) -> Filing:
    """That something changed about somebody, and not what."""
    if not systems.is_somebodys(number):
        raise Unreadable("the event's subject is no NHS number")
    about = SourcePatient(
        sender.source, f"nhs|{number}", (Identifier(NHS_NUMBER, number),), Demographics(nhs_number=number, nhs_number_status="02")
    )
    said = type_ if type_.replace("-", "").isalnum() else "event"
    says = "it says that something changed, and not what: the register is asked"
    return Filing(said, (at, at), (about,), signals=(number,), kept_only=says)


def _message(value: Resource, sender: Sender, received_at: datetime | None) -> Filing:
    entries = dicts_in(value, "entry")
    header = dict_in(entries[0], "resource") if entries else {}
    if text_in(header, "resourceType") != "MessageHeader":
        raise Unreadable("its first entry is no MessageHeader")
    reading = Reading(sender)
    is_stu3 = "timestamp" in header or "event" in header
    event = dict_in(header, "event") if is_stu3 else dict_in(header, "eventCoding")
    inner = list(_flat(entries[1:]))
    _is_of_whom_it_names(header, [each for _, each in inner])
    resources = _of_stu3(reading, inner) if is_stu3 else inner
    recorded = next(
        (said for holder in (dict_in(header, "meta"), dict_in(value, "meta")) if (said := text_in(holder, "lastUpdated"))),
        text_in(value, "timestamp") or text_in(header, "timestamp"),
    )
    sent = text_in(value, "timestamp") or text_in(header, "timestamp") or recorded
    order = (instant(recorded, received_at), instant(sent, received_at))
    return filed(reading, text_in(event, "code") or "event", order, resources, deletes=_deletes(header))


def _is_of_whom_it_names(header: Resource, inner: list[Resource]) -> None:
    """Raises Unreadable: by the header, by which the national service leads an event to whom it is for, it is another's."""
    named = {
        "".join(text_in(dict_in(part, "valueIdentifier"), "value").split())
        for each in dicts_in(header, "extension") if "routingdemographics" in text_in(each, "url").casefold()
        for part in dicts_in(each, "extension") if text_in(part, "url") == "nhsNumber"
    } - {""}  # fmt: skip
    held = {
        "".join(text_in(number, "value").split())
        for each in inner if text_in(each, "resourceType") == "Patient"
        for number in dicts_in(each, "identifier") if canonical_system(text_in(number, "system")) == NHS_NUMBER
    } - {""}  # fmt: skip
    if named and held and not named & held:
        raise Unreadable("its header names another NHS number than the person in it bears")


def _flat(entries: list[Resource]) -> Iterator[tuple[str, Resource]]:
    """Each resource with the address that others call it by; a document inside a message is opened."""
    for each in entries:
        resource = dict_in(each, "resource")
        if text_in(resource, "resourceType") == "Bundle":
            yield from _flat(dicts_in(resource, "entry"))
        elif resource:
            yield text_in(each, "fullUrl"), resource


def _of_stu3(reading: Reading, inner: list[tuple[str, Resource]]) -> list[tuple[str, Resource]]:
    entries = [{**({"fullUrl": url} if url else {}), "resource": resource} for url, resource in inner]
    found = convert(split(_json.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})))
    reading.notes += [f"{each.path} is not carried" for each in found.not_carried]
    reading.notes += [f"{each.type} could not be read: {each.why}" for each in found.unread]
    reading.left_out += [each.path for each in found.not_carried if "." not in each.path]
    reading.left_out += [each.type for each in found.unread]
    return [("", each) for each in found.resources]


def _notification(value: Resource, sender: Sender, received_at: datetime | None) -> Filing:
    """A subscription's notification: its status first, then what changed, where it is said."""
    reading, resources, deletes = Reading(sender), [], False
    for each in dicts_in(value, "entry"):
        resource, method = dict_in(each, "resource"), text_in(dict_in(each, "request"), "method")
        if method == "DELETE" and not resource:
            raise Unreadable("it deletes a resource and does not hold it: nobody can say which one is meant")
        deletes = deletes or method == "DELETE"
        if resource and text_in(resource, "resourceType") not in _ENVELOPES:
            resources.append((text_in(each, "fullUrl"), resource))
    changed = [text_in(dict_in(each, "meta"), "lastUpdated") for _, each in resources]
    at = instant(max(changed, default="") or text_in(value, "timestamp"), received_at)
    if not resources and (told := _context(value)) is not None:
        return _changed(*told, at, sender)
    if not resources:
        return Filing(
            "notification", (at, at), kept_only="it says that something changed, and not what: what is asked next is fresh"
        )
    return filed(reading, "notification", (at, at), resources, deletes=deletes)


def _context(value: Resource) -> tuple[str, str] | None:
    """Whom a signal of the national service names, and what kind of change: in the form that it has in FHIR."""
    for status in (dict_in(each, "resource") for each in dicts_in(value, "entry")):
        for context in dicts_in(status, "parameter"):
            if text_in(context, "name") == "additional-context":
                parts = {text_in(each, "name"): each for each in dicts_in(context, "part")}
                whom = dict_in(dict_in(dict_in(parts, "subject"), "valueReference"), "identifier")
                return "".join(text_in(whom, "value").split()), text_in(dict_in(parts, "event-type"), "valueString")
    return None


def _deletes(header: Resource) -> bool:
    """Whether the event takes back what it holds: `messageEventType` of the national events, in an extension or as the reason."""
    said = set(codes_in(header.get("reason")))
    for each in dicts_in(header, "extension"):
        if "messageeventtype" in text_in(each, "url").casefold():
            said |= {text_in(each, "valueCode"), text_in(dict_in(each, "valueCoding"), "code")}
            said |= set(codes_in(each.get("valueCodeableConcept")))
    return "delete" in said


def filed(
    reading: Reading,
    event: str,
    order: tuple[str, str],
    resources: list[tuple[str, Resource]],
    *,
    deletes: bool = False,
    local_id: str = "",
) -> Filing:
    """Statements about one person and what is theirs. `local_id`: how the sender knows them, where their numbers do not say.

    Raises:
        Unreadable: it is about nobody, or about several.
    """
    people = [each for _, each in resources if text_in(each, "resourceType") == "Patient"]
    if len({_key(each) for each in people}) > 1:
        raise Unreadable("it is about several people")
    who = _with_organisations(people[0], resources) if people else _named_only(resources)
    local_id = local_id or _local_id(reading, who)
    patient = patient_id(reading.sender, local_id)
    thread = f"Patient/{patient}"
    kept: list[tuple[str, Resource]] = []
    for url, each in resources:
        type_ = text_in(each, "resourceType")
        if type_ in _ENVELOPES or not type_:
            continue
        thing = thread if type_ == "Patient" else f"{type_}/{_id(reading, type_, each)}"
        for name in (url, f"{type_}/{text_in(each, 'id')}" if text_in(each, "id") else ""):
            if name:
                reading.names[name] = thing
        if type_ != "Patient":
            kept.append((thing, each))
    for _, each in kept:
        _is_about(reading, each, thread, who)
    said = [_said(reading, thing, each, local_id, patient, deletes=deletes) for thing, each in kept]
    facts = {**_led(reading, _facts_of(who)), **({WITHDRAWN: None} if people else {})}
    reading.notes += [f"Patient.{name} is not carried" for name in who if name[:1] in ("", "_")]
    said.insert(0, statement(thread, local_id, Said(patient, {thread: facts}, passing=not people)))
    about = stated(reading.sender.source, person({**who, "resourceType": "Patient", "id": local_id}))
    left_out = tuple(dict.fromkeys(reading.left_out))
    return Filing(event, order, (about,), tuple(said), notes=tuple(dict.fromkeys(reading.notes)), left_out=left_out)


def _said(reading: Reading, thing: str, resource: Resource, local_id: str, patient: str, *, deletes: bool) -> Statement:
    is_shared = text_in(resource, "resourceType") in _SHARED
    if deletes and not is_shared:
        facts: Facts = {WITHDRAWN: DELETED}
    else:
        whole = {name: value for name, value in resource.items() if name not in ("id", "resourceType", "meta")}
        labels = dict_in(resource, "meta").get("security")
        whole = _led(reading, whole)
        whole |= {"meta": {"security": labels}} if labels else {}
        facts = {WITHDRAWN: None, **(_one_by_one(reading, resource, whole) if is_shared else {"whole": whole})}
    return statement(thing, local_id, Said(patient, {thing: facts}), () if is_shared else (f"Patient/{patient}",))


def _one_by_one(reading: Reading, resource: Resource, whole: Facts) -> Facts:
    """An event names a practice by its code alone, another with its name: each says what it says, and takes nothing away."""
    named = {name: value for name, value in whole.items() if name.removeprefix("_").isalnum() and name != WITHDRAWN}
    reading.notes += [f"{text_in(resource, 'resourceType')}.{name} is not carried" for name in whole if name not in named]
    return {**named, "whole": {}}


def _led(reading: Reading, node: Any) -> Any:
    """Every reference to where the resource lies here. One that leads out of the message keeps its words and leads nowhere."""
    if type(node) is list:
        return [_led(reading, each) for each in node]
    if type(node) is not dict:
        return node
    out = {key: _led(reading, value) for key, value in node.items()}
    reference = out.get("reference")
    if type(reference) is str and not reference.startswith("#"):
        if (to := reading.names.get(reference)) is not None:
            out["reference"] = to
        else:
            del out["reference"]
            reading.notes.append("a reference leads out of the message")
            if not out:
                out["display"] = "not sent"
    return out


def _is_about(reading: Reading, resource: Resource, thread: str, who: Resource) -> None:
    """Raises Unreadable: it names somebody else, or somebody whom the message does not hold."""
    own = {"".join(text_in(each, "value").split()) for each in dicts_in(who, "identifier")}
    for element in ("subject", "patient"):
        named = dict_in(resource, element)
        reference, number = text_in(named, "reference"), "".join(text_in(dict_in(named, "identifier"), "value").split())
        is_other = number and number not in own
        if is_other or (not number and reference and reading.names.get(reference) != thread and _is_person(reference)):
            raise Unreadable("an item of it is about somebody else, or about somebody whom it does not hold")


def _is_person(reference: str) -> bool:
    return "Patient/" in reference or reference.startswith("urn:")


def _with_organisations(who: Resource, resources: list[tuple[str, Resource]]) -> Resource:
    """The person, whose practice and keeper bear their ODS codes where the message holds these organisations."""
    codes = {
        name: {"system": ODS_ORGANISATION, "value": code}
        for url, each in resources if text_in(each, "resourceType") == "Organization"
        for number in dicts_in(each, "identifier") if canonical_system(text_in(number, "system")) == ODS_ORGANISATION
        if (code := text_in(number, "value"))
        for name in (url, f"Organization/{text_in(each, 'id')}")
    }  # fmt: skip

    def coded(named: Resource) -> Resource:
        reference = text_in(named, "reference")
        code = codes.get(reference) if reference else None  # an entry without an address is none that is meant
        return {**named, "identifier": code} if code and "identifier" not in named else named

    out = dict(who)
    if practices := dicts_in(who, "generalPractitioner"):
        out["generalPractitioner"] = [coded(each) for each in practices]
    if keeper := dict_in(who, "managingOrganization"):
        out["managingOrganization"] = coded(keeper)
    return out


def _key(resource: Resource) -> str:
    numbers = sorted(f"{text_in(each, 'system')}|{text_in(each, 'value')}" for each in dicts_in(resource, "identifier"))
    return "\n".join(numbers) or text_in(resource, "id")


def _id(reading: Reading, type_: str, resource: Resource) -> str:
    """By the resource's own business identifier: its id is another in each message."""
    for each in dicts_in(resource, "identifier"):
        system, value = canonical_system(text_in(each, "system")), text_in(each, "value")
        if value:
            return stable_id(reading.sender, type_, system, value)
    if own := text_in(resource, "id"):
        return stable_id(reading.sender, type_, "id", own)
    return stable_id(reading.sender, type_, "content", _json.encode(resource).decode())


def _named_only(resources: list[tuple[str, Resource]]) -> Resource:
    """The person whom resources name by NHS number alone. Raises Unreadable."""
    for _, each in resources:
        for element in ("subject", "patient"):
            identifier = dict_in(dict_in(each, element), "identifier")
            if text_in(identifier, "value"):
                return {"identifier": [identifier]}
    raise Unreadable("it does not say whom it is about")


def _local_id(reading: Reading, who: Resource) -> str:
    found = known_by(reading.sender, tuple(_identifiers(who)))
    if not found:
        raise Unreadable("it names a person by no number")
    return found


def _identifiers(who: Resource) -> Iterator[Resource]:
    for each in dicts_in(who, "identifier"):
        if value := "".join(text_in(each, "value").split()):
            type_ = next(iter(codes_in(each.get("type"))), "")
            period = {"period": each["period"]} if text_in(dict_in(each, "period"), "end") else {}
            yield {"system": canonical_system(text_in(each, "system")), "value": value, "type": {"text": type_}, **period}


def _facts_of(who: Mapping[str, Any]) -> Facts:
    """A Patient's elements, each a fact by itself: numbers one by one, extensions by their address."""
    facts: Facts = {name: value for name, value in who.items() if name not in _NOT_SAID and name[:1] not in ("", "_")}
    for each in dicts_in(who, "identifier"):
        system, value = canonical_system(text_in(each, "system")), "".join(text_in(each, "value").split())
        if value:
            own = ("system", "value", "extension") if system == NHS_NUMBER else ("system", "value")
            plain = {key: inner for key, inner in each.items() if key not in own}
            facts[f"+identifier/{system}|{value}"] = {**plain, "system": system, "value": value}
            if len(own) > 2 and "extension" in each:  # how far it is traced; an event that does not say takes nothing away
                one = {"resourceType": "Patient", "id": "one", "identifier": [each]}
                facts[f"traced/{value}"] = person(one).nhs_number_status
    for each in dicts_in(who, "extension"):
        if url := text_in(each, "url"):
            facts[f"ext:{url}"] = each
    died = text_in(who, "deceasedDateTime") or who.get("deceasedBoolean")
    if died is True or died is False or (died and isinstance(died, str)):
        facts["deceased"] = died
        facts[f"@death/{died}"] = died
    labels = dict_in(who, "meta").get("security")
    if labels:
        facts["meta"] = {"security": labels}
    return facts


def instant(text: str, received_at: datetime | None) -> str:
    """As text that sorts; the time of receipt where it says none, or one that lies far ahead."""
    now = times.utc_text(received_at) if received_at is not None else ""
    try:
        moment = datetime.fromisoformat(text)
        said = times.utc_text(moment) if moment.tzinfo else ""
    except (ValueError, OverflowError):
        said = ""
    if received_at is not None and (not said or said > times.utc_text(received_at + times.AHEAD)):
        return now
    return said
