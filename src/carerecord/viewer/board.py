"""How far is each source: connected, tested, open to whom, answering? For administrators and clinical safety officers.

Numbers, names of systems and who opened what; nobody whose record it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from starlette.responses import Response

from carerecord.contracts.sources import (
    BOARD,
    PROBE,
    STAGE,
    BoardAsked,
    BoardSection,
    BoardSource,
    ProbeAsked,
    SharedSection,
    StageAsked,
)
from carerecord.fhir.sections import SECTIONS
from carerecord.kit.errors import NotAcceptable, NotUnderstood
from carerecord.pages.formatting import joined
from carerecord.viewer.visit import Visit

STAGES: Mapping[str, str] = {
    "off": "Off", "safety-testers": "Safety testers", "organisations": "Named organisations", "everyone": "Everyone",
}  # fmt: skip
ENDS_SOON_DAYS = 30
SELDOM, ENOUGH = 0.9, 10  # answers fewer than this share of the openings that asked it, where there were enough to tell
SLOW_S = 4.0
MANY = 12  # sources: with more than these only those in trouble are spread out
NEVER = "Open, and never probed"


@dataclass(frozen=True)
class SectionLine:
    title: str
    section: BoardSection
    open_to: str
    answered: str  # 94%
    held: str


@dataclass(frozen=True)
class Line:
    source: BoardSource
    troubles: tuple[str, ...]  # what needs somebody, worst first
    stage: str  # in one phrase
    place: int  # 0 open to everyone · 1 on the way · 2 off · 3 shares no section
    sections: tuple[SectionLine, ...]
    certificate: str
    wait: str
    open: bool = False  # shown unfolded

    @property
    def group(self) -> int:
        """Its place in GROUPS."""
        if self.troubles:
            return 1 if self.troubles == (NEVER,) else 0
        return 2 + (2, 0, 1, 3)[self.place]


GROUPS = ("Needs somebody", "Open, and never probed", "On the way", "Off", "Open to everyone", "Asked for no section")


@dataclass(frozen=True)
class Group:
    """Lines of one kind. Where there are many sources, only those in trouble are spread out."""

    title: str
    lines: tuple[Line, ...]
    folded: bool

    @property
    def open(self) -> bool:
        return any(line.open for line in self.lines)


async def board(visit: Visit) -> Response:
    return await _page(visit, opened=visit.request.query_params.get("open", ""))


async def probe(visit: Visit) -> Response:
    """Probe one source; what was found is kept, and stands on the page that follows."""
    await visit.must("board-read")
    await visit.must("probe")
    found = await visit.face.calls.ask(PROBE, ProbeAsked(str(visit.request.path_params["source"]), visit.actor))
    return _back_to(visit, found.source)


async def stage(visit: Visit) -> Response:
    """Open a section wider, or narrow it. What is wrong with the form or the evidence is told above it."""
    await visit.must("board-read")
    await visit.must("stage-write")
    source = str(visit.request.path_params["source"])
    named = tuple(dict.fromkeys(each.upper() for each in visit.sent("organisations").replace(",", " ").split()))
    wanted = visit.sent("stage")
    asked = StageAsked(
        source, visit.sent("section"), wanted, named if wanted == "organisations" else (), visit.sent("evidence"), visit.actor
    )
    try:
        await visit.face.calls.ask(STAGE, asked)
    except (NotAcceptable, NotUnderstood) as error:
        return await _page(visit, opened=source, fault=error.says, status=error.status)
    return _back_to(visit, source)


def _back_to(visit: Visit, source: str) -> Response:
    return visit.go(f"/board?open={quote(source, safe='')}#{quote(source, safe='')}")


async def _page(visit: Visit, *, opened: str = "", fault: str = "", status: int = 200) -> Response:
    await visit.must("board-read")
    found = await visit.face.calls.ask(BOARD, BoardAsked())
    lines = lines_of(found.sources, now=visit.face.clock.now(), opened=opened)
    return visit.page(
        "board.html", status, board=found, lines=lines, groups=groups(lines), tally=tally(lines), stages=STAGES, fault=fault,
        faulty=opened,
        may_probe=await visit.may("probe"), may_stage=await visit.may("stage-write"),
    )  # fmt: skip


def lines_of(sources: Sequence[BoardSource], *, now: datetime, opened: str = "") -> tuple[Line, ...]:
    """What needs somebody first, the most trouble at the top; then what is on the way, what is off, what is open to everyone."""
    lines = [_line(each, now, opened) for each in sources]
    return tuple(sorted(lines, key=lambda line: (line.group, _calm(line.source), -len(line.troubles), line.source.name)))


def groups(lines: Sequence[Line]) -> tuple[Group, ...]:
    """The lines under what they have in common, none lost."""
    many = len(lines) > MANY
    found = [(place, title, tuple(line for line in lines if line.group == place)) for place, title in enumerate(GROUPS)]
    return tuple(Group(title, of, many and place > 0) for place, title, of in found if of)


def _calm(source: BoardSource) -> bool:
    """No probe of it failed: what is wrong with it does not yet keep anybody from its answers."""
    return source.probe is None or source.probe.ok


def tally(lines: Sequence[Line]) -> str:
    places = [line.place for line in lines]
    words = ("open to everyone", "on the way", "off", "asked for no section")
    told = [f"{places.count(place)} {said}" for place, said in enumerate(words) if place in places]
    return joined(told)


def _line(source: BoardSource, now: datetime, opened: str) -> Line:
    place, said = _stage(source)
    sections = tuple(_section(each) for each in source.sections)
    certificate, unfolded = _certificate(source, now), source.id == opened
    return Line(source, tuple(_troubles(source, now)), said, place, sections, certificate, _wait(source), unfolded)


def _stage(source: BoardSource) -> tuple[int, str]:
    stages = [each.shared.stage for each in source.sections]
    if not stages:
        return 3, "Asked for no section"
    if len(set(stages)) == 1:
        return {"off": 2, "everyone": 0}.get(stages[0], 1), _open_to(source.sections[0].shared, whole=True)
    wide = [f"{stages.count(each)} {words.lower()}" for each, words in STAGES.items() if each in stages]
    return 1, f"{len(stages)} sections: {joined(reversed(wide))}"


def _open_to(shared: SharedSection, *, whole: bool = False) -> str:
    if shared.stage == "organisations":
        return f"{'Open to ' if whole else ''}{joined(shared.organisations)}"
    words = STAGES.get(shared.stage, shared.stage)
    return f"Open to {words.lower()}" if whole and shared.stage != "off" else words


def _section(each: BoardSection) -> SectionLine:
    title = SECTIONS[each.shared.section].title if each.shared.section in SECTIONS else each.shared.section
    seen = each.seen
    return SectionLine(title, each, _open_to(each.shared), _share(seen.answered, seen.asked), _share(seen.held, seen.asked))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "–"


def _troubles(source: BoardSource, now: datetime) -> Sequence[str]:
    found: list[str] = []
    if source.retired:
        return found
    if source.probe is not None and not source.probe.ok:
        found.append("The last probe found something wrong")
    if source.probe is None and any(each.shared.stage != "off" for each in source.sections):
        found.append(NEVER)
    certificate = source.probe.certificate if source.probe else None
    if certificate is not None and not certificate.trusted:
        found.append("Its certificate is not trusted")
    elif certificate is not None and _days_left(certificate.good_until, now) < ENDS_SOON_DAYS:
        found.append(f"Its certificate {_ends(certificate.good_until, now)}")
    if source.asked >= ENOUGH and source.answered < SELDOM * source.asked:
        found.append(f"Answered {source.answered} of {source.asked} openings")
    if source.p95_s is not None and source.p95_s > SLOW_S:
        found.append(f"5 answers in 100 take longer than {source.p95_s:.1f} s")
    return found


def _days_left(until: str, now: datetime) -> int:
    return (datetime.fromisoformat(until) - now) // timedelta(days=1)


def _ends(until: str, now: datetime) -> str:
    days = _days_left(until, now)
    return "has ended" if days < 0 else "ends today" if days == 0 else f"ends in {days} day{'' if days == 1 else 's'}"


def _certificate(source: BoardSource, now: datetime) -> str:
    if source.probe is None:
        return "Not known before a probe"
    if source.probe.certificate is None:
        return "None shown: not reached, or the way there is not encrypted"
    certificate = source.probe.certificate
    return certificate.says or _ends(certificate.good_until, now).capitalize()


def _wait(source: BoardSource) -> str:
    if source.p50_s is None or source.p95_s is None:
        return ""
    return f"half within {_seconds(source.p50_s)}, 95 in 100 within {_seconds(source.p95_s)}"


def _seconds(took_s: float) -> str:
    return f"{took_s:.1f} s" if took_s >= 1 else f"{took_s * 1000:.0f} ms"
