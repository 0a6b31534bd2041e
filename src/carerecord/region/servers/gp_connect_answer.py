"""What does a GP system answer when a structured record is asked for? The Bundle: areas as Lists, items, and who they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from carerecord.region.servers import gp_connect_stu3 as stu3
from carerecord.region.servers.gp_connect_words import AREA_OF_LIST, AREAS, CARE_CONNECT, ENDED_ALLERGIES, GPC, SNOMED, WARNINGS
from carerecord.region.shapes import FhirJson, Organisation, System

_TOPIC = {"coding": [{"system": SNOMED, "code": "25851000000105", "display": "Topic (EHR)"}]}
_HEADING = {"coding": [{"system": SNOMED, "code": "24781000000107", "display": "Category (EHR)"}]}
_CONSULTATION = {"coding": [{"system": SNOMED, "code": "325851000000107", "display": "Consultation"}]}

Wanted = Mapping[str, Mapping[str, Any]]  # area -> its parts


class StructuredRecord:
    """One person's chart, and what of it was asked for, as one Bundle."""

    def __init__(self, system: System, organisation: Organisation, chart: Sequence[FhirJson], now: str) -> None:
        self.writer = stu3.Writer(system, organisation)
        self._patient, self._chart, self._now = chart[0], chart[1:], now
        self._about = self.writer.about(self._patient["id"])
        self._sent: dict[str, FhirJson] = {}
        self._lists: list[FhirJson] = []
        self._warned: dict[str, list[str]] = {}
        for each in self._of("List"):
            self._warn(each)
        if any(stu3.is_private(each) for each in self._chart):
            for area in ("includeConsultations", "includeProblems", "includeUncategorisedData"):
                self._warned.setdefault(area, []).append("confidential-items")

    def bundle(self, wanted: Wanted) -> FhirJson:
        """Everything asked for, and the Patient, the practice and the practitioners that it names."""
        doctor = self.writer.who({"display": "Dr Registered Partner, GP"})
        patient = stu3.patient(self.writer, self._patient, doctor)
        for area in AREAS:
            if area in wanted:
                getattr(self, f"_{_METHODS[area]}")(wanted[area])
        beside = [stu3.organisation(self.writer), stu3.site(self.writer), *self.writer.people.values()]
        resources = [*self._lists, patient, *self._sent.values(), *self.writer.medicines.values(), *beside]
        body: FhirJson = {
            "resourceType": "Bundle",
            "meta": {"profile": [f"{GPC}GPConnect-StructuredRecord-Bundle-1"]},
            "type": "collection",
            "entry": [{"resource": each} for each in resources],
        }
        if self.writer.habit == "tpp":
            body = {**body, "id": self.writer.id("bundle")}
        return body

    # areas

    def _allergies(self, parts: Mapping[str, Any]) -> None:
        every = [
            each
            for each in self._of("AllergyIntolerance")
            if "entered-in-error" not in str(each.get("verificationStatus")) and not stu3.is_private(each)
        ]
        active = [stu3.allergy(self.writer, each, self._about) for each in every if not stu3.is_ended(each)]
        self._area("includeAllergies", self._keep(active))
        if parts.get("includeResolvedAllergies"):
            # Ended ones stand inside their list, so that nobody who overlooks the list can take them for active.
            ended = [stu3.allergy(self.writer, each, self._about) for each in every if stu3.is_ended(each)]
            ended_list = self._list("Ended allergies", _snomed(ENDED_ALLERGIES, "Ended allergies"),
                                    [f"#{each['id']}" for each in ended], self._warned.get("includeAllergies", ()))  # fmt: skip
            if ended:
                ended_list["contained"] = ended
            self._lists.append(ended_list)

    def _medicines(self, parts: Mapping[str, Any]) -> None:
        since = str(parts.get("medicationSearchFromDate", ""))
        statements = []
        for each in self._of("MedicationRequest"):
            if since and each["status"] != "active" and each.get("authoredOn", "") < since:
                continue
            made = stu3.medicine(self.writer, each, self._about, issues=bool(parts.get("includePrescriptionIssues")))
            statements += self._keep(made)[:1]
        self._area("includeMedication", statements)

    def _problems(self, _: Mapping[str, Any]) -> None:
        self._area("includeProblems", self._keep([self._problem(each) for each in self._of("Condition")]))

    def _problem(self, each: FhirJson) -> FhirJson:
        made = stu3.problem(self.writer, each, self._about)
        own = f"Condition/{each['id']}"
        linked = [
            self.writer.id(f"plan/{order['id']}")
            for order in self._of("MedicationRequest")
            if any(told.get("reference") == own for told in order.get("reasonReference", ()))
        ]
        made["extension"] += [
            {"url": f"{CARE_CONNECT}Extension-CareConnect-RelatedClinicalContent-1",
             "valueReference": {"reference": f"MedicationRequest/{id_}"}} for id_ in linked
        ]  # fmt: skip
        return made

    def _consultations(self, parts: Mapping[str, Any]) -> None:
        most = parts.get("includeNumberOfMostRecent")
        period = parts.get("consultationSearchPeriod") or {}
        met = sorted(self._of("Encounter"), key=lambda each: str(each.get("period", {}).get("start", "")), reverse=True)
        met = [each for each in met if str(each.get("period", {}).get("start", "")) >= str(period.get("start", ""))]
        consultations = []
        for each in met[: int(most)] if most else met:
            consultations.append(self._keep([stu3.encounter(self.writer, each, self._about)])[0])
            said = [stu3.comment(self.writer, each, self._about)] if each.get("reasonCode") else []
            self._tree(each, self._keep(said))
        self._area("includeConsultations", consultations)

    def _tree(self, met: FhirJson, said: Sequence[str]) -> None:
        """Consultation, topic and heading: lists inside lists, as a clinician sees them on the screen of a practice."""
        encounter = self.writer.reference(f"Encounter/{met['id']}")
        name, when = met["type"][0].get("text", "Consultation"), met.get("period", {}).get("start", "")
        inner: list[tuple[str, FhirJson, str, list[str]]] = [("consultation", _CONSULTATION, name, [])]
        if said:
            topic, heading = self.writer.id(f"topic/{met['id']}"), self.writer.id(f"heading/{met['id']}")
            inner[0][3].append(f"List/{topic}")
            inner += [("topic", _TOPIC, "", [f"List/{heading}"]), ("heading", _HEADING, "History", list(said))]
        for kind, code, title, entries in inner:
            made = self._list(title, code, entries, ())
            made |= {"id": self.writer.id(f"{kind}/{met['id']}"), "encounter": encounter, "date": when}
            self._lists.append({key: value for key, value in made.items() if value != ""})

    def _immunisations(self, _: Mapping[str, Any]) -> None:
        made = [stu3.immunisation(self.writer, each, self._about) for each in self._of("Immunization")]
        self._area("includeImmunisations", self._keep(made))

    def _uncategorised(self, _: Mapping[str, Any]) -> None:
        rest = [each for each in self._of("Observation") if not _is_laboratory(each)] + self._of("Procedure")
        self._area("includeUncategorisedData", self._keep([stu3.observation(self.writer, each, self._about) for each in rest]))

    def _investigations(self, _: Mapping[str, Any]) -> None:
        tests = [each for each in self._of("Observation") if _is_laboratory(each)]
        reports = self._of("DiagnosticReport")
        named = {told["reference"] for each in reports for told in each.get("result", ())}
        lone = [each for each in tests if f"Observation/{each['id']}" not in named]
        by_day: dict[str, list[FhirJson]] = {}
        for each in lone:
            by_day.setdefault(str(each.get("effectiveDateTime", ""))[:10], []).append(each)
        made = [stu3.report(self.writer, each, self._about) for each in reports]
        for day, same in by_day.items():
            grouped: FhirJson = {
                "id": f"report/{self._patient['id']}/{day}", "status": "final", "code": {"text": "Laboratory report"},
                "issued": same[0].get("issued", ""), "effectiveDateTime": same[0].get("effectiveDateTime", ""),
                "result": [{"reference": f"Observation/{each['id']}"} for each in same],
            }  # fmt: skip
            made.append(stu3.report(self.writer, grouped, self._about))
        self._keep([stu3.observation(self.writer, each, self._about) for each in tests])
        self._area("includeInvestigations", self._keep(made))

    def _referrals(self, _: Mapping[str, Any]) -> None:
        made = [stu3.referral(self.writer, each, self._about) for each in self._of("ServiceRequest")]
        self._area("includeReferrals", self._keep(made))

    def _diary(self, _: Mapping[str, Any]) -> None:
        self._area("includeDiaryEntries", [])

    # lists

    def _of(self, kind: str) -> list[FhirJson]:
        return [each for each in self._chart if each["resourceType"] == kind and not stu3.is_private(each)]

    def _keep(self, made: Sequence[FhirJson]) -> list[str]:
        references = [f"{each['resourceType']}/{each['id']}" for each in made]
        self._sent.update(zip(references, made, strict=True))
        return references

    def _area(self, name: str, references: Sequence[str]) -> None:
        area = AREAS[name]
        self._lists.append(self._list(area.title, _snomed(area.code, area.title), references, self._warned.get(name, ())))

    def _list(self, title: str, code: FhirJson, references: Sequence[str], warnings: Sequence[str]) -> FhirJson:
        made: FhirJson = {
            "resourceType": "List",
            "meta": {"profile": [f"{GPC}CareConnect-GPC-List-1"]},
            "status": "current",
            "mode": "snapshot",
            "title": title,
            "code": code,
            "subject": self._about,
            "date": self._now,
        }
        notes = [WARNINGS[each] for each in warnings]
        if warnings:
            made["extension"] = [
                {"url": f"{GPC}Extension-CareConnect-GPC-ListWarningCode-1", "valueCode": each} for each in warnings
            ]
        if references:
            made["entry"] = [{"item": {"reference": each}} for each in references]
        else:
            notes.append("Information not available")
            made["emptyReason"] = {"coding": [
                {"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-ListEmptyReasonCode-1",
                 "code": "no-content-recorded", "display": "No Content Recorded"}]}  # fmt: skip
        if notes:
            made["note"] = [{"text": " ".join(notes)}]
        if self.writer.habit == "tpp":
            made = {**made, "id": self.writer.id(f"list/{title}/{len(self._lists)}")}
        return made

    def _warn(self, listed: FhirJson) -> None:
        """The chart of a practice may hold a list that says "in transit": all that it says of itself."""
        codes = [told.get("code") for told in listed.get("code", {}).get("coding", ())]
        area = next((AREA_OF_LIST[code] for code in codes if code in AREA_OF_LIST), "")
        said = [told["valueCode"] for told in listed.get("extension", ()) if told.get("valueCode") in WARNINGS]
        if area:
            self._warned.setdefault(area, []).extend(each for each in said if each not in self._warned.get(area, ()))


_METHODS = {
    "includeAllergies": "allergies", "includeMedication": "medicines", "includeConsultations": "consultations",
    "includeProblems": "problems", "includeImmunisations": "immunisations", "includeUncategorisedData": "uncategorised",
    "includeInvestigations": "investigations", "includeReferrals": "referrals", "includeDiaryEntries": "diary",
}  # fmt: skip


def _snomed(code: str, display: str) -> FhirJson:
    return {"coding": [{"system": SNOMED, "code": code, "display": display}]}


def _is_laboratory(each: FhirJson) -> bool:
    return any(
        told.get("code") == "laboratory" for category in each.get("category", ()) for told in category.get("coding", ())
    )
