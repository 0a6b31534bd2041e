"""How is the Personal Demographics Service asked who bears a number, or which number somebody bears?

Source: NHSDigital/personal-demographics-service-api, FHIR R4: read and search. It allows an application five transactions a
second, so every request takes a turn here first; a repeat of a request bears the same X-Request-ID.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import msgspec

from carerecord.connectors.site import Pairs, Site
from carerecord.connectors.web import MAY_PASS, Answered, Web
from carerecord.connectors.web_trouble import NoAnswer, WebTrouble
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import split
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.identifiers import is_nhs_number, nhs_number
from carerecord.fhir.outcome import issues_of
from carerecord.fhir.person import PersonFacts, person
from carerecord.kit import request

DEADLINE_S: Final = 15.0
LONGEST_PAUSE_S: Final = 300.0  # whatever it says
MOST_RESULTS: Final = 50
MOST_BYTES: Final = 2_000_000


class Registered(msgspec.Struct, frozen=True):
    """The PDS knows this number. Of a restricted person it sends no address, telephone or practice."""

    person: PersonFacts
    version: str  # for If-Match, from the ETag: "2"
    superseded: bool = False  # it answered with another number, which replaces the one asked for


class NotRegistered(msgspec.Struct, frozen=True):
    """Nobody bears this number."""

    why: str  # RESOURCE_NOT_FOUND | INVALIDATED_RESOURCE | INVALID_RESOURCE_ID


class Listed(msgspec.Struct, frozen=True):
    person: PersonFacts
    score: float  # 0 to 1, the PDS's own


class Searched(msgspec.Struct, frozen=True):
    """Best first. `too_many`: it found more than it may list, and listed none."""

    found: tuple[Listed, ...]
    too_many: bool = False


class _Score(msgspec.Struct, frozen=True):
    score: float = 0.0


class _Id(msgspec.Struct):
    id: str = ""


class _Scored(msgspec.Struct):
    resource: _Id
    search: _Score = _Score()


class _Scores(msgspec.Struct):
    entry: list[_Scored] = []


_scores = msgspec.json.Decoder(_Scores)


class Crowded(WebTrouble):
    """So many ask already that a turn would come too late. The PDS was not asked, or not again after "not now"."""


class Turns:
    """So many turns in any second, and no more; of a fraction, in any while that holds whole ones. They come in order."""

    def __init__(self, per_second: float, now: Callable[[], float]) -> None:
        self._most, self._now = max(1, int(per_second)), now
        self._while_s = self._most / per_second
        self._taken: deque[float] = deque(maxlen=self._most)

    async def take(self, within_s: float = math.inf) -> None:
        """Raises Crowded: it would not come in time, and none was taken."""
        now = self._now()
        at = max(now, self._taken[-1]) if self._taken else now
        if len(self._taken) == self._most:
            at = max(at, self._taken[0] + self._while_s)
        if at - now > within_s:
            raise Crowded("So much is asked of it that this question would wait too long.")
        self._taken.append(at)
        if at > now:
            await asyncio.sleep(at - now)


class Circuit:
    """After so many questions without an answer, one after the other, nobody asks for a while: a PDS that is down is not
    besieged, and who waits is told at once. One question afterwards tries it. Where it says for how long it does not want to be
    asked, nobody asks before.
    """

    def __init__(self, now: Callable[[], float], *, most: int = 5, pause_s: float = 20.0) -> None:
        self._now, self._most, self._pause_s = now, most, pause_s
        self._failed, self._until, self._wanted = 0, 0.0, 0.0

    def check(self) -> None:
        """Raises NoAnswer: it is open."""
        if self._now() < max(self._wanted, self._until if self._failed >= self._most else 0.0):
            raise NoAnswer("It has not answered lately and is asked again in a little while.")

    def enter(self) -> None:
        """Raises NoAnswer: it is open, or another question tries it."""
        self.check()
        if self._failed >= self._most:
            self._until = self._now() + self._pause_s

    def wait(self, pause_s: float) -> None:
        """The PDS wants to be left alone for so long."""
        self._wanted = max(self._wanted, self._now() + min(pause_s, LONGEST_PAUSE_S))

    def said(self, *, well: bool) -> None:
        self._failed = 0 if well else self._failed + 1
        if self._failed >= self._most:
            self._until = self._now() + self._pause_s


@dataclass(frozen=True)
class Pds:
    """The window to the PDS. One for a process, so that the turns are counted together. What it answered is kept by the patient
    index, as an entry; here only those who ask for one number at once share one question.
    """

    web: Web
    turns: Turns
    turn_within_s: float = math.inf  # a question whose turn comes later than this is not asked
    circuit: Circuit = field(default_factory=lambda: Circuit(time.monotonic))
    asked: dict[tuple[str, str, str], "asyncio.Task[Answered]"] = field(default_factory=dict)

    async def read(self, source: Source, number: str, *, organisation: str = "") -> Registered | NotRegistered:
        """Who bears `number`; `organisation` is the ODS code of those on whose behalf it is asked.

        Raises:
            NotAnNhsNumber: it has not the form of one; nothing is asked.
            WebTrouble: no usable answer, also after trying again.
        """
        number = nhs_number(number)
        answered = await self._shared(source, f"Patient/{number}", organisation)
        if answered.status in (400, 404):
            code = _code(answered.body)
            if code in ("RESOURCE_NOT_FOUND", "INVALIDATED_RESOURCE", "INVALID_RESOURCE_ID"):
                return NotRegistered(code)
        _must_be_well(answered)
        try:
            found = person(answered.body)
        except Unreadable:
            raise NoAnswer("Its answer could not be read.") from None
        # Another number takes the place of the one that was asked for.
        if not (is_nhs_number(found.id) and found.id.isascii() and found.id.isdigit()):
            raise NoAnswer("Its answer does not say whom it is about.")
        if found.invalidated:
            return NotRegistered("INVALIDATED_RESOURCE")
        return Registered(found, _version(answered.etag) or found.version, superseded=found.id != number)

    async def search(
        self,
        source: Source,
        *,
        family: str,
        birth_date: str,
        given: str = "",
        gender: str = "",
        postcode: str = "",
        fuzzy: bool = False,
        organisation: str = "",
    ) -> Searched:
        """Who bears this name and birth date. Restricted people are not found by postcode.

        The PDS takes criteria in the address alone, so this asks nothing that is not needed.

        Raises:
            WebTrouble: no usable answer, also after trying again.
        """
        told = (
            ("family", family),
            ("given", given),
            ("birthdate", f"eq{birth_date}"),
            ("gender", gender),
            ("address-postalcode", postcode),
            ("_fuzzy-match", "true" if fuzzy else ""),
            ("_max-results", str(MOST_RESULTS)),
        )
        answered = await self._ask(source, "Patient", tuple(pair for pair in told if pair[1]), organisation)
        _must_be_well(answered)
        if _code(answered.body) == "TOO_MANY_MATCHES":
            return Searched((), too_many=True)
        try:
            people = [person(entry.raw) for entry in split(answered.body).entries if entry.type == "Patient"]
            scores = {each.resource.id: each.search.score for each in _scores.decode(answered.body).entry}
        except (Unreadable, msgspec.MsgspecError):
            raise NoAnswer("Its answer could not be read.") from None
        found = [Listed(each, scores.get(each.id, 0.0)) for each in people]
        return Searched(tuple(sorted(found, key=lambda each: (-each.score, each.person.id))))

    async def _shared(self, source: Source, path: str, organisation: str) -> Answered:
        """The answer to a question that somebody may be asking already."""
        key = (source.id, path, organisation)
        task = self.asked.get(key)
        if task is None:
            task = self.asked[key] = asyncio.create_task(self._ask(source, path, (), organisation))
            task.add_done_callback(lambda done: (self.asked.pop(key, None), done.cancelled() or done.exception()))
        return await asyncio.shield(task)

    async def _ask(self, source: Source, path: str, params: Pairs, organisation: str) -> Answered:
        """One question, repeated under the same id while the PDS says "not now"."""
        self.circuit.check()
        await self.turns.take(self.turn_within_s)
        self.circuit.enter()
        site, loop, first = Site.of(source), asyncio.get_running_loop(), True
        until = loop.time() + DEADLINE_S  # that others were before us is not its silence
        headers = [("X-Correlation-ID", request.current())] if request.current() else []
        headers += [("NHSD-End-User-Organisation-ODS", organisation)] if organisation else []

        async def once() -> Answered:
            nonlocal first
            if not first:
                await self.turns.take(until - loop.time())
            first = False
            answered = await self.web.get(
                site, path, params=params, headers=tuple(headers), until=until, most_bytes=min(source.most_bytes, MOST_BYTES)
            )
            if answered.status in MAY_PASS and answered.retry_after_s:
                self.circuit.wait(answered.retry_after_s)
            return answered

        with request.request(str(uuid4())):
            try:
                answered = await self.web.patiently(once, until=until)
            except WebTrouble:
                self.circuit.said(well=False)
                raise
        self.circuit.said(well=answered.status < 500 and answered.status != 429)
        return answered


def _must_be_well(answered: Answered) -> None:
    if answered.status == 429:
        raise NoAnswer("It is asked too often and did not answer in time.")
    if answered.status in (401, 403):
        raise NoAnswer("It does not let us ask.")
    if not answered.ok:
        raise NoAnswer(f"It answered with status {answered.status}.")


def _code(body: bytes) -> str:
    """The Spine's code in an OperationOutcome; "" for anything else."""
    return next((issue.details for issue in issues_of(body)), "")


def _version(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
