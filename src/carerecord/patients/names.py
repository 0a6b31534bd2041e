"""How is a name, a number or a postcode folded, so that two ways of writing it become equal?

Folding is done here and nowhere in the database, so that no change of a C library can corrupt an index.
"""

import re
import unicodedata
from functools import lru_cache
from hashlib import blake2b
from typing import Final

# A word stands in the index under itself with each of its letters left out. The longest name on any register has 36 letters.
LONGEST: Final = 60
AT_HAND: Final = 1 << 13  # answers that each function of a word keeps: common names come again, a region's rare ones fill memory
_LONGEST_NUMBER: Final = 200
# Letters that NFKD leaves whole although people type them without their stroke or ligature.
_WHOLE: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "ŋ": "n"}
)
_APOSTROPHES: Final = re.compile(r"['\u2018\u2019\u201b\u02bc\u02b9`\u00b4\u2032]")
_NOT_WORD: Final = re.compile(r"[^\w]+|_+")
_ASCII_WORDS: Final = {
    **{at: chr(at).lower() if chr(at).isalnum() else " " for at in range(128)}, ord("'"): "", ord("`"): "",
}  # fmt: skip
_NOT_PLAIN: Final = re.compile(r"[^A-Z0-9]")
_OUTWARD_INWARD: Final = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][A-Z]{2})\Z")


@lru_cache(maxsize=AT_HAND)
def words(text: str) -> tuple[str, ...]:
    """The words of a name: lower case, no accents, an apostrophe closed up (O'Neill is oneill), a hyphen parts two words.

    Folding what is folded changes nothing.
    """
    return tuple(word[:LONGEST] for word in _NOT_WORD.split(_plain(text)) if word)


def folded(text: str) -> list[str]:
    """The words of a longer text that is seldom told twice, such as an address."""
    return text.translate(_ASCII_WORDS).split() if text.isascii() else [word for word in _NOT_WORD.split(_plain(text)) if word]


def closed(text: str) -> str:
    """The name as one word: Smith-Jones, Smith Jones and SmithJones are all smithjones."""
    return "".join(words(text))[:LONGEST]


def _plain(text: str) -> str:
    if text.isascii():
        return text.replace("'", "").replace("`", "").lower()
    closed_up = _APOSTROPHES.sub("", text)
    split = unicodedata.normalize("NFKD", closed_up).casefold().translate(_WHOLE)
    split = _APOSTROPHES.sub("", unicodedata.normalize("NFKD", split))
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def number(text: str) -> str:
    """An identifier's value for comparison: capitals and digits only, so that ABC 123/4 is ABC1234.

    One that is longer than any number is told from others by a digest: no index holds it.
    """
    plain = _NOT_PLAIN.sub("", unicodedata.normalize("NFKC", text).upper())
    return plain if len(plain) <= _LONGEST_NUMBER else blake2b(plain.encode(), digest_size=24).hexdigest().upper()


@lru_cache(maxsize=AT_HAND)
def postcode(text: str) -> str:
    """A postcode without its space, in capitals; "" where it has not the shape of one.

    Source: BS 7666 shape, one or two letters, digit, optional letter or digit, then digit and two letters. Whether it was
    ever issued is not asked: ZZ99 and the like stand for real states in NHS data.
    """
    plain = number(text)
    return plain if _OUTWARD_INWARD.match(plain) else ""


def near_keys(word: str) -> frozenset[str]:
    """The word and each form with one letter left out: two words one slip apart (wrong, missing, added, swapped) share a key."""
    return frozenset((word, *(word[:at] + word[at + 1 :] for at in range(len(word))))) if len(word) > 2 else frozenset((word,))
