"""What can be said on the command line? Each command in a few lines; the work is elsewhere."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from carerecord.app.apart import serve_apart
from carerecord.app.catalogue import CATALOGUE, NAMES, chosen, service
from carerecord.app.commands import apart, clients, modules, sources, subscriptions
from carerecord.app.commands import ingest as ingest_commands
from carerecord.app.commands import kept as kept_commands
from carerecord.app.commands.terminal import err, fail, gate_with, out, run, say, unexpected
from carerecord.app.engine import EngineError
from carerecord.app.engines import engines
from carerecord.app.gate import secret_of, told_databases
from carerecord.app.house import kept, room_for_connections, stopped_by_term, until_signalled
from carerecord.app.modules import named, registry_folder, serve_modules
from carerecord.app.operator import operator_calls
from carerecord.contracts.audit import VERIFY, VerifyAsked
from carerecord.kit.errors import CareRecordError
from carerecord.kit.tokens import keys_for, written_keys

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # an error is a sentence, not a drawing
    pretty_exceptions_enable=False,  # they draw every variable on the way, and those are about people
    help="One person's record, drawn from every system that knows them.",
)
app.add_typer(sources.app, name="sources")
app.add_typer(apart.app, name="apart")
app.add_typer(modules.app, name="modules")
app.add_typer(clients.app, name="client")
app.add_typer(kept_commands.app, name="kept")
app.add_typer(ingest_commands.app, name="ingest")
app.add_typer(subscriptions.app, name="subscriptions")

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


@app.command()
def serve(
    target: Annotated[str, typer.Option(help="all, or services by name with commas (see `carerecord catalogue`).")] = "all",
    port: Port = None,
    inner_port: Annotated[int | None, typer.Option(help="Questions, health and metrics; 0 takes a free one.")] = None,
    apart: Annotated[bool, typer.Option("--apart", help="A process of its own for each service, on this machine.")] = False,
    modules: Annotated[str, typer.Option(help="Serve these alone, with commas: demographics,pathology (see `modules`).")] = "",
    workers: Annotated[int, typer.Option(help="So many processes on one port: one for each core.", min=1, max=64)] = 1,
) -> None:
    """Keep these services at home in this process, until it is told to stop."""
    room_for_connections()
    gate = gate_with(port)
    if modules:
        serve_modules(registry_folder(gate, os.environ), named(modules))
    if inner_port is not None:
        gate = gate.model_copy(update={"inner_port": inner_port})
    services = chosen(target)
    if apart and workers > 1:
        fail("Say either --apart or --workers: services that run apart have a process each.")
    if workers > 1:
        from carerecord.app.workers import serve_workers

        with engines(gate.data_dir, services, databases=told_databases(os.environ), nats_url=gate.nats_url) as found:
            serve_workers(gate, services, found, workers, say=say)
        return
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
    hl7v2: Annotated[bool, typer.Option("--hl7v2", help="What HL7 v2 messages become, as a page in Markdown.")] = False,
) -> None:
    """Say who is at home: each service, its floor, whom it asks and whom it hears."""
    if hl7v2:
        from carerecord.ingest.hl7v2.reference import page as page_of_hl7

        print(page_of_hl7(), end="")
        return
    if fhir:
        from carerecord.exchange.reference import page

        print(page(), end="")
        return
    if openapi:
        from carerecord.app.openapi import written

        print(written(), end="")
        return
    for each in CATALOGUE:
        print(f"{each.name}  (floor {each.floor})")
        print(f"    asks       {', '.join(each.calls) or '–'}")
        print(f"    hears      {', '.join(each.hears) or '–'}")
        print(f"    database   {f'CARERECORD_{each.name.upper()}_DATABASE' if each.keeps else '–'}")
        print(f"    without it {each.without}")


@app.command()
def settings() -> None:
    """Say which settings there are, what each means, and what it is unless told, in Markdown."""
    from carerecord.app.settings_page import page

    print(page(), end="")


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
