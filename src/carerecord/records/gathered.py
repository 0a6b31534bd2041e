"""What is handed to a system that asks for a person's record? Resources as their sources sent them or as they are kept, under
the same permit, judged and written down as a page is; with the state of every source.
"""

from collections.abc import Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from msgspec import Raw
from msgspec.structs import replace

from carerecord.connectors.fhir_r4_take import SENT
from carerecord.contracts.permit import Grant
from carerecord.contracts.records import GatherAsked, Gathered, OpenAsked, Record, Sent
from carerecord.fhir.sections import SECTIONS
from carerecord.records.attention import MISSING
from carerecord.records.kept import as_kept
from carerecord.records.service import Desk, Opened

Key = tuple[str, str, str]  # source, type, id


@dataclass
class Fetcher:
    """Leans on the desk: an opening like any other, of which the resources are held until it is whole."""

    desk: Desk

    async def gather(self, asked: GatherAsked) -> Gathered:
        """Everything, once the last source has answered or been given up.

        Raises:
            Refused, NotFound, Unavailable: as when a record is opened.
        """
        desk = self.desk
        person, degraded = await desk.who(OpenAsked(asked.actor, asked.patient, asked.reason))
        opened = await desk.permitted(asked.actor, person, asked.reason, request=asked.request, degraded=degraded)
        if asked.types:
            opened = _of_types(opened, asked.types)
        sent: dict[Key, bytes] = {}
        token = SENT.set(sent)
        record: Record | None = None
        try:
            async with aclosing(desk.chunks(opened, "record-opened", None, "")) as chunks:
                async for chunk in chunks:
                    record = chunk
        finally:
            SENT.reset(token)
        assert record is not None
        shown = [each for section in record.sections for each in section.entries]
        wanted = frozenset(asked.types)
        who = Grant("", "demographics") in opened.permit.grants
        resources = tuple(_resources(record, sent, wanted, who=who))
        waiting = sum(bool(each.mismatch) for each in shown)
        missing = tuple(f"{each.title}. {each.says}" for each in record.attention if each.rule in MISSING)
        return Gathered(
            record.opening, record.at, record.states, resources, record.withheld, record.unnamed, waiting, missing,
            record.person.demographics.death_doubted if who else "",
        )  # fmt: skip


def _of_types(opened: Opened, types: Iterable[str]) -> Opened:
    """The opening of those sections alone that such types fill: what is not wanted is not asked for."""
    wanted = frozenset(each.id for each in SECTIONS.values() if any(search.type in types for search in each.searches))
    choices = (
        replace(each, sections=each.sections & wanted, kept=each.kept & wanted, unasked=each.unasked & wanted)
        for each in opened.choices
    )
    return replace(opened, choices=tuple(each for each in choices if each.sections))


def _resources(record: Record, sent: dict[Key, bytes], types: frozenset[str], *, who: bool) -> Iterator[Sent]:
    """By source and type. What waits behind a warning is not handed over: a bundle has no place for the warning."""
    seen: set[Key] = set()
    for section in record.sections:
        for entry in section.entries:
            for origin in entry.origins:
                key = (as_kept(origin.source) if origin.kept else origin.source, origin.resource_type, origin.id)
                if entry.mismatch or key in seen or key not in sent or (types and origin.resource_type not in types):
                    continue
                seen.add(key)
                yield Sent(origin.source, *key[1:], Raw(sent[key]), origin.kept, origin.came_at)
    if who and (not types or "Patient" in types):
        yield from _patients(record, sent)


def _patients(record: Record, sent: dict[Key, bytes]) -> Iterator[Sent]:
    """Who each source says that this is: in its own words, or as it is kept."""
    doubtful = {each.source for each in record.mismatches}
    for state in record.states:
        if state.source in doubtful or state.state == "discarded":
            continue
        # A copy of which nothing is shown is discarded, or stands in for nothing.
        places = ((state.source, ""), (as_kept(state.source), state.kept)) if state.kept else ((state.source, ""),)
        for place, kept in places:
            found = [(id_, raw) for (source, type_, id_), raw in sent.items() if source == place and type_ == "Patient"]
            came_at = state.copy_at if kept else ""
            yield from (Sent(state.source, "Patient", id_, Raw(raw), kept, came_at) for id_, raw in found)
            if found:
                break
