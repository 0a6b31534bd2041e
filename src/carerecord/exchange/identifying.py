"""By which other numbers is the bearer of a number known? IHE PIXm, ITI-83: `Patient/$ihe-pix`."""

from typing import Final

import orjson
from starlette.responses import Response

from carerecord.contracts.holdings import NOTE, NoteAsked
from carerecord.contracts.patients import KNOWN_AS, WHO, KnownAsAsked, WhoAsked
from carerecord.exchange import answers
from carerecord.exchange.people import kept_back
from carerecord.exchange.visit import Visit
from carerecord.fhir.identifiers import canonical_system
from carerecord.kit.errors import NotFound, NotUnderstood, Refused, Withheld

_TAKEN: Final = frozenset(("sourceIdentifier", "targetSystem", "_format", "_pretty"))
_MOST_SYSTEMS: Final = 50


class NoSuchSource(NotUnderstood):
    """The system of the number is one by which nobody was ever known here (PIXm, case 3)."""

    issue = "code-invalid"


class NoSuchTarget(Refused):
    """The same of a system that is asked for (PIXm, case 4)."""

    issue = "code-invalid"


async def cross_referenced(visit: Visit) -> Response:
    """Parameters with a `targetIdentifier` for each other number. Of a restricted person the NHS number alone is told.

    Raises:
        NotUnderstood: without a system and a value, or with a system that is none, or by which nobody was ever known here.
        NotFound: nobody bears that number. Refused: so is a system that is asked for. Withheld: they have asked so.
    """
    visit.must("Patient", "r")
    visit.must("Patient", "s")
    query = visit.request.query_params
    if unknown := set(query) - _TAKEN:
        raise NotUnderstood(f"$ihe-pix takes sourceIdentifier and targetSystem, not {', '.join(sorted(unknown))[:80]}.")
    system, bar, value = query.get("sourceIdentifier", "").partition("|")
    if not (bar and value.strip() and _is_system(system)) or len(query.getlist("sourceIdentifier")) != 1:
        raise NotUnderstood("sourceIdentifier is one number with its system: https://fhir.nhs.uk/Id/nhs-number|9990000018.")
    systems = tuple(each for told in query.getlist("targetSystem") for each in told.split(",") if each)
    if not all(map(_is_system, systems)) or len(systems) > _MOST_SYSTEMS:
        raise NotUnderstood("targetSystem is the system of an identifier, an absolute URI.")
    wanted = tuple(canonical_system(each) for each in systems)
    try:
        found = await visit.face.calls.ask(KNOWN_AS, KnownAsAsked(canonical_system(system), value.strip(), wanted))
    except NotFound as missing:
        if missing.facts.get("what") == "system":
            raise NoSuchSource("sourceIdentifier Assigning Authority not found") from None
        raise
    if found.unheard:
        raise NoSuchTarget("targetSystem not found")
    bearer = await visit.face.calls.ask(WHO, WhoAsked(found.ids[0], statements=False))
    if (refused := await kept_back(visit, bearer)) is not None:
        await visit.face.calls.ask(NOTE, NoteAsked("numbers-refused", visit.client, found.ids[:1], visit.request_id))
        raise Withheld(f"Withheld under rule {refused.rule}: {refused.says}", rule=refused.rule)
    # Written down before it is handed over: whose numbers were told.
    await visit.face.calls.ask(NOTE, NoteAsked("numbers-told", visit.client, found.ids[:1], visit.request_id))
    asked = (canonical_system(system), value.strip())
    told = [
        {"name": "targetIdentifier", "valueIdentifier": {"system": each.system, "value": each.value}}
        for each in found.identifiers
        if (each.system, each.value) != asked
    ]
    made = {"resourceType": "Parameters", **({"parameter": told} if told else {})}
    return Response(orjson.dumps(made), media_type=answers.FHIR_JSON)


def _is_system(text: str) -> bool:
    scheme, colon, rest = text.partition(":")
    return bool(colon and rest and scheme.isalnum())
