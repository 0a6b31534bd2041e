"""In which roles do people work here? The codes that identity gives, policy judges, pages go by and audit writes down."""

from collections.abc import Mapping
from typing import Final

# Code -> what a person who bears it is called. A code that does not stand here is nobody's: it is refused where it is written.
ROLES: Final[Mapping[str, str]] = {
    "emergency-doctor": "A&E doctor",
    "gp": "GP",
    "ward-nurse": "Ward nurse",
    "hospital-pharmacist": "Hospital pharmacist",
    "community-pharmacist": "Community pharmacist",
    "paramedic": "Paramedic",
    "midwife": "Midwife",
    "health-visitor": "Health visitor",
    "community-nurse": "Community nurse",
    "care-home-nurse": "Care-home nurse",
    "mental-health-worker": "Mental-health worker",
    "social-worker": "Social worker",
    "safeguarding-lead": "Safeguarding lead",
    "receptionist": "Receptionist",
    "administrator": "Administrator",
    "data-quality-officer": "Data-quality officer",
    "clinical-safety-officer": "Clinical safety officer",
    "privacy-officer": "Privacy officer",
}
