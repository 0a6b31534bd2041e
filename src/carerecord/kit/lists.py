"""How does a list reach PostgreSQL? As one text that it takes apart itself: `$1::text::text[]`, `$1::text::bigint[]`.

The driver looks at each element of a list through an abstract class, which costs more than most of what is done with it.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

_numbers: Final = msgspec.json.Encoder()


def words(told: Sequence[str]) -> str:
    """Raises ValueError for a word with the character of code 0, which no text of PostgreSQL holds: it would be two words."""
    if not told:
        return "{}"
    joined = "\0".join(told)
    if joined.count("\0") >= len(told):
        raise ValueError("a text holds no character of code 0")
    escaped = joined.replace("\\", r"\\").replace('"', r"\"")
    return '{"' + escaped.replace("\0", '","') + '"}'


def numbers(told: Sequence[int]) -> str:
    return "{" + _numbers.encode(told)[1:-1].decode() + "}"


def by_column(rows: Sequence[tuple[str, ...]], many: int) -> list[str]:
    """Rows of so many words each, column by column."""
    return [words([row[place] for row in rows]) for place in range(many)]
