"""How does each section of a source take part: asked live, read from what is kept of it, both, or mastered here? Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

LIVE: Final = "live"
ARRANGEMENTS: Final = (LIVE, "copy", "both", "master")
ASKED: Final = frozenset((LIVE, "both"))
KEPT: Final = frozenset(("copy", "both", "master"))
NONE: Final = "none"  # the connector of a source that sends and is not asked


def arrangement_of(table: Mapping[str, Any], section: str) -> str:
    """Of a table without fault. Flags of every kind go together where nothing else is said."""
    said = table.get("arrangements", {})
    like = "alerts" if section == "safeguarding" and section not in said else section
    return str(said.get(like, table.get("arrangement", LIVE)))


def arrangement_oddities(table: Mapping[str, Any], sections: Sequence[str]) -> Iterator[str]:
    said = table.get("arrangements", {})
    if not isinstance(said, dict):
        yield "arrangements is a table of sections"
        return
    words = {"arrangement": table.get("arrangement", LIVE)} | {f"arrangements.{name}": each for name, each in said.items()}
    wrong = {name: each for name, each in words.items() if each not in ARRANGEMENTS}
    yield from (f"{name} is {each!r}; it is one of {', '.join(ARRANGEMENTS)}" for name, each in wrong.items())
    yield from (f"arrangements names {each!r}, which it does not share" for each in said if each not in sections)
    good = table.get("copy_good_s", 0.0)
    if not isinstance(good, int | float) or isinstance(good, bool) or good < 0:
        yield "copy_good_s is a number of seconds, or 0"
    if wrong or table.get("connector") != NONE:
        return
    asked = [each for each in sections if arrangement_of(table, each) in ASKED]
    if asked:
        yield f"connector is none, so nobody is asked: {', '.join(asked)} can be copy or master"
