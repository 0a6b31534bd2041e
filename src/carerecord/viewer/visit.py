"""One request of one browser: who is signed in, what was sent, and how a page or a redirect is answered.

Identity comes from our own session cookie and from nothing else: no header can name a user.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from carerecord.contracts.actors import Actor
from carerecord.contracts.identity import Session
from carerecord.contracts.policy import MAY_DO, MayDoAsked
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.errors import NotSignedIn, NotUnderstood, Refused, Unavailable
from carerecord.kit.log import Log
from carerecord.pages.formatting import Formatter
from carerecord.viewer.first_screen import screen_of
from carerecord.viewer.settings import ViewerSettings

SESSION_COOKIE = "carerecord_session"


@dataclass(frozen=True)
class Face:
    """All that every page leans on; built once, in `api.build`."""

    calls: Calls
    env: Environment
    clock: Clock
    log: Log
    settings: ViewerSettings
    seal_key: bytes = field(repr=False)
    address: str = ""  # where people reach the front door


@dataclass
class Visit:
    """One request. `session` is set where the page needs one; `form` where something was sent."""

    face: Face
    request: Request
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    signed_in: Session | None = None
    form: FormData = field(default_factory=FormData)
    sharing: bool = False  # whether this page links to what the person has said about sharing

    @property
    def session(self) -> Session:
        if self.signed_in is None:
            raise NotSignedIn("Sign in first.")
        return self.signed_in

    @property
    def actor(self) -> Actor:
        if self.session.actor is None:
            raise NotSignedIn("Choose a role first.")
        return self.session.actor

    @property
    def by_htmx(self) -> bool:
        return self.request.headers.get("HX-Request") == "true"

    @property
    def secure(self) -> bool:
        return self.face.address.startswith("https") or self.request.url.scheme == "https"

    @property
    def origin(self) -> str:
        """Scheme, host and port by which this browser reaches us. In earnest (https) that is the address we were given: a
        Host header can be made up. Over plain http, on one machine, it goes by several names."""
        if self.face.address.startswith("https"):
            return self.face.address.rstrip("/")
        scheme = "https" if self.secure else "http"
        return f"{scheme}://{self.request.headers.get('host', '')}"

    def cookie(self, name: str) -> str:
        """One of our cookies, "" where there is none. They hold nothing that is ever escaped, so nothing is undone: the parser of
        the standard library takes as long as the square of what is sent, and it is sent before anybody is known."""
        all_of_them = ";".join(self.request.headers.getlist("cookie"))  # a proxy may have left them in several headers
        told = (each.strip().partition("=") for each in all_of_them.split(";"))
        return {found: value.strip('"') for found, _, value in told}.get(name, "")

    def sent(self, name: str) -> str:
        """One field of the form, trimmed. A file, or a field that is not there, is empty."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    async def must(self, action: str, *, restricted: bool = False) -> None:
        """Go on only where policy lets this actor do `action`.

        Raises:
            Refused: with the rule that decided.
            NotFound: it is about a restricted person, of whom this role may not know.
        """
        decision = await self.face.calls.ask(MAY_DO, MayDoAsked(self.actor, action, restricted))
        if not decision.allowed:
            raise Refused(decision.says, rule=decision.rule)

    async def may(self, action: str) -> bool:
        """Whether a link to `action` is worth showing; its own page asks again."""
        try:
            return (await self.face.calls.ask(MAY_DO, MayDoAsked(self.actor, action))).allowed
        except Unavailable:
            return False

    def base(self, **more: Any) -> dict[str, Any]:
        actor = self.signed_in.actor if self.signed_in else None
        code = actor.role.code if actor else ""
        return {
            "nonce": self.nonce,
            "region": self.face.settings.region,
            "session": self.signed_in,
            "sharing": self.sharing,
            "links": screen_of(code).links,
            "fmt": Formatter(self.face.clock.now()),
            **more,
        }

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        html = self.face.env.get_template(template).render(self.base(**values))
        return HTMLResponse(html, status, headers=dict(self.headers()))

    def headers(self) -> Mapping[str, str]:
        """What keeps a page to itself: no cache, no frame, no other host, no script or style but ours."""
        return {
            "Cache-Control": "no-store",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'self' 'nonce-{self.nonce}'; script-src 'self'; img-src 'self'; "
                "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
            "Vary": "Cookie, HX-Request",
        }

    def go(self, address: str) -> Response:
        """On to another page of ours (303: what was sent is not sent again)."""
        address = quote(address, safe="/%:?#[]@!$&'()*+,;=~")  # an id of a path is whatever was typed: it ends no header
        if self.by_htmx:
            return Response(status_code=200, headers={**self.headers(), "HX-Redirect": address})
        return RedirectResponse(address, 303, headers=dict(self.headers()))

    def to_sign_in(self) -> Response:
        """To the sign-in page, which leads back to the same patient."""
        path = self.request.url.path
        if self.request.method != "GET":
            path = f"/patients/{path.split('/')[2]}/record" if path.startswith("/patients/") else "/"
        return self.go(f"/sign-in?after={quote(path, safe='/')}")

    def home(self) -> str:
        code = self.session.actor.role.code if self.session.actor else ""
        return screen_of(code).home

    def keep(self, reply: Response, name: str, value: str, *, path: str = "/", days: int = 0) -> None:
        """Set one of our cookies: out of reach of scripts and of other sites' forms."""
        age = days * 86400 if days else None
        reply.set_cookie(name, value, max_age=age, path=path, httponly=True, samesite="lax", secure=self.secure)


def counted(said: str, otherwise: str) -> int:
    """A number of ours: no more digits than any has, and no sign that is only called a digit, such as a raised two.

    Raises:
        NotUnderstood: in the words of `otherwise`.
    """
    if not said.isdecimal() or len(said) > 18:
        raise NotUnderstood(otherwise)
    return int(said)


def path_of_ours(text: str) -> str:
    """A path within this site, or the front page: nothing that a browser could read as another host."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and "\\" not in text
    return text if plain and text.isprintable() and len(text) < 300 else "/"


def check_origin(visit: Visit) -> None:
    """Forms come from our own pages (an older browser sends no Origin: then the form's own token decides).

    Raises:
        NotUnderstood: another site sent it.
    """
    told = visit.request.headers.get("origin")
    ours = {visit.origin, visit.face.address.rstrip("/")}
    if told is not None and told not in ours:
        raise NotUnderstood("This form was sent from another site, so nothing was done.")
    if visit.request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotUnderstood("This form was sent from another site, so nothing was done.")


def check_form(visit: Visit) -> None:
    """A form bears the token of the session that it was made for.

    Raises:
        NotUnderstood: it does not.
    """
    if not secrets.compare_digest(visit.sent("csrf").encode(), visit.session.csrf.encode()):
        raise NotUnderstood("This page is older than your sign-in. Go back, load it again and repeat what you did.")
