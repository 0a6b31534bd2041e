"""How does each system, and the national register, write down who a person is? Each with its own habits."""

from __future__ import annotations

import random
from datetime import datetime

from carerecord.region.organisations import ORGANISATION_BY_ODS
from carerecord.region.people.chart import HL7, LONDON, ODS, UK_CORE, By, Chart
from carerecord.region.shapes import FhirJson, RegionPerson, System

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
STATUS = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"

# What goes wrong with demographics, and how often, by the kind of system.
_HABITS: dict[str, tuple[tuple[str, float], ...]] = {
    "laboratory": (("no-nhs-number", 0.3), ("upper-case", 1.0), ("no-address", 1.0)),
    "radiology": (("upper-case", 1.0), ("no-address", 0.5)),
    "emergency": (("no-nhs-number", 0.15), ("title-in-given", 0.06), ("old-address", 0.2), ("untraced", 0.3)),
    "ambulance": (("untraced", 0.6), ("no-address", 0.3), ("short-name", 0.15)),
    "hospital": (("maiden-name", 0.08), ("old-address", 0.1), ("transposed", 0.05)),
    "community": (("maiden-name", 0.1), ("short-name", 0.1)),
    "social-care": (("title-in-given", 0.12), ("untraced", 0.2)),
    "pharmacy": (("upper-case", 0.5),),
}


def habits_of(system: System, person: RegionPerson, rng: random.Random) -> frozenset[str]:
    """What this system got wrong about this person."""
    kept = {habit for habit, share in _HABITS.get(system.kind, ()) if rng.random() < share}
    if person.test or person.twin:
        kept -= {"transposed", "short-name", "maiden-name"}
    if system.knows_by == "nhs-number":
        kept -= {"no-nhs-number"}
    return frozenset(kept)


def open_chart(
    system: System, person: RegionPerson, number: int, by: By, now: datetime, habits: frozenset[str] = frozenset(),
) -> Chart:  # fmt: skip
    """A chart that holds the Patient alone. `number` is the person's running number in the region."""
    local = _local_number(system, number)
    chart = Chart(system, f"{system.mark.lower()}{(number * 7919 + 104_729) % 9_999_991:07d}", local, person.key, by, now)
    chart.resources.append(_patient(chart, person, local, habits))
    return chart


def _local_number(system: System, number: int) -> str:
    """Each organisation counts in its own way."""
    shuffled = (number * 48_271 + 11) % 999_983
    forms = {
        "gp": f"{shuffled}",
        "hospital": f"{system.mark[0]}{shuffled:06d}",
        "emergency": f"ED{shuffled:07d}",
        "laboratory": f"L{shuffled:06d}",
        "radiology": f"RAD-{shuffled:06d}",
        "ambulance": f"PRF{shuffled:08d}",
        "social-care": f"AC-{shuffled:06d}",
    }
    return forms.get(system.kind, f"{system.mark}{shuffled:06d}")


def _patient(chart: Chart, person: RegionPerson, local: str, habits: frozenset[str]) -> FhirJson:
    system, at = chart.system, person.born
    identifiers: list[FhirJson] = [{"use": "usual", "system": system.patient_system, "value": local}]
    if "no-nhs-number" not in habits:
        status = "02" if "untraced" in habits else "01"
        digits = person.nhs_number
        if "transposed" in habits:
            digits = digits[:4] + digits[5] + digits[4] + digits[6:]
        identifiers.append(nhs_identifier(digits, status))
    name = _name(person, habits)
    body: FhirJson = {
        "resourceType": "Patient",
        "id": chart.patient_id,
        "meta": {"versionId": "1", "lastUpdated": chart.now.astimezone(LONDON).replace(hour=4, minute=0, second=0,
                 microsecond=0).isoformat() if chart.now.hour > 4 else f"{at.isoformat()}T09:00:00+00:00",
                 "profile": [f"{UK_CORE}UKCore-Patient"]},
        "identifier": identifiers,
        "active": True,
        "name": name,
        "gender": person.sex,
        "birthDate": person.born.isoformat(),
        "managingOrganization": chart.organisation,
    }  # fmt: skip
    if "no-address" not in habits:
        body["telecom"] = [{"system": "phone", "value": person.phone, "use": "mobile"}]
        body["address"] = [_address(person, "old-address" in habits)]
    if system.kind in ("gp", "hospital"):
        practice = ORGANISATION_BY_ODS[person.practice]
        body["generalPractitioner"] = [{"identifier": {"system": ODS, "value": practice.ods}, "display": practice.name}]
        body["extension"] = [{"url": f"{UK_CORE}Extension-UKCore-EthnicCategory",
                              "valueCodeableConcept": {"text": person.ethnicity}}]  # fmt: skip
        body["communication"] = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}],
                                               "text": "English"}, "preferred": True}]  # fmt: skip
    _rest(body, person, dead=system.kind in ("gp", "hospital"))
    return body


def register_entry(person: RegionPerson) -> FhirJson:
    """The Patient that the Personal Demographics Service answers with.

    A restricted person has label R and no address, telephone or practice (standards digest, section 2).
    """
    body: FhirJson = {
        "resourceType": "Patient",
        "id": person.nhs_number,
        "meta": {"versionId": "2", "security": [{
            "system": f"{HL7}v3-Confidentiality", "code": "R" if person.restricted else "U",
            "display": "restricted" if person.restricted else "unrestricted"}]},
        "identifier": [nhs_identifier(person.nhs_number, "01")],
        "name": _name(person, frozenset()),
        "gender": person.sex,
        "birthDate": person.born.isoformat(),
    }  # fmt: skip
    if person.twin:
        body["multipleBirthInteger"] = person.twin
    if person.died:
        body["deceasedDateTime"] = f"{person.died.isoformat()}T00:00:00+00:00"
    if not person.restricted:
        body["address"] = [{"id": "A1", **_address(person, False)}]
        body["telecom"] = [{"id": "T1", "system": "phone", "value": person.phone, "use": "mobile"}]
        body["generalPractitioner"] = [{
            "id": "G1", "type": "Organization",
            "identifier": {"system": ODS, "value": person.practice, "period": {"start": person.born.isoformat()}}}]  # fmt: skip
    return body


def nhs_identifier(digits: str, status: str) -> FhirJson:
    words = {"01": "Number present and verified", "02": "Number present but not traced"}
    return {
        "extension": [{"url": f"{UK_CORE}Extension-UKCore-NHSNumberVerificationStatus", "valueCodeableConcept": {
            "coding": [{"system": STATUS, "code": status, "display": words[status]}]}}],
        "use": "official", "system": NHS_NUMBER, "value": digits,
    }  # fmt: skip


def _name(person: RegionPerson, habits: frozenset[str]) -> list[FhirJson]:
    family = person.maiden if "maiden-name" in habits and person.maiden else person.family
    given = list(person.given)
    if "short-name" in habits and person.preferred:
        given = [person.preferred]
    elif "short-name" in habits:
        given = given[:1]
    prefix = [person.title]
    if "title-in-given" in habits:
        given, prefix = [f"{person.title} {given[0]}", *given[1:]], []
    if "upper-case" in habits:
        family, given = family.upper(), [each.upper() for each in given]
    official: FhirJson = {"id": "N1", "use": "official", "family": family, "given": given}
    if prefix:
        official["prefix"] = prefix
    made = [official]
    if person.preferred and not habits & {"upper-case", "short-name"}:
        made.append({"id": "N2", "use": "nickname", "given": [person.preferred], "text": person.preferred})
    return made


def _address(person: RegionPerson, old: bool) -> FhirJson:
    lines = list(person.address.lines[:-1])
    if old:
        return {"use": "home", "line": ["Flat 2, 14 Beck Side"], "city": "Aldermoor", "postalCode": "ZZ2 4BS"}
    return {"use": "home", "line": lines, "city": person.address.lines[-1], "postalCode": person.address.postcode}


def _rest(body: FhirJson, person: RegionPerson, dead: bool) -> None:
    if person.twin:
        body["multipleBirthInteger"] = person.twin
    if person.died and dead:
        body["deceasedDateTime"] = f"{person.died.isoformat()}T00:00:00+00:00"
    if person.test:
        body["meta"]["tag"] = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST",
                                "display": "test health data"}]  # fmt: skip
    if person.restricted:
        body["meta"]["security"] = [{"system": f"{HL7}v3-Confidentiality", "code": "R", "display": "restricted"}]
