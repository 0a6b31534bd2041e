"""Which elements does STU3 have that R4 has not, or has in another number? So that an event in XML is read as its JSON would be.

HL7 FHIR 3.0.2, of the types that become R4 here or stand in an event beside those. `*`: it may come more than once.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from carerecord.fhir import xml
from carerecord.fhir.xml import Element, Elements

_WHO_ASKED: Final = "agent:Reference onBehalfOf:Reference"
_WHO_DID: Final = "role:CodeableConcept actor:Reference"
_REQUEST: Final = (
    "definition:Reference* replaces:Reference* context:Reference supportingInfo:Reference* relevantHistory:Reference* "
    "reasonCode:CodeableConcept* reasonReference:Reference* occurrenceDateTime:string occurrencePeriod:Period "
    "occurrenceTiming:Timing authoredOn:string "
)
# A type of R4, or one that is made here, and what stands in it in STU3. Those that R4 does not have begin as another.
_BEGINS_AS: Final = {"ProcedureRequest": "ServiceRequest", "ReferralRequest": "ServiceRequest"}
_OTHERWISE: Final[Mapping[str, str]] = {
    "MessageHeader": "event:Coding timestamp:string receiver:Reference",
    "AllergyIntolerance": "clinicalStatus:string verificationStatus:string assertedDate:string",
    "Appointment": "incomingReferral:Reference* indication:Reference* reason:CodeableConcept* serviceCategory:CodeableConcept",
    "Communication": "definition:Reference* notDone:boolean notDoneReason:CodeableConcept context:Reference topic:Reference*",
    "Composition": "class:CodeableConcept",
    "Composition_Attester": "mode:string*",
    "Condition": (
        "clinicalStatus:string verificationStatus:string assertedDate:string context:Reference abatementBoolean:boolean "
        "stage:Condition_Stage"
    ),
    "DetectedIssue": "category:CodeableConcept date:string",
    "Device": "udi:STU3_Udi model:string version:string",
    "STU3_Udi": (
        "deviceIdentifier:string name:string jurisdiction:string carrierHRF:string carrierAIDC:string issuer:string "
        "entryType:string"
    ),
    "DiagnosticReport": (
        "context:Reference category:CodeableConcept performer:STU3_Reporter* image:STU3_Image* codedDiagnosis:CodeableConcept*"
    ),
    "STU3_Reporter": _WHO_DID,
    "STU3_Image": "comment:string link:Reference",
    "DocumentReference": "class:CodeableConcept created:string indexed:string context:STU3_Context",
    "STU3_Context": (
        "encounter:Reference event:CodeableConcept* period:Period facilityType:CodeableConcept practiceSetting:CodeableConcept "
        "sourcePatientInfo:Reference related:STU3_Related*"
    ),
    "STU3_Related": "identifier:Identifier ref:Reference",
    "Dosage": "doseRange:Range doseQuantity:Quantity rateRatio:Ratio rateRange:Range rateQuantity:Quantity",
    "Encounter": "reason:CodeableConcept* incomingReferral:Reference* appointment:Reference",
    "FamilyMemberHistory": "definition:Reference* notDone:boolean notDoneReason:CodeableConcept",
    "Flag": "category:CodeableConcept",
    "HealthcareService": "eligibility:CodeableConcept eligibilityNote:string programName:string*",
    "Immunization": (
        "notGiven:boolean date:string practitioner:STU3_Practitioner* explanation:STU3_Explanation "
        "vaccinationProtocol:STU3_Protocol*"
    ),
    "STU3_Practitioner": _WHO_DID,
    "STU3_Explanation": "reason:CodeableConcept* reasonNotGiven:CodeableConcept*",
    "STU3_Protocol": (
        "doseSequence:number description:string authority:Reference series:string seriesDoses:number "
        "targetDisease:CodeableConcept* doseStatus:CodeableConcept doseStatusReason:CodeableConcept"
    ),
    "MedicationRequest": "context:Reference definition:Reference* requester:STU3_Requester category:CodeableConcept",
    "STU3_Requester": _WHO_ASKED,
    "MedicationStatement": "taken:string reasonNotTaken:CodeableConcept*",
    "Observation": "context:Reference comment:string related:STU3_RelatedTo* interpretation:CodeableConcept",
    "Observation_Component": "interpretation:CodeableConcept",
    "STU3_RelatedTo": "type:string target:Reference",
    "Procedure": (
        "context:Reference definition:Reference* notDone:boolean notDoneReason:CodeableConcept performer:STU3_Performer*"
    ),
    "STU3_Performer": f"{_WHO_DID} onBehalfOf:Reference",
    "ProcedureRequest": _REQUEST + "requester:STU3_Requester performer:Reference performerType:CodeableConcept",
    "QuestionnaireResponse": "parent:Reference* context:Reference questionnaire:Reference",
    "QuestionnaireResponse_Item": "subject:Reference",
    "ReferralRequest": _REQUEST + (
        "groupIdentifier:Identifier type:CodeableConcept serviceRequested:CodeableConcept* requester:STU3_Requester "
        "specialty:CodeableConcept recipient:Reference* description:string"
    ),
    "Slot": "serviceCategory:CodeableConcept",
}  # fmt: skip


@cache
def elements() -> Elements:
    """Every definition's elements as STU3 has them. Some tens of milliseconds, once."""
    found = dict(xml.load())
    for name, like in _BEGINS_AS.items():
        found[name] = found[like]
    bare = {**found["Element"], "modifierExtension": Element("modifierExtension", "Extension", True)}
    for name, told in _OTHERWISE.items():
        found[name] = {**found.get(name, bare), **{each.name: each for each in map(_element, told.split())}}
    return found


def _element(told: str) -> Element:
    name, _, kind = told.partition(":")
    return Element(name, kind.removesuffix("*"), kind.endswith("*"))
