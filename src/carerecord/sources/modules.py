"""Which modules does this deployment serve, and what is left of a source then? Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from carerecord.contracts.sources import Source
from carerecord.fhir.modules import MODULES, served, strangers, takes_part


def read_modules(file: str, document: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """What `modules = […]` of one file names, and what is wrong with it. A name that is no module brings nothing."""
    told = document.get("modules", [])
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        return (), [f"{file}: modules is a list of names"]
    unknown = strangers(told)
    faults = [f"{file}: modules names {each!r}, which there is not; they are {', '.join(MODULES)}" for each in unknown]
    return tuple(each for each in dict.fromkeys(told) if each not in unknown), faults


def narrowed(sources: Sequence[Source], modules: Sequence[str]) -> tuple[Source, ...]:
    """The sources with the sections alone that are served. One that is left with none is known and not asked."""
    if not modules:
        return tuple(sources)
    wanted = frozenset(served(modules))
    return tuple([_narrowed(each, wanted if takes_part(each.kind, modules) else frozenset()) for each in sources])


def _narrowed(source: Source, wanted: frozenset[str]) -> Source:
    return replace(source, sections=tuple(each for each in source.sections if each.section in wanted))
