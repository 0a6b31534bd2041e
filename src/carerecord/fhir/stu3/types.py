"""Which types of STU3 become R4 here, and by whose rules?"""

from collections.abc import Callable
from typing import Final

from carerecord.fhir.stu3 import appointments, compositions, documents, medicines, people, problems, procedures, results
from carerecord.fhir.stu3.allergies import allergy
from carerecord.fhir.stu3.carry import Element, Rules, Work, carried
from carerecord.fhir.stu3.encounters import encounter
from carerecord.fhir.stu3.immunisations import immunization
from carerecord.fhir.stu3.lists import list_
from carerecord.fhir.stu3.requests import procedure_request, referral_request

Converter = Callable[[Work, Element], Element]


def _by(type_: str, rules: Rules) -> Converter:
    return lambda work, received: carried(work, rules, received, type_, {})


CONVERTERS: Final[dict[str, Converter]] = {
    "AllergyIntolerance": allergy,
    "Condition": problems.condition,
    "DocumentReference": documents.document,
    "Encounter": encounter,
    "Immunization": immunization,
    "List": list_,
    "MedicationStatement": medicines.statement,
    "Observation": results.observation,
    "Procedure": procedures.procedure,
    "ProcedureRequest": procedure_request,
    "ReferralRequest": referral_request,
    **{
        type_: _by(type_, rules)
        for type_, rules in {
            "Appointment": appointments.APPOINTMENT,
            "Composition": compositions.COMPOSITION,
            "DetectedIssue": problems.DETECTED_ISSUE,
            "Device": people.DEVICE,
            "DiagnosticReport": results.REPORT,
            "EpisodeOfCare": procedures.EPISODE,
            "FamilyMemberHistory": procedures.FAMILY_HISTORY,
            "Flag": procedures.FLAG,
            "HealthcareService": people.HEALTHCARE_SERVICE,
            "Location": people.LOCATION,
            "Medication": medicines.MEDICATION,
            "MedicationRequest": medicines.REQUEST,
            "OperationOutcome": procedures.OPERATION_OUTCOME,
            "Organization": people.ORGANIZATION,
            "Patient": people.PATIENT,
            "Practitioner": people.PRACTITIONER,
            "PractitionerRole": people.PRACTITIONER_ROLE,
            "QuestionnaireResponse": documents.QUESTIONNAIRE_RESPONSE,
            "RelatedPerson": people.RELATED_PERSON,
            "Schedule": appointments.SCHEDULE,
            "Slot": appointments.SLOT,
            "Specimen": results.SPECIMEN,
        }.items()
    },
}
