"""How much, how fast, and how much at most? Every number with its unit, or none.

A function here gives the words, "" where nothing is coded, and None where something is coded that cannot be said safely.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from carerecord.fhir.dose.units import TIME, in_number, short, unit_words

Words = str | None
_LARGEST: Final = 10**12
_PLACES: Final = 9  # digits behind the point; a finer dose is a fault of a calculation
_COMPARED: Final = {"": "", "<": "less than ", "<=": "no more than ", ">=": "at least ", ">": "more than "}
_NOTHING: Final[tuple[Any, ...]] = (None, "", {}, [])
_Say = Callable[[Mapping[str, Any]], Words]


def given(source: Any, key: str, say: _Say) -> Words:
    """What `say` makes of the object under `key`; "" where there is none, None where it is no object."""
    value = source.get(key)
    if value in _NOTHING:
        return ""
    return say(value) if isinstance(value, dict) else None


def digits(value: Any) -> Words:
    """5, 0.5, 1,200: a nought before the point, none at the end, thousands parted. None for what no dose can be."""
    if value is None:
        return ""
    if type(value) is int and 0 <= value < 1_000:
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite() or exact.is_signed() or exact >= _LARGEST:
        return None
    if not exact:
        return "0"  # 0E-999999999 would be written with a thousand million noughts
    if exact.normalize().as_tuple().exponent < -_PLACES:  # type: ignore[operator]  # finite: the exponent is a number
        return None
    whole, _, part = format(exact, "f").partition(".")
    part = part.rstrip("0")
    return f"{int(whole):,}.{part}" if part else f"{int(whole):,}"


def amount_words(quantity: Mapping[str, Any], *, brief: bool = False) -> Words:
    """ "2 tablet", "0.5 milligram"; with `brief` "0.5 mg"."""
    count, unit, compared = digits(quantity.get("value")), unit_words(quantity), quantity.get("comparator") or ""
    if not count or not unit or not isinstance(compared, str) or compared not in _COMPARED:
        return None
    return _COMPARED[compared] + (_brief(count, unit) if brief else in_number(count, unit))


def range_words(range_: Mapping[str, Any], *, brief: bool = False) -> Words:
    """ "10 to 20 millilitre", "at least 5 milligram"."""
    low, high = range_.get("low") or {}, range_.get("high") or {}
    if not isinstance(low, dict) or not isinstance(high, dict) or not (low or high):
        return None
    if not (low and high):
        said = amount_words(low or high, brief=brief)
        return said and ("at least " if low else "up to ") + said
    units = {unit_words(each) for each in (low, high) if each.get("unit") or each.get("code")}
    least, most = digits(low.get("value")), digits(high.get("value"))
    if not least or not most or len(units) != 1 or "" in units or low["value"] > high["value"]:
        return None
    unit = units.pop()
    most = _brief(most, unit) if brief else in_number(most, unit)
    return most if low["value"] == high["value"] else f"{least} to {most}"


def dose_words(rate: Mapping[str, Any], *, brief: bool = False) -> Words:
    """The amount of one dose."""
    if rate.get("doseQuantity") and rate.get("doseRange"):
        return None
    if rate.get("doseQuantity"):
        return given(rate, "doseQuantity", lambda each: amount_words(each, brief=brief))
    return given(rate, "doseRange", lambda each: range_words(each, brief=brief))


def rate_words(rate: Mapping[str, Any]) -> Words:
    """How fast: "at a rate of 30 millilitre per hour"."""
    kinds = [kind for kind in _RATES if rate.get(kind)]
    if len(kinds) > 1:
        return None
    if not kinds:
        return ""
    said = given(rate, kinds[0], _RATES[kinds[0]])
    return said and f"at a rate of {said}"


def most_words(dosage: Mapping[str, Any]) -> Words:
    """The limits: in a time, for one dose, in a lifetime."""
    periods = dosage.get("maxDosePerPeriod") or []
    said: list[Words] = [
        _limit(each) if isinstance(each, dict) else None for each in (periods if isinstance(periods, list) else [periods])
    ]
    for element, ends in (("maxDosePerAdministration", "per dose"), ("maxDosePerLifetime", "for the lifetime of patient")):
        words = given(dosage, element, amount_words)
        said.append(words and f"up to a maximum of {words} {ends}")
    return None if None in said else " - ".join(filter(None, said))


def duration_words(duration: Mapping[str, Any]) -> Words:
    """An amount of time."""
    return amount_words(duration) if unit_words(duration) in TIME else None


def _ratio(ratio: Mapping[str, Any]) -> Words:
    above = given(ratio, "numerator", amount_words)
    below = ratio.get("denominator")
    if not above or not isinstance(below, dict) or not (unit := unit_words(below)):
        return None
    count = digits(below.get("value"))
    if count is None or count == "0" or below.get("comparator"):
        return None
    return f"{above} per {unit}" if count in ("", "1") else f"{above} every {in_number(count, unit)}"


def _limit(ratio: Mapping[str, Any]) -> Words:
    above, below = given(ratio, "numerator", amount_words), given(ratio, "denominator", amount_words)
    return f"up to a maximum of {above} in {below}" if above and below else None


def _brief(count: str, unit: str) -> str:
    word = short(unit)
    return f"{count} {word[:-1] if count == '1' and word.endswith('s') and word != unit else word}"


_RATES: Final[Mapping[str, _Say]] = {"rateRatio": _ratio, "rateRange": range_words, "rateQuantity": amount_words}
