"""What can an operator say of the modules?"""

import os
from typing import Annotated

import typer
from rich.table import Table

from carerecord.app.commands.terminal import fail, family, gate_with, out
from carerecord.app.modules import copied_modules, named, registry_folder, serve_all, serve_modules, served_modules
from carerecord.fhir.modules import ALWAYS, MODULES
from carerecord.fhir.sections import SECTIONS

app = family("Start basic: which modules are served?")


@app.command("list")
def list_modules() -> None:
    """Every module, the sections that it brings, and whether it is served."""
    folder = registry_folder(gate_with(), os.environ)
    told, copies = served_modules(folder), copied_modules(folder)
    table = Table("module", "brings", "served")
    for name, sections in MODULES.items():
        served = not told or name in (*told, *ALWAYS)
        table.add_row(name, ", ".join(sections), "yes" if served else "copies" if name in copies else "–")
    out.print(table)


@app.command("set")
def set_modules(names: Annotated[str, typer.Argument(help="Names with commas, or all.")]) -> None:
    """Serve these modules and no others; in force within a second, without a restart."""
    folder = registry_folder(gate_with(), os.environ)
    if names == "all":
        serve_all(folder)
    else:
        serve_modules(folder, named(names))


@app.command("add")
def add_module(names: Annotated[str, typer.Argument(help="A module, or several with commas.")]) -> None:
    """Let a module join those that are served."""
    folder = registry_folder(gate_with(), os.environ)
    if not (now := served_modules(folder)):
        fail("Every module is served already.")
    served = tuple(dict.fromkeys((*now, *named(names))))
    serve_modules(folder, served, copies_of=[each for each in copied_modules(folder) if each not in served])


@app.command("remove")
def remove_module(
    names: Annotated[str, typer.Argument(help="A module, or several with commas.")],
    keep_copies: Annotated[bool, typer.Option(help="What was kept of its sections stays readable, as copies.")] = False,
) -> None:
    """Serve a module no more: its sections leave the record, its lines stay in the book."""
    folder = registry_folder(gate_with(), os.environ)
    gone, now = named(names), served_modules(folder) or tuple(SECTIONS)
    if strange := [each for each in gone if each not in now]:
        fail(f"{', '.join(strange)} is not among those that are served: {', '.join(now)}.")
    left = [each for each in now if each not in gone]
    if not left:
        fail("Something must be served. `carerecord modules set all` serves everything.")
    kept = dict.fromkeys((*copied_modules(folder), *(gone if keep_copies else ())))
    serve_modules(folder, left, copies_of=[each for each in kept if keep_copies or each not in gone])
