"""What can an operator say of services that run apart?"""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from carerecord.app.apart_door import LIST, REPLACE, START, STOP, ApartAsked
from carerecord.app.catalogue import service
from carerecord.app.commands.terminal import family, gate_with, run
from carerecord.app.operator import apart_calls
from carerecord.kit.question import Question

app = family("Services that run apart: stop, start, replace one.")


async def _apart(question: Question[ApartAsked, Any], name: str = "", command: Sequence[str] = ()) -> None:
    async with apart_calls(gate_with()) as calls:
        told = await calls.ask(question, ApartAsked(name, tuple(command)))
    for each in told if isinstance(told, tuple) else (told,):
        print(f"{each.name:<9} {each.state:<8} {each.address}  {' '.join(each.command)}".rstrip())


@app.command("list")
def list_apart() -> None:
    """Which services run, and where."""
    run(_apart(LIST))


@app.command("stop")
def stop_apart(name: Annotated[str, typer.Argument(help="A service.")]) -> None:
    """Stop one service; it stays down until it is started. The others go on."""
    run(_apart(STOP, name))
    print(service(name).without)


@app.command("start")
def start_apart(name: Annotated[str, typer.Argument(help="A service.")]) -> None:
    """Start one service; done when it is ready."""
    run(_apart(START, name))


@app.command("replace", context_settings={"ignore_unknown_options": True})
def replace_apart(
    name: Annotated[str, typer.Argument(help="A service.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="After --: another implementation. Without one: this program anew.")
    ] = None,
) -> None:
    """Let another process take a service's place while it is asked, without a question lost."""
    run(_apart(REPLACE, name, command or ()))
