"""How does GP Connect want to be told who asks? By an unsigned token in each request, made anew for it.

Source: nhsconnect/gpconnect, cross-organisation audit and provenance. It proves nothing (the proxy's certificates do); it is what
the practice writes into its own audit. carerecord sends such tokens here and accepts one from nobody.
"""

import base64
from typing import Any, Final

import msgspec

from carerecord.contracts.actors import Actor

LIFE_S: Final = 300
NAMELESS: Final = "urn:carerecord"  # where the registry gives this system no address of its own
_ODS: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
_USER: Final = "https://fhir.nhs.uk/Id/sds-user-id"
_ROLE: Final = "https://fhir.nhs.uk/Id/sds-role-profile-id"
_TITLES: Final = frozenset({"Dr", "Mr", "Mrs", "Ms", "Miss", "Mx", "Prof", "Sister"})


def bearer(actor: Actor, *, audience: str, asid: str, now: float, issuer: str = "") -> str:
    """The value of the Authorization header. `audience` is the FHIR base that is asked, `now` in seconds since the epoch.

    `issuer` is the address by which this system is known.
    """
    claims: dict[str, Any] = {
        "iss": issuer or NAMELESS,
        "sub": actor.subject,
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + LIFE_S,
        "reason_for_request": "directcare",
        "requested_scope": "patient/*.read",
        "requesting_device": {
            "resourceType": "Device",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhsSpineASID", "value": asid}],
            "model": "carerecord",
            "version": "1",
        },
        "requesting_organization": {
            "resourceType": "Organization",
            "identifier": [{"system": _ODS, "value": actor.organisation}],
            "name": actor.role.organisation_name or actor.organisation,
        },
        "requesting_practitioner": _practitioner(actor),
    }
    return f"Bearer {_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def _practitioner(actor: Actor) -> dict[str, Any]:
    """A person, never a generic user. Who has no smartcard has no national ids: the specification's word for that is UNK."""
    words = actor.name.split()
    prefix = words[:1] if words and words[0] in _TITLES else []
    rest = words[len(prefix) :]
    national = actor.subject if actor.subject.isdigit() and len(actor.subject) == 12 else "UNK"
    return {
        "resourceType": "Practitioner",
        "id": actor.subject,
        "identifier": [
            {"system": _USER, "value": national},
            {"system": _ROLE, "value": actor.role.id or "UNK"},
            {"system": actor.issuer, "value": actor.subject},
        ],
        "name": [{"family": rest[-1] if rest else actor.name, "given": rest[:-1], "prefix": prefix}],
    }


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()
