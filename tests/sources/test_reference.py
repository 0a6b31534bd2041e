"""The page of what a table may say holds every field that a table may say, and none that it may not."""

import re
from pathlib import Path

import msgspec

from carerecord.contracts.sources import KINDS, Source
from carerecord.sources.arrangements import ARRANGEMENTS
from carerecord.sources.model import BY_SECTION, CONNECTORS

PAGE = Path(__file__).parents[2] / "docs/reference/sources.md"


def test_the_page_holds_every_field_and_no_other():
    tables = PAGE.read_text(encoding="utf-8").split("## Beside the tables")[0]
    told = {name for row in re.findall(r"^\| (`[^|]+) \|", tables, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert told == {each.name for each in msgspec.structs.fields(Source)} | set(BY_SECTION)


def test_the_page_holds_every_word_that_such_a_field_may_say():
    text = PAGE.read_text(encoding="utf-8")
    for word in (*ARRANGEMENTS, *CONNECTORS, *KINDS):
        assert re.search(rf"\b{word}\b", text), word
