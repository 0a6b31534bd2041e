"""How is a number written as it was received? `1.10` is not `1.1`: the digits say how exactly it was measured.

Some send it as a string, which FHIR does not allow: it is shown as it came, and drawn where it is written as a number is.
"""

import re
from decimal import Decimal
from typing import Any, Final

_NUMBERS: Final = (Decimal, int, float)  # a tuple: a union would be made anew at each call
_LONGEST: Final = 30  # a larger exponent is written with E, or a page could be made of noughts
_PLAIN: Final = 10**_LONGEST
_ordinary: Final = re.compile(r"-?[1-9][0-9]*(?:\.[0-9]+)?|0(?:\.[0-9]{1,5})?").fullmatch  # read and written again it is the same


def number_text(value: Any) -> str:
    """The digits as received, without an exponent where that is sane; "" for what is neither a number nor a text."""
    if value is None:
        return ""
    if type(value) is Decimal:
        digits = str(value)
        if len(digits) <= _LONGEST and "E" not in digits:  # as it is nearly always sent
            return digits
    elif type(value) is int and -_PLAIN < value < _PLAIN:
        return str(value)
    if type(value) is str:
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return ""
    if isinstance(value, float):
        return repr(value)
    exact = Decimal(value)
    sane = abs(exact.adjusted()) <= _LONGEST and len(exact.as_tuple().digits) <= 2 * _LONGEST
    return format(exact, "f" if sane and exact.is_finite() else ".20E")


def number(value: Any) -> float | None:
    """The same for drawing and comparing; None for what is no finite number."""
    if value is None:
        return None
    if type(value) is str:
        return written[1] if (written := digits_and_number(value.strip())) else None
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return None
    try:
        drawn = float(value)
    except (OverflowError, ValueError):  # too large; a signalling NaN
        return None
    return drawn if abs(drawn) < 1e300 else None


def text_and_number(value: Any) -> tuple[str, float | None]:
    """Both of these in one step."""
    if type(value) is Decimal:
        digits = str(value)
        if len(digits) <= _LONGEST and "E" not in digits:
            return digits, float(digits)
    return number_text(value), number(value)


def digits_and_number(written: str) -> tuple[str, float | None] | None:
    """The same for a number as it stands in a JSON text, where it is written as most are; None for any other."""
    if len(written) > _LONGEST or not _ordinary(written):
        return None
    return written, float(written)
