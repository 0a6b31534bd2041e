"""How are contacts with services written down, and the letters, plans and acts that come of them?"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from carerecord.region.people.chart.frame import HL7, By, Frame, When, coded, instant, said
from carerecord.region.people.codes import SNOMED, Term
from carerecord.region.shapes import FhirJson

PLAN_CODES = {"ReSPECT": "1382601000000107", "DNACPR": "450476008", "Crisis plan": "736253002",
              "End of life care plan": "736373009", "Personalised care and support plan": "2181441000000107",
              "Emergency care plan": "887701000000100", "Advance care plan": "736366004"}  # fmt: skip


class Contacts(Frame):
    def encounter(
        self, what: str, when: When, *, kind: str = "AMB", end: When | None = None, reason: str = "",
        state: str = "finished", by: By | None = None, outcome: str = "",
    ) -> str:  # fmt: skip
        """`kind` is an HL7 v3 ActCode: AMB ambulatory, EMER emergency, IMP in-patient, HH home, VR virtual."""
        body: FhirJson = {
            "status": state,
            "class": {"system": HL7 + "v3-ActCode", "code": kind},
            "type": [{"text": what}],
            "subject": self.me,
            "participant": [{"individual": self.who(by)}],
            "period": {"start": said(when)},
            "serviceProvider": self.organisation,
        }
        if state != "in-progress":
            body["period"]["end"] = said(end or when)
        if reason:
            body["reasonCode"] = [{"text": reason}]
        if outcome:
            body["hospitalization"] = {"dischargeDisposition": {"text": outcome}}
        return self.add("Encounter", end or when, body)

    def letter(self, title: str, text: str, when: When, *, kind: str = "Clinical letter", by: By | None = None) -> str:
        body: FhirJson = {
            "status": "current",
            "docStatus": "final",
            "type": {"text": kind},
            "category": [{"text": "Correspondence"}],
            "subject": self.me,
            "date": instant(when),
            "author": [self.who(by)],
            "custodian": self.organisation,
            "description": title,
            "content": [{"attachment": {
                "contentType": "text/plain; charset=utf-8", "title": title, "creation": instant(when),
                "language": "en-GB", "data": base64.b64encode(text.encode()).decode()}}],
        }  # fmt: skip
        return self.add("DocumentReference", when, body)

    def plan(
        self, title: str, when: When, *, kind: str, text: str, lines: Sequence[str] = (), state: str = "active",
        by: By | None = None, review: date | None = None,
    ) -> str:  # fmt: skip
        """`kind` is what a page groups by: "ReSPECT", "DNACPR", "Advance decision", "Care plan", "Crisis plan"."""
        period: FhirJson = {"start": said(when)}
        if review:
            period["end"] = said(review)
        body: FhirJson = {
            "status": state,
            "intent": "plan",
            "category": [{"coding": [coded(SNOMED, PLAN_CODES[kind], kind)], "text": kind} if kind in PLAN_CODES
                         else {"text": kind}],
            "title": title,
            "description": text,
            "subject": self.me,
            "period": period,
            "created": said(when),
            "author": self.who(by),
            "contributor": [self.organisation],
        }  # fmt: skip
        if lines:
            body["activity"] = [{"detail": {"status": "in-progress", "description": line}} for line in lines]
        return self.add("CarePlan", when, body)

    def immunise(self, vaccine: str, when: date, *, dose: int | None = None, code: str | None = None,
                 target: str = "") -> str:  # fmt: skip
        body: FhirJson = {
            "status": "completed",
            "vaccineCode": self.concept(Term(vaccine, code)),
            "patient": self.me,
            "occurrenceDateTime": said(when),
            "recorded": said(when),
            "primarySource": True,
            "performer": [{"actor": self.who(None)}],
        }
        if dose:
            body["protocolApplied"] = [{"doseNumberPositiveInt": dose}]
            if target:
                body["protocolApplied"][0]["targetDisease"] = [{"text": target}]
        return self.add("Immunization", when, body)

    def procedure(self, term: Term | str, when: When, *, by: By | None = None, note: str = "") -> str:
        body: FhirJson = {
            "status": "completed",
            "code": self.concept(term),
            "subject": self.me,
            "performedDateTime": said(when),
            "performer": [{"actor": self.who(by)}],
        }
        if note:
            body["note"] = [{"text": note}]
        return self.add("Procedure", when, body)

    def appoint(self, what: str, when: datetime, *, state: str = "booked", minutes: int = 20,
                by: By | None = None) -> str:  # fmt: skip
        body: FhirJson = {
            "status": state,
            "description": what,
            "serviceType": [{"text": what}],
            "start": said(when),
            "end": said(when + timedelta(minutes=minutes)),
            "created": said(min(when - timedelta(days=21), self.now - timedelta(days=1))),
            "participant": [
                {"actor": self.me, "status": "accepted"},
                {"actor": self.who(by), "status": "accepted"},
            ],
        }
        return self.add("Appointment", min(when - timedelta(days=21), self.now - timedelta(days=1)), body)

    def refer(self, to: str, why: str, when: When, *, state: str = "active", by: By | None = None) -> str:
        body: FhirJson = {
            "status": state,
            "intent": "order",
            "category": [{"text": "Referral"}],
            "priority": "routine",
            "code": {"text": to},
            "subject": self.me,
            "authoredOn": said(when),
            "requester": self.who(by),
            "reasonCode": [{"text": why}],
        }
        return self.add("ServiceRequest", when, body)
