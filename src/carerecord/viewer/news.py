"""Has anything come since this page was sent? A script of the page asks; the answer is a sentence, and never what came."""

from collections.abc import Sequence

from msgspec import json
from starlette.responses import Response

from carerecord.contracts.records import NEWS, NewsAsked, NewsItem
from carerecord.kit.errors import Refused
from carerecord.pages.formatting import Formatter
from carerecord.viewer.opening import DIRECT, reason_for
from carerecord.viewer.visit import Visit

NAMED = 3  # sources; more are counted


async def news(visit: Visit) -> Response:
    """
    Raises:
        Refused: the reason for which the record was opened holds no longer, so nothing more is told.
    """
    kept = reason_for(visit)
    if kept is None or kept.patient == DIRECT:
        raise Refused("Say again why you look.")
    told = await visit.face.calls.ask(NEWS, NewsAsked(visit.actor, kept.patient, kept.reason, visit.sent("heard")))
    body = json.encode({"says": sentence(told.items, Formatter(visit.face.clock.now()))})
    headers = {**visit.headers(), "X-Carerecord-Patient": kept.patient}
    return Response(body, media_type="application/json", headers=headers)


def sentence(items: Sequence[NewsItem], fmt: Formatter) -> str:
    """All of it in a few words; empty where nothing is new."""
    said = []
    sent = [each for each in items if each.kind == "sent"]
    if len(sent) > NAMED:
        latest = max(each.at for each in sent)
        said.append(f"{len(sent)} sources have sent something new{f', the last at {fmt.clock(latest)}' if latest else ''}.")
    else:
        said += [f"{each.name} has sent something new{f' at {fmt.clock(each.at)}' if each.at else ''}." for each in sent]
    kinds = {each.kind for each in items}
    if changed := [f"an entry was {kind}" for kind in ("joined", "parted") if kind in kinds]:
        said.append(f"Who this person is has changed: {' and '.join(changed)}.")
    if "sharing" in kinds:
        said.append("What may be shown to you of this record has changed.")
    return " ".join(said)
