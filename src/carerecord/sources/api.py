"""The door of sources."""

from dataclasses import dataclass
from pathlib import Path

from carerecord.contracts.sources import BOARD, OBSERVED, PROBE, REGISTRY, STAGE
from carerecord.kit.errors import BadSetting
from carerecord.kit.part import Job, Part, Supplies, answer
from carerecord.kit.settings import read
from carerecord.sources.service import Keeper


@dataclass(frozen=True)
class SourcesSettings:
    """Read from the environment with the prefix CARERECORD_SOURCES_."""

    folder: str = ""  # of TOML files and spreadsheets; "" = `sources` in the data folder
    evidence_days: int = 7  # for how long a passing probe opens a section

    def __post_init__(self) -> None:
        if not 1 <= self.evidence_days <= 90:
            raise BadSetting("evidence_days lies between 1 and 90")


def build(supplies: Supplies) -> Part:
    settings = read(SourcesSettings, supplies.settings)
    keeper = Keeper(
        folder=Path(settings.folder) if settings.folder else supplies.data_dir / "sources",
        db=supplies.db,
        outbox=supplies.outbox,
        clock=supplies.clock,
        log=supplies.log,
        secrets=supplies.secrets,
        evidence_days=settings.evidence_days,
    )
    return Part(
        "sources",
        answers=(
            answer(REGISTRY, keeper.answer_registry),
            answer(PROBE, keeper.answer_probe),
            answer(STAGE, keeper.answer_stage),
            answer(OBSERVED, keeper.answer_observed),
            answer(BOARD, keeper.answer_board),
        ),
        jobs=(Job("sources.watch", keeper.watch),),
        start=keeper.read,
        about=lambda: {"modules": keeper.registry.modules or "all", "sources": len(keeper.registry.sources)},
    )
