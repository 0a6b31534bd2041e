"""How is a registry read from text? Pure: TOML and spreadsheets in, sources and problems in plain words out."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from carerecord.contracts.sources import KINDS, Registry, Sender, SharedSection, Source, Tester
from carerecord.fhir.identifiers import is_ods_code
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit import toml
from carerecord.sources.arrangements import NONE, arrangement_oddities, arrangement_of
from carerecord.sources.mappings import FOLDER, document_oddities, of_extracts, with_mapping
from carerecord.sources.modules import all_served, read_copies_of, read_modules
from carerecord.sources.senders import read_senders
from carerecord.sources.spreadsheet import rows
from carerecord.sources.stages import EVERYONE, NAMED, OFF, STAGES, rank

CONNECTORS = ("fhir_r4", "gp_connect", "rest_json", "documents", "pds", NONE)
KNOWS_BY = ("nhs-number", "local", "match")
ASKS = ("search", "everything", "mhd", "xds")
REQUIRED = ("id", "organisation", "name", "connector")
ALWAYS_ASK = ("allergies", "medicines", "plans")
# Said of a table, and kept with its sections.
BY_SECTION = ("arrangement", "arrangements", "stage", "stages", "stage_at_most", "open_to")

_PAIRS = "asids is a list of pairs, an ODS code and twelve digits"

_fields = {each.name: each for each in msgspec.structs.fields(Source)}


def read_registry(files: Mapping[str, str]) -> Registry:
    """The registry that these files make, by file name; a table or row that cannot be read is a problem, and the others stand.

    A source stands in one table, `[[source]]`, or in one row of a spreadsheet (`.csv`), with the fields of
    `contracts.sources.Source`; who sends messages in a table `[[sender]]` (`contracts.sources.Sender`). `sections` is a list of
    section ids, `arrangement` the arrangement of them all, and `arrangements` of those that differ. To whom a section is open is
    said by `stage`, by `stages` where sections differ, and bounded by `stage_at_most`; what says nothing is open to nobody.
    """
    sources: dict[str, Source] = {}
    problems: list[str] = []
    always_ask: tuple[str, ...] = ALWAYS_ASK
    testers: dict[str, Tester] = {}
    modules: dict[str, None] = {}
    copies_of: dict[str, None] = {}
    sending: list[tuple[str, Mapping[str, Any]]] = []
    mappings = {file: text for file, text in files.items() if file.startswith(FOLDER)}
    for file, text in sorted(files.items()):
        if file in mappings:
            continue
        if file.endswith(".csv"):
            tables, faults = rows(text)
            problems += [f"{file} {fault}" for fault in faults]
            for row, table, wrong in tables:
                named = f"{file}, {row}, {table['id']}" if "id" in table else f"{file}, {row}"
                whole, more = with_mapping(table, mappings)
                _add(sources, problems, named, whole, [*wrong, *more])
            continue
        try:
            document = toml.document(text)
        except toml.NotToml as error:
            problems.append(f"{file} is not TOML: {error}")
            continue
        if not toml.is_words(document.get("always_ask", [])):
            problems.append(f"{file}: always_ask is a list of sections")
        elif "always_ask" in document:
            always_ask = tuple(document["always_ask"])
            problems += [
                f"{file}: always_ask names {each!r}, which is not a section" for each in always_ask if each not in SECTION_IDS
            ]
        named_here, faults = read_modules(file, document)
        modules |= dict.fromkeys(named_here)
        problems += faults
        named_here, faults = read_copies_of(file, document)
        copies_of |= dict.fromkeys(named_here)
        problems += faults
        (own, mine), (senders_told, theirs), (testing, looks) = (
            toml.tables(document, name) for name in ("source", "sender", "safety_tester")
        )
        problems += [f"{file}: {fault}" for fault in (*mine, *theirs, *looks)]
        for place, table in enumerate(own, 1):
            named = f"{file}, {table.get('id') or f'table {place}'}"
            whole, more = with_mapping(table, mappings)
            _add(sources, problems, named, whole, more)
        for place, table in enumerate(senders_told, 1):
            named = f"{file}, sender {table.get('id') or place}"
            whole, more = of_extracts(table, mappings)
            problems += [f"{named}: {fault}" for fault in more]
            if not more:
                sending.append((named, whole))
        for place, table in enumerate(testing, 1):
            try:
                tester = msgspec.convert(table, Tester)
                testers[tester.id] = tester
            except msgspec.ValidationError as error:
                problems.append(f"{file}, safety_tester {place}: {error}")
    chosen = tuple(sources[each] for each in sorted(sources))
    safety = tuple(testers[each] for each in sorted(testers))
    senders, faults = read_senders(sending, sources)
    problems += faults
    kept = tuple(each for each in copies_of if modules and each not in modules)
    version = version_of(chosen, always_ask, safety, tuple(modules), senders, kept)
    sections = all_served(tuple(modules), kept)
    return Registry(version, chosen, always_ask, tuple(problems), safety, tuple(modules), sections, senders, kept)


def _add(sources: dict[str, Source], problems: list[str], named: str, table: Mapping[str, Any], faults: list[str]) -> None:
    """Take one table in, when there is nothing wrong with it."""
    source, more = read_source(table)
    wrong = [*faults, *more]
    if source is not None and source.id in sources:
        wrong.append("another table has this id")
    problems += [f"{named}: {fault}" for fault in wrong]
    if source is not None and not wrong:
        sources[source.id] = source


def read_source(table: Mapping[str, Any]) -> tuple[Source | None, list[str]]:
    """One table as a source, or every fault of it, each saying what to write instead."""
    missing = [name for name in REQUIRED if not table.get(name)]
    mistyped = dict(_mistyped(table))
    faults = [f"{name} is missing" for name in missing] + list(mistyped.values())
    table = {name: value for name, value in table.items() if name not in mistyped}
    # Rules go by it: a sexual-health clinic taken for a hospital would be told of to everybody.
    if not table.get("kind") and "kind" not in mistyped:
        faults.append(f"kind is missing; it is one of {', '.join(KINDS)}")
    faults += [f"{name} is not a field of a source" for name in table if name not in _fields and name not in BY_SECTION]
    told = {name: value for name, value in table.items() if name in _fields and name != "sections"}
    if not table.get("address") and "address" not in mistyped and table.get("connector") != NONE:
        faults.append("address is missing")
    sections = table.get("sections", [])
    faults += [
        f"section {each!r} is not known; they are {', '.join(SECTION_IDS)}" for each in sections if each not in SECTION_IDS
    ]
    faults += [*_oddities(told), *document_oddities(table)]
    faults += _stage_oddities(table, _told_apart(sections))
    faults += arrangement_oddities(table, _told_apart(sections))
    if faults:
        return None, faults
    told["organisation_name"] = told.get("organisation_name") or told["name"]
    told["address"] = told.get("address") or ""
    told["mark"] = told.get("mark") or told["name"][:2].upper()
    shared = tuple(_shared(table, each) for each in _told_apart(sections))
    try:
        return msgspec.convert({**told, "sections": shared}, Source), []
    except msgspec.ValidationError as error:
        return None, [str(error)]


def _mistyped(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is of another type than its field: judged no further, for a rule about words says nothing of a number."""
    for name, value in table.items():
        if name == "sections":
            if not toml.is_words(value):
                yield name, "sections is a list of section ids"
        elif name in _fields:
            try:
                told = msgspec.convert(value, _fields[name].type)
            except msgspec.ValidationError as error:
                yield name, _PAIRS if name == "asids" else f"{name}: {error}"
                continue
            if isinstance(told, float) and not math.isfinite(told):
                yield name, f"{name} is {value}, which is no number of anything"


def _told_apart(sections: Sequence[str]) -> Sequence[str]:
    """A system that shares its flags shares those of safeguarding and safety too: one drawer there, two headings here."""
    if "alerts" not in sections or "safeguarding" in sections:
        return sections
    place = sections.index("alerts") + 1
    return (*sections[:place], "safeguarding", *sections[place:])


def _shared(table: Mapping[str, Any], section: str) -> SharedSection:
    stages = table.get("stages", {})
    like = "alerts" if section == "safeguarding" and section not in stages else section
    stage = stages.get(like, table.get("stage", OFF))
    ceiling = table.get("stage_at_most", EVERYONE)
    named = tuple(table.get("open_to", ())) if NAMED in (stage, ceiling) else ()
    return SharedSection(section, arrangement_of(table, section), stage, named, ceiling)


def _stage_oddities(table: Mapping[str, Any], sections: Sequence[str]) -> Iterator[str]:
    """A stage that is misspelt opens nothing, and is told."""
    stages, named, ceiling = table.get("stages", {}), table.get("open_to", []), table.get("stage_at_most", EVERYONE)
    if not isinstance(stages, dict) or not isinstance(named, list):
        yield "stages is a table of sections, open_to a list of ODS codes"
        return
    words = {"stage": table.get("stage", OFF), "stage_at_most": ceiling}
    words |= {f"stages.{name}": each for name, each in stages.items()}
    wrong = {name: each for name, each in words.items() if each not in STAGES}
    yield from (f"{name} is {each!r}; it is one of {', '.join(STAGES)}" for name, each in wrong.items())
    yield from (f"stages names {each!r}, which it does not share" for each in stages if each not in sections)
    yield from (f"open_to names {each!r}, which is not an ODS code" for each in named if not is_ods_code(str(each)))
    if not wrong:
        high = [name for name, each in words.items() if rank(each) > rank(ceiling)]
        yield from (f"{name} is wider than stage_at_most, {ceiling}" for name in high)
        if NAMED in words.values() and not named:
            yield "a stage is organisations, and open_to names none"


def _oddities(told: Mapping[str, Any]) -> list[str]:
    faults = []
    for name, allowed in (("connector", CONNECTORS), ("kind", KINDS), ("knows_by", KNOWS_BY), ("asks", ASKS)):
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
    if told.get("connector") == "gp_connect" and not _is_asid(str(told.get("asid", ""))):
        faults.append("asid is missing or has not twelve digits; a gp_connect source says in the name of which system it asks")
    if not all(_is_asid(str(each[-1])) for each in told.get("asids", [])):
        faults.append(_PAIRS)
    if told.get("proxy") and not _is_http(str(told["proxy"])):
        faults.append("proxy is not an http or https address")
    if told.get("token_address") and not (told.get("client_id") and told.get("credentials")):
        faults.append("token_address needs client_id and credentials, the name of a secret")
    return faults


def _is_asid(text: str) -> bool:
    return len(text) == 12 and text.isascii() and text.isdigit()


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that there is not
        return False


def version_of(
    sources: tuple[Source, ...], always_ask: tuple[str, ...], testers: tuple[Tester, ...], modules: tuple[str, ...] = (),
    senders: tuple[Sender, ...] = (), copies_of: tuple[str, ...] = (),
) -> str:  # fmt: skip
    """The same sources, modules and senders have the same version, whoever reads them."""
    told = (sources, always_ask, testers, *([modules] if modules or senders else []), *([senders] if senders else []))
    told = (*told, ("copies of", *copies_of)) if copies_of else told
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:16]


def reached_as(source: Source) -> str:
    """A digest of how a source is reached and what it shares, whoever may see it: a probe of another is no evidence for it."""
    bare = tuple(SharedSection(each.section, each.arrangement) for each in source.sections)
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(source, sections=bare))).hexdigest()[:16]


def digests(
    sources: tuple[Source, ...], modules: tuple[str, ...] = (), senders: tuple[Sender, ...] = ()
) -> dict[str, str]:
    """What a change is told by: a digest for each source and sender, and a word for each module."""
    told = {each.id: hashlib.sha256(msgspec.json.encode(each)).hexdigest()[:16] for each in sources}
    sending = {f"sender:{each.id}": hashlib.sha256(msgspec.json.encode(each)).hexdigest()[:16] for each in senders}
    return told | {f"module:{each}": "served" for each in modules} | sending


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """What is different, in words that hold ids alone: "elm-bank changed"."""
    added = [f"{each} added" for each in now if each not in before]
    removed = [f"{each} removed" for each in before if each not in now]
    changed = [f"{each} changed" for each in now if each in before and before[each] != now[each]]
    return tuple(sorted(added + removed + changed))
