"""How does src/carerecord/patients/weights.toml come about? From labelled pairs of training sets, and from lists of names.

    python -m benchmarks.truth.train --names FOLDER

`--names` holds lists of UK names (the top 100 given names by year of the Office for National Statistics; surnames, one a line, as
often as they occur). The training sets are febrl 1 and 2, the censuses 3 and 4, and the UK set of seed 1001:
benchmarks/matching.py measures none of them. Nothing of this is needed at run time; a change of the table is reviewed as one
of code.
"""

import argparse
import csv
import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from benchmarks.truth.export import folder
from benchmarks.truth.sets import Truth, census, febrl
from benchmarks.truth.uk import uk
from carerecord.patients import names as folding
from carerecord.patients.facts import Facts
from carerecord.patients.levels import compare
from carerecord.patients.weights import FACTS

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "src" / "carerecord" / "patients" / "weights.toml"
RANDOM_PAIRS = 120_000
LEVELS: Mapping[str, tuple[str, ...]] = {
    "given": ("same", "form", "sound", "near", "initial", "part", "swapped", "crossed", "differs"),
    "second": ("same", "near", "initial", "differs"),
    "family": ("same", "near", "sound", "former", "part", "swapped", "differs"),
    "birth": ("same", "edit", "partly", "differs"),
    "sex": ("same", "differs"),
    "place": ("same", "near", "street", "area", "differs"),
    "phone": ("same", "differs"),
    "nhs": ("same", "edit", "differs"),
    "number": ("same",),
}
# What no training set can teach, for none holds it or each holds it in another measure than life; reviewed by hand.
BY_HAND: Mapping[str, Mapping[str, float]] = {
    "number": {"same": 14.0},  # one authority's local number; merged or mistyped ones exist
    "nhs": {"same": 20.0, "edit": 1.0, "differs": -7.0},  # about one record in a hundred bears another's
    "sex": {"differs": -5.0},
    "birth": {"differs": -7.0},
    "given": {"differs": -5.0},  # twins share all the rest
    "phone": {"same": 11.0},  # a household's, at times a surgery's
    "second": {"near": 3.0, "differs": -3.0},
    # One person in seven has moved between two records; an institution is nobody's home, and no evidence that two are one.
    "place": {"differs": -2.0, "shared": 0.0},
}
MOST, LEAST = 15.0, -6.0
ORDERED = (
    ("given", ("same", "form")), ("family", ("same", "near")), ("birth", ("same", "edit", "partly")),
    ("place", ("same", "near", "street")),
)  # fmt: skip


def training(at: Path) -> list[Truth]:
    return [febrl(at, 1), febrl(at, 2), census(at, 3, 4), uk(40_000, 1001)]


def shares(truth: Truth, chance: random.Random) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """How often each level of each fact occurs among pairs of one person, and among pairs of strangers."""
    facts = [Facts.of(each, each.demographics.nhs_number) for each in truth.statements]
    true = [pair for pair in truth.pairs() if facts[pair[0]].source != facts[pair[1]].source]
    if len(true) > 30_000:
        true = chance.sample(true, 30_000)
    strangers: list[tuple[int, int]] = []
    while len(strangers) < RANDOM_PAIRS:
        one, other = chance.randrange(len(facts)), chance.randrange(len(facts))
        if truth.people[one] != truth.people[other]:
            strangers.append((one, other))
    return _count(facts, true), _count(facts, strangers)


def _count(facts: list[Facts], pairs: Iterable[tuple[int, int]]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for one, other in pairs:
        found.update(zip(FACTS, compare(facts[one], facts[other]), strict=True))
    return found


def learned(sets: list[Truth]) -> dict[str, dict[str, float]]:
    """bits = log2(m / u), each set with the same voice; u is never below what so many strangers can show."""
    chance = random.Random(5)
    counted = [shares(truth, chance) for truth in sets]
    found: dict[str, dict[str, float]] = {}
    for fact, levels in LEVELS.items():
        found[fact] = {}
        for level in levels:
            told: list[tuple[float, float]] = []
            for true, strangers in counted:
                m_all = sum(true[fact, each] for each in levels)
                u_all = sum(strangers[fact, each] for each in levels)
                if m_all > 200 and u_all > 200:
                    told.append(((true[fact, level] + 0.5) / (m_all + 1), (strangers[fact, level] + 0.5) / (u_all + 1)))
            if told:
                m, u = (sum(pair[side] for pair in told) / len(told) for side in (0, 1))
                found[fact][level] = round(max(LEAST, min(MOST, math.log2(m / u))), 1)
        found[fact] |= BY_HAND.get(fact, {})
    for fact in ("given", "family"):  # one event, told by two facts: each tells half of it
        found[fact]["swapped"] = round(found[fact]["swapped"] / 2, 1)
    for fact, order in ORDERED:  # a better level never tells less
        for better, worse in pairwise(order):
            found[fact][worse] = min(found[fact][worse], found[fact][better])
    return found


def given_shares(at: Path) -> dict[str, float]:
    """The lists give ranks alone; shares are taken to fall as the inverse of rank and ten, three quarters of births in all."""
    found: dict[str, float] = {}
    lists = 0
    for file in sorted(at.glob("*.csv")):
        with file.open(encoding="utf-8-sig", errors="replace") as opened:
            rows = [row for row in csv.reader(opened) if row and row[0].strip().isdigit()]
        total = sum(1 / (int(row[0]) + 10) for row in rows)
        for row in rows:
            for name in row[1:]:
                for word in folding.words(name)[:1]:
                    found[word] = found.get(word, 0.0) + 0.75 / (int(row[0]) + 10) / total
        lists += max(len(row) - 1 for row in rows)
    return {name: share / lists for name, share in found.items()}


def family_shares(at: Path) -> dict[str, float]:
    lines = (at / "surnames.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    found = Counter(folding.closed(line) for line in lines if line and not line.startswith("#"))
    total = sum(found.values())
    return {name: count / total for name, count in found.items() if count >= 5 and name}


def told_by(found: Mapping[str, float], average_bits: float) -> str:
    """Lines of "bits: names": how much more, or less, agreeing on a name tells than the average."""
    by_bits: dict[float, list[str]] = {}
    for name, share in found.items():
        bits = round(max(-4.0, min(3.0, -math.log2(share) - average_bits)) * 2) / 2
        by_bits.setdefault(bits, []).append(name)
    return "\n".join(
        f"{bits}: {' '.join(chunk)}"
        for bits in sorted(by_bits)
        for chunk in _chunks(sorted(by_bits[bits]), 16)
    )


def _chunks(words: list[str], many: int) -> Iterable[list[str]]:
    return (words[at : at + many] for at in range(0, len(words), many))


def average(found: Mapping[str, float]) -> float:
    """The bits of two strangers' names agreeing: -log2 of the chance that they do."""
    return -math.log2(sum(share * share for share in found.values()))


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--names", type=Path, required=True)
    args = told.parse_args()
    sets = training(folder())
    given, family = given_shares(args.names), family_shares(args.names)
    bits = learned(sets)
    kept = TABLE.read_text(encoding="utf-8")
    spellings = kept[kept.index("spellings =") :]
    lines = [
        "# How much each agreement and disagreement tells, in bits. Written by benchmarks/truth/train.py; reviewed like code.",
        f"# Trained {datetime.now(UTC):%d-%b-%Y} on {', '.join(f'{each.name} ({len(each.statements):,})' for each in sets)}.",
        "# Names: Top 100 Baby Names Historical Data, Office for National Statistics; surnames of Camden planning applications,",
        "# both by way of google/simhospital. Contains public sector information licensed under the Open Government Licence v3.",
        f'version = "{datetime.now(UTC):%Y-%m-%d}.4"',
        "",
        "[thresholds]  # in bits; docs/explanation/matching.md says what each means",
        "link = 24.0    # at least this, and no rule against it: linked",
        "alone = 32.0   # name, birth date and sex with nothing beside them: names this rare, or a human",
        "review = 11.0  # at least this: a human looks",
        "faint = 4.0    # at least this in one house or institution, and nobody likelier is found: a human looks",
        "faint_street = 8.0   # the same in one street, or born on one day where one has no address",
        "prior = 20.0   # two entries of a region of a million are one person as often as not at this",
        "rare_given = 2.5   # for a name that is in no list",
        "rare_family = 2.5",
        "",
        "[bits]",
    ]
    for fact in FACTS:
        inner = ", ".join(f"{level} = {told}" for level, told in bits[fact].items())
        lines.append(f"{fact} = {{ {inner}, absent = 0.0 }}")
    lines += [
        "",
        "[names]  # bits more or less than the average name: names",
        f'given = """\n{told_by(given, average(given))}\n"""',
        f'family = """\n{told_by(family, average(family))}\n"""',
        spellings,
    ]
    TABLE.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(line for line in lines if " = {" in line))


if __name__ == "__main__":
    main()
