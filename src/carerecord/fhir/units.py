"""How is a unit written for a reader, and may two values be compared as they stand? Nothing is ever converted here."""

from typing import Any, Final

# UCUM codes, and spellings that laboratories and prescribing systems send, to the form that clinicians read. Two that give
# the same form are the same unit; "micrograms" is spelt out, for the abbreviation has been misread as milligrams.
_DISPLAY: Final[dict[str, str]] = {
    "10*9/l": "×10⁹/L",
    "10^9/l": "×10⁹/L",
    "x10^9/l": "×10⁹/L",
    "x10*9/l": "×10⁹/L",
    "x 10^9/l": "×10⁹/L",
    "×10^9/l": "×10⁹/L",
    "×10⁹/l": "×10⁹/L",
    "10⁹/l": "×10⁹/L",
    "10*3/ul": "×10³/µL",
    "10*12/l": "×10¹²/L",
    "10^12/l": "×10¹²/L",
    "x10^12/l": "×10¹²/L",
    "×10¹²/l": "×10¹²/L",
    "umol/l": "µmol/L",
    "µmol/l": "µmol/L",
    "μmol/l": "µmol/L",
    "micromol/l": "µmol/L",
    "mmol/l": "mmol/L",
    "nmol/l": "nmol/L",
    "pmol/l": "pmol/L",
    "mmol/mol": "mmol/mol",
    "mg/mmol": "mg/mmol",
    "ng/l": "ng/L",
    "ug/l": "micrograms/L",
    "µg/l": "micrograms/L",
    "mg/l": "mg/L",
    "g/l": "g/L",
    "u/l": "U/L",
    "iu/l": "IU/L",
    "[iu]/l": "IU/L",
    "mu/l": "mU/L",
    "m[iu]/l": "mIU/L",
    "mm[hg]": "mmHg",
    "mm hg": "mmHg",
    "mmhg": "mmHg",
    "millimeter of mercury": "mmHg",
    "cel": "°C",
    "degc": "°C",
    "°c": "°C",
    "degree celsius": "°C",
    "/min": "/min",
    "{beats}/min": "beats/min",
    "{breaths}/min": "breaths/min",
    "beats/minute": "beats/min",
    "breaths/minute": "breaths/min",
    "ml/min": "mL/min",
    "ml/min/1.73m2": "mL/min/1.73 m²",
    "ml/min/{1.73_m2}": "mL/min/1.73 m²",
    "ml/min/1.73 m2": "mL/min/1.73 m²",
    "ml/min/1.73m²": "mL/min/1.73 m²",
    "ml/min/1.73 m²": "mL/min/1.73 m²",
    "kg/m2": "kg/m²",
    "kg/m²": "kg/m²",
    "ug": "micrograms",
    "mcg": "micrograms",
    "µg": "micrograms",
    "μg": "micrograms",
    "microgram": "micrograms",
    "micrograms": "micrograms",
    "milligram": "mg",
    "milligrams": "mg",
    "mg": "mg",
    "gram": "g",
    "grams": "g",
    "ml": "mL",
    "millilitre": "mL",
    "milliliter": "mL",
    "millilitres": "mL",
    "l": "L",
    "litre": "L",
    "l/min": "L/min",
    "[iu]": "units",
    "iu": "units",
    "unit": "units",
    "units": "units",
    "international unit": "units",
    "kpa": "kPa",
    "fl": "fL",
    "pg": "pg",
    "s": "s",
    "{ratio}": "",
    "{score}": "",
    "{inr}": "",
    "1": "",
}
# Upper and lower case tell these apart in UCUM, so they are looked up before the case is folded.
_EXACT: Final[dict[str, str]] = {"mU/L": "mU/L", "MU/L": "MU/L", "Pg": "Pg", "Mg": "Mg", "[pH]": ""}


def display_unit(unit: str, code: str = "") -> str:
    """The unit in the form clinicians read, from what was written (`unit`) or, where nothing was, from its UCUM `code`.

    A unit that is not known comes back exactly as it was sent: a guess about a unit can kill.
    """
    known = _AS_SENT.get(unit)
    return known if known is not None else _looked_up(unit, code)


def unit_of(quantity: dict[str, Any]) -> str:
    """The unit of a FHIR Quantity in that form; "" where it has none."""
    said, code = quantity.get("unit"), quantity.get("code")
    if type(said) is str:
        known = _AS_SENT.get(said)
        if known is not None:
            return known
    return _looked_up(said if type(said) is str else "", code if type(code) is str else "")


def _looked_up(unit: str, code: str = "") -> str:
    for said in (unit, code):
        said = said.strip()
        if not said:
            continue
        if said in _EXACT:
            return _EXACT[said]
        known = _DISPLAY.get(said.casefold())
        if known is not None:
            return known
    return unit.strip() or code.strip().strip("{}")


def comparable(one: str, other: str) -> bool:
    """Whether two values in these units may stand on one scale as they are; never true of a missing unit and a given one."""
    return display_unit(one) == display_unit(other)


# What is usually sent, in the case in which UCUM and we ourselves spell it: settled in one look.
_SPELT: Final = (
    "10*9/L", "10*12/L", "10^9/L", "10^12/L", "umol/L", "[IU]/L", "m[IU]/L", "mm[Hg]", "Cel", "mL/min/{1.73_m2}", "[IU]", "IU",
)  # fmt: skip
_AS_SENT: Final = {
    said: _looked_up(said)
    for said in (*_SPELT, *_DISPLAY, *_DISPLAY.values(), *_EXACT)
    if said and (said in _EXACT or said.casefold() in _DISPLAY)
}
