"""How is a registry read from text? Pure: TOML in, sources and problems in plain words out."""

import hashlib
import tomllib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from carerecord.contracts.sources import Registry, SharedSection, Source
from carerecord.fhir.identifiers import is_ods_code
from carerecord.fhir.sections import SECTION_IDS

ARRANGEMENTS = ("live", "copy", "both", "master")
OFFERED_ARRANGEMENTS = ("live",)  # the others await the services that keep copies
CONNECTORS = ("fhir_r4", "gp_connect", "pds")
KNOWS_BY = ("nhs-number", "local", "match")
ASKS = ("search", "everything")
REQUIRED = ("id", "organisation", "name", "connector", "address")
ALWAYS_ASK = ("allergies", "medicines", "plans")

_fields = {each.name: each for each in msgspec.structs.fields(Source)}


def read_registry(files: Mapping[str, str]) -> Registry:
    """The registry that these files make, by file name; a table that cannot be read is a problem, and the others stand.

    A source stands in one table, `[[source]]`, with the fields of `contracts.sources.Source`; `sections` is a list of section
    ids, `arrangement` the arrangement of them all.
    """
    sources: dict[str, Source] = {}
    problems: list[str] = []
    always_ask: tuple[str, ...] = ALWAYS_ASK
    for file, text in sorted(files.items()):
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            problems.append(f"{file} is not TOML: {error}")
            continue
        if "always_ask" in document:
            always_ask = tuple(document["always_ask"])
            problems += [
                f"{file}: always_ask names {each!r}, which is not a section" for each in always_ask if each not in SECTION_IDS
            ]
        for place, table in enumerate(document.get("source", []), 1):
            source, faults = read_source(table)
            named = table.get("id") or f"table {place}"
            if source is not None and source.id in sources:
                faults = [*faults, "another table has this id"]
            problems += [f"{file}, {named}: {fault}" for fault in faults]
            if source is not None and not faults:
                sources[source.id] = source
    chosen = tuple(sources[each] for each in sorted(sources))
    return Registry(version_of(chosen, always_ask), chosen, always_ask, tuple(problems))


def read_source(table: Mapping[str, Any]) -> tuple[Source | None, list[str]]:
    """One table as a source, or every fault of it, each saying what to write instead."""
    faults = [f"{name} is missing" for name in REQUIRED if not table.get(name)]
    faults += [f"{name} is not a field of a source" for name in table if name not in _fields and name != "arrangement"]
    told = {name: value for name, value in table.items() if name in _fields and name != "sections"}
    arrangement = table.get("arrangement", "live")
    sections = table.get("sections", [])
    if arrangement not in ARRANGEMENTS:
        faults.append(f"arrangement is {arrangement!r}; it is one of {', '.join(ARRANGEMENTS)}")
    elif arrangement not in OFFERED_ARRANGEMENTS:
        faults.append(f"arrangement {arrangement!r} is not offered yet; use live")
    faults += [
        f"section {each!r} is not known; they are {', '.join(SECTION_IDS)}" for each in sections if each not in SECTION_IDS
    ]
    faults += _oddities(told)
    if faults:
        return None, faults
    told["organisation_name"] = told.get("organisation_name") or told["name"]
    told["mark"] = told.get("mark") or told["name"][:2].upper()
    told["kind"] = told.get("kind") or "acute"
    shared = tuple(SharedSection(each, arrangement) for each in sections)
    try:
        return msgspec.convert({**told, "sections": shared}, Source), []
    except msgspec.ValidationError as error:
        return None, [str(error)]


def _oddities(told: Mapping[str, Any]) -> list[str]:
    faults = []
    for name, allowed in (("connector", CONNECTORS), ("knows_by", KNOWS_BY), ("asks", ASKS)):
        if name in told and told[name] not in allowed:
            faults.append(f"{name} is {told[name]!r}; it is one of {', '.join(allowed)}")
    for name in ("address", "token_address"):
        if told.get(name) and not _is_http(str(told[name])):
            faults.append(f"{name} is not an http or https address")
    if told.get("organisation") and not is_ods_code(str(told["organisation"])):
        faults.append("organisation is not an ODS code")
    deadline = told.get("deadline_s", 8.0)
    if not isinstance(deadline, int | float) or not 0 < deadline <= 30:
        faults.append("deadline_s lies above 0 and at most 30 seconds")
    if told.get("token_address") and not (told.get("client_id") and told.get("credentials")):
        faults.append("token_address needs client_id and credentials, the name of a secret")
    return faults


def _is_http(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username


def version_of(sources: tuple[Source, ...], always_ask: tuple[str, ...]) -> str:
    """The same sources have the same version, whoever reads them."""
    return hashlib.sha256(msgspec.json.encode((sources, always_ask))).hexdigest()[:16]


def digests(sources: tuple[Source, ...]) -> dict[str, str]:
    return {each.id: hashlib.sha256(msgspec.json.encode(each)).hexdigest()[:16] for each in sources}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What is different, in words that hold ids alone: "elm-bank changed"."""
    added = [f"{each} added" for each in now if each not in before]
    removed = [f"{each} removed" for each in before if each not in now]
    changed = [f"{each} changed" for each in now if each in before and before[each] != now[each]]
    return tuple(sorted(added + removed + changed))
