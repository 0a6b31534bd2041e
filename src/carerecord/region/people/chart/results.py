"""How are results of laboratories and observations at the bedside written down?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from carerecord.region.people.chart.frame import By, Frame, When, instant, said, status
from carerecord.region.people.codes import UCUM, LabTest, Term
from carerecord.region.shapes import FhirJson


class Results(Frame):
    def result(
        self, test: LabTest, value: float, when: When, *, low: float | None = None, high: float | None = None,
        method: str = "", note: str = "", state: str = "final", critical: bool = False,
    ) -> str:  # fmt: skip
        """`critical`: the laboratory marks it as one to be telephoned."""
        low, high = (test.low if low is None else low), (test.high if high is None else high)
        number: float = round(value, test.decimals) if test.decimals else round(value)
        body: FhirJson = {
            "status": state,
            "category": [status("observation-category", "laboratory")],
            "code": self.concept(Term(test.text, test.snomed, test.loinc)),
            "subject": self.me,
            "effectiveDateTime": said(when),
            "issued": instant(when + timedelta(minutes=48) if isinstance(when, datetime) else when),
            "performer": [self.organisation],
            "valueQuantity": {"value": number, "unit": test.unit, "system": UCUM, "code": test.ucum},
        }
        limits: FhirJson = {}
        for edge, limit in (("low", low), ("high", high)):
            if limit is not None:
                limits[edge] = {"value": limit, "unit": test.unit, "system": UCUM, "code": test.ucum}
        if limits:
            body["referenceRange"] = [limits]
            mark = "H" if high is not None and number > high else "L" if low is not None and number < low else "N"
            if critical:
                mark *= 2  # HH and LL are HL7's codes for critically high and low
            body["interpretation"] = [status("v3-ObservationInterpretation", mark)]
        if isinstance(when, datetime) and self.now - when < timedelta(hours=1):
            body["issued"] = said(min(when + timedelta(minutes=3), self.now))
        if method:
            body["method"] = {"text": method}
        if note:
            body["note"] = [{"text": note}]
        return self.add("Observation", when, body)

    def report(self, name: str, when: When, results: Sequence[str], conclusion: str = "", *, category: str = "LAB",
               by: By | None = None) -> str:  # fmt: skip
        body: FhirJson = {
            "status": "final",
            "category": [status("v2-0074", category)],
            "code": {"text": name},
            "subject": self.me,
            "effectiveDateTime": said(when),
            "issued": instant(when),
            "performer": [self.organisation],
            "resultsInterpreter": [self.who(by)],
        }
        if results:
            body["result"] = [{"reference": reference} for reference in results]
        if conclusion:
            body["conclusion"] = conclusion
        return self.add("DiagnosticReport", when, body)

    def observe(
        self, term: Term | str, when: When, value: tuple[float, str, str] | str | None = None, *,
        category: str = "vital-signs", parts: Sequence[tuple[Term, float, str, str]] = (), note: str = "",
        by: By | None = None,
    ) -> str:  # fmt: skip
        """A value is (number, unit, UCUM code), or words."""
        body: FhirJson = {
            "status": "final",
            "category": [status("observation-category", category)],
            "code": self.concept(term),
            "subject": self.me,
            "effectiveDateTime": said(when),
            "performer": [self.who(by)],
        }
        if isinstance(value, str):
            body["valueString"] = value
        elif value:
            body["valueQuantity"] = {"value": value[0], "unit": value[1], "system": UCUM, "code": value[2]}
        if parts:
            body["component"] = [
                {"code": self.concept(part),
                 "valueQuantity": {"value": number, "unit": unit, "system": UCUM, "code": ucum}}
                for part, number, unit, ucum in parts
            ]  # fmt: skip
        if note:
            body["note"] = [{"text": note}]
        return self.add("Observation", when, body)

    def social(self, what: Term | str, value: str, when: When, by: By | None = None) -> str:
        return self.observe(what, when, value, category="social-history", by=by)
