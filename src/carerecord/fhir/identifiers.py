"""Which identifiers does a person carry, and is an NHS number well formed?"""

import re
from collections.abc import Iterable, Mapping
from operator import mul
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.errors import NotAnNhsNumber

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
ODS_ORGANISATION: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE: Final = "https://fhir.nhs.uk/Id/ods-site-code"
SDS_USER: Final = "https://fhir.nhs.uk/Id/sds-user-id"
SDS_ROLE_PROFILE: Final = "https://fhir.nhs.uk/Id/sds-role-profile-id"
GMC_NUMBER: Final = "https://fhir.hl7.org.uk/Id/gmc-number"
GMP_NUMBER: Final = "https://fhir.hl7.org.uk/Id/gmp-number"
NMC_NUMBER: Final = "https://fhir.hl7.org.uk/Id/nmc-number"
HCPC_NUMBER: Final = "https://fhir.hl7.org.uk/Id/hcpc-number"
GDC_NUMBER: Final = "https://fhir.hl7.org.uk/Id/gdc-number"
SNOMED: Final = "http://snomed.info/sct"
DMD: Final = "https://dmd.nhs.uk"
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
READ_V2: Final = "http://read.info/readv2"
READ_CTV3: Final = "http://read.info/ctv3"

# Names under which the same systems still arrive: Spine events and older examples (standards digest, section 1).
ALIASES: Final[Mapping[str, str]] = {
    "http://fhir.nhs.net/Id/nhs-number": NHS_NUMBER,
    "https://fhir.nhs.net/Id/nhs-number": NHS_NUMBER,
    "http://fhir.nhs.uk/Id/nhs-number": NHS_NUMBER,
    "urn:oid:2.16.840.1.113883.2.1.4.1": NHS_NUMBER,
    "http://fhir.nhs.net/Id/ods-organization-code": ODS_ORGANISATION,
    "http://fhir.nhs.uk/Id/ods-organization-code": ODS_ORGANISATION,
    "http://fhir.nhs.net/Id/ods-site-code": ODS_SITE,
    "http://fhir.nhs.net/sds-user-id": SDS_USER,
    "http://fhir.nhs.net/Id/sds-user-id": SDS_USER,
    "http://fhir.nhs.net/Id/sds-role-profile-id": SDS_ROLE_PROFILE,
    "https://snomed.info/sct": SNOMED,
    "http://www.snomed.info/sct": SNOMED,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "http://dmd.nhs.uk": DMD,
    "https://dmd.nhs.uk/": DMD,
}

# England's own codes, and what each means in words a clinician would use.
NHS_NUMBER_STATUS: Final[Mapping[str, str]] = {
    "01": "Verified",
    "02": "Present but not traced",
    "03": "Trace required",
    "04": "Trace attempted: no match or several",
    "05": "Trace needs to be resolved: conflict",
    "06": "Trace in progress",
    "07": "Not present and trace not needed",
    "08": "Trace postponed: baby under six weeks",
}
# The UK Core system of the same purpose uses words for its codes.
_STATUS_WORDS: Final[Mapping[str, str]] = {
    "number-present-and-verified": "01",
    "number-present-but-not-traced": "02",
    "trace-required": "03",
    "trace-attempted-no-match-or-multiple-match-found": "04",
    "trace-attempted-no-match": "04",
    "trace-needs-to-be-resolved": "05",
    "trace-in-progress": "06",
    "number-not-present-and-trace-not-required": "07",
    "trace-postponed": "08",
}
_STATUS_EXTENSION: Final = "nhsnumberverificationstatus"

_SEPARATORS: Final = str.maketrans("", "", " -\u00a0\u2007\u2009\u202f\u2010\u2011\u2012\u2013\t")
_NINE: Final = re.compile(r"[0-9]{9}\Z")
_WEIGHTS: Final = tuple(range(10, 1, -1))
_ZEROS: Final = sum(_WEIGHTS) * ord("0")
_TEN: Final = re.compile(r"[0-9]{10}\Z")
_ODS: Final = re.compile(r"[A-Z0-9]{3,12}\Z")


class PersonIdentifier(Struct, frozen=True):
    """One identifier of a person: whose number it is, and how far it is trusted."""

    system: str  # a URI, aliases resolved; "" where the sender gave none
    value: str
    use: str = ""
    status: str = ""  # England NHS number status 01-08; only on NHS numbers
    assigner: str = ""  # ODS code or name of the organisation that gave it, where said
    type: str = ""  # as said by the sender, such as "Medical Record Number"
    ends: str = ""  # period.end as received, where the identifier is no longer in use


def nhs_number(text: str) -> str:
    """Return the ten digits of an NHS number, spaces and hyphens removed.

    The tenth digit must agree with the modulus-11 check of the first nine.
    Being well formed does not mean that the number was ever issued to anyone.

    Raises:
        NotAnNhsNumber: wrong length, a character that is no digit, or a check
            digit that disagrees. The number itself is never in the message.

    Source: NHS Data Dictionary, attribute NHS NUMBER.
    """
    digits = text.translate(_SEPARATORS)
    if not _TEN.match(digits):
        raise NotAnNhsNumber("an NHS number has ten digits")
    if make_nhs_number(digits[:9]) != digits:
        raise NotAnNhsNumber("the check digit does not agree with the other nine")
    return digits


def is_nhs_number(text: str) -> bool:
    try:
        nhs_number(text)
    except NotAnNhsNumber:
        return False
    return True


def spaced(number: str) -> str:
    """Group an NHS number 3 3 4 with single spaces (Common User Interface NUM-0001); anything else stays as it is."""
    digits = number.translate(_SEPARATORS)
    return f"{digits[:3]} {digits[3:6]} {digits[6:]}" if _TEN.match(digits) else number


def make_nhs_number(nine_digits: str) -> str | None:
    """Add the check digit to nine digits; None where no digit fits (one case in eleven).

    Raises:
        NotAnNhsNumber: not nine ASCII digits.
    """
    if not _NINE.match(nine_digits):
        raise NotAnNhsNumber("nine digits are needed to compute a check digit")
    check = 11 - (sum(map(mul, nine_digits.encode("ascii"), _WEIGHTS)) - _ZEROS) % 11
    return None if check == 10 else nine_digits + str(check % 11)


def is_ods_code(text: str) -> bool:
    """Whether `text` has the shape of an ODS code: 3 to 12 capitals and digits. It says nothing of its existence."""
    return bool(_ODS.match(text))


def canonical_system(system: str) -> str:
    """The one URI used here for `system`: legacy and mistaken spellings of the same system become equal."""
    return ALIASES.get(system, system)


def identifiers_of(resource: Mapping[str, Any]) -> tuple[PersonIdentifier, ...]:
    """Every identifier of a Patient (or anything else with `identifier`), in the order sent, malformed ones left out.

    An NHS number comes back as ten digits when it is well formed, and exactly as sent when not (so that a page can
    show it and nobody matches on it: ask `is_nhs_number`). Its status is England's 01-08 whichever of the two code
    systems it arrived in; without one it is "02", present but not traced, never "01".
    """
    found = resource.get("identifier")
    if isinstance(found, dict):  # QuestionnaireResponse and Bundle carry one, not a list
        found = [found]
    if not isinstance(found, list):
        return ()
    return tuple([made for each in found if (made := _identifier(each)) is not None])


def nhs_number_of(resource: Mapping[str, Any]) -> PersonIdentifier | None:
    """The NHS number that the resource carries as current, best verified first; None where none is well formed."""
    return nhs_number_among(identifiers_of(resource))


def nhs_number_among(identifiers: Iterable[PersonIdentifier]) -> PersonIdentifier | None:
    """That one of all that somebody carries."""
    numbers = [i for i in identifiers if i.system == NHS_NUMBER and i.use != "old" and is_nhs_number(i.value)]
    return min(numbers, key=lambda i: (bool(i.ends), i.status), default=None)


def _identifier(raw: Any) -> PersonIdentifier | None:
    if not isinstance(raw, dict):
        return None
    value = raw.get("value")
    if not isinstance(value, str) or not value.strip():
        return None
    system = canonical_system(_text(raw.get("system")))
    status = ""
    if system == NHS_NUMBER:
        digits = value.translate(_SEPARATORS)
        value = digits if is_nhs_number(digits) else value
        status = _verification_status(raw)
    period = raw.get("period")
    kind = raw.get("type")
    return PersonIdentifier(
        system=system,
        value=value.strip(),
        use=_text(raw.get("use")),
        status=status,
        assigner=_assigner(raw.get("assigner")),
        type=_concept_text(kind),
        ends=_text(period.get("end")) if isinstance(period, dict) else "",
    )


def _verification_status(identifier: Mapping[str, Any]) -> str:
    extensions = identifier.get("extension")
    for extension in extensions if isinstance(extensions, list) else ():
        if not isinstance(extension, dict) or _STATUS_EXTENSION not in _text(extension.get("url")).lower():
            continue
        concept = extension.get("valueCodeableConcept")
        codings = concept.get("coding") if isinstance(concept, dict) else [extension.get("valueCoding")]
        for coding in codings if isinstance(codings, list) else ():
            code = _text(coding.get("code")) if isinstance(coding, dict) else ""
            england = code if code in NHS_NUMBER_STATUS else _STATUS_WORDS.get(code.lower(), "")
            if england:
                return england
    return "02"


def _assigner(raw: Any) -> str:
    if not isinstance(raw, dict):
        return ""
    identifier = raw.get("identifier")
    code = _text(identifier.get("value")) if isinstance(identifier, dict) else ""
    return code or _text(raw.get("display"))


def _concept_text(raw: Any) -> str:
    if not isinstance(raw, dict):
        return ""
    codings = raw.get("coding")
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    return _text(raw.get("text")) or _text(first.get("display")) or _text(first.get("code"))


def _text(raw: Any) -> str:
    return raw if isinstance(raw, str) else ""
