"""What does a MedicationRequest, -Statement, -Dispense or -Administration say about one medicine?"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.dosage import dose_amount, dose_words, frequency_words
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Code, Medicine
from carerecord.fhir.numbers import number
from carerecord.fhir.read.words import Around, Resource, codes_of, extension, first_code, quantity, title_of
from carerecord.fhir.times import when

_KINDS: Final = {
    "MedicationRequest": "order",
    "MedicationStatement": "statement",
    "MedicationDispense": "dispense",
    "MedicationAdministration": "administration",
}
_PAST: Final = frozenset(("completed", "stopped", "cancelled", "entered-in-error", "not-taken", "not-done", "declined"))
# A supply without a stated length is taken to be in use for three months: UK repeats are for 28, 56 or 84 days.
_SUPPLY_DAYS: Final = 84
_COURSES: Final = {"continuous": "repeat", "continuous-repeat-dispensing": "repeat", "repeat": "repeat", "acute": "acute",
                   "repeat-dispensing": "repeat", "delayed-prescribing": "acute"}  # fmt: skip
_SETTINGS: Final = {"inpatient": "hospital", "outpatient": "hospital", "discharge": "hospital"}
# Where the name of the substance ends in a product name: at a strength, or at a word of form.
_STRENGTH: Final = re.compile(r"[\s(,]+[\d.,]+\s*(?:mg|g|micrograms?|mcg|ug|µg|ml|mL|units?|%|mmol|nanograms?|iu)?\b.*", re.I)
_FORMS: Final = re.compile(
    r"\s+(?:(?:modified|prolonged|gastro)[- ](?:release|resistant)|m/r|e/c|oral|dispersible|soluble|effervescent|chewable|"
    r"tablets?|capsules?|caplets?|sachets?|suspension|solution|syrup|cream|ointment|gel|lotion|drops|spray|inhaler|nebuliser|"
    r"patch(?:es)?|pessar(?:y|ies)|suppositor(?:y|ies)|injection|infusion|pre-?filled|powder|lozenges?|mouthwash)\b.*",
    re.IGNORECASE,
)
_ONE_WORD: Final = re.compile(r"([A-Za-z]+) [0-9]+(?:\.[0-9]+)?(?:mg|g|ml|micrograms?)?\b.*")  # most products: settled at once
_DIGIT: Final = re.compile(r"\d")
_LEADING: Final = re.compile(r"^(?:\d+\s*(?:hr|hour)\s+|[\d.]+\s*ml\s+)", re.IGNORECASE)


def read_medicine(
    resource: Resource, type_: str, status: str, beside: Around, now: datetime | None
) -> tuple[Medicine, str, tuple[Code, ...]]:
    """The medicine, its title and its codes.

    Raises:
        Unreadable: it does not say which medicine.
    """
    concept, product = _concept(resource, beside)
    substance = title_of(concept)
    if not substance:
        raise Unreadable("it does not say which medicine")
    element = "dosage" if type_ in ("MedicationStatement", "MedicationAdministration") else "dosageInstruction"
    if type_ == "MedicationAdministration":
        resource = _as_instructions(resource)
    dosages = dicts_in(resource, element)
    first = dosages[0] if dosages else {}
    rates = dicts_in(first, "doseAndRate")
    dose, generated = dose_words(resource, element) if dosages else ("", False)
    timing = dict_in(first, "timing")
    supply = dict_in(resource, "dispenseRequest")
    period = dict_in(resource, "effectivePeriod")
    bounds = dict_in(dict_in(timing, "repeat"), "boundsPeriod")
    ended = text_in(period, "end") or _stopped(resource, status) or text_in(bounds, "end")
    medicine = Medicine(  # in the order of its elements
        _KINDS[type_],
        substance,
        group_of(concept, product),
        dose,
        generated,
        dose_amount(rates[0] if rates else first, short=True) if first else "",
        title_of(product.get("form")) if product else "",
        title_of(first["route"]) if "route" in first else "",
        frequency_words(timing) if timing else "",
        _is_current(resource, type_, status, ended, now),
        _course(resource),
        text_in(period, "start") or text_in(bounds, "start") or _started(resource, type_),
        ended,
        title_of(resource.get("statusReason")) or title_of(resource.get("statusReasonCodeableConcept")),
        _issued(resource, type_),
        quantity(resource.get("quantity")) or (quantity(supply.get("quantity")) if supply else ""),
        title_of(resource.get("reasonCode")) or _reason(resource, beside),
    )
    return medicine, substance, codes_of(concept)


def group_of(concept: Any, product: Resource) -> str:
    """What sources are set side by side by: the substance in lower case, strength and form taken off.

    The virtual therapeutic moiety where an ingredient or a coding names it; else worked out from the product's name.
    It groups for the eye only: nothing is joined, replaced or hidden by it.
    """
    if "ingredient" in product:
        ingredients = [title_of(each.get("itemCodeableConcept")) for each in dicts_in(product, "ingredient")]
        if ingredients and all(ingredients):
            return " and ".join(sorted({bare_name(each) for each in ingredients}))
    for coding in dicts_in(concept, "coding"):
        name = text_in(coding, "display")
        if name and not (_DIGIT.search(name) if name.isascii() else any(character.isdigit() for character in name)):
            return bare_name(name)
    return bare_name(title_of(concept))


def bare_name(product: str) -> str:
    """ "Apixaban 5mg tablets" as "apixaban", "Insulin degludec 100units/ml solution" as "insulin degludec"."""
    product = product.strip()
    if simple := _ONE_WORD.fullmatch(product):
        return simple[1].casefold()
    name = _LEADING.sub("", product) if _DIGIT.match(product) or product[:1] == "." else product
    if name.split(None, 1) != [name] or "(" in name or "," in name:  # one word alone has neither strength nor form
        name = _STRENGTH.sub("", name)
        if name.split(None, 1) != [name]:
            name = _FORMS.sub("", name)
    return (name.strip(" ,-(") or product).casefold()


def _concept(resource: Resource, beside: Around) -> tuple[Any, Resource]:
    concept = resource.get("medicationCodeableConcept")
    if isinstance(concept, dict):
        return concept, {}
    reference = dict_in(resource, "medicationReference")
    product = dict(beside.find(reference))
    if product:
        return product.get("code") or {"text": text_in(reference, "display")}, product
    return {"text": text_in(reference, "display")}, {}


def _as_instructions(resource: Resource) -> Resource:
    """An administration has one dosage with `dose`; written as the others write theirs."""
    dosage = dict_in(resource, "dosage")
    given = {**dosage, "doseAndRate": [{"doseQuantity": dosage["dose"]}]} if isinstance(dosage.get("dose"), dict) else dosage
    return {**resource, "dosage": [given]} if dosage else resource


def _is_current(resource: Resource, type_: str, status: str, ended: str, now: datetime | None) -> bool:
    if type_ == "MedicationDispense":
        if status in _PAST - {"completed"}:
            return False
        handed = when(text_in(resource, "whenHandedOver") or text_in(resource, "whenPrepared"))
        days = number(dict_in(resource, "daysSupply").get("value")) or _SUPPLY_DAYS
        return now is None or handed is None or handed + timedelta(days=min(days, 3_660)) >= now
    if status in _PAST:
        return False
    over = when(ended, end=True) if ended else None
    return over is None or now is None or over >= now


def _course(resource: Resource) -> str:
    if "category" in resource:
        for each in dicts_in(resource, "category"):
            if (code := first_code(each)) in _SETTINGS:
                return _SETTINGS[code]
    if "courseOfTherapyType" in resource:
        course = _COURSES.get(first_code(resource["courseOfTherapyType"]).lower(), "")
        if course:
            return course
    if "extension" not in resource:
        return ""
    kind = title_of(extension(resource, "PrescriptionType-1").get("valueCodeableConcept")).lower()
    if (
        "repeat" in kind
        or extension(resource, "MedicationRepeatInformation")
        or extension(resource, "MedicationRepeatInformation-1")
    ):
        return "repeat"
    return "acute" if "acute" in kind else ""


def _started(resource: Resource, type_: str) -> str:
    if type_ == "MedicationDispense":
        return ""
    return text_in(resource, "authoredOn") or text_in(resource, "effectiveDateTime")


def _issued(resource: Resource, type_: str) -> str:
    if type_ == "MedicationDispense":
        return text_in(resource, "whenHandedOver") or text_in(resource, "whenPrepared")
    if "extension" in resource:
        for name in ("MedicationStatementLastIssueDate", "MedicationStatementLastIssueDate-1"):
            said = extension(resource, name)
            if said:
                return text_in(said, "valueDateTime") or text_in(said, "valueDate")
    if type_ == "MedicationRequest":
        validity = dict_in(dict_in(resource, "dispenseRequest"), "validityPeriod")
        return text_in(validity, "start") or (text_in(resource, "authoredOn") if "basedOn" in resource else "")
    return ""


def _stopped(resource: Resource, status: str) -> str:
    """When the order was ended, where an extension of UK Core or GP Connect says so."""
    if "extension" not in resource:
        return ""
    for each in dicts_in(resource, "extension"):
        url = text_in(each, "url").lower()
        if "statuschanged" in url.replace("-", "") and status in _PAST:
            return text_in(each, "valueDateTime") or text_in(each, "valueDate")
        if "statusreason" in url.replace("-", ""):
            for part in dicts_in(each, "extension"):
                if text_in(part, "url") == "statusChangeDate":
                    return text_in(part, "valueDateTime")
    return ""


def _reason(resource: Resource, beside: Around) -> str:
    if "reasonReference" not in resource:
        return ""
    for reference in dicts_in(resource, "reasonReference"):
        said = text_in(reference, "display") or title_of(beside.find(reference).get("code"))
        if said:
            return said
    return ""
