"""Which service answers for a type? Holdings, for every type of FHIR R4 but those that are named here.

Lists and Binaries have no service of their own yet: holdings keeps them, as any other.
"""

from typing import Final

from carerecord.kit.errors import CareRecordError

# Type -> who keeps it, and what is said to whoever asks for more than that service does.
OWNED_ELSEWHERE: Final = {
    "Consent": ("consent", "A Consent is what a person says about sharing: read, searched, created and withdrawn by itself."),
    "AuditEvent": ("audit", "An AuditEvent is a line of the audit book: read and searched by itself, and written by nobody."),
    "Subscription": (
        "subscriptions",
        "A Subscription is a client's own: set, read, searched, changed and ended by itself, and notices carry ids alone.",
    ),
}
BY_ID: Final = "Binary"  # says nothing that could be searched for: read by its id, and never one of many


class NotHere(CareRecordError):
    """A type that this API does not keep, or not so."""

    status, issue = 404, "not-supported"
