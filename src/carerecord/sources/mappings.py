"""Which mapping does a source or a sender use, and is anything wrong with it? Told when the registry is read."""

from collections.abc import Mapping
from typing import Any

from carerecord.connectors.rest_json_mapping import faults_of
from carerecord.sources.arrangements import NONE

FOLDER = "mappings/"  # below the registry's own


def with_mapping(table: Mapping[str, Any], files: Mapping[str, str]) -> tuple[Mapping[str, Any], list[str]]:
    """The table with the mapping's text in the place of its file's name, and every fault of either, with file, table and key."""
    if table.get("connector") not in ("rest_json", NONE):
        faults = ["mapping is a field of rest_json, of a source that is not asked (none) and of a sender"]
        return table, faults if "mapping" in table else []
    if not table.get("mapping") and table.get("connector") == "rest_json":
        return table, ["mapping is missing: the name of a file in the folder mappings, beside this one"]
    return of_extracts(table, files)


def of_extracts(table: Mapping[str, Any], files: Mapping[str, str]) -> tuple[Mapping[str, Any], list[str]]:
    """The same of a sender, and of a source that is not asked: the rows of their extracts may have one, and need none."""
    name = table.get("mapping")
    if not name:
        return table, []
    text = files.get(f"{FOLDER}{name}")
    if text is None:
        return table, [f"mapping names {name!r}, and there is no such file in the folder mappings"]
    return {**table, "mapping": text}, [f"{FOLDER}{name}: {fault}" for fault in faults_of(text)]


def document_oddities(table: Mapping[str, Any]) -> list[str]:
    """What is wrong with how a source of the connector documents is reached."""
    if table.get("connector") != "documents":
        return [f"{name} is a field of documents alone" for name in ("repositories",) if name in table]
    faults = []
    if table.get("asks") not in ("mhd", "xds"):
        faults.append("asks says how its documents are found: mhd (FHIR) or xds (XDS.b)")
    told = table.get("repositories", [])
    if table.get("asks") == "xds":
        if not isinstance(told, list) or not told:
            faults.append('repositories is missing: a list of { id = "1.2.3", address = "https://…" }, one for each repository')
        if table.get("knows_by") != "nhs-number" and not str(table.get("number_system", "")).startswith("urn:oid:"):
            faults.append('number_system is missing: the domain of its local numbers as "urn:oid:1.2.3"')
    if set(table.get("sections", [])) - {"documents", "plans"}:
        faults.append("sections of documents are documents and plans")
    return faults
