"""How does an STU3 AllergyIntolerance become R4, so that one that has ended never looks active?"""

from typing import Any, Final

from carerecord.fhir.codes import codes_in
from carerecord.fhir.stu3.carry import RESOURCE, Element, Rules, Work, carried, coded, same
from carerecord.fhir.stu3.systems import TERMINOLOGY

_CLINICAL: Final = f"{TERMINOLOGY}allergyintolerance-clinical"
RULES: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "type", "category", "criticality", "code", "patient", "onsetDateTime", "onsetAge", "onsetPeriod",
        "onsetRange", "onsetString", "recorder", "asserter", "lastOccurrence", "note", "reaction",
    ),
    "clinicalStatus": coded("clinicalStatus", _CLINICAL, {each: each for each in ("active", "inactive", "resolved")}),
    "verificationStatus": coded(
        "verificationStatus",
        f"{TERMINOLOGY}allergyintolerance-verification",
        {each: each for each in ("unconfirmed", "confirmed", "refuted", "entered-in-error")},
    ),
    "assertedDate": "recordedDate",
}  # fmt: skip


def allergy(work: Work, received: Element) -> Element:
    out = carried(work, RULES, received, "AllergyIntolerance", {})
    return _ended(work, out) if f"AllergyIntolerance/{work.id}" in work.around.ended else _in_error(work, out)


def ended_allergy(work: Work, received: Element) -> Element:
    """One that a list of ended allergies contains: it has ended, whatever else it says of itself."""
    return _ended(work, carried(work, RULES, received, "AllergyIntolerance", {}))


def _ended(work: Work, out: Element) -> Element:
    said = codes_in(out.get("clinicalStatus"))
    if not said or said == ["active"]:
        if said:
            work.lose("AllergyIntolerance.clinicalStatus", "the list that names it says that it has ended")
        out["clinicalStatus"] = {"coding": [{"system": _CLINICAL, "code": "resolved"}]}
    return _in_error(work, out)


def _in_error(work: Work, out: dict[str, Any]) -> Element:
    """FHIR R4, rule ait-2: what was entered in error has no clinical status."""
    if codes_in(out.get("verificationStatus")) == ["entered-in-error"] and out.pop("clinicalStatus", None):
        work.lose("AllergyIntolerance.clinicalStatus", "R4 gives none to what was entered in error")
    return out
