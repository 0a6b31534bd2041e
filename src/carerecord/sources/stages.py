"""To whom is a section open? The file's word, what was set since, and the file's ceiling become one stage. Pure."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from carerecord.contracts.sources import Registry, SharedSection, Source

OFF, TESTERS, NAMED, EVERYONE = STAGES = ("off", "safety-testers", "organisations", "everyone")  # from narrow to wide
WORDS = {OFF: "off", TESTERS: "safety testers", NAMED: "named organisations", EVERYONE: "everyone"}


class Set(Struct, frozen=True):
    """A stage that somebody set, and with what in hand."""

    stage: str
    organisations: tuple[str, ...]
    by: str
    at: datetime
    evidence: str = ""


SetStages = Mapping[tuple[str, str], Set]  # by source and section


def rank(stage: str) -> int:
    return STAGES.index(stage)


def wider(now: SharedSection, stage: str, organisations: tuple[str, ...]) -> bool:
    """Whether somebody would see it then who does not now."""
    if rank(stage) != rank(now.stage):
        return rank(stage) > rank(now.stage)
    return stage == NAMED and not set(organisations) <= set(now.organisations)


def in_force(written: Registry, changed: SetStages) -> tuple[Source, ...]:
    """The sources of the files, each section at the stage that holds: what was set last, and never wider than the file allows."""
    return tuple(
        replace(each, sections=tuple(_stage(each.id, shared, changed) for shared in each.sections)) for each in written.sources
    )


def _stage(source: str, shared: SharedSection, changed: SetStages) -> SharedSection:
    said = changed.get((source, shared.section))
    if said is None:
        return shared
    if rank(said.stage) <= rank(shared.ceiling):
        return replace(shared, stage=said.stage, organisations=said.organisations)
    # The ceiling was lowered after it was set: whom the file does not name sees nothing.
    return replace(shared, stage=shared.ceiling, organisations=shared.organisations if shared.ceiling == NAMED else ())
