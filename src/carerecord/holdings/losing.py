"""Would a write lose what its client was not shown? Who read a copy without what tells where a person is, and sends it back, does
not mean to take an address away."""

from carerecord.fhir.bundle import parse
from carerecord.fhir.whereabouts import is_unlocated, put_back
from carerecord.holdings.drafts import PROTECTED, Draft, Refusal, error
from carerecord.holdings.reaching import RESTRICTED, WHOM
from carerecord.holdings.store.changing import Last, Lies

_LABEL = b'"REDACTED"'


def may_lose(draft: Draft, lies: Lies | None, was: Last) -> bool:
    """Whether what stands is to be looked at: a client writes over what is not shown whole, or sends what was not."""
    if lies is None or draft.change.method != "update" or draft.asked.reach.veiled_for is None:
        return False
    return _is_masked(draft, lies, was) or _LABEL in draft.raw


def loses_nothing(draft: Draft, lies: Lies, was: Last, stands: bytes) -> None:
    """Raises Refusal: it would lose what stands there and was not shown to whoever sends it."""
    new, there = draft.parsed or parse(draft.raw), parse(stands)
    lost = put_back(there, new) if _is_masked(draft, lies, was) else ()
    if not lost and (is_unlocated(there) or not is_unlocated(new)):
        return
    says = (
        f"{PROTECTED}, and something was taken out of the copy that was read. Written back it would be lost: send the whole "
        "resource, without the label REDACTED. To take an element away, send it with the extension data-absent-reason."
    )
    paths = lost or ("meta.security",)
    raise Refusal(draft.place, 422, *[error("business-rule", f"{draft.type}.{each}", says) for each in paths])


def _is_masked(draft: Draft, lies: Lies, was: Last) -> bool:
    return lies.protected or (draft.type == WHOM and was.confidential >= RESTRICTED)
