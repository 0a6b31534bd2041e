"""How do HL7's own kinds of value read as FHIR's: coded texts, names, addresses, telephones, clinicians, places, numbers?"""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from carerecord.fhir.identifiers import NHS_NUMBER, UCUM
from carerecord.ingest.hl7v2 import systems
from carerecord.ingest.hl7v2.parse import Part, Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource
from carerecord.ingest.hl7v2.ways import Ways, recurring

ORDER_NUMBERS: Final = {2: "placer-order", 3: "filler-order"}
_LONGEST_NUMBER: Final = 40
_MOST_DIGITS: Final = 18  # what FHIR asks every reader to keep
# Many a laboratory writes 10^9/L and does not escape the ^, which then parts a base from its power: "9/L" is another unit.
_PARTED_BASE: Final = re.compile(r"(?:(?:\A|\D)10|[A-Za-z])\Z")
_PARTED_POWER: Final = re.compile(r"-?\d{1,2}(?:/.*)?\Z")
V2: Final = "http://terminology.hl7.org/CodeSystem/v2-"
_NAME_USES: Final = {"L": "official", "R": "official", "CURRENT": "official", "D": "usual", "B": "maiden", "M": "maiden",
                     "N": "nickname",
                     "A": "usual", "S": "anonymous", "T": "usual", "P": "usual", "I": "official", "C": "old", "NAV": "temp",
                     "PREVIOUS": "old", "OLD": "old", "PREFERRED": "nickname", "BAD": "old"}  # fmt: skip
_ADDRESS_USES: Final = {"H": "home", "HOME": "home", "P": "home", "L": "home", "M": "home", "O": "work", "B": "work",
                        "BA": "old", "C": "temp",
                        "TMP": "temp", "V": "temp"}  # fmt: skip
_WHERE: Final = ("city", "district", "postalCode", "country")
_NOWHERE_TO_FIND_THEM: Final = frozenset(("N", "BDL", "BR", "F", "RH"))  # where somebody was born, or lives for the law
_PHONE_USES: Final = {"PRN": "home", "ORN": "home", "VHN": "temp", "WPN": "work", "ASN": "temp", "EMR": "mobile",
                      "PRS": "mobile", "BPN": "mobile",
                      "HOME": "home", "WORK": "work", "MOBILE": "mobile", "NET": ""}  # fmt: skip
_PHONE_KINDS: Final = {"PH": "phone", "CP": "phone", "FX": "fax", "BP": "pager", "INTERNET": "email", "X.400": "email",
                       "SAT": "phone", "MD": "other",
                       "TDD": "other", "TTY": "other"}  # fmt: skip


@recurring
def concept(ways: Ways, part: Part | None) -> Resource:
    """A CodeableConcept; {} where there is nothing. Its text is the sender's own words."""
    if part is None or part.empty:
        return {}
    out: Resource = {}
    coding = [each for each in (_coding(ways, part, 1), _coding(ways, part, 4)) if each]
    if coding:
        out["coding"] = coding
    text = part.words_in(9) or part.words_in(2) or part.words_in(5)
    if coding and text and _names_nothing(text, coding[0]["code"]):
        text = f"{coding[0]['code']} ({text})" if text.isalnum() else coding[0]["code"]
    if text:
        out["text"] = text
    return out


def _names_nothing(text: str, code: str) -> bool:
    """Whether the name of a code says less than the code: a blood gas analyser calls K+ and Ca++ both "M", for measured."""
    return len(text) == 1 < len(code)


def _coding(ways: Ways, part: Part, start: int) -> Resource:
    if start > part.many:
        return {}
    code, display, system = part.words_in(start), part.words_in(start + 1), part[start + 2]
    if not code:
        return {}
    out = {"code": " ".join(code.split())}
    uri = systems.code_system(ways.sender, system)
    if uri and not ("&" in code and uri.startswith("http")):  # with a suffix of the message's own it is no code of a standard
        out["system"] = systems.holding(ways.sender, uri, out["code"])
    if display:
        out["display"] = display
    return out


def table(reading: Reading, part: Part | None, number: str) -> Resource:
    """A code of one of HL7's own tables as a CodeableConcept, or of the sender's where the text names another."""
    found = concept(reading, part)
    if "coding" not in found:
        return found
    system = f"{V2}{number}"
    coding = [{"system": system, **each} if each["code"].isalnum() else each for each in found["coding"]]
    return {**found, "coding": coding}


def name(part: Part) -> Resource:
    """A HumanName of XPN; {} where it is empty."""
    family, first, middle, junior, prefix, degree = part.first(6)
    use = part[7].upper() if part.peek(7).upper() in _NAME_USES else ""
    family = family or _own_family(part, 1)
    given = [each for each in (first, *middle.split()) if each]
    suffix = [each for each in (junior, degree) if each]
    out: Resource = {}
    if family:
        out["family"] = family
    if given:
        out["given"] = given
    if prefix:
        out["prefix"] = [prefix]
    if suffix:
        out["suffix"] = suffix
    if out and (known := _NAME_USES.get(use)):
        out["use"] = known
    return out


def _own_family(part: Part, component: int) -> str:
    """A surname whose whole is left out, of its parts (FN): "&van&Dijk"; the partner's, where that is all there is."""
    return " ".join(filter(None, (part.sub(component, 2), part.sub(component, 3)))) or part.sub(component, 5)


def address(reading: Reading, part: Part) -> Resource:
    use = part.peek(7).upper()
    if use in _NOWHERE_TO_FIND_THEM:
        return {}
    street, designation, *where = part.first(6)
    apart = [each for each in (part.sub(1, 2), part.sub(1, 3)) if each not in street]  # as its name and number once more
    lines = [each for each in (street, *apart, designation, part[8]) if each]
    out: Resource = {}
    if lines:
        out["line"] = lines
    out |= {element: said for element, said in zip(_WHERE, where, strict=True) if said}
    county = part[9]
    if county:
        out["district"] = ", ".join(filter(None, (out.get("district"), county)))
    if out and use in _ADDRESS_USES:
        out["use"] = _ADDRESS_USES[part[7].upper()]
    if part.many > 12:
        start, end = (reading.time_in(part, at, "an address") for at in (13, 14))
        start, end = reading.in_order(start, end, "an address ends before it begins")
        if out and (start or end):
            out["period"] = {key: said for key, said in (("start", start), ("end", end)) if said}
    return out


def telephone(part: Part, use: str) -> list[Resource]:
    """ContactPoints of XTN: the number as one text, or in parts; and an address of mail beside it."""
    known = part.peek(3).upper()
    kind = _PHONE_KINDS[part[3].upper()] if known in _PHONE_KINDS else "phone"
    used = (_PHONE_USES[part[2].upper()] if part.peek(2).upper() in _PHONE_USES else "") or use
    number = part[1] or part[12] or _in_parts(part)
    if number and part[8]:
        number = f"{number} ext. {part[8]}"
    mail = part[4]
    out = []
    if number:
        is_mail = "@" in number
        if known == "CP":
            used = "mobile"
        out.append({"system": "email" if is_mail else kind if kind != "email" else "phone", "value": number, "use": used})
    if mail and "@" in mail:
        out.append({"system": "email", "value": mail, "use": used if used != "mobile" else "home"})
    elif mail:
        out.append({"system": "other", "value": mail, "use": used})
    return out


def _in_parts(part: Part) -> str:
    """Country, area and number; "" where none of them has a digit, as where the kind of an address of mail slipped there."""
    if not any(each.isdigit() for each in part.peek(5) + part.peek(6) + part.peek(7)):
        return ""
    return " ".join(filter(None, (part[5] and f"+{part[5].lstrip('+')}", part[6], part[7])))


@recurring
def clinician(ways: Ways, part: Part | None) -> Resource:
    """A reference to somebody who works there, by number and name; {} where neither is said."""
    if part is None or part.empty:
        return {}
    in_one = not part.peek(2) and part.sub(1, 2)  # of who read a result, all stands within the first component (OBR-32)
    number, family, given, middle, suffix, prefix = [part.sub(1, at) for at in range(1, 7)] if in_one else part.first(6)
    family = family or ("" if in_one else _own_family(part, 2))
    display = " ".join(filter(None, (prefix, given, middle, family, suffix)))
    out: Resource = {"type": "Practitioner"}
    if number:
        table_, authority, kind = part[8], part[9], part[13]
        out["identifier"] = {"system": systems.clinician_system(ways.sender, kind, authority, table_), "value": number}
    if display:
        out["display"] = display
    return out if len(out) > 1 else {}


def clinicians(reading: Reading, segment: Segment, field: int) -> list[Resource]:
    return [found for part in segment.parts(field) if (found := clinician(reading, part))]


@recurring
def place(ways: Ways, part: Part | None) -> str:
    """A location in words, the innermost last: "St Elsewhere, Main Building, Floor 5, Renal ward, Bay 2, Bed 1"."""
    if part is None or part.empty:
        return ""
    floor = part[8]
    site, building, ward, room, bed = (_place_named(part, component) for component in (4, 7, 1, 2, 3))
    said = (site, building, f"Floor {floor}" if floor.isdigit() else floor, ward, room, bed, part[9])
    return ", ".join(dict.fromkeys(filter(None, said)))


def _place_named(part: Part, component: int) -> str:
    """A name that may have its authority's number beside it ("RENAL&2.16.840&ISO"), which "A&E" has not."""
    return part[component] if part.sub(component, 3) or not part.sub(component, 2).isalpha() else part.words_in(component)


@recurring
def organisation(ways: Ways, part: Part | None) -> Resource:
    """A reference to an organisation by code and name, of XON."""
    if part is None or part.empty:
        return {}
    display, code = part.words_in(1), part[3] or part[10]
    authority = part[6] or part[7]
    out: Resource = {"type": "Organization"}
    if code:
        out["identifier"] = {"system": systems.organisation_system(ways.sender, code, authority), "value": code}
    if display:
        out["display"] = display
    return out if len(out) > 1 else {}


def identifier(reading: Reading, part: Part | None) -> Resource:
    """An Identifier of CX that is no NHS number."""
    if part is None or not (value := part[1]):
        return {}
    out: Resource = {"system": systems.number_system(reading.sender, part[4], part.sub(4, 2)), "value": value}
    if type_ := part[5]:
        is_code = type_.isalnum() and len(type_) <= 4
        out["type"] = {"coding": [{"system": f"{V2}0203", "code": type_}]} if is_code else {"text": type_}
    end = reading.time_in(part, 8, "the end of an identifier")
    if end and not reading.is_still_to_come(end):
        out["period"] = {"end": end}
    return out


def entity(reading: Reading, segment: Segment, field: int, kind: str) -> Resource:
    """An Identifier of EI: a number of an order, a document, an appointment.

    Who gave the number is no number: by that alone things of many people would be one.
    """
    part = segment.part(field)
    if part is None or not (value := part[1]):
        return {}
    return {"system": systems.local(kind, reading.sender, part[2] or part[3]), "value": value}


def number(text: str) -> Decimal | None:
    """A number with the very digits that were sent; None where FHIR could not write it."""
    said = text.strip()
    return _number(said) if len(said) <= _LONGEST_NUMBER else None


@lru_cache(4_096)  # of a test's results few are unlike all others, and of its ranges none
def _number(text: str) -> Decimal | None:
    said = text.removeprefix("+")
    if not said or said[-1] == ".":
        said = said.rstrip(".")
    if said[:1] == ".":
        said = f"0{said}"
    elif said[:2] == "-.":
        said = f"-0{said[1:]}"
    if not said.isascii() or not set(said) <= set("0123456789.-+eE"):
        return None
    try:
        found = Decimal(said)
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found.adjusted()) < _MOST_DIGITS else None


def quantity(digits: str, unit: str, code: str = "", system: str = "") -> Resource:
    """A Quantity; {} where the digits are no number. A sign of "less than" before them is kept as what it is."""
    said, comparator = digits.strip(), ""
    if said[:1] in ("<", ">"):
        comparator = said[:2] if said[1:2] == "=" else said[0]
        said = said.removeprefix(comparator).strip()
    value = number(said)
    if value is None:
        return {}
    out: Resource = {"value": value}
    if comparator:
        out["comparator"] = comparator
    if unit:
        out["unit"] = unit
    if system and code:
        out["system"], out["code"] = system, code
    return out


@recurring
def unit(ways: Ways, part: Part | None) -> tuple[str, str, str]:
    """(words, code, system) of a unit: a system only where it is UCUM, for a code of another is none to compute with."""
    if part is None or part.empty:
        return "", "", ""
    if _PARTED_BASE.search(part.peek(1)) and _PARTED_POWER.match(part.peek(2)):
        return f"{part[1]}^{part[2]}", "", ""
    if systems.code_system(ways.sender, part.peek(3)) == UCUM and part.peek(1):
        return part[2] or part[1], part[1], UCUM if part[3] else ""
    return part[2] or part[1], "", ""


def text_of(segment: Segment, field: int) -> str:
    """A text that may have several lines, one a repetition."""
    parts = segment.parts(field)
    return parts[0].whole if len(parts) == 1 else "\n".join(filter(None, [part.whole for part in parts]))


def is_nhs_system(found: Resource) -> bool:
    return found.get("system") == NHS_NUMBER


Coded = dict[str, Any]
