"""What does one received resource cost from its bytes to its facts: split, parsed, checked, read? Beside orjson's bare parse.

Microseconds of CPU, each the least of many short rounds (others keep this machine busy; the ratio to orjson, measured in the
same rounds, is what may be compared). The mix is that of the records desk's benchmark, and real Synthea records where they are.

As a desk at work reads: kinds of resources are remembered for less than a minute, so what other people's records held a moment
ago is known, and nothing of this one's own. Beside it: with nothing known at all, with all of it, and each resource read whole.
"""

import argparse
import gzip
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.far import a_bundle
from benchmarks.promises import Promise, tell
from carerecord.fhir.bundle import parse, split
from carerecord.fhir.kin import Beside, Kinds
from carerecord.fhir.reading import read
from carerecord.fhir.validate import RECORD_TYPES, load

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
TIMES_ORJSON = 11.0  # the promise: no more than so many times a parse that checks nothing and loses the digits
SYNTHEA = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).resolve().parents[2] / "shared" / "data") / "synthea"

Work = Callable[[], object]


def least_us(works: Mapping[str, tuple[Work, int]], rounds: int) -> dict[str, float]:
    """Each piece of work in turn, round after round: the least CPU of each, for one of the many that it does."""
    took = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, (work, many) in works.items():
            began = time.process_time()
            work()
            took[name] = min(took[name], (time.process_time() - began) / many * 1e6)
    return {name: round(each, 2) for name, each in took.items()}


def each_of(step: Callable[[Any], Any], given: Sequence[Any]) -> Work:
    """As the records desk does it: one after the other, nothing kept."""

    def work() -> None:
        for each in given:
            step(each)

    return work


def raws_of(body: bytes) -> list[bytes]:
    return [entry.raw for entry in split(body).entries if entry.type in RECORD_TYPES]


def as_the_desk(raws: Sequence[bytes], before: Sequence[bytes], check: Callable[[dict[str, Any]], None], rounds: int) -> float:
    """One resource of an answer, where those of others came before it."""
    least = float("inf")
    for _ in range(rounds):
        kinds, beside = Kinds(check, lambda: NOW), Beside()
        for raw in before:
            kinds.read(raw, beside)
        began = time.process_time()
        for raw in raws:
            kinds.read(raw, beside)
        least = min(least, (time.process_time() - began) / len(raws) * 1e6)
    return round(least, 2)


def costs(body: bytes, others: Sequence[bytes], check: Callable[[dict[str, Any]], None], rounds: int) -> dict[str, Any]:
    """The whole and each step, then the whole for each type, for one resource of `body`; `others` came before it."""
    raws, before = raws_of(body), [raw for other in others for raw in raws_of(other)]
    by_type: dict[str, list[bytes]] = defaultdict(list)
    for raw in raws:
        by_type[parse(raw)["resourceType"]].append(raw)
    parsed = [parse(raw) for raw in raws]

    def whole(raw: bytes) -> None:
        resource = parse(raw)
        check(resource)
        read(resource, now=NOW)

    many = len(raws)
    found: dict[str, Any] = least_us(
        {
            "orjson": (each_of(orjson.loads, raws), many),
            "split": (lambda: split(body), len(split(body).entries)),
            "parse": (each_of(parse, raws), many),
            "check": (each_of(check, parsed), many),
            "read": (each_of(lambda each: read(each, now=NOW), parsed), many),
            "parse_check_read": (each_of(whole, raws), many),
        },
        rounds,
    )
    found["as_the_desk"] = as_the_desk(raws, before, check, rounds)
    found["nothing_met_before"] = as_the_desk(raws, (), check, rounds)
    found["all_met_before"] = as_the_desk(raws, raws * 2, check, rounds)
    found["all_in"] = round(found["split"] + found["as_the_desk"], 2)
    found["resources"], found["bytes_each"] = many, sum(map(len, raws)) // many
    found["parse_check_read_by_type"] = least_us(
        {type_: (each_of(whole, few * (1 + 20 // len(few))), len(few) * (1 + 20 // len(few))) for type_, few in by_type.items()},
        rounds,
    )
    return found


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--rounds", type=int, default=150)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    check = load().check
    found = {"desk": costs(a_bundle(1, 50), [a_bundle(each, 50) for each in range(2, 12)], check, args.rounds)}
    real = sorted(SYNTHEA.glob("*.json.gz"), key=lambda each: each.stat().st_size)
    if real:
        smallest, *others = [gzip.decompress(each.read_bytes()) for each in real[:11]]
        found["synthea"] = costs(smallest, others, check, max(5, args.rounds // 5))
    promises = [
        Promise(f"all-in, one resource of the {mix} mix", each["all_in"], "µs of CPU", each["orjson"], TIMES_ORJSON)
        for mix, each in found.items()
    ]
    tell(promises, found, compact=args.json)


if __name__ == "__main__":
    main()
