"""Is every value of an answer found in what became of it, or named as not carried?"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from carerecord.fhir.bundle import Bundle, parse
from carerecord.fhir.stu3 import Converted
from carerecord.fhir.stu3.extensions import DESCRIPTION, RENAMED, named
from carerecord.fhir.stu3.requests import STATUSES
from carerecord.fhir.stu3.systems import system

Leaf = tuple[str, str]  # path without indexes, value with its kind

# Extensions that are elements in R4 (or several plain extensions): their address is gone, what they held is not.
_BECAME_ELEMENTS = ("DateRecorded", "PrescriptionType", "MedicationStatusReason")
_PARTS_OF_THOSE = {"statusreason", "statuschangedate", "descriptionid", "descriptiondisplay"}
_SAID_BY_THE_ELEMENT = {"has-member", "derived-from", "sequel-to", "replaces"}  # Observation.related.type
_SAME_MEANING = {**STATUSES, "ProcedureRequest": "ServiceRequest", "ReferralRequest": "ServiceRequest"}


def leaves(value: Any, path: str) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, f"{type(value).__name__} {value}"


def pairs(bundle: Bundle, converted: Converted) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each resource received beside what became of it. Both are in the same order, allergies of a list before the list."""
    made = iter(converted.resources)
    unread = {(each.type, each.id) for each in converted.unread}
    for entry in bundle.entries:
        if (entry.type, entry.id) in unread:
            continue
        received = parse(entry.raw)
        if any(each.path == entry.type and entry.id in each.ids for each in converted.not_carried):
            continue
        inner = received.get("contained") if entry.type == "List" else None
        lifted = [each for each in inner or () if each.get("resourceType") == "AllergyIntolerance"]
        for each in lifted:
            yield each, next(made)
        if lifted:
            received["contained"] = [each for each in inner or () if each not in lifted]
        yield received, next(made)
    assert next(made, None) is None, "a resource that nobody sent"


def unaccounted(bundle: Bundle, converted: Converted) -> list[Leaf]:
    """Values that are neither in their own resource, as often as they were sent, nor under a path that is named."""
    missing = []
    for received, made in pairs(bundle, converted):
        type_, id_ = received["resourceType"], received.get("id", "")
        named_ = {each.path for each in converted.not_carried if each.type == type_ and id_ in each.ids}
        left = Counter(value for _, value in leaves(made, ""))
        for path, value in leaves(received, type_):
            if any(path == each or path.startswith(f"{each}.") for each in named_):
                continue
            kind, _, text = value.partition(" ")
            for form in _forms(path, text):
                if left[f"{kind} {form}"] > 0:
                    left[f"{kind} {form}"] -= 1
                    break
            else:
                if not _is_structure(path, text):
                    missing.append((path, value))
    return missing


def _forms(path: str, text: str) -> Iterator[str]:
    yield text
    yield system(text)
    yield RENAMED.get(text, text)
    if path.endswith(".reference"):
        yield re.sub("(ProcedureRequest|ReferralRequest)/", "ServiceRequest/", text)
        yield f"{re.sub('ReferralRequest/', 'ServiceRequest/', text)}-referral"
        yield text.replace("#", "AllergyIntolerance/")
    if path.endswith(".id"):
        yield f"{text}-referral"
        yield f"{text}-ended"
    if text in _SAME_MEANING:
        yield _SAME_MEANING[text]


def _is_structure(path: str, text: str) -> bool:
    if path.endswith(".url") and "extension" in path:
        return text in DESCRIPTION or named(text, *_BECAME_ELEMENTS) or text.lower() in _PARTS_OF_THOSE
    return path.endswith("related.type") and text in _SAID_BY_THE_ELEMENT
