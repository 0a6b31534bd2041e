"""Does a resource agree with itself? The invariants of FHIR R4 that are held on writing, each by its key in the specification.

Those are held whose breach could mislead a reader: a status that contradicts itself, a period that ends before it begins, a value
beside the reason for its absence, a reference to a contained resource that is not there. `HELD` is the list; R4's others are not
checked. An NHS number whose check digit is wrong is no NHS number, so it stands here too.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.identifiers import ALIASES, NHS_NUMBER, is_nhs_number
from carerecord.fhir.times import ends_first
from carerecord.fhir.validate import Fault

Resource = Mapping[str, Any]
NHS: Final = "nhs-number"
# Key -> what it asks. By type, then those of every type and of its data types.
HELD: Final = {
    "ait-1": "AllergyIntolerance: clinicalStatus, unless it was entered in error",
    "ait-2": "AllergyIntolerance: no clinicalStatus where it was entered in error",
    "con-4": "Condition: abated only where clinicalStatus says inactive, resolved or in remission",
    "con-5": "Condition: no clinicalStatus where it was entered in error",
    "obs-6": "Observation: a reason for an absent value only where there is no value",
    "obs-7": "Observation: no value beside a component of the same code",
    "obs-3": "Observation: a reference range has a low, a high or a text",
    "pat-1": "Patient: a contact has a name, a telecom, an address or an organisation",
    "dom-2": "contained resources hold none themselves",
    "dom-3": "a contained resource is referred to",
    "dom-4": "a contained resource bears no version and no time of change",
    "dom-5": "a contained resource bears no security label",
    "ref-1": "what is referred to as contained is contained",
    "ext-1": "an extension has a value or extensions, not both",
    "per-1": "a period does not end before it begins",
    "qty-3": "the code of a unit has a system",
    "att-1": "the bytes of an attachment have a content type",
    "cpt-2": "a telecom with a value has a system",
    NHS: "an identifier of the NHS number's system is an NHS number, by its check digit (modulus 11)",
}
_DEEPEST: Final = 64
_VALUES: Final = frozenset((
    "valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange", "valueRatio",
    "valueSampledData", "valueTime", "valueDateTime", "valuePeriod",
))  # of an Observation  # fmt: skip
_IN_A_NARRATIVE: Final = re.compile(r"""["'](#[A-Za-z0-9\-.]{1,64})["']""")
_ITSELF: Final = frozenset(("#",))
_NHS_NUMBERS: Final = frozenset({NHS_NUMBER, *(alias for alias, system in ALIASES.items() if system == NHS_NUMBER)})


def faults(resource: Resource) -> Iterator[Fault]:
    """Every breach, each with its key. About 15 µs for 1 KB."""
    type_ = text_in(resource, "resourceType")
    if check := _BY_TYPE.get(type_):
        yield from check(resource)
    contained = dicts_in(resource, "contained")
    if contained:
        yield from _contained(type_, resource, contained)
    ids = frozenset(f"#{text_in(each, 'id')}" for each in contained) | _ITSELF if contained else _ITSELF
    if _may_break(resource, ids):
        yield from _within(resource, type_, ids, 0)


def _may_break(resource: Resource, ids: frozenset[str]) -> bool:
    """Whether any element might break what its data type asks: nearly always none does, and no path need be written for it."""
    nodes: list[Any] = [resource]
    for node in nodes:  # which grows as it is gone through
        if "reference" in node:
            if type(said := node["reference"]) is str and said[:1] == "#" and said not in ids:
                return True
        elif "extension" in node and "url" in node:
            return True
        if "value" in node:
            if (system := node.get("system")) is None:
                if "code" in node or type(node["value"]) is str:
                    return True
            elif type(system) is str and system in _NHS_NUMBERS:
                return True
        if "data" in node or ("start" in node and "end" in node and _backwards(node)):
            return True
        for each in node.values():
            if type(each) is dict:
                if "resourceType" not in each:  # a resource of its own agrees with itself
                    nodes.append(each)
            elif type(each) is list:
                nodes += [item for item in each if type(item) is dict]
    return False


def _fault(key: str, path: str, says: str) -> Fault:
    return Fault(path, f"{says} ({key})")


def _allergy(one: Resource) -> Iterator[Fault]:
    mistaken = "entered-in-error" in codes_in(one.get("verificationStatus"))
    path = "AllergyIntolerance.clinicalStatus"
    if mistaken and "clinicalStatus" in one:
        yield _fault("ait-2", path, "may not stand where it was entered in error")
    if not mistaken and "clinicalStatus" not in one:
        yield _fault("ait-1", path, "is missing: say whether it is active")


def _condition(one: Resource) -> Iterator[Fault]:
    states = set(codes_in(one.get("clinicalStatus")))
    if "clinicalStatus" in one and "entered-in-error" in codes_in(one.get("verificationStatus")):
        yield _fault("con-5", "Condition.clinicalStatus", "may not stand where it was entered in error")
    if states and any(name.startswith("abatement") for name in one) and not states & {"inactive", "resolved", "remission"}:
        yield _fault("con-4", "Condition.clinicalStatus", "must be inactive, resolved or in remission, for it has abated")


def _observation(one: Resource) -> Iterator[Fault]:
    valued = not _VALUES.isdisjoint(one)
    if valued and "dataAbsentReason" in one:
        yield _fault("obs-6", "Observation.dataAbsentReason", "may not stand beside a value")
    components = dicts_in(one, "component") if valued else []
    if components and any(_pairs(one.get("code")) & _pairs(each.get("code")) for each in components):
        yield _fault("obs-7", "Observation.component", "may not repeat the code of the whole where that has a value")
    for place, each in enumerate(dicts_in(one, "referenceRange")):
        if not each.keys() & {"low", "high", "text"}:
            yield _fault("obs-3", f"Observation.referenceRange[{place}]", "must have a low, a high or a text")


def _patient(one: Resource) -> Iterator[Fault]:
    for place, each in enumerate(dicts_in(one, "contact")):
        if not each.keys() & {"name", "telecom", "address", "organization"}:
            yield _fault("pat-1", f"Patient.contact[{place}]", "must have a name, a telecom, an address or an organisation")


_BY_TYPE: Final = {"AllergyIntolerance": _allergy, "Condition": _condition, "Observation": _observation, "Patient": _patient}


def _pairs(concept: Any) -> set[tuple[str, str]]:
    codings = dicts_in(concept, "coding") if isinstance(concept, dict) else []
    return {(text_in(each, "system"), text_in(each, "code")) for each in codings if text_in(each, "code")}


def _contained(type_: str, whole: Resource, contained: list[dict[str, Any]]) -> Iterator[Fault]:
    referred = _references({name: each for name, each in whole.items() if name != "contained"})
    among = [_references(each) for each in contained]
    for place, each in enumerate(contained):
        path = f"{type_}.contained[{place}]"
        meta = dict_in(each, "meta")
        if "contained" in each:
            yield _fault("dom-2", path, "may hold no contained resources itself")
        if meta.keys() & {"versionId", "lastUpdated"}:
            yield _fault("dom-4", f"{path}.meta", "may bear no version and no time of change")
        if "security" in meta:
            yield _fault("dom-5", f"{path}.meta", "may bear no security label")
        others = (found for other, found in enumerate(among) if other != place)
        own = f"#{text_in(each, 'id')}"
        if own not in referred and "#" not in among[place] and not any(own in found for found in others):
            yield _fault("dom-3", path, "is not referred to")


def _references(node: Any) -> set[str]:
    """Every text that points into the same resource, and every picture of a narrative that does."""
    found: set[str] = set()
    nodes = [node]
    for each in nodes:  # which grows as it is gone through
        if type(each) is str:
            if each[:1] == "#":
                found.add(each)
            elif "<" in each:
                found.update(_IN_A_NARRATIVE.findall(each))
        elif type(each) is dict:
            nodes += each.values()
        elif type(each) is list:
            nodes += each
    return found


def _within(node: Resource, path: str, ids: frozenset[str], depth: int) -> Iterator[Fault]:
    """Data types know themselves by their elements: a walk through everything but what is a resource of its own (of a Bundle)."""
    yield from _data_type(node, path, ids)
    if depth >= _DEEPEST:
        return
    for name, each in node.items():
        if type(each) is dict:
            if "resourceType" not in each:
                yield from _within(each, f"{path}.{name}", ids, depth + 1)
        elif type(each) is list:
            for place, item in enumerate(each):
                if type(item) is dict:
                    yield from _within(item, f"{path}.{name}[{place}]", ids, depth + 1)


def _data_type(node: Resource, path: str, ids: frozenset[str]) -> Iterator[Fault]:
    if "reference" in node:
        reference = node["reference"]
        if type(reference) is str and reference[:1] == "#" and reference not in ids:
            yield _fault("ref-1", f"{path}.reference", "refers to a contained resource that is not there")
    elif "url" in node and "extension" in node and any(name.startswith("value") for name in node):
        yield _fault("ext-1", path, "has a value and extensions: it may have one of them")
    if "start" in node and "end" in node and _backwards(node):
        yield _fault("per-1", path, "ends before it begins")
    if "value" in node:
        if node.get("system") in _NHS_NUMBERS:
            if type(node["value"]) is str and not is_nhs_number(node["value"]):
                yield _fault(NHS, f"{path}.value", "is not an NHS number: its check digit is wrong or it has not ten digits")
        elif "system" not in node:
            if "code" in node and type(node["value"]) in (int, float):
                yield _fault("qty-3", path, "has the code of a unit and not its system")
            elif ".telecom[" in path[path.rfind(".") :]:
                yield _fault("cpt-2", path, "has a value and no system")
    if "data" in node and "contentType" not in node and type(node["data"]) is str:
        name = path.rpartition(".")[2].partition("[")[0]
        if name in ("attachment", "photo") or name.endswith("Attachment"):
            yield _fault("att-1", path, "has bytes and no content type")


def _backwards(period: Resource) -> bool:
    start, end = period["start"], period["end"]
    return type(start) is str and type(end) is str and ends_first(start, end)
