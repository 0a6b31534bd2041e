"""How is it said, in FHIR, that something is missing or went wrong, and what did a source say when it said so?"""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from msgspec import Struct

from carerecord.fhir.bundle import parse
from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.read.words import first_code, title_of

HTTP_ERROR_CODES: Final = "https://fhir.nhs.uk/CodeSystem/http-error-codes"
# Codes by which NHS systems say that something exists and is kept back, or that nobody of that number is known there.
_WITHHELD: Final = frozenset(
    ("NO_PATIENT_CONSENT", "PATIENT_SENSITIVE", "NO_RELATIONSHIP", "ACCESS_DENIED", "ACCESS DENIED", "suppressed", "forbidden")
)
_UNKNOWN_PERSON: Final = frozenset(("PATIENT_NOT_FOUND", "NO_RECORD_FOUND", "RESOURCE_NOT_FOUND", "INVALIDATED_RESOURCE"))
_HARMLESS: Final = frozenset(("information", "success"))


class Issue(Struct, frozen=True):
    severity: str  # fatal | error | warning | information
    code: str  # a FHIR IssueType
    details: str = ""  # the code that the sender's own system gives it: REC_TIMEOUT, PATIENT_NOT_FOUND
    says: str = ""  # words for a reader; never those of a resource


def outcome(issues: Iterable[Issue]) -> bytes:
    """An OperationOutcome of ours. `says` is put in as it is: it must hold no identifier and nothing clinical."""
    written: list[dict[str, Any]] = []
    for issue in issues:
        one: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
        if issue.details:
            one["details"] = {"coding": [{"system": HTTP_ERROR_CODES, "code": issue.details}]}
        if issue.says:
            one["diagnostics"] = issue.says
        written.append(one)
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": written})


def issues_of(raw: bytes | dict[str, Any]) -> tuple[Issue, ...]:
    """What an OperationOutcome of somebody else says; () where it says nothing or is none.

    `says` is the sender's own text: it may name a person, so it is shown to nobody but an administrator and never logged.
    """
    try:
        parsed = parse(raw) if isinstance(raw, bytes) else raw
    except Unreadable:
        return ()
    if not isinstance(parsed, dict) or parsed.get("resourceType") != "OperationOutcome":
        return ()
    return tuple(
        Issue(
            text_in(each, "severity") or "error",
            text_in(each, "code"),
            first_code(each.get("details")),
            text_in(each, "diagnostics") or title_of(dict_in(each, "details")),
        )
        for each in dicts_in(parsed, "issue")
    )


def state_of(issues: Iterable[Issue]) -> str:
    """What a source's outcome means for the record: "withheld", "unknown person", "incomplete", "failed" or "" (nothing).

    Said in the words of the partial answer; the worst of several wins.
    """
    found = ""
    for issue in issues:
        if issue.details in _WITHHELD or issue.code in ("suppressed", "forbidden"):
            return "withheld"
        if issue.details in _UNKNOWN_PERSON or (issue.code == "not-found" and issue.severity in ("error", "fatal")):
            found = "unknown person"
        elif issue.severity in ("error", "fatal"):
            found = found or "failed"
        elif issue.severity not in _HARMLESS and issue.code in ("incomplete", "timeout", "transient", "throttled", "too-costly"):
            found = found or "incomplete"
    return found
