"""Which settings are there, what does each mean, and what is it unless told? One page, made from the settings themselves."""

import ast
import importlib
import importlib.util
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from carerecord.app.catalogue import CATALOGUE
from carerecord.app.gate import Gate
from carerecord.app.openapi import remarks

_HEAD = """# Settings

Written by `carerecord settings`; not by hand.

Every setting is a variable of the environment, read when the program starts. A list is written with commas, a switch as true
or false. What is misspelt or out of bounds stops the start and is told by name, all faults at once. No setting turns validation,
access control, sealing or the audit off. Who takes part is no setting: it is
[a table in a file](../how-to/connect-a-source.md), and a change of it needs no restart.

## The program

| variable | unless told | means |
| --- | --- | --- |
"""
_SERVICES = """
`CARERECORD_<SERVICE>_DATABASE`, for each service that keeps something: its PostgreSQL address; unless told, the program
runs its own.

## The services
"""


def settings_of(service: str) -> type[Any] | None:
    """The settings that a service reads; None where it has none."""
    for room in ("settings", "api"):
        if importlib.util.find_spec(f"carerecord.{service}.{room}") is None:
            continue
        module = importlib.import_module(f"carerecord.{service}.{room}")
        kind = getattr(module, f"{service.capitalize()}Settings", None)
        if isinstance(kind, type) and is_dataclass(kind):
            return kind
    return None


def page() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(_program()) + _SERVICES + "".join(_services())


def _program() -> Iterator[str]:
    for name, field in Gate.model_fields.items():
        yield _row(f"CARERECORD_{name.upper()}", field.default, field.description or "")


def _services() -> Iterator[str]:
    for each in CATALOGUE:
        kind = settings_of(each.name)
        if kind is None:
            continue
        yield f"\n### {each.name}\n\n| variable | unless told | means |\n| --- | --- | --- |\n"
        text = textwrap.dedent(inspect.getsource(kind))
        body = ast.parse(text).body[0]
        assert isinstance(body, ast.ClassDef)
        said = remarks(text, body.body)
        for field in fields(kind):
            default = None if field.default is MISSING else field.default
            yield _row(f"CARERECORD_{each.name.upper()}_{field.name.upper()}", default, said.get(field.name, ""))


def _row(variable: str, default: Any, means: str) -> str:
    return f"| `{variable}` | {_said(default)} | {means.replace('|', ', ')} |\n"


def _said(default: Any) -> str:
    if default is None or default == "" or default == ():
        return "–"
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    return f"`{default}`" if isinstance(default, str | Path) else str(default)
