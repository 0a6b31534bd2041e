"""What does an objection look like as a FHIR Consent, and what of a Consent can an objection carry?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from carerecord.contracts.consent import Objection
from carerecord.exchange.people import INDEX
from carerecord.fhir.identifiers import ODS_ORGANISATION

TYPE: Final = "Consent"
SECTION: Final = "urn:carerecord:section"
SOURCE: Final = "urn:carerecord:source"
NULL: Final = "is null: leave it out"
_WHOLE: Final = "*"
_CODES: Final = "http://terminology.hl7.org/CodeSystem/"
_KEEPS: Final = ("v3-RoleClass", "CST")  # custodian: the source of which it speaks
_LOOKS: Final = ("v3-ParticipationType", "IRCP")  # information recipient: the organisation that is not to look
_APART: Final = frozenset(("resourceType", "id", "meta", "patient", "status", "dateTime"))  # compared by rules of their own
_BESIDE: Final = frozenset(("display", "userSelected"))  # what a code is called says nothing that the code does not
_MAY_BE_LEFT_OUT: Final = frozenset(("type",))  # of a reference


def written(said: Objection) -> dict[str, Any]:
    provision: dict[str, Any] = {"type": "deny"}
    actors = [_actor(role, system, value) for role, system, value in (
        (_KEEPS, SOURCE, said.source), (_LOOKS, ODS_ORGANISATION, said.organisation),
    ) if value]  # fmt: skip
    if actors:
        provision["actor"] = actors
    if said.section != _WHOLE:
        provision["class"] = [{"system": SECTION, "code": said.section}]
    return {
        "resourceType": TYPE,
        "id": said.id,
        "meta": {"versionId": str(version(said)), "lastUpdated": said.ends_at or said.said_at},
        "status": "inactive" if said.ends_at else "active",
        "scope": _coded(f"{_CODES}consentscope", "patient-privacy"),
        "category": [_coded("http://loinc.org", "59284-0")],
        "patient": {"type": "Patient", "identifier": {"system": INDEX, "value": said.patient}},
        "dateTime": said.said_at,
        "policyRule": _coded(f"{_CODES}v3-ActCode", "OPTOUT"),
        "provision": provision,
    }


def objection(given: Mapping[str, Any]) -> Objection:
    """What of it an objection can say; whatever else it says shows when the two are set side by side."""
    provision = given.get("provision")
    provision = provision if isinstance(provision, dict) else {}
    classes = [each.get("code") for each in _dicts(provision.get("class"))]
    named: dict[str, str] = {}
    for each in _dicts(provision.get("actor")):
        role, reference = each.get("role"), each.get("reference")
        codes = [one.get("code") for one in _dicts(role.get("coding") if isinstance(role, dict) else None)]
        identifier = reference.get("identifier") if isinstance(reference, dict) else None
        if codes and isinstance(identifier, dict):
            named[str(codes[0])] = str(identifier.get("value", ""))
    section = str(classes[0]) if classes else _WHOLE
    return Objection("", "", section, named.get(_KEEPS[1], ""), named.get(_LOOKS[1], ""))


def differences(given: Mapping[str, Any], carried: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in (*given, *(each for each in carried if each not in given)):
        if name in given and given[name] is None:
            yield f"Consent.{name}", NULL
        elif name not in _APART:
            yield from _different(given.get(name), carried.get(name), f"Consent.{name}")
    meta = given.get("meta")
    for name in meta if isinstance(meta, dict) else ():
        if name not in ("versionId", "lastUpdated"):
            yield f"Consent.meta.{name}", "cannot be carried by an objection"


def _different(given: Any, carried: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(given, dict) and isinstance(carried, dict):
        for name in dict.fromkeys((*given, *carried)):
            left_out = name not in given and name in _MAY_BE_LEFT_OUT and "identifier" in carried
            if name in given and given[name] is None:
                yield f"{path}.{name}", NULL
            elif name not in _BESIDE and not left_out:
                yield from _different(given.get(name), carried.get(name), f"{path}.{name}")
    elif isinstance(given, list) and isinstance(carried, list) and len(given) == len(carried):
        for place, (one, other) in enumerate(zip(given, carried, strict=True)):
            yield from _different(one, other, f"{path}[{place}]")
    elif given != carried:
        yield path, "is missing" if given is None else "cannot be carried by an objection"


def version(said: Objection) -> int:
    return 2 if said.ends_at else 1


def _actor(role: tuple[str, str], system: str, value: str) -> dict[str, Any]:
    coded = _coded(f"{_CODES}{role[0]}", role[1])
    return {"role": coded, "reference": {"type": "Organization", "identifier": {"system": system, "value": value}}}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
