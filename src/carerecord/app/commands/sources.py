"""What can an operator say of the sources?"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from carerecord.app import overlap
from carerecord.app.board import board_lines, probe_facts
from carerecord.app.commands.terminal import err, fail, family, gate_with, out, run, say
from carerecord.app.operator import operator_calls
from carerecord.app.try_mapping import try_mapping
from carerecord.contracts.ingest import ENROL_SOURCE, ENROLMENTS, EnrolmentsAsked, EnrolSourceAsked
from carerecord.contracts.sources import (
    BOARD,
    PROBE,
    REGISTRY,
    STAGE,
    BoardAsked,
    Probe,
    ProbeAsked,
    RegistryAsked,
    Sender,
    StageAsked,
)
from carerecord.kit.errors import CareRecordError

PROBES_AT_ONCE = 8

app = family("Who takes part, and is each reached?")


@app.command("list")
def list_sources() -> None:
    """The sources in force, and what could not be read."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            registry = (await calls.ask(REGISTRY, RegistryAsked())).registry
        assert registry is not None
        for each in registry.sources:
            way = {"fhir_r4": "", "none": ", sends and is not asked"}.get(each.connector, f", by {each.connector}")
            retired = ", retired" if each.retired else ""
            says = f"[bold]{each.id}[/bold]  {each.name} ({each.organisation}, {each.kind}{way}{retired})"
            out.print(says, highlight=False, soft_wrap=True)
            out.print(f"    {', '.join(shared.section for shared in each.sections)}", highlight=False)
            for sender in registry.senders:
                if sender.source == each.id:
                    out.print(f"    sent by {sender.id}{_sends_as(sender)}", highlight=False, soft_wrap=True)
        for problem in registry.problems:
            err.print(f"  cannot be read: {problem}", highlight=False)

    run(ask())


def _sends_as(sender: Sender) -> str:
    """As what, in MSH-3 and MSH-4; one without any sends files, or over HTTP."""
    named = ", ".join(f"{application} of {facility}" for application, facility in sender.sends_as)
    return (f", as {named}" if named else "") + (", retired" if sender.retired else "")


@app.command("probe")
def probe_source(
    name: Annotated[str, typer.Argument(help="A source's id.")] = "",
    all_sources: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
) -> None:
    """Connect to a source as the record would, try each section that it shares, and say in plain words what is wrong."""

    async def ask() -> bool:
        async with operator_calls(gate_with(), deadline_s=120.0) as calls:
            registry = (await calls.ask(REGISTRY, RegistryAsked())).registry
            assert registry is not None
            names = [each.id for each in registry.sources] if all_sources else [name]
            well = True
            room = asyncio.Semaphore(PROBES_AT_ONCE)

            async def one(source: str) -> Probe | CareRecordError:
                async with room:
                    try:
                        return await calls.ask(PROBE, ProbeAsked(source))
                    except CareRecordError as error:
                        if not all_sources:
                            raise
                        return error  # that one cannot be probed hides no other

            asked = [asyncio.ensure_future(one(each)) for each in names]
            for id_, each in zip(names, asked, strict=True):  # told in the registry's order
                found = await each
                if isinstance(found, CareRecordError):
                    well = False
                    out.print(f"[bold]{id_}[/bold] could not be probed: {found.says}", highlight=False, soft_wrap=True)
                    continue
                well = well and found.ok
                out.print(f"[bold]{found.source}[/bold] {'answers' if found.ok else 'needs attention'}", highlight=False)
                for check in found.checks:
                    mark = "[green]ok[/green]    " if check.ok else "[red]wrong[/red] "
                    says = f"  {mark} {check.what}: {check.says} ({check.elapsed_s * 1000:.0f} ms)"
                    out.print(says, highlight=False, soft_wrap=True)
                for line in (*probe_facts(found), f"probe {found.id}"):
                    out.print(f"         {line}", highlight=False, soft_wrap=True)
            return well

    if not name and not all_sources:
        fail("Say which source, or --all. `carerecord sources list` names them.")
    if not run(ask()):
        raise SystemExit(1)


@app.command("board")
def board_of_sources(name: Annotated[str, typer.Argument(help="One source's id; else every source.")] = "") -> None:
    """How far each source is: tested, open to whom, certificate, coverage, waiting times."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(BOARD, BoardAsked())
        if name and name not in {each.id for each in found.sources}:
            fail(f"No source is called {name}. `carerecord sources list` names them.")
        for line in board_lines(found, name):
            print(line)

    run(ask())


@app.command("stage")
def stage_source(
    name: Annotated[str, typer.Argument(help="A source's id.")],
    section: Annotated[str, typer.Argument(help="A section that it shares, or all.")],
    stage: Annotated[str, typer.Argument(help="off, safety-testers, organisations or everyone.")],
    tester: Annotated[str, typer.Option("--as", help="The id of a safety tester whom the registry's files name.")],
    evidence: Annotated[str, typer.Option(help="The id of a passing probe; to open it wider needs one.")] = "",
    organisation: Annotated[list[str] | None, typer.Option(help="With organisations: an ODS code; may be said again.")] = None,
) -> None:
    """Open a section of a source to more people, or to fewer."""

    async def ask() -> None:
        asked = StageAsked(name, section, stage, tuple(organisation or ()), evidence, tester=tester)
        async with operator_calls(gate_with()) as calls:
            done = await calls.ask(STAGE, asked)
        for each in done.sections:
            print(f"{done.source}  {each.section:<14} {' '.join((each.stage, *each.organisations))}")

    run(ask())


@app.command("try-mapping")
def try_mapping_file(
    file: Annotated[Path, typer.Argument(help="A mapping of the connector rest_json.", exists=True, dir_okay=False)],
    write: Annotated[bool, typer.Option(help="Keep what came out as what is expected.")] = False,
) -> None:
    """Run a mapping's own test cases, and say in plain words what differs and which fields are not carried."""
    if not try_mapping(file, write=write, out=out):
        raise SystemExit(1)


@app.command("overlap")
def overlap_of_sources(
    files: Annotated[list[Path], typer.Argument(help="A source's Patients (NDJSON), named by it.", exists=True, dir_okay=False)],
    write: Annotated[Path | None, typer.Option(help="A new file (CSV): who is who, and beside whom a human would look.")] = None,
) -> None:
    """Link whole extracts as the index would, and say what would come of it. Exit 1 where a line cannot be read."""
    every = [overlap.read(file) for file in files]
    if len({each.source for each in every}) < len(every):
        fail("Two files are named for one source. Put its Patients into one file: a source is judged as a whole.")
    if write is not None and write.exists():
        fail(f"{write} is there already. Name a file that is not.")
    people, found = overlap.overlap(every)
    if write is not None:
        overlap.write(write, people, found)
    print(overlap.told(people, found))
    faults = [fault for each in every for fault in each.faults]
    for fault in faults:
        say(f"cannot be read: {fault}")
    if faults:
        raise SystemExit(1)


@app.command("enrol")
def enrol_source(name: Annotated[str, typer.Argument(help="A source's id.")]) -> None:
    """Go through a source's people and let the index know them; goes on where it stopped."""

    async def ask() -> str:
        async with operator_calls(gate_with()) as calls:
            done = await calls.ask(ENROL_SOURCE, EnrolSourceAsked(name))
            with err.status(f"enrolling {name}") as status:
                while done.state in ("waiting", "running"):
                    await asyncio.sleep(0.3)
                    every = await calls.ask(ENROLMENTS, EnrolmentsAsked())
                    done = next((each for each in every if each.source == name), done)
                    status.update(f"enrolling {name}: {done.seen} seen")
        out.print(
            f"{name}: {done.state}; {done.seen} seen, {done.new} new, {done.linked} linked, {done.changed} changed, "
            f"{done.unchanged} unchanged, {done.review} for review, {done.unreadable} unreadable. {done.says}".rstrip(),
            highlight=False,
            soft_wrap=True,
        )
        return done.state

    if run(ask()) != "done":
        raise SystemExit(1)
