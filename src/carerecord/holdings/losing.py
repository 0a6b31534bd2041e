"""Would a write lose what its client was not shown? Who read a copy without what tells where a person is, and sends it back, does
not mean to take an address away."""

from collections.abc import Mapping, Sequence
from typing import Final

from carerecord.fhir.bundle import parse
from carerecord.fhir.whereabouts import is_unlocated, put_back
from carerecord.holdings.drafts import PROTECTED, Draft, Refusal, error
from carerecord.holdings.reaching import RESTRICTED, STRICTEST, WHOM
from carerecord.holdings.store import looking
from carerecord.holdings.store.changing import Key, Last, Lies, Row
from carerecord.kit.db import Connection

Name = tuple[str, str]  # type, id

_LABEL = b'"REDACTED"'
_NEW: Final = Last()


async def standing(
    db: Connection, drafts: Sequence[Draft], known: Mapping[Name, Lies], last: Mapping[Key, Last]
) -> dict[Name, Row]:
    """What stands of those that are written only if they differ, and of those that might lose what was not shown."""
    keys = [
        (lies.patient, each.type, each.id)
        for each in drafts
        if (lies := known.get((each.type, each.id)))
        and (each.change.unless == "same" or _may_lose(each, lies, last_of(each, lies, last)))
    ]
    rows = await looking.rows_of(db, keys, STRICTEST) if keys else ()
    return {(row.type, row.id): row for row in rows}


def last_of(draft: Draft, lies: Lies | None, last: Mapping[Key, Last]) -> Last:
    """The highest version so far, wherever it lies; 0 for a new resource."""
    if lies is None:
        return _NEW
    found = [last[key] for each in (lies.patient, *lies.before) if (key := (each, draft.type, draft.id)) in last]
    return max(found, key=lambda each: each.version, default=Last())


def _may_lose(draft: Draft, lies: Lies, was: Last) -> bool:
    """Whether what stands is to be looked at: a client writes over what is not shown whole, or sends what was not."""
    if draft.change.method != "update" or draft.asked.reach.veiled_for is None:
        return False
    return _is_masked(draft, lies, was) or _LABEL in draft.raw


def loses_nothing(draft: Draft, lies: Lies | None, was: Last, stands: bytes) -> None:
    """Raises Refusal: it would lose what stands there and was not shown to whoever sends it."""
    if lies is None or not stands or not _may_lose(draft, lies, was):
        return
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
