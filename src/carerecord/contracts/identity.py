"""What identity may be asked: who is signed in, and how does one sign in? Which system shows a good token?"""

from msgspec import Struct

from carerecord.contracts.actors import Actor, Role
from carerecord.kit.question import Question


class Provider(Struct, frozen=True):
    """An organisation whose own identity provider signs people in."""

    id: str
    organisation: str  # ODS
    name: str
    issuer: str


class ProvidersAsked(Struct, frozen=True):
    pass


class BeginAsked(Struct, frozen=True):
    provider: str
    redirect_uri: str
    after: str = "/"  # where to go then: a path of ours
    login_hint: str = ""  # passed on to the provider, which may fill in the user


class Begun(Struct, frozen=True):
    address: str  # where the browser is sent
    state: str  # also set in a cookie, so that the answer returns to the browser that asked


class FinishAsked(Struct, frozen=True):
    """The provider's answer: everything in the query string, and the state that this browser's cookie holds."""

    code: str
    state: str
    cookie_state: str
    iss: str = ""
    error: str = ""
    old_session: str = ""  # ended: a new id is issued at every sign-in


class Session(Struct, frozen=True):
    id: str  # opaque, 256 bits; the cookie's value. Stored only as a hash.
    name: str
    roles: tuple[Role, ...]
    actor: Actor | None  # None: a role is still to be chosen
    csrf: str
    idle_until: str
    ends_at: str


class Finished(Struct, frozen=True):
    session: Session
    after: str


class SessionAsked(Struct, frozen=True):
    session: str
    touch: bool = True  # false: a background request, which does not keep a session alive


class ChooseAsked(Struct, frozen=True):
    session: str
    role: str


class Ended(Struct, frozen=True):
    logout_address: str = ""


class LogoutTold(Struct, frozen=True):
    """A provider says that one of its users has signed out there (OpenID Connect Back-Channel Logout 1.0)."""

    token: str


# --- systems and apps


class ClientRow(Struct, frozen=True):
    """One registered system or app."""

    id: str
    name: str
    organisation: str  # ODS
    scopes: tuple[str, ...]  # SMART v2: "system/Observation.rs"
    chooses_ids: bool = True
    must_match: bool = False
    on_invalid: str = "refuse"  # refuse | annotate | quarantine
    revoked: bool = False
    made_at: str = ""
    source: str = ""  # the registered source in whose name it writes; "" = none: what it writes is in no person's record
    acts_for: str = ""  # a key of contracts.roles.ROLES: on whose behalf it asks for people's records; "" = it may ask for none


class AddClientAsked(Struct, frozen=True):
    name: str
    organisation: str
    scopes: tuple[str, ...]
    jwks: str = ""  # JSON; "" = a secret is made
    chooses_ids: bool = True
    must_match: bool = False
    on_invalid: str = "refuse"
    source: str = ""
    acts_for: str = ""


class ClientAdded(Struct, frozen=True):
    client: ClientRow
    secret: str = ""  # shown once; stored as a hash


class ClientsAsked(Struct, frozen=True):
    pass


class RevokeClientAsked(Struct, frozen=True):
    client: str


class TokenAsked(Struct, frozen=True):
    """The token endpoint's request (RFC 6749, section 4.4; SMART Backend Services)."""

    grant_type: str
    scope: str = ""
    client: str = ""  # with a secret
    secret: str = ""
    assertion_type: str = ""
    assertion: str = ""  # a JWT signed with the client's key
    audience: str = ""  # our token endpoint's address


class IssueAsked(Struct, frozen=True):
    """A token at the operator's word: for trying things out."""

    client: str
    ttl_s: float


class Token(Struct, frozen=True):
    access_token: str
    expires_in: int
    scope: str


class BearerAsked(Struct, frozen=True):
    token: str


class Bearer(Struct, frozen=True):
    client: ClientRow
    scopes: tuple[str, ...]  # of this token
    ends_at: float


PROVIDERS = Question("identity", "providers", ProvidersAsked, tuple[Provider, ...])
BEGIN = Question("identity", "begin", BeginAsked, Begun)
FINISH = Question("identity", "finish", FinishAsked, Finished)
SESSION = Question("identity", "session", SessionAsked, Session)
CHOOSE = Question("identity", "choose", ChooseAsked, Session)
SIGN_OUT = Question("identity", "sign-out", SessionAsked, Ended)
TOLD_OUT = Question("identity", "told-out", LogoutTold, Ended)
ADD_CLIENT = Question("identity", "add-client", AddClientAsked, ClientAdded)
CLIENTS = Question("identity", "clients", ClientsAsked, tuple[ClientRow, ...])
REVOKE_CLIENT = Question("identity", "revoke-client", RevokeClientAsked, ClientRow)
TOKEN = Question("identity", "token", TokenAsked, Token)
ISSUE = Question("identity", "issue", IssueAsked, Token)
BEARER = Question("identity", "bearer", BearerAsked, Bearer)
