"""Is this the person, and why does the user look? Confirmed before anything is fetched."""

import asyncio

from starlette.responses import Response

from carerecord.contracts.actors import Attendance, Reason
from carerecord.contracts.patients import WHO, Person, WhoAsked
from carerecord.contracts.records import ATTENDING, AttendingAsked
from carerecord.kit.errors import CareRecordError, NotSignedIn
from carerecord.viewer.reasons import COOKIE, Kept, choices, hashed, seal, unseal
from carerecord.viewer.registry import told_of
from carerecord.viewer.tour import Ticket
from carerecord.viewer.visit import SESSION_COOKIE, Visit

DIRECT = "direct"  # stands for a person whom the patient index, being down, cannot name
ATTENDING_WITHIN_S = 2.0  # how long a page waits for the organisation's own systems


async def confirm(visit: Visit) -> Response:
    """The identity card and the reason."""
    return await confirm_page(visit, patient_of(visit))


async def confirm_page(
    visit: Visit, patient: str, *, ticket: Ticket | None = None, faults: tuple[tuple[str, str], ...] = (), status: int = 200
) -> Response:
    person = await _shown(visit, patient)
    visit.sharing = await visit.may("objections-read")
    attendance = await _attending(visit, patient) if person else None
    registered = _registered(visit, person)
    typed = {name: visit.sent(name) for name in ("purpose", "text", "nhs_number", "birth_date")}
    if ticket:
        typed |= {"purpose": ticket.purpose, "text": ticket.reason}
    offered = choices(visit.actor.role.code)
    chosen = typed["purpose"] or ("attending" if attendance else "registered" if registered else "")
    if ticket and attendance:
        chosen = "attending"
    return visit.page(
        "open.html", status, patient=patient, person=person, attendance=attendance, registered=registered, offered=offered,
        chosen=chosen or (offered[0][0] if len(offered) == 1 else ""), typed=typed, faults=faults, direct=patient == DIRECT,
    )  # fmt: skip


async def open_record(visit: Visit) -> Response:
    """Keep the reason, sealed, for this person's pages; then the record itself."""
    patient, purpose, text = patient_of(visit), visit.sent("purpose"), visit.sent("text")[:500]
    # Asked at once: what follows may tell that there is such a person, and who that is.
    person = await _shown(visit, patient)
    faults: list[tuple[str, str]] = []
    attendance: Attendance | None = None
    number, born = visit.sent("nhs_number"), visit.sent("birth_date")
    usual, *others = (each[0] for each in choices(visit.actor.role.code))
    if patient == DIRECT and not (number and born):
        faults.append(("nhs_number", "Give the whole NHS number and the birth date"))
    if purpose == "attending":
        attendance = await _attending(visit, patient)
        if attendance is None:
            faults.append(("purpose", "No attendance at your organisation is known any more: say why you look"))
        purpose = usual
    elif purpose == "registered":
        if not _registered(visit, person):
            faults.append(("purpose", "This person is not registered with your practice: say why you look"))
        purpose = usual
    elif purpose not in (usual, *others):
        faults.append(("purpose", "Choose why you look"))
    elif not text:
        faults.append(("text", "Say in a few words why you look: the patient and the privacy officer can read it"))
    if faults:
        return await confirm_page(visit, patient, faults=tuple(faults), status=422)
    hours = visit.face.settings.emergency_minutes / 60 if purpose == "emergency" else visit.face.settings.reason_hours
    until = visit.face.clock.now().timestamp() + hours * 3600
    cookie = visit.cookie(SESSION_COOKIE)
    kept = Kept(patient, visit.actor.key, hashed(cookie), Reason(purpose, text, attendance), until, number, born)
    reply = visit.go(f"/patients/{patient}/record")
    visit.keep(reply, COOKIE, seal(visit.face.seal_key, kept), path=f"/patients/{patient}")
    return reply


async def who(visit: Visit, patient: str) -> Person:
    """The person of this id, where this user may know that there is one.

    Raises:
        Refused: the role opens no record.
        NotFound: there is nobody of that id, or it is somebody restricted, whom this role is not to tell from nobody.
    """
    await visit.must("open")
    person = await visit.face.calls.ask(WHO, WhoAsked(patient))
    if person.demographics.restricted:
        await visit.must("open", restricted=True)
    return (await told_of(visit, person))[0]


async def _shown(visit: Visit, patient: str) -> Person | None:
    """The person of this id; None for one whom the index, being down, cannot name."""
    if patient != DIRECT:
        return await who(visit, patient)
    await visit.must("open")
    return None


def patient_of(visit: Visit) -> str:
    return str(visit.request.path_params["patient"])


def reason_for(visit: Visit) -> Kept | None:
    """Why this user, in this sign-in, opened this person's record; None when it must be said (again)."""
    return unseal(
        visit.face.seal_key, visit.cookie(COOKIE), patient=patient_of(visit), actor=visit.actor,
        session=visit.cookie(SESSION_COOKIE), now=visit.face.clock.now().timestamp(),
    )  # fmt: skip


async def _attending(visit: Visit, patient: str) -> Attendance | None:
    """A current contact with the user's own organisation. Silence is no attendance: then the reason is asked for."""
    try:
        async with asyncio.timeout(ATTENDING_WITHIN_S):
            return (await visit.face.calls.ask(ATTENDING, AttendingAsked(visit.actor, patient))).attendance
    except NotSignedIn:
        raise
    except (TimeoutError, CareRecordError):
        return None


def _registered(visit: Visit, person: Person | None) -> bool:
    role = visit.actor.role
    return person is not None and role.code in ("gp", "receptionist") and person.demographics.gp == role.organisation != ""
