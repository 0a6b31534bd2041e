"""How is each source called, and of which is this reader not told? For pages that know a source by its id alone."""

from msgspec.structs import replace

from carerecord.contracts.patients import Person
from carerecord.contracts.policy import UNNAMED, UnnamedAsked
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.kit.errors import Unavailable
from carerecord.viewer.visit import Visit


async def source_names(visit: Visit) -> dict[str, str]:
    """Names by id; none while the registry does not answer: the ids then stand for themselves."""
    try:
        registry = (await visit.face.calls.ask(REGISTRY, RegistryAsked())).registry
    except Unavailable:
        return {}
    return {each.id: each.name for each in registry.sources} if registry else {}


async def told_of(visit: Visit, *people: Person) -> tuple[Person, ...]:
    """The same people, as if the sources of which this reader is not told did not know them: a count that is one too high,
    or a number of a clinic's own, would tell who goes there."""
    sources: tuple[str, ...] = await visit.face.calls.ask(UNNAMED, UnnamedAsked(visit.actor))
    unnamed = frozenset(sources)
    return tuple(_without(each, unnamed) for each in people) if unnamed else people


def _without(person: Person, unnamed: frozenset[str]) -> Person:
    theirs = (each.identifiers for each in person.statements if each.source in unnamed)
    hidden = {(number.system, number.value) for numbers in theirs for number in numbers}
    return replace(
        person,
        known_by=tuple(each for each in person.known_by if each not in unnamed),
        left=tuple(each for each in person.left if each.source not in unnamed),
        merges=tuple(each for each in person.merges if each not in unnamed),
        statements=tuple(each for each in person.statements if each.source not in unnamed),
        identifiers=tuple(each for each in person.identifiers if (each.system, each.value) not in hidden),
    )
