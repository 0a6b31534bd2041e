"""Under which name does R4 know a code system of STU3?"""

from functools import lru_cache
from typing import Final

TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"
_V3: Final = "http://hl7.org/fhir/v3/"
_V2: Final = "http://hl7.org/fhir/v2/"
# HL7's own: in STU3 at hl7.org/fhir, in R4 at terminology.hl7.org. Two forms of the same that suppliers send are here as well.
_MOVED: Final = {
    **{
        f"http://hl7.org/fhir/{name}": TERMINOLOGY + name
        for name in (
            "condition-category", "condition-clinical", "condition-ver-status", "list-order", "list-empty-reason",
            "observation-category", "diagnosis-role", "encounter-type", "encounter-admit-source", "admit-source", "diet",
            "encounter-discharge-disposition", "referencerange-meaning", "data-absent-reason", "organization-type",
            "service-category", "service-type", "practitioner-role", "flag-category",
            "medication-statement-category", "medication-request-category", "location-physical-type", "communication-category",
            "reaction-event-certainty", "condition-state", "goal-category", "goal-priority", "contactentity-type",
            "appointment-cancellation-reason", "media-category", "immunization-origin", "contraceptive", "dose-rate-type",
        )
    },
    "http://hl7.org/fhir/codesystem-list-order.html": TERMINOLOGY + "list-order",
    "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1": TERMINOLOGY + "condition-category",
    "https://fhir.hl7.org.uk/CareConnect-ConditionCategory-1": TERMINOLOGY + "condition-category",
}  # fmt: skip


@lru_cache(maxsize=4096)
def system(received: str) -> str:
    """`http://hl7.org/fhir/v3/ActCode` as `http://terminology.hl7.org/CodeSystem/v3-ActCode`; what did not move stays as sent."""
    if received.startswith(_V3):
        return f"{TERMINOLOGY}v3-{received[len(_V3) :]}"
    if received.startswith(_V2):
        return f"{TERMINOLOGY}v2-{received[len(_V2) :]}"
    return _MOVED.get(received, received)
