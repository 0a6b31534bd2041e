"""What does a plan or an advance decision say, since when does it hold, and which older one does it replace?"""

from typing import Final

from carerecord.fhir.codes import code_values, dict_in, dicts_in, text_in
from carerecord.fhir.facts import Plan
from carerecord.fhir.identifiers import canonical_system
from carerecord.fhir.plans import PLAN_KINDS, RETRACTED
from carerecord.fhir.read.results import inline_text
from carerecord.fhir.read.words import Resource, narrative_of, note_of_flag, notes_of, title_of

_OVER: Final = frozenset(("revoked", "superseded", "entered-in-error"))
_START: Final = {
    "CarePlan": ("period", "created"),
    "Consent": ("provision.period", "dateTime"),
    "DocumentReference": ("context.period", "date"),
    "Composition": ("date",),
    "Flag": ("period",),
    "Observation": ("effectiveDateTime", "effectivePeriod", "issued"),
    "Condition": ("onsetDateTime", "recordedDate"),
    "Procedure": ("performedDateTime", "performedPeriod"),
}


def read_plan(resource: Resource, type_: str, kind: str, status: str) -> tuple[Plan, str]:
    title = _title(resource, type_) or PLAN_KINDS.get(kind, "Plan")
    start, end = _period(resource, type_)
    return Plan(
        kind=kind,
        decision=_decision(resource, type_, title),
        valid_from=start,
        valid_until=end,
        replaces=_replaces(resource),
        superseded=status in _OVER or RETRACTED in code_values(resource.get("code")),
    ), title


def _title(resource: Resource, type_: str) -> str:
    if type_ in ("Flag", "Condition", "Procedure"):
        return title_of(resource.get("code"))
    if type_ == "Observation":
        value = title_of(resource.get("valueCodeableConcept"))
        name = title_of(resource.get("code"))
        return f"{name}: {value}" if value and value != name else name
    if type_ in ("DocumentReference", "Composition"):
        return text_in(resource, "title") or title_of(resource.get("type")) or text_in(resource, "description")
    return text_in(resource, "title") or title_of(resource.get("category"))


def _decision(resource: Resource, type_: str, title: str) -> str:
    """What it says, in its own words, from wherever the type keeps them; the title alone says nothing new."""
    parts = [text_in(resource, "description")]
    if type_ == "CarePlan":
        parts += [_activity(each) for each in dicts_in(resource, "activity")]
    if type_ == "DocumentReference":
        parts += [inline_text(dict_in(each, "attachment")) for each in dicts_in(resource, "content")]
    if type_ == "Observation":
        parts.append(text_in(resource, "valueString"))
    if type_ == "Flag":
        parts.append(note_of_flag(resource))
    parts.append(notes_of(resource))
    said = "\n".join(dict.fromkeys(part for part in parts if part and part != title))
    return said or narrative_of(resource)


def _activity(activity: Resource) -> str:
    detail = dict_in(activity, "detail")
    words = [title_of(detail.get("code")), text_in(detail, "description"), notes_of(activity, "progress")]
    words.append(text_in(dict_in(activity, "reference"), "display"))
    return ": ".join(dict.fromkeys(filter(None, words)))


def _period(resource: Resource, type_: str) -> tuple[str, str]:
    start = end = ""
    for path in _START.get(type_, ()):
        parent, _, child = path.rpartition(".")
        holder = dict_in(resource, parent) if parent else resource
        value = holder.get(child)
        if isinstance(value, dict):
            start, end = start or text_in(value, "start"), end or text_in(value, "end")
        elif isinstance(value, str):
            start = start or value.strip()
    return start, end


def _replaces(resource: Resource) -> tuple[str, ...]:
    targets = [*dicts_in(resource, "replaces")]
    for each in dicts_in(resource, "relatesTo"):
        if text_in(each, "code") in ("replaces", "transforms"):
            targets += [dict_in(each, "target"), dict_in(each, "targetReference")]
    found = []
    for target in targets:
        identifier = dict_in(target, "identifier")
        if value := text_in(identifier, "value"):
            found.append(f"{canonical_system(text_in(identifier, 'system'))}|{value}")
        if reference := text_in(target, "reference"):
            found.append(reference)
    return tuple(found)
