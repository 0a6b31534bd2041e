"""What can those who mend say of the subscriptions: how is it with each, and may it be tried again?"""

from typing import Annotated

import typer

from carerecord.app.commands.terminal import family, gate_with, run, say
from carerecord.app.operator import operator_calls
from carerecord.contracts.subscriptions import RESUME, STANDING, ResumeAsked, Standing, StandingAsked

app = family("Who waits to be told of changes, and whose endpoint does not answer.")
Id = Annotated[str, typer.Argument(help="As `carerecord subscriptions list` says it.")]


@app.command("list")
def list_subscriptions(
    failing: Annotated[bool, typer.Option("--failing", help="Those alone whose endpoint did not answer last time.")] = False,
) -> None:
    """Each subscription, how many notices wait for it, and what is wrong."""

    async def ask() -> tuple[Standing, ...]:
        async with operator_calls(gate_with()) as calls:
            return await calls.ask(STANDING, StandingAsked())

    standing = run(ask())
    found = [each for each in standing if each.error or not failing]
    for each in found:
        waits = f", {each.waiting:,} waiting since {each.oldest_at}" if each.waiting else ""
        print(f"{each.id}  {each.status}  {each.type} to {each.host} for {each.client} ({each.organisation}){waits}")
        if each.error:
            print(f"    {each.error}")
    if not found:
        say("No endpoint failed last time." if standing else "No client waits to be told of anything.")


@app.command("show")
def show(id_: Id) -> None:
    """One of them: all but what its client keeps secret."""

    async def ask() -> Standing:
        async with operator_calls(gate_with()) as calls:
            return (await calls.ask(STANDING, StandingAsked(id_)))[0]

    _shown(run(ask()))


@app.command("resume")
def resume(id_: Id) -> None:
    """Try one again now: its endpoint is asked for a first word, then told all that waits."""

    async def ask() -> Standing:
        async with operator_calls(gate_with()) as calls:
            return await calls.ask(RESUME, ResumeAsked(id_))

    _shown(run(ask()))


def _shown(each: Standing) -> None:
    for name, value in (
        ("client", f"{each.client} ({each.organisation})"), ("waits for", each.type), ("is told at", each.host),
        ("sends along", ", ".join(each.headers)), ("status", each.status), ("error", each.error), ("since", each.made_at),
        ("waiting", f"{each.waiting:,}{f', the oldest since {each.oldest_at}' if each.waiting else ''}"),
        ("told", f"{each.numbered:,}"), ("kept back", f"{each.kept_back:,}"),
        ("tries", f"{each.tries} without an answer{f', the next at {each.try_at}' if each.tries else ''}"),
    ):  # fmt: skip
        if value:
            print(f"{name:<12} {value}")
