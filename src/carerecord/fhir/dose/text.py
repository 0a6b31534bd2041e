"""Which words tell how a medicine is taken: the source's own, or ours? Never both in one line."""

from typing import Any

from msgspec import Struct

from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.dose import amounts
from carerecord.fhir.dose.sentence import in_order, rates_of, sequence_words, text_words
from carerecord.fhir.dose.timing import frequency_words


class Dose(Struct, frozen=True, gc=False):
    """What a resource says of taking its medicine."""

    words: str = ""  # the source's own, verbatim; else ours
    generated: bool = False  # `words` are ours
    rest: str = ""  # ours, for those of its instructions that came without words beside others that had some
    advice: str = ""  # instructions to the patient in the source's own words, where they stand beside its dose text
    amount: str = ""  # of one dose, briefly, where there is one instruction: "5 mg"
    frequency: str = ""


def dose_of(dosages: list[dict[str, Any]]) -> Dose:
    """Texts are given as they are. Ours are made only of what has none, and stand apart from them."""
    if not dosages:
        return Dose()
    if len(dosages) == 1 and (text := text_in(dosages[0], "text")):  # nearly always
        beside = text_words(dosages[0].get("patientInstruction")) or ""
        return Dose(text, False, "", beside if beside != text else "", *_in_parts(dosages))
    dosages = in_order(dosages)
    told = [each for each in dosages if text_in(each, "text")]
    amount, frequency = _in_parts(dosages)
    if not told:
        made = sequence_words(dosages)
        # Instructions to the patient are the source's own words: alone, they are given as such.
        own = [{"patientInstruction": each.get("patientInstruction")} for each in dosages]
        return Dose(made, bool(made) and made != sequence_words(own), "", "", amount, frequency)
    untold = [each for each in dosages if not text_in(each, "text")] if len(told) < len(dosages) else []
    advice = dict.fromkeys(text_words(each.get("patientInstruction")) or "" for each in told)
    words = dict.fromkeys(text_in(each, "text") for each in told)
    return Dose(
        "; ".join(words), False, sequence_words(untold) if untold else "",
        "; ".join(each for each in advice if each and each not in words), amount, frequency,
    )  # fmt: skip


def dose_amount(rate: Any, *, short: bool = False) -> str:
    """The quantity of one dose: "2 tablet", "10 to 20 millilitre" (in full unless `short`); "" where it cannot be said."""
    if not isinstance(rate, dict):
        return ""
    if "doseRange" not in rate and type(single := rate.get("doseQuantity")) is dict:  # nearly always
        return amounts.amount_words(single, brief=short) or ""
    return amounts.dose_words(rate, brief=short) or ""


def _in_parts(dosages: list[dict[str, Any]]) -> tuple[str, str]:
    """Amount and frequency of the only instruction, for setting sources side by side: of several, one alone misleads."""
    if len(dosages) > 1 or dosages[0].get("modifierExtension"):
        return "", ""
    rates = rates_of(dosages[0])
    timing = dict_in(dosages[0], "timing")
    return dose_amount(rates[0], short=True) if len(rates) == 1 else "", (frequency_words(timing) or "") if timing else ""


def dosages_in(resource: dict[str, Any], type_: str) -> list[dict[str, Any]]:
    """The dosages of any of the four kinds of medicine resource, an administration's written as the others write theirs."""
    if type_ == "MedicationAdministration":
        dosage = dict_in(resource, "dosage")
        if not dosage:
            return []
        dose: dict[str, Any] = {element: dosage[element] for element in ("rateRatio", "rateQuantity") if element in dosage}
        if "dose" in dosage:
            dose["doseQuantity"] = dosage["dose"]
        rest = {key: value for key, value in dosage.items() if key not in ("dose", "rateRatio", "rateQuantity")}
        return [{**rest, **({"doseAndRate": [dose]} if dose else {})}]
    return dicts_in(resource, "dosage" if type_ == "MedicationStatement" else "dosageInstruction")
