"""How does one system write down what it knows about one person?

A Chart is filled by a story, line by line, and then closed into a Holding. It knows the system's own identifiers and the
shape of UK Core R4; it knows no medicine and no person.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from carerecord.region.organisations import ORGANISATION_BY_ODS
from carerecord.region.people.codes import LOINC, ROUTES, SNOMED, SUBSTANCES, UCUM, Drug, LabTest, Term
from carerecord.region.shapes import FhirJson, Holding, System

LONDON = ZoneInfo("Europe/London")
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/"
HL7 = "http://terminology.hl7.org/CodeSystem/"

When = date | datetime

PLAN_CODES = {"ReSPECT": "1382601000000107", "DNACPR": "450476008", "Crisis plan": "736253002",
              "End of life care plan": "736373009", "Personalised care and support plan": "2181441000000107",
              "Emergency care plan": "887701000000100", "Advance care plan": "736366004"}  # fmt: skip
FLAG_CATEGORIES: dict[str, FhirJson] = {
    "Reasonable adjustment": {
        "coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/England-FlagCategory",
                    "code": "national-reasonable-adjustment-flag", "display": "Reasonable adjustment flag"}],
        "text": "Reasonable adjustment"},
    "Clinical alert": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "clinical",
                    "display": "Clinical"}], "text": "Clinical alert"},
}  # fmt: skip


def said(when: When) -> str:
    """A FHIR date, or an instant to the second in London's time."""
    if isinstance(when, datetime):
        return when.astimezone(LONDON).isoformat(timespec="seconds")
    return when.isoformat()


def instant(when: When) -> str:
    if isinstance(when, datetime):
        return said(when)
    return datetime(when.year, when.month, when.day, 9, tzinfo=LONDON).isoformat(timespec="seconds")


def coded(system: str, code: str, display: str) -> FhirJson:
    return {"system": system, "code": code, "display": display}


def status(system: str, code: str) -> FhirJson:
    return {"coding": [{"system": HL7 + system, "code": code}]}


def medicine_name(resource: FhirJson) -> str:
    """The product or substance that a medicine of this region names."""
    concept = resource.get("medicationCodeableConcept") or resource["contained"][0]["code"]
    return str(concept["text"])


def _plain(number: float) -> float:
    """5, not 5.0: the noughts of a decimal are part of what FHIR says."""
    return int(number) if number == int(number) else number


def _slug(words: str) -> str:
    return words.lower().replace(" ", "-")[:60]


@dataclass(frozen=True)
class By:
    """Who wrote it: "Dr A Osei", and in which post."""

    name: str
    job: str = ""
    phone: str = ""


@dataclass
class Chart:
    system: System
    patient_id: str
    local_number: str
    person: str
    by: By
    now: datetime
    resources: list[FhirJson] = field(default_factory=list)

    def holding(self) -> Holding:
        return Holding(self.system.key, self.patient_id, self.local_number, self.person, tuple(self.resources))

    # --- the frame that every entry shares

    def add(self, kind: str, when: When, body: dict[str, Any], profile: bool = True) -> str:
        """Write one entry; return its reference."""
        number = len(self.resources)
        meta: FhirJson = {"versionId": "1", "lastUpdated": min(instant(when), instant(self.now))}
        if profile:
            meta["profile"] = [f"{UK_CORE}UKCore-{kind}"]
        identity = {"system": f"https://{self.system.key}.region.example/Id/{kind}",
                    "value": f"{self.local_number}/{number:03d}"}  # fmt: skip
        resource: FhirJson = {"resourceType": kind, "id": f"{self.patient_id}-{number:03d}", "meta": meta}
        resource["identifier"] = [identity]
        resource.update(body)
        self.resources.append(resource)
        return f"{kind}/{resource['id']}"

    @property
    def me(self) -> FhirJson:
        return {"reference": f"Patient/{self.patient_id}"}

    @property
    def organisation(self) -> FhirJson:
        body = ORGANISATION_BY_ODS[self.system.ods]
        name = body.name if self.system.kind == "gp" else self.system.name
        return {"identifier": {"system": ODS, "value": body.ods}, "display": name}

    def who(self, by: By | None) -> FhirJson:
        by = by or self.by
        return {"type": "Practitioner", "display": f"{by.name}, {by.job}" if by.job else by.name}

    def concept(self, term: Term | str) -> FhirJson:
        """The system's way to name a thing: the SNOMED code where it is known, else a code of its own."""
        if isinstance(term, str):
            return {"text": term}
        if term.code is None and term.loinc is None:
            return {"coding": [coded(self._own("local"), _slug(term.text), term.text)], "text": term.text}
        codings = [coded(SNOMED, term.code, term.text)] if term.code else []
        if term.loinc:
            codings.append(coded(LOINC, term.loinc, term.text))
        return {"coding": codings, "text": term.text}

    # --- problems, allergies, flags

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

    # --- medicines

    def drug(self, drug: Drug) -> FhirJson:
        """Practices and pharmacies name the product, as dm+d does; the others prescribe a substance, a form and a dose."""
        if self.system.kind in ("gp", "pharmacy"):
            system, code = (SNOMED, drug.code) if drug.code else (self._own("drug"), _slug(drug.name))
            return {"medicationCodeableConcept": {"coding": [coded(system, code, drug.name)], "text": drug.name}}
        known = SUBSTANCES.get(drug.substance)
        substance: FhirJson = {"text": drug.substance}
        if known:
            substance["coding"] = [coded(SNOMED, known, drug.substance)]
        own = {"coding": [coded(self._own("drug"), _slug(drug.substance), drug.substance)], "text": drug.substance}
        medication = {"resourceType": "Medication", "id": "medicine", "code": own, "form": {"text": drug.form},
                      "ingredient": [{"itemCodeableConcept": substance, "isActive": True}]}  # fmt: skip
        return {"contained": [medication],
                "medicationReference": {"reference": "#medicine", "display": drug.substance}}  # fmt: skip

    def _own(self, name: str) -> str:
        return f"https://{self.system.key}.region.example/CodeSystem/{name}"

    def dosage(self, drug: Drug, text: str, dose: tuple[float, str] | None, times: tuple[int, int, str] | None,
               as_needed: bool = False) -> FhirJson:  # fmt: skip
        """`times` is (how often, in how many, of which unit): (2, 1, "d") is twice a day."""
        line: FhirJson = {"text": text, "route": {"coding": [coded(SNOMED, ROUTES[drug.route], drug.route)],
                                                  "text": drug.route}}  # fmt: skip
        if times:
            line["timing"] = {"repeat": {"frequency": times[0], "period": times[1], "periodUnit": times[2]}}
        if dose:
            line["doseAndRate"] = [{"doseQuantity": {"value": _plain(dose[0]), "unit": dose[1]}}]
            if dose[1] in ("mg", "g"):
                line["doseAndRate"][0]["doseQuantity"].update(system=UCUM, code=dose[1])
        if as_needed:
            line["asNeededBoolean"] = True
        return line

    def prescribe(
        self, drug: Drug, text: str, when: When, *, dose: tuple[float, str] | None = None,
        times: tuple[int, int, str] | None = None, state: str = "active", repeat: bool = True, why: str = "",
        issued: date | None = None, stopped: When | None = None, reason: str | None = None, by: By | None = None,
        as_needed: bool = False, setting: str = "", note: str = "",
    ) -> str:  # fmt: skip
        """A MedicationRequest. `reason` refers to the Condition that it is for; `why` says why it was stopped."""
        body: FhirJson = {
            "status": state,
            "intent": "order",
            "category": [status("medicationrequest-category", setting or ("community" if repeat else "discharge"))],
            **self.drug(drug),
            "subject": self.me,
            "authoredOn": said(when),
            "requester": self.who(by),
            "dosageInstruction": [self.dosage(drug, text, dose, times, as_needed)],
            "dispenseRequest": {"quantity": {"value": drug.pack, "unit": drug.form}},
            "substitution": {"allowedBoolean": True},
        }
        if repeat:
            repeats: FhirJson = {"url": f"{UK_CORE}Extension-UKCore-MedicationRepeatInformation", "extension": [
                {"url": "numberOfPrescriptionsIssued", "valueUnsignedInt": 11}]}  # fmt: skip
            body["extension"] = [repeats]
            body["courseOfTherapyType"] = status("medicationrequest-course-of-therapy", "continuous")
        if issued:
            body["dispenseRequest"]["validityPeriod"] = {"start": said(issued)}
            body["dispenseRequest"]["expectedSupplyDuration"] = {
                "value": 28, "unit": "day", "system": UCUM, "code": "d"}  # fmt: skip
        if stopped:
            body["extension"] = [*body.get("extension", []), {
                "url": f"{UK_CORE}Extension-UKCore-MedicationRequest-StatusChanged-Date",
                "valueDateTime": said(stopped)}]  # fmt: skip
        if why:
            body["statusReason"] = {"text": why}
        if reason:
            body["reasonReference"] = [{"reference": reason}]
        if note:
            body["note"] = [{"text": note}]
        return self.add("MedicationRequest", stopped or issued or when, body)

    def takes(
        self, drug: Drug, text: str, since: When, *, dose: tuple[float, str] | None = None,
        times: tuple[int, int, str] | None = None, asserted: When | None = None, reason: str | None = None,
        by: By | None = None, note: str = "",
    ) -> str:  # fmt: skip
        """A MedicationStatement: said to be taken, as a letter or a clinic list says it."""
        body: FhirJson = {
            "status": "active",
            **self.drug(drug),
            "subject": self.me,
            "effectivePeriod": {"start": said(since)},
            "dateAsserted": said(asserted or since),
            "informationSource": self.who(by),
            "dosage": [self.dosage(drug, text, dose, times)],
        }
        if reason:
            body["reasonReference"] = [{"reference": reason}]
        if note:
            body["note"] = [{"text": note}]
        return self.add("MedicationStatement", asserted or since, body)

    def dispense(self, drug: Drug, text: str, when: When, *, dose: tuple[float, str] | None = None,
                 times: tuple[int, int, str] | None = None, quantity: float | None = None) -> str:  # fmt: skip
        body: FhirJson = {
            "status": "completed",
            **self.drug(drug),
            "subject": self.me,
            "performer": [{"actor": self.who(None)}],
            "quantity": {"value": quantity or drug.pack, "unit": drug.form},
            "daysSupply": {"value": 28, "unit": "day", "system": UCUM, "code": "d"},
            "whenPrepared": instant(when),
            "whenHandedOver": instant(when),
            "dosageInstruction": [self.dosage(drug, text, dose, times)],
        }
        return self.add("MedicationDispense", when, body)

    def give(self, drug: Drug, text: str, when: datetime, dose: tuple[float, str], by: By | None = None) -> str:
        body: FhirJson = {
            "status": "completed",
            **self.drug(drug),
            "subject": self.me,
            "effectiveDateTime": said(when),
            "performer": [{"actor": self.who(by)}],
            "dosage": {"text": text, "route": {"coding": [coded(SNOMED, ROUTES[drug.route], drug.route)],
                                               "text": drug.route},
                       "dose": {"value": _plain(dose[0]), "unit": dose[1]}},
        }  # fmt: skip
        return self.add("MedicationAdministration", when, body)

    # --- results and observations

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

    # --- contacts with services, letters, plans

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

    def social(self, what: Term | str, value: str, when: When, by: By | None = None) -> str:
        return self.observe(what, when, value, category="social-history", by=by)

    # --- people around the person

    def relative(self, name: tuple[str, str], relation: tuple[str, str], phone: str, *, when: When,
                 roles: Sequence[str] = ()) -> str:  # fmt: skip
        """`relation` is (HL7 v3 role code, words): ("DAUC", "daughter")."""
        given, family = name
        relations: list[FhirJson] = [
            {"coding": [coded(HL7 + "v3-RoleCode", relation[0], relation[1])], "text": relation[1]}]  # fmt: skip
        relations += [{"text": role} for role in roles]
        body: FhirJson = {
            "active": True,
            "patient": self.me,
            "relationship": relations,
            "name": [{"use": "official", "text": f"{given} {family}", "family": family, "given": [given]}],
            "telecom": [{"system": "phone", "value": phone, "use": "mobile"}],
        }
        return self.add("RelatedPerson", when, body)

    def team(self, name: str, members: Sequence[By], when: When) -> str:
        """The professionals, each contained with a telephone number."""
        contained: list[FhirJson] = []
        participants: list[FhirJson] = []
        for place, member in enumerate(members, 1):
            practitioner: FhirJson = {"resourceType": "Practitioner", "id": f"p{place}", "name": [{"text": member.name}]}
            if member.phone:
                practitioner["telecom"] = [{"system": "phone", "value": member.phone, "use": "work"}]
            contained.append(practitioner)
            participants.append({"role": [{"text": member.job}],
                                 "member": {"reference": f"#p{place}", "display": member.name}})  # fmt: skip
        body: FhirJson = {
            "contained": contained,
            "status": "active",
            "name": name,
            "subject": self.me,
            "period": {"start": said(when)},
            "participant": participants,
            "managingOrganization": [self.organisation],
            "telecom": [{"system": "phone", "value": ORGANISATION_BY_ODS[self.system.ods].bypass_phone, "use": "work"}],
        }
        return self.add("CareTeam", when, body)

    def listing(self, code: str, title: str, warning: str | None = None, entries: Sequence[str] = ()) -> str:
        """A GP list, as GP Connect sends it, with its warning ("data-in-transit", "data-awaiting-filing")."""
        body: FhirJson = {
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": {"coding": [coded(SNOMED, code, title)], "text": title},
            "subject": self.me,
            "date": instant(self.now),
            "source": self.organisation,
        }
        if warning:
            body["extension"] = [{"url": f"{UK_CORE}Extension-UKCore-ListWarningCode", "valueCode": warning}]
            words = {"data-in-transit": "Data in transit: the transfer from the former practice is not finished.",
                     "data-awaiting-filing": "Data awaiting filing."}  # fmt: skip
            body["note"] = [{"text": words[warning]}]
        if entries:
            body["entry"] = [{"item": {"reference": reference}} for reference in entries]
        else:
            body["emptyReason"] = {"coding": [coded(HL7 + "list-empty-reason", "notstarted", "Not Started")]
                                   if warning == "data-in-transit" else
                                   [coded("https://fhir.hl7.org.uk/CodeSystem/UKCore-ListEmptyReason",
                                          "no-content-recorded", "No Content Recorded")],
                                   "text": "No content recorded"}  # fmt: skip
        return self.add("List", self.now, body)

    def echo(self, sent: FhirJson) -> str:
        """File a copy of what another system sent: same business identifier, own id and subject."""
        body = {key: value for key, value in sent.items() if key not in ("resourceType", "id", "meta")}
        body["subject"] = self.me
        when = datetime.fromisoformat(sent["meta"]["lastUpdated"])
        return self.add(sent["resourceType"], when, body)
