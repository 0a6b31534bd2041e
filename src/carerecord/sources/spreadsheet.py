"""How is a spreadsheet of sources read? Comma-separated text in, one table for each row out, and faults by row. Pure.

Each line is read by itself, so that a quotation mark that is never closed spoils its own row and no other.
"""

import csv
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from carerecord.contracts.sources import Source

YES, NO = frozenset({"yes", "y", "true", "1"}), frozenset({"no", "n", "false", "0"})
LISTS: Final = ("sections", "open_to")
STAGED: Final = ("stage", "stages", "stage_at_most", "open_to", "arrangement", "arrangements")
NOTE = "note"  # a column that begins so is for people
_TYPES: Final[Mapping[str, Any]] = {each.name: each.type for each in msgspec.structs.fields(Source)}
COLUMNS: Final = (*_TYPES, *(each for each in STAGED if each not in _TYPES))

Row = tuple[str, dict[str, Any], list[str]]  # what to call it ("row 3"), its fields, its faults


def rows(text: str) -> tuple[list[Row], list[str]]:
    """Every row with something in it, and what is wrong with the sheet as a whole."""
    lines = text.removeprefix("\ufeff").splitlines()
    place = next((number for number, line in enumerate(lines) if line.strip(",;\t ")), None)
    if place is None:
        return [], ["is empty"]
    between = max(",;\t", key=lines[place].count)
    heads = [each.strip().lower().replace(" ", "_") for each in _cells(lines[place], between) or []]
    twice = sorted({each for each in heads if each and heads.count(each) > 1})
    if twice:
        return [], [f"has two columns called {each}" for each in twice]
    if "id" not in heads:
        return [], ["has no column called id; its first row names the columns"]
    found = []
    for number, line in enumerate(lines[place + 1 :], place + 2):
        if line.strip(f"{between}\" \t"):
            found.append((f"row {number}", *_row(line, heads, between)))
    return found, []


def _row(line: str, heads: Sequence[str], between: str) -> tuple[dict[str, Any], list[str]]:
    cells = _cells(line, between)
    if cells is None:
        return {}, ["a quotation mark is never closed"]
    faults = []
    if "\ufffd" in line:
        faults.append("some letters cannot be read; save the sheet as CSV UTF-8")
    if any(each.strip() for each in cells[len(heads) :]):
        faults.append("it has more cells than there are columns")
    table: dict[str, Any] = {}
    for name, cell in zip(heads, (each.strip() for each in cells), strict=False):
        if not cell or name.startswith(NOTE):
            continue
        if name not in COLUMNS:
            faults.append(f"the column {name or 'without a name'!r} is not known; one for people begins with {NOTE!r}")
            continue
        try:
            table[name] = _value(name, cell)
        except ValueError:
            faults.append(f"{name} is {cell!r}, which is not {_KINDS.get(_TYPES.get(name, str), 'understood')}")
    return table, faults


_KINDS: Final[Mapping[Any, str]] = {bool: "yes or no", int: "a whole number", float: "a number"}


def _value(name: str, cell: str) -> Any:
    kind = _TYPES.get(name, str)
    if name in ("stages", "arrangements"):
        return dict(_pair(each) for each in _parts(cell))
    if name in LISTS or kind == tuple[str, ...]:
        return _parts(cell)
    if kind is bool:
        if cell.lower() in YES | NO:
            return cell.lower() in YES
        raise ValueError(cell)
    return kind(cell) if kind in (int, float) else cell


def _parts(cell: str) -> list[str]:
    return [each.strip() for each in cell.replace("|", ";").replace(",", ";").split(";") if each.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise ValueError(text)
    return name.strip(), value.strip()


def _cells(line: str, between: str) -> list[str] | None:
    try:
        return next(csv.reader([line], delimiter=between, strict=True), [])
    except csv.Error:
        return None
