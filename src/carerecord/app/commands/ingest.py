"""What can an operator do about messages that hospitals sent: see what waits, read it, let it be filed again, try one out?"""

from base64 import b64encode
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from carerecord.app.commands.terminal import fail, family, gate_with, out, run, say
from carerecord.app.operator import operator_calls
from carerecord.contracts.ingest import (
    DISCARD,
    LEAVE_PERSON,
    MESSAGE,
    MESSAGES,
    PEOPLE_AGAIN,
    PEOPLE_WAITING,
    REPLAY,
    SEEN_BY,
    TRY,
    WITHDRAWN,
    DiscardAsked,
    LeavePersonAsked,
    MessageAsked,
    MessagesAsked,
    PeopleAgainAsked,
    PeopleWaitingAsked,
    ReplayAsked,
    SeenByAsked,
    TryAsked,
    WithdrawnAsked,
)

app = family("Messages that hospitals send: what waits and why, and to mend it.")

Number = Annotated[int, typer.Argument(help="The number of a message, as `carerecord ingest queue` says it.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit book.")]


@app.command("queue")
def queue(
    sender: Annotated[str, typer.Option(help="The id of a sender; else of all.")] = "",
    most: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 100,
) -> None:
    """What could not be filed, the longest waiting first, and who is silent; not a word of what a message says. Exit 1 if any."""

    async def ask() -> bool:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(MESSAGES, MessagesAsked(sender, most=most))
        where = f"port {found.port}{', without encryption' if found.plaintext else ''}" if found.port else "nowhere yet"
        oldest = f", the oldest since {found.oldest_at}" if found.oldest_at else ""
        say(f"Messages are taken on {where}. {found.waiting:,} wait to be filed{oldest}; {found.stuck:,} are stuck.")
        for each in found.messages:
            state = f"again {each.next_at}" if each.next_at else each.state
            came = f"received {each.received_at}: {state}, {_times('tried', each.tries)}"
            print(f"{each.id}  {each.trigger} of {each.sender}, {came}")
            print(f"    {each.reason}")
        if found.more:
            say(f"There are more: --most {min(1_000, most * 2)}, or --sender.")
        for silent in (each for each in found.senders if each.silent):
            out.print(f"{silent.id} is silent. {silent.says}", highlight=False, markup=False)
        for refused in (each for each in found.senders if each.refused_files):
            says = f"Files of {refused.id} that were refused, each beside its reason: {refused.refused_files}."
            out.print(says, highlight=False, markup=False)
        return not found.stuck and not any(each.silent or each.refused_files for each in found.senders)

    if not run(ask()):
        raise SystemExit(1)


def _times(done: str, count: int) -> str:
    return f"{done} once" if count == 1 else f"{done} {count} times"


@app.command("show")
def show(number: Number, reason: Reason) -> None:
    """Print a message as it came. It holds clinical data: the book tells that it was opened, and why."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(MESSAGE, MessageAsked(number, reason))
        state = found.state or "filed"
        say(f"{found.id}  {found.trigger} of {found.sender}, received {found.received_at}: {state}. {found.says}")
        print(found.text)

    if not reason.strip():
        fail("Say why: --reason stands in the book.")
    run(ask())


@app.command("replay")
def replay(
    number: Annotated[int, typer.Argument(help="One message.")] = 0,
    sender: Annotated[str, typer.Option(help="Every stuck message of this sender.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every stuck message.")] = False,
) -> None:
    """Let stuck messages be filed again, once the cause is mended."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            done = await calls.ask(REPLAY, ReplayAsked(number, sender, everything))
        print(f"{done.count} to be tried again")

    run(ask())


@app.command("discard")
def discard(number: Number, reason: Reason) -> None:
    """Take a stuck message out of the queue for good. It stays in the journal as it came."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            await calls.ask(DISCARD, DiscardAsked(number, reason))
        print(f"{number} discarded")

    run(ask())


@app.command("people")
def people(most: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 100) -> None:
    """Patients whom clients of the FHIR API wrote and the index did not take over, the longest waiting first. Exit 1 if any."""

    async def ask() -> int:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(PEOPLE_WAITING, PeopleWaitingAsked(most))
        for each in found.people:
            print(f"Patient/{each.id} of {each.source}, since {each.since}: {_times('asked', each.tries)}, again {each.next_at}")
            print(f"    {each.reason}")
        if found.count > len(found.people):
            say(f"There are {found.count:,} in all: --most {min(1_000, most * 2)}.")
        if not found.count:
            say("Everybody whom clients wrote is in the index.")
        return found.count

    if run(ask()):
        raise SystemExit(1)


@app.command("people-again")
def people_again(
    patient: Annotated[str, typer.Argument(help="The id of one Patient.")] = "",
    everybody: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
) -> None:
    """Let the index be asked again, once the cause is mended."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            done = await calls.ask(PEOPLE_AGAIN, PeopleAgainAsked(patient.removeprefix("Patient/"), everybody))
        print(f"{done.count} to be asked again")

    run(ask())


@app.command("people-leave")
def people_leave(patient: Annotated[str, typer.Argument(help="The id of a Patient that waits.")], reason: Reason) -> None:
    """Wait no more for one: the index goes on saying what it said, and the Patient stands as it was written."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            await calls.ask(LEAVE_PERSON, LeavePersonAsked(patient.removeprefix("Patient/"), reason))
        print(f"{patient} left")

    run(ask())


@app.command("withdrawn")
def withdrawn(
    sender: Annotated[str, typer.Option(help="The id of a sender; else of all.")] = "",
    most: Annotated[int, typer.Option(help="How many.", min=1, max=1_000)] = 50,
) -> None:
    """What senders took back, newest first: when it could be seen, and of nobody whose it was."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(WITHDRAWN, WithdrawnAsked(sender, most=most))
        for each in found.items:
            whose = f"{each.sender}, told of by {', '.join(each.told_by)}" if each.told_by else each.sender
            print(f"{each.no}  {each.type} of {whose}, seen {each.filed_at} to {each.withdrawn_at}, message {each.message}")
            print(f"    {each.reason}")
        if found.more:
            say(f"There are more: --most {min(1_000, most * 2)}, or --sender.")
        if not found.items:
            say("Nothing was taken back.")

    run(ask())


@app.command("seen")
def seen(
    number: Annotated[int, typer.Argument(help="The number of an item, as `carerecord ingest withdrawn` says it.")],
    reason: Reason,
) -> None:
    """Print who was shown the record while an item stood in it that its sender took back: for the sender to tell them."""

    async def ask() -> None:
        async with operator_calls(gate_with()) as calls:
            told = await calls.ask(SEEN_BY, SeenByAsked(number, reason))
        for each in told.looks:
            who = each.actor
            named = f"{who.name}, {who.role.name}, {who.role.organisation_name}" if who else "the platform itself"
            print(f"{each.at}  {named}: {each.what}")
        say(f"{len(told.looks)} looks; the book is whole up to {told.complete_until or 'no moment that is known'}.")

    if not reason.strip():
        fail("Say why: --reason stands in the book.")
    run(ask())


@app.command("try")
def attempt(
    file: Annotated[Path, typer.Argument(help="One message, or a batch.", exists=True, dir_okay=False)],
    sender: Annotated[str, typer.Option("--as", help="The id of a sender in the registry of sources.")],
) -> None:
    """Show what a message would become, and keep nothing of it. Exit 1 where it cannot be read."""

    async def ask() -> bool:
        content = b64encode(file.read_bytes()).decode()
        async with operator_calls(gate_with()) as calls:
            found = await calls.ask(TRY, TryAsked(content, sender))
        for each in found.says:
            say(f"  {each}")
        if not found.readable:
            say(f"It cannot be filed: it would be kept, answered {found.answered}, and wait for a person.")
            return False
        say(f"{found.trigger}, about {', '.join(found.people) or 'nobody'}")
        for each in (*found.instructions, *found.withdrawn):
            say(f"  {each}")
        for resource in found.resources:
            print(msgspec.json.format(bytes(resource), indent=2).decode())
        return True

    if not run(ask()):
        raise SystemExit(1)
