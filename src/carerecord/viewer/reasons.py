"""Why does this user look at this person? What was said when the record was opened, sealed into a cookie for that person's pages.

Sealed by encryption, not only signed: a typed reason may tell of an illness, and a browser keeps its cookies.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import DecodeError, Struct, ValidationError, json

from carerecord.contracts.actors import Actor, Reason

COOKIE = "carerecord_reason"

# What may be chosen, by role: the value, the words, a hint, whether words of the user's own are needed.
Choice = tuple[str, str, str, bool]
_CARE: Choice = ("direct-care", "Direct care", "You treat or look after this person, or were asked for advice.", True)
_EMERGENCY: Choice = (
    "emergency",
    "Emergency",
    "No relationship is known. Written down as an emergency, which the privacy officer reads and the patient may ask about.",
    True,
)
_SAFEGUARDING: Choice = ("safeguarding", "Safeguarding", "Somebody may be at risk of harm.", True)
_DESK: Choice = ("administration", "Administration", "Booking, arrival, or mending an entry.", True)
_ON_SCENE: Choice = ("emergency", "Emergency", "You attend this person in an emergency, or are on the way.", True)
# By role, its usual purpose first: an attendance or a registration, which is shown without words, counts as that one.
_BY_ROLE: dict[str, tuple[Choice, ...]] = {
    **dict.fromkeys(("emergency-doctor", "gp", "midwife", "mental-health-worker"), (_CARE, _EMERGENCY, _SAFEGUARDING)),
    "paramedic": (_ON_SCENE, _CARE, _SAFEGUARDING),
    **dict.fromkeys(("ward-nurse", "health-visitor", "community-nurse", "social-worker"), (_CARE, _SAFEGUARDING)),
    **dict.fromkeys(("hospital-pharmacist", "community-pharmacist", "care-home-nurse"), (_CARE,)),
    "safeguarding-lead": (_SAFEGUARDING,),
    "receptionist": (_DESK, _CARE),
    **dict.fromkeys(("administrator", "data-quality-officer"), (_DESK,)),
}


def choices(role: str) -> tuple[Choice, ...]:
    return _BY_ROLE.get(role, (_CARE,))


class Kept(Struct, frozen=True):
    """What the cookie holds. It is good for one session, one actor, one person, until a moment."""

    patient: str
    actor: str
    session: str  # a hash of the session's id
    reason: Reason
    until: float  # seconds since the epoch
    nhs_number: str = ""  # with the birth date, where the patient index did not answer
    birth_date: str = ""


def seal(key: bytes, kept: Kept) -> str:
    nonce = os.urandom(12)
    sealed = AESGCM(key).encrypt(nonce, json.encode(kept), kept.patient.encode())
    return urlsafe_b64encode(nonce + sealed).decode()


def unseal(key: bytes, text: str, *, patient: str, actor: Actor, session: str, now: float) -> Kept | None:
    """What was kept, or None when it is not good here: another person, user, sign-in, or too old."""
    try:
        raw = urlsafe_b64decode(text.encode())
        kept = json.decode(AESGCM(key).decrypt(raw[:12], raw[12:], patient.encode()), type=Kept)
    except (ValueError, InvalidTag, DecodeError, ValidationError):
        return None
    good = kept.patient == patient and kept.actor == actor.key and kept.session == hashed(session) and kept.until > now
    return kept if good else None


def hashed(session: str) -> str:
    return sha256(session.encode()).hexdigest()
