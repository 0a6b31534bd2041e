"""How far do the lists of several sources overlap, and what would wait for a human? Told before any of them is let in."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from carerecord.contracts.patients import SourcePatient
from carerecord.fhir.errors import FhirError
from carerecord.fhir.person import person
from carerecord.ingest.people import stated
from carerecord.patients.batch import Linked, link_stated


class Read(Struct, frozen=True):
    source: str
    people: tuple[SourcePatient, ...]
    faults: tuple[str, ...]  # by line, never what stands there


def read(file: Path) -> Read:
    """One source's Patients, one a line. Of two lines with one id the later counts, as it does in the index."""
    source, people, faults = file.name.partition(".")[0], dict[str, SourcePatient](), []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                facts = person(line)
            except FhirError as fault:
                faults.append(f"{file.name}, line {number}: {fault.reason}")
                continue
            if facts.id:
                people[facts.id] = stated(source, facts)
            else:
                faults.append(f"{file.name}, line {number}: it has no id")
    return Read(source, tuple(people.values()), tuple(faults))


def overlap(every: Sequence[Read]) -> tuple[list[SourcePatient], Linked]:
    people = [each for one in every for each in one.people]
    return people, link_stated(people)


def told(people: Sequence[SourcePatient], found: Linked) -> str:
    """A line for each figure."""
    known: dict[int, int] = {}
    for set_ in found.person:
        known[set_] = known.get(set_, 0) + 1
    several = sum(1 for many in known.values() if many > 1)
    return "\n".join(
        (
            f"entries: {len(people):,}",
            f"people: {len(known):,}, of whom {several:,} would be linked from two entries or more",
            f"pairs that would wait for a human: {len(found.reviews):,}",
        )
    )


def write(file: Path, people: Sequence[SourcePatient], found: Linked) -> None:
    """A row an entry: who it is, by number, and beside whom a human would be asked to look. Only its owner may read it."""
    beside: dict[int, set[int]] = {}
    for one, other in found.reviews:
        beside.setdefault(found.person[one], set()).add(found.person[other])
        beside.setdefault(found.person[other], set()).add(found.person[one])
    private = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(private, "w", newline="", encoding="utf-8") as to:
        rows = csv.writer(to)
        rows.writerow(("source", "id", "person", "review"))
        for each, set_ in zip(people, found.person, strict=True):
            far = " ".join(str(one + 1) for one in sorted(beside.get(set_, ())))
            rows.writerow((_inert(each.source), _inert(each.local_id), set_ + 1, far))


def _inert(cell: str) -> str:
    """As text for a spreadsheet too, which would carry out an id such as "=cmd"."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
