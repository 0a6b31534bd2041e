"""What can be said on the command line? Each command in a few lines; the work is elsewhere."""

import asyncio
import json
import os
import sys
import traceback
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from carerecord.app import clients
from carerecord.app.apart import serve_apart
from carerecord.app.apart_door import LIST, REPLACE, START, STOP, ApartAsked
from carerecord.app.board import board_lines, probe_facts
from carerecord.app.catalogue import CATALOGUE, NAMES, chosen, service
from carerecord.app.engine import EngineError
from carerecord.app.engines import engines
from carerecord.app.gate import Gate, secret_of, told_databases
from carerecord.app.house import kept, stoppable, stopped_by_term, until_signalled
from carerecord.app.modules import named, registry_folder, serve_all, serve_modules, served_modules
from carerecord.app.operator import apart_calls, operator_calls
from carerecord.app.try_mapping import try_mapping
from carerecord.contracts.audit import VERIFY, VerifyAsked
from carerecord.contracts.ingest import ENROL_SOURCE, ENROLMENTS, EnrolmentsAsked, EnrolSourceAsked
from carerecord.contracts.sources import BOARD, PROBE, REGISTRY, STAGE, BoardAsked, Probe, ProbeAsked, RegistryAsked, StageAsked
from carerecord.fhir.modules import ALWAYS, MODULES
from carerecord.fhir.sections import SECTIONS
from carerecord.kit.errors import CareRecordError
from carerecord.kit.log import configure
from carerecord.kit.question import Question
from carerecord.kit.tokens import keys_for, written_keys

T = TypeVar("T")
PROBES_AT_ONCE = 8

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # an error is a sentence, not a drawing
    pretty_exceptions_enable=False,  # they draw every variable on the way, and those are about people
    help="One person's record, drawn from every system that knows them.",
)
sources_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who takes part, and is each reached?")
app.add_typer(sources_app, name="sources")
apart_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Services that run apart: stop, start, replace one.")
app.add_typer(apart_app, name="apart")
modules_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Start basic: which modules are served?")
app.add_typer(modules_app, name="modules")
client_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Which systems and apps may ask the FHIR API?")
app.add_typer(client_app, name="client")
out, err = Console(), Console(stderr=True)

Port = Annotated[
    int | None, typer.Option(help="The front door; PORT or CARERECORD_PORT say it too.", envvar="PORT", min=0, max=65535)
]


def main() -> None:
    """Run a command; an error is said in one plain sentence."""
    stopped_by_term()
    try:
        app(standalone_mode=True)
    except (CareRecordError, EngineError, LookupError) as error:
        fail(str(error.args[0]) if type(error) is LookupError and error.args else str(error))
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
    except Exception as error:
        unexpected(error)


def fail(says: str) -> NoReturn:
    err.print(f"carerecord: {says}", style="bold red", highlight=False, markup=False, soft_wrap=True)
    raise SystemExit(1)


def say(text: str) -> None:
    """A line for the person at the terminal; standard output is for what a program may read."""
    print(text, file=sys.stderr, flush=True)


def unexpected(error: Exception) -> NoReturn:
    """Say what kind of error, and where. The rest may quote what it choked on, so it is shown only to whoever asks for it."""
    if os.environ.get("CARERECORD_LOG_LEVEL") == "DEBUG":
        traceback.print_exception(error)
        raise SystemExit(1)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rsplit('/site-packages/', 1)[-1].rsplit('/src/', 1)[-1]}:{place.lineno}"
    fail(f"this was not foreseen: {type(error).__name__} at {where}. For the whole of it: CARERECORD_LOG_LEVEL=DEBUG.")


def gate_with(port: int | None = None, data_dir: Path | None = None) -> Gate:
    told: dict[str, Any] = {}
    if port is not None:
        told["port"] = port
    if data_dir is not None:
        told["data_dir"] = data_dir
    try:
        gate = Gate(**told)
    except ValidationError as error:
        fail("; ".join(f"CARERECORD_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors()) + ".")
    configure(gate.log_level)
    return gate.model_copy(update={"data_dir": gate.data_dir.absolute()})


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop, until it is done or a signal stops it."""
    import uvloop

    return uvloop.run(stoppable(coroutine))


@app.command()
def serve(
    target: Annotated[str, typer.Option(help="all, or services by name with commas (see `carerecord catalogue`).")] = "all",
    port: Port = None,
    inner_port: Annotated[int | None, typer.Option(help="Questions, health and metrics; 0 takes a free one.")] = None,
    apart: Annotated[bool, typer.Option("--apart", help="A process of its own for each service, on this machine.")] = False,
    modules: Annotated[str, typer.Option(help="Serve these alone, with commas: demographics,pathology (see `modules`).")] = "",
) -> None:
    """Keep these services at home in this process, until it is told to stop."""
    gate = gate_with(port)
    if modules:
        serve_modules(registry_folder(gate, os.environ), named(modules))
    if inner_port is not None:
        gate = gate.model_copy(update={"inner_port": inner_port})
    services = chosen(target)
    if apart:
        with engines(gate.data_dir, services, databases=told_databases(os.environ), nats_url=gate.nats_url) as found:
            run(serve_apart(gate, services, found, say=lambda text: print(text, flush=True)))
        return

    async def stay(engines_: Any) -> None:
        async with kept(gate, services, engines_) as (_, run_file):
            names = ", ".join(each.name for each in services)
            err.print(f"{names}: inner door at {run_file.inner}", highlight=False)
            if run_file.front:
                print(f"carerecord is ready at {run_file.front}", flush=True)
            await until_signalled()
            err.print("stopping: finishing what is in hand", highlight=False)

    with engines(gate.data_dir, services, databases=told_databases(os.environ), nats_url=gate.nats_url) as found:
        run(stay(found))


@app.command()
def demo(
    port: Port = None,
    people: Annotated[int, typer.Option(help="How many pretend people, those of the scenes among them.", min=1)] = 300,
    real: Annotated[
        Path | None,
        typer.Option(help="A folder of FHIR R4 bundles, one person each, to serve as well.", exists=True, file_okay=False),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Walk through the scenes without a browser; exit 0 when all is well.")
    ] = False,
    scene: Annotated[list[int] | None, typer.Option(help="With --check: this scene alone; may be said again.")] = None,
    each: Annotated[bool, typer.Option("--each", help="One process for each pretend system.")] = False,
    apart: Annotated[bool, typer.Option("--apart", help="A process of its own for each service of the house.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same region.")] = 1948,
    sources: Annotated[int, typer.Option(help="How many pretend systems in all; 0 for those of the region.", min=0, max=600)] = 0,
) -> None:
    """Start a pretend region and open the front door."""
    from carerecord.app.demo import check_demo, run_demo

    gate = gate_with(port)
    if check:
        raise SystemExit(check_demo(gate, people=people, real=real, seed=seed, scenes=scene or (), say=say))
    run_demo(gate, people=people, real=real, each=each, seed=seed, say=say, apart=apart, sources=sources)


@app.command()
def catalogue(
    openapi: Annotated[bool, typer.Option("--openapi", help="Every question as an OpenAPI 3.1 document.")] = False,
    fhir: Annotated[bool, typer.Option("--fhir", help="What the FHIR API does, as a page in Markdown.")] = False,
) -> None:
    """Say who is at home: each service, its floor, whom it asks and whom it hears."""
    if fhir:
        from carerecord.exchange.reference import page

        print(page(), end="")
        return
    if openapi:
        from carerecord.app.openapi import written

        print(written(), end="")
        return
    table = Table("service", "floor", "asks", "hears", "database", "while it is down")
    for each in CATALOGUE:
        keeps = f"CARERECORD_{each.name.upper()}_DATABASE" if each.keeps else "–"
        table.add_row(each.name, str(each.floor), ", ".join(each.calls) or "–", ", ".join(each.hears) or "–", keeps, each.without)
    out.print(table)


@app.command()
def access(
    rules: Annotated[
        Path | None, typer.Option(help="A folder of TOML rules instead of those that come with the program.", file_okay=False)
    ] = None,
) -> None:
    """Say who sees what: the matrix of roles and sections that the rules make, with every rule and its source, in Markdown."""
    from carerecord.policy.api import RULES_FOLDER, book_in
    from carerecord.policy.matrix import page

    print(page(book_in(rules or RULES_FOLDER)), end="")


@app.command()
def keys(name: Annotated[str, typer.Argument(help="A service of the catalogue.")]) -> None:
    """Print the keys of one service, derived from the deployment's secret: what its process needs when services run apart."""
    found = service(name)
    gate = gate_with()
    print(json.dumps(written_keys(keys_for(secret_of(gate), found.name, NAMES, found.calls))))


@sources_app.command("list")
def list_sources() -> None:
    """The sources in force, and what could not be read."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            registry = (await calls.ask(REGISTRY, RegistryAsked())).registry
        assert registry is not None
        table = Table("source", "organisation", "name", "kind", "connector", "shares")
        for each in registry.sources:
            shares = ", ".join(shared.section for shared in each.sections)
            table.add_row(each.id, each.organisation, each.name, each.kind, each.connector, shares)
        out.print(table)
        for problem in registry.problems:
            err.print(f"  cannot be read: {problem}", highlight=False)

    run(ask())


@sources_app.command("probe")
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

            async def one(source: str) -> Probe:
                async with room:
                    return await calls.ask(PROBE, ProbeAsked(source))

            asked = [asyncio.ensure_future(one(each)) for each in names]
            for each in asked:  # told in the registry's order
                found = await each
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


@sources_app.command("board")
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


@sources_app.command("stage")
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


@sources_app.command("try-mapping")
def try_mapping_file(
    file: Annotated[Path, typer.Argument(help="A mapping of the connector rest_json.", exists=True, dir_okay=False)],
    write: Annotated[bool, typer.Option(help="Keep what came out as what is expected.")] = False,
) -> None:
    """Run a mapping's own test cases, and say in plain words what differs and which fields are not carried."""
    if not try_mapping(file, write=write, out=out):
        raise SystemExit(1)


@sources_app.command("enrol")
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


async def _apart(question: Question[ApartAsked, Any], name: str = "", command: Sequence[str] = ()) -> None:
    async with apart_calls(gate_with()) as calls:
        told = await calls.ask(question, ApartAsked(name, tuple(command)))
    for each in told if isinstance(told, tuple) else (told,):
        print(f"{each.name:<9} {each.state:<8} {each.address}  {' '.join(each.command)}".rstrip())


@apart_app.command("list")
def list_apart() -> None:
    """Which services run, and where."""
    run(_apart(LIST))


@apart_app.command("stop")
def stop_apart(name: Annotated[str, typer.Argument(help="A service.")]) -> None:
    """Stop one service; it stays down until it is started. The others go on."""
    run(_apart(STOP, name))
    print(service(name).without)


@apart_app.command("start")
def start_apart(name: Annotated[str, typer.Argument(help="A service.")]) -> None:
    """Start one service; done when it is ready."""
    run(_apart(START, name))


@apart_app.command("replace", context_settings={"ignore_unknown_options": True})
def replace_apart(
    name: Annotated[str, typer.Argument(help="A service.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="After --: another implementation. Without one: this program anew.")
    ] = None,
) -> None:
    """Let another process take a service's place while it is asked, without a question lost."""
    run(_apart(REPLACE, name, command or ()))


@modules_app.command("list")
def list_modules() -> None:
    """Every module, the sections that it brings, and whether it is served."""
    told = served_modules(registry_folder(gate_with(), os.environ))
    table = Table("module", "brings", "served")
    for name, sections in MODULES.items():
        table.add_row(name, ", ".join(sections), "yes" if not told or name in (*told, *ALWAYS) else "–")
    out.print(table)


@modules_app.command("set")
def set_modules(names: Annotated[str, typer.Argument(help="Names with commas, or all.")]) -> None:
    """Serve these modules and no others; in force within a second, without a restart."""
    folder = registry_folder(gate_with(), os.environ)
    if names == "all":
        serve_all(folder)
    else:
        serve_modules(folder, named(names))


@modules_app.command("add")
def add_module(names: Annotated[str, typer.Argument(help="A module, or several with commas.")]) -> None:
    """Let a module join those that are served."""
    folder = registry_folder(gate_with(), os.environ)
    if not (now := served_modules(folder)):
        fail("Every module is served already.")
    serve_modules(folder, dict.fromkeys((*now, *named(names))))


@modules_app.command("remove")
def remove_module(names: Annotated[str, typer.Argument(help="A module, or several with commas.")]) -> None:
    """Serve a module no more: its sections leave the record, its lines stay in the book."""
    folder = registry_folder(gate_with(), os.environ)
    gone, now = named(names), served_modules(folder) or tuple(SECTIONS)
    if strange := [each for each in gone if each not in now]:
        fail(f"{', '.join(strange)} is not among those that are served: {', '.join(now)}.")
    left = [each for each in now if each not in gone]
    if not left:
        fail("Something must be served. `carerecord modules set all` serves everything.")
    serve_modules(folder, left)


@client_app.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="As the audit book will call it.")],
    organisation: Annotated[str, typer.Option(help="The ODS code of the organisation that it belongs to.")],
    scopes: Annotated[list[str], typer.Option(help="system/Observation.rs; several with commas, or said again.")],
    jwks: Annotated[Path | None, typer.Option(help="Its public keys; without them a secret is made.", exists=True)] = None,
    on_invalid: Annotated[str, typer.Option(help="What is done with invalid input: refuse, annotate or quarantine.")] = "refuse",
) -> None:
    """Let a system or app ask the FHIR API; prints its id, and its secret this once."""
    keys = jwks.read_text("utf-8") if jwks else ""
    run(clients.add(lambda: operator_calls(gate_with()), name, organisation, scopes, keys, on_invalid))


@client_app.command("list")
def list_clients() -> None:
    """Every client, with its scopes."""
    run(clients.every(lambda: operator_calls(gate_with()), out))


@client_app.command("revoke")
def revoke_client(client: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """End a client and every token that it has."""
    run(clients.revoke(lambda: operator_calls(gate_with()), client))


@client_app.command("token")
def client_token(
    client: Annotated[str, typer.Argument(help="Its id.")],
    ttl: Annotated[str, typer.Option(help="How long it lasts: 8h, 30m, 900s; 24 hours at most.")] = "1h",
) -> None:
    """Print a bearer token, to try things out with."""
    run(clients.token(lambda: operator_calls(gate_with()), client, ttl))


@app.command("verify-audit")
def verify_audit() -> None:
    """Check that no line of the book was changed, moved or cut off."""

    async def ask() -> bool:
        async with operator_calls(gate_with(), deadline_s=600.0) as calls:
            verified = await calls.ask(VERIFY, VerifyAsked())
        out.print(verified.says or f"{verified.lines} lines agree.", highlight=False, soft_wrap=True)
        return verified.ok

    if not run(ask()):
        raise SystemExit(1)
