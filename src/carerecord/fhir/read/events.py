"""What happened and what is to happen: encounters, appointments, referrals, documents, flags, lists?"""

from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from carerecord.fhir.codes import code_values, codes_in, dict_in, dicts_in, text_in
from carerecord.fhir.facts import Appointment, Document, Encounter, Flag
from carerecord.fhir.labels import ENCOUNTER_KIND
from carerecord.fhir.narrative import plain
from carerecord.fhir.read.results import inline_text
from carerecord.fhir.read.words import Around, Resource, first_code, said_of, title_of
from carerecord.fhir.sections import is_reasonable_adjustment, is_safeguarding
from carerecord.fhir.times import when

_OPEN: Final = frozenset(("in-progress", "arrived", "triaged", "onleave", "active"))
# Words in the type of an encounter that say more than its class: a home visit is class AMB in many systems.
_KIND_BY_WORDS: Final = (
    ("emergency", ("a&e", "emergency department", "emergency dep", "accident and emergency", "casualty")),
    ("ambulance", ("ambulance", "paramedic", "999 call", "conveyed", "see and treat")),
    ("virtual", ("telephone", "video", "virtual", "online")),
    ("home", ("home visit", "domiciliary")),
    ("general practice", ("gp ", "general practi", "surgery consult", "practice nurse")),
    ("community", ("district nurs", "community")),
    ("inpatient", ("inpatient", "in-patient", "admission", "ward")),
    ("outpatient", ("outpatient", "out-patient", "clinic")),
)
_FLAG_KINDS: Final = {"clinical": "clinical", "admin": "administrative", "safety": "safety", "behavioral": "safety",
                      "contact": "administrative", "drug": "clinical", "lab": "clinical", "advance-directive": "clinical",
                      "research": "other", "diet": "clinical"}  # fmt: skip
# GP Connect's area of recalls: what a practice means to do, and has arranged with nobody yet.
DIARY: Final = "714311000000108"
_LONGEST_LETTER: Final = 20_000  # characters
GOES_ON: Final = "… The letter goes on. It stands whole where it was written."
WARNED: Final = {
    "data-in-transit": "transfer not finished, may be incomplete",
    "data-awaiting-filing": "data awaiting filing, may be incomplete",
    "confidential-items": "some items are confidential and not sent",
}


def read_encounter(resource: Resource, type_: str, status: str, beside: Around) -> tuple[Encounter, str]:
    period = dict_in(resource, "period")
    class_ = dict_in(resource, "class")
    kind_words = title_of(resource.get("type")) or title_of(resource.get("serviceType"))
    class_code = text_in(class_, "code")
    kind = _kind(class_code, f"{kind_words} {title_of(class_)}".casefold())
    stay = dict_in(resource, "hospitalization")
    places: list[str] = []
    if "location" in resource:
        been = dicts_in(resource, "location")
        # Where somebody lies now is not told from where they lay by the order of a list.
        now = [each for each in been if each.get("status") == "active"]
        places = [said_of(dict_in(each, "location"), beside) for each in now or been]
    organisation = said_of(resource.get("serviceProvider") or resource.get("managingOrganization"), beside)
    encounter = Encounter(
        kind=kind,
        planned=_planned(resource, class_code, stay),
        place=", ".join(filter(None, (*dict.fromkeys(places), organisation))),
        reason=title_of(resource.get("reasonCode")) or _first_said(resource, "reasonReference", beside)
        or _diagnosis(resource, beside),
        outcome=title_of(stay.get("dischargeDisposition")),
    )  # fmt: skip
    class_words = text_in(class_, "display")  # HL7's own begin with a small letter
    by_kind = "Episode of care" if type_ == "EpisodeOfCare" else f"{kind[:1].upper()}{kind[1:]} contact"
    title = kind_words or class_words[:1].upper() + class_words[1:]
    if title.isdigit():  # a code without words, such as that of a treatment function
        title = f"{by_kind}, {title}"
    encounter = timed(encounter, status, text_in(period, "start"), text_in(period, "end"))
    return encounter, title or by_kind


def timed(encounter: Encounter, status: str, start: str, end: str) -> Encounter:
    """The same encounter, from `start` to `end`."""
    return replace(encounter, started=start, ended=end, in_progress=status in _OPEN and not end)


def read_appointment(resource: Resource, type_: str, beside: Around, now: datetime | None) -> tuple[Appointment, str]:
    if type_ in ("ServiceRequest", "ReferralRequest"):
        period = dict_in(resource, "occurrencePeriod")
        starts = text_in(resource, "occurrenceDateTime") or text_in(period, "start")
        title = title_of(resource.get("code")) or title_of(resource.get("category")) or "Request"
        place = title_of(resource.get("locationCode")) or _first_said(resource, "performer", beside)
        kind = "diary" if DIARY in codes_in(resource.get("category")) else "referral"
        made = Appointment(kind, starts, text_in(period, "end"), place, text_in(resource, "priority"), _future(starts, now))
        return made, title
    starts = text_in(resource, "start")
    place = next(
        (
            said_of(dict_in(each, "actor"), beside)
            for each in dicts_in(resource, "participant")
            if text_in(dict_in(each, "actor"), "reference").startswith(("Location/", "HealthcareService/"))
            or beside.find(dict_in(each, "actor")).get("resourceType") in ("Location", "HealthcareService")
        ),
        "",
    )
    title = (
        title_of(resource.get("serviceType"))
        or text_in(resource, "description")
        or title_of(resource.get("appointmentType"))
        or title_of(resource.get("specialty"))
        or "Appointment"
    )
    return Appointment("appointment", starts, text_in(resource, "end"), place, "", _future(starts, now)), title


def read_document(resource: Resource, type_: str) -> tuple[Document, str]:
    kind = title_of(resource.get("type")) or title_of(resource.get("category")) or "Document"
    contents = dicts_in(resource, "content")
    attachments = [dict_in(each, "attachment") for each in contents] if contents and type_ != "Media" else []
    if type_ == "Media":
        attachments = [dict_in(resource, "content")]
    texts = [inline_text(each) for each in attachments]
    text, chosen = next(
        ((text, each) for text, each in zip(texts, attachments, strict=True) if text), ("", attachments[0] if attachments else {})
    )
    size = chosen.get("size")
    document = Document(
        kind=kind,
        content_type=text_in(chosen, "contentType").split(";")[0],
        text=_words_of_sections(resource) if type_ == "Composition" else text,
        url=text_in(chosen, "url"),
        size_bytes=size if isinstance(size, int) and not isinstance(size, bool) else None,
        format=text_in(dict_in(contents[0], "format"), "display") if contents and type_ != "Media" else "",
    )
    title = text_in(resource, "title") or text_in(resource, "description") or text_in(chosen, "title")
    return document, title or kind


def _words_of_sections(composition: Resource) -> str:
    """A letter in its sections, under their titles; where it is too long for a page, that it goes on."""
    said: list[str] = []
    left = _LONGEST_LETTER
    waiting = dicts_in(composition, "section")[::-1]
    while waiting and left > 0:
        section = waiting.pop()
        within = dicts_in(section, "section")[::-1]
        waiting += within
        words = plain(text_in(dict_in(section, "text"), "div"))
        title = text_in(section, "title") or title_of(section.get("code"))
        if not words and (why := title_of(section.get("emptyReason"))):
            words = f"({why})"
        if words or (title and within):  # "Stopped" above the names of medicines is not left out
            said.append("\n".join(filter(None, (title, words[:left]))))
            left -= len(words)
    return "\n\n".join([*said, GOES_ON] if left < 0 or waiting else said)


def read_flag(resource: Resource, status: str) -> tuple[Flag, str]:
    if is_reasonable_adjustment(resource):
        kind = "reasonable-adjustment"
    elif is_safeguarding(resource):
        kind = "safeguarding"
    else:
        codes = code_values(resource.get("category"))
        kind = next((_FLAG_KINDS[code] for code in sorted(codes) if code in _FLAG_KINDS), "other")
    title = title_of(resource.get("code")) or title_of(resource.get("category")) or "Flag"
    return Flag(kind, status not in ("inactive", "entered-in-error")), title


def list_warning(resource: Resource) -> str:
    """What a GP list warns of ("data in transit"), in words that must be shown; "" without a warning."""
    for each in dicts_in(resource, "extension"):
        if "listwarningcode" in text_in(each, "url").lower().replace("-", ""):
            code = text_in(each, "valueCode") or first_code(each.get("valueCodeableConcept"))
            return WARNED.get(code, code.replace("-", " "))
    return ""


def _kind(class_code: str, words: str) -> str:
    for kind, said in _KIND_BY_WORDS:
        for word in said:
            if word in words:
                return kind
    return ENCOUNTER_KIND.get(class_code, "other")


def _planned(resource: Resource, class_code: str, stay: Resource) -> bool | None:
    if class_code == "EMER":
        return False
    method = ""
    if "extension" in resource or "extension" in stay:
        for each in dicts_in(resource, "extension") + dicts_in(stay, "extension"):
            if "AdmissionMethod" in text_in(each, "url"):
                method = first_code(each.get("valueCodeableConcept"))
    if method:  # NHS Data Dictionary, ADMISSION METHOD: 1x elective, 2x emergency, 3x maternity, 8x other
        return True if method.startswith("1") else False if method.startswith("2") else None
    priority = first_code(resource.get("priority"))
    if priority in ("EM", "UR", "A"):
        return False
    return True if priority in ("EL", "R") or class_code == "PRENC" or "appointment" in resource else None


def _diagnosis(resource: Resource, beside: Around) -> str:
    if "diagnosis" not in resource:
        return ""
    for each in dicts_in(resource, "diagnosis"):
        reference = dict_in(each, "condition")
        if said := text_in(reference, "display") or title_of(beside.find(reference).get("code")):
            return said
    return ""


def _first_said(resource: Resource, element: str, beside: Around) -> str:
    value: Any = resource.get(element)
    if value is None:
        return ""
    for reference in value if isinstance(value, list) else [value]:
        if isinstance(reference, dict) and (
            said := text_in(reference, "display") or title_of(beside.find(reference).get("code")) or said_of(reference, beside)
        ):
            return said
    return ""


def _future(starts: str, now: datetime | None) -> bool | None:
    moment = when(starts) if starts and now else None
    return moment > now if moment and now else None
