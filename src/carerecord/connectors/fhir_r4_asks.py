"""What is a FHIR system asked for, so as to fill some sections of a record, and which sections does a lost answer touch?"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from carerecord.connectors.reply import Expected
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.sections import SECTIONS, Search, searches_for

# The GP List of an area carries the warnings that must be shown with it, so it is asked for with these.
_WARNED = frozenset({"allergies", "medicines", "problems", "immunisations", "documents", "encounters"})
WITH_MEDICATION = frozenset({"MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration"})

_SECTIONS_OF_TYPE: Mapping[str, frozenset[str]] = {
    type_: frozenset(each.id for each in SECTIONS.values() if type_ in {search.type for search in each.searches})
    for type_ in {search.type for each in SECTIONS.values() for search in each.searches}
} | {"List": frozenset({"other"})}


def sections_of(type_: str) -> frozenset[str]:
    """The sections that a search of this type fills."""
    return _SECTIONS_OF_TYPE.get(type_, frozenset())


@lru_cache(1_000)  # the registry has so many kinds of sharing, and an opening asks forty of them
def searches(wanted: frozenset[str], offered: frozenset[str] | None = None) -> tuple[Search, ...]:
    """One search for each type that these sections need, of those that the source offers (None: not known, so all).

    A section of which it offers nothing, though the registry says that it shares it, is asked for in full: the two
    contradict each other, and only an answer settles that. The Patient itself is asked for apart.
    """
    if offered is not None:
        offered |= {type_ for section in wanted if not offered & (types := _types_of(section)) for type_ in types}
    asked = searches_for(wanted - {"demographics"}, offered)
    listed = offered is None or "List" in offered
    if listed and wanted & _WARNED and all(search.type != "List" for search in asked):
        asked = (*asked, Search("List"))
    return asked


@lru_cache(1_000)
def types_of(wanted: frozenset[str], offered: frozenset[str] | None = None) -> str:
    """The types that these searches are for, with those that say who and what they are about: for `_type`."""
    return ",".join(sorted({"Patient", "Medication", *(search.type for search in searches(wanted, offered))}))


def _types_of(section: str) -> frozenset[str]:
    return frozenset(search.type for search in SECTIONS[section].searches) if section in SECTIONS else frozenset()


def match_body(expected: Expected) -> bytes:
    """The Parameters of Patient/$match: only matches that the source itself calls certain."""
    name = {"family": expected.family, "given": [expected.given]} if expected.family else None
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER, "value": expected.nhs_number}],
        **({"name": [name]} if name else {}),
        **({"birthDate": expected.birth_date} if expected.birth_date else {}),
        **({"gender": expected.gender} if expected.gender else {}),
    }
    parameters = [
        {"name": "resource", "resource": patient},
        {"name": "count", "valueInteger": 3},
        {"name": "onlyCertainMatches", "valueBoolean": True},
    ]
    return msgspec.json.encode({"resourceType": "Parameters", "parameter": parameters})
