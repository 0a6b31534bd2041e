"""In what words do resources repeat each other? Trains the dictionary with which bodies are packed, on people who do not exist.

    python scripts/train_dictionary.py ../shared/data/synthea src/carerecord/holdings/dictionary-2.zstd

It learns from Synthea's bundles (every second one: the others are for measuring) and as much from the pretend region. Resources
that name people are left out. One that is in use is never trained anew: what it packed could not be opened again.
"""

import gzip
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import zstandard

from carerecord.region.people.region import make_region

SIZE_BYTES = 49_152
LEVEL = 3
EACH = 6_000  # resources of either kind
LONGEST_BYTES = 8_000  # what is longer is small enough by itself
LEFT_OUT = frozenset(("Patient", "Practitioner", "RelatedPerson", "Person"))


def of_synthea(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.glob("*.json.gz"), key=lambda path: path.stat().st_size)[::2]:
        for entry in orjson.loads(gzip.decompress(path.read_bytes()))["entry"]:
            yield orjson.dumps(entry["resource"])


def of_the_region() -> Iterator[bytes]:
    region = make_region(1948, 300, now=datetime(2026, 11, 22, tzinfo=UTC))
    for holdings in region.holdings.values():
        for holding in holdings:
            for resource in holding.resources:
                yield orjson.dumps(resource)


def chosen(texts: Iterator[bytes], chance: random.Random) -> list[bytes]:
    found = [text for text in texts if len(text) < LONGEST_BYTES and orjson.loads(text).get("resourceType") not in LEFT_OUT]
    chance.shuffle(found)
    return found[:EACH]


def main(folder: str, to: str) -> None:
    chance = random.Random(1)  # noqa: S311 - the same samples each time
    samples: list[bytes | bytearray | memoryview[int]] = [*chosen(of_synthea(Path(folder)), chance)]
    samples += chosen(of_the_region(), chance)
    chance.shuffle(samples)
    Path(to).write_bytes(zstandard.train_dictionary(SIZE_BYTES, samples, level=LEVEL, threads=1).as_bytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
