"""What does one row of an extract come to? By a mapping file, the same as for a supplier's JSON.

Each row is a message of its own in the journal: kept before anything is answered, filed once, set aside with its reason where
it cannot be read, tried again when its cause is mended. So the same file twice changes nothing, and one that broke off is read
again from its beginning.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import IO, Any, Final

import msgspec

from carerecord.connectors.rest_json_mapping import BadMapping, Supplier, mapping_of
from carerecord.connectors.rest_json_paths import BadPath
from carerecord.connectors.rest_json_take import around_of, each_made, people_of, unknown_in
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import FhirError
from carerecord.ingest.fhir_messages import Reading, filed, instant
from carerecord.ingest.hl7v2 import Filing, Sender, Unreadable
from carerecord.ingest.hl7v2.systems import is_somebodys

STARTS: Final = b'{"extract":'
_ENDS, _HOLDS = b'"end":', b'"row":{'
ROW, END = "row", "end of extract"  # as the trigger of what they come to
NO_MAPPING: Final = "it has no mapping: name one in its sender's table"
_DELIMITERS: Final = ",;\t|"
_LONGEST_FIELD: Final = 10_000_000
_BEHIND: Final = "\x1f"  # a line of ours behind the last one: only where a quotation mark is open is it part of another
_LOOKED_AT: Final = 65_536
_PACKED: Final = (b"\x1f\x8b", b"PK")  # gzip; a zip, as which Excel writes its workbooks
_json: Final = msgspec.json.Encoder(order="deterministic")


def is_row(raw: bytes) -> bool:
    return raw.startswith(STARTS)


def rows_of(file: IO[bytes], name: str, at: str, mapping: str = "") -> Iterator[tuple[int, bytes]]:
    """Each row of a CSV file as a message, with the line in which it begins; `at` is when the extract was made. The first line
    names the columns.

    A row with another number of columns than that comes too, with what is wrong with it, and will wait for a person.

    Raises:
        Unreadable: it is no text; it names no columns, or names one twice, or lacks one that the mapping reads; or, behind the
            rows that can be read, a quotation mark is never closed, so that all that follows would be one text of one row, and
            the people in it gone.
    """
    encoding, errors = _written_in(file)
    with io.TextIOWrapper(file, encoding, errors, newline="") as text:
        first = next(text, "")
        delimiter = max(_DELIMITERS, key=first.count)
        csv.field_size_limit(_LONGEST_FIELD)
        lines = csv.reader(chain((first,), text, (_BEHIND,)), delimiter=delimiter)
        columns = [each.strip() for each in _next_row(lines) or ()]
        if not columns or not all(columns) or len(set(columns)) != len(columns):
            raise Unreadable("the first line of the extract must name each column once")
        if missing := _read_by(mapping) - set(columns):
            raise Unreadable(f"its first line lacks what the mapping reads: {', '.join(sorted(missing))}")
        begins = lines.line_num + 1
        while (values := _next_row(lines)) is not None:
            if any(each.strip() for each in values):
                wrong = len(values) != len(columns)
                fault = f"it has {len(values)} columns, and the first line {len(columns)}" if wrong else ""
                yield begins, _json.encode(_Row(name, at, dict(zip(columns, values, strict=False)), fault))
            begins = lines.line_num + 1


def _written_in(file: IO[bytes]) -> tuple[str, str]:
    """In which letters, and what becomes of those that are none. Raises Unreadable: it is no text, whatever its name says."""
    begins = file.read(_LOOKED_AT)
    file.seek(0)
    if begins[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16", "replace"
    if begins[:2] in _PACKED:
        raise Unreadable("it is packed, or a workbook: lay down the CSV itself")
    if b"\0" in begins.partition(b"\n")[0]:
        raise Unreadable("its first line is no text: write it in UTF-8, or in UTF-16 with its mark")
    return "utf-8-sig", "surrogateescape"


def _read_by(mapping: str) -> frozenset[str]:
    """The columns that rows are read by. A mapping that cannot be used says nothing of that."""
    try:
        supplier = mapping_of(mapping) if mapping else None
    except BadMapping:
        supplier = None
    if supplier is None:
        return frozenset()
    reads = supplier.person.reads.union(*(each.reads for each in supplier.requests))
    return frozenset(names[1] for names in reads if len(names) == 2 and names[0] == "rows")


def _next_row(lines: Any) -> list[str] | None:
    """None behind the last."""
    begins = lines.line_num + 1
    try:
        values: list[str] = next(lines)
    except csv.Error:
        says = f"a text in the row that begins in line {begins} is longer than 10 MB, or a quotation mark in it is never closed"
        raise Unreadable(f"{says}: what follows is not read") from None
    if values == [_BEHIND]:
        return None
    if values and values[-1].endswith(_BEHIND):
        raise Unreadable(f"a quotation mark in the row that begins in line {begins} is never closed: what follows is not read")
    return [_in_letters(each) for each in values]


def _in_letters(value: str) -> str:
    """A value that is no UTF-8 is Windows-1252. Value by value: one odd byte must not turn every José of a file into JosÃ©."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return value


class _Row(msgspec.Struct, omit_defaults=True):
    """A row on its way into the journal. Its line is not part of it: the same row elsewhere in the file is the same row."""

    extract: str
    at: str
    row: dict[str, str] = {}
    fault: str = ""
    end: int = -1  # no row: all rows of a file that holds everything have come, so many


def end_of(name: str, at: str, rows: int) -> bytes:
    """After the last row of a file that holds everything: what it holds no more is gone."""
    return _json.encode(_Row(name, at, end=rows))


def is_end(raw: bytes) -> bool:
    return is_row(raw) and _ENDS in raw and _HOLDS not in raw


def is_full(mapping: str) -> bool:
    """Whether files of this mapping hold everything. A mapping that cannot be used says nothing of that."""
    try:
        return bool(mapping) and mapping_of(mapping).full
    except BadMapping:
        return False


_row: Final = msgspec.json.Decoder(_Row)


def opened(raw: bytes) -> _Row:
    """Raises Unreadable: no row, or one that is broken."""
    try:
        found = _row.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise Unreadable("it is no row of an extract") from fault
    if found.fault:
        raise Unreadable(found.fault)
    return found


def mapped(raw: bytes, sender: Sender, mapping: str, received_at: datetime | None = None) -> Filing:
    """What a row comes to, by the text of its source's mapping. The mapping calls its rows `rows`.

    Raises:
        Unreadable: it is broken, about nobody, or part of it cannot be read; the reason names columns, never what they hold.
    """
    found = opened(raw)
    if found.end >= 0:
        at = instant(found.at, received_at)
        return Filing(END, (at, at), kept_only="all rows of its extract have come: what it holds no more is taken back")
    if not mapping:
        raise Unreadable(NO_MAPPING)
    try:
        supplier = mapping_of(mapping)
    except BadMapping as bad:
        raise Unreadable(f"the mapping cannot be used: {bad.faults[0]}") from bad
    answer = {"rows": [found.row]}
    at = instant(found.at, received_at)
    reading = Reading(sender)
    try:
        person, resources = _made(supplier, answer, reading)
    except (BadPath, FhirError) as fault:
        raise Unreadable(fault.reason) from fault
    number = str(person["id"])
    local_id = f"nhs|{number}" if is_somebodys(number) else number
    made = [("", person), *(("", each) for each in resources)]
    return filed(reading, ROW, (at, at), made, local_id=local_id)


def _made(supplier: Supplier, answer: Any, reading: Reading) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    people = people_of(supplier, answer)
    if len(people) != 1:
        raise Unreadable("the row names nobody")
    around = around_of(supplier, answer)
    reads, left_out = supplier.person.reads, supplier.person.left_out
    resources = []
    for request in supplier.requests:
        reads, left_out = reads | request.reads, left_out | request.left_out
        for made in each_made(request, answer, around, str(people[0]["id"])):
            if made.fault:
                raise Unreadable(f"{made.type}: {made.fault}")
            resources.append(parse(made.raw))
    unknown, _ = unknown_in(reads, left_out, answer)
    reading.notes += [f"{'.'.join(names[1:])} is not carried" for names in sorted(unknown)]
    return people[0], resources
