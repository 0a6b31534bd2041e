"""How is a medicine written on one line? CUI Medication Line (MEDi-001 to 054); quantities closed up for patients."""

import re
from dataclasses import dataclass

from carerecord.fhir.facts import Medicine

# A number, then a unit that is a unit: `28 tablets` is left alone, `5mg` and `.5 mL` are not. A comma parts thousands or nothing:
# `2,5 mg` is two and a half milligrams where most of Europe writes it, and stays as it came rather than become 25.
_UNITS = r"micrograms?|mcg|ug|µg|mg|g|kg|mL|ml|L|mmol|units?|iu|nanograms?"
_DIGITS = r"(?:\d{1,3}(?:,\d{3}){1,5}|\d{1,18})(?:\.\d*)?|\.\d+"
_AMOUNT = re.compile(rf"(?<![\w.,])({_DIGITS})\s*({_UNITS})(?![\w])", re.IGNORECASE)
_STOP = re.compile(r"(\d ?(?:mg|mL|g|kg|micrograms))\.(?=\s|$)")
GENERATED = "in our words, from the source's codes"
_LONG_FORMS = {"mcg": "micrograms", "ug": "micrograms", "µg": "micrograms", "iu": "units", "ml": "mL", "l": "L"}


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
    dose_verbatim: bool = False  # the source's own words: they stand alone, and nothing in them is changed
    dose_generated: bool = False  # ours, made of what the source coded: whole, and labelled
    route: str = ""
    frequency: str = ""
    coded: str = ""  # what the source coded beside its words, where that says more or other: on a line of its own

    @property
    def label(self) -> str:
        """Whose words the dose is in, where they are ours."""
        return GENERATED if self.dose_generated else ""

    def words(self, *, named: bool = True) -> str:
        dose = f"DOSE {self.dose}" + (f" ({self.label})" if self.label else "") if self.dose else ""
        return " — ".join(filter(None, (self.name if named else "", self.product, self.form, dose, self.route, self.frequency)))


def medicine_line(medicine: Medicine, *, plain: bool = False) -> MedicineLine:
    """The line for one statement. The source's own dose text comes first, verbatim; ours only where it sent none.

    The two never share a line. Text that says no more than the coded dose and frequency is written in its elements, as the
    medication line has them.
    """
    name = medicine.group or medicine.substance
    bare = re.sub(r"\W", "", name.lower())
    product = "" if re.sub(r"\W", "", medicine.substance.lower()) == bare else quantity(medicine.substance, plain=plain)
    amount = quantity(medicine.amount, plain=plain)
    in_parts = MedicineLine(name, product, medicine.form, amount, False, False, medicine.route, medicine.frequency)
    if not medicine.dose:
        return in_parts
    if medicine.dose_generated:
        return MedicineLine(name, product, medicine.form, medicine.dose, False, True)
    if _says_no_more(medicine):
        return in_parts
    said = _plain(medicine.dose)
    parts = [each for each in (medicine.amount, medicine.route, medicine.frequency) if each]
    new = any(_plain(each) not in said for each in (medicine.amount, medicine.frequency) if each)
    coded = " — ".join(quantity(each, plain=plain) for each in parts) if new else ""
    route = "" if coded or _plain(medicine.route) in said else medicine.route
    return MedicineLine(name, product, medicine.form, medicine.dose, True, False, route, "", coded)


def _says_no_more(medicine: Medicine) -> bool:
    amount, route, often, said = (_plain(each) for each in (medicine.amount, medicine.route, medicine.frequency, medicine.dose))
    if not (amount and often):
        return False
    return said in (f"{amount} {often}", f"{amount} {route} {often}", f"{amount} {often} {route}")


def _plain(words: str) -> str:
    return " ".join(quantity(words).casefold().rstrip(".").replace(",", " ").replace(" - ", " ").split())
