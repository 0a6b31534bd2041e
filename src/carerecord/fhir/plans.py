"""Is this a plan or decision made in advance, and of which kind? By code first, by the words of its title otherwise.

Missing a resuscitation decision is worse than listing one too many, so words count where no code speaks.
"""

import re
from typing import Any, Final

from carerecord.fhir.codes import code_values, codes_in, dict_in, dicts_in, text_in, words

RESPECT: Final = "respect"
DNACPR: Final = "dnacpr"
ADVANCE_DECISION: Final = "advance-decision"
ADVANCE_STATEMENT: Final = "advance-statement"
TREATMENT_ESCALATION: Final = "treatment-escalation"
END_OF_LIFE: Final = "end-of-life"
CRISIS: Final = "crisis"
EMERGENCY: Final = "emergency-plan"
POWER_OF_ATTORNEY: Final = "power-of-attorney"
CARE_PLAN: Final = "care-plan"

PLAN_KINDS: Final[dict[str, str]] = {
    RESPECT: "ReSPECT",
    DNACPR: "CPR decision",
    ADVANCE_DECISION: "Advance decision to refuse treatment",
    ADVANCE_STATEMENT: "Advance statement",
    TREATMENT_ESCALATION: "Treatment escalation plan",
    END_OF_LIFE: "End of life care plan",
    CRISIS: "Mental health crisis plan",
    EMERGENCY: "Emergency care plan",
    POWER_OF_ATTORNEY: "Lasting power of attorney",
    CARE_PLAN: "Care plan",
}

# SNOMED CT. Documents: the pointer types of the National Record Locator. Findings: the CPR decisions of the Summary
# Care Record inclusion data set and of the End of Life API.
_KIND_OF_CODE: Final[dict[str, str]] = {
    "1382601000000107": RESPECT,
    "450475007": DNACPR,  # for attempted CPR: the same question, the other answer
    "450476008": DNACPR,  # not for attempted CPR
    "304251008": DNACPR,  # resuscitation status
    "304252001": DNACPR,  # for resuscitation
    "304253006": DNACPR,  # not for resuscitation
    "143021000119109": DNACPR,  # do not resuscitate, with supporting documentation
    "816301000000100": ADVANCE_DECISION,  # has advance decision to refuse treatment
    "1052911000000106": ADVANCE_DECISION,
    "962601000000103": ADVANCE_DECISION,  # retracted: shown, as superseded
    "735324008": TREATMENT_ESCALATION,
    "736373009": END_OF_LIFE,
    "861421000000109": END_OF_LIFE,  # end of life care coordination summary
    "736253002": CRISIS,
    "887701000000100": EMERGENCY,
    "325691000000100": EMERGENCY,  # contingency plan
    "736366004": ADVANCE_STATEMENT,  # advance care plan
    "2181441000000107": CARE_PLAN,  # personalised care and support plan
    "dnr": DNACPR,  # HL7 consentcategorycodes
    "acd": ADVANCE_DECISION,
    "hcd": ADVANCE_STATEMENT,
    "polst": TREATMENT_ESCALATION,
    "84095-9": DNACPR,  # LOINC
    "42348-3": ADVANCE_DECISION,
    "86533-7": ADVANCE_DECISION,  # living will
    "64298-3": POWER_OF_ATTORNEY,
}
# Findings that GP systems and hospitals keep among problems and observations.
FINDING_CODES: Final = tuple(
    code for code, kind in _KIND_OF_CODE.items() if kind in (DNACPR, ADVANCE_DECISION) and code.isdigit()
)
RETRACTED: Final = "962601000000103"
DOCUMENT_CODES: Final = (
    "1382601000000107", "735324008", "736373009", "861421000000109", "736253002",
    "887701000000100", "325691000000100", "736366004", "2181441000000107",
)  # fmt: skip

_WORDS: Final = tuple(
    (re.compile(pattern, flags), kind)
    for pattern, flags, kind in (
        (r"\bReSPECT\b|\bRESPECT (?:form|plan)\b", 0, RESPECT),
        (r"recommended summary plan for emergency care", re.IGNORECASE, RESPECT),
        (r"\bdna-?cpr\b|\bdnar\b|\bdnr\b|\bdo not resus|\b(?:not for|do not attempt|for attempted?) (?:attempted )?"
         r"(?:cpr\b|cardiopulmonary resus|resus)|\bcpr (?:decision|status)|resuscitation (?:status|decision)",
         re.IGNORECASE, DNACPR),
        (r"\badrt\b|advance decision|advance directive|living will", re.IGNORECASE, ADVANCE_DECISION),
        (r"treatment escalation|\bceiling of (?:care|treatment)", re.IGNORECASE, TREATMENT_ESCALATION),
        (r"lasting power of attorney|\blpa\b", re.IGNORECASE, POWER_OF_ATTORNEY),
        (r"advance statement|advance care plan|preferred place of (?:care|death)", re.IGNORECASE, ADVANCE_STATEMENT),
        (r"end of life care (?:plan|co-?ordination)", re.IGNORECASE, END_OF_LIFE),
        (r"\bcrisis (?:and contingency )?plan\b|crisis plan", re.IGNORECASE, CRISIS),
        (r"emergency (?:health ?)?care plan|contingency plan", re.IGNORECASE, EMERGENCY),
    )
)  # fmt: skip

# Where each type says what it is; the value too, since "resuscitation status: not for CPR" is an Observation in places.
_SAYS_WHAT_IT_IS: Final[dict[str, tuple[str, ...]]] = {
    "CarePlan": ("category",),
    "DocumentReference": ("type", "category"),
    "Composition": ("type", "category"),
    "Consent": ("category", "scope"),
    "Flag": ("code",),
    "Observation": ("code", "valueCodeableConcept"),
    "Condition": ("code",),
    "Procedure": ("code",),
}
# Types of which only an exact code moves an item to the plans: a problem whose words mention a plan stays a problem.
_BY_CODE_ALONE: Final = frozenset({"Observation", "Condition", "Procedure"})


def plan_kind(resource: dict[str, Any]) -> str:
    """The kind of plan (a key of PLAN_KINDS) that `resource` is, or "" when it is none.

    Every CarePlan is at least a `care-plan`. A Consent is a plan when it records a decision about treatment; choices
    about sharing are not.
    """
    type_ = text_in(resource, "resourceType")
    places = _SAYS_WHAT_IT_IS.get(type_)
    if places is None:
        return ""
    concepts = []
    for place in places:
        if place in resource:
            concepts.append(resource[place])
    found = _kind_of_codes(concepts)
    if not found and type_ in _BY_CODE_ALONE:
        return ""
    if not found:
        titles = (text_in(resource, "title"), text_in(resource, "description"))
        found = _kind_of_words(" | ".join((*titles, *map(words, concepts))))
    if not found and type_ == "Consent" and "adr" in code_values(dict_in(resource, "scope")):
        found = ADVANCE_DECISION
    if not found and type_ == "Flag" and "advance-directive" in code_values(resource.get("category")):  # HL7 flag-category
        found = ADVANCE_DECISION
    if found in ("", CARE_PLAN) and type_ == "CarePlan":
        activities = [dict_in(activity, "detail").get("code") for activity in dicts_in(resource, "activity")]
        return _kind_of_codes(activities) or found or CARE_PLAN
    return found


def may_be_plan(type_: str, only_code: str, resource: dict[str, Any]) -> bool:
    """Whether `plan_kind` is worth asking of a resource; `only_code` is its one code, "" where it has none or several."""
    if type_ in _BY_CODE_ALONE:
        return not only_code or only_code in _KIND_OF_CODE or "valueCodeableConcept" in resource
    return type_ in _SAYS_WHAT_IT_IS


def _kind_of_codes(concepts: list[Any]) -> str:
    for concept in concepts:
        codes = codes_in(concept)
        for code in codes:
            if code in _KIND_OF_CODE:
                kinds = {_KIND_OF_CODE[each] for each in codes if each in _KIND_OF_CODE}
                return next(kind for kind in PLAN_KINDS if kind in kinds)
    return ""


def _kind_of_words(text: str) -> str:
    return next((kind for pattern, kind in _WORDS if pattern.search(text)), "")
