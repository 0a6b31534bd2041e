"""Under which name does UK Core know an extension of CareConnect and GP Connect?

One that UK Core does not have, or has retired as England's own (the significance of a problem, what is linked to it), keeps its
name.
"""

from typing import Any, Final

_UK_CORE: Final = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
_SAME_FORM: Final = {
    "AllergyIntoleranceEnd": "AllergyIntoleranceEnd",
    "BirthSex": "BirthSex",
    "ClinicalSetting": "ClinicalSetting",
    "ContactPreference": "ContactPreference",
    "ConditionEpisode": "ConditionEpisode",
    "DeathNotificationStatus": "DeathNotificationStatus",
    "EthnicCategory": "EthnicCategory",
    "ListWarningCode": "ListWarningCode",
    "MainLocation": "MainLocation",
    "MedicationQuantityText": "MedicationQuantityText",
    "MedicationRepeatInformation": "MedicationRepeatInformation",
    "MedicationStatementDosageLastChanged": "MedicationDosageLastChanged",
    "MedicationStatementLastIssueDate": "MedicationStatementLastIssueDate",
    "NHSCommunication": "NHSCommunication",
    "NHSNumberVerificationStatus": "NHSNumberVerificationStatus",
    "NominatedPharmacy": "NominatedPharmacy",
    "ParentPresent": "ParentPresent",
    "PrescribingAgency": "MedicationPrescribingOrganizationType",
    "ReligiousAffiliation": "ReligiousAffiliation",
    "ResidentialStatus": "ResidentialStatus",
    "VaccinationProcedure": "VaccinationProcedure",
}


def _spellings(name: str) -> tuple[str, ...]:
    """An extension moved between CareConnect and GP Connect over the years: each way in which it is sent."""
    return tuple(
        f"https://{host}/STU3/StructureDefinition/Extension-CareConnect-{middle}{name}-1"
        for host in ("fhir.nhs.uk", "fhir.hl7.org.uk")
        for middle in ("", "GPC-")
    )


_NAMES: Final = {
    sent: name
    for name in (
        *_SAME_FORM, "DateRecorded", "PrescriptionType", "MedicationStatusReason", "RelatedProblemHeader", "ProblemSignificance"
    )
    for sent in _spellings(name)
}  # fmt: skip
RENAMED: Final = {sent: _UK_CORE + known for name, known in _SAME_FORM.items() for sent in _spellings(name)}
DESCRIPTION: Final = frozenset(
    (
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
        "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
        "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdecsid",  # so misspelt by one supplier
    )
)
_DISPLAY: Final = f"{_UK_CORE}CodingSCTDescDisplay"
_DESCRIPTION_ID: Final = "http://hl7.org/fhir/StructureDefinition/coding-sctdescid"


def named(url: Any, *names: str) -> bool:
    """Whether an extension is one of CareConnect's `names`, in any of its spellings."""
    return type(url) is str and _NAMES.get(url.strip()) in names


def extended(sent: list[Any]) -> list[Any]:
    """The extensions of one element; what each holds is R4 already."""
    found: list[Any] = []
    for each in sent:
        url = each.get("url") if type(each) is dict else None
        if type(url) is not str:
            found.append(each)
        elif (known := url.strip()) in DESCRIPTION:
            found += _description(each)
        else:
            if known in RENAMED:
                each["url"] = RENAMED[known]
            found.append(each)
    return found


def _description(sent: dict[str, Any]) -> list[Any]:
    """What the clinician chose among the words for one concept: nested in CareConnect, two plain extensions in R4.

    One that holds anything else stays as it is.
    """
    inner = sent.get("extension")
    if len(sent) != 2 or type(inner) is not list or not inner:
        return [sent]
    made: list[dict[str, Any]] = []
    for each in inner:
        if type(each) is not dict or len(each) != 2 or type(url := each.get("url")) is not str:
            return [sent]
        if url.lower() == "descriptiondisplay" and "valueString" in each:
            made.insert(0, {"url": _DISPLAY, "valueString": each["valueString"]})
        elif url.lower() == "descriptionid" and "valueId" in each:
            made.append({"url": _DESCRIPTION_ID, "valueId": each["valueId"]})
        else:
            return [sent]
    return made
