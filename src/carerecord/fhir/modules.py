"""Which sections does a module bring? A region that starts basic serves some modules, and more of them as it grows."""

from collections.abc import Iterable
from typing import Final

from carerecord.fhir.sections import SECTION_IDS

ALWAYS: Final = ("demographics",)  # there is no record without whose it is

# A module has the name of the section that it brings; flags of every kind come together, because a reader of one looks for all.
# Pathology and radiology share a heading: either brings it, whole.
MODULES: Final[dict[str, tuple[str, ...]]] = {
    **{each: (each,) for each in SECTION_IDS},
    "alerts": tuple(each for each in ("alerts", "safeguarding", "adjustments") if each in SECTION_IDS),
    "pathology": ("results",),
    "radiology": ("results",),
}

# A department's own system takes part with its own module, or with the whole heading.
OWN: Final = {"pathology": frozenset({"pathology", "results"}), "radiology": frozenset({"radiology", "results"})}


def strangers(modules: Iterable[str]) -> tuple[str, ...]:
    """The names that are no module."""
    return tuple(each for each in modules if each not in MODULES)


def served(modules: Iterable[str]) -> tuple[str, ...]:
    """The sections that these modules bring, in the order of the record; none when no module is named: all is served then."""
    wanted = tuple(modules)
    if not wanted:
        return ()
    brought = {section for each in (*wanted, *ALWAYS) for section in MODULES.get(each, ())}
    return tuple(each for each in SECTION_IDS if each in brought)


def takes_part(kind: str, modules: Iterable[str]) -> bool:
    """Whether a source of this kind is asked at all."""
    return kind not in OWN or bool(OWN[kind].intersection(modules))
