"""What did the clinician type? One box or fields, made into criteria, with what to say when it is not enough or not clear."""

import re
from datetime import date
from typing import Final

from msgspec import Struct

from carerecord.contracts.patients import SearchAsked
from carerecord.fhir.identifiers import is_nhs_number, make_nhs_number
from carerecord.patients import dates, names
from carerecord.patients.matching import Sought

LONGEST: Final = 200  # characters; nobody types more to find one person
_TEN_DIGITS: Final = re.compile(r"(?<![\w])(\d{3}[ \u00a0-]?\d{3}[ \u00a0-]?\d{4})(?![\w])")
_POSTCODE: Final = re.compile(r"(?<![\w])([A-Za-z]{1,2}[0-9][A-Za-z0-9]?\s*[0-9][A-Za-z]{2})(?![\w])")
_WILD: Final = re.compile(r"[*%?_]")
_NO_NAME: Final = frozenset(
    ("mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "dame", "rev", "master", "dob", "born", "nhs", "no", "mrn")
)
_PREFIXES: Final = frozenset(("o", "mc", "mac", "d", "st", "fitz", "al", "el", "ap", "de", "di", "la", "le", "van", "von"))

ADD_MORE: Final = "Add more: a birth date, a second name or a postcode."
NOT_NHS: Final = (
    "That is not a valid NHS number: its last digit does not agree with the others. Check it, or search by name and birth date."
)
NO_WILD: Final = "Type whole words or their beginnings: * and ? are not used here."
NOT_A_DATE: Final = "The birth date was not understood. Write it as 14-Jul-1945 or 14/07/1945."
NOT_A_POSTCODE: Final = "The postcode was not understood. Write it whole, such as ZZ1 1EB."


class Understood(Struct, frozen=True):
    sought: Sought
    enough: bool
    say: str
    kinds: tuple[str, ...]  # which kinds of criteria, for the book: never what was typed


def understand(asked: SearchAsked, today: date) -> Understood:
    every = (asked.text, asked.family, asked.given, asked.birth_date, asked.postcode, asked.number)
    if any(_WILD.search(each) for each in every):
        return Understood(Sought(), False, NO_WILD, ())
    text = asked.text[:LONGEST]
    text = _in_our_digits(f"{text} | {asked.number[:LONGEST]}" if asked.number else text)
    text, nhs_number, broken = _take_nhs_number(text)
    text, typed, also_number = _take_birth_date(text, today)
    say = NOT_NHS if broken else ""
    if asked.birth_date.strip():
        typed = dates.read(asked.birth_date, today)
        say = say or ("" if typed else NOT_A_DATE)
    text, postcode = _take_postcode(text)
    if asked.postcode.strip():
        postcode = names.postcode(asked.postcode)
        say = say or ("" if postcode else NOT_A_POSTCODE)
    text, numbers = _take_numbers(text)
    words = _slots(text)
    sought = Sought(
        nhs_number=nhs_number,
        nhs_slips=_slips(broken) if broken else frozenset(),
        numbers=frozenset(numbers - {broken}),
        maybe=frozenset(also_number | ({broken} if broken else set())),
        words=words,
        family=_slots(asked.family[:LONGEST]),
        given=_slots(asked.given[:LONGEST]),
        births=typed.meant if typed else (),
        near_births=typed.near if typed else (),
        postcode=postcode,
    )
    enough = _enough(sought)
    return Understood(sought, enough, say or ("" if enough else ADD_MORE), _kinds(sought))


def _enough(sought: Sought) -> bool:
    """The least that may be searched by: enough to mean one person, too little to leaf through a region.

    Source: the Personal Demographics Service asks for family name and birth date at least; here any two such facts do.
    """
    named = [slot for slot in (*sought.words, *sought.family, *sought.given) if slot]
    whole = any(len(slot[0]) > 1 for slot in named)
    facts = len(named) if whole else 0
    facts += bool(sought.births) + bool(sought.postcode)
    return bool(sought.nhs_number or sought.numbers or sought.maybe) or facts >= 2


def _kinds(sought: Sought) -> tuple[str, ...]:
    held = (
        ("nhs-number", sought.nhs_number or sought.nhs_slips),
        ("local-number", sought.numbers or sought.maybe),
        ("name", sought.words or sought.family or sought.given),
        ("birth-date", sought.births),
        ("postcode", sought.postcode),
    )
    return tuple(kind for kind, typed in held if typed)


def _take_nhs_number(text: str) -> tuple[str, str, str]:
    """The text without it; the number; or ten digits that are none."""
    for found in _TEN_DIGITS.finditer(text):
        digits = re.sub(r"\D", "", found.group())
        if is_nhs_number(digits):
            return text[: found.start()] + " | " + text[found.end() :], digits, ""
    found_none = _TEN_DIGITS.search(text)
    if found_none is None:
        return text, "", ""
    # Left in the text too: a hospital may number its patients with ten digits.
    digits = re.sub(r"\D", "", found_none.group())
    return text[: found_none.start()] + f" | {digits} | " + text[found_none.end() :], "", digits


def _take_birth_date(text: str, today: date) -> tuple[str, dates.Typed | None, set[str]]:
    typed = dates.read(text, today)
    if typed is None:
        return text, None, set()
    bare = {names.number(text[typed.start : typed.end])} if typed.bare else set()
    return text[: typed.start] + " | " + text[typed.end :], typed, bare


def _take_postcode(text: str) -> tuple[str, str]:
    found = _POSTCODE.search(text)
    if found is None or not (plain := names.postcode(found.group())):
        return text, ""
    return text[: found.start()] + " | " + text[found.end() :], plain


def _take_numbers(text: str) -> tuple[str, set[str]]:
    """Tokens with a digit; three letters or fewer before one may be the number's own (RXA 4470012), so both are looked for."""
    kept: list[str] = []
    numbers: set[str] = set()
    for token in re.split(r"[\s|,;]+", text):
        plain = names.number(token)
        if len(plain) < 3 or not any(letter.isdigit() for letter in token):
            kept.append(token)
            continue
        numbers.add(plain)
        if kept and 2 <= len(kept[-1]) <= 3 and len(plain) >= 4 and plain.isdigit() and kept[-1].lower() not in _NO_NAME:
            numbers.add(names.number(kept.pop()) + plain)
    return " ".join(kept), numbers


def _slots(text: str) -> tuple[tuple[str, ...], ...]:
    """One slot a word; a prefix that stands alone (O Neill, Mc Donald) belongs to the next word, meant either way."""
    plain = [word for word in names.words(text) if word not in _NO_NAME and not word.isdigit()]
    slots: list[tuple[str, ...]] = []
    at = 0
    while at < len(plain):
        if plain[at] in _PREFIXES and at + 1 < len(plain) and len(plain[at + 1]) > 2:
            slots.append((plain[at] + plain[at + 1], plain[at + 1]))
            at += 2
        else:
            slots.append((plain[at],))
            at += 1
    return tuple(slots)


def _in_our_digits(text: str) -> str:
    """A number typed on another keyboard, Arabic or Bengali say, is the same number."""
    return text if text.isascii() else "".join(str(int(each)) if each.isdecimal() else each for each in text)


def _slips(digits: str) -> frozenset[str]:
    """Valid NHS numbers that are this one with one digit wrong or two neighbours swapped."""
    tried = {digits[:at] + other + digits[at + 1 :] for at in range(10) for other in "0123456789"}
    tried |= {digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :] for at in range(9)}
    return frozenset(each for each in tried if make_nhs_number(each[:9]) == each)
