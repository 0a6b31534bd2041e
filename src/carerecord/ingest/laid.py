"""Which messages or rows does a file hold that a source laid into its folder? Each with its place, read as it is asked for.

Of a file of rows or events no more is in memory than what is being looked at.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import orjson

from carerecord.ingest import extracts
from carerecord.ingest.batches import each_of, envelope_of, miscounted
from carerecord.ingest.framing import KEPT_OF_LARGE, too_large
from carerecord.ingest.hl7v2 import Unreadable

MOST_BYTES: Final = 500_000_000  # of a file
MOST_MESSAGE: Final = 25_000_000  # bytes; of a larger one the beginning is kept
EMPTY: Final = "it is empty"
RESOURCES: Final = "its lines are resources and no events: hand them over by $import, or by `carerecord kept import`"
DONE, REFUSED, RECEIPT = "done", "refused", ".receipt.json"
_KINDS: Final = ("csv", "hl7", "er7", "json", "ndjson", "xml")
_STEP: Final = 1_048_576

Held = tuple[int, bytes, str]  # its line, or the how-manieth it is; what it is; and why it is not whole


def digest(path: Path) -> str:
    """Raises Unreadable: it is larger than what is read."""
    if path.stat().st_size > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES} bytes: send it in parts")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def refused(folder: Path | None, senders: Sequence[str]) -> Mapping[str, int]:
    """How many files of each were set apart because nobody can say what they hold, and lie there yet."""
    found: dict[str, int] = {}
    if folder is None:
        return found
    for sender in senders:
        with suppress(OSError):  # it has none, or it may not be looked at
            many = sum(not each.name.endswith(RECEIPT) for each in (folder / sender / REFUSED).iterdir())
            found |= {sender: many} if many else {}
    return found


def held(path: Path, at: str, mapping: str) -> Iterator[Held]:
    """In order. `at`: when it was written; `mapping`: of its rows.

    Raises:
        Unreadable: nobody can say what it holds; of rows also behind those that can be read.
    """
    kind = path.suffix[1:].lower()
    if kind not in _KINDS:
        named = ", ".join(f".{each}" for each in sorted(_KINDS))
        raise Unreadable(f"its name ends in none of {named}: nobody can say what it holds")
    with path.open("rb") as file:
        if kind == "csv":
            name, rows = os.fsencode(path.stem).decode("utf-8", "replace"), 0
            for line, row in extracts.rows_of(file, name, at, mapping):
                rows += 1
                yield line, row, ""
            if extracts.is_full(mapping):
                yield 0, extracts.end_of(name, at, rows), ""
        elif kind == "ndjson":
            yield from _lines(file)
        else:
            body = file.read().strip()
            if not body:
                raise Unreadable(EMPTY)
            found = each_of(body) if kind in ("hl7", "er7") else (body,)
            for number, each in enumerate(found, 1):
                yield _whole(number, each)
            if kind in ("hl7", "er7") and (says := miscounted(body)):
                yield 0, envelope_of(body), says


def _whole(place: int, raw: bytes) -> Held:
    if len(raw) > MOST_MESSAGE:
        return place, raw[:KEPT_OF_LARGE], too_large(MOST_MESSAGE)
    return place, raw, ""


def _lines(file: IO[bytes]) -> Iterator[Held]:
    number, is_first = 0, True
    while line := file.readline(MOST_MESSAGE + 1):
        number += 1
        if len(line) > MOST_MESSAGE and not line.endswith(b"\n"):
            while (rest := file.readline(_STEP)) and not rest.endswith(b"\n"):
                pass
            yield number, line[:KEPT_OF_LARGE], too_large(MOST_MESSAGE)
            continue
        for each in line.splitlines():
            if not (event := each.strip()):
                continue
            if is_first and _is_resource(event):
                raise Unreadable(RESOURCES)
            is_first = False
            yield number, event, ""


def _is_resource(line: bytes) -> bool:
    """As a bulk export writes them: thousands of lines none of which is an event."""
    try:
        value = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and value.get("resourceType", "Bundle") != "Bundle"
