"""What is the short of one person's record? An International Patient Summary, drawn from what is kept here.

A section in which nothing is kept says so, and never that there is nothing: "none known" is a clinician's word, and comes in as a
resource of its own.
"""

import asyncio
import html
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.responses import Response

from carerecord.contracts.holdings import READ, SEARCH, FindAsked, Held, ReadAsked
from carerecord.exchange import answers, deaths, parameters
from carerecord.exchange.resources import Gone
from carerecord.exchange.visit import Visit
from carerecord.fhir.bundle import parse
from carerecord.kit.errors import NotUnderstood

MOST: Final = 100  # newest, of one kind
_DIV: Final = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'
_EMPTY: Final = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
_IPS: Final = "http://hl7.org/fhir/uv/ips/StructureDefinition"
_DRAWN_FROM: Final = "Drawn from what is kept here. Systems that are asked only when somebody opens the record were not asked."

Parsed = Mapping[str, Any]


@dataclass(frozen=True)
class _Kind:
    """One search that fills a section, and which of its answers belong there."""

    type: str
    belongs: Callable[[Parsed], bool]
    query: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Section:
    code: str  # LOINC
    title: str
    kinds: tuple[_Kind, ...]
    says: str = ""  # which of what is kept is listed
    needed: bool = False  # stands in every summary, with the reason where it is empty


def _status(*wanted: str) -> Callable[[Parsed], bool]:
    return lambda told: told.get("status") in wanted


def _not(*unwanted: str) -> Callable[[Parsed], bool]:
    return lambda told: told.get("status") not in unwanted and not _entered_in_error(told)


def _coded(told: Parsed, name: str) -> set[str]:
    concept = told.get(name)
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return {str(each.get("code")) for each in codings if isinstance(each, dict)}


def _entered_in_error(told: Parsed) -> bool:
    return "entered-in-error" in {told.get("status"), *_coded(told, "verificationStatus")}


_OVER: Final = frozenset(("inactive", "remission", "resolved"))


def _goes_on(told: Parsed) -> bool:
    return not _entered_in_error(told) and not _coded(told, "clinicalStatus") & _OVER


def _is_over(told: Parsed) -> bool:
    return not _entered_in_error(told) and bool(_coded(told, "clinicalStatus") & _OVER)


SECTIONS: Final = (
    _Section(
        "48765-2", "Allergies and Intolerances",
        (_Kind("AllergyIntolerance", lambda told: not _entered_in_error(told)),),
        "All that were not entered in error; each says whether it is active and confirmed.", True,
    ),
    _Section(
        "10160-0", "Medication Summary",
        (_Kind("MedicationStatement", _status("active", "intended", "on-hold", "unknown"),
               (("_include", "MedicationStatement:medication"),)),
         _Kind("MedicationRequest", _status("active", "on-hold", "unknown"), (("_include", "MedicationRequest:medication"),))),
        "Those that their source calls active, intended, on hold or unknown.", True,
    ),
    _Section("11450-4", "Problem List", (_Kind("Condition", _goes_on),), "Those that are not said to be over.", True),
    _Section("11369-6", "Immunizations", (_Kind("Immunization", _not("not-done")),), "Those that were given."),
    _Section("47519-4", "History of Procedures", (_Kind("Procedure", _not("not-done")),), "Those that were not left undone."),
    _Section("46264-8", "Medical Devices", (_Kind("DeviceUseStatement", _not(), (("_include", "DeviceUseStatement:device"),)),)),
    _Section(
        "30954-2", "Diagnostic Results",
        (_Kind("Observation", _not("cancelled"), (("category", "laboratory,imaging"),)),
         _Kind("DiagnosticReport", _not("cancelled"))),
    ),
    _Section("8716-3", "Vital Signs", (_Kind("Observation", _not("cancelled"), (("category", "vital-signs"),)),)),
    _Section("11348-0", "History of Past Illness", (_Kind("Condition", _is_over),), "Those that are said to be over."),
    _Section("29762-2", "Social History", (_Kind("Observation", _not("cancelled"), (("category", "social-history"),)),)),
    _Section("18776-5", "Plan of Care", (_Kind("CarePlan", _status("active", "on-hold", "unknown")),), "Those that go on."),
)  # fmt: skip


@dataclass
class _Filled:
    section: _Section
    entries: list[tuple[Held, Parsed]]
    beside: list[Held]
    kept: int  # looked at, whether listed or not
    more: bool
    withheld: bool  # the token's scopes do not cover all of it
    objected: bool = False  # the person keeps some of it back


async def summary(visit: Visit) -> Response:
    """`Patient/p1/$summary`: a document Bundle.

    Raises:
        NotFound: no such person for this client. NotUnderstood: a parameter that it does not take.
    """
    visit.must("Patient", "r")
    if unknown := {name for name, _ in await parameters.asked(visit)} - {"_format", "_pretty"}:
        raise NotUnderstood(f"$summary takes no parameters, so not {', '.join(sorted(unknown))[:80]}.")
    id_ = str(visit.request.path_params["id"])
    person = await visit.face.calls.ask(READ, ReadAsked("Patient", id_, visit.reach("r"), 0, visit.client, visit.request_id))
    if person.gone:
        raise Gone("It was deleted.")
    person = await deaths.of_one(visit.face.calls, person)
    filled = [await _filled(visit, each, id_) for each in SECTIONS]
    shown: dict[tuple[str, str], Held] = {(person.type, person.id): person}
    for each in filled:
        shown |= {(held.type, held.id): held for held, _ in each.entries} | {(held.type, held.id): held for held in each.beside}
    document, device = str(uuid.uuid4()), str(uuid.uuid4())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    sections = [_section(each) for each in filled if each.section.needed or each.entries or each.withheld or each.objected]
    composition = {
        "resourceType": "Composition", "id": document, "meta": {"profile": [f"{_IPS}/Composition-uv-ips"]},
        "text": {"status": "generated", "div": _DIV.format(f"<p>{_DRAWN_FROM}</p>")},
        "status": "final", "type": _loinc("60591-5", "Patient summary Document"), "subject": {"reference": f"Patient/{id_}"},
        "date": now, "author": [{"reference": f"urn:uuid:{device}"}], "title": "International Patient Summary",
        "section": sections,
    }  # fmt: skip
    author = {"resourceType": "Device", "id": device, "deviceName": [{"name": "carerecord", "type": "user-friendly-name"}]}
    head = {
        "resourceType": "Bundle", "meta": {"profile": [f"{_IPS}/Bundle-uv-ips"]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"}, "type": "document", "timestamp": now,
    }  # fmt: skip
    entries = [_made(composition), *(_entry(visit, each) for each in shown.values()), _made(author)]
    return Response(orjson.dumps(head)[:-1] + b',"entry":[' + b",".join(entries) + b"]}", media_type=answers.FHIR_JSON)


async def _filled(visit: Visit, section: _Section, patient: str) -> _Filled:
    known = (visit.reach("r").types, visit.reach("s").types)
    open_ = [each for each in section.kinds if all("*" in types or each.type in types for types in known)]
    pages = await asyncio.gather(*(
        visit.face.calls.ask(SEARCH, FindAsked(
            each.type, (("patient", patient), *each.query, ("_count", str(MOST)), ("_total", "none")), visit.reach("s"), True,
            visit.base, "", MOST, visit.client, visit.request_id,
        ))
        for each in open_
    ))  # fmt: skip
    entries: list[tuple[Held, Parsed]] = []
    beside: list[Held] = []
    for kind, page in zip(open_, pages, strict=True):
        told = [(held, parse(held.text)) for held in page.matches]
        listed = [(held, parsed) for held, parsed in told if kind.belongs(parsed)]
        entries += listed
        named = {reference for _, parsed in listed for reference in _names(parsed)}
        beside += [held for held in page.included if f"{held.type}/{held.id}" in named]
    return _Filled(
        section, entries, beside, sum(len(page.matches) for page in pages), any(page.next for page in pages),
        len(open_) < len(section.kinds), any(page.withheld for page in pages),
    )  # fmt: skip


def _names(parsed: Parsed) -> list[str]:
    """What a listed resource refers to that is shown beside it: its medicine, its device."""
    found = [parsed.get(name) for name in ("medicationReference", "device")]
    return [str(each.get("reference")) for each in found if isinstance(each, dict)]


def _section(filled: _Filled) -> dict[str, Any]:
    section = filled.section
    told: dict[str, Any] = {"title": section.title, "code": _loinc(section.code, section.title)}
    says = " ".join(each for each in (section.says, _how_far(filled)) if each)
    items = "".join(f"<li>{html.escape(_words(parsed))}</li>" for _, parsed in filled.entries)
    listed = f"<ul>{items}</ul>" if items else ""
    told["text"] = {"status": "generated", "div": _DIV.format(f"<p>{html.escape(says)}</p>{listed}")}
    if filled.entries:
        told["entry"] = [{"reference": f"{held.type}/{held.id}"} for held, _ in filled.entries]
    else:
        kept_back = filled.withheld or filled.objected
        code, display = ("withheld", "Information Withheld") if kept_back else ("unavailable", "Unavailable")
        told["emptyReason"] = {"coding": [{"system": _EMPTY, "code": code, "display": display}], "text": says}
    return told


def _how_far(filled: _Filled) -> str:
    told = []
    if filled.more:
        told.append(f"The newest {MOST} of each kind were looked at; there are more.")
    if filled.withheld:
        told.append("Part of this section lies beyond the scopes of the client that asked.")
    if filled.objected:
        told.append("The person has asked that some of this section is not shown.")
    if not filled.entries and not filled.withheld and not filled.objected:
        told.append(f"{filled.kept} are kept, and none of them is listed." if filled.kept else "Nothing of it is kept here.")
        told.append("This does not say that there is none.")
    return " ".join(told)


_NAMED_BY: Final = ("code", "medicationCodeableConcept", "vaccineCode", "type")


def _words(parsed: Parsed) -> str:
    """What a reader of the list is shown: the source's own words, with the value and the time where there are such."""
    for name in _NAMED_BY:
        concept = parsed.get(name)
        if isinstance(concept, dict):
            codings = [each for each in concept.get("coding", ()) if isinstance(each, dict)]
            found = concept.get("text") or next((each["display"] for each in codings if each.get("display")), "")
            found = found or next((f"code {each['code']}" for each in codings if each.get("code")), "")
            if found:
                return " ".join(str(each) for each in (found, *_more(parsed)))
    reference = parsed.get("medicationReference") or parsed.get("device") or {}
    shown = reference.get("display") if isinstance(reference, dict) else ""
    return " ".join(str(each) for each in (shown or parsed.get("title") or parsed.get("resourceType"), *_more(parsed)))


def _more(parsed: Parsed) -> Sequence[str]:
    quantity = parsed.get("valueQuantity")
    value = f"{quantity.get('value', '')} {quantity.get('unit', '')}".strip() if isinstance(quantity, dict) else ""
    when = next((parsed[name] for name in _WHEN if isinstance(parsed.get(name), str)), "")
    over = ", ".join(sorted(_coded(parsed, "clinicalStatus") - {"None"})) or (parsed.get("status") or "")
    return [each for each in (value, f"({over})" if over else "", str(when)[:10]) if each]


_WHEN: Final = (
    "effectiveDateTime", "occurrenceDateTime", "performedDateTime", "authoredOn", "onsetDateTime", "recordedDate", "date",
    "dateAsserted", "created",
)  # fmt: skip


def _loinc(code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]}


def _made(resource: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource})


def _entry(visit: Visit, held: Held) -> bytes:
    return b'{"fullUrl":' + orjson.dumps(f"{visit.base}/{held.type}/{held.id}") + b',"resource":' + held.text + b"}"
