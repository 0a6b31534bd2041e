"""What can an operator say of the clients of the FHIR API?"""

from pathlib import Path
from typing import Annotated

import typer

from carerecord.app import clients
from carerecord.app.commands.terminal import family, gate_with, out, run
from carerecord.app.operator import operator_calls

app = family("Which systems and apps may ask the FHIR API?")


@app.command("add")
def add_client(
    name: Annotated[str, typer.Argument(help="As the audit book will call it.")],
    organisation: Annotated[str, typer.Option(help="The ODS code of the organisation that it belongs to.")],
    scopes: Annotated[list[str], typer.Option(help="system/Observation.rs; several with commas, or said again.")],
    jwks: Annotated[Path | None, typer.Option(help="Its public keys; without them a secret is made.", exists=True)] = None,
    on_invalid: Annotated[str, typer.Option(help="What is done with invalid input: refuse, annotate or quarantine.")] = "refuse",
    source: Annotated[str, typer.Option(help="The source, by its id in the registry, in whose name it writes.")] = "",
    acts_for: Annotated[str, typer.Option(help="The role on whose behalf it asks for people's records: gp, ward-nurse …")] = "",
    must_match: Annotated[bool, typer.Option("--must-match", help="Refuse its changes that say not what version they replace.")]
    = False,
    ids_from_here: Annotated[bool, typer.Option("--ids-from-here", help="It may not create under ids of its own.")] = False,
) -> None:
    """Let a system or app ask the FHIR API; prints its id, and its secret this once."""
    keys = jwks.read_text("utf-8") if jwks else ""
    run(clients.add(
        lambda: operator_calls(gate_with()), name, organisation, scopes, keys, on_invalid, source, acts_for,
        must_match=must_match, chooses_ids=not ids_from_here,
    ))  # fmt: skip


@app.command("list")
def list_clients() -> None:
    """Every client, with its scopes."""
    run(clients.every(lambda: operator_calls(gate_with()), out))


@app.command("revoke")
def revoke_client(client: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """End a client and every token that it has."""
    run(clients.revoke(lambda: operator_calls(gate_with()), client))


@app.command("token")
def client_token(
    client: Annotated[str, typer.Argument(help="Its id.")],
    ttl: Annotated[str, typer.Option(help="How long it lasts: 8h, 30m, 900s; 24 hours at most.")] = "1h",
) -> None:
    """Print a bearer token, to try things out with."""
    run(clients.token(lambda: operator_calls(gate_with()), client, ttl))
