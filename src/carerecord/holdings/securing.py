"""Who may read a Binary? Whoever may read what it names as its security context; one that names nothing, whoever may read Binary.

Its bytes say nothing that could be searched for, so it is read by its id alone: no search, include, export or history of many
brings it.
"""

from typing import Any, Final

from carerecord.fhir.search.parameters import Parameters
from carerecord.fhir.search.values import link
from carerecord.holdings.finding import ID, Finder
from carerecord.holdings.opening import View
from carerecord.holdings.reaching import GUARDED, may_see, most, within
from carerecord.holdings.store.changing import Row

_NOWHERE: Final = ("", "")


def context_of(parsed: dict[str, Any], parameters: Parameters) -> tuple[str, str] | None:
    """Type and id of what it names; None where it names nothing, and both empty where nothing here can be meant."""
    said = parsed.get("securityContext")
    if said is None:
        return None
    reference = said.get("reference") if isinstance(said, dict) else None
    at = link(reference) if isinstance(reference, str) else None
    if at is None or at.url or not ID.match(at.id) or at.type == GUARDED or not parameters.of(at.type):
        return _NOWHERE
    return at.type, at.id


async def secured_by(finder: Finder, parsed: dict[str, Any], view: View) -> tuple[bool, str]:
    """Whether this view may read it, and in whose record what it names lies. The view notes what keeps back what it names."""
    reach = view.reach
    context = context_of(parsed, finder.parameters)
    if context is None:
        return True, ""
    row: Row | None = await finder.looked.last.ask(context) if context != _NOWHERE else None
    if row is None:
        return False, ""
    seen = (
        row.method != "D" and may_see(reach, row.type) and row.confidential <= most(reach)
        and within(reach, row.patient, row.type, finder.parameters)
    )  # fmt: skip
    if not seen:
        return False, row.patient
    shown = await finder.veils.lifted([row], view, (row.type,), (row.patient,))
    # Nothing can be taken out of bytes of which nobody knows what they say.
    return bool(shown) and not shown[0].masked, row.patient
