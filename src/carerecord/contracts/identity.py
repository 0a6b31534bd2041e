"""What identity may be asked: who is signed in, and how does one sign in?"""

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


PROVIDERS = Question("identity", "providers", ProvidersAsked, tuple[Provider, ...])
BEGIN = Question("identity", "begin", BeginAsked, Begun)
FINISH = Question("identity", "finish", FinishAsked, Finished)
SESSION = Question("identity", "session", SessionAsked, Session)
CHOOSE = Question("identity", "choose", ChooseAsked, Session)
SIGN_OUT = Question("identity", "sign-out", SessionAsked, Ended)
TOLD_OUT = Question("identity", "told-out", LogoutTold, Ended)
