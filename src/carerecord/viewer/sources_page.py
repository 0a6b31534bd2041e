"""How are the sources? For administrators: who takes part, what a probe finds, whose people are in, what was sent and shown."""

from collections.abc import Iterable, Mapping
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


FEW = 40  # sources: of more, the organisations whose sources are all well are folded


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

    @property
    def trouble(self) -> str:
        """What needs somebody, in a few words; "" where all is well."""
        enrolment = self.enrolment
        if self.probe and not self.probe.ok:
            return "Probe failed"
        if enrolment and enrolment.state in ("failed", "stopped"):
            return f"Enrolment {enrolment.state}"
        return f"{enrolment.unreadable} unreadable" if enrolment and enrolment.unreadable else ""

    @property
    def people(self) -> str:
        """How far its people are in."""
        if not self.enrolment:
            return "Not brought in yet" if self.asked else "By its messages"
        seen = self.enrolment.seen
        return f"{seen:,} {'person' if seen == 1 else 'people'}, {self.enrolment.state}"

    @property
    def open(self) -> bool:
        return self.probe is not None or bool(self.trouble)


@dataclass(frozen=True)
class Group:
    """The sources of one organisation, or of all that have one each."""

    title: str
    lines: tuple[SourceLine, ...]
    folded: bool


@dataclass(frozen=True)
class Counted:
    """What one source sent, by type."""

    name: str
    types: tuple[TypeCount, ...]

    @property
    def sent(self) -> int:
        return sum(each.sent for each in self.types)

    @property
    def shown(self) -> int:
        return sum(each.shown for each in self.types)

    @property
    def unreadable(self) -> int:
        return sum(each.unreadable for each in self.types)


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
    return visit.page(
        "sources.html", lines=lines, groups=grouped(lines), problems=registry.problems, counts=counted(counts, names), away=away
    )


def grouped(lines: Iterable[SourceLine]) -> tuple[Group, ...]:
    """By organisation, in the order of names; those of one source together at the end, for they are the practices.

    Where there are many, whatever is well is folded; what needs somebody never is.
    """
    found: dict[str, list[SourceLine]] = {}
    for line in lines:
        found.setdefault(f"{line.source.organisation_name} ({line.source.organisation})", []).append(line)
    many = sum(map(len, found.values())) > FEW
    groups = {name: found[name] for name in sorted(found) if len(found[name]) > 1}
    if alone := [found[name][0] for name in sorted(found) if len(found[name]) == 1]:
        groups["Organisations of one source" if groups else "One source each"] = alone
    return tuple(Group(name, tuple(own), many and not any(line.open for line in own)) for name, own in groups.items())


def counted(counts: Iterable[TypeCount], names: Mapping[str, str]) -> tuple[Counted, ...]:
    """What each source sent; those of which something could not be shown first."""
    found: dict[str, list[TypeCount]] = {}
    for each in counts:
        found.setdefault(each.source, []).append(each)
    told = (Counted(names.get(source, source), tuple(types)) for source, types in found.items())
    return tuple(sorted(told, key=lambda each: (not each.unreadable, each.shown == each.sent, each.name)))
