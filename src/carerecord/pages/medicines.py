"""How is a medicine written on one line? CUI Medication Line (MEDi-001 to 054); quantities closed up for patients."""

import re
from dataclasses import dataclass

from carerecord.fhir.facts import Medicine

# A number, then a unit that is a unit: `28 tablets` is left alone, `5mg` and `.5 mL` are not.
_UNITS = r"micrograms?|mcg|mg|g|kg|mL|ml|L|mmol|units?|iu|nanograms?"
_AMOUNT = re.compile(rf"(?<![\w.,])(\d[\d,]*\.?\d*|\.\d+)\s*({_UNITS})(?![\w])", re.IGNORECASE)
_STOP = re.compile(r"(\d ?(?:mg|mL|g|kg|micrograms))\.(?=\s|$)")
_LONG_FORMS = {"mcg": "micrograms", "iu": "units", "ml": "mL", "l": "L"}


def _number(text: str) -> str:
    """0.5 not .5 or 0.50; 5,000 not 5000 (MEDi-022 to 027)."""
    whole, _, part = text.replace(",", "").partition(".")
    grouped = f"{int(whole or '0'):,}"
    part = part.rstrip("0")
    return f"{grouped}.{part}" if part else grouped


def quantity(text: str, *, plain: bool = False) -> str:
    """Each amount in `text` with a space before its unit, a zero before its point, thousands parted, no stop after it."""
    space = "" if plain else " "

    def written(found: re.Match[str]) -> str:
        unit = found[2]
        worded = _LONG_FORMS.get(unit.lower(), unit)
        gap = space if worded.lower() not in ("units", "unit", "micrograms", "microgram") else " "
        return f"{_number(found[1])}{gap}{worded}"

    return _STOP.sub(r"\1", _AMOUNT.sub(written, text))


@dataclass(frozen=True)
class MedicineLine:
    """The elements of one line, in order; a page puts em dashes between them and breaks lines only there."""

    name: str
    product: str = ""  # the source's own words, where they say more than the name
    form: str = ""
    dose: str = ""
    dose_verbatim: bool = False
    route: str = ""
    frequency: str = ""
    as_written: str = ""  # the source's dose text, when the coded parts stand in the line

    def words(self, *, named: bool = True) -> str:
        dose = f"DOSE {self.dose}" if self.dose else ""
        return " — ".join(filter(None, (self.name if named else "", self.product, self.form, dose, self.route, self.frequency)))


def medicine_line(medicine: Medicine, *, plain: bool = False) -> MedicineLine:
    """The line for one statement. Coded parts stand in the line; the source's own dose text is never lost."""
    name = medicine.group or medicine.substance
    bare = re.sub(r"\W", "", name.lower())
    product = "" if re.sub(r"\W", "", medicine.substance.lower()) == bare else quantity(medicine.substance, plain=plain)
    amount = quantity(medicine.amount, plain=plain)
    verbatim = medicine.dose if not medicine.dose_generated else ""
    if amount and medicine.frequency:
        line = MedicineLine(name, product, medicine.form, amount, False, medicine.route, medicine.frequency)
        implied = all(part.lower() in verbatim.lower() for part in (medicine.amount, medicine.frequency) if part)
        return line if not verbatim or implied else _with(line, verbatim)
    dose = medicine.dose or amount
    return MedicineLine(name, product, medicine.form, dose, bool(verbatim), medicine.route, medicine.frequency)


def _with(line: MedicineLine, verbatim: str) -> MedicineLine:
    return MedicineLine(line.name, line.product, line.form, line.dose, False, line.route, line.frequency, as_written=verbatim)
