"""Does each official search parameter find what an independent FHIRPath engine finds? Every expression, on every type.

The oracle is fhirpathpy. Two things are said to it in other words. `x as T`, which FHIRPath allows of one element alone, is
`x.ofType(T)`, which is what FHIR means where an element repeats; and `where(resolve() is T)`, which needs a server, is what the
reference itself says of its target.
"""

import gzip
import json
import random
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import orjson
import pytest
from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models
from tests.fhir.test_real_inputs import real

from carerecord.fhir.bundle import parse, split
from carerecord.fhir.search.parameters import LEFT_OUT, Parameters, load
from carerecord.fhir.search.path import Shapes, compiled
from carerecord.fhir.search.steps import Find

FOLDER = files("carerecord.fhir").joinpath("definitions")
R4 = orjson.loads(FOLDER.joinpath("r4.json").read_bytes())
PUBLISHED = {each["url"]: each for each in orjson.loads(FOLDER.joinpath("search.json").read_bytes())}
DEFINITIONS = R4["definitions"]
SEEDS = range(4)
NOT_MADE = frozenset(("resourceType", "id", "contained", "extension", "modifierExtension", "text"))
REFERENCES = (
    {"reference": "Patient/p1"}, {"reference": "Practitioner/d1", "type": "Practitioner"}, {"reference": "Location/l"},
    {"reference": "https://elsewhere.example/fhir/Patient/p9"}, {"reference": "RelatedPerson/r1"}, {"type": "Patient"},
    {"reference": "Organization/o1"}, {"identifier": {"system": "urn:numbers", "value": "7"}}, {"reference": "urn:uuid:0"},
)  # fmt: skip


# --- resources that hold everything their type may hold


def made(type_: str, seed: int) -> dict[str, Any]:
    """A resource with every element of its type, each choice as one of its types; differently for each seed."""
    return {"resourceType": type_, **_element(type_, random.Random(f"{type_}{seed}"), depth=0), "id": f"a{seed}"}


def _element(type_: str, chance: random.Random, depth: int) -> dict[str, Any]:
    properties = DEFINITIONS[type_]["properties"]
    choices: dict[str, list[str]] = {}
    for name in properties:
        if name not in NOT_MADE and not name.startswith("_"):
            choices.setdefault(_choice_of(type_, name) or name, []).append(name)
    told: dict[str, Any] = {}
    for names in choices.values():
        name = chance.choice(names)
        if depth and chance.random() < 0.15:
            continue
        value = _value(properties[name], name, chance, depth)
        if value is not None:
            told[name] = value
    return told


@cache
def _choice_of(type_: str, name: str) -> str:
    """`value` of `valueQuantity`, where the type has several such; "" where it is no choice."""
    for stem in _stems(type_):
        if re.fullmatch(re.escape(stem) + r"[A-Z]\w*", name):
            return stem
    return ""


@cache
def _stems(type_: str) -> tuple[str, ...]:
    paths = models["r4"]["choiceTypePaths"]
    return tuple(path.rsplit(".", 1)[1] for path in paths if _same_place(path.rsplit(".", 1)[0], type_))


def _same_place(path: str, type_: str) -> bool:
    """`CarePlan.activity.detail` is the definition CarePlan_Detail."""
    steps = path.split(".")
    return type_ == (steps[0] if len(steps) == 1 else f"{steps[0]}_{steps[-1][:1].upper()}{steps[-1][1:]}")


def _value(node: Mapping[str, Any], name: str, chance: random.Random, depth: int) -> Any:
    if node.get("type") == "array":
        found = [_value(node["items"], name, chance, depth) for _ in range(chance.choice((1, 1, 2)))]
        return [each for each in found if each is not None] or None
    if "enum" in node:
        return chance.choice(node["enum"])
    if "const" in node:
        return node["const"]
    named = str(node.get("$ref", "")).removeprefix("#/definitions/")
    if named == "Reference":
        return dict(chance.choice(REFERENCES))
    if named == "ResourceList":
        return made("Patient", chance.randrange(3)) if depth < 2 else None
    if named and "properties" in DEFINITIONS[named]:
        return (_element(named, chance, depth + 1) or None) if depth < 4 else None
    told = DEFINITIONS[named] if named else node
    pattern = str(told.get("pattern", ""))
    if told.get("type") == "boolean":
        return chance.random() < 0.5
    if told.get("type") == "number":
        return chance.randrange(1, 90) if named in ("integer", "positiveInt", "unsignedInt") else Decimal("7.20")
    if pattern.startswith("^[0-9]{4}") or pattern.startswith("^([0-9]"):
        return "2026-11-22T14:02:00Z" if "T" in pattern else "2026-11-22"
    if "enum" in told:
        return chance.choice(told["enum"])
    if name == "system":
        return chance.choice(("phone", "email", "fax"))
    return f"{name}-{chance.randrange(3)}"


# --- the other engine


@cache
def oracle(expression: str) -> Any:
    return compile_fhirpath(_in_other_words(expression), models["r4"])


def _in_other_words(expression: str) -> str:
    said = re.sub(r"\(([^()|]+?)\s+as\s+(\w+)\)", r"(\1.ofType(\2))", expression)
    said = re.sub(r"([\w.]+)\s+as\s+(\w+)", r"\1.ofType(\2)", said)
    return re.sub(
        r"where\(resolve\(\) is (\w+)\)",
        r"where(reference.startsWith('\1/') or reference.contains('/\1/') or type = '\1')",
        said,
    )


def found_by_oracle(expression: str, type_: str, resource: Mapping[str, Any]) -> set[str]:
    # The abstract types are this type.
    said = re.sub(r"\b(Domain)?Resource\.(?=\w)", f"{type_}.", expression)
    return told_once(oracle(said)(resource, {"resource": resource}))


def told_once(values: list[Any]) -> set[str]:
    """FHIRPath's union leaves out what it has already: so values are compared as a set."""
    return {json.dumps(each, sort_keys=True, default=_plainly) for each in values}


def _plainly(value: Any) -> Any:
    return str(value.normalize()) if isinstance(value, Decimal) else str(value)


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return load()


def expressions(parameters: Parameters, type_: str) -> Iterator[tuple[str, str, Find]]:
    for each in parameters.of(type_).values():
        yield each.code, PUBLISHED[each.url]["expression"], each.find


@pytest.mark.parametrize("type_", sorted(R4["types"]))
def test_every_parameter_finds_what_another_engine_finds_in_a_full_resource(parameters: Parameters, type_: str) -> None:
    for seed in SEEDS:
        resource = made(type_, seed)
        for code, expression, find in expressions(parameters, type_):
            assert told_once(find(resource)) == found_by_oracle(expression, type_, resource), (code, expression, seed)


def test_the_full_resources_hold_something_under_nearly_every_parameter(parameters: Parameters) -> None:
    """Two engines that both find nothing agree too: this is how much the comparison above is worth."""
    silent = {
        f"{type_}.{each.code}"
        for type_ in parameters.types
        for each in parameters.of(type_).values()
        if not any(each.find(made(type_, seed)) for seed in range(12))
    }
    assert len(silent) < 0.03 * sum(len(parameters.of(type_)) for type_ in parameters.types), sorted(silent)


def test_every_component_of_a_composite_finds_what_another_engine_finds(parameters: Parameters) -> None:
    compared = 0
    for type_ in sorted(parameters.types):
        for each in parameters.of(type_).values():
            for seed in SEEDS if each.components else ():
                resource = made(type_, seed)
                told = PUBLISHED[each.url]
                for part, component in zip(told["component"], each.components, strict=True):
                    for node in each.find(resource):
                        wanted = oracle(_of_an_element(part["expression"], node))(node, {"resource": resource})
                        assert told_once(component.find(node, resource)) == told_once(wanted), (type_, each.code, part)
                        compared += 1
    assert compared > 200


def _of_an_element(expression: str, node: Mapping[str, Any]) -> str:
    """An element by itself has lost the name of its type, so its choices are named as they stand in it."""
    if expression.startswith("%resource"):
        return expression
    return " | ".join(_as_it_stands(each.strip(), node) for each in expression.split("|"))


def _as_it_stands(side: str, node: Mapping[str, Any]) -> str:
    narrowed = re.fullmatch(r"\(?([\w.]+)(?:\s+as\s+|\.as\(|\.ofType\()(\w+)\)?\)?", side)
    if narrowed:
        return f"{narrowed[1]}{narrowed[2][:1].upper()}{narrowed[2][1:]}"
    return next((name for name in node if re.fullmatch(f"{side}[A-Z]\\w*", name)), side)


def test_every_parameter_finds_what_another_engine_finds_in_real_resources(parameters: Parameters) -> None:
    seen: dict[str, int] = {}
    for path in sorted(real("synthea").glob("*.json.gz"))[:20]:
        for entry in split(gzip.decompress(path.read_bytes())).entries:
            if seen.get(entry.type, 0) >= 25:
                continue
            seen[entry.type] = seen.get(entry.type, 0) + 1
            resource = parse(entry.raw)
            for code, expression, find in expressions(parameters, entry.type):
                assert told_once(find(resource)) == found_by_oracle(expression, entry.type, resource), (entry.type, code)
    assert len(seen) > 8


@pytest.mark.parametrize(
    ("reference", "is_patient"),
    [
        ({"reference": "#c1"}, True), ({"reference": "#c2"}, False), ({"reference": "#none", "type": "Patient"}, False),
        ({"reference": "Patient/p1"}, True), ({"reference": "Group/Patient"}, False), ({"type": "Patient"}, True),
        ({"reference": "https://elsewhere.example/Patient/p1"}, True), ({"reference": "urn:uuid:1", "type": "Patient"}, True),
        ({"display": "somebody"}, False),
    ],
)  # fmt: skip
def test_what_a_reference_says_of_its_target_stands_for_resolving_it(reference: dict[str, str], is_patient: bool) -> None:
    inside = [{"resourceType": "Patient", "id": "c1"}, {"resourceType": "Group", "id": "c2"}]
    find = compiled("Observation.subject.where(resolve() is Patient)", "Observation", Shapes(DEFINITIONS))

    assert find is not None
    assert bool(find({"resourceType": "Observation", "contained": inside, "subject": reference})) is is_patient


def test_nothing_official_is_left_out_but_what_is_said_to_be(parameters: Parameters) -> None:
    kept = {each.url for type_ in parameters.types for each in parameters.of(type_).values()}
    missing = {told["code"] for url, told in PUBLISHED.items() if told.get("expression") and url not in kept}

    assert missing <= LEFT_OUT
