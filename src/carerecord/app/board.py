"""How is the state of every source said at a terminal? One block for each source, what needs somebody first."""

from collections.abc import Iterator
from datetime import datetime

from carerecord.contracts.sources import Board, BoardSection, BoardSource, Probe

STAGE_WORDS = {"off": "off", "safety-testers": "safety testers", "everyone": "everyone"}


def board_lines(board: Board, only: str = "") -> Iterator[str]:
    """The board as plain lines, in the order of its page. `only`: one source."""
    from carerecord.viewer.board import lines_of  # here: no other command needs what pages need

    for line in lines_of(board.sources, now=datetime.fromisoformat(board.at)):
        if not only or line.source.id == only:
            yield from _source(line.source, line.troubles)
    if not only:
        yield from (f"cannot be read: {problem}" for problem in board.problems)
        yield f"Numbers of openings since {board.since[:10]}. A passing probe is evidence for {board.evidence_days} days."


def _source(source: BoardSource, troubles: tuple[str, ...]) -> Iterator[str]:
    yield f"{source.id}  {source.name}, {source.organisation_name} ({source.organisation}){', retired' if source.retired else ''}"
    if troubles:
        yield f"  TROUBLE    {'; '.join(troubles)}"
    yield f"  tested     {_tested(source)}"
    for line in probe_facts(source.probe):
        yield f"  {line}"
    for stage, names in _by_stage(source.sections):
        yield f"  off        {', '.join(names)}" if stage == "off" else f"  open to    {stage}: {', '.join(names)}"
    yield f"  answered   {_answered(source)}"
    worth = [_coverage(each) for each in source.sections if each.seen.asked]
    if worth:
        yield f"  coverage   {', '.join(worth)} (openings in which it answered / held something)"
    if source.unmapped:
        systems = ", ".join(f"{each.count} of {each.system or 'no code at all'}" for each in source.unmapped[:5])
        yield f"  unmapped   {sum(each.count for each in source.unmapped)} items: {systems}"
    yield ""


def _tested(source: BoardSource) -> str:
    if source.probe is None:
        return f"never; carerecord sources probe {source.id}"
    said = "passed" if source.probe.ok else "something is wrong"
    worth = f"; evidence {source.evidence}" if source.evidence else "; no probe here would open a section now"
    return f"{said}, probe {source.probe.id}, {source.probe.at[:16].replace('T', ' ')} {_by(source.probe.by)}{worth}"


def _by(who: str) -> str:
    return who if who == "at the command line" else f"by {who}"


def probe_facts(probe: Probe | None) -> Iterator[str]:
    """What else a probe brought home."""
    if probe and probe.certificate:
        until, trusted = probe.certificate.good_until[:10], probe.certificate.trusted
        yield f"certificate good until {until}" if trusted else f"certificate, until {until}: {probe.certificate.says}"


def _by_stage(sections: tuple[BoardSection, ...]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for each in sections:
        stage = each.shared.stage
        said = STAGE_WORDS.get(stage) or f"organisations {', '.join(each.shared.organisations)}"
        found.setdefault(said, []).append(each.shared.section)
    yield from found.items()


def _answered(source: BoardSource) -> str:
    if not source.asked:
        return "not asked yet"
    times = ""
    if source.p50_s is not None and source.p95_s is not None:
        times = f"; half within {source.p50_s * 1000:.0f} ms, 95 in 100 within {source.p95_s * 1000:.0f} ms"
    last = f"; last {source.last_answer[:16].replace('T', ' ')}" if source.last_answer else ""
    return f"{source.answered} of {source.asked} openings{times}{last}"


def _coverage(each: BoardSection) -> str:
    share = 100 / each.seen.asked
    return f"{each.shared.section} {each.seen.answered * share:.0f}% / {each.seen.held * share:.0f}%"
