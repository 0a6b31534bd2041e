"""Who asks, and why: the shapes that identity fills, policy judges and audit writes down."""

from msgspec import Struct


class Role(Struct, frozen=True):
    """One role profile of one user, as their own organisation asserts it."""

    id: str  # the profile's id there (CIS2: person_roleid)
    code: str  # a key of contracts.roles.ROLES
    name: str  # for people: "A&E doctor"
    organisation: str  # ODS code
    organisation_name: str


class Actor(Struct, frozen=True):
    """A signed-in user in one chosen role. The key is (issuer, subject), never the name."""

    issuer: str
    subject: str
    name: str
    role: Role
    acr: str = ""  # the assurance level of the sign-in

    @property
    def key(self) -> str:
        return f"{self.issuer}|{self.subject}"

    @property
    def organisation(self) -> str:
        return self.role.organisation


class Reason(Struct, frozen=True):
    """Why a record is opened, as the user said or as an attendance shows."""

    purpose: str  # direct-care | emergency | safeguarding | administration | privacy
    text: str = ""  # what the user typed; never empty for a self-claimed relationship
    attendance: "Attendance | None" = None


class Attendance(Struct, frozen=True):
    """A current contact of the person with the user's own organisation, seen at that organisation's own system."""

    actor: str  # Actor.key
    patient: str
    organisation: str
    source: str
    what: str  # "Emergency department"; a class of contact, never a complaint
    since: str
    until: float  # seconds since the epoch: good until then
    seal: str = ""  # a MAC by the service that saw it, so that it may travel through a browser
