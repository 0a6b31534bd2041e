"""How do STU3 Appointment, Slot and Schedule become R4?"""

from typing import Any, Final

from carerecord.fhir.stu3.carry import RESOURCE, Rules, listed, same

_SERVICE: Final[dict[str, Any]] = {**same("serviceType", "specialty"), "serviceCategory": listed("serviceCategory")}
APPOINTMENT: Final[Rules] = {
    **RESOURCE,
    **_SERVICE,
    **same(
        "identifier", "status", "appointmentType", "priority", "description", "supportingInformation", "start", "end",
        "minutesDuration", "slot", "created", "comment", "participant", "requestedPeriod",
    ),
    "reason": listed("reasonCode"),
    "indication": listed("reasonReference"),
    "incomingReferral": "basedOn",
}  # fmt: skip
SLOT: Final[Rules] = {
    **RESOURCE,
    **_SERVICE,
    **same("identifier", "appointmentType", "schedule", "status", "start", "end", "overbooked", "comment"),
}
SCHEDULE: Final[Rules] = {
    **RESOURCE,
    **_SERVICE,
    **same("identifier", "active", "actor", "planningHorizon", "comment"),
}
