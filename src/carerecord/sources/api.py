"""The door of sources."""

from dataclasses import dataclass
from pathlib import Path

from carerecord.contracts.sources import PROBE, REGISTRY
from carerecord.kit.part import Job, Part, Supplies, answer
from carerecord.kit.settings import read
from carerecord.sources.service import Keeper


@dataclass(frozen=True)
class SourcesSettings:
    """Read from the environment with the prefix CARERECORD_SOURCES_."""

    folder: str = ""  # of TOML files; "" = `sources` in the data folder


def build(supplies: Supplies) -> Part:
    settings = read(SourcesSettings, supplies.settings)
    keeper = Keeper(
        folder=Path(settings.folder) if settings.folder else supplies.data_dir / "sources",
        db=supplies.db,
        outbox=supplies.outbox,
        clock=supplies.clock,
        log=supplies.log,
        secrets=supplies.secrets,
    )
    return Part(
        "sources",
        answers=(answer(REGISTRY, keeper.answer_registry), answer(PROBE, keeper.answer_probe)),
        jobs=(Job("sources.watch", keeper.watch),),
        start=keeper.read,
    )
