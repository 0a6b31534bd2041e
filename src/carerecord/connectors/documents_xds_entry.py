"""What is an XDS.b document entry, as a FHIR R4 DocumentReference? After IHE MHD's own table of the two.

Codes and UUIDs: IHE ITI TF-3, 4.2. The document itself is not in it: its address says in which repository it lies, under which
number.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from carerecord.connectors.reply import Said
from carerecord.connectors.safe_xml import Element
from carerecord.fhir.identifiers import NHS_NUMBER, is_nhs_number

NHS_OID: Final = "2.16.840.1.113883.2.1.4.1"  # NHS numbers, as an assigning authority
SNOMED_OID: Final = "2.16.840.1.113883.6.96"
LOINC_OID: Final = "2.16.840.1.113883.6.1"
_SYSTEMS: Final = {SNOMED_OID: "http://snomed.info/sct", LOINC_OID: "http://loinc.org"}

# ITI TF-3 table 4.2.5: by which UUID a classification or an external identifier says what it is.
_CLASS: Final = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
_TYPE: Final = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
_FORMAT: Final = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
_CONFIDENTIALITY: Final = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
_FACILITY: Final = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
_SETTING: Final = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
_EVENT: Final = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
_AUTHOR: Final = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
_UNIQUE_ID: Final = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
_PATIENT_ID: Final = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"

_DTM: Final = re.compile(r"\d{4}(\d\d(\d\d(\d\d\d\d(\d\d)?)?)?)?\Z")
_UUID: Final = re.compile(r"urn:uuid:([0-9a-fA-F-]{36})\Z")


def reference_of(entry: Element) -> dict[str, Any]:
    """The DocumentReference; "id" is missing where the entry has none, so that it is counted as unreadable."""
    slots, codes = _slots(entry), _codes(entry)
    unique, confidentiality = _identifier(entry, _UNIQUE_ID), codes.get(_CONFIDENTIALITY, [])
    found_id = _UUID.match(entry.attributes.get("id", ""))
    attachment = {
        "contentType": entry.attributes.get("mimeType", ""),
        "language": _one(slots, "languageCode"),
        "url": address_of(_one(slots, "repositoryUniqueId"), unique),
        "size": int(size) if (size := _one(slots, "size")).isdecimal() and len(size) <= 15 else None,
        "hash": _hash(_one(slots, "hash")),
        "title": _name(entry),
        "creation": _time(_one(slots, "creationTime")),
    }
    period = {"start": _time(_one(slots, "serviceStartTime")), "end": _time(_one(slots, "serviceStopTime"))}
    context = {
        "period": _filled(period), "event": _concepts(codes.get(_EVENT)), "practiceSetting": _concept(codes.get(_SETTING)),
        "facilityType": _concept(codes.get(_FACILITY)),
    }  # fmt: skip
    formats = _coding(codes[_FORMAT][0]) if codes.get(_FORMAT) else {}
    content = {"attachment": _filled(attachment), "format": formats}
    authors = [
        _filled({"display": name, **({"type": "Organization"} if is_place else {})}) for name, is_place in _authors(entry)
    ]
    return _filled(
        {
            "resourceType": "DocumentReference",
            "id": found_id.group(1).lower() if found_id else "",
            "meta": {"security": [_security(each) for each in confidentiality]} if confidentiality else None,
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{unique}"} if unique else None,
            "status": "superseded" if entry.attributes.get("status", "").endswith(":Deprecated") else "current",
            "type": _concept(codes.get(_TYPE)),
            "category": _concepts(codes.get(_CLASS)),
            "subject": _subject(_identifier(entry, _PATIENT_ID)),
            "date": _instant(_one(slots, "creationTime")),
            "author": authors,
            "description": _words(entry.first("Description")) or _name(entry),
            "securityLabel": _concepts(confidentiality),
            "content": [_filled(content)],
            "context": _filled(context),
        }
    )


def said_of(entry: Element) -> Said | None:
    """Whom the entry says that it is about; None where it says nothing by which people could be told apart."""
    id_, authority = person_of(_identifier(entry, _PATIENT_ID))
    number = id_ if authority == NHS_OID and is_nhs_number(id_) else ""
    told = {name: value for name, _, value in (line.partition("|") for line in _slots(entry).get("sourcePatientInfo", ()))}
    family, given = ("", "")
    if name := told.get("PID-5", ""):
        family, given, *_ = [*name.split("^"), "", ""]
    born = _time(told.get("PID-7", ""))[:10]
    for each in told.get("PID-3", "").split("~"):
        other, whose = person_of(each)
        number = number or (other if whose == NHS_OID and is_nhs_number(other) else "")
    if not (number or born):
        return None
    gender = {"F": "female", "M": "male", "O": "other", "U": "unknown"}.get(told.get("PID-8", "")[:1], "")
    return Said(id_, number, born, (given,) if given else (), (family,) if family else (), gender)


def person_of(cx: str) -> tuple[str, str]:
    """The id and the assigning authority's OID of an HL7 CX: `id^^^&1.2.3&ISO`."""
    id_, _, rest = cx.partition("^^^")
    authority = rest.split("&")
    return id_.strip("' "), authority[1] if len(authority) > 2 else ""


def address_of(repository: str, document: str) -> str:
    return f"xds:{repository}/{document}" if repository and document else ""


def place_of(reference: Mapping[str, Any]) -> tuple[str, str]:
    """The repository and the number there of the document that a DocumentReference of ours speaks of; "" where of none."""
    content = reference.get("content") or [{}]
    url = str(content[0].get("attachment", {}).get("url", "")) if isinstance(content[0], dict) else ""
    repository, _, document = url.removeprefix("xds:").partition("/")
    return (repository, document) if url.startswith("xds:") else ("", "")


def _subject(cx: str) -> dict[str, Any]:
    id_, authority = person_of(cx)
    if authority == NHS_OID:
        return {"identifier": {"system": NHS_NUMBER, "value": id_}}
    return {"reference": f"Patient/{id_}"} if id_ else {}


def _authors(entry: Element) -> list[tuple[str, bool]]:
    """People first, then where they worked: name, and whether it is a place."""
    people, places = [], []
    for each in entry.all("Classification"):
        if each.attributes.get("classificationScheme") != _AUTHOR:
            continue
        slots = _slots(each)
        people += [(name, False) for text in slots.get("authorPerson", ()) if (name := _person(text))]
        places += [(name, True) for text in slots.get("authorInstitution", ()) if (name := text.split("^")[0].strip())]
    return list(dict.fromkeys(people + places))


def _person(xcn: str) -> str:
    """The name in an HL7 XCN: id^family^given^second^suffix^prefix; its number where it has no name."""
    parts = [each.strip() for each in xcn.split("^")] + [""] * 6
    return " ".join(filter(None, (parts[5], parts[2], parts[1]))) or parts[0]


def _slots(element: Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for slot in element.all("Slot"):
        values = slot.first("ValueList")
        texts = [each.text.strip() for each in values.all("Value")] if values else []
        found.setdefault(slot.attributes.get("name", ""), []).extend(text for text in texts if text)
    return found


def _codes(entry: Element) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for each in entry.all("Classification"):
        code = each.attributes.get("nodeRepresentation", "")
        if code:
            scheme = _one(_slots(each), "codingScheme")
            made = {"system": _system(scheme), "code": code, "display": _name(each)}
            found.setdefault(each.attributes.get("classificationScheme", ""), []).append(made)
    return found


def _system(scheme: str) -> str:
    if scheme in _SYSTEMS:
        return _SYSTEMS[scheme]
    return f"urn:oid:{scheme}" if re.fullmatch(r"[\d.]+", scheme) else scheme if ":" in scheme else ""


def _coding(code: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in code.items() if value}


def _concept(codes: list[dict[str, str]] | None) -> dict[str, Any]:
    return {"coding": [_coding(codes[0])], **({"text": codes[0]["display"]} if codes[0]["display"] else {})} if codes else {}


def _concepts(codes: list[dict[str, str]] | None) -> list[dict[str, Any]]:
    return [_concept([each]) for each in codes or ()]


def _security(code: Mapping[str, str]) -> dict[str, str]:
    """The HL7 confidentiality codes by their own system, whatever a registry calls it: rules look for R and V there."""
    if code["code"] in ("U", "L", "M", "N", "R", "V"):
        return {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code["code"]}
    return _coding(code)


def _identifier(entry: Element, scheme: str) -> str:
    for each in entry.all("ExternalIdentifier"):
        if each.attributes.get("identificationScheme") == scheme:
            return each.attributes.get("value", "").strip()
    return ""


def _name(element: Element) -> str:
    return _words(element.first("Name"))


def _words(element: Element | None) -> str:
    found = element.first("LocalizedString") if element else None
    return found.attributes.get("value", "").strip() if found else ""


def _one(slots: Mapping[str, list[str]], name: str) -> str:
    return next(iter(slots.get(name, ())), "")


def _time(dtm: str) -> str:
    """An HL7 DTM, in UTC as XDS has it, as precise as it is and FHIR allows: an hour without minutes is a day."""
    if not _DTM.match(dtm):
        return ""
    day = "-".join(filter(None, (dtm[:4], dtm[4:6], dtm[6:8])))
    return f"{day}T{dtm[8:10]}:{dtm[10:12]}:{dtm[12:14] or '00'}Z" if len(dtm) >= 12 else day


def _instant(dtm: str) -> str:
    """FHIR wants `date` to the second; a document whose day alone is known says its day in `creation`."""
    text = _time(dtm)
    return text if "T" in text else ""


def _hash(hex_: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(hex_)).decode() if len(hex_) == 40 else ""
    except ValueError:
        return ""


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", None, {}, [])}
