"""How does docs/reference/performance.md come about? From what the benchmarks printed last, and from nothing else."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "performance.md"


def page(found: dict[str, dict[str, Any]], today: str) -> str:
    """The page, of what each benchmark by its name printed. A promise that is missed says so first."""
    lines = ["# Performance", "", "Written by `make bench`; not by hand. `make bench ONLY=federation` measures one alone.", ""]
    first = next(iter(found.values()))["machine"]
    lines += [
        f"Measured {today} on {first['cores']} cores ({first['processor']}), {first['memory_gb']} GB,",
        f"Python {first['python']}.",
        "",
        "*Ratio* is the value beside what it is held against; the promise is kept while it is not above *must*.",
        "*Restless* tells how busy others kept the machine: the load a core, and how much longer than at best the same small",
        "work took. Above about 1.0 and 1.2 the figures say more about the neighbours than about carerecord.",
        "",
        "| benchmark | promise | value | against | ratio | must | kept | restless |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for name, each in found.items():
        restless = f"{each['noise']['load_a_core']} · {each['noise']['same_work_median_to_best']}"
        for told in each["promises"]:
            kept = "yes" if told["met"] else "**no**"
            value, against = f"{told['value']:,} {told['unit']}", f"{told['against']:,} {told['unit']}"
            lines.append(
                f"| {name} | {told['name']} | {value} | {against} | {told['ratio']} | {told['must']} | {kept} | {restless} |"
            )
    return "\n".join([*lines, ""])


def main(folder: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            found[file.stem] = told | {"promises": told["promises"]}
        except (ValueError, KeyError, TypeError):
            print(f"{file.name} is not what a benchmark prints; left out", file=sys.stderr)
    if found:
        PAGE.write_text(page(found, f"{datetime.now(UTC):%d-%b-%Y}"), encoding="utf-8")
        print(f"written: {PAGE.relative_to(PAGE.parents[2])}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
