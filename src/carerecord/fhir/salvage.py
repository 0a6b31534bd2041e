"""Where do the entries of a Bundle begin and end, when one of them is so broken that no parser takes the whole?

A raw line break in a text, a lone surrogate, a NaN: one item in a hundred, and ninety-nine that can be read. Brackets and
quotation marks must still agree from the first byte to the last; an answer that was cut short is never salvaged.
"""

import re
from typing import Final

from msgspec import Struct

DEEPEST: Final = 64  # levels of nesting; real UK resources stay below 20
# A text that never ends is one token to the last byte, and is gone through once: a narrative that was cut short may hold a
# thousand escaped quotation marks, at each of which another text might have begun.
_TOKENS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+("|\\?\Z)|[\[{\]}]', re.DOTALL)
_LIST_FOLLOWS: Final = re.compile(rb"\s*:\s*\[")


class Apart(Struct, frozen=True):
    head: bytes  # the Bundle with an empty list of entries
    items: tuple[bytes, ...]


def shallow(raw: bytes) -> bool:
    """Whether `raw` nests no deeper than DEEPEST. Cheap for ordinary resources: few opening brackets settle it."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return True
    depth = 0
    for token in _TOKENS.finditer(raw):
        first = raw[token.start()]
        if first in b"[{":
            depth += 1
            if depth > DEEPEST:
                return False
        elif first in b"]}":
            depth -= 1
    return True


def apart(body: bytes) -> Apart | None:
    """The entries of a Bundle by bracket and quotation mark alone; None unless these agree throughout."""
    depth = list_at = list_end = start = last = 0
    items: list[bytes] = []
    for token in _TOKENS.finditer(body):
        first, at = body[token.start()], token.start()
        if first in b'"':
            if token[1] != b'"':
                return None
            if depth == 1 and not list_at and token.group() == b'"entry"':
                follows = _LIST_FOLLOWS.match(body, token.end())
                list_at = last = follows.end() if follows else 0
        elif first in b"[{":
            depth += 1
            if depth > DEEPEST:
                return None
            if list_at and not list_end and depth == 3:
                start = at
                if body[last:start].strip() not in (b"", b","):
                    return None
        else:
            depth -= 1
            if depth < 0:
                return None
            if list_at and not list_end and depth == 2:
                last = token.end()
                items.append(body[start:last])
            elif list_at and not list_end and depth == 1:
                list_end = at
                if body[last:list_end].strip():
                    return None
    if depth or not list_end:
        return None
    return Apart(body[:list_at] + body[list_end:], tuple(items))
