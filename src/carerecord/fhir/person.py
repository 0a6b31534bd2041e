"""Who does a Patient resource say that this person is? Demographics alone; nothing clinical is read here."""

from typing import Any, Final

from msgspec import Struct

from carerecord.fhir.bundle import parse
from carerecord.fhir.codes import code_values, dict_in, dicts_in, text_in, texts_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Contact, Phone
from carerecord.fhir.identifiers import (
    ODS_ORGANISATION,
    PersonIdentifier,
    canonical_system,
    identifiers_of,
    nhs_number_among,
)
from carerecord.fhir.labels import GENDER
from carerecord.fhir.read.people import contacts_of_patient
from carerecord.fhir.read.words import Resource, extension, phones_of, title_of

_TITLES: Final = frozenset(
    ("mr", "mrs", "miss", "ms", "mx", "dr", "prof", "professor", "sir", "dame", "lord", "lady", "rev", "master")
)
# The order in which a name is believed to be the one to show.
_USES: Final = ("official", "usual", "", "temp", "anonymous")
_TEST_TAGS: Final = frozenset(("HTEST", "test", "test-patient", "TEST"))


class PersonName(Struct, frozen=True):
    family: str
    given: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    use: str = ""  # official | usual | nickname | old | maiden | temp | anonymous | ""
    text: str = ""  # where a source sends only this, the parts are empty
    ends: str = ""


class Address(Struct, frozen=True):
    lines: tuple[str, ...]  # town and county are lines of it, in order
    postcode: str = ""  # upper case, one space before the last three, where it has that shape
    use: str = ""  # home | temp | old | billing | ""
    ends: str = ""


class Practice(Struct, frozen=True):
    ods: str = ""
    name: str = ""


class PersonFacts(Struct, frozen=True):
    """What one source says of who a person is. Dates are FHIR's text as received, with the precision given."""

    id: str
    names: tuple[PersonName, ...] = ()  # the one to show first
    preferred: str = ""  # a nickname the person goes by
    birth_date: str = ""  # "1945-07-14", "1945-07" or "1945"
    gender: str = ""  # male | female | other | unknown | ""
    gender_words: str = ""  # Male, Female, Other Specific, Not Known; "Not Specified" where nothing was sent
    addresses: tuple[Address, ...] = ()  # in use first
    phones: tuple[Phone, ...] = ()
    emails: tuple[str, ...] = ()
    practice: Practice = Practice()
    organisation: Practice = Practice()  # the managing organisation
    deceased: str = ""  # "" alive or not said | "true" | the date or time of death
    death_taken_back: bool = False  # one was recorded of them, and later taken back
    multiple_birth: str = ""  # "" | "true" | the order of birth: "1", "2"
    nhs_number: str = ""  # ten digits, well formed, or ""
    nhs_number_status: str = ""  # England 01 to 08
    identifiers: tuple[PersonIdentifier, ...] = ()
    confidentiality: str = ""  # R restricted, V very restricted, else ""
    invalidated: bool = False  # the register's REDACTED: this number is nobody's
    test: bool = False
    active: bool = True
    replaced_by: tuple[str, ...] = ()  # references of the survivors of a merge
    languages: tuple[str, ...] = ()  # the preferred one first
    interpreter: str = ""  # "needed" | "not needed" | ""
    ethnicity: str = ""
    contacts: tuple[Contact, ...] = ()  # next of kin and the like
    version: str = ""
    last_updated: str = ""

    @property
    def restricted(self) -> bool:
        return self.confidentiality in ("R", "V")

    @property
    def postcode(self) -> str:
        return self.addresses[0].postcode if self.addresses else ""


def person(resource: bytes | Resource) -> PersonFacts:
    """Read a Patient.

    Raises:
        Unreadable: not a Patient, or not well formed. A Patient without a name or number still reads: an unknown man
            in an emergency department is a person.
    """
    parsed = parse(resource) if isinstance(resource, bytes) else resource
    if not isinstance(parsed, dict) or parsed.get("resourceType") != "Patient":
        raise Unreadable("not a Patient")
    identifiers = identifiers_of(parsed)
    number = nhs_number_among(identifiers)
    meta = dict_in(parsed, "meta")
    labels = code_values(dicts_in(meta, "security"))
    names = _names(parsed)
    gender = text_in(parsed, "gender")
    languages, interpreter = _languages(parsed)
    return PersonFacts(
        id=text_in(parsed, "id"),
        names=tuple(name for name in names if name.use != "nickname"),
        preferred=next((_spoken(name) for name in names if name.use == "nickname" and not name.ends), ""),
        birth_date=text_in(parsed, "birthDate"),
        gender=gender,
        gender_words=GENDER.get(gender, "Not Specified"),
        addresses=_addresses(parsed),
        phones=phones_of(parsed),
        emails=tuple(
            text_in(each, "value")
            for each in dicts_in(parsed, "telecom")
            if text_in(each, "system") == "email" and text_in(each, "use") != "old" and text_in(each, "value")
        ),
        practice=_practice(dicts_in(parsed, "generalPractitioner")),
        organisation=_practice(dicts_in(parsed, "managingOrganization")),
        deceased=_deceased(parsed),
        death_taken_back=bool(extension(parsed, "death-taken-back")),
        multiple_birth=_multiple(parsed),
        nhs_number=number.value if number else "",
        nhs_number_status=number.status if number else "",
        identifiers=identifiers,
        confidentiality=next((code for code in ("V", "R") if code in labels), ""),
        invalidated="REDACTED" in labels,
        test=bool(_TEST_TAGS & code_values(dicts_in(meta, "tag"))) or "HTEST" in labels,
        active=parsed.get("active") is not False,
        replaced_by=tuple(
            text_in(dict_in(each, "other"), "reference")
            for each in dicts_in(parsed, "link")
            if text_in(each, "type") == "replaced-by" and text_in(dict_in(each, "other"), "reference")
        ),
        languages=languages,
        interpreter=interpreter,
        ethnicity=title_of(extension(parsed, "EthnicCategory").get("valueCodeableConcept")),
        contacts=contacts_of_patient(parsed),
        version=text_in(meta, "versionId"),
        last_updated=text_in(meta, "lastUpdated"),
    )


def _names(parsed: Resource) -> list[PersonName]:
    found = [_name(each) for each in dicts_in(parsed, "name")]
    found = [name for name in found if name.family or name.given or name.text]
    return sorted(found, key=lambda name: (bool(name.ends), _USES.index(name.use) if name.use in _USES else len(_USES)))


def _name(raw: Resource) -> PersonName:
    given = texts_in(raw, "given")
    prefix = " ".join(texts_in(raw, "prefix"))
    # Some systems file the title as the first given name ("Mr John"); a title is not what a person is called.
    if not prefix and given:
        first, _, rest = given[0].partition(" ")
        if first.rstrip(".").casefold() in _TITLES and (rest or len(given) > 1):
            prefix, given = first, [rest, *given[1:]] if rest else given[1:]
    return PersonName(
        family=text_in(raw, "family"),
        given=tuple(given),
        prefix=prefix,
        suffix=" ".join(texts_in(raw, "suffix")),
        use=text_in(raw, "use"),
        text=text_in(raw, "text"),
        ends=text_in(dict_in(raw, "period"), "end"),
    )


def _spoken(name: PersonName) -> str:
    return " ".join(name.given) or name.text or name.family


def _addresses(parsed: Resource) -> tuple[Address, ...]:
    found = []
    for each in dicts_in(parsed, "address"):
        parts = [*texts_in(each, "line"), text_in(each, "city"), text_in(each, "district"), text_in(each, "state")]
        lines = tuple(part for part in dict.fromkeys(parts) if part)
        postcode = _postcode(text_in(each, "postalCode"))
        if not lines and text_in(each, "text"):
            lines = tuple(part.strip() for part in text_in(each, "text").replace("\n", ",").split(",") if part.strip())
        if lines or postcode:
            ends = text_in(dict_in(each, "period"), "end")
            found.append(Address(lines, postcode, text_in(each, "use"), ends))
    order = {"home": 0, "": 1, "temp": 2, "billing": 3, "old": 9}
    return tuple(sorted(found, key=lambda address: (bool(address.ends), order.get(address.use, 4))))


def _postcode(text: str) -> str:
    squeezed = "".join(text.split()).upper()
    if 5 <= len(squeezed) <= 7 and squeezed.isalnum() and squeezed[-3].isdigit() and not squeezed[-2:].isdigit():
        return f"{squeezed[:-3]} {squeezed[-3:]}"
    return text.strip()


def _practice(references: list[Resource]) -> Practice:
    best = Practice()
    for each in references:
        identifier = dict_in(each, "identifier")
        if canonical_system(text_in(identifier, "system")) == ODS_ORGANISATION:
            return Practice(text_in(identifier, "value"), text_in(each, "display"))
        if not best.name:
            best = Practice("", text_in(each, "display"))
    return best


def _deceased(parsed: Resource) -> str:
    died = text_in(parsed, "deceasedDateTime")
    return died or ("true" if parsed.get("deceasedBoolean") is True else "")


def _multiple(parsed: Resource) -> str:
    order = parsed.get("multipleBirthInteger")
    if isinstance(order, int) and not isinstance(order, bool):
        return str(order)
    return "true" if parsed.get("multipleBirthBoolean") is True else ""


def _languages(parsed: Resource) -> tuple[tuple[str, ...], str]:
    spoken: list[tuple[bool, str]] = []
    interpreter: Any = None
    for each in dicts_in(parsed, "communication"):
        if language := title_of(each.get("language")):
            spoken.append((each.get("preferred") is not True, language))
    for each in dicts_in(parsed, "extension"):
        if "NHSCommunication" in text_in(each, "url"):
            if language := title_of(extension(each, "language").get("valueCodeableConcept")):
                spoken.append((extension(each, "preferred").get("valueBoolean") is not True, language))
            interpreter = extension(each, "interpreterRequired").get("valueBoolean", interpreter)
        elif "interpreterRequired" in text_in(each, "url"):
            interpreter = each.get("valueBoolean", interpreter)
    spoken.sort(key=lambda pair: pair[0])
    words = "" if not isinstance(interpreter, bool) else "needed" if interpreter else "not needed"
    return tuple(dict.fromkeys(language for _, language in spoken)), words
