"""Is a client told that what it sent is in no record?"""

from typing import Any, cast

from carerecord.contracts.holdings import Issue, Written
from carerecord.exchange import bundles, resources

ASIDE = Written(202, None, (Issue("warning", "suppressed", "", "Kept aside."),))
NOBODY = cast(Any, None)  # nothing of the visit is looked at


def test_what_was_kept_aside_is_answered_with_its_issues_and_never_as_kept() -> None:
    alone = resources.told(NOBODY, ASIDE)
    within = bundles._told(NOBODY, ASIDE)

    assert alone.status_code == 202
    for text in (bytes(alone.body), within):
        assert b"Kept aside." in text
    assert b'"status":"202"' in within
