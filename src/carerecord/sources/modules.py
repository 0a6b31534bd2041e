"""Which modules does this deployment serve, and what is left of a source then? Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from carerecord.contracts.sources import SharedSection, Source
from carerecord.fhir.modules import MODULES, served, strangers, takes_part
from carerecord.sources.arrangements import KEPT


def read_modules(file: str, document: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """What `modules = […]` of one file names, and what is wrong with it. A name that is no module brings nothing."""
    told = document.get("modules", [])
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        return (), [f"{file}: modules is a list of names"]
    unknown = strangers(told)
    faults = [f"{file}: modules names {each!r}, which there is not; they are {', '.join(MODULES)}" for each in unknown]
    return tuple(each for each in dict.fromkeys(told) if each not in unknown), faults


def read_copies_of(file: str, document: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """The modules that are switched off, and of which copies stay: `copies_of = […]`."""
    named, faults = read_modules(file, {"modules": document.get("copies_of", [])})
    return named, [each.replace("modules", "copies_of", 1) for each in faults]


def narrowed(sources: Sequence[Source], modules: Sequence[str], copies_of: Sequence[str] = ()) -> tuple[Source, ...]:
    """The sources with the sections alone that are served. One that is left with none is known and not asked.

    Of a module that is switched off and named in `copies_of`, what was kept of its sections is still read; nobody is asked.
    """
    if not modules:
        return tuple(sources)
    return tuple([replace(each, sections=tuple(_left(each, modules, copies_of))) for each in sources])


def all_served(modules: Sequence[str], copies_of: Sequence[str]) -> tuple[str, ...]:
    """The sections that are served, also those of which copies alone are. None: all there are."""
    return served((*modules, *copies_of)) if modules else ()


def _left(source: Source, modules: Sequence[str], copies_of: Sequence[str]) -> Iterator[SharedSection]:
    asked = frozenset(served(modules)) if takes_part(source.kind, modules) else frozenset[str]()
    takes = bool(copies_of) and takes_part(source.kind, (*modules, *copies_of))
    copied = frozenset(served(copies_of)) if takes else frozenset[str]()
    for each in source.sections:
        if each.section in asked:
            yield each
        elif each.section in copied and each.arrangement in KEPT:
            yield replace(each, arrangement="copy" if each.arrangement == "both" else each.arrangement)
