"""In which words is a unit of a dose said, so that it cannot be misread? In full, and never a unit that contradicts itself."""

import re
from collections.abc import Mapping
from typing import Any, Final

from carerecord.fhir.codes import text_in
from carerecord.fhir.identifiers import UCUM

TIME: Final = frozenset(("second", "minute", "hour", "day", "week", "month", "year"))
# UCUM codes, in which upper and lower case differ.
_CODES: Final = {
    "g": "gram", "mg": "milligram", "ug": "microgram", "ng": "nanogram", "kg": "kilogram", "L": "litre", "l": "litre",
    "dL": "decilitre", "mL": "millilitre", "ml": "millilitre", "uL": "microlitre", "mol": "mole", "mmol": "millimole",
    "umol": "micromole", "meq": "milliequivalent", "[iU]": "unit", "[IU]": "unit", "U": "unit", "m[iU]": "milliunit",
    "mU": "milliunit", "k[iU]": "thousand unit", "10*3.[iU]": "thousand unit", "10*6.[iU]": "million unit",
    "M[iU]": "million unit", "%": "percent", "mm": "millimetre", "cm": "centimetre", "m2": "square metre",
    "cm2": "square centimetre", "[drp]": "drop", "MBq": "megabecquerel", "kcal": "kilocalorie", "s": "second",
    "min": "minute", "h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year",
}  # fmt: skip
# What people write, in any case. "u", "iu" and "mcg" have been misread as 0, iv and mg: they are never repeated.
_WRITTEN: Final = {
    **{each: each for each in {*_CODES.values()}},
    "gm": "gram", "gms": "gram", "mgs": "milligram", "mcg": "microgram", "mcgs": "microgram", "µg": "microgram",
    "μg": "microgram", "ug": "microgram", "nanog": "nanogram", "ng": "nanogram", "mg": "milligram", "g": "gram",
    "kg": "kilogram", "ml": "millilitre", "mls": "millilitre", "cc": "millilitre", "l": "litre", "milliliter": "millilitre",
    "liter": "litre", "microliter": "microlitre", "mmol": "millimole", "mmols": "millimole", "mol": "mole",
    "micromol": "micromole", "umol": "micromole", "iu": "unit", "u": "unit", "i.u.": "unit", "[iu]": "unit",
    "international unit": "unit", "m2": "square metre", "m²": "square metre", "square meter": "square metre",
    "%": "percent", "sec": "second", "min": "minute", "mins": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "d": "day", "wk": "week", "wks": "week", "mo": "month", "yr": "year", "yrs": "year",
}  # fmt: skip
_SHORT: Final = {
    "milligram": "mg", "gram": "g", "kilogram": "kg", "millilitre": "mL", "litre": "L", "millimole": "mmol",
    "microgram": "micrograms", "nanogram": "nanograms", "unit": "units", "percent": "%",
}  # fmt: skip
_PER: Final = re.compile(r"\s*/\s*|\s+per\s+", re.IGNORECASE)
_COUNTED: Final = re.compile(r"([1-9]\d{0,3})[ .]?(\S+)")
_ANNOTATION: Final = re.compile(r"\{([A-Za-z][A-Za-z ]*)\}")
_LONGEST: Final = 60


def unit_words(quantity: Mapping[str, Any]) -> str:
    """The unit in full, in the singular: "milligram", "microgram per kilogram per hour", "tablet".

    "" where there is none, where a code stands alone that is not known, and where the written unit and its UCUM code say
    different things: a page may then say no number.
    """
    said, code = text_in(quantity, "unit"), text_in(quantity, "code")
    by_code = _of_code(code) if code and text_in(quantity, "system") in (UCUM, "") else ""
    if not said:
        return by_code
    written = _WRITTEN.get(said) or _of_text(said)
    if written and by_code and written != by_code and not _ANNOTATION.fullmatch(code):
        return ""
    if written:
        return written
    # A unit that is not known is the source's own word ("tablet", "5ml spoonful"), and is left as it is; a number is no unit.
    return said if (len(said) <= _LONGEST and said[:1].isalpha()) or _starts_as_size(said) else ""


def short(unit: str) -> str:
    """The form that a line of a list uses: mg, mL; micrograms and units stay in full."""
    return _SHORT.get(unit, unit)


def in_number(count: str, unit: str) -> str:
    """Only units of time take a plural: "2 tablet" is how dose syntax writes it."""
    return f"{count} {unit}{'s' if unit in TIME and count != '1' else ''}"


def _of_code(code: str) -> str:
    if known := _CODES.get(code):
        return known
    if annotated := _ANNOTATION.fullmatch(code):
        return annotated[1].strip()
    return _parts(code.split("/"), _CODES.get) if "/" in code and len(code) <= _LONGEST else ""


def _of_text(said: str) -> str:
    if known := _atom(said):
        return known
    return _parts(_PER.split(said), _atom) if len(said) <= _LONGEST else ""


def _atom(said: str) -> str | None:
    plain = " ".join(said.casefold().split())
    found = _WRITTEN.get(plain) or (_WRITTEN.get(plain[:-1]) if plain.endswith("s") else None)
    return found or (_WRITTEN.get(plain.replace("(s)", "")) if "(s)" in plain else None)


def _parts(parts: list[str], known: Any) -> str:
    """ "mg/kg/24.h" as "milligram per kilogram per 24 hours"; "" where one of them is not known."""
    if len(parts) < 2:
        return ""
    said = []
    for at, part in enumerate(parts):
        counted = _COUNTED.fullmatch(part) if at else None
        word = known(part)
        if not word and counted and (inner := known(counted[2])) in TIME:
            word = in_number(counted[1], inner)
        if not word:
            return ""
        said.append(word)
    return " per ".join(said)


def _starts_as_size(said: str) -> bool:
    """ "5ml spoonful" and "7-day pack" are units in which numbers stand; "5" is not."""
    return len(said) <= _LONGEST and said[:1].isdigit() and bool(re.search(r"[A-Za-z]{3}", said))
