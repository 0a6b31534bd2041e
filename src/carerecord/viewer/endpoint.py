"""How does a request reach a page, and how is an error said? The one way in for every page."""

import re
from collections.abc import Awaitable, Callable

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from carerecord.contracts.identity import SESSION, Session, SessionAsked
from carerecord.kit.calls import broken
from carerecord.kit.errors import CareRecordError, NotFound, NotSignedIn, NotUnderstood, Refused, Unavailable
from carerecord.viewer.visit import SESSION_COOKIE, Face, Visit, check_form, check_origin

_HALF = re.compile("[\ud800-\udfff]")
MOST_BYTES = 100_000  # the largest form of ours is a reason of 500 characters


class TooLarge(NotUnderstood):
    """More was sent than is read."""

    status = 413


Page = Callable[[Visit], Awaitable[Response]]
_TITLES = {
    400: "That was not understood", 401: "You are not signed in", 403: "This is not shown to you",
    404: "Nobody here by that address", 409: "This has changed meanwhile", 413: "That is too much", 422: "That cannot be done",
    429: "Too often", 503: "A part that is needed does not answer",
}  # fmt: skip


def endpoint(
    face: Face, page: Page, *, guarded: bool = True, behind: bool = False
) -> Callable[[Request], Awaitable[Response]]:
    """The page as Starlette calls it. `guarded`: only for a signed-in user with a role, and forms only with their token.

    `behind`: a page's script asks, not its reader. That keeps no session alive, and of an error it is told the status alone.
    """

    async def answer(request: Request) -> Response:
        visit = Visit(face, request)
        try:
            if request.method == "POST":
                check_origin(visit)
                visit.form = await form_of(request)
            if guarded:
                visit.signed_in = await session_of(visit, touch=not behind)
                if visit.signed_in.actor is None:
                    return visit.go("/sign-in/role") if not behind else _status(visit, 401)
                if request.method == "POST":
                    check_form(visit)
            if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
                raise NotFound("There is nothing at that address.")
            return await page(visit)
        except NotSignedIn:
            return visit.to_sign_in() if not behind else _status(visit, 401)
        except Exception as error:
            return failed(visit, error) if not behind else _status(visit, _told(visit, error).status)

    return answer


def _status(visit: Visit, status: int) -> Response:
    return Response(status_code=status, headers=dict(visit.headers()))


async def form_of(request: Request) -> FormData:
    """What was sent, read before anybody is known: so no more of it than any form of ours can hold.

    Raises:
        TooLarge: there is more.
        NotUnderstood: it is no form, or one of another kind, or not in letters.
    """
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise TooLarge("More was sent than any form here holds, so nothing was done.")
        return message

    try:
        form = await Request(request.scope, receive).form(max_files=0, max_fields=50)
    except (HTTPException, MultiPartException, UnicodeError):
        raise NotUnderstood("This form cannot be read.") from None
    if not all(_can_be_kept(value) for value in form.values()):
        raise NotUnderstood("This form holds a letter that cannot be written down.")
    return form


def _can_be_kept(value: object) -> bool:
    """No nought byte and no half of a surrogate pair, with which a form may come that names a character set of its own."""
    return isinstance(value, str) and "\0" not in value and not _HALF.search(value)


async def session_of(visit: Visit, *, touch: bool = True) -> Session:
    cookie = visit.cookie(SESSION_COOKIE)
    if not cookie:
        raise NotSignedIn("Sign in first.")
    return await visit.face.calls.ask(SESSION, SessionAsked(cookie, touch))


def failed(visit: Visit, error: Exception) -> Response:
    """An error in plain words: what happened, under which rule, and what can be done."""
    told = _told(visit, error)
    return visit.page(
        "message.html", told.status, title=_TITLES.get(told.status, "Something went wrong"), says=told.says,
        rule=told.facts.get("rule", ""), again=isinstance(told, Unavailable),
        advice=_advice(told), patient=visit.request.path_params.get("patient", ""),
    )  # fmt: skip


def _told(visit: Visit, error: Exception) -> CareRecordError:
    """The error as it may be told; a fault of ours is written down first."""
    told = broken(error)
    if told is not error:
        visit.face.log.error("page.failed", page=_page(visit), exc_info=error)
    return told


def _page(visit: Visit) -> str:
    """The route, without what stands in it: ids of people belong in no log."""
    route = visit.request.scope.get("route")
    return str(getattr(route, "path", ""))


def _advice(error: CareRecordError) -> str:
    if isinstance(error, Refused):
        return "If you need it for somebody in your care, say why when you open the record, or ask your privacy officer."
    if isinstance(error, NotFound):
        return "Search again, with less or with other words."
    if isinstance(error, Unavailable):
        return "Nothing has been lost. Try again in a moment; until then use your own system and the telephone."
    return ""
