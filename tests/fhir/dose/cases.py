"""How should coded doses read? One case a line: what it shows, the dosages, the sentence.

Made from the constructs of the NHS dose syntax examples (nhsconnect/Dose-Syntax-Implementation, Apache License 2.0) and of its
narrative logic, with amounts of our own.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple


class Case(NamedTuple):
    shows: str
    dosages: list[dict[str, Any]]
    reads: str


def cases() -> list[Case]:
    lines = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"), parse_float=Decimal)
    return [Case(each["shows"], each["dosages"], each["reads"]) for each in lines]
