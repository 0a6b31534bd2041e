"""Would a write lose what its client was not shown? Who read a copy without what tells where a person is, and sends it back, does
not mean to take an address away."""

from carerecord.fhir.bundle import parse
from carerecord.fhir.whereabouts import is_unlocated, put_back
from carerecord.holdings.drafts import PROTECTED, Draft, Refusal, error
from carerecord.holdings.store.changing import Lies

_LABEL = b'"REDACTED"'


def may_lose(draft: Draft, lies: Lies) -> bool:
    """Whether what stands is to be looked at: it is a client's, of somebody restricted or out of a time when they were."""
    theirs = draft.change.method == "update" and draft.asked.reach.veiled_for is not None
    return theirs and (lies.protected or _LABEL in draft.raw)


def loses_nothing(draft: Draft, stands: bytes) -> None:
    """Raises Refusal: it would lose what stands there and was not shown to whoever sends it."""
    if not stands or draft.change.method != "update" or draft.asked.reach.veiled_for is None:
        return
    new, there = draft.parsed or parse(draft.raw), parse(stands)
    lost = put_back(there, new)
    if not lost and not (is_unlocated(new) and not is_unlocated(there)):
        return
    says = (
        f"{PROTECTED}, and something was taken out of the copy that was read. Written back it would be lost: send the whole "
        "resource, without the label REDACTED. To take an element away, send it with the extension data-absent-reason."
    )
    paths = lost or ("meta.security",)
    raise Refusal(draft.place, 422, *[error("business-rule", f"{draft.type}.{each}", says) for each in paths])
