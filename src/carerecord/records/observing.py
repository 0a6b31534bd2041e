"""What do openings see of each source? Numbers alone, added up here for a few seconds and then told to sources, who keeps them.

No code, value or person is in them: of an item whose code pages do not know, the URI of its code system is counted, and of one
without any code that it has none.
"""

import asyncio
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from carerecord.connectors.reply import Reply
from carerecord.contracts.records import Entry
from carerecord.contracts.sources import OBSERVED, CodeCount, Observed, ObservedAsked, SectionSeen
from carerecord.kit.calls import Calls
from carerecord.kit.errors import CareRecordError
from carerecord.kit.log import Log
from carerecord.kit.turns import Turns
from carerecord.kit.waits import step_of

TELL_EVERY_S = 5.0
COUNT_EVERY_S = 0.5
WAITING = 50  # openings not counted yet; more than that are let fall: shares hardly change
SYSTEMS = 40  # code systems told apart of one source
OTHERS, NO_URI = "other systems", "not a URI"
CODED = frozenset({"alerts", "allergies", "medicines", "problems", "results", "observations", "immunisations", "procedures"})
# Systems whose codes pages can say in words, or that FHIR itself defines.
KNOWN = re.compile(
    r"https?://(snomed\.info|dmd\.nhs\.uk|loinc\.org|hl7\.org/fhir|terminology\.hl7\.org|read\.info|unitsofmeasure\.org)\b"
    r"|https?://fhir\.(hl7\.org\.uk|nhs\.uk)\b"
    r"|urn:oid:2\.16\.840\.1\.113883\.(6\.96|6\.1|2\.1\.6\.1|6\.8)$"
)
USUAL = frozenset({"http://snomed.info/sct", "https://dmd.nhs.uk", "http://loinc.org"})  # of those: nearly every coded item's
_URI = re.compile(r"(https?://|urn:)[A-Za-z0-9._~:/#%-]{1,190}")
_NUMBER = re.compile(r"\d{10}")  # a URI with a number as long as a person's is not repeated
ANSWERED = frozenset({"live", "not recorded", "none held", "incomplete"})
ASKED = ANSWERED | {"no answer", "unreadable", "discarded", "not given", "loading"}


@dataclass
class _Sum:
    """One source since the last telling."""

    asked: int = 0
    answered: int = 0
    last_answer: str = ""
    sections: dict[str, list[int]] = field(default_factory=dict)  # asked, answered, held
    waits: dict[int, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)


class Observing:
    def __init__(self) -> None:
        self._waiting: deque[tuple[Reply, ...]] = deque()
        self._sums: dict[str, _Sum] = {}

    def saw(self, replies: Sequence[Reply]) -> None:
        """These sources were asked in one opening. Counted a moment later, when nobody waits."""
        if len(self._waiting) < WAITING:
            self._waiting.append(tuple(replies))

    async def count(self, turns: Turns) -> None:
        """Add up what waits; others get their turn between two sources."""
        while self._waiting:
            replies = self._waiting.popleft()
            async with turns.mine() as turn:
                for reply in replies:
                    self._add(reply)
                    await turn.over()

    def _add(self, reply: Reply) -> None:
        total = self._sums.setdefault(reply.source.id, _Sum())
        total.asked += 1
        if reply.state in ANSWERED:
            total.answered += 1
            total.last_answer = max(total.last_answer, reply.as_at)
            step = step_of(reply.elapsed_s)
            total.waits[step] = total.waits.get(step, 0) + 1
        for each in reply.sections:
            if each.state in ASKED:
                row = total.sections.setdefault(each.section, [0, 0, 0])
                row[0] += 1
                row[1] += each.state in ANSWERED
                row[2] += each.count > 0
        for entry in reply.entries:
            if (codes := entry.facts.codes) and codes[0].system in USUAL:
                continue
            if (system := unmapped(entry)) is not None:
                if system not in total.codes and len(total.codes) >= SYSTEMS:
                    system = OTHERS
                total.codes[system] = total.codes.get(system, 0) + 1

    def taken(self) -> tuple[Observed, ...]:
        """What was added up, once."""
        sums, self._sums = self._sums, {}
        return tuple(
            Observed(
                source, total.asked, total.answered,
                tuple(SectionSeen(section, *row) for section, row in sorted(total.sections.items())),
                tuple(sorted(total.waits.items())), total.last_answer,
                tuple(CodeCount(system, count) for system, count in sorted(total.codes.items())),
            )
            for source, total in sorted(sums.items())
        )  # fmt: skip

    async def tell(self, calls: Calls, turns: Turns, log: Log) -> None:
        """Until cancelled: count, and now and then tell. What cannot be told is let fall: openings go on, and are counted."""
        since_s = 0.0
        while True:
            await asyncio.sleep(COUNT_EVERY_S)
            await self.count(turns)
            since_s += COUNT_EVERY_S
            if since_s >= TELL_EVERY_S and self._sums:
                since_s = 0.0
                try:
                    await calls.ask(OBSERVED, ObservedAsked(self.taken()))
                except CareRecordError as error:
                    log.warning("sources.not_told", error=type(error).__name__)


def unmapped(entry: Entry) -> str | None:
    """The code system of an item that has no code of a known one; "" for words alone; None where all is well."""
    facts = entry.facts
    if facts.section not in CODED:
        return None
    for code in facts.codes:
        if _is_known(code.system):
            return None
    if not facts.codes:
        return ""
    system = facts.codes[0].system
    return system if _URI.fullmatch(system) and not _NUMBER.search(system) else NO_URI


@lru_cache(1_000)
def _is_known(system: str) -> bool:
    return KNOWN.match(system) is not None
