"""Which modules does this deployment serve? Said in a file of the registry's folder, so that a change needs no restart."""

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from carerecord.app.gate import Gate
from carerecord.fhir.modules import MODULES, strangers
from carerecord.kit.errors import BadSetting

NAME = "modules.toml"
_SAYS = "# Which modules are served; without this file, all there are. A change is in force within a second.\n"


def registry_folder(gate: Gate, environment: Mapping[str, str]) -> Path:
    """Where the sources service reads who takes part."""
    return Path(environment.get("CARERECORD_SOURCES_FOLDER") or gate.data_dir / "sources")


def named(text: str) -> tuple[str, ...]:
    """The modules that these words name.

    Raises:
        BadSetting: one that there is not; says which there are.
    """
    found = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    if unknown := strangers(found):
        raise BadSetting(f"There is no module {', '.join(unknown)}; they are: {', '.join(MODULES)}.")
    if not found:
        raise BadSetting(f"Name at least one module; they are: {', '.join(MODULES)}.")
    return found


def served_modules(folder: Path) -> tuple[str, ...]:
    """Those that the file names; none: all there are."""
    file = folder / NAME
    return tuple(tomllib.loads(file.read_text(encoding="utf-8")).get("modules", ())) if file.is_file() else ()


def copied_modules(folder: Path) -> tuple[str, ...]:
    """Those that are switched off, and of which copies are still read."""
    file = folder / NAME
    return tuple(tomllib.loads(file.read_text(encoding="utf-8")).get("copies_of", ())) if file.is_file() else ()


def serve_modules(folder: Path, modules: Iterable[str], *, copies_of: Iterable[str] = ()) -> None:
    """Put the file in place whole: who watches the folder never reads half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{NAME}.new"
    told = f"{_SAYS}modules = {_listed(modules)}\n"
    if copies := tuple(copies_of):
        told += f"copies_of = {_listed(copies)}\n"
    beside.write_text(told, encoding="utf-8")
    os.replace(beside, folder / NAME)


def _listed(names: Iterable[str]) -> str:
    quoted = [f'"{each}"' for each in names]
    return f"[{', '.join(quoted)}]"


def serve_all(folder: Path) -> None:
    (folder / NAME).unlink(missing_ok=True)
