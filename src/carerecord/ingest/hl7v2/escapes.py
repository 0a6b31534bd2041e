"""What do HL7's escape sequences stand for?"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple


class Delimiters(NamedTuple):
    """The five characters that MSH-1 and MSH-2 name, and the one for truncation where 2.7 gives it."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    sub: str = "&"
    truncation: str = ""


_FORMATS: Final = {"br": "\n", "sp": "\n", "ce": "\n", "in": "", "ti": "", "fi": "", "nf": "", "sk": " "}
_MOST_BLANKS: Final = 100


@lru_cache(64)
def _reader(marks: Delimiters, codec: str) -> Callable[[str], str]:
    plain = {"F": marks.field, "S": marks.component, "T": marks.sub, "R": marks.repetition, "E": marks.escape, "H": "", "N": "",
             "P": marks.truncation or "#"}  # fmt: skip
    escape = re.escape(marks.escape)
    found = re.compile(f"{escape}([^{escape}\r\n]{{1,256}}){escape}")

    def meant(match: re.Match[str]) -> str:
        said = match[1]
        if (known := plain.get(said)) is not None:
            return known
        if said[0] == "X":
            return _hexadecimal(said[1:], codec) or match[0]
        if said[0] == ".":
            return _formatted(said[1:], match[0])
        return match[0]  # a local sequence, or a change of the character set: shown as it came

    return lambda text: found.sub(meant, text)


def _hexadecimal(digits: str, codec: str) -> str:
    try:
        text = bytes.fromhex(digits).decode("cp1252" if codec == "ascii" else codec)
    except ValueError:
        return ""
    return "".join("\n" if each in "\r\n\v\f" else each for each in text if each >= " " or each in "\r\n\v\f\t")


def _formatted(said: str, whole: str) -> str:
    known = _FORMATS.get(said[:2])
    if known is None:
        return whole
    count = said[2:].strip().removeprefix("+")
    times = min(int(count), _MOST_BLANKS) if count.isascii() and count.isdigit() else 1
    return known * times if said[:2] in ("sp", "sk") else known


def unescaped(text: str, marks: Delimiters, codec: str = "utf-8") -> str:
    """What was meant. Highlighting is dropped, a line break is a line break, and a sequence that nobody knows stays as it is."""
    return _reader(marks, codec)(text) if marks.escape and marks.escape in text else text


def escaped(text: str, marks: Delimiters) -> str:
    """Text as it may stand in a field, for what we write ourselves."""
    if not marks.escape:
        return text
    out = text.replace(marks.escape, f"{marks.escape}E{marks.escape}")
    for mark, letter in ((marks.field, "F"), (marks.component, "S"), (marks.sub, "T"), (marks.repetition, "R")):
        if mark:
            out = out.replace(mark, f"{marks.escape}{letter}{marks.escape}")
    return out.replace("\r\n", "\n").replace("\r", "\n").replace("\n", f"{marks.escape}.br{marks.escape}")
