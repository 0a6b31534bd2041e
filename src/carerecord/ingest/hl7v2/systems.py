"""Which code system, and which register of numbers, does a name in a message mean?"""

import re
from functools import lru_cache
from typing import Final

from carerecord.fhir.identifiers import (
    DMD,
    GDC_NUMBER,
    GMC_NUMBER,
    GMP_NUMBER,
    HCPC_NUMBER,
    LOINC,
    NHS_NUMBER,
    NMC_NUMBER,
    ODS_ORGANISATION,
    READ_CTV3,
    READ_V2,
    SDS_USER,
    SNOMED,
    UCUM,
    canonical_system,
    is_nhs_number,
)
from carerecord.ingest.hl7v2.shapes import Sender

CODES: Final = {
    "SCT": SNOMED, "SNOMED": SNOMED, "SNOMED-CT": SNOMED, "SNOMED CT": SNOMED, "SNOMEDCT": SNOMED, "SNM": SNOMED, "SNCT": SNOMED,
    "2.16.840.1.113883.6.96": SNOMED, "2.16.840.1.113883.2.1.3.2.4.15": SNOMED, "LN": LOINC, "LOINC": LOINC,
    "2.16.840.1.113883.6.1": LOINC, "DMD": DMD, "DM+D": DMD, "DM D": DMD, "2.16.840.1.113883.2.1.6.1": DMD, "UCUM": UCUM,
    "RC2": READ_V2, "READ": READ_V2, "READ2": READ_V2, "READV2": READ_V2, "READCODE": READ_V2, "RC": READ_V2,
    "CTV3": READ_CTV3, "READ3": READ_CTV3, "RC3": READ_CTV3, "I10": "http://hl7.org/fhir/sid/icd-10",
    "ICD10": "http://hl7.org/fhir/sid/icd-10",
    "ICD-10": "http://hl7.org/fhir/sid/icd-10", "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "O4": "https://fhir.hl7.org.uk/CodeSystem/OPCS-4",
    "OPCS4": "https://fhir.hl7.org.uk/CodeSystem/OPCS-4", "OPCS-4": "https://fhir.hl7.org.uk/CodeSystem/OPCS-4",
    "NICIP": "https://nicip.nhs.uk", "CVX": "http://hl7.org/fhir/sid/cvx", "MVX": "http://hl7.org/fhir/sid/mvx",
    "ATC": "http://www.whocc.no/atc",
}  # fmt: skip
_SHAPES: Final = {
    SNOMED: re.compile(r"[1-9][0-9]{5,17}\Z", re.ASCII), LOINC: re.compile(r"(?:L[AP])?[0-9]{1,7}-[0-9]\Z", re.ASCII),
    "http://hl7.org/fhir/sid/icd-10": re.compile(r"[A-Z][0-9][0-9A-Z](?:\.?[0-9A-Z-]{1,4})?[*+†!]?\Z"),
}  # fmt: skip
_SHORT: Final = {SNOMED: "sct", LOINC: "ln", "http://hl7.org/fhir/sid/icd-10": "i10"}
_NAMED: Final = {name: uri for uri, name in _SHORT.items()}
_OWN: Final = "urn:carerecord:code:"
_CLINICIANS: Final = {
    "GMC": GMC_NUMBER, "GMCNBR": GMC_NUMBER, "GMP": GMP_NUMBER, "NMC": NMC_NUMBER, "HCPC": HCPC_NUMBER, "GDC": GDC_NUMBER,
    "SDS": SDS_USER, "SDSUSERID": SDS_USER,
}  # fmt: skip
_NHS_AUTHORITIES: Final = frozenset(("NHS", "NH", "NHSNBR"))
_NHS_TYPES: Final = frozenset(("NH", "NHSNMBR"))
_HOSPITALS_TYPES: Final = re.compile(r"MRN?\Z|HOSP")  # of a number that a hospital gave, whoever is said to vouch for it
_NHS_OID: Final = "2.16.840.1.113883.2.1.4.1"
_PRACTICE: Final = re.compile(r"[A-Z][0-9]{5}\Z|[A-Z]{2}[0-9]{4}\Z", re.ASCII)
_ORGANISATION: Final = re.compile(r"[A-Z][A-Z0-9]{2}(?:[A-Z0-9]{2,3})?\Z", re.ASCII)
_NOT_IN_A_CODE: Final = re.compile(r"\s")
_NOT_IN_A_URI: Final = re.compile(r"[^A-Za-z0-9._-]+")


def local(kind: str, sender: Sender, name: str) -> str:
    return _local(kind, sender.organisation or sender.source, name)


@lru_cache(4_096)
def _local(kind: str, owner: str, name: str) -> str:
    said = _NOT_IN_A_URI.sub("-", name).strip("-").lower()
    return f"urn:carerecord:{kind}:{owner}" + (f":{said}" if said else "")


def code_system(sender: Sender, name: str) -> str:
    """The URI of a code system; one of the sender's own where nobody else knows the name, "" where none was given."""
    if not name:
        return ""
    own = next((uri for known, uri in sender.systems if known == name), "")
    return (
        own
        or CODES.get(name.upper())
        or (canonical_system(name) if "://" in name and not _NOT_IN_A_CODE.search(name) else local("code", sender, name))
    )


def holding(sender: Sender, uri: str, code: str) -> str:
    """The system, or one of the sender's own for a code without the shape that all codes of that system have: many a laboratory
    names LOINC beside codes of its own.
    """
    shape = _SHAPES.get(uri)
    return uri if shape is None or shape.match(code) else local("code", sender, _SHORT[uri])


def as_named(uri: str) -> str:
    """The system that a sender named, whatever the shape of its code: things are known by it, and had been before shapes were
    looked at.
    """
    return _NAMED.get(uri.rpartition(":")[2], uri) if uri.startswith(_OWN) else uri


def is_nhs(sender: Sender, number: str, authority: str, universal: str, type_: str) -> bool:
    """Whether a CX says that it holds an NHS number: by who gave it or by its type, never by `HN` or ten digits alone.

    Some trusts name the NHS as who gave every number, and tell by the type alone which is their own.
    """
    own = {uri for known, uri in sender.authorities if known in (authority, type_) and known}
    if own:
        return NHS_NUMBER in own
    if _HOSPITALS_TYPES.match(type_.upper()):
        return False
    return authority.upper() in _NHS_AUTHORITIES or universal == _NHS_OID or type_.upper() in _NHS_TYPES


def is_somebodys(number: str) -> bool:
    """A well-formed NHS number that is no stopgap: ten times the same digit agrees with its check digit, and is nobody's."""
    return is_nhs_number(number) and len(set(number) & set("0123456789")) > 1


def number_system(sender: Sender, authority: str, universal: str = "") -> str:
    """Of a local number. An authority of another name than the sender's own gets a system of its own: numbers of two hospitals
    under one system would make two people one. For the same reason the NHS is nobody's register of hospital numbers or visits.
    """
    for name in (authority, universal):
        if known := next((uri for said, uri in sender.authorities if said == name and name), ""):
            return known
    if not authority or authority in (sender.organisation, sender.source) or authority.upper() in _NHS_AUTHORITIES:
        return sender.number_system or local("number", sender, "")
    if _ORGANISATION.match(authority):
        return f"urn:carerecord:number:{authority}"
    return local("number", sender, authority)


def clinician_system(sender: Sender, *names: str) -> str:
    for name in names:
        if known := _CLINICIANS.get(name.upper().replace(" ", "")):
            return known
        if own := next((uri for said, uri in sender.authorities if said == name and name), ""):
            return own
    return local("clinician", sender, next(filter(None, names), ""))


def organisation_system(sender: Sender, code: str, authority: str = "") -> str:
    """ODS where the code has the shape of one for a practice or a trust and nobody says that it is anything else."""
    if authority.upper() in ("ODS", "NACS") or (not authority and (_PRACTICE.match(code) or code == sender.organisation)):
        return ODS_ORGANISATION
    return local("organisation", sender, authority)
