"""Under which ids are the lines about one person found? Those of the index; and those under which systems read and write them."""

from carerecord.contracts.patients import Person
from carerecord.contracts.records import ALIASES, AliasesAsked
from carerecord.kit.errors import NotFound, Unavailable
from carerecord.viewer.visit import Visit

SILENT = "What systems read and wrote by the FHIR API cannot be listed just now."


async def ids_of(visit: Visit, about: str, known: Person | None) -> tuple[tuple[str, ...], str]:
    """The ids, and what cannot be found just now."""
    own = known.ids if known is not None else (about,)
    try:
        named = await visit.face.calls.ask(ALIASES, AliasesAsked(about))
    except NotFound:
        return own, ""
    except Unavailable:
        return own, SILENT
    return tuple(dict.fromkeys((*own, *named.person, *named.kept))), ""
