"""What stands in an address after the question mark, and in the links of a page?"""

import re
from typing import Final
from urllib.parse import quote_plus, unquote

from carerecord.kit.errors import NotUnderstood

MOST: Final = 1_000  # resources on a page
USUAL: Final = 100
MOST_PARAMETERS: Final = 1_000
CURSOR: Final = "_page"
_PLAIN: Final = re.compile(r"[\w.~-]*", re.ASCII)
Query = tuple[tuple[str, str], ...]


def address(here: str, query: Query) -> str:
    return f"{here}?{'&'.join([f'{_escaped(name)}={_escaped(value)}' for name, value in query])}" if query else here


def _escaped(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quote_plus(text)


def pairs_of(text: str) -> Query:
    """A query as it was written. Raises NotUnderstood: more parameters than any search has."""
    if text.count("&") >= MOST_PARAMETERS:
        raise NotUnderstood(f"At most {MOST_PARAMETERS} parameters are read.")
    said = [each.partition("=") for each in text.split("&") if each]
    return tuple([(_unescaped(name), _unescaped(value)) for name, _, value in said])


def _unescaped(text: str) -> str:
    text = text.replace("+", " ")
    return unquote(text) if "%" in text else text


def size(said: str, usual: int, most: int = MOST) -> int:
    """How many are wanted on a page; where nothing or 0 is said, as many as usual. Raises NotUnderstood: it is no number."""
    if said and not (said.isascii() and said.isdecimal()):
        raise NotUnderstood("_count: is a number, 0 or more")
    return min(int(said[:9]), most) if said and int(said[:9]) else usual
