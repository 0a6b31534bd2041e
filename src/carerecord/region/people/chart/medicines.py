"""How are medicines written down: prescribed, said to be taken, dispensed, given?"""

from __future__ import annotations

from datetime import date, datetime

from carerecord.region.people.chart.frame import UK_CORE, By, Frame, When, coded, instant, said, slug, status
from carerecord.region.people.codes import ROUTES, SNOMED, SUBSTANCES, UCUM, Drug
from carerecord.region.shapes import FhirJson


def _plain(number: float) -> float:
    """5, not 5.0: the noughts of a decimal are part of what FHIR says."""
    return int(number) if number == int(number) else number


class Medicines(Frame):
    def drug(self, drug: Drug) -> FhirJson:
        """Practices and pharmacies name the product, as dm+d does; the others prescribe a substance, a form and a dose."""
        if self.system.kind in ("gp", "pharmacy"):
            system, code = (SNOMED, drug.code) if drug.code else (self._own("drug"), slug(drug.name))
            return {"medicationCodeableConcept": {"coding": [coded(system, code, drug.name)], "text": drug.name}}
        known = SUBSTANCES.get(drug.substance)
        substance: FhirJson = {"text": drug.substance}
        if known:
            substance["coding"] = [coded(SNOMED, known, drug.substance)]
        own = {"coding": [coded(self._own("drug"), slug(drug.substance), drug.substance)], "text": drug.substance}
        medication = {"resourceType": "Medication", "id": "medicine", "code": own, "form": {"text": drug.form},
                      "ingredient": [{"itemCodeableConcept": substance, "isActive": True}]}  # fmt: skip
        return {"contained": [medication],
                "medicationReference": {"reference": "#medicine", "display": drug.substance}}  # fmt: skip

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
