"""What does a MedicationRequest, -Statement, -Dispense or -Administration say about one medicine?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.dose.text import dosages_in, dose_of
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Code, Medicine
from carerecord.fhir.numbers import number, number_text
from carerecord.fhir.read.current import Told, standing
from carerecord.fhir.read.substances import group_of, same_as
from carerecord.fhir.read.words import Around, Resource, codes_of, first_code, quantity, title_of
from carerecord.fhir.times import sort_key

_KINDS: Final = {
    "MedicationRequest": "order",
    "MedicationStatement": "statement",
    "MedicationDispense": "dispense",
    "MedicationAdministration": "administration",
}
_ENDED: Final = frozenset(("completed", "stopped", "cancelled", "entered-in-error", "not-taken", "not-done", "declined"))
_COURSES: Final = {"continuous": "repeat", "continuous-repeat-dispensing": "repeat", "repeat": "repeat", "acute": "acute",
                   "repeat-dispensing": "repeat", "delayed-prescribing": "acute", "acute-handwritten": "acute"}  # fmt: skip
_SETTINGS: Final = {"inpatient": "hospital", "outpatient": "hospital", "discharge": "hospital"}
_SAID_BY: Final = {"patientspecified": "by the patient's own account"}


DAYS: Final = ("authoredOn", "effectiveDateTime", "whenHandedOver", "whenPrepared", "dateAsserted")  # that `dated` looks at


class Course(Struct, frozen=True, gc=False):
    """What a resource says of a medicine, its own days apart: all but `started`, `issued` and how it stands by now."""

    medicine: Medicine
    codes: tuple[Code, ...]
    type: str
    status: str
    intent: str
    course: str  # repeat | acute | ""
    in_stay: bool
    expires: str
    lasts_days: float | None
    begins: str  # when its taking or its first step begins
    issued: str  # where a part of it says so that is no day of its own
    issued_as_written: bool  # else the day on which it was written is when it was issued


def course_of(resource: Resource, type_: str, status: str, beside: Around) -> Course:
    """What does not change from one of its issues to the next.

    Raises:
        Unreadable: it does not say which medicine.
    """
    concept, product = _concept(resource, beside)
    substance = title_of(concept)
    if not substance:
        raise Unreadable("it does not say which medicine")
    told = _extensions(resource)
    dosages = dosages_in(resource, type_)
    dose = dose_of(dosages)
    supply = dict_in(resource, "dispenseRequest")
    valid = dict_in(supply, "validityPeriod")
    period = dict_in(resource, "effectivePeriod") if "effectivePeriod" in resource else {}
    course, setting = _course(resource, told), _setting(resource)
    bounds = _bounds(dosages)
    kind = "issue" if _is_issue(resource, type_) else _KINDS[type_]
    first, codes = dosages[0] if dosages else {}, codes_of(concept)
    medicine = Medicine(  # in the order of its elements
        kind,
        substance,
        group_of(concept, product),
        dose.words,
        dose.generated,
        dose.amount,
        title_of(product.get("form")) if product else "",
        title_of(first["route"]) if "route" in first else "",
        dose.frequency,
        True,
        _SETTINGS.get(setting, "") or course,
        "",
        text_in(period, "end") or _stopped(told, status) or _last_end(bounds),
        title_of(resource.get("statusReason")) or title_of(resource.get("statusReasonCodeableConcept")) or _why(told, status),
        "",
        _amount(resource.get("quantity")) or _amount(supply.get("quantity")),
        title_of(resource.get("reasonCode")) or _reason(resource, beside),
        dose.rest,
        dose.advice,
        False,
        "",
        _prescribed(setting, told),
        same_as(codes, product),
        tuple(_orders(resource)),
    )
    last = told.get("lastissuedate")
    issued = text_in(last, "valueDateTime") or text_in(last, "valueDate") if last else ""
    ordered = kind in ("order", "issue") and not last
    return Course(
        medicine, codes, type_, status, text_in(resource, "intent"), course, setting == "inpatient", text_in(valid, "end"),
        _days(resource.get("daysSupply") if kind == "dispense" else supply.get("expectedSupplyDuration")),
        text_in(period, "start") or _first_start(bounds),
        issued or (text_in(valid, "start") if ordered else ""),
        ordered and (kind == "issue" or "basedOn" in resource),
    )  # fmt: skip


def dated(course: Course, days: Mapping[str, Any], now: datetime | None) -> Medicine:
    """The medicine with its own days, which stand in `days` by FHIR's names: a resource, or that much of one."""
    of, m = course, course.medicine
    if m.kind == "dispense":
        issued = text_in(days, "whenHandedOver") or text_in(days, "whenPrepared")
    else:
        issued = of.issued or (text_in(days, "authoredOn") if of.issued_as_written else "")
    started = of.begins
    if not started and of.type != "MedicationDispense":
        started = text_in(days, "authoredOn") or text_in(days, "effectiveDateTime")
    is_to = standing(
        Told(m.kind, of.status, of.intent, of.course, of.in_stay, started, m.ended, of.expires, issued,
             text_in(days, "dateAsserted"), of.lasts_days),
        now,
    )  # fmt: skip
    return Medicine(
        m.kind, m.substance, m.group, m.dose, m.dose_generated, m.amount, m.form, m.route, m.frequency, is_to.current, m.course,
        started, m.ended, m.stopped_reason, issued, m.quantity, m.reason, m.dose_rest, m.advice, is_to.unsure, is_to.because,
        m.prescribed, m.same_as, m.orders, is_to.stale,
    )  # fmt: skip


def _concept(resource: Resource, beside: Around) -> tuple[Any, Resource]:
    concept = resource.get("medicationCodeableConcept")
    if isinstance(concept, dict):
        return concept, {}
    reference = dict_in(resource, "medicationReference")
    product = dict(beside.find(reference))
    if product:
        return product.get("code") or {"text": text_in(reference, "display")}, product
    return {"text": text_in(reference, "display")}, {}


def _extensions(resource: Resource) -> dict[str, Resource]:
    """Extensions by the part of their name that UK Core and CareConnect share: "lastissuedate", "statusreason"."""
    if "extension" not in resource:
        return {}
    found: dict[str, Resource] = {}
    for each in dicts_in(resource, "extension"):
        url = text_in(each, "url").lower().replace("-", "")
        for name in _NAMES:
            if name in url:
                found.setdefault(name, each)
    return found


_NAMES: Final = (
    "lastissuedate", "prescriptiontype", "repeatinformation", "statusreason", "statuschanged", "prescribingagency",
    "prescribingorganizationtype",
)  # fmt: skip


def _is_issue(resource: Resource, type_: str) -> bool:
    """An order made under another one is one issue of it: GP Connect's `intent` of order, based on a plan."""
    if type_ != "MedicationRequest" or "basedOn" not in resource or text_in(resource, "intent") == "plan":
        return False
    return bool(_orders(resource))


def _setting(resource: Resource) -> str:
    category = resource.get("category")
    if category is None:
        return ""
    for each in category if isinstance(category, list) else (category,):
        code = first_code(each) if isinstance(each, dict) else ""
        if code in _SETTINGS or code in _SAID_BY:
            return code
    return ""


def _course(resource: Resource, told: dict[str, Resource]) -> str:
    """Whether it is repeated."""
    if "courseOfTherapyType" in resource:
        course = _COURSES.get(first_code(resource["courseOfTherapyType"]).lower(), "")
        if course:
            return course
    if not told:
        return ""
    kind = told.get("prescriptiontype", {}).get("valueCodeableConcept")
    if course := _COURSES.get(first_code(kind).lower(), "") if isinstance(kind, dict) else "":
        return course
    said = title_of(kind).lower()
    if "repeat" in said or "repeatinformation" in told:
        return "repeat"
    return "acute" if "acute" in said else ""


def _orders(resource: Resource) -> list[str]:
    """The orders on which it is based, each as "MedicationRequest/id"."""
    if "basedOn" not in resource:
        return []
    at = [text_in(each, "reference").rpartition("MedicationRequest/") for each in dicts_in(resource, "basedOn")]
    return [f"{type_}{id_}" for _, type_, id_ in at if type_ and id_]


def _bounds(dosages: list[Resource]) -> list[Resource]:
    """The period of each step."""
    return [dict_in(dict_in(dict_in(each, "timing"), "repeat"), "boundsPeriod") for each in dosages]


def _last_end(bounds: list[Resource]) -> str:
    """The end of its last step; "" when any step has none."""
    if not any(bounds):
        return ""
    ends = [text_in(each, "end") for each in bounds]
    return max(ends, key=sort_key) if all(ends) else ""


def _first_start(bounds: list[Resource]) -> str:
    if not any(bounds):
        return ""
    return min(filter(None, [text_in(each, "start") for each in bounds]), key=sort_key, default="")


def _stopped(told: dict[str, Resource], status: str) -> str:
    """When it was ended, where an extension of UK Core or GP Connect says so."""
    if not told or status not in _ENDED:
        return ""
    changed = told.get("statuschanged", {})
    if said := text_in(changed, "valueDateTime") or text_in(changed, "valueDate"):
        return said
    return text_in(_part(told, "statusChangeDate"), "valueDateTime")


def _why(told: dict[str, Resource], status: str) -> str:
    if "statusreason" not in told or status not in _ENDED:
        return ""
    part = _part(told, "statusReason")
    return title_of(part.get("valueCodeableConcept")) or text_in(part, "valueString")


def _part(told: dict[str, Resource], url: str) -> Resource:
    return next((each for each in dicts_in(told.get("statusreason", {}), "extension") if text_in(each, "url") == url), {})


def _prescribed(setting: str, told: dict[str, Resource]) -> str:
    """Who prescribed it, where its source says so."""
    for name in ("prescribingagency", "prescribingorganizationtype") if told else ():
        if said := title_of(told.get(name, {}).get("valueCodeableConcept")):
            return said[:1].lower() + said[1:]
    return _SAID_BY.get(setting, "")


def _days(duration: Any) -> float | None:
    return number(duration.get("value")) if isinstance(duration, dict) and duration.get("code", "d") in ("d", "day") else None


def _amount(value: Any) -> str:
    """A quantity as a label says it: "56 tablet"; GP Connect writes the unit, or all of it, as text."""
    if not isinstance(value, dict):
        return ""
    if "extension" not in value:
        return quantity(value)
    texts = [text_in(each, "valueString") for each in dicts_in(value, "extension")
             if "quantitytext" in text_in(each, "url").lower()]  # fmt: skip
    said = next(filter(None, texts), "")
    if not said or text_in(value, "unit"):
        return quantity(value) or said
    count = number_text(value.get("value"))
    return said if not count or said[:1].isdigit() else f"{count} {said}"


def _reason(resource: Resource, beside: Around) -> str:
    if "reasonReference" not in resource:
        return ""
    for reference in dicts_in(resource, "reasonReference"):
        said = text_in(reference, "display") or title_of(beside.find(reference).get("code"))
        if said:
            return said
    return ""
