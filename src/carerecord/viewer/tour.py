"""Where does a click of the pretend region's tour arrive? In the demo alone: where its patient is confirmed, filled in."""

import aiohttp
from msgspec import DecodeError, Struct, ValidationError, json
from starlette.responses import Response

from carerecord.contracts.patients import SEARCH, SearchAsked
from carerecord.kit import request as requests
from carerecord.kit.errors import NotFound, Unavailable
from carerecord.viewer.visit import Visit


class Ticket(Struct, frozen=True):
    """What the tour knows of its scene."""

    nhs_number: str = ""
    birth_date: str = ""
    given: str = ""  # one number may stand with two names: whom a visitor would choose
    reason: str = ""
    purpose: str = ""
    scene: int = 0


async def arrive(visit: Visit) -> Response:
    """Find the scene's patient as a clinician would, by number, and show who it is; the reason is filled in."""
    from carerecord.viewer.opening import confirm_page

    name = visit.request.query_params.get("ticket", "")
    if not visit.face.settings.tour or not name.isalnum():
        raise NotFound("There is no tour here.")
    await visit.must("search")
    ticket = await _fetch(f"{visit.face.settings.tour.rstrip('/')}/ticket/{name}")
    if not ticket.nhs_number:
        return visit.go(visit.home())
    asked = SearchAsked(ticket.nhs_number, birth_date=ticket.birth_date, actor=visit.actor, request=requests.current())
    found = await visit.face.calls.ask(SEARCH, asked)
    if not found.matches:
        raise NotFound("Nobody of that number is known here.")
    called = (each for each in found.matches if any(ticket.given in name.given for name in each.person.demographics.names))
    return await confirm_page(visit, next(called, found.matches[0]).person.patient, ticket=ticket)


async def _fetch(address: str) -> Ticket:
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http, http.get(address) as reply:
            if reply.status != 200:
                raise NotFound("This ticket of the tour has been used, or is not known.")
            return json.decode(await reply.read(), type=Ticket)
    except (aiohttp.ClientError, TimeoutError, DecodeError, ValidationError) as error:
        raise Unavailable("The tour does not answer.") from error
