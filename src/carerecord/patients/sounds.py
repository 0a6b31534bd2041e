"""How does a name sound, to whoever writes it down? A key that spellings of one name share, whatever language it came from.

Soundex and Metaphone were made for English surnames: they part Chowdhury from Choudhry and Yusuf from Youssef. Here the vowels
go, and the letters that one sound is written with become one: after English and Celtic habits (ph, kn, wr), Slavic (cz, sz)
and the many ways in which Arabic, Urdu, Punjabi, Bengali, Yoruba or Cantonese are put into Latin letters (kh, dh, bh, q, ou).
"""

import re
from functools import lru_cache
from typing import Final

from carerecord.patients.names import AT_HAND

_FIRST: Final = (("mac", "mc"), ("kn", "n"), ("gn", "n"), ("pn", "n"), ("wr", "r"), ("ps", "s"), ("x", "s"), ("wh", "w"))
_ONE_SOUND: Final = (
    ("tsch", "c"), ("sch", "s"), ("szcz", "s"), ("cz", "c"), ("ch", "c"), ("tch", "c"), ("sz", "s"), ("sh", "s"), ("ph", "f"),
    ("gh", "g"), ("kh", "k"), ("dh", "d"), ("bh", "b"), ("th", "t"), ("zh", "z"), ("jh", "j"), ("ck", "k"), ("qu", "k"),
    ("dge", "j"), ("dj", "j"), ("ce", "se"), ("ci", "si"), ("cy", "sy"), ("q", "k"), ("x", "ks"), ("v", "f"), ("ss", "s"),
)  # fmt: skip
_TWICE: Final = re.compile(r"(.)\1+")
_SOFT: Final = str.maketrans("", "", "aeiouyhw")


@lru_cache(maxsize=AT_HAND)
def sound(word: str) -> str:
    """The key of one folded word: its first sound (a vowel as "a"), then consonants. Short words stay as they are."""
    if len(word) < 3:
        return word
    plain = word
    for begins, as_if in _FIRST:
        if plain.startswith(begins):
            plain = as_if + plain[len(begins) :]
            break
    for written, as_if in _ONE_SOUND:
        plain = plain.replace(written, as_if)
    plain = _TWICE.sub(r"\1", plain.replace("c", "k") if not plain.startswith("c") else "c" + plain[1:].replace("c", "k"))
    first = "a" if plain[0] in "aeiouy" else plain[0]
    rest = _TWICE.sub(r"\1", plain[1:].translate(_SOFT))
    return first + rest
