"""Which entries are about one medicine? Those of one name, and those of which a code says so; never by guessing from names."""

from collections.abc import Iterable

from msgspec import Struct

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Medicine


class Alike(Struct, frozen=True):
    """Entries about one medicine, in the order in which they stand in the record."""

    name: str
    entries: tuple[Entry, ...]
    by_code: bool  # they have several names, and a code alone says that they are one


def alike(entries: Iterable[Entry]) -> tuple[Alike, ...]:
    """Every medicine once, in order of first appearance; what waits behind a mismatch warning is set beside nothing.

    Two entries belong together when they have one name, one national product code, or the same coded active ingredients.
    """
    leads: dict[str, str] = {}  # a mark -> another mark of the same medicine, at last its own lead
    known: list[tuple[Entry, Medicine]] = []
    for entry in entries:
        medicine = entry.facts.medicine
        if entry.mismatch or medicine is None or not medicine.group:
            continue
        known.append((entry, medicine))
        name = _lead(leads, f"name|{medicine.group}")
        for code in medicine.same_as:
            leads[_lead(leads, code)] = name
            name = _lead(leads, name)
    together: dict[str, list[tuple[Entry, Medicine]]] = {}
    for entry, medicine in known:
        together.setdefault(_lead(leads, f"name|{medicine.group}"), []).append((entry, medicine))
    return tuple(_one(pairs) for pairs in together.values())


def _one(pairs: list[tuple[Entry, Medicine]]) -> Alike:
    names = dict.fromkeys(medicine.group for _, medicine in pairs)
    # Of a brand and its generic the generic is the name: an ingredient is named by it, a brand is no ingredient.
    by_ingredient = [medicine.group for _, medicine in pairs if any(each.startswith("ingredients|") for each in medicine.same_as)]
    name = next(iter(by_ingredient or names))
    return Alike(name, tuple(entry for entry, _ in pairs), len(names) > 1)


def _lead(leads: dict[str, str], mark: str) -> str:
    at = mark
    while (up := leads.setdefault(at, at)) != at:
        at = up
    leads[mark] = at
    return at
