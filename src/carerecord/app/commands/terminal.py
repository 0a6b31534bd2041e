"""How does a command speak to whoever typed it, and run?"""

import os
import sys
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console

from carerecord.app.gate import Gate
from carerecord.app.house import stoppable
from carerecord.kit.log import configure

T = TypeVar("T")
out, err = Console(), Console(stderr=True)


def family(help: str) -> typer.Typer:
    """Commands under one word."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=help)


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
