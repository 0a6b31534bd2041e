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
    "716186003": ("all", "No known allergies"),
    "409137002": ("drug", "No known drug allergies"),
    "428607008": ("other", "No known environmental allergies"),
    "429625007": ("food", "No known food allergies"),
    "428197003": ("other", "No known allergy to insect venom"),
    "1003774007": ("other", "No known allergy to latex"),
}
# ICD-10 (WHO, 2019) Z88, Z91.0 and the T codes of reactions whose cause is not said: to what, for codes that come without words.
_ICD_10: Final = {
    "Z880": "penicillin", "Z881": "another antibiotic", "Z882": "sulfonamides", "Z883": "another anti-infective",
    "Z884": "an anaesthetic", "Z885": "an opioid", "Z886": "an analgesic", "Z887": "a serum or vaccine", "Z888": "another drug",
    "Z889": "a drug that is not named", "Z910": "something that is no drug", "T780": "a food (anaphylaxis)",
    "T781": "a food", "T782": "something not named (anaphylaxis)", "T784": "something not named",
    "T886": "a drug (anaphylaxis)", "T887": "a drug",
}  # fmt: skip
_SYSTEMS: Final = {"icd-10": "ICD-10", "snomed": "SNOMED CT", "rxnorm": "RxNorm", "read": "Read", "ctv3": "Read"}
_OF: Final = {
    "medication": "a medicine",
    "food": "a food",
    "environment": "something in the environment",
    "biologic": "a biological",
}
_SEVERITIES: Final = ("severe", "moderate", "mild")


def read_allergy(resource: Resource) -> tuple[Allergy, str]:
    """The allergy and its title.

    Raises:
        Unreadable: neither a code nor a reaction says to what. Not shown as an allergy of unknown substance in silence:
            the record says that one of this source's allergies cannot be read.
    """
    code = dict_in(resource, "code")
    codes = codes_in(code)
    negative, denied = next((_NEGATIVES[known] for known in _NEGATIVES if known in codes), ("", "")) if codes else ("", "")
    title = title_of(code)
    group = ""
    if not title or title in codes:  # a code alone tells a reader nothing
        bare, title = title, _of_reactions(resource) or denied
        if not title:  # what such a code is called is ours: only the same code is set beside it
            group, title = bare.casefold(), _of_code(resource, bare)
    if not title:
        raise Unreadable("it does not say to what")
    reactions = dicts_in(resource, "reaction")
    severities = {text_in(each, "severity") for each in reactions} if reactions else ()
    allergy = Allergy(
        substance=title,
        group=group or _group(title),
        status=_status(resource),
        negative=negative,
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


def _of_code(resource: Resource, code: str) -> str:
    """What is known where a code came without words: "Allergy to penicillin (ICD-10 Z88.0)"."""
    if not code:
        return ""
    coding = next((each for each in dicts_in(resource.get("code"), "coding") if text_in(each, "code") == code), {})
    system = text_in(coding, "system").lower()
    named = next((name for part, name in _SYSTEMS.items() if part in system), "code")
    what = _ICD_10.get(code.upper().replace(".", "")[:4], "") if named == "ICD-10" else ""
    what = what or next((_OF[each] for each in texts_in(resource, "category") if each in _OF), "")
    return f"Allergy to {what} ({named} {code})" if what else f"Allergy, {named} {code}: its source sent no name"
