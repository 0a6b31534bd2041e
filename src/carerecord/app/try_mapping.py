"""Does a mapping do what its author means? Its test cases on the command line, without a source and without a service."""

import asyncio
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from carerecord.connectors.rest_json_mapping import BadMapping
from carerecord.connectors.rest_json_trying import Tried, tried
from carerecord.fhir.validate import load

_validators = cache(load)


def try_mapping(file: Path, *, write: bool, out: Console) -> bool:
    """Print what each test case shows; True when all is as expected. `write` keeps what came out as what is expected."""
    validators = _validators()

    def faults(resource: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(each) for each in validators.faults(dict(resource)))

    def say(text: str) -> None:
        out.print(text, highlight=False, soft_wrap=True, markup=False)

    try:
        cases = asyncio.run(tried(file.read_text(encoding="utf-8"), lambda name: (file.parent / name).read_bytes(), faults))
    except BadMapping as bad:
        for fault in bad.faults:
            say(f"{file.name}: {fault}")
        return False
    for case in cases:
        _told(case, say)
        if write and case.came:
            (file.parent / case.expected).write_text(case.came, encoding="utf-8")
            say(f"  written to {case.expected}: read it before you believe it")
    well = sum(each.ok for each in cases)
    say(f"{file.name}: {well} of {len(cases)} test cases as expected")
    return well == len(cases) or write


def _told(case: Tried, say: Any) -> None:
    items = f"{case.sent} item{'s' if case.sent != 1 else ''}"
    say(f"{case.request}, {case.input}: {'as expected' if case.ok else 'differs'}; {items}")
    for each in case.wrong:
        say(f"  {each}")
    for each in case.unknown:
        say(f"  sent and not known to the mapping: {each}")
    for each in case.left_out:
        say(f"  sent and left out on purpose: {each}")
