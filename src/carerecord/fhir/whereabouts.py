"""What does a resource say without telling where the person is whom it is about?

The PDS calls people restricted whose whereabouts are protected, and answers of them without address, telephone or practice. Here
the same is taken out of any resource of theirs, and whatever else names a place or who is to be found there. Of a Patient only
what is known to tell nothing stays; of anything else, what names a place goes.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from carerecord.fhir.bundle import parse
from carerecord.fhir.identifiers import NHS_NUMBER, canonical_system

_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
REDACTED: Final = {"system": _SYSTEM, "code": "REDACTED", "display": "redacted"}
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_MASKED: Final = {"extension": [{"url": _ABSENT, "valueCode": "masked"}]}

_PEOPLE: Final = frozenset(("Patient", "Person"))
_OF_A_PERSON: Final = frozenset(
    (
        "resourceType", "id", "meta", "implicitRules", "language", "active", "name", "gender", "birthDate", "deceasedBoolean",
        "deceasedDateTime", "multipleBirthBoolean", "multipleBirthInteger", "maritalStatus", "communication", "link",
    )
)  # fmt: skip
# By the end of their names, which differ from one edition of UK Core to the next.
_EXTENSIONS_OF_A_PERSON: Final = ("EthnicCategory", "NHSCommunication", "DeathNotificationStatus", "interpreterRequired")
_STATUS: Final = "NHSNumberVerificationStatus"

_PLACES: Final = frozenset(("Location", "Organization", "HealthcareService", "PractitionerRole", "RelatedPerson", "Endpoint"))
_NAMING: Final = frozenset(
    (
        "address", "telecom", "contact", "location", "serviceProvider", "managingOrganization", "custodian", "facility",
        "identifier", "assigner", "text", "photo",
    )
)  # fmt: skip
_SAYS_WHERE: Final = frozenset(("valueAddress", "valueContactPoint", "valueIdentifier"))
# Who did something, where nothing but words says it: "Ward 7, St Aldan's".
_WHO: Final = frozenset(("performer", "actor", "onBehalfOf", "requester", "recorder", "asserter", "author", "informationSource"))
_POINTS: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/.*)?\Z", re.DOTALL)

_written: Final = msgspec.json.Encoder(decimal_format="number")
Resource = dict[str, Any]


def unlocated(resource: Resource) -> Resource:
    """The same without what would tell where the person is, and a label that says that something was taken out."""
    if resource.get("resourceType") in _PEOPLE:
        told = _of_a_person(resource)
    else:
        contained = [each for each in _listed(resource.get("contained")) if each.get("resourceType") not in _PLACES]
        there = frozenset([f"#{each.get('id')}" for each in contained])
        told = _within({name: each for name, each in resource.items() if name != "contained"}, there)
        if contained:
            told["contained"] = [_contained(each, there) for each in contained]
    told["meta"] = _labelled(resource.get("meta"))
    return told


def unlocated_text(text: bytes) -> bytes:
    return _written.encode(unlocated(parse(text)))


def is_unlocated(resource: Mapping[str, Any]) -> bool:
    """Whether it says of itself that something was taken out."""
    meta = resource.get("meta")
    labels = _listed(meta.get("security")) if isinstance(meta, dict) else []
    return any(each.get("code") == REDACTED["code"] and each.get("system") == _SYSTEM for each in labels)


def put_back(stands: Resource, new: Resource) -> tuple[str, ...]:
    """The elements that would be lost if this took the place of what stands: they are as they were shown to whoever may not know
    where the person is. Words that are generated from the rest are no loss."""
    shown = unlocated(stands)
    taken_out = [name for name, value in stands.items() if name not in ("meta", "text") and shown.get(name) != value]
    return tuple([name for name in taken_out if new.get(name) == shown.get(name)])


def _of_a_person(resource: Resource) -> Resource:
    told = {name: value for name, value in resource.items() if name.lstrip("_") in _OF_A_PERSON}
    numbers = [_number(each) for each in _listed(resource.get("identifier")) if _is_national(each)]
    if numbers:
        told["identifier"] = numbers
    more = [each for each in _listed(resource.get("extension")) if str(each.get("url", "")).endswith(_EXTENSIONS_OF_A_PERSON)]
    if more:
        told["extension"] = more
    return told


def _is_national(identifier: Mapping[str, Any]) -> bool:
    return canonical_system(str(identifier.get("system", ""))) == NHS_NUMBER


def _number(identifier: Resource) -> Resource:
    told = {name: identifier[name] for name in ("use", "system", "value") if name in identifier}
    status = [each for each in _listed(identifier.get("extension")) if _STATUS in str(each.get("url", ""))]
    return told | ({"extension": status} if status else {})


def _contained(resource: Resource, there: frozenset[str]) -> Resource:
    return _of_a_person(resource) if resource.get("resourceType") in _PEOPLE else _within(resource, there)


def _within(value: Resource, there: frozenset[str]) -> Resource:
    """An element without what names a place. A reference to one is there still, and says that it is masked."""
    told: Resource = {}
    for name, each in value.items():
        if name.lstrip("_") in _NAMING and not isinstance(each, str):  # the words of a code are a text too
            continue
        if isinstance(each, dict):
            told[name] = _element(name, each, there)
        elif isinstance(each, list):
            told[name] = [_element(name, one, there) if isinstance(one, dict) else one for one in each]
        else:
            told[name] = each
    return told


def _element(name: str, value: Resource, there: frozenset[str]) -> Resource:
    if name == "extension" and not _SAYS_WHERE.isdisjoint(value):
        return {"url": value.get("url"), **_MASKED}
    if _points_to_a_place(value, there) or (name in _WHO and "reference" not in value and "display" in value):
        return dict(_MASKED)
    return _within(value, there) or dict(_MASKED)


def _points_to_a_place(value: Mapping[str, Any], there: frozenset[str]) -> bool:
    said = value.get("reference")
    if not isinstance(said, str):
        return value.get("type") in _PLACES or isinstance(value.get("identifier"), dict)
    if said.startswith("#"):
        return said != "#" and said not in there
    found = _POINTS.match(said)
    return value.get("type") in _PLACES or (found is not None and found[1] in _PLACES)


def _labelled(meta: Any) -> Resource:
    """Where it came from tells where the person is known."""
    told: Resource = {name: value for name, value in meta.items() if name != "source"} if isinstance(meta, dict) else {}
    labels = [each for each in _listed(told.get("security")) if each.get("code") != REDACTED["code"]]
    return told | {"security": [*labels, REDACTED]}


def _listed(value: Any) -> list[Resource]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
