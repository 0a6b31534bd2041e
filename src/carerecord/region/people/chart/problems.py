"""How are problems, allergies and flags written down?"""

from __future__ import annotations

from datetime import date

from carerecord.region.people.chart.frame import By, Frame, When, said, status
from carerecord.region.people.codes import Term
from carerecord.region.shapes import FhirJson

FLAG_CATEGORIES: dict[str, FhirJson] = {
    "Reasonable adjustment": {
        "coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/England-FlagCategory",
                    "code": "national-reasonable-adjustment-flag", "display": "Reasonable adjustment flag"}],
        "text": "Reasonable adjustment"},
    "Clinical alert": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "clinical",
                    "display": "Clinical"}], "text": "Clinical alert"},
}  # fmt: skip


class Problems(Frame):
    def problem(
        self, term: Term | str, onset: When, *, active: bool = True, diagnosis: bool = False,
        note: str = "", ended: date | None = None, by: By | None = None, encounter: str | None = None,
    ) -> str:  # fmt: skip
        category = "encounter-diagnosis" if diagnosis else "problem-list-item"
        body: FhirJson = {
            "clinicalStatus": status("condition-clinical", "active" if active else "resolved"),
            "verificationStatus": status("condition-ver-status", "confirmed"),
            "category": [status("condition-category", category)],
            "code": self.concept(term),
            "subject": self.me,
            "onsetDateTime": said(onset),
            "recordedDate": said(onset),
            "recorder": self.who(by),
        }
        if ended:
            body["abatementDateTime"] = said(ended)
        if note:
            body["note"] = [{"text": note}]
        if encounter:
            body["encounter"] = {"reference": encounter}
        return self.add("Condition", onset, body)

    def allergy(
        self, term: Term | str, when: When, *, reaction: Term | None = None, severity: str = "",
        clinical: str = "active", verification: str = "confirmed", criticality: str = "", note: str = "",
        by: By | None = None,
    ) -> str:  # fmt: skip
        body: FhirJson = {
            "verificationStatus": status("allergyintolerance-verification", verification),
            "code": self.concept(term),
            "patient": self.me,
            "recordedDate": said(when),
            "recorder": self.who(by),
        }
        if verification != "entered-in-error":
            body["clinicalStatus"] = status("allergyintolerance-clinical", clinical)
        if criticality:
            body["criticality"] = criticality
        if reaction:
            body["type"], body["category"] = "allergy", ["medication"]
            body["reaction"] = [{"manifestation": [self.concept(reaction)]}]
            if severity:
                body["reaction"][0]["severity"] = severity
        if note:
            body["note"] = [{"text": note}]
        return self.add("AllergyIntolerance", when, body)

    def flag(self, text: Term | str, when: When, *, category: str, note: str = "", by: By | None = None) -> str:
        body: FhirJson = {
            "status": "active",
            "category": [FLAG_CATEGORIES.get(category, {"text": category})],
            "code": self.concept(text) if isinstance(text, Term) else {"text": text},
            "subject": self.me,
            "period": {"start": said(when)},
            "author": self.who(by),
        }
        if note:
            body["extension"] = [{"url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-FlagNote",
                                  "valueAnnotation": {"text": note}}]  # fmt: skip
        return self.add("Flag", when, body)
