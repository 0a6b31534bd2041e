"""Which substance is a medicine, for setting sources side by side? By name for the eye; by code where codes say it."""

import re
from typing import Any, Final

from carerecord.fhir.codes import dicts_in, text_in
from carerecord.fhir.facts import Code
from carerecord.fhir.identifiers import DMD, SNOMED
from carerecord.fhir.read.words import Resource, codes_of, title_of

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
_NATIONAL: Final = frozenset((SNOMED, DMD))  # dm+d's codes are SNOMED CT's: one number under either name is one concept
# Codes that stand for any medicine: transfer-degraded entries, "medicinal product", "drug or medicament", "substance".
_NO_ONE: Final = frozenset(
    ("196421000000109", "196461000000101", "763158003", "410942007", "373873005", "105590001", "787481004")
)


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


def same_as(codes: tuple[Code, ...], product: Resource) -> tuple[str, ...]:
    """Codes under which another source's entry is about the same medicine, whatever either calls it: "product|…" for each
    national code of the product, "ingredients|…" for all of its active ingredients together. A brand and its generic meet here,
    and only where a code says so."""
    known = [f"product|{code}" for each in codes if (code := _national(each))]
    if "ingredient" not in product:
        return tuple(known)
    active = [each for each in dicts_in(product, "ingredient") if each.get("isActive") is not False]
    coded = [
        [code for each_code in codes_of(each.get("itemCodeableConcept")) if (code := _national(each_code))] for each in active
    ]
    if coded and all(coded):
        known.append("ingredients|" + "+".join(sorted({each[0] for each in coded})))
    return tuple(known)


def _national(code: Code) -> str:
    return code.code if code.system in _NATIONAL and code.code not in _NO_ONE else ""


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
