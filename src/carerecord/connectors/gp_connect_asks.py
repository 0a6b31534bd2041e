"""What is a GP practice asked for, so as to fill some sections of a record? Areas, spelled as the specification demands.

Source: GP Connect Access Record Structured 1.5 (STU3), Access Document 1.0, Access Record HTML 0.7 (DSTU2).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from carerecord.fhir.identifiers import NHS_NUMBER

STRUCTURED: Final = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
METADATA: Final = "urn:nhs:names:services:gpconnect:structured:fhir:rest:read:metadata-1"
DOCUMENTS: Final = "urn:nhs:names:services:gpconnect:documents:fhir:rest:search:documentreference-1"
BINARY: Final = "urn:nhs:names:services:gpconnect:documents:fhir:rest:read:binary-1"
HTML: Final = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getcarerecord"


class Area(Struct, frozen=True):
    """One area of the structured record, the parts that it is asked with, and the sections that it fills."""

    name: str
    sections: frozenset[str]
    parts: tuple[tuple[str, bool], ...] = ()
    listed: str = ""  # the section under which its List comes, where an answer must hold one


AREAS: Final = (
    Area("includeAllergies", frozenset({"allergies"}), (("includeResolvedAllergies", True),), "allergies"),
    Area("includeMedication", frozenset({"medicines"}), (("includePrescriptionIssues", True),), "medicines"),
    Area("includeConsultations", frozenset({"encounters"}), (), "encounters"),
    Area("includeProblems", frozenset({"problems"}), (), "problems"),
    Area("includeImmunisations", frozenset({"immunisations"}), (), "immunisations"),
    Area("includeUncategorisedData", frozenset({"observations", "social", "other"})),
    Area("includeInvestigations", frozenset({"results"}), (), "results"),
    Area("includeReferrals", frozenset({"appointments"}), (), "appointments"),
    Area("includeDiaryEntries", frozenset({"appointments"})),
)
# Spellings that suppliers have been seen to use (NHSDigital/gp-connect-access-record-fhir).
_SPELLED: Final = {
    "includeimmunizations": "includeImmunisations",
    "includemedications": "includeMedication",
    "includeuncategorizeddata": "includeUncategorisedData",
}
# Sections that no part of GP Connect fills: a practice says nothing about them, which is not that there is nothing.
NO_AREA: Final = "GP Connect has no place for this."
DOCUMENT_SECTIONS: Final = frozenset({"documents"})
FILLED: Final = frozenset().union(*(each.sections for each in AREAS)) | DOCUMENT_SECTIONS  # all that a practice can speak of
# Access Record HTML: the section that is asked for, and ours that it stands for.
PAGES: Final = (
    ("ALL", frozenset({"allergies"})), ("MED", frozenset({"medicines"})), ("PRB", frozenset({"problems"})),
    ("ENC", frozenset({"encounters"})), ("IMM", frozenset({"immunisations"})),
    ("OBS", frozenset({"observations", "results", "social", "other"})), ("REF", frozenset({"appointments"})),
)  # fmt: skip


def areas_for(sections: Iterable[str], offered: Iterable[str] = ()) -> tuple[tuple[str, Area], ...]:
    """The areas that fill these sections, each with its spelling there. `offered` are those of the practice; () = all."""
    wanted = frozenset(sections)
    spelled = {_named(each): each for each in offered} or {each.name: each.name for each in AREAS}
    return tuple((spelled[area.name], area) for area in AREAS if area.sections & wanted and area.name in spelled)


def unfilled(sections: Iterable[str], areas: Iterable[Area]) -> frozenset[str]:
    """Of these sections, those that neither an area nor Access Document fills."""
    filled = {section for area in areas for section in area.sections}
    return frozenset(sections) - filled - DOCUMENT_SECTIONS


def structured_body(number: str, areas: Iterable[tuple[str, Area]]) -> bytes:
    """The Parameters of Patient/$gpc.getstructuredrecord. The number stands here alone, never in an address."""
    return _parameters(number, [_area(spelled, area) for spelled, area in areas])


def page_body(number: str, section: str) -> bytes:
    """The Parameters of Patient/$gpc.getcarerecord (DSTU2): one section, all of its time."""
    system = "http://fhir.nhs.net/ValueSet/record-section-1"
    coded = {"name": "recordSection", "valueCodeableConcept": {"coding": [{"system": system, "code": section}]}}
    return _parameters(number, [coded])


def _area(spelled: str, area: Area) -> Mapping[str, Any]:
    parts = [{"name": name, "valueBoolean": value} for name, value in area.parts]
    return {"name": spelled, **({"part": parts} if parts else {})}


def _parameters(number: str, rest: list[Mapping[str, Any]]) -> bytes:
    who = {"name": "patientNHSNumber", "valueIdentifier": {"system": NHS_NUMBER, "value": number}}
    return msgspec.json.encode({"resourceType": "Parameters", "parameter": [who, *rest]})


def _named(spelled: str) -> str:
    folded = spelled.lower()
    return _SPELLED.get(folded) or next((each.name for each in AREAS if each.name.lower() == folded), spelled)
