"""One person's record: sent as soon as it can be read, then what late sources add, in the same answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from starlette.responses import HTMLResponse, Response, StreamingResponse

from carerecord.contracts.records import AGAIN, EXPAND, OPEN, AgainAsked, ExpandAsked, OpenAsked, Record
from carerecord.kit import request as requests
from carerecord.kit.calls import broken
from carerecord.kit.errors import NotUnderstood, Unavailable
from carerecord.viewer.document import as_a_file
from carerecord.viewer.opening import DIRECT, patient_of, reason_for
from carerecord.viewer.reasons import Kept
from carerecord.viewer.record_page import RecordPage
from carerecord.viewer.states import sign
from carerecord.viewer.visit import Visit

_TAIL = "<!--tail-->"


async def record(visit: Visit) -> Response:
    """Open the record for the reason that was given; without one, to the page that asks for it."""
    kept = reason_for(visit)
    if kept is None:
        return visit.go(f"/patients/{patient_of(visit)}/open")
    visit.sharing = await visit.may("objections-read")
    asked = OpenAsked(
        visit.actor, "" if kept.patient == DIRECT else kept.patient, kept.reason, requests.current(),
        nhs_number=kept.nhs_number, birth_date=kept.birth_date,
    )  # fmt: skip
    return await _streamed(visit, visit.face.calls.stream(OPEN, asked))


async def again(visit: Visit) -> Response:
    """Ask one source again: a read of its own. Where htmx asked, the whole answer at once; else as any record, in a stream."""
    kept = reason_for(visit)
    if kept is None:
        return visit.go(f"/patients/{patient_of(visit)}/open")
    visit.sharing = await visit.may("objections-read")
    source = visit.sent("source")
    chunks = visit.face.calls.stream(AGAIN, _again_asked(visit, kept, source))
    if not visit.by_htmx:
        return await _streamed(visit, chunks)
    last: Record | None = None
    async with aclosing(cast("AsyncGenerator[Record, None]", chunks)) as arriving:
        async for chunk in arriving:
            last = chunk
    if last is None:
        raise Unavailable("The records service gave no answer. Try again in a moment.", service="records")
    html = await _page_of(visit, last).whole(last, say=_told(last, source))
    return HTMLResponse(html, headers=_headers(visit))


def _again_asked(visit: Visit, kept: Kept, source: str) -> AgainAsked:
    patient = "" if kept.patient == DIRECT else kept.patient
    return AgainAsked(
        visit.actor, patient, kept.reason, source, visit.sent("opening"), requests.current(), local_id=visit.sent("local_id")
    )


def _told(record: Record, source: str) -> str:
    """What a screen reader hears once a source has been asked again."""
    state = next((each for each in record.states if each.source == source), None)
    heard = f"{state.name}: {sign(state.state).word.lower()}." if state else ""
    return f"{heard} {record.allergies.announce or f'Allergies: {record.allergies.title}.'}".strip()


async def as_sent(visit: Visit) -> Response:
    """One item exactly as its source holds it now, or as it is kept here where that is what was shown."""
    kept = reason_for(visit)
    if kept is None:
        return visit.go(f"/patients/{patient_of(visit)}/open")
    parts = visit.sent("item").split("|")
    if len(parts) != 3 and (len(parts) != 4 or parts[3] != "kept"):
        raise NotUnderstood("No item was named.")
    source, kind, id_ = parts[:3]
    asked = ExpandAsked(
        visit.actor, kept.patient, kept.reason, source, kind, id_, document=visit.sent("document") == "1", kept=len(parts) == 4
    )
    expanded = await visit.face.calls.ask(EXPAND, asked)
    if asked.document:
        return as_a_file(visit, expanded)
    return visit.page("as_sent.html", expanded=expanded, kind=kind, item=visit.sent("item"), patient=kept.patient)


def _page_of(visit: Visit, first: Record) -> RecordPage:
    return RecordPage(visit.face.env, visit.session, patient_of(visit), visit.base(opening=first.opening, bare=visit.by_htmx))


def _headers(visit: Visit) -> dict[str, str]:
    return {**visit.headers(), "X-Carerecord-Patient": patient_of(visit), "X-Accel-Buffering": "no"}


async def _streamed(visit: Visit, chunks: AsyncIterator[Record]) -> Response:
    """The first chunk decides: an error before it is a page of its own, with its status. After it, the answer is on its way."""
    generator = cast("AsyncGenerator[Record, None]", chunks)
    try:
        first = await anext(generator)
    except StopAsyncIteration:
        raise Unavailable("The records service gave no answer. Try again in a moment.", service="records") from None
    except BaseException:
        await generator.aclose()
        raise
    page = _page_of(visit, first)

    async def body() -> AsyncIterator[str]:
        async with aclosing(generator):
            head, tail = (await page.whole(first)).split(_TAIL)
            yield head
            try:
                async for late in generator:
                    yield await page.late(late)
            except Exception as error:
                told = broken(error)
                if told is not error:
                    visit.face.log.error("record.broke", exc_info=error)
                yield page.broke(told.says)
            yield tail

    return StreamingResponse(body(), media_type="text/html", headers=_headers(visit))
