"""What do the elements say that no shape of their own holds: why something was not done, what to eat, what somebody thinks?"""

from collections.abc import Iterator
from typing import Any, Final

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.read.words import Around, Resource, extension, quantity, said_of, title_of

# By type, in the order in which they are read: the label, and the element; one that has a label of its own has none here.
_LINES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "AdverseEvent": (
        ("Seriousness", "seriousness"), ("Severity", "severity"), ("Outcome", "outcome"),
        ("Suspected cause", "suspectEntity.instance"), ("Led to", "resultingCondition"),
    ),
    "BodyStructure": (("Site", "location"), ("Side or part", "locationQualifier"), ("", "description")),
    "ClinicalImpression": (
        ("", "description"), ("", "summary"), ("Problem", "problem"), ("Finding", "finding.itemCodeableConcept"),
        ("Finding", "finding.itemReference"), ("Because of", "finding.basis"), ("Prognosis", "prognosisCodeableConcept"),
    ),
    "Communication": (("About", "topic"), ("", "payload.contentString"), ("Reason", "reasonCode")),
    "CommunicationRequest": (("", "payload.contentString"), ("Reason", "reasonCode")),
    "DetectedIssue": (("", "detail"), ("Between", "implicated"), ("Done about it", "mitigation.action")),
    "Device": (("Type", "type"), ("Model", "modelNumber"), ("Serial number", "serialNumber"), ("Safety", "safety")),
    "DeviceRequest": (
        ("For", "reasonCode"), ("For", "reasonReference"), ("Detail", "parameter.valueCodeableConcept"),
        ("Detail", "parameter.valueQuantity"),
    ),
    "DeviceUseStatement": (("For", "reasonCode"), ("For", "reasonReference"), ("Site", "bodySite")),
    "ImmunizationRecommendation": (
        ("Against", "recommendation.targetDisease"), ("Status", "recommendation.forecastStatus"),
        ("Reason", "recommendation.forecastReason"), ("", "recommendation.description"),
    ),
    "NutritionOrder": (
        ("Texture", "oralDiet.texture.modifier"), ("Of", "oralDiet.texture.foodType"),
        ("Fluids", "oralDiet.fluidConsistencyType"), ("Nutrient", "oralDiet.nutrient.modifier"), ("", "oralDiet.instruction"),
        ("Supplement", "supplement.type"),
        ("Supplement", "supplement.productName"), ("", "supplement.instruction"), ("Tube feed", "enteralFormula.baseFormulaType"),
        ("Tube feed", "enteralFormula.baseFormulaProductName"), ("Route", "enteralFormula.routeofAdministration"),
        ("", "enteralFormula.administrationInstruction"), ("Preference", "foodPreferenceModifier"),
        ("Not to be given", "excludeFoodModifier"), ("Allergy or intolerance", "allergyIntolerance"), ("", "instruction"),
    ),
    "Procedure": (
        ("For", "reasonCode"), ("For", "reasonReference"), ("Site", "bodySite"), ("Outcome", "outcome"),
        ("Complication", "complication"), ("Complication", "complicationDetail"), ("Follow-up", "followUp"),
        ("Used", "usedCode"), ("Used", "usedReference"), ("Device", "focalDevice.manipulated"),
    ),
    "RequestGroup": (("", "action.title"), ("", "action.description")),
    "RiskAssessment": (
        ("Risk", "prediction.outcome"), ("How likely", "prediction.qualitativeRisk"), ("", "prediction.rationale"),
        ("To lessen it", "mitigation"),
    ),
    "Specimen": (("Site", "collection.bodySite"), ("Condition", "condition")),
    "SupplyDelivery": (("", "suppliedItem.itemCodeableConcept"), ("Quantity", "suppliedItem.quantity")),
    "SupplyRequest": (("Quantity", "quantity"), ("Reason", "reasonCode")),
    "Task": (("Reason", "reasonCode"), ("About", "focus"), ("Outcome", "businessStatus")),
    "VisionPrescription": (("Product", "lensSpecification.product"),),
}  # fmt: skip
_PATHS: Final = {type_: tuple((label, path.split(".")) for label, path in lines) for type_, lines in _LINES.items()}
# What such an item is called, where neither `code` nor `title` says: what stands before it, and the elements that may say it.
_TITLES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "AdverseEvent": ("Adverse event", ("event", "category")),
    "BodyStructure": ("", ("morphology", "location", "description")),
    "ClinicalImpression": ("Clinical impression", ("code",)),
    "Device": ("Device", ("deviceName.name", "type")),
    "DeviceRequest": ("Device asked for", ("codeCodeableConcept", "codeReference")),
    "DeviceUseStatement": ("Device in use", ("device",)),
    "ImmunizationRecommendation": ("Immunisation advised", ("recommendation.vaccineCode",)),
    "NutritionOrder": (
        "Diet",
        (
            "oralDiet.type",
            "enteralFormula.baseFormulaType",
            "supplement.type",
            "oralDiet.texture.modifier",
            "excludeFoodModifier",
        ),
    ),
    "SupplyRequest": ("Supply asked for", ("itemCodeableConcept", "itemReference")),
}
# How the reason for a status is begun; an immunisation and a medicine are given, the rest is done.
_WHY: Final = {
    "not-done": "Not done", "stopped": "Stopped", "on-hold": "On hold", "aborted": "Broken off", "suspended": "Suspended",
    "cancelled": "Cancelled", "rejected": "Refused", "failed": "Failed",
}  # fmt: skip
_REASONS: Final = ("statusReason", "statusReasonCodeableConcept", "notDoneReason")
# Of an encounter, by the end of the address of UK Core's extension: its label, and the NHS Data Dictionary's words for a code.
_OF_ENCOUNTER: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    (
        "OutcomeOfAttendance",
        "Outcome of attendance",
        {
            "1": "Discharged, no further appointment", "2": "Another appointment given",
            "3": "Appointment to be made at a later date",
        },
    ),
    ("EmergencyCareDischargeStatus", "Discharge status", {}),
    (
        "DischargeMethod",
        "Discharge method",
        {
            "1": "On clinical advice or with clinical consent", "2": "Discharged themselves, or by a relative or advocate",
            "3": "By a tribunal, the Home Secretary or a court", "4": "Died", "5": "Stillbirth",
        },
    ),
)  # fmt: skip
_SECTIONS_OF_THE_ACT: Final = {
    "01": "Informal", "02": "Detained under Mental Health Act section 2", "03": "Detained under Mental Health Act section 3",
    "04": "Detained under Mental Health Act section 4", "05": "Detained under Mental Health Act section 5(2)",
    "06": "Detained under Mental Health Act section 5(4)",
}  # fmt: skip
_EACH_APART: Final = ("prediction", "recommendation")  # what is likely, or forbidden, of one is not so of the next
_LONGEST: Final = 2_000


def told(parsed: Resource, type_: str, status: str, beside: Around) -> list[str]:
    """Lines that stand before the notes of one: "Not done: unfit for sedation", "Texture: minced and moist"."""
    if type_ == "Encounter":
        return _of_encounter(parsed)
    several = next((name for name in _EACH_APART if len(dicts_in(parsed, name)) > 1), "")
    lines = ["; ".join(_lines({several: each}, type_, beside)) for each in dicts_in(parsed, several)] if several else []
    lines += _lines({name: value for name, value in parsed.items() if name != several}, type_, beside)
    if type_ == "Specimen":
        lines = [*special_handling(parsed), *lines]
    return [each[:_LONGEST] for each in (*why(parsed, status), *lines) if each]


def _lines(parsed: Resource, type_: str, beside: Around) -> list[str]:
    found: dict[tuple[str, str], list[str]] = {}  # by label, else by element
    for label, path in _PATHS.get(type_, ()):
        if path[0] in parsed and (said := list(_at(parsed, path, beside))):
            found.setdefault((label, "" if label else ".".join(path)), []).extend(said)
    return [
        f"{label}: {', '.join(dict.fromkeys(said))}" if label else "\n".join(said) for (label, _), said in found.items()
    ]  # fmt: skip


def why(parsed: Resource, status: str) -> list[str]:
    """Why something was not done, was stopped or waits."""
    for element in _REASONS:
        if element in parsed and (reason := title_of(parsed[element])):
            return [f"{_WHY.get(status, 'Reason')}: {reason}"]
    return []


def told_title(parsed: Resource, type_: str, beside: Around) -> str:
    """ "Diet: soft diet", "Device asked for: walking frame"; "" for a type that FHIR names as others."""
    if type_ not in _TITLES:
        return ""
    before, paths = _TITLES[type_]
    name = next((said for path in paths for said in _at(parsed, path.split("."), beside)), "")
    return ": ".join(filter(None, (before, name)))


def special_handling(specimen: Any) -> list[str]:
    """Why a specimen must be handled with care, such as a risk of infection: UK Core's place for it."""
    found = []
    for holder in (specimen, dict_in(specimen, "collection")):
        each = extension(holder, "/specimen-specialHandling")
        if (
            said := title_of(each.get("valueCodeableConcept"))
            or title_of(each.get("valueCoding"))
            or text_in(each, "valueString")
        ):
            found.append(f"Special handling: {said}")
    return found


def _of_encounter(parsed: Resource) -> list[str]:
    """How it ended and under which law, which UK Core keeps in extensions of the encounter and of the stay."""
    stay = dict_in(parsed, "hospitalization")
    said = why(parsed, "")
    if "extension" in parsed or "extension" in stay:
        for name, label, words in _OF_ENCOUNTER:
            holder = extension(parsed, name) or extension(stay, name)
            if title := title_of(holder.get("valueCodeableConcept")) or title_of(holder.get("valueCoding")):
                said.append(f"{label}: {words.get(title, title)}")
        said += _legal(parsed) or _legal(stay)
    if to := text_in(dict_in(stay, "destination"), "display"):
        said.append(f"Discharged to: {to}")
    return said


def _legal(holder: Resource) -> list[str]:
    found = []
    for each in dicts_in(holder, "extension"):
        if text_in(each, "url").endswith("Extension-UKCore-LegalStatus"):
            law = title_of(extension(each, "legalStatusClassification").get("valueCodeableConcept"))
            when = title_of(extension(each, "legalStatusContext").get("valueCodeableConcept"))
            if law:
                at = f" ({when.lower()})" if when else ""
                found.append(f"Legal status{at}: {_SECTIONS_OF_THE_ACT.get(law, law)}")
    return found


def _at(value: Any, path: list[str], beside: Around) -> Iterator[str]:
    """What stands at the end of a path of elements, each of which may be a list."""
    if isinstance(value, list):
        for each in value:
            yield from _at(each, path, beside)
    elif path:
        if isinstance(value, dict) and path[0] in value:
            yield from _at(value[path[0]], path[1:], beside)
    elif said := _said(value, beside):
        yield said


def _said(value: Any, beside: Around) -> str:
    if isinstance(value, str):
        return value.strip()
    if not isinstance(value, dict):
        return ""
    if "value" in value:
        return quantity(value)
    return title_of(value) or said_of(value, beside) or title_of(beside.find(value).get("code"))
