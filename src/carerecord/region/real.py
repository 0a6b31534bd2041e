"""How does a folder of Synthea bundles become people of this region, spread over several sources?

Each patient is given an NHS number of the test range, a British address and a practice: the organisation where they went
most becomes one of two practices, every other one of four other sources. Each resource goes to the source where its
encounter took place; what has no encounter goes to the practice. Nothing is left out: `received` and `held` count both
ends by type.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import orjson

from carerecord.region.organisations import ODS_OF_REAL, REAL_ORGANISATIONS, REAL_SYSTEMS
from carerecord.region.people.nhs_number import with_check_digit
from carerecord.region.people.patient import nhs_identifier, register_entry
from carerecord.region.shapes import Address, FhirJson, Holding, Organisation, Region, RegionPerson, System

SYNTHEA = "https://github.com/synthetichealth/synthea"
_PRACTICES, _ELSEWHERE = REAL_SYSTEMS[:2], REAL_SYSTEMS[2:]
_SHARED = ("Organization", "Practitioner")  # stand in every source that refers to them
_FOREIGN = ("http://hl7.org/fhir/sid/us-ssn", "urn:oid:2.16.840.1.113883.4.3.25",
            "http://standardhealthrecord.org/fhir/StructureDefinition/passportNumber")  # fmt: skip


@dataclass(frozen=True)
class Real:
    """What the folder became."""

    organisations: tuple[Organisation, ...]
    systems: tuple[System, ...]
    people: tuple[RegionPerson, ...]
    holdings: Mapping[str, tuple[Holding, ...]]  # by system key
    register: Mapping[str, FhirJson]
    received: Mapping[str, int]  # resources in the bundles, by type
    held: Mapping[str, int]  # resources in the holdings; more where several sources know a patient or a practitioner


def read_real(folder: Path, taken: frozenset[str] = frozenset()) -> Real:
    """Read every `*.json.gz` and `*.json` of `folder`; numbers in `taken` are given to nobody.

    The same folder gives the same people and numbers. A file that is no bundle with a Patient is an error: real input
    that silently does not go in would make every later count a lie.

    Raises:
        ValueError: a file holds no bundle with exactly one Patient.
    """
    numbers = set(taken)
    people: list[RegionPerson] = []
    held_by: dict[str, list[Holding]] = {system.key: [] for system in REAL_SYSTEMS}
    received: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for place, path in enumerate(_files(folder), 1):
        resources = _resources(path)
        received.update(resource["resourceType"] for resource in resources)
        person, holdings = _split(place, resources, numbers)
        people.append(person)
        for holding in holdings:
            held_by[holding.system].append(holding)
            held.update(resource["resourceType"] for resource in holding.resources)
    return Real(
        organisations=REAL_ORGANISATIONS,
        systems=REAL_SYSTEMS,
        people=tuple(people),
        holdings={key: tuple(each) for key, each in held_by.items()},
        register={person.nhs_number: register_entry(person) for person in people},
        received=dict(sorted(received.items())),
        held=dict(sorted(held.items())),
    )


def with_real(region: Region, folder: Path) -> Region:
    """The region with the people of `folder` and their sources added; no two people share a number."""
    real = read_real(folder, frozenset(region.register))
    return replace(
        region,
        organisations=region.organisations + real.organisations,
        systems=region.systems + real.systems,
        people=region.people + real.people,
        holdings={**region.holdings, **real.holdings},
        register={**region.register, **real.register},
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith((".json", ".json.gz")))


def _resources(path: Path) -> list[FhirJson]:
    data = path.read_bytes()
    bundle: FhirJson = orjson.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
    resources = [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
    if bundle.get("resourceType") != "Bundle" or sum(each["resourceType"] == "Patient" for each in resources) != 1:
        raise ValueError("not a bundle with exactly one Patient")
    return resources


def _split(place: int, resources: list[FhirJson], numbers: set[str]) -> tuple[RegionPerson, list[Holding]]:
    patient = next(each for each in resources if each["resourceType"] == "Patient")
    by_id: dict[str, FhirJson] = {each["id"]: each for each in resources}
    home, where = _places(resources, by_id)
    person = _person(place, patient, numbers, ODS_OF_REAL[home])

    sources = sorted({home, *where.values()}, key=lambda key: (key != home, key))
    inside: dict[str, list[FhirJson]] = {key: [] for key in sources}
    for each in resources:
        if each["resourceType"] not in ("Patient", *_SHARED):
            inside[where[each["id"]]].append(each)
    known: set[str] = set()
    for key in sources:
        referred = {by_id[ref]["id"] for each in inside[key] for ref in _references(each) if ref in by_id}
        shared = [each for each in resources if each["resourceType"] in _SHARED and each["id"] in referred]
        inside[key].extend(shared)
        known.update(each["id"] for each in shared)
    inside[home].extend(each for each in resources if each["resourceType"] in _SHARED and each["id"] not in known)
    return person, [_holding(key, person, patient, inside[key], by_id) for key in sources]


def _places(resources: list[FhirJson], by_id: Mapping[str, FhirJson]) -> tuple[str, dict[str, str]]:
    """The patient's own source, and the source of each resource (by its id in the bundle)."""
    organisation = {each["id"]: _target(each.get("serviceProvider", {}).get("reference", ""))
                    for each in resources if each["resourceType"] == "Encounter"}  # fmt: skip
    visits = Counter(organisation.values())
    most = max(sorted(visits), key=lambda one: visits[one], default="")
    home = _one_of(_PRACTICES, most)
    where = {key: home if one == most else _one_of(_ELSEWHERE, one) for key, one in organisation.items()}
    # A claim names its encounter, the explanation of its benefit names the claim: two rounds settle both.
    for _ in range(2):
        for each in resources:
            if each["resourceType"] in ("Patient", *_SHARED) or each["id"] in where:
                continue
            met = (ref for ref in _references(each) if by_id.get(ref, {}).get("resourceType") in ("Encounter", "Claim"))
            found = next((where[ref] for ref in met if ref in where), None)
            if found:
                where[each["id"]] = found
    for each in resources:
        if each["resourceType"] not in ("Patient", *_SHARED):
            where.setdefault(each["id"], home)
    return home, where


def _one_of(systems: tuple[System, ...], organisation: str) -> str:
    return systems[int(hashlib.sha256(organisation.encode()).hexdigest(), 16) % len(systems)].key


def _target(reference: str) -> str:
    return reference.removeprefix("urn:uuid:").rpartition("/")[2]


def _references(node: Any) -> Iterator[str]:
    """Ids that a resource refers to, in document order; contained ones apart."""
    if isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield _target(reference)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _holding(
    system: str, person: RegionPerson, patient: FhirJson, inside: list[FhirJson], by_id: Mapping[str, FhirJson]
) -> Holding:
    mark = next(each.mark for each in REAL_SYSTEMS if each.key == system).lower()
    here = {each["id"] for each in inside} | {patient["id"]}
    local = f"{mark.upper()}{int(hashlib.sha256((system + patient['id']).encode()).hexdigest(), 16) % 999_983:06d}"

    def placed(resource: FhirJson) -> FhirJson:
        made: FhirJson = _rewritten(resource, mark, here, by_id)
        made["id"] = f"{mark}-{resource['id']}"
        return made

    first = _british(placed(patient), person, system, local)
    return Holding(system, first["id"], local, person.key, (first, *(placed(each) for each in inside)))


def _rewritten(node: Any, mark: str, here: set[str], by_id: Mapping[str, FhirJson]) -> Any:
    """A copy in which references point to this source's ids; what lies in another source is named by its identifier."""
    if isinstance(node, list):
        return [_rewritten(each, mark, here, by_id) for each in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _rewritten(value, mark, here, by_id) for key, value in node.items()}
    reference = node.get("reference")
    if isinstance(reference, str) and not reference.startswith("#"):
        target = _target(reference)
        if target in by_id:
            kind = by_id[target]["resourceType"]
            if target in here:
                copy["reference"] = f"{kind}/{mark}-{target}"
            else:
                del copy["reference"]
                copy.update(type=kind, identifier={"system": SYNTHEA, "value": target})
    return copy


def _person(place: int, patient: FhirJson, numbers: set[str], practice: str) -> RegionPerson:
    digest = int(hashlib.sha256(patient["id"].encode()).hexdigest(), 16)
    step = 0
    while not (number := with_check_digit(f"999{(digest + step) % 1_000_000:06d}")) or number in numbers:
        step += 1
    numbers.add(number)
    name = next((each for each in patient["name"] if each.get("use") == "official"), patient["name"][0])
    maiden = next((each["family"] for each in patient["name"] if each.get("use") == "maiden"), None)
    sex: Literal["male", "female"] = "male" if patient["gender"] == "male" else "female"
    died = patient.get("deceasedDateTime")
    return RegionPerson(
        key=f"real-{place:03d}", nhs_number=number, family=name["family"], given=tuple(name["given"]),
        title=next(iter(name.get("prefix", ())), "").rstrip("."), sex=sex, born=date.fromisoformat(patient["birthDate"]),
        address=Address((f"{digest % 140 + 1} Fell Road", "Aldermoor"), f"ZZ9 {digest % 9 + 1}{_letters(digest)}"),
        phone=f"07700 900{digest % 1000:03d}", practice=practice, ethnicity="Not stated", maiden=maiden,
        died=date.fromisoformat(died[:10]) if died else None, story="real",
    )  # fmt: skip


def _letters(digest: int) -> str:
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    return letters[digest // 7 % 20] + letters[digest // 131 % 20]


def _british(patient: FhirJson, person: RegionPerson, system: str, local: str) -> FhirJson:
    """The Patient with a British identity in place of the American one."""
    own = next(each.patient_system for each in REAL_SYSTEMS if each.key == system)
    kept = [each for each in patient.get("identifier", ()) if each.get("system") not in _FOREIGN]
    patient["identifier"] = [
        {"use": "usual", "system": own, "value": local}, nhs_identifier(person.nhs_number, "01"), *kept,
    ]  # fmt: skip
    patient["telecom"] = [{"system": "phone", "value": person.phone, "use": "mobile"}]
    patient["address"] = [{"use": "home", "line": [person.address.lines[0]], "city": person.address.lines[1],
                           "postalCode": person.address.postcode}]  # fmt: skip
    practice = {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": person.practice}
    patient["generalPractitioner"] = [{"identifier": practice}]
    return patient
