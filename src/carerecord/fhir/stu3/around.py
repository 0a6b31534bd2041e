"""What must be known of the whole answer before one resource of it can become R4?"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.read.events import DIARY
from carerecord.fhir.read.results import UNCATEGORISED
from carerecord.fhir.read.words import title_of
from carerecord.fhir.stu3.extensions import named

Resource = dict[str, Any]
_REQUESTS: Final = ("ProcedureRequest", "ReferralRequest")
_REQUEST: Final = re.compile(r"\A(?:ProcedureRequest|ReferralRequest)/")
ACTIVE_ALLERGIES: Final = "886921000000105"
ENDED_ALLERGIES: Final = "1103671000000101"
TOPIC: Final = "25851000000105"
HEADING: Final = "24781000000107"


class Around:
    """Who is referred to by which name, and what lists, plans and reports say of the items that they name."""

    def __init__(self) -> None:
        self.moved: dict[str, str] = {}  # reference as received -> as R4 has it
        self.ended: set[str] = set()  # allergies that a list of ended ones names, and no list of active ones does
        self.course: dict[str, Any] = {}  # plan of a medicine -> its prescription type, the extension as received
        self.laboratory: set[str] = set()  # results that a report with a specimen names
        self.uncategorised: set[str] = set()  # entries that a list of uncategorised data names
        self.diary: set[str] = set()  # requests that a list of diary entries names
        self.problems: dict[str, str] = {}  # problem -> its title
        self.topics: dict[str, list[str]] = {}  # encounter -> its topics, each with its headings, in order

    def to(self, reference: str) -> str:
        found = self.moved.get(reference)
        if found is not None:
            return found
        # An address elsewhere stays: what stands there is still of its old type.
        return _REQUEST.sub("ServiceRequest/", reference) if "Request/" in reference else reference


def requests_renamed(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Two types become one: which reference each request has then, where a referral and a procedure share an id.

    Suppliers number each type from 1.
    """
    names = list(names)
    taken = {id_ for type_, id_ in names if type_ in ("ProcedureRequest", "ServiceRequest")}
    return {
        f"{type_}/{id_}": f"ServiceRequest/{id_}-referral"[: len("ServiceRequest/") + 64]
        for type_, id_ in names
        if type_ == "ReferralRequest" and id_ in taken
    }


def survey(around: Around, resource: Resource) -> None:
    """Learn what one resource of the answer says of others."""
    type_ = resource.get("resourceType")
    if type_ == "List":
        _list(around, resource)
    elif type_ == "Condition":
        around.problems[f"Condition/{text_in(resource, 'id')}"] = title_of(resource.get("code"))
    elif type_ == "MedicationRequest":
        for each in dicts_in(resource, "extension"):
            if named(each.get("url"), "PrescriptionType"):
                around.course[f"MedicationRequest/{text_in(resource, 'id')}"] = each
    elif type_ == "DiagnosticReport" and dicts_in(resource, "specimen"):
        around.laboratory |= set(_references(dicts_in(resource, "result")))


def settle(around: Around, lists: Iterable[Resource]) -> Iterator[None]:
    """Once all has been surveyed: what follows from several lists together, one list a step."""
    by_reference = {f"List/{text_in(each, 'id')}": each for each in lists if text_in(each, "id")}
    for each in lists:
        _spare_active(around, each)
        if TOPIC in codes_in(each.get("code")):
            encounter = text_in(dict_in(each, "encounter"), "reference")
            if encounter and (words := _topic(each, by_reference)):
                around.topics.setdefault(encounter, []).append(words)
        yield


def is_of_ended(list_: Resource) -> bool:
    """Whether a List is one of ended allergies: by its code, or by its title where the code is another."""
    codes = codes_in(list_.get("code"))
    if ENDED_ALLERGIES in codes or any("ended" in code for code in codes):
        return True
    title = text_in(list_, "title").casefold()
    return "allerg" in title and ("ended" in title or "resolved" in title)


def _list(around: Around, list_: Resource) -> None:
    if is_of_ended(list_):
        around.ended |= set(_items(list_))
    elif any(code == UNCATEGORISED or "uncategorised-data" in code for code in codes_in(list_.get("code"))):
        around.uncategorised |= set(_items(list_))
    elif any(code == DIARY or "diary-entries" in code for code in codes_in(list_.get("code"))):
        around.diary |= set(_items(list_))


def _spare_active(around: Around, list_: Resource) -> None:
    """An allergy that the list of active ones names as well keeps its own status: neither list may hide it."""
    if ACTIVE_ALLERGIES in codes_in(list_.get("code")):
        around.ended -= set(_items(list_))


def _topic(topic: Resource, lists: dict[str, Resource]) -> str:
    inside = [lists.get(to, {}) for to in _items(topic)]
    headings = [text_in(each, "title") for each in inside if HEADING in codes_in(each.get("code"))]
    said = ", ".join(dict.fromkeys(filter(None, headings)))
    return ": ".join(filter(None, (text_in(topic, "title"), said)))


def _items(list_: Resource) -> list[str]:
    return _references([dict_in(each, "item") for each in dicts_in(list_, "entry")])


def _references(references: Iterable[Resource]) -> list[str]:
    return [to for each in references if (to := text_in(each, "reference"))]
