"""What can an operator say of the resources that are kept: how many, which came faulty, and take in a file of them?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from carerecord.app.commands.terminal import err, fail, family, gate_with, run
from carerecord.app.operator import operator_calls
from carerecord.app.runfile import running_house
from carerecord.contracts.holdings import (
    ASIDE,
    COUNTS,
    DECIDE_ASIDE,
    REINDEX,
    AsideAsked,
    DecideAsideAsked,
    HeldCountsAsked,
    Reach,
    ReindexAsked,
)
from carerecord.contracts.identity import ISSUE, IssueAsked

app = family("What is kept: how much, what waits aside, and a file to take in.")
aside_app = family("What came faulty and is in no record: for those who mend it.")
app.add_typer(aside_app, name="aside")

_STEP = 1_000_000
_TOKEN_S = 8 * 3600.0
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit book.")]
Id = Annotated[str, typer.Argument(help="As `carerecord kept aside list` says it.")]


@app.command("counts")
def counts() -> None:
    """How many resources of each type are kept."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(COUNTS, HeldCountsAsked(Reach()))
        for each in found:
            print(f"{each.count:>12,}  {each.type}")
        print(f"{sum(each.count for each in found):>12,}  in all")

    run(ask())


@app.command("reindex")
def reindex(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="A resource type.")],
    parameter: Annotated[str, typer.Argument(help="One of its search parameters.")],
) -> None:
    """Make what is kept findable by a parameter anew, beside readers and writers; stopped at any time, it goes on from there."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            with err.status(f"reading {type_} anew") as status:
                while not (step := await calls.ask(REINDEX, ReindexAsked(type_, parameter))).done:
                    status.update(f"{step.looked:,} of {step.in_all:,} read, {step.changed:,} index rows changed")
        print(f"{step.looked:,} read, {step.changed:,} index rows changed")

    run(ask())


@aside_app.command("list")
def list_aside(
    organisation: Annotated[str, typer.Option(help="An ODS code; else of all.")] = "",
    before: Annotated[str, typer.Option(help="Older than this moment.")] = "",
    most: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 100,
) -> None:
    """What waits, newest first, and what was wrong with each; not a word of what it says."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(ASIDE, AsideAsked(organisation, before, most, bodies=False))
        for each in found:
            print(f"{each.id}  {each.type}, since {each.at} from {each.client} ({each.organisation})")
            for issue in each.issues[:3]:
                print(f"    {issue.path or each.type} {issue.says}")

    run(ask())


@aside_app.command("show")
def show_aside(id_: Id, reason: Reason) -> None:
    """Print one as it came. It holds clinical data: the book tells that it was opened."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(ASIDE, AsideAsked(id=id_, reason=reason))
        if not found:
            fail("Nothing of that id waits. `carerecord kept aside list` names what does.")
        print(bytes(found[0].raw).decode("utf-8", "replace"))

    if not reason.strip():
        fail("Say why: --reason stands in the book.")
    run(ask())


@aside_app.command("accept")
def accept_aside(id_: Id, reason: Reason) -> None:
    """Keep one as its sender sent it, its faults as warnings."""
    _decide(id_, reason, accept=True)


@aside_app.command("discard")
def discard_aside(id_: Id, reason: Reason) -> None:
    """Drop one: nothing of it is left but a line in the book."""
    _decide(id_, reason, accept=False)


def _decide(id_: str, reason: str, *, accept: bool) -> None:
    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            done = await calls.ask(DECIDE_ASIDE, DecideAsideAsked(id_, accept, reason))
        print(f"{done.id}  {f'kept as {done.kept}' if done.kept else 'discarded'}")
        for each in done.issues:
            print(f"  {each.severity}: {each.path} {each.says}")

    run(ask())


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="NDJSON: one FHIR resource a line.", exists=True, dir_okay=False)],
    client: Annotated[str, typer.Option(help="The id of the client in whose name it is kept, within its scopes.")],
    errors: Annotated[Path | None, typer.Option(help="Where the refused lines are told; else on standard error.")] = None,
) -> None:
    """Take in a file, as the client would by the API; exit 1 when a line was refused."""
    gate = gate_with()

    async def ask() -> bool:
        async with operator_calls(gate) as calls:
            token = (await calls.ask(ISSUE, IssueAsked(client, _TOKEN_S))).access_token
        house = running_house(gate.data_dir)
        if house is None or not house.front:
            fail("The front door is not open here. `carerecord serve` opens it.")
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}, timeout=timeout) as web:
            return await _imported(web, f"{house.front.rstrip('/')}/fhir", file, errors)

    if not run(ask()):
        raise SystemExit(1)


async def _imported(web: aiohttp.ClientSession, base: str, file: Path, errors: Path | None) -> bool:
    headers = {"Content-Type": "application/fhir+ndjson", "Prefer": "respond-async"}
    async with web.post(f"{base}/$import", data=_read(file), headers=headers) as reply:
        if reply.status != 202:
            fail(_said(await reply.json(content_type=None)))
        place = base + "/_import/" + reply.headers["Content-Location"].rsplit("/", 1)[-1]
    with err.status("taken; filing") as status:
        while True:
            async with web.get(place) as reply:
                if reply.status == 200:
                    report = await reply.json(content_type=None)
                    break
                if reply.status != 202:
                    fail(_said(await reply.json(content_type=None)))
                status.update(f"filing: {reply.headers.get('X-Progress', '')}")
            await asyncio.sleep(0.2)
    print(f"{report['lines']:,} lines; {report['kept']:,} kept, {report['refused']:,} refused")
    if report["refused"]:
        async with web.get(f"{place}/errors") as reply:
            told = await reply.read()
        if errors:
            await asyncio.to_thread(errors.write_bytes, told)
        else:
            err.print(told.decode("utf-8"), highlight=False, markup=False, soft_wrap=True, end="")
    return not report["refused"]


async def _read(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as opened:
        while chunk := await asyncio.to_thread(opened.read, _STEP):
            yield chunk


def _said(outcome: Any) -> str:
    try:
        return str(outcome["issue"][0]["diagnostics"])
    except (KeyError, IndexError, TypeError):
        return "The front door refused the import."
