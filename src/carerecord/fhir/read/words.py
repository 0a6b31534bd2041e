"""How do the elements that every resource shares read aloud: concepts, names, references, times, amounts?"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.codes import dict_in, dicts_in, text_in, texts_in
from carerecord.fhir.facts import Code, Phone
from carerecord.fhir.identifiers import ALIASES
from carerecord.fhir.narrative import plain
from carerecord.fhir.numbers import number_text
from carerecord.fhir.units import unit_of

Resource = dict[str, Any]
Included = Mapping[str, Mapping[str, Any]]

_DESCRIPTION_DISPLAY: Final = ("codingsctdescdisplay", "coding-sctdescid")  # UK Core; CareConnect nests it one deeper
_LONGEST_NOTE: Final = 4_000


class Around(Struct, frozen=True, gc=False):
    """What may be looked up from inside one resource: what it contains, and what came in the same answer."""

    contained: Mapping[str, Resource]
    included: Included

    def find(self, reference: Mapping[str, Any]) -> Mapping[str, Any]:
        """The resource that is referred to; {} when it did not come along."""
        to = reference.get("reference")
        if not isinstance(to, str) or not to:
            return {}
        if to.startswith("#"):
            return self.contained.get(to[1:], {})
        found = self.included.get(to)
        if found is None and to.count("/") > 1:
            found = self.included.get("/".join(to.split("/")[-2:]))
        return found or {}


_CONTAINS_NOTHING: Final[dict[str, Resource]] = {}


def around(resource: Resource, included: Included) -> Around:
    if "contained" not in resource:
        return Around(_CONTAINS_NOTHING, included)
    contained = {text_in(each, "id"): each for each in dicts_in(resource, "contained")}
    return Around(contained, included)


def title_of(concept: Any) -> str:
    """The words that the clinician chose; "" where the concept has none, not even a code.

    Order of UK Core's guidance on original term text: `text`, then the display of the chosen SNOMED description, then
    `display`, of the coding that the user selected where one is marked so.
    """
    if type(concept) is not dict:
        if type(concept) is list:
            for each in concept:
                if title := title_of(each):
                    return title
        return ""
    text = concept.get("text")
    if type(text) is str and (text := text.strip()):
        return text
    if "coding" not in concept:
        return _title_of_codings([concept])
    codings = concept["coding"]
    if type(codings) is list and len(codings) == 1 and type(coding := codings[0]) is dict and "extension" not in coding:
        return text_in(coding, "display") or text_in(coding, "code")  # by far the most
    return _title_of_codings(dicts_in(concept, "coding"))


def _title_of_codings(all_codings: list[Resource]) -> str:
    chosen = [coding for coding in all_codings if coding.get("userSelected") is True] or all_codings
    for group in (chosen, all_codings):
        for coding in group:
            if "extension" in coding and (words := _description(coding)):
                return words
        for coding in group:
            if display := text_in(coding, "display"):
                return display
    return next((code for coding in all_codings if (code := text_in(coding, "code"))), "")


def _description(holder: Any) -> str:
    for extension in dicts_in(holder, "extension"):
        url = text_in(extension, "url").lower()
        if url.endswith("descriptiondisplay") or any(name in url for name in _DESCRIPTION_DISPLAY):
            if words := text_in(extension, "valueString"):
                return words
            if words := _description(extension):
                return words
    return ""


def codes_of(concept: Any) -> tuple[Code, ...]:
    if type(concept) is not dict or "coding" not in concept:
        return ()
    found = []
    for coding in dicts_in(concept, "coding"):
        code = coding.get("code")
        if type(code) is str and (code := code.strip()):
            system, display = coding.get("system"), coding.get("display")
            system = system.strip() if type(system) is str else ""
            found.append(Code(ALIASES.get(system, system), code, display.strip() if type(display) is str else ""))
    return tuple(found)


def first_code(concept: Any) -> str:
    """`code` of a CodeableConcept's first coding, or of a plain code, or ""."""
    if concept is None:
        return ""
    if isinstance(concept, str):
        return concept
    for coding in dicts_in(concept, "coding"):
        if code := text_in(coding, "code"):
            return code
    return ""


def person_name(name: Mapping[str, Any]) -> str:
    """A HumanName in its natural order: "Dr Asha Patel"."""
    text = text_in(name, "text")
    if text:
        return text
    return " ".join([*texts_in(name, "prefix"), *texts_in(name, "given"), *texts_in(name, "family")])


def name_of(resource: Mapping[str, Any]) -> str:
    """What a Practitioner, Organization, Location, Device or CareTeam is called."""
    name = resource.get("name")
    if isinstance(name, str):
        return name.strip()
    for each in dicts_in(resource, "name"):
        if said := person_name(each):
            return said
    for each in dicts_in(resource, "deviceName"):
        if said := text_in(each, "name"):
            return said
    return title_of(resource.get("type")) if resource.get("resourceType") == "Device" else ""


def said_of(reference: Any, beside: Around) -> str:
    """A reference as a reader may know it: its display, else the name of what it refers to, else its business number."""
    if type(reference) is not dict:
        if type(reference) is list:
            for each in reference:
                if said := said_of(each, beside):
                    return said
        return ""
    display = reference.get("display")
    if type(display) is str and (display := display.strip()):
        return display
    found = beside.find(reference) if "reference" in reference else None
    if found:
        said = name_of(found)
        if not said and found.get("resourceType") == "PractitionerRole":
            role = title_of(found.get("code"))
            who = said_of(found.get("practitioner"), beside)
            said = ", ".join(filter(None, (who, role)))
        if said:
            return said
    return text_in(dict_in(reference, "identifier"), "value") if "identifier" in reference else ""


def organisation_behind(performers: Any, beside: Around) -> str:
    """The organisation for which a referred-to professional acts, where the answer says so."""
    for each in performers if type(performers) is list else (performers,):
        reference = each.get("actor", each) if type(each) is dict else None
        if type(reference) is not dict:
            continue
        if is_organisation(reference, beside):
            return said_of(reference, beside)
        if "reference" not in reference:
            continue
        found = beside.find(reference)
        if found.get("resourceType") == "PractitionerRole" and (said := said_of(found.get("organization"), beside)):
            return said
    return ""


def is_organisation(reference: Any, beside: Around) -> bool:
    if type(reference) is not dict:
        return False
    if "reference" in reference or "type" in reference:
        to = text_in(reference, "reference")
        if (text_in(reference, "type") or to.split("/", 1)[0]) == "Organization":
            return True
        if to and beside.find(reference).get("resourceType") == "Organization":
            return True
    return "identifier" in reference and "ods-organization-code" in text_in(dict_in(reference, "identifier"), "system")


def quantity(value: Any) -> str:
    """A Quantity as read aloud: "< 5 mg/L"; the digits as received."""
    if type(value) is not dict:
        return ""
    digits = number_text(value.get("value"))
    if not digits:
        return ""
    return " ".join(filter(None, (text_in(value, "comparator"), digits, unit_of(value))))


def start_of(value: Any) -> str:
    """The moment in a dateTime or the start (else end) of a Period."""
    if isinstance(value, str):
        return value.strip()
    return text_in(value, "start") or text_in(value, "end")


def first_time(resource: Resource, elements: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """The first of `elements` (name, meaning) that holds a time, as received, with what it means."""
    for element, means in elements:
        if element in resource and (value := resource[element]) and (at := start_of(value)):
            return at, means
    return "", ""


def notes_of(resource: Resource, element: str = "note") -> str:
    """All annotations, oldest first as sent, on one line each."""
    said = [text for each in dicts_in(resource, element) if (text := text_in(each, "text"))]
    return "\n".join(said)[:_LONGEST_NOTE] if said else ""


def note_of_flag(flag: Resource) -> str:
    """UK Core keeps it in an extension."""
    return text_in(dict_in(extension(flag, "FlagNotes") or extension(flag, "FlagNote"), "valueAnnotation"), "text")


def narrative_of(resource: Resource) -> str:
    return plain(text_in(dict_in(resource, "text"), "div"))[:_LONGEST_NOTE]


def phones_of(resource: Mapping[str, Any]) -> tuple[Phone, ...]:
    """Telephone numbers in use, in the order of their rank."""
    found: list[tuple[int, Phone]] = []
    for each in dicts_in(resource, "telecom"):
        number = text_in(each, "value")
        if number and text_in(each, "system") in ("phone", "sms", "pager", "") and text_in(each, "use") != "old":
            rank = each.get("rank")
            found.append((rank if isinstance(rank, int) else 99, Phone(number, _use(each))))
    found.sort(key=lambda pair: pair[0])
    return tuple(phone for _, phone in found)


def _use(telecom: Mapping[str, Any]) -> str:
    system = text_in(telecom, "system")
    return "pager" if system == "pager" else text_in(telecom, "use")


def extension(resource: Any, name: str) -> Resource:
    """The first extension whose address ends in `name`, or {}."""
    if type(resource) is dict and "extension" not in resource:
        return {}
    for each in dicts_in(resource, "extension"):
        if text_in(each, "url").endswith(name):
            return each
    return {}
