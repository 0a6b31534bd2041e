"""What does an operator's TOML file say? A document and its tables, or what is wrong with it in words; never another fault."""

import tomllib
from collections.abc import Mapping
from typing import Any


class NotToml(ValueError):
    """It cannot be read; the words say where."""


def document(text: str) -> dict[str, Any]:
    """Raises NotToml: also where it nests without end, or holds a number of thousands of digits."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise NotToml("it nests deeper than any of our files") from None
    except ValueError as error:
        raise NotToml(str(error)) from None


def tables(told: Mapping[str, Any], name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The tables `[[name]]`, and what to write where there is something else, such as one `[name]` with single brackets."""
    found = told.get(name, [])
    if isinstance(found, list) and all(isinstance(each, dict) for each in found):
        return found, []
    return [], [f"{name} is a list of tables: each begins with [[{name}]]"]


def is_words(told: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(told, list) and all(isinstance(each, str) for each in told)
