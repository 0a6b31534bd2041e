"""How does an STU3 List become R4, and what does it say of its own completeness that must be shown?"""

from typing import Any, Final

from carerecord.fhir.codes import codes_in, dicts_in, text_in
from carerecord.fhir.lists import AREAS, section_of_list
from carerecord.fhir.read.words import first_code, title_of
from carerecord.fhir.stu3.carry import RESOURCE, Element, Rules, Work, carried, same
from carerecord.fhir.stu3.converted import EmptyList, ListWarning
from carerecord.fhir.stu3.extensions import named

LIST: Final[Rules] = {
    **RESOURCE,
    **same(
        "identifier", "status", "mode", "title", "code", "subject", "encounter", "date", "source", "orderedBy", "note", "entry",
        "emptyReason",
    ),
}  # fmt: skip
# What each code means to a reader, where the source's own note does not say it.
MEANINGS: Final = {
    "confidential-items": "Some items are confidential and were not sent.",
    "data-in-transit": "The record is still on its way from another practice: items may be missing.",
    "data-awaiting-filing": "Some data have arrived at the practice and are not filed yet: items may be missing.",
}
NOT_AVAILABLE: Final = "Information not available"


def list_(work: Work, received: Element) -> Element:
    return carried(work, LIST, received, "List", {})


def section_of(received: Element) -> str:
    """The heading that a list belongs to; "other" where nobody can say."""
    return section_of_list(codes_in(received.get("code")))


def area_of(received: Element) -> str:
    """The section of which the list is the whole; "" for a list within an area."""
    return next((AREAS[code] for code in codes_in(received.get("code")) if code in AREAS), "")


def warnings_of(received: Element) -> list[ListWarning]:
    """Every warning code of the list. The note holds the source's own words for all of them together."""
    codes = [
        code
        for each in dicts_in(received, "extension")
        if named(each.get("url"), "ListWarningCode") or text_in(each, "url").endswith("ListWarningCode")
        if (code := text_in(each, "valueCode") or first_code(each.get("valueCodeableConcept")))
    ]
    title, section = _title(received), section_of(received)
    own = "\n".join(_notes(received)) if len(codes) == 1 else ""
    return [ListWarning(section, title, code, own or MEANINGS.get(code, code.replace("-", " "))) for code in codes]


def empty_of(received: Element) -> EmptyList | None:
    """An area without an item; None for a list that has one, and for one within an area."""
    if dicts_in(received, "entry") or not area_of(received):
        return None
    reason = received.get("emptyReason")
    words = "\n".join(_notes(received)) or title_of(reason) or NOT_AVAILABLE
    return EmptyList(section_of(received), _title(received), first_code(reason), words)


def _title(received: Element) -> str:
    return text_in(received, "title") or title_of(received.get("code")) or "List"


def _notes(received: dict[str, Any]) -> list[str]:
    return [text for each in dicts_in(received, "note") if (text := text_in(each, "text"))]
