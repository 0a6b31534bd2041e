"""How does an STU3 dosage become R4: the same words and timing, with dose and rate one level deeper?"""

from typing import Any, Final

from carerecord.fhir.stu3.carry import Element, Rules, Work, plain, same


def _dose_and_rate(name: str) -> Any:
    def rule(work: Work, out: Element, value: Any, path: str) -> None:
        out.setdefault("doseAndRate", [{}])[0][name] = plain(work, value)

    return rule


DOSAGE: Final[Rules] = {
    **same(
        "sequence", "text", "additionalInstruction", "patientInstruction", "timing", "asNeededBoolean", "asNeededCodeableConcept",
        "site", "route", "method", "maxDosePerAdministration", "maxDosePerLifetime", "maxDosePerPeriod",
    ),
    **{name: _dose_and_rate(name) for name in ("doseRange", "doseQuantity", "rateRatio", "rateRange", "rateQuantity")},
}  # fmt: skip
