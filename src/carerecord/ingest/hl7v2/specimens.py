"""How is a specimen, as its SPM says: fit to be examined, rejected and why, a danger to whoever handles it?"""

from collections.abc import Mapping
from typing import Any, Final

from carerecord.ingest.hl7v2 import values
from carerecord.ingest.hl7v2.parse import Segment
from carerecord.ingest.hl7v2.reading import Reading, Resource

REJECTED: Final = "Rejected: "
_HANDLING: Final = "http://hl7.org/fhir/StructureDefinition/specimen-specialHandling"
# HL7's own tables, for a code that comes without words.
_WHY_REJECTED: Final = {  # 0490
    "EX": "expired", "QS": "quantity not sufficient", "RA": "patient number missing", "RB": "broken container", "RC": "clotted",
    "RD": "collection date missing", "RE": "patient name missing", "RH": "haemolysed", "RI": "identification problem",
    "RM": "labelling problem", "RN": "contaminated", "RP": "phlebotomist missing", "RR": "improper storage",
    "RS": "name misspelt",
}  # fmt: skip
_CONDITIONS: Final = {  # 0493
    "AUT": "autolysed", "CFU": "centrifuged", "CLOT": "clotted", "CON": "contaminated", "COOL": "cool", "FROZ": "frozen",
    "HEM": "haemolysed", "LIVE": "live", "ROOM": "room temperature", "SNR": "sample not received",
}  # fmt: skip
_RISKS: Final = {  # 0489
    "AGG": "aggressive", "BHZ": "biohazard", "BIO": "biological hazard", "COR": "corrosive", "ESC": "escape risk",
    "EXP": "explosive", "IFL": "flammable", "INF": "infectious substance", "INJ": "injury hazard", "POI": "poison",
    "RAD": "radioactive",
}  # fmt: skip


def how_it_is(reading: Reading, spm: Segment) -> dict[str, Any]:
    """Facts of a Specimen. Why it was rejected stands with its condition: there every reader of its results meets it."""
    facts: dict[str, Any] = {}
    if method := values.concept(reading, spm.part(7)):
        facts["collection:method"] = method
    risks = _named(reading, spm, 16, "0489", _RISKS)
    if care := [*risks, *_named(reading, spm, 15, "0376", {})]:
        coding = [each for concept in care for each in concept.get("coding", ())]
        made: Resource = {"text": "; ".join(words_of(each) for each in care), **({"coding": coding} if coding else {})}
        facts["collection:extension"] = [{"url": _HANDLING, "valueCodeableConcept": made}]
    rejected = [
        {**each, "text": f"{REJECTED}{words_of(each)}"} for each in _named(reading, spm, 21, "0490", _WHY_REJECTED)
    ]  # fmt: skip
    if conditions := [*rejected, *_named(reading, spm, 24, "0493", _CONDITIONS)]:
        facts["condition"] = conditions
    elif spm.deletes(21) or spm.deletes(24):
        facts["condition"] = None
    available = spm.text(20).upper()
    if rejected:
        facts["status"] = "unsatisfactory"
    elif available in ("Y", "N"):
        facts["status"] = {"Y": "available", "N": "unavailable"}[available]
    elif spm.deletes(21) or spm.deletes(20):
        facts["status"] = None
    return facts


def words_of(concept: Resource) -> str:
    coding = concept.get("coding") or [{}]
    return str(concept.get("text") or coding[0].get("display") or coding[0].get("code") or "")


def _named(reading: Reading, spm: Segment, field: int, number: str, words: Mapping[str, str]) -> list[Resource]:
    """Each repetition, with the words of HL7's table where its sender left them out."""
    found = []
    for part in spm.parts(field):
        if made := values.table(reading, part, number):
            code = part[1].upper()
            found.append(made if "text" in made or code not in words else {**made, "text": words[code]})
    return found
