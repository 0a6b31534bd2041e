"""What does an AllergyIntolerance say: to what, how bad, how sure, and is it perhaps a statement that there is none?"""

from typing import Final

from carerecord.fhir.codes import codes_in, dict_in, dicts_in, text_in, texts_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.facts import Allergy
from carerecord.fhir.labels import CRITICALITY
from carerecord.fhir.read.substances import bare_name
from carerecord.fhir.read.words import Resource, first_code, title_of

# SNOMED CT: a clinician's coded statement that there is no allergy, and of what kind.
_NEGATIVES: Final = {
    "716186003": "all",  # no known allergy
    "409137002": "drug",
    "428607008": "other",  # environmental
    "429625007": "food",
    "428197003": "other",  # insect venom
    "1003774007": "other",  # latex
}
_SEVERITIES: Final = ("severe", "moderate", "mild")


def read_allergy(resource: Resource) -> tuple[Allergy, str]:
    """The allergy and its title.

    Raises:
        Unreadable: neither a code nor a reaction says to what. Not shown as an allergy of unknown substance in silence:
            the record says that one of this source's allergies cannot be read.
    """
    code = dict_in(resource, "code")
    title = title_of(code) or _of_reactions(resource)
    if not title:
        raise Unreadable("it does not say to what")
    reactions = dicts_in(resource, "reaction")
    severities = {text_in(each, "severity") for each in reactions} if reactions else ()
    codes = codes_in(code)
    allergy = Allergy(
        substance=title,
        group=_group(title),
        status=_status(resource),
        negative=next((scope for known, scope in _NEGATIVES.items() if known in codes), "") if codes else "",
        reactions=_manifestations(reactions) if reactions else (),
        severity=next((each for each in _SEVERITIES if each in severities), "") if severities else "",
        criticality=CRITICALITY.get(text_in(resource, "criticality"), ""),
        category=", ".join(texts_in(resource, "category")),
        onset=text_in(resource, "onsetDateTime") or text_in(dict_in(resource, "onsetPeriod"), "start")
        or text_in(resource, "onsetString"),
    )  # fmt: skip
    return allergy, title


def _status(resource: Resource) -> str:
    """One word for two statuses; what takes an allergy away (error, refuted) is looked at first, what doubts it last.

    No clinical status at all counts as active: an allergy is believed until somebody says otherwise.
    """
    verification = first_code(resource.get("verificationStatus"))
    if verification in ("entered-in-error", "refuted"):
        return verification
    clinical = first_code(resource.get("clinicalStatus"))
    if clinical in ("inactive", "resolved"):
        return clinical
    return "unconfirmed" if verification in ("unconfirmed", "presumed") else "active"


def _group(title: str) -> str:
    """ "Allergy to penicillin", "Penicillin allergy (disorder)" and "Penicillin" as "penicillin", for setting side by side."""
    name = title.casefold().split(" (")[0]
    for start in ("allergy to ", "intolerance to ", "adverse reaction to ", "adverse reaction caused by ",
                  "hypersensitivity to ", "h/o: ", "history of "):  # fmt: skip
        name = name.removeprefix(start)
    for end in (" allergy", " intolerance", " adverse reaction", " hypersensitivity", " anaphylaxis"):
        name = name.removesuffix(end)
    return bare_name(name)


def _manifestations(reactions: list[Resource]) -> tuple[str, ...]:
    said = []
    for reaction in reactions:
        named = [title for each in dicts_in(reaction, "manifestation") if (title := title_of(each))]
        said += named or [text_in(reaction, "description")]
    return tuple(dict.fromkeys(filter(None, said)))


def _of_reactions(resource: Resource) -> str:
    return next((title for each in dicts_in(resource, "reaction") if (title := title_of(each.get("substance")))), "")
