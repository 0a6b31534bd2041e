"""In which ways does a system misbehave, and for whom? Each habit is data: a test or the tour switches it while it runs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from typing import Literal, get_args

import msgspec

from carerecord.region.servers.http import HTML, Answer, End, Reply, Script
from carerecord.region.shapes import Fault

Kind = Literal[
    "slow", "status", "silent", "hang", "html", "garbage", "truncated", "cut", "chunk-cut", "trickle", "huge", "endless",
    "cyclic", "invalid-item", "wrong-patient", "two-matches", "no-match", "redirect", "reset",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)

_ONE_OPENING_S = 10.0  # without a request id, requests less than this apart belong to one opening
_HUGE_BYTES = 200_000_000


class Habit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to misbehave. Empty fields narrow nothing: for every patient, every type, every time."""

    kind: Kind
    patient: str = ""  # Patient.id in that system
    type: str = ""  # only requests for this FHIR type
    times: int = 0  # only the first n requests that it would touch
    openings: int = 0  # only the first n openings (request ids) that it would touch
    share: float = 1.0  # of requests, by a seeded generator
    seconds: float = 0.0  # slow: waited before the answer; trickle: between two bytes
    spread: float = 0.0  # slow: varied by so much of it either way, evenly: 0.5 is from half to one and a half times
    status: int = 503  # status: what is answered
    retry_after: str = ""  # status: the header, seconds or a date
    at: int = 0  # cut: after so many bytes of the body; 0 is half of it
    size_bytes: int = _HUGE_BYTES  # huge: how much
    other: str = ""  # wrong-patient: whose bundle is sent; two-matches: who else
    enrolment: bool = False  # spoils metadata and the paging through Patient too


def habit_of(fault: Fault) -> Habit:
    """A fault of the region's scenes as a habit."""
    who = fault.patient_id or ""
    if fault.kind == "slow":
        return Habit("slow", patient=who, seconds=fault.seconds)
    if fault.kind == "flaky":
        return Habit("status", patient=who, share=fault.share, openings=fault.openings)
    if fault.kind == "gone":
        return Habit("status", patient=who, status=404)
    if fault.kind == "wrong-patient":
        return Habit("wrong-patient", patient=who, other=fault.other or "")
    return Habit("status", patient=who, openings=fault.openings)


class Habits:
    """The habits of one system now, and how often each has been touched."""

    def __init__(self, seed: str, habits: Iterable[Habit] = ()) -> None:
        self._seed = seed
        self._usual = tuple(habits)
        self.reset()

    def reset(self) -> None:
        """Back to the usual habits, with all counts forgotten."""
        self.set(*self._usual)

    def set(self, *habits: Habit) -> None:
        self.now = habits
        self._touched = [0] * len(habits)
        self._openings: list[dict[str, float]] = [{} for _ in habits]
        self._chance = random.Random(self._seed)

    def touching(self, *, patient: str, type: str, enrolment: bool, request: str) -> tuple[Habit, ...]:
        """The habits that this request meets; each meeting is counted."""
        return tuple(self._touching(patient, type, enrolment, request)) if self.now else ()

    def _touching(self, patient: str, type: str, enrolment: bool, request: str) -> Iterator[Habit]:
        for place, habit in enumerate(self.now):
            if enrolment and not habit.enrolment:
                continue
            if (habit.patient and habit.patient != patient) or (habit.type and habit.type != type):
                continue
            if habit.openings and not self._among_first(place, habit.openings, request):
                continue
            if habit.times and self._touched[place] >= habit.times:
                continue
            if habit.share < 1.0 and self._chance.random() >= habit.share:
                continue
            self._touched[place] += 1
            yield habit

    def _among_first(self, place: int, most: int, request: str) -> bool:
        """Whether this opening is one of the first `most` that met the habit."""
        seen, now = self._openings[place], time.monotonic()
        if not request:
            recent = next((key for key, at in seen.items() if key.startswith("~") and now - at < _ONE_OPENING_S), "")
            request = recent or f"~{len(seen)}"
        if request not in seen and len(seen) >= most:
            return False
        seen[request] = now
        return True


def spoiled(habit: Habit, reply: Reply) -> Answer:
    """The answer as it leaves under a habit of the wire; the same answer when the habit is not one of the wire."""
    body = reply.body
    match habit.kind:
        case "status":
            return failure(habit.status, retry_after=habit.retry_after)
        case "silent":
            return Script((End.HANG,))
        case "hang":
            return Script((reply.head(), End.HANG))
        case "reset":
            return Script((End.ABORT,))
        case "html":
            return Reply(b"<!DOCTYPE html><html><body><h1>Scheduled maintenance</h1></body></html>", 200, HTML)
        case "garbage":
            return Reply(bytes((7 * n * n + 13) % 256 for n in range(997)), 200)
        case "truncated":
            return Reply(body[: len(body) // 2], reply.status, reply.content_type, reply.headers)
        case "cut":
            return Script((reply.head(), body[: habit.at or len(body) // 2], End.ABORT))
        case "chunk-cut":
            half = body[: len(body) // 2]
            return Script((reply.head(chunked=True), b"%x\r\n%s\r\n" % (len(half), half), End.CLOSE))
        case "trickle":
            return Script(_trickle(reply, habit.seconds))
        case "huge":
            return Script(_huge(reply, habit.size_bytes))
        case "redirect":
            return Reply(b"", 302, reply.content_type, (("Location", "http://169.254.169.254/latest/meta-data/"),))
    return reply


def failure(status: int, says: str = "The pretend system is not available.", *, code: str = "", retry_after: str = "") -> Reply:
    """An OperationOutcome. `code` is a FHIR IssueType; left out, it follows from the status."""
    kind = code or {400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 429: "throttled", 503: "transient"}.get(
        status, "exception"
    )
    issue = {"severity": "error", "code": kind, "diagnostics": says}
    headers = (("Retry-After", retry_after),) if retry_after else ()
    if status == 401:
        headers = (*headers, ("WWW-Authenticate", "Bearer"))
    return Reply(msgspec.json.encode({"resourceType": "OperationOutcome", "issue": [issue]}), status, headers=headers)


def _trickle(reply: Reply, seconds: float) -> Iterator[bytes | float]:
    yield reply.head()
    for place in range(len(reply.body)):
        yield reply.body[place : place + 1]
        yield seconds


def _huge(reply: Reply, size_bytes: int) -> Iterator[bytes]:
    """A Bundle of Observations that begins like any other and goes on for `size_bytes`."""
    entry = b'{"resource":{"resourceType":"Observation","id":"x","status":"final","code":{"text":"%s"}}},' % (b"a" * 64_000)
    opening, ending = (
        b'{"resourceType":"Bundle","type":"searchset","entry":[',
        b'{"resource":{"resourceType":"Basic","id":"z"}}]}',
    )
    count = max(1, size_bytes // len(entry))
    yield reply.head(length=len(opening) + count * len(entry) + len(ending))
    yield opening
    for _ in range(count):
        yield entry
    yield ending
