"""Which address leads to which page?"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from carerecord.kit.errors import CareRecordError
from carerecord.pages.rendering import STATIC
from carerecord.viewer import (
    audit_page,
    board,
    compare,
    messages,
    news,
    opening,
    record,
    reviews,
    search,
    sharing,
    sign_in,
    sources_page,
    tour,
)
from carerecord.viewer.endpoint import Page, endpoint, session_of
from carerecord.viewer.visit import Face, Visit

_GET, _POST = ["GET"], ["POST"]


class Static(StaticFiles):
    """Our own styles and scripts. Their addresses bear their hash, so a browser may keep them for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        reply = await super().get_response(path, scope)
        asked = Headers(scope=scope)
        kept = b"v=" in scope.get("query_string", b"") and "range" not in asked
        reply.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        reply.headers["X-Content-Type-Options"] = "nosniff"
        reply.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return reply


async def home(visit: Visit) -> Response:
    return visit.go(visit.home())


async def to_record(visit: Visit) -> Response:
    """A form's own address, loaded again or opened from a browser's history: on to the record that it was sent from."""
    return visit.go(f"/patients/{visit.request.path_params['patient']}/record")


def nowhere(known: tuple[BaseRoute, ...]) -> Page:
    """Any other address: said in a page, from which one finds back. A stroke too many at the end is forgiven."""

    async def page(visit: Visit) -> Response:
        scope = visit.request.scope
        meant = {**scope, "path": scope["path"].rstrip("/")}
        if meant["path"] != scope["path"] and any(each.matches(meant)[0] is Match.FULL for each in known):
            query = scope["query_string"].decode("latin-1")
            return visit.go(f"{meant['path']}?{query}" if query else meant["path"])
        with suppress(CareRecordError):
            visit.signed_in = await session_of(visit)
        sent_to = any(each.matches(scope)[0] is Match.PARTIAL for each in known)
        says = "Only a button leads to this address." if sent_to else "The address may have been cut short."
        status, title = 405 if sent_to else 404, "There is no such page"
        return visit.page("message.html", status, title=title, says=says, rule="", again=False, advice="", patient="")

    return page


def routes(face: Face) -> tuple[BaseRoute, ...]:
    def open_to_all(path: str, page: Page, methods: list[str]) -> Route:
        return Route(path, endpoint(face, page, guarded=False), methods=methods)

    def guarded(path: str, page: Page, methods: list[str]) -> Route:
        return Route(path, endpoint(face, page), methods=methods)

    known = (
        Mount("/static", Static(directory=STATIC, follow_symlink=False)),
        guarded("/", home, _GET),
        open_to_all("/sign-in", sign_in.sign_in, _GET),
        open_to_all("/sign-in/callback", sign_in.callback, _GET),
        open_to_all("/sign-in/role", sign_in.role, ["GET", "POST"]),
        open_to_all("/sign-out", sign_in.sign_out, _POST),
        Route("/sign-out/told", _told(face), methods=_POST),
        guarded("/search", search.search, ["GET", "POST"]),
        guarded("/arrive", tour.arrive, _GET),
        guarded("/patients/{patient}/open", opening.confirm, _GET),
        guarded("/patients/{patient}/open", opening.open_record, _POST),
        guarded("/patients/{patient}/record", record.record, _GET),
        guarded("/patients/{patient}/again", record.again, _POST),
        guarded("/patients/{patient}/again", to_record, _GET),
        guarded("/patients/{patient}/as-sent", record.as_sent, _POST),
        guarded("/patients/{patient}/as-sent", to_record, _GET),
        Route("/patients/{patient}/news", endpoint(face, news.news, behind=True), methods=_POST),
        guarded("/patients/{patient}/sharing", sharing.sharing, ["GET", "POST"]),
        guarded("/sources", sources_page.sources, _GET),
        guarded("/sources/{source}/probe", sources_page.probe, _POST),
        guarded("/sources/{source}/enrol", sources_page.enrol, _POST),
        guarded("/compare", compare.compare, ["GET", "POST"]),
        guarded("/board", board.board, _GET),
        guarded("/board/{source}/probe", board.probe, _POST),
        guarded("/board/{source}/stage", board.stage, _POST),
        guarded("/ingest", messages.messages, _GET),
        guarded("/ingest/withdrawn", messages.withdrawn, _GET),
        guarded("/ingest/withdrawn/seen", messages.seen_by, _POST),
        guarded("/ingest/read", messages.read, _POST),
        guarded("/ingest/replay", messages.replay, _POST),
        guarded("/ingest/discard", messages.discard, _POST),
        guarded("/ingest/people/again", messages.people_again, _POST),
        guarded("/ingest/people/leave", messages.leave_person, _POST),
        guarded("/reviews", reviews.reviews, _GET),
        guarded("/reviews", reviews.decide, _POST),
        guarded("/audit", audit_page.audit, ["GET", "POST"]),
        guarded("/audit/verify", audit_page.verify, _POST),
    )
    return (*known, open_to_all("/{rest:path}", nowhere(known), _GET))


def _told(face: Face) -> Callable[[Request], Awaitable[Response]]:
    """The provider's own call: it comes from no browser and bears no Origin, so it does not pass the forms' door."""

    async def answer(request: Request) -> Response:
        return await sign_in.told_out(Visit(face, request))

    return answer
