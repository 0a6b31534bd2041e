"""The door of the porter."""

import time
from dataclasses import dataclass

from carerecord.connectors.pds import Pds, Turns
from carerecord.connectors.web import Web
from carerecord.contracts.ingest import ENROL_SOURCE, ENROLMENTS
from carerecord.ingest.enrol import Enroller
from carerecord.ingest.service import Porter
from carerecord.ingest.trace import Tracer
from carerecord.kit import settings
from carerecord.kit.errors import BadSetting
from carerecord.kit.part import Job, Part, Supplies, answer


@dataclass(frozen=True)
class IngestSettings:
    """Read from the environment with the prefix CARERECORD_INGEST_."""

    sources_at_once: int = 3  # gone through at the same time; each holds a database connection for a moment a page
    traces_per_s: float = 5.0  # what the PDS allows one application

    def __post_init__(self) -> None:
        if self.sources_at_once < 1:
            raise BadSetting("sources_at_once is at least 1")
        if not 0 < self.traces_per_s <= 1000:
            raise BadSetting("traces_per_s lies above 0 and at most 1000")


def build(supplies: Supplies) -> Part:
    told = settings.read(IngestSettings, supplies.settings)
    web = Web(supplies.secrets)
    enroller = Enroller(supplies.calls, supplies.db, web, supplies.clock, supplies.log, told.sources_at_once)
    tracer = Tracer(enroller, Pds(web, Turns(told.traces_per_s, time.monotonic)))
    porter = Porter(enroller, supplies.outbox)
    return Part(
        supplies.name,
        answers=(answer(ENROL_SOURCE, porter.enrol_source), answer(ENROLMENTS, porter.enrolments)),
        jobs=(Job("ingest.enrol", enroller.work), Job("ingest.trace", tracer.work)),
        stop=web.close,
    )
