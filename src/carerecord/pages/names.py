"""How are a person and their numbers written? CUI NID (names), NUM (NHS number), CGS (gender); plain words for patients."""

import re

from carerecord.contracts.patients import Demographics, Name

_GENDER = {"male": "Male", "female": "Female", "other": "Other Specific", "unknown": "Not Known", "": "Not Specified"}
_PLAIN_GENDER = {**_GENDER, "other": "Other", "unknown": "We do not have this", "": "We do not have this"}


def _titled(word: str) -> str:
    """Words in one case only are put in title case; `McKenzie` and `de la Cruz` stay as their owner writes them."""
    if word not in (word.upper(), word.lower()):
        return word
    return re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), word.lower())


def official(demographics: Demographics) -> Name | None:
    """The name that stands in the banner: the official one, else the first that is not a nickname or an old name."""
    rank = {"official": 0, "usual": 1, "": 2, "maiden": 4, "old": 5, "nickname": 6}
    return min(demographics.names, key=lambda name: rank.get(name.use, 3), default=None)


def name_parts(name: Name | None) -> tuple[str, ...]:
    """`SMITH,` `John` `(Mr)`: the elements between which alone a line may break (NID-0001 to 0013)."""
    if name is None:
        return ("Name Not recorded",)
    family = name.family.upper() if name.family else "UNKNOWN"
    given = " ".join(_titled(each) for each in name.given) or "Unknown"
    title = (f"({name.prefix.rstrip('.')})",) if name.prefix else ()
    return (f"{family},", given, *title)


def cui_name(demographics: Demographics) -> str:
    return " ".join(name_parts(official(demographics)))


def plain_name(demographics: Demographics) -> str:
    """John Smith: natural order, for patients."""
    name = official(demographics)
    if name is None:
        return "We do not have this"
    return " ".join(filter(None, (*map(_titled, name.given), name.family)))


def preferred(demographics: Demographics) -> str:
    """The name that a person wishes to be called, when one is recorded (PAB-0037, 0054)."""
    for name in demographics.names:
        if name.use == "nickname":
            return " ".join(filter(None, (*name.given, name.family)))
    return ""


def nhs_number(text: str) -> str:
    """999 123 4567: 3 3 4 with single spaces (NUM-0001, 0002); anything else as it came."""
    digits = re.sub(r"[\s-]", "", text)
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if re.fullmatch(r"\d{10}", digits) else text


def gender(text: str, *, plain: bool = False) -> str:
    """In full, never a letter (CGS-0003, 0011)."""
    words = _PLAIN_GENDER if plain else _GENDER
    return words.get(text, text[:1].upper() + text[1:])
