"""What may be told to a service from outside? A frozen dataclass, filled from words, all faults told together."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from carerecord.kit.errors import BadSetting

S = TypeVar("S")

_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def _cast(kind: Any, text: str) -> Any:
    if kind is bool:
        word = text.strip().lower()
        if word in _TRUE | _FALSE:
            return word in _TRUE
        raise ValueError("say true or false")
    if kind is tuple or getattr(kind, "__origin__", None) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return kind(text)


def read(kind: type[S], told: Mapping[str, str]) -> S:
    """Make a settings value from words, the keys in lower case; unknown ones and bad ones are told together.

    Raises:
        BadSetting: with every fault, by name.
    """
    hints, faults, values = get_type_hints(kind), [], {}
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    for name, text in told.items():
        if name not in known:
            faults.append(f"{name} is not a setting; known: {', '.join(sorted(known))}")
            continue
        try:
            values[name] = _cast(hints[name], text)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise BadSetting("; ".join(faults))
    return kind(**values)
