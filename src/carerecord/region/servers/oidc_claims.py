"""What does each pretend identity provider say about a user? Several organisations, three ways, as in life.

aldermoor: as CIS2 does, role profiles under `nhsid_nrbac_roles`, told at userinfo only. primary-care: the same claim, but inside
the ID token. council: a plain list of words under `roles`, as an ordinary identity product sends. Others do likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from carerecord.region.shapes import IdentityProvider, Organisation, RoleProfile, User

Shape = Literal["cis2", "plain"]
Place = Literal["userinfo", "id_token"]

# The region's role -> (role code S:G:R, its words, activity codes). The form is CIS2's; which job has which is this region's own.
NATIONAL: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "ae-doctor": ("S8000:G8000:R8000", '"Clinical":"Clinical Provision":"Clinical Practitioner Access Role"', ("B0264", "B0380")),
    "gp": ("S0010:G0020:R0260", '"Clinical":"Clinical Provision":"General Medical Practitioner"', ("B0264", "B0380")),
    "social-worker": ("S8000:G8000:R8016", '"Clinical":"Clinical Provision":"Midwife or Social Care Access Role"', ("B0264",)),
    "receptionist": ("S8010:G8011:R8010", '"Clerical":"Clerical Provision":"Receptionist Access Role"', ("B0263",)),
    "administrator": ("S8002:G8003:R8008", '"Admin":"Admin and Clinical Support":"Systems Support Access Role"', ("B0062",)),
    "privacy-officer": ("S8002:G8003:R0001", '"Admin":"Management":"Privacy Officer"', ("B0016",)),
    "ward-nurse": ("S8000:G8001:R8001", '"Clinical":"Clinical Provision":"Nurse Access Role"', ("B0264", "B0380")),
    "hospital-pharmacist": ("S8003:G8003:R8003", '"Clinical":"Clinical Provision":"Health Professional Access Role"', ("B0264",)),
    "community-pharmacist": ("S0060:G0100:R0680", '"Clinical":"Community Pharmacy":"Pharmacist"', ("B0264",)),
    "paramedic": ("S0080:G0450:R1590", '"Clinical":"Ambulance":"Paramedic"', ("B0264",)),
    "midwife": ("S0030:G0070:R0430", '"Clinical":"Nursing and Midwifery":"Midwife"', ("B0264", "B0380")),
    "health-visitor": ("S0030:G0070:R0560", '"Clinical":"Nursing and Midwifery":"Health Visitor"', ("B0264",)),
    "community-nurse": ("S0030:G0070:R0600", '"Clinical":"Nursing and Midwifery":"Community Nurse"', ("B0264",)),
    "care-home-nurse": ("S0030:G0070:R0570", '"Clinical":"Nursing and Midwifery":"Staff Nurse"', ("B0264",)),
    "mental-health-worker": ("S8000:G8000:R8006", '"Clinical":"Clinical Provision":"Mental Health Worker"', ("B0264",)),
    "safeguarding-lead": ("S8000:G8000:R8017", '"Clinical":"Clinical Provision":"Safeguarding Lead"', ("B0264",)),
    "data-quality-officer": ("S8002:G8003:R8024", '"Admin":"Admin and Clinical Support":"Bank Access Role"', ("B0062",)),
    "clinical-safety-officer": ("S8002:G8003:R8025", '"Admin":"Management":"Clinical Safety Officer"', ("B0062",)),
}
_PLAIN = {
    "administrator": "RecordsAdministrator",
    "social-worker": "SocialWorker",
    "safeguarding-lead": "SafeguardingLead",
    "health-visitor": "HealthVisitor",
    "community-nurse": "CommunityNurse",
    "mental-health-worker": "CareCoordinator",
}


@dataclass(frozen=True)
class Manner:
    """How one provider speaks."""

    algorithm: str
    shape: Shape
    place: Place
    scope: str
    acr: str

    @property
    def claim(self) -> str:
        return "nhsid_nrbac_roles" if self.shape == "cis2" else "roles"


MANNERS: Mapping[str, Manner] = {
    "aldermoor": Manner("RS256", "cis2", "userinfo", "openid profile nationalrbacaccess", "AAL3_ANY"),
    "primary-care": Manner("ES256", "cis2", "id_token", "openid profile nationalrbacaccess", "AAL2_OR_AAL3_ANY"),
    "council": Manner("ES256", "plain", "id_token", "openid profile", "urn:council:mfa"),
    "fenwick": Manner("ES256", "cis2", "userinfo", "openid profile nationalrbacaccess", "AAL3_ANY"),
    "ambulance": Manner("RS256", "cis2", "id_token", "openid profile nationalrbacaccess", "AAL2_OR_AAL3_ANY"),
}


def manner_of(provider: IdentityProvider) -> Manner:
    return MANNERS.get(provider.key, MANNERS["council"])


def plain_word(role: str) -> str:
    return _PLAIN.get(role, role)


def claim_words(manner: Manner, roles: Sequence[str]) -> dict[str, str]:
    """What this provider calls each of these roles: its word -> the region's role."""
    return {NATIONAL[role][0] if manner.shape == "cis2" else plain_word(role): role for role in roles}


def person_claims(user: User) -> dict[str, Any]:
    return {"name": user.name, "given_name": user.given, "family_name": user.family, "title": user.title, "email": user.email}


def role_claims(user: User, manner: Manner, organisations: Mapping[str, Organisation]) -> dict[str, Any]:
    """The roles of a user as this provider writes them."""
    if manner.shape == "plain":
        return {"roles": [plain_word(profile.role) for profile in user.profiles]}
    return {
        "nhsid_useruid": user.profiles[0].id if user.profiles else "",
        "nhsid_nrbac_roles": [_national(profile, organisations) for profile in user.profiles],
    }


def _national(profile: RoleProfile, organisations: Mapping[str, Organisation]) -> dict[str, Any]:
    code, words, activities = NATIONAL[profile.role]
    organisation = organisations.get(profile.ods)
    return {
        "person_orgid": profile.id[::-1],
        "person_roleid": profile.id,
        "org_code": profile.ods,
        "org_name": organisation.name if organisation else "",
        "role_code": code,
        "role_name": words,
        "job_title": profile.job,
        "activity_codes": list(activities),
        "workgroups": [profile.team] if profile.team else [],
    }
