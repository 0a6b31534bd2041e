"""How are the sources? For administrators: who takes part, what a probe finds, whose people are in, what was sent and shown."""

from dataclasses import dataclass

from starlette.responses import Response

from carerecord.contracts.ingest import ENROL_SOURCE, ENROLMENTS, Enrolment, EnrolmentsAsked, EnrolSourceAsked
from carerecord.contracts.records import COUNTS, CountsAsked, TypeCount
from carerecord.contracts.sources import PROBE, REGISTRY, Probe, ProbeAsked, RegistryAsked, Source
from carerecord.fhir.sections import SECTIONS
from carerecord.kit.errors import NotFound, Unavailable
from carerecord.viewer.visit import Visit

# How a source is reached, in words. What is reached in no way sends to us, and is never asked.
_REACHED = {
    "fhir_r4": "FHIR R4", "gp_connect": "GP Connect", "rest_json": "an API of its own, by a mapping",
    "documents": "a document registry", "pds": "the Personal Demographics Service", "none": "not asked: it sends messages",
}  # fmt: skip


@dataclass(frozen=True)
class SourceLine:
    source: Source
    sections: tuple[str, ...]
    enrolment: Enrolment | None
    probe: Probe | None = None

    @property
    def asked(self) -> bool:
        return self.source.connector != "none"

    @property
    def reached(self) -> str:
        return _REACHED.get(self.source.connector, self.source.connector)


async def sources(visit: Visit) -> Response:
    return await _page(visit)


async def probe(visit: Visit) -> Response:
    """Connect, read what the source says of itself, try each section; what is wrong, in plain words."""
    await visit.must("probe")
    name = str(visit.request.path_params["source"])
    found: Probe = await visit.face.calls.ask(PROBE, ProbeAsked(name, visit.actor))
    return await _page(visit, found)


async def enrol(visit: Visit) -> Response:
    await visit.must("enrol")
    name = str(visit.request.path_params["source"])
    await visit.face.calls.ask(ENROL_SOURCE, EnrolSourceAsked(name, visit.actor))
    return visit.go(f"/sources#{name}")


async def _page(visit: Visit, probed: Probe | None = None) -> Response:
    await visit.must("sources-read")
    registry = (await visit.face.calls.ask(REGISTRY, RegistryAsked())).registry
    if registry is None:
        raise NotFound("The registry of sources is empty.")
    away: list[str] = []
    enrolments: dict[str, Enrolment] = {}
    counts: tuple[TypeCount, ...] = ()
    try:
        enrolments = {each.source: each for each in await visit.face.calls.ask(ENROLMENTS, EnrolmentsAsked())}
    except Unavailable as error:
        away.append(error.says)
    try:
        counts = await visit.face.calls.ask(COUNTS, CountsAsked())
    except Unavailable as error:
        away.append(error.says)
    lines = tuple(
        SourceLine(
            each, tuple(SECTIONS[shared.section].title for shared in each.sections if shared.section in SECTIONS),
            enrolments.get(each.id), probed if probed and probed.source == each.id else None,
        )
        for each in registry.sources
    )  # fmt: skip
    names = {each.id: each.name for each in registry.sources}
    return visit.page("sources.html", lines=lines, problems=registry.problems, counts=counts, names=names, away=away)
