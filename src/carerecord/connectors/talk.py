"""One source, one person, one opening: what has come so far, what was lost, and what does that make of each section?

Whatever a connector speaks, the states of its sections are reckoned here, so that silence means the same everywhere.
"""

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache

import msgspec

from carerecord.connectors.fhir_r4_take import Read, Taken
from carerecord.connectors.reply import Asking, Expected, Reply, Said, worst
from carerecord.connectors.site import Site
from carerecord.connectors.web import Answered, Web
from carerecord.connectors.web_trouble import CutShort, TooLarge, WebTrouble
from carerecord.contracts.records import Choice, SectionState
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.turns import Turns

TRIES = 3
_HARMLESS = frozenset({"live", "not recorded", "none held", "not shared"})


class Lost(msgspec.Struct, frozen=True):
    """Why some of what was asked for did not come."""

    state: str  # no answer | unreadable | incomplete | not shared
    says: str


class Talk:
    """What every connector's conversation with one source keeps. `until` is a moment of the event loop's clock."""

    def __init__(self, web: Web, asking: Asking, until: float, read: Read, turns: Turns, now: str) -> None:
        self._turns = turns
        self._web, self._asking, self._until = web, asking, until
        self._source, self._site = asking.source, Site.of(asking.source)
        self._lost: dict[str, Lost] = {}  # by section: the worst that befell it
        self._taken = Taken(asking, read, now)
        self._bytes_left = asking.source.most_bytes
        self._answered = 0  # requests that brought something usable
        self._unknown = False

    async def _patiently(self, ask: Callable[[], Awaitable[Answered]]) -> Answered:
        return await self._web.patiently(ask, until=self._until, tries=TRIES)

    def _lose(self, sections: Iterable[str], lost: Lost) -> None:
        for section in sections:
            held = self._lost.get(section)
            if held is None or worst((held.state, lost.state)) != held.state:
                self._lost[section] = lost

    def _several(self, ids: tuple[str, ...]) -> Reply:
        """It holds more than one entry for the number: a human chooses, and nothing of either is shown before."""
        choices = tuple(choice(each) for each in self._taken.said)
        return Reply(self._source, "incomplete", "It holds more than one entry for this NHS number.", ids, choices=choices)

    def _reply(self, ids: tuple[str, ...]) -> Reply:
        taken = self._taken
        if self._unknown:
            # The index knows of an entry there, so this is no proof that nothing was ever recorded.
            says = "It no longer knows this person. What it held may have moved elsewhere."
            return Reply(self._source, "incomplete", says, ids)
        states = self._states()
        failed = not self._answered
        state = worst(tuple(each.state for each in states if each.state != "not shared"))
        if any(each.count for each in states):
            # Something is shown: the whole is then at best incomplete, never silent.
            state = state if state in ("live", "incomplete") else "live" if state in _HARMLESS else "incomplete"
        elif taken.unreadable and state in _HARMLESS:
            state = "incomplete"
        says = next((each.says for each in states if each.state == state and each.says), "")
        if state == "incomplete" and not says:
            says = next((each.says for each in states if each.says), "")
        if taken.unreadable and state == "incomplete":
            says = f"{len(taken.entries)} of {len(taken.entries) + taken.unreadable} shown"
        return Reply(
            self._source,
            state,
            says,
            ids,
            sections=states,
            entries=tuple(taken.entries),
            said=tuple(taken.said),
            tally=taken.tally(),
            warnings=tuple(dict.fromkeys(taken.warnings)),
            dropped=taken.dropped,
            failed=failed,
        )

    def _states(self) -> tuple[SectionState, ...]:
        """One for each section, in order. Most answers are whole: then only how much came tells one from another."""
        sections, taken = in_order(self._asking.sections), self._taken
        if self._lost or taken.partial or taken.unreadable_in:
            return tuple([self._section(section) for section in sections])
        counts = [(section, taken.shown_in.get(section, 0)) for section in sections]
        return tuple([SectionState(each, "live" if count else "not recorded", count, 0, count) for each, count in counts])

    def _section(self, section: str) -> SectionState:
        taken, lost = self._taken, self._lost.get(section)
        count, broken = taken.shown_in.get(section, 0), taken.unreadable_in.get(section, 0)
        if lost is not None and lost.state == "not shared" and self._others_filled(section):
            lost = None
        if lost is None and taken.partial:
            lost = Lost("incomplete", taken.partial)
        if lost is None and broken:
            lost = Lost("incomplete", f"{count} of {count + broken} shown")
        if lost is None:
            return SectionState(section, "live" if count else "not recorded", count, 0, count)
        state = "incomplete" if count and lost.state != "not shared" else lost.state
        return SectionState(section, state, count, broken, count + broken, lost.says)

    def _others_filled(self, section: str) -> bool:
        """Whether another request that fills this section did work: what a system lacks is then no gap."""
        return False


def complete(reply: Reply, asking: Asking) -> tuple[SectionState, ...]:
    """One state for each section that was asked for, also where the source failed as a whole."""
    if reply.sections:
        return reply.sections
    return tuple([SectionState(each, reply.state, says=reply.says) for each in in_order(asking.sections)])


@lru_cache(1_000)  # the registry has so many kinds of sharing
def in_order(sections: frozenset[str]) -> tuple[str, ...]:
    return tuple([each for each in SECTION_IDS if each in sections])


def lost_by(trouble: WebTrouble) -> Lost:
    return Lost("incomplete" if isinstance(trouble, (CutShort, TooLarge)) else "no answer", trouble.says)


def refusal(status: int) -> str:
    if status in (401, 403):
        return "It does not let us ask this."
    if status == 429:
        return "It is asked too often just now."
    return f"It answered that it cannot ({status})."


def choice(said: Said) -> Choice:
    name = ", ".join(filter(None, (said.family[0] if said.family else "", said.given[0] if said.given else "")))
    return Choice(said.local_id, name, said.birth_date, said.gender)


def is_sure(said: Said, expected: Expected) -> bool:
    """A match by the source's own rules is taken only when the number and the birth date agree."""
    return said.nhs_number == expected.nhs_number and (not expected.birth_date or said.birth_date == expected.birth_date)
