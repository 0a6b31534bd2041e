"""How far is each source, from connected to open to everyone? What was set, probed and seen, put side by side. Pure."""

from collections.abc import Mapping
from datetime import datetime

from carerecord.contracts.sources import Board, BoardSection, BoardSource, Probe, Registry, SectionSeen, SharedSection, Source
from carerecord.kit.clock import stamp
from carerecord.kit.waits import percentile_s
from carerecord.sources.model import reached_as
from carerecord.sources.stages import Set, SetStages
from carerecord.sources.store.seen import Seen


def board(
    registry: Registry, changed: SetStages, probes: Mapping[str, Probe], good: Mapping[tuple[str, str], str],
    seen: Mapping[str, Seen], *, now: datetime, since: datetime, evidence_days: int,
) -> Board:  # fmt: skip
    """`good` are the passing probes that are not too old, by source and how it was reached."""
    lines = tuple(
        _line(each, changed, probes.get(each.id), good.get((each.id, reached_as(each)), ""), seen.get(each.id, Seen()))
        for each in registry.sources
    )
    return Board(stamp(now), stamp(since), lines, registry.problems, evidence_days)


def _line(source: Source, changed: SetStages, probe: Probe | None, evidence: str, seen: Seen) -> BoardSource:
    return BoardSource(
        id=source.id, name=source.name, organisation=source.organisation, organisation_name=source.organisation_name,
        mark=source.mark, kind=source.kind, connector=source.connector, retired=source.retired, probe=probe, evidence=evidence,
        sections=tuple(_section(each, changed.get((source.id, each.section)), seen) for each in source.sections),
        asked=seen.asked, answered=seen.answered, p50_s=percentile_s(seen.waits, 0.5), p95_s=percentile_s(seen.waits, 0.95),
        last_answer=stamp(seen.last_answer) if seen.last_answer else "", unmapped=seen.codes,
    )  # fmt: skip


def _section(shared: SharedSection, said: Set | None, seen: Seen) -> BoardSection:
    numbers = seen.sections.get(shared.section, SectionSeen(shared.section, 0, 0, 0))
    if said is None:
        return BoardSection(shared, numbers)
    return BoardSection(shared, numbers, said.by, stamp(said.at), said.evidence)
