"""What can the asker show: a current attendance, a registration, or their own word? And how is an attendance sealed?"""

from msgspec.structs import replace

from carerecord.contracts.actors import Actor, Attendance, Reason
from carerecord.contracts.patients import Person
from carerecord.kit.question import encode
from carerecord.kit.tokens import holds, seal

ATTENDING, REGISTERED, CLAIMED, NONE = "attending", "registered", "claimed", "none"


def sealed(attendance: Attendance, key: bytes) -> Attendance:
    """The same, so that it may travel through a browser and be believed when it returns."""
    return replace(attendance, seal=seal(key, encode(replace(attendance, seal=""))))


def relationship(actor: Actor, person: Person, reason: Reason, *, key: bytes, now: float) -> str:
    """The strongest relationship that is proved. A seal that does not hold proves nothing, and says nothing either."""
    seen = reason.attendance
    if seen is not None and _stands(seen, actor, person, key, now):
        return ATTENDING
    if person.demographics.gp and person.demographics.gp == actor.organisation:
        return REGISTERED
    return CLAIMED if reason.text.strip() else NONE


def _stands(seen: Attendance, actor: Actor, person: Person, key: bytes, now: float) -> bool:
    unsealed = encode(replace(seen, seal=""))
    fits = seen.actor == actor.key and seen.patient in person.ids and seen.organisation == actor.organisation
    return holds(key, unsealed, seen.seal) and fits and seen.until > now
