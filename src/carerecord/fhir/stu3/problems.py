"""How do STU3 Condition and DetectedIssue become R4? What links a problem to others stays in GP Connect's own extensions."""

from typing import Any, Final

from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.stu3.carry import RESOURCE, Element, Rules, Work, carried, coded, group, kept, listed, same
from carerecord.fhir.stu3.extensions import named
from carerecord.fhir.stu3.systems import TERMINOLOGY

_VERIFIED: Final = {
    **{each: each for each in ("provisional", "differential", "confirmed", "refuted", "entered-in-error")},
    "unknown": "unconfirmed",
}
CONDITION: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "severity", "code", "bodySite", "subject", "onsetDateTime", "onsetAge", "onsetPeriod", "onsetRange",
        "onsetString", "abatementDateTime", "abatementAge", "abatementPeriod", "abatementRange", "abatementString", "asserter",
        "evidence", "note",
    ),
    "clinicalStatus": coded(
        "clinicalStatus",
        f"{TERMINOLOGY}condition-clinical",
        {each: each for each in ("active", "recurrence", "inactive", "remission", "resolved")},
    ),
    "verificationStatus": coded("verificationStatus", f"{TERMINOLOGY}condition-ver-status", _VERIFIED),
    "category": listed("category"),
    "context": "encounter",
    "abatementBoolean": kept("Condition.abatementBoolean", "valueBoolean"),
    "assertedDate": "recordedDate",
    "stage": group("stage", same("summary", "assessment"), many=True),
}  # fmt: skip


def condition(work: Work, received: Element) -> Element:
    out = carried(work, CONDITION, received, "Condition", {})
    for each in dicts_in(out, "extension"):
        if named(each.get("url"), "RelatedProblemHeader"):
            _name_target(work, each)
    return _in_error(work, out)


def _name_target(work: Work, link: Element) -> None:
    """A link to another problem names it, so that whoever reads one resource alone knows which."""
    for part in dicts_in(link, "extension"):
        target = dict_in(part, "valueReference")
        if "display" not in target and (title := work.around.problems.get(text_in(target, "reference"))):
            target["display"] = title


def _in_error(work: Work, out: dict[str, Any]) -> Element:
    """FHIR R4, rule con-5: what was entered in error has no clinical status."""
    if codes_in(out.get("verificationStatus")) == ["entered-in-error"] and out.pop("clinicalStatus", None):
        work.lose("Condition.clinicalStatus", "R4 gives none to what was entered in error")
    return out


DETECTED_ISSUE: Final[Rules] = {
    **RESOURCE,
    **same("status", "severity", "patient", "author", "implicated", "detail", "reference", "mitigation"),
    "identifier": listed("identifier"),
    "category": "code",
    "date": "identifiedDateTime",
}
