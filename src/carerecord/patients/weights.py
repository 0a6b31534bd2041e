"""What does each agreement and disagreement tell? The reviewed, versioned table `weights.toml`, read once.

It is written by `python -m benchmarks.truth.train` and by nothing else; docs/explanation/matching.md says how to read it.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

FACTS: Final = ("given", "second", "family", "birth", "sex", "place", "phone", "nhs", "number")


@dataclass(frozen=True)
class Weights:
    version: str
    link: float  # bits at and above which two entries may be linked, where no rule of `verdict` holds them back
    review: float  # bits at and above which a human should look
    faint: float  # … and of two in one house where nobody likelier is found for one of them
    faint_street: float  # … or in one street, or born on one day where one has no address
    prior: float  # bits against any two entries being one person, before anything is compared
    bits: Mapping[str, Mapping[str, float]]  # fact -> level -> bits
    alone: float  # bits at and above which name, birth date and sex are enough with nothing beside them
    given: Mapping[str, float]  # how much more or less agreeing on this name tells than on an average one
    family: Mapping[str, float]
    rare_given: float  # the same for a name that is in no list
    rare_family: float
    forms: Mapping[str, frozenset[str]]  # given name -> its short forms and other spellings
    spelled: Mapping[str, frozenset[str]]  # given name -> itself in other spellings
    full: Mapping[str, frozenset[str]]  # short form -> the full names that it may stand for
    known: frozenset[str]  # given names that are names, and no slips of the pen


@cache
def weights() -> Weights:
    told = tomllib.loads(_read("weights.toml"))
    return Weights(
        version=told["version"],
        **told["thresholds"],
        bits={fact: dict(told["bits"][fact]) for fact in FACTS},
        given=_names(told["names"]["given"]),
        family=_names(told["names"]["family"]),
        forms=_forms(told["names"]["spellings"]),
        spelled=_spelled(told["names"]["spellings"]),
        full=_full(),
        known=frozenset(word for line in _lines("given_names.txt") for word in line.split()),
    )


def _read(file: str) -> str:
    return (resources.files("carerecord.patients") / file).read_text(encoding="utf-8")


def _lines(file: str) -> list[str]:
    return [line for line in _read(file).splitlines() if not line.startswith("#")]


def _spelled(lines: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(line.split()) for line in lines.strip().splitlines() for name in line.split()}


def _full() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _lines("short_forms.txt"):
        name, _, forms = line.partition(":")
        for form in forms.split():
            found.setdefault(form, set()).add(name)
    return {form: frozenset(names) for form, names in found.items()}


def _forms(spellings: str) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _lines("short_forms.txt"):
        name, _, forms = line.partition(":")
        for form in forms.split():
            found.setdefault(name, set()).add(form)
            found.setdefault(form, set()).add(name)
    for line in spellings.strip().splitlines():
        for name in line.split():
            found.setdefault(name, set()).update(line.split())
    return {name: frozenset(forms) for name, forms in found.items()}


def _names(lines: str) -> dict[str, float]:
    """"12.5: john mary" means: agreeing on John or Mary tells 12.5 bits."""
    found: dict[str, float] = {}
    for line in lines.strip().splitlines():
        bits, _, words = line.partition(":")
        found |= dict.fromkeys(words.split(), float(bits))
    return found
