"""How do STU3 Procedure, FamilyMemberHistory, Flag and the like become R4, so that what was not done never looks done?"""

from typing import Any, Final

from carerecord.fhir.stu3.carry import RESOURCE, Element, Rules, Work, carried_if_done, group, kept, listed, same, status

PROCEDURE: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "basedOn", "partOf", "category", "code", "subject", "performedDateTime", "performedPeriod", "location",
        "reasonCode", "reasonReference", "bodySite", "outcome", "report", "complication", "complicationDetail", "followUp",
        "note", "focalDevice", "usedReference", "usedCode",
    ),
    "status": status({"suspended": "on-hold", "aborted": "stopped"}),
    "definition": kept("Procedure.definition", "valueReference"),
    "notDone": kept("Procedure.notDone", "valueBoolean"),
    "notDoneReason": "statusReason",
    "context": "encounter",
    "performer": group("performer", {**same("actor", "onBehalfOf"), "role": "function"}, many=True),
}  # fmt: skip


def procedure(work: Work, received: Element) -> Element:
    """Raises:
    Unreadable: whether it was done is said by something that is neither true nor false.
    """
    return carried_if_done(work, PROCEDURE, received, "Procedure", "notDone")


FAMILY_HISTORY: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "patient", "date", "name", "relationship", "bornPeriod", "bornDate", "bornString", "ageAge",
        "ageRange", "ageString", "estimatedAge", "deceasedBoolean", "deceasedAge", "deceasedRange", "deceasedDate",
        "deceasedString", "reasonCode", "reasonReference", "note", "condition",
    ),
    "definition": kept("FamilyMemberHistory.definition", "valueReference"),
    "notDone": kept("FamilyMemberHistory.notDone", "valueBoolean"),
    "notDoneReason": "dataAbsentReason",
    "gender": kept("FamilyMemberHistory.gender", "valueCode"),
}  # fmt: skip
FLAG: Final[Rules] = {
    **RESOURCE,
    **same("identifier", "status", "code", "subject", "period", "encounter", "author"),
    "category": listed("category"),
}
EPISODE: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "statusHistory", "type", "diagnosis", "patient", "managingOrganization", "period",
        "referralRequest", "careManager", "team", "account",
    ),
}  # fmt: skip
OPERATION_OUTCOME: Final[dict[str, Any]] = {**RESOURCE, **same("issue")}
