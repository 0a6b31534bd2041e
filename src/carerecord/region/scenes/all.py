"""All scenes of the tour, told at one moment."""

from dataclasses import dataclass
from datetime import datetime

from carerecord.region.scenes import (
    s01_gp_silent,
    s02_delabelled,
    s03_respect,
    s04_reconciliation,
    s05_hospital_only,
    s06_clozapine,
    s07_in_transit,
    s08_twins,
    s09_misbehaving,
    s10_unknown_man,
    s11_withdrawn,
    s15_maternity,
)
from carerecord.region.shapes import Holding, RegionPerson, Scene

_TELLERS = (
    s01_gp_silent.tell, s02_delabelled.tell, s03_respect.tell, s04_reconciliation.tell, s05_hospital_only.tell,
    s06_clozapine.tell, s07_in_transit.tell, s08_twins.tell, s09_misbehaving.tell,
    s10_unknown_man.tell, s11_withdrawn.tell, s15_maternity.tell,
)  # fmt: skip


@dataclass(frozen=True)
class AllTold:
    people: tuple[RegionPerson, ...]
    holdings: tuple[Holding, ...]
    scenes: tuple[Scene, ...]


def tell_scenes(now: datetime) -> AllTold:
    """Every scene; those with `complete` False are left out of the tour, their people are in the region all the same."""
    told = [tell(now) for tell in _TELLERS]
    return AllTold(
        people=tuple(person for _, part in told for person in part.people),
        holdings=tuple(holding for _, part in told for holding in part.holdings),
        scenes=tuple(scene for scene, _ in told),
    )
