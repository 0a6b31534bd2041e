"""What do the copies that are kept here add to what sources say now? Asked for once for the whole opening, and read, judged and
merged by the same code as a live answer.

Live wins. Where a source that is also kept is silent, its copy answers, and says that it is one and as at when.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from carerecord.connectors.fhir_r4_take import SENT, Read, Taken
from carerecord.connectors.reply import Asking, Reply, worst
from carerecord.contracts.holdings import RECORD, Held, KeptEntry, KeptMark, KeptOf, RecordAsked, Withdrawn
from carerecord.contracts.patients import Person
from carerecord.contracts.permit import Grant, Permit
from carerecord.contracts.records import Entry, SectionState
from carerecord.fhir.bundle import Bundle
from carerecord.fhir.bundle import Entry as Resource
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.errors import CareRecordError, NotFound
from carerecord.kit.turns import Turns
from carerecord.records.attention import WITHDRAWN, told_at
from carerecord.records.choosing import LIVE, Choice
from carerecord.records.gather import Gatherer, nothing
from carerecord.records.right_person import judged

SILENT = frozenset({"no answer", "unreadable", "incomplete"})  # … where nothing of the section came with it
UNREADABLE_NOW = "What is kept here of it cannot be read just now."
NOTHING_CAME = "Copies are kept here of what it sends, and nothing about this person has come."
ONE_PAGE = "searchset"
_KINDS = {"Observation": "result", "DiagnosticReport": "report", "DocumentReference": "document", "Encounter": "contact"}


@dataclass
class Kept:
    """Answers for the sources of one opening: each as it says now, as it was kept, or the two together."""

    calls: Calls
    gatherer: Gatherer
    clock: Clock
    turns: Turns
    read: Read
    person: Person
    permit: Permit
    choices: Mapping[str, Choice]
    askings: Sequence[Asking]
    patient_id: PatientIds
    live: dict[str, Reply] = field(default_factory=dict)  # what sources with copies said themselves, judged
    _waiting: dict[str, Reply] = field(default_factory=dict)  # copies that are at hand, of sources that are still waited for
    _drawn: "asyncio.Task[dict[str, KeptOf]] | None" = None

    async def one(self, asking: Asking, *, began: float | None = None, insist: bool = False) -> Reply:
        """The window of one opening: it comes back whatever happens, as every window does."""
        choice = self.choices[asking.source.id]
        live, kept = asking.sections & choice.live, asking.sections & choice.kept
        if not kept:
            return await self.gatherer.one(asking, began=began, insist=insist)
        if not live:
            return judged(self.person, await self._copy(asking, choice))
        said, copy = await asyncio.gather(
            self.gatherer.one(replace(asking, sections=live), began=began, insist=insist), self._at_hand(asking, choice)
        )
        self._waiting.pop(asking.source.id, None)
        said = self.live[asking.source.id] = judged(self.person, said)
        return together(said, copy, choice.unasked & asking.sections)

    async def _at_hand(self, asking: Asking, choice: Choice) -> Reply:
        copy = self._waiting[asking.source.id] = judged(self.person, await self._copy(asking, choice))
        return copy

    def meanwhile(self) -> tuple[Reply, ...]:
        """Copies of sources that have not answered yet: each of their sections loading, with what is kept of it."""
        return tuple([_loading(each) for each in self._waiting.values() if each.entries and not each.danger])

    def asked(self, asking: Asking) -> bool:
        """Whether the source itself is asked for anything."""
        return bool(asking.sections & self.choices[asking.source.id].live)

    async def aclose(self) -> None:
        if self._drawn is not None:
            self._drawn.cancel()
            await asyncio.wait([self._drawn])

    # --- one question for all of them

    async def _of(self, source: str) -> KeptOf | None:
        if self._drawn is None:
            self._drawn = asyncio.create_task(self._draw(), name="records kept")
        return (await asyncio.shield(self._drawn)).get(source)

    async def _draw(self) -> dict[str, KeptOf]:
        asked = kept_asked(self.permit, self.askings, self.choices, self.patient_id)
        if not asked.entries:
            return {}
        return {each.source: each for each in await self.calls.ask(RECORD, asked)}

    def marks(self) -> tuple[KeptMark, ...] | None:
        """Of the copies that were read; None while they are being read. Of what could not be read there is none."""
        if self._drawn is None:
            return None if kept_asked(self.permit, self.askings, self.choices, self.patient_id).entries else ()
        if not self._drawn.done():
            return None
        if self._drawn.cancelled() or self._drawn.exception() is not None:
            return ()
        return tuple(mark_of(each) for each in self._drawn.result().values())

    # --- what was kept, as a reply

    async def _copy(self, asking: Asking, choice: Choice) -> Reply:
        began = time.perf_counter()
        asking = replace(asking, sections=asking.sections & choice.kept)
        try:
            async with asyncio.timeout(self.gatherer.last_call_s):
                kept = await self._of(asking.source.id)
        except (CareRecordError, TimeoutError):
            reply = nothing(asking, "no answer", UNREADABLE_NOW)
            sections = tuple(replace(each, kept="copy") for each in reply.sections)
            return replace(reply, local_ids=(), sections=sections, kept="copy", as_at=stamp(self.clock.now()))
        reply = await kept_reply(asking, kept, self.read, self.turns, self.patient_id, now=self.clock.now())
        return replace(reply, elapsed_s=time.perf_counter() - began)


def kept_asked(
    permit: Permit, askings: Iterable[Asking], choices: Mapping[str, Choice], patient_id: PatientIds
) -> RecordAsked:
    """What is kept of all that is asked, in one question."""
    entries, wanted = [], []
    for asking in askings:
        sections = asking.sections & choices[asking.source.id].kept
        if sections and asking.local_ids:
            entries.append(KeptEntry(asking.source.id, kept_ids(patient_id, asking.source.id, asking.local_ids)))
            wanted += [Grant(asking.source.id, each) for each in sorted(sections)]
    return RecordAsked(permit, tuple(entries), tuple(wanted))


def mark_of(kept: KeptOf) -> KeptMark:
    """As holdings would say it of the very same."""
    versions = sum(each.version for each in kept.resources)
    at = max((kept.at, *(each.at for each in kept.withdrawn)))
    return KeptMark(kept.source, len(kept.resources), versions, len(kept.withdrawn), at, kept.more)


def kept_ids(patient_id: PatientIds, source: str, local_ids: Iterable[str]) -> tuple[str, ...]:
    """Under which Patient resources what a source sent may lie: filed for it by us, or by itself under ids of its own."""
    return tuple(dict.fromkeys(each for id_ in local_ids for each in (patient_id(source, id_), id_)))


async def kept_one(
    calls: Calls, permit: Permit, about: Asking, resource_type: str, id_: str, patient_id: PatientIds
) -> Held:
    """One item as it is kept, of this person, within these sections.

    Raises:
        NotFound: it is not kept, or not for this permit. Unavailable: what is kept cannot be read.
    """
    entries = (KeptEntry(about.source.id, kept_ids(patient_id, about.source.id, about.local_ids)),)
    wanted = tuple(Grant(about.source.id, each) for each in sorted(about.sections))
    found = await calls.ask(RECORD, RecordAsked(permit, entries, wanted, (resource_type, id_)))
    if not found or not found[0].resources:
        raise NotFound("There is no such resource.")
    return found[0].resources[0]


async def kept_reply(
    asking: Asking, kept: KeptOf | None, read: Read, turns: Turns, patient_id: PatientIds, *, now: datetime
) -> Reply:
    """What is kept of one source, as a window would hand it back."""
    source = asking.source
    here = frozenset(each.section for each in source.sections if each.arrangement == "master") & asking.sections
    if kept is None:
        sections = tuple(
            SectionState(each, "not recorded", kept="here") if each in here
            else SectionState(each, "none held" if source.retired else "not asked", says=NOTHING_CAME)
            for each in SECTION_IDS if each in asking.sections
        )  # fmt: skip
        state = worst(tuple(each.state for each in sections))
        return Reply(source, state, "" if here == asking.sections else NOTHING_CAME, sections=sections, as_at=stamp(now))
    taken = Taken(asking, read, stamp(now))
    with _apart(source.id):
        async with turns.mine() as turn:
            await taken.page(_bundle((*kept.beside, *kept.resources)), "", turn)
            await taken.finish(turn)
            entries = []
            for each in taken.entries:
                entries.append(_marked(each, here))
                await turn.over()
    old = _too_old(kept.at, source.copy_good_s, now)
    states = tuple(_section(each, taken, kept, each in here, old) for each in SECTION_IDS if each in asking.sections)
    return Reply(
        source,
        _whole(states),
        "There is more than is read at once." if kept.more else "",
        kept_ids(patient_id, source.id, asking.local_ids),
        sections=states,
        entries=tuple(entries),
        said=tuple(taken.said),
        tally=taken.tally(),
        warnings=tuple(dict.fromkeys((*taken.warnings, *taken_back(kept.withdrawn)))),
        dropped=taken.dropped,
        as_at=stamp(now),
        kept="here" if here == asking.sections else "copy",
        copy_at=kept.at,
    )


def taken_back(withdrawn: Sequence[Withdrawn]) -> Iterator[str]:
    """A notice, so that what somebody read yesterday does not vanish in silence. Nothing of what it said."""
    if withdrawn:
        many = Counter(_KINDS.get(each.type, "item") for each in withdrawn)
        told = " and ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in many.items())
        yield f"{told} {WITHDRAWN}, last on {told_at(max(each.at for each in withdrawn))}"


@contextmanager
def _apart(source: str) -> Iterator[None]:
    """What is handed over as it is kept is told from what the source sent itself: both may bear one id."""
    outer = SENT.get()
    mine: dict[tuple[str, str, str], bytes] | None = None if outer is None else {}
    token = SENT.set(mine)
    try:
        yield
    finally:
        SENT.reset(token)
    if outer is not None and mine is not None:
        outer.update({(as_kept(source), type_, id_): raw for (_, type_, id_), raw in mine.items()})


def as_kept(source: str) -> str:
    return f"kept/{source}"


def _bundle(resources: Iterable[Held]) -> Bundle:
    return Bundle(ONE_PAGE, tuple([Resource(each.type, each.id, each.text) for each in resources]), (), ())


def _section(section: str, taken: Taken, kept: KeptOf, here: bool, old: bool) -> SectionState:
    count, broken = taken.shown_in.get(section, 0), taken.unreadable_in.get(section, 0)
    mark = "here" if here else "copy"
    if broken or kept.more:
        says = f"{count} of {'at least ' if kept.more else ''}{count + broken} shown"
        return SectionState(section, "incomplete", count, broken, count + broken, says, mark, kept.at)
    if old and not here:
        return SectionState(section, "out of date", count, 0, count, "", mark, kept.at)
    state = "not recorded" if not count else "live" if here else "copy"
    return SectionState(section, state, count, 0, count, "", mark, kept.at)


def _whole(states: Sequence[SectionState]) -> str:
    """The worst of its sections leads; one that holds nothing does not hide that the others do."""
    told = [each.state for each in states if each.count] or [each.state for each in states]
    return worst((*told, *(each.state for each in states if each.state in ("incomplete", "out of date"))))


def _marked(entry: Entry, here: frozenset[str]) -> Entry:
    """Of a copy, the time of its last update is that of its coming here: it says nothing of when the item itself was changed."""
    came_at = entry.facts.last_updated
    if entry.facts.section in here:
        return replace(entry, kept="here", came_at=came_at)
    return replace(entry, facts=replace(entry.facts, last_updated=""), kept="copy", came_at=came_at)


def _too_old(at: str, good_s: float, now: datetime) -> bool:
    return good_s > 0 and now - datetime.fromisoformat(at) > timedelta(seconds=good_s)


# --- live and kept


def _loading(copy: Reply) -> Reply:
    """Nothing that is asked for has been answered: a copy fills the wait, and no gap is closed by it."""
    asked = frozenset(each.section for each in copy.source.sections if each.arrangement in LIVE)
    sections = tuple(replace(each, state="loading") if each.section in asked else each for each in copy.sections)
    return replace(copy, state="loading", says="", sections=sections)


def together(said: Reply, copy: Reply, unasked: frozenset[str]) -> Reply:
    """What a source says now, and where it is silent or not asked (`unasked`), what is kept of it.

    An answer about somebody else discards the copies too: which of the two is wrong, nobody knows. A source that refuses this
    person's record (withheld there, not given) is not gone round by its copy.
    """
    copies = {each.section: each for each in copy.sections}
    now = {each.section: each for each in said.sections}
    if said.danger or said.choices:
        return _with(said, now | {id_: SectionState(id_, said.state, says=said.says) for id_ in copies.keys() & unasked})
    silent = frozenset(id_ for id_ in copies.keys() & now.keys() if now[id_].state in SILENT and not now[id_].count)
    if copy.danger:
        return _with(said, {id_: copies[id_] for id_ in unasked} | now, danger=copy.danger if silent or unasked else "")
    stands_in = frozenset(id_ for id_ in silent if copies[id_].count)
    taken = stands_in | (copies.keys() & unasked)
    entries = tuple([each for each in copy.entries if each.facts.section in taken])
    states = now | {id_: copies[id_] for id_ in taken}
    states |= {id_: replace(copies[id_], state="out of date", says=now[id_].says) for id_ in stands_in}
    if not entries:
        return _with(said, states)
    shown = tuple({copies[each.facts.section].state for each in entries})
    return _with(
        said,
        states,
        state="out of date" if stands_in else worst((said.state, *shown)),
        local_ids=(*said.local_ids, *copy.local_ids),
        entries=(*said.entries, *entries),
        said=(*said.said, *copy.said),
        tally=(*said.tally, *copy.tally),
        warnings=tuple(dict.fromkeys((*said.warnings, *copy.warnings))),
        mismatches=tuple(dict.fromkeys((*said.mismatches, *copy.mismatches))),
        strangers=said.strangers + copy.strangers,
        kept=copy.kept,
        copy_at=copy.copy_at,
    )


def _with(reply: Reply, states: Mapping[str, SectionState], /, **more: Any) -> Reply:
    return replace(reply, sections=tuple(states[each] for each in SECTION_IDS if each in states), **more)
