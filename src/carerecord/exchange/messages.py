"""How does a system hand over a message: an event in FHIR, or HL7 v2 over HTTP? Durable first, then answered.

Whose message it is, the registry of sources says: a sender's row names the clients that may send for it.
"""

import base64
from typing import Final

from starlette.responses import Response

from carerecord.contracts.holdings import Issue
from carerecord.contracts.ingest import RECEIVE, ReceiveAsked, Received
from carerecord.exchange import formats
from carerecord.exchange.answers import outcome
from carerecord.exchange.visit import Visit

ER7: Final = "application/hl7-v2+er7"
SIGNAL: Final = "application/cloudevents+json"
_ER7: Final = frozenset((ER7, "x-application/hl7-v2+er7"))
MOST_BYTES: Final = 25_000_000
TAKEN: Final = "It is kept, and is filed next."
WAITS: Final = "It is kept, and waits for a person here: put it right and send that; to send the same again changes nothing."
_STATUSES: Final = {"taken": 200, "unreadable": 422, "unable": 503}


async def process(visit: Visit) -> Response:
    """Take one message in: `$process-message`, or HL7 v2 by its content type, which is answered by an acknowledgement.

    Raises:
        Refused: no sender in the registry lets this client send. NotTaken: another content type. TooLarge: more than is taken.
    """
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_er7 = kind in _ER7
    if is_er7 or kind == SIGNAL:
        raw = await formats.sent(visit.request, MOST_BYTES)
    else:  # what is not ours to mend is kept as it came
        raw = await formats.as_it_came(visit.request, MOST_BYTES, besides=f", {ER7} or {SIGNAL}")
    asked = ReceiveAsked((base64.b64encode(raw).decode(),), client=visit.known.client.id)
    (told,) = await visit.face.calls.ask(RECEIVE, asked)
    return _acknowledged(told) if is_er7 else _told(told)


def _acknowledged(told: Received) -> Response:
    status = _STATUSES[told.outcome]
    if not told.answer:  # the sender's row says that it wants none
        return Response(status_code=204 if status == 200 else status)
    return Response(base64.b64decode(told.answer), status, media_type=ER7)


def _told(told: Received) -> Response:
    status = _STATUSES[told.outcome]
    if status == 200:
        left_out = (Issue("warning", "not-supported", "", told.reason),) if told.reason else ()
        return outcome(200, Issue("information", "informational", "", TAKEN), *left_out)
    waits = f"{told.reason.rstrip('.')}. {WAITS}"
    issue = Issue("error", "structure", "", waits) if status == 422 else Issue("error", "transient", "", told.reason)
    response = outcome(status, issue)
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
