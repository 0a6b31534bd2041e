"""How does somebody sign in? By their own organisation's provider, chosen once and remembered; no password is typed here."""

from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.responses import Response

from carerecord.contracts.identity import (
    BEGIN,
    CHOOSE,
    FINISH,
    PROVIDERS,
    SIGN_OUT,
    TOLD_OUT,
    BeginAsked,
    ChooseAsked,
    FinishAsked,
    LogoutTold,
    ProvidersAsked,
    SessionAsked,
)
from carerecord.kit.errors import CareRecordError, NotSignedIn
from carerecord.viewer.endpoint import form_of, session_of
from carerecord.viewer.visit import SESSION_COOKIE, Visit, check_form, path_of_ours

ORGANISATION_COOKIE = "carerecord_organisation"
STATE_COOKIE = "carerecord_state"


async def sign_in(visit: Visit) -> Response:
    """Choose the organisation; a link that names one (the tour, an intranet) goes straight on."""
    if address := _by_its_own_name(visit):
        return visit.go(address)
    query = visit.request.query_params
    after = path_of_ours(query.get("after", "/"))
    if provider := query.get("provider"):
        return await _begin(visit, provider, after, query.get("login_hint", "")[:100])
    providers = await visit.face.calls.ask(PROVIDERS, ProvidersAsked())
    remembered = visit.cookie(ORGANISATION_COOKIE)
    mine = next((each for each in providers if each.id == remembered), None)
    others = tuple(each for each in sorted(providers, key=lambda each: each.name) if each is not mine)
    return visit.page("sign_in.html", mine=mine, others=others, after=quote(after, safe=""), out="out" in query)


def _by_its_own_name(visit: Visit) -> str:
    """This page under the address that providers lead back to; "" when the browser is there.

    One machine goes by several names (localhost, 127.0.0.1, [::1]), cookies by one. Any other name may be a second home.
    """
    ours, here = visit.face.address.rstrip("/"), visit.origin
    if ours == here or not (_this_machine(ours) and _this_machine(here)):
        return ""
    query = visit.request.url.query
    return f"{ours}/sign-in{f'?{query}' if query else ''}"


def _this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _begin(visit: Visit, provider: str, after: str, hint: str) -> Response:
    redirect_uri = f"{visit.origin}/sign-in/callback"
    begun = await visit.face.calls.ask(BEGIN, BeginAsked(provider, redirect_uri, after, hint))
    reply = visit.go(begun.address)
    visit.keep(reply, STATE_COOKIE, begun.state, path="/sign-in")
    visit.keep(reply, ORGANISATION_COOKIE, provider, days=365)
    return reply


async def callback(visit: Visit) -> Response:
    query = visit.request.query_params
    asked = FinishAsked(
        query.get("code", ""), query.get("state", ""), visit.cookie(STATE_COOKIE), query.get("iss", ""),
        query.get("error", ""), visit.cookie(SESSION_COOKIE),
    )  # fmt: skip
    try:
        finished = await visit.face.calls.ask(FINISH, asked)
    except NotSignedIn as error:
        return visit.page(
            "message.html", 401, title="You could not be signed in", says=error.says, rule="", again=False,
            advice="Begin again from the sign-in page.", patient="",
        )  # fmt: skip
    after = path_of_ours(finished.after)
    address = after if finished.session.actor else f"/sign-in/role?after={quote(after, safe='')}"
    reply = visit.go(address)
    visit.keep(reply, SESSION_COOKIE, finished.session.id)
    reply.delete_cookie(STATE_COOKIE, path="/sign-in")
    return reply


async def role(visit: Visit) -> Response:
    """Several role profiles: which one is this work for?"""
    visit.signed_in = await session_of(visit)
    after = path_of_ours(visit.request.query_params.get("after", "/"))
    if visit.request.method == "POST":
        check_form(visit)
        chosen = await visit.face.calls.ask(CHOOSE, ChooseAsked(visit.session.id or _cookie(visit), visit.sent("role")))
        reply = visit.go(path_of_ours(visit.sent("after") or "/"))
        if chosen.id:
            visit.keep(reply, SESSION_COOKIE, chosen.id)
        return reply
    return visit.page("role.html", after=after)


async def sign_out(visit: Visit) -> Response:
    """End the session here, and at the provider where it has a page for that."""
    try:
        visit.signed_in = await session_of(visit)
        check_form(visit)
        ended = await visit.face.calls.ask(SIGN_OUT, SessionAsked(_cookie(visit)))
        visit.signed_in = None  # the page that follows bears no name
        # A form may not lead to another host (Content-Security-Policy form-action), so the way to the provider is a link.
        reply = visit.page("signed_out.html", away=ended.logout_address) if ended.logout_address else visit.go("/sign-in?out=1")
    except NotSignedIn:
        reply = visit.go("/sign-in?out=1")
    reply.delete_cookie(SESSION_COOKIE, path="/")
    return reply


async def told_out(visit: Visit) -> Response:
    """A provider tells us that its user has signed out there; nobody's browser is at this end."""
    headers = {"Cache-Control": "no-store"}
    try:
        token = (await form_of(visit.request)).get("logout_token", "")
        await visit.face.calls.ask(TOLD_OUT, LogoutTold(token if isinstance(token, str) else ""))
    except CareRecordError as error:
        return Response(error.says, 400, headers=headers)
    return Response(status_code=200, headers=headers)


def _cookie(visit: Visit) -> str:
    return visit.cookie(SESSION_COOKIE)
