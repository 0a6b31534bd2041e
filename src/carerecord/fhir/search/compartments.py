"""What lies in a compartment? By R4's own definitions: by which parameters a type points at what stands in the centre."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import orjson

from carerecord.fhir.search import parameters
from carerecord.fhir.search.parameters import DefinitionsMissing, Parameter, Parameters
from carerecord.fhir.search.path import CannotCompile
from carerecord.fhir.search.query import BadSearch, Clause, Either

_ITSELF: Final = "{def}"  # the centre lies in its own compartment
Ways = Mapping[str, tuple[Parameter, ...]]


def url(centre: str) -> str:
    """Of its definition: HL7 writes relatedPerson."""
    return f"http://hl7.org/fhir/CompartmentDefinition/{centre[0].lower()}{centre[1:]}"


class Compartments:
    def __init__(self, by_centre: Mapping[str, Ways]) -> None:
        self._by_centre = by_centre

    @property
    def centres(self) -> tuple[str, ...]:
        return tuple(sorted(self._by_centre))

    def types(self, centre: str) -> tuple[str, ...]:
        """What may lie around it."""
        return tuple(sorted(self._by_centre[centre]))

    def within(self, place: str, type_: str) -> Clause | Either:
        """What a resource of this type answers that lies around `place`, which is written Type/id.

        Raises:
            BadSearch: nothing of this type ever does.
        """
        centre, _, id_ = place.partition("/")
        ways = self._by_centre.get(centre, {})
        if type_ not in ways:
            raise BadSearch("", f"{type_[:40]} lies in no compartment of {centre[:40]}; what does is {', '.join(ways)}.")
        clauses = tuple(Clause(each, (id_ if each.code == "_id" else place,)) for each in ways[type_])
        return clauses[0] if len(clauses) == 1 else Either(clauses)


def build(published: Mapping[str, Mapping[str, Sequence[str]]], known: Parameters) -> Compartments:
    """Raises CannotCompile: one is defined by a parameter that is none, so that a compartment would look complete and is not."""
    by_centre: dict[str, Ways] = {}
    for centre, rows in published.items():
        by_centre[centre] = {type_: _ways(centre, type_, codes, known) for type_, codes in rows.items()}
    return Compartments(by_centre)


def load() -> Compartments:
    """Those of HL7's definitions.

    Raises:
        DefinitionsMissing: set-up has not made them. CannotCompile: see `build`.
    """
    return _loaded()


@cache
def _loaded() -> Compartments:
    told = files("carerecord.fhir").joinpath("definitions", "compartments.json")
    if not told.is_file():
        raise DefinitionsMissing("the FHIR compartment definitions are not installed: run `make setup`")
    return build(orjson.loads(told.read_bytes()), parameters.load())


def _ways(centre: str, type_: str, codes: Sequence[str], known: Parameters) -> tuple[Parameter, ...]:
    found = [known.of(type_).get("_id" if code == _ITSELF else code) for code in codes]
    ways = tuple(each for each in found if each is not None and (each.type == "reference" or each.code == "_id"))
    if not ways or len(ways) < len(codes):
        raise CannotCompile(f"{type_} lies around a {centre} by {', '.join(codes)}, and not all of these are references of it")
    return ways
