"""Which organisations, systems and users does the pretend region have? All of it is invented."""

from carerecord.region.organisations.bodies import (
    ALDERMOOR,
    AMBULANCE,
    BOARD,
    CARE_HOME,
    COMMUNITY,
    COUNCIL,
    ELM_BANK,
    FENWICK,
    GREENHEAD,
    HOSPICE,
    KIRKGATE,
    MENTAL_HEALTH,
    ORGANISATION_BY_ODS,
    ORGANISATIONS,
    OUT_OF_HOURS,
    PHARMACY,
    PROVIDERS,
    QUAY_PHARMACY,
    QUAYSIDE,
    SALTMARSH,
    SEXUAL_HEALTH,
)
from carerecord.region.organisations.real import ODS_OF_REAL, REAL_ORGANISATIONS, REAL_SYSTEMS
from carerecord.region.organisations.systems import GP_SYSTEM_BY_ODS, SYSTEM_BY_KEY, SYSTEMS
from carerecord.region.organisations.users import SAFETY_TESTERS, USER_BY_NAME, USERS

__all__ = [
    "ALDERMOOR", "AMBULANCE", "BOARD", "CARE_HOME", "COMMUNITY", "COUNCIL", "ELM_BANK", "FENWICK", "GP_SYSTEM_BY_ODS",
    "GREENHEAD", "HOSPICE", "KIRKGATE", "MENTAL_HEALTH", "ODS_OF_REAL", "ORGANISATIONS", "ORGANISATION_BY_ODS",
    "OUT_OF_HOURS", "PHARMACY", "PROVIDERS", "QUAYSIDE", "QUAY_PHARMACY", "REAL_ORGANISATIONS", "REAL_SYSTEMS",
    "SAFETY_TESTERS", "SALTMARSH", "SEXUAL_HEALTH", "SYSTEMS", "SYSTEM_BY_KEY", "USERS", "USER_BY_NAME",
]  # fmt: skip
