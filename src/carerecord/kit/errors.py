"""What may go wrong, as it is said to a caller?

CareRecordError
├── NotUnderstood      400  the question or the form is malformed
├── NotSignedIn        401  no session, or it has ended
├── Refused            403  a rule says no; it is named
│   └── Withheld       403  the person whom it is about has asked so
├── NotFound           404  unknown, or not to be told apart from unknown
├── Conflict           409  the world has moved on
├── NotAcceptable      422  understood, and not possible
├── TooMany            429  ask later
├── Unavailable        503  something that is needed does not answer
└── BadSetting         500  told at start, never to a user
"""

from typing import ClassVar


class CareRecordError(Exception):
    """Anything that this platform refuses or fails to do, said to a caller.

    A subclass states the two facts that a door needs to reply. The message is for the person who reads the reply: no
    identifiers, no internals. `facts` are the fields that survive a socket: strings only.
    """

    status: ClassVar[int] = 500
    issue: ClassVar[str] = "exception"  # a FHIR R4 IssueType code

    def __init__(self, says: str, **facts: str) -> None:
        super().__init__(says)
        self.says = says
        self.facts = facts


class NotUnderstood(CareRecordError):
    """What was sent cannot be read."""

    status, issue = 400, "invalid"


class NotSignedIn(CareRecordError):
    """There is no session, or it has ended."""

    status, issue = 401, "login"


class Refused(CareRecordError):
    """A rule says no. Facts: `rule`, the id of the rule that decided."""

    status, issue = 403, "forbidden"


class Withheld(Refused):
    """It is there, and kept back. Facts: `rule`."""

    status, issue = 403, "suppressed"


class NotFound(CareRecordError):
    """There is no such thing, or the asker may not know that there is."""

    status, issue = 404, "not-found"


class Conflict(CareRecordError):
    """The thing has changed since it was read."""

    status, issue = 409, "conflict"


class NotAcceptable(CareRecordError):
    """Understood, and cannot be done."""

    status, issue = 422, "business-rule"


class TooMany(CareRecordError):
    """Asked too often. Facts: `retry_after_s`."""

    status, issue = 429, "throttled"


class Unavailable(CareRecordError):
    """Something needed does not answer. Facts: `service`."""

    status, issue = 503, "transient"


class BadSetting(CareRecordError):
    """A setting that cannot be worked with; said at start."""

    status, issue = 500, "invalid"


def _family(kind: type[CareRecordError]) -> dict[str, type[CareRecordError]]:
    found = {kind.__name__: kind}
    for child in kind.__subclasses__():
        found |= _family(child)
    return found


def by_name(name: str) -> type[CareRecordError]:
    """The error class of this name; the root for one that this version does not know."""
    return _family(CareRecordError).get(name, CareRecordError)


def is_unfit(error: BaseException) -> bool:
    """Whether the database says that a value can never be kept, however often it is tried: a letter that it has not, an id longer
    than its index takes. Who tries again would try for ever, and hold up whoever waits behind."""
    if not type(error).__module__.startswith("asyncpg"):
        return False
    kind = str(getattr(error, "sqlstate", None) or "")[:2]  # 22 data exception, 54 program limit exceeded
    return kind in ("22", "54") or isinstance(error, ValueError)  # or it was refused before it was sent
