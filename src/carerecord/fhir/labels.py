"""What do FHIR's codes say in plain English? One table a question; a code without an entry shows as its own words."""

from typing import Final

STATUS: Final[dict[str, str]] = {
    "in-progress": "in progress",
    "on-hold": "on hold",
    "entered-in-error": "entered in error",
    "not-done": "not done",
    "not-taken": "not taken",
    "noshow": "did not attend",
    "checked-in": "checked in",
    "onleave": "on leave",
    "rejected": "rejected",
    "partial": "partial",
    "registered": "no result yet",
    "appended": "final, with additions",
    "current": "current",
    "superseded": "superseded",
    "fulfilled": "attended",
    "waitlist": "waiting list",
    "revoked": "revoked",
    "declined": "declined",
    "unknown": "status not known",
}
# Statuses that must be said aloud beside an item, so that nobody takes it for settled fact.
WARNINGS: Final[dict[str, str]] = {
    "entered-in-error": "entered in error",
    "amended": "amended",
    "corrected": "corrected",
    "appended": "amended",
    "preliminary": "preliminary",
    "partial": "preliminary",
    "registered": "no result yet",
    "cancelled": "cancelled",
    "not-done": "not done",
    "not-taken": "not taken",
    "noshow": "did not attend",
    "on-hold": "on hold",
    "draft": "draft",
    "declined": "declined",
    "rejected": "declined",
    "superseded": "superseded",
    "revoked": "revoked",
    "refuted": "refuted",
}
# How sure is whoever wrote down a problem, where they are not.
DOUBTS: Final[dict[str, str]] = {
    "unconfirmed": "unconfirmed",
    "provisional": "provisional",
    "differential": "one possible diagnosis",
}
INTERPRETATION: Final[dict[str, str]] = {
    "H": "high",
    "HU": "critically high",
    "HH": "critically high",
    "H>": "critically high",
    "L": "low",
    "LU": "critically low",
    "LL": "critically low",
    "L<": "critically low",
    ">": "above the range of the test",
    "<": "below the range of the test",
    "A": "abnormal",
    "AA": "critically abnormal",
    "N": "normal",
    "POS": "positive",
    "NEG": "negative",
    "IND": "indeterminate",
    "E": "equivocal",
    "I": "intermediate",
    "R": "resistant",
    "S": "susceptible",
    "DET": "detected",
    "ND": "not detected",
    "RR": "reactive",
    "NR": "not reactive",
    "WR": "weakly reactive",
    "U": "much changed: up",
    "D": "much changed: down",
    "B": "better",
    "W": "worse",
}
ABSENT: Final[dict[str, str]] = {
    "unknown": "not known",
    "asked-unknown": "asked, not known",
    "temp-unknown": "not known yet",
    "not-asked": "not asked",
    "asked-declined": "asked, declined",
    "masked": "hidden by the source",
    "not-applicable": "not applicable",
    "unsupported": "not supported by the source",
    "as-text": "in the text",
    "error": "error in measuring",
    "not-a-number": "no number",
    "not-performed": "not performed",
    "not-permitted": "not permitted",
}
GENDER: Final[dict[str, str]] = {
    "male": "Male",
    "female": "Female",
    "other": "Other Specific",  # Common User Interface CGS-0003
    "unknown": "Not Known",
}
ENCOUNTER_KIND: Final[dict[str, str]] = {
    "EMER": "emergency",
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "OBSENC": "inpatient",
    "PRENC": "inpatient",
    "SS": "inpatient",
    "AMB": "outpatient",
    "HH": "home",
    "VR": "virtual",
    "FLD": "ambulance",
}
SEVERITY: Final[dict[str, str]] = {
    "24484000": "severe",
    "6736007": "moderate",
    "255604002": "mild",
    "442452003": "life threatening",
    "399166001": "fatal",
    "1255665007": "moderate",
}
CRITICALITY: Final[dict[str, str]] = {"low": "low risk", "high": "high risk", "unable-to-assess": "risk not assessed"}
TYPES: Final[dict[str, str]] = {
    "AllergyIntolerance": "Allergy",
    "Condition": "Problem",
    "DiagnosticReport": "Report",
    "DocumentReference": "Document",
    "EpisodeOfCare": "Episode of care",
    "ExplanationOfBenefit": "Explanation of benefit",
    "FamilyMemberHistory": "Family history",
    "ImagingStudy": "Imaging study",
    "Immunization": "Immunisation",
    "MedicationAdministration": "Medicine given",
    "MedicationDispense": "Medicine dispensed",
    "MedicationRequest": "Medicine prescribed",
    "MedicationStatement": "Medicine",
    "PractitionerRole": "Professional",
    "Practitioner": "Professional",
    "QuestionnaireResponse": "Assessment",
    "RelatedPerson": "Contact",
    "ServiceRequest": "Request or referral",
    "CarePlan": "Care plan",
    "CareTeam": "Care team",
}


def status_words(code: str) -> str:
    return STATUS.get(code) or code.replace("-", " ")


def type_words(resource_type: str) -> str:
    """`ImagingStudy` as "Imaging study": also for types nobody here has heard of."""
    known = TYPES.get(resource_type)
    if known:
        return known
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in resource_type).strip()
    return spaced[:1].upper() + spaced[1:]
