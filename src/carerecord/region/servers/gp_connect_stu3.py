"""How does a chart of the pretend region read in STU3, as a GP system writes it? One function for each kind of resource.

A practice that speaks GP Connect keeps the same charts as the others; only its words differ. What GP Connect has no place for
(flags, care teams, plans, appointments) is not sent, as by a real practice.
"""

from __future__ import annotations

from typing import Any

from carerecord.region.servers.gp_connect_words import (
    CARE_CONNECT,
    GPC,
    SNOMED,
    concept,
    identifier_system,
    supplier_id,
)  # fmt: skip
from carerecord.region.shapes import FhirJson, Organisation, System

_PRIVATE = frozenset({"R", "V"})  # labels of what the practice keeps back
_V3 = "http://hl7.org/fhir/v3"


class Writer:
    """Writes one person's chart as one practice's system would; remembers who and what it has referred to."""

    def __init__(self, system: System, organisation: Organisation) -> None:
        self.system, self.organisation, self.habit = system, organisation, system.habit or "emis"
        self.people: dict[str, FhirJson] = {}  # practitioners and their roles, by reference
        self.medicines: dict[str, FhirJson] = {}

    def id(self, name: str) -> str:
        return supplier_id(self.habit, self.system.key, name)

    def reference(self, told: str) -> FhirJson:
        kind, _, name = told.partition("/")
        return {"reference": f"{kind}/{self.id(name)}"}

    @property
    def practice(self) -> FhirJson:
        return {"reference": f"Organization/{self.id(self.system.ods)}"}

    def about(self, patient: str) -> FhirJson:
        return {"reference": f"Patient/{self.id(patient)}"}

    def who(self, told: Any) -> FhirJson:
        """A reference to a practitioner who is then sent too, with a role at this practice."""
        display = str(told.get("display", "")) if isinstance(told, dict) else ""
        name, _, job = (display or "Unknown User").partition(", ")
        reference = f"Practitioner/{self.id(name)}"
        *given, family = name.split()
        official: FhirJson = {"use": "official", "text": name, "family": family}
        if given and given[0] in ("Dr", "Mr", "Mrs", "Ms", "Miss", "Sister", "Nurse"):
            official["prefix"], given = [given[0]], given[1:]
        if given:
            official["given"] = given
        self.people[reference] = self.made("Practitioner", name, {"name": [official]}, identified=False)
        role = self.made(
            "PractitionerRole", f"{name}/{job}",
            {"practitioner": {"reference": reference}, "organization": self.practice,
             "code": [{"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-SDSJobRoleName-1", "code": "R0260",
                                   "display": "General Medical Practitioner"}], "text": job or "GP"}]},
            identified=False,
        )  # fmt: skip
        self.people[f"PractitionerRole/{role['id']}"] = role
        return {"reference": reference}

    def made(self, kind: str, name: str, body: FhirJson, *, profile: str = "", identified: bool = True) -> FhirJson:
        own = self.id(name)
        made: FhirJson = {
            "resourceType": kind,
            "id": own,
            "meta": {"profile": [f"{GPC}CareConnect-GPC-{profile or kind}-1"]},
        }
        if identified:
            made["identifier"] = [{"system": identifier_system(self.habit, self.system.ods), "value": own.replace("-", "")}]
        return {**made, **body}

    def concept(self, told: Any) -> FhirJson:
        return concept(self.habit, told)


def is_private(resource: FhirJson) -> bool:
    return bool(_PRIVATE & {each.get("code") for each in resource.get("meta", {}).get("security", ())})


def patient(writer: Writer, chart: FhirJson, doctor: FhirJson) -> FhirJson:
    """The Patient. EMIS names the branch that the person prefers; TPP gives the period of registration."""
    number = next(each for each in chart["identifier"] if each["system"] == "https://fhir.nhs.uk/Id/nhs-number")
    status = {"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1",
                          "code": "01", "display": "Number present and verified"}]}  # fmt: skip
    verified = {"url": f"{GPC}Extension-CareConnect-GPC-NHSNumberVerificationStatus-1", "valueCodeableConcept": status}
    registered: FhirJson = (
        {"url": "preferredBranchSurgery", "valueReference": {"reference": f"Location/{writer.id('site')}"}}
        if writer.habit == "emis"
        else {"url": "registrationPeriod", "valuePeriod": {"start": f"{chart['birthDate']}T00:00:00+00:00"}}
    )
    kept = ("active", "gender", "birthDate", "telecom", "address", "multipleBirthInteger")
    body: FhirJson = {
        "extension": [{"url": f"{GPC}Extension-CareConnect-GPC-RegistrationDetails-1", "extension": [registered]}],
        "identifier": [{"extension": [verified], "system": number["system"], "value": number["value"]}],
        "name": [{key: value for key, value in each.items() if key != "id"} for each in chart.get("name", ())],
        **{name: chart[name] for name in kept if name in chart},
        "generalPractitioner": [doctor],
        "managingOrganization": writer.practice,
    }
    return writer.made("Patient", chart["id"], body, identified=False)


def organisation(writer: Writer) -> FhirJson:
    own = writer.organisation
    body = {
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": own.ods}],
        "name": own.name.upper() if writer.habit == "emis" else own.name,
        "telecom": [{"system": "phone", "value": own.phone, "use": "work"}],
        "address": [{"use": "work", "line": list(own.address), "postalCode": own.postcode}],
    }
    return writer.made("Organization", own.ods, body, identified=False)


def site(writer: Writer) -> FhirJson:
    body = {"status": "active", "name": f"{writer.organisation.name}, main surgery", "managingOrganization": writer.practice}
    return writer.made("Location", "site", body, identified=False)


def allergy(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    ended = is_ended(each)
    body: FhirJson = {
        "clinicalStatus": "resolved" if ended else "active",
        "verificationStatus": "unconfirmed",  # all that GP Connect lets a practice say
        "category": each.get("category") or ["medication"],
        "code": writer.concept(each["code"]),
        "patient": about,
        "assertedDate": each.get("recordedDate", ""),
        "recorder": writer.who(each.get("recorder")),
    }
    if "reaction" in each:
        body["reaction"] = [
            {**{key: value for key, value in told.items() if key == "severity"},
             "manifestation": [writer.concept(told["manifestation"][0])]} for told in each["reaction"]
        ]  # fmt: skip
    if "note" in each:
        body["note"] = each["note"]
    if ended:
        reason = {"refuted": "No longer relevant"}.get(_code(each.get("verificationStatus")), "Ended")
        ended_on: FhirJson = {"url": "endDate", "valueDateTime": each.get("recordedDate", "")}
        body["extension"] = [{"url": f"{GPC}Extension-CareConnect-GPC-AllergyIntoleranceEnd-1", "extension": [
            ended_on, {"url": "reasonEnded", "valueString": reason}]}]  # fmt: skip
    return writer.made("AllergyIntolerance", each["id"], body)


def is_ended(each: FhirJson) -> bool:
    return _code(each.get("clinicalStatus")) in ("inactive", "resolved") or _code(each.get("verificationStatus")) == "refuted"


def medicine(writer: Writer, each: FhirJson, about: FhirJson, *, issues: bool) -> list[FhirJson]:
    """A plan, its statement and, where they are asked for, its issues. Dose as text alone."""
    name = each.get("medicationCodeableConcept") or {}
    product = writer.made("Medication", f"product/{name.get('text', '')}", {"code": writer.concept(name)}, identified=False)
    writer.medicines[product["id"]] = product
    drug = {"medicationReference": {"reference": f"Medication/{product['id']}"}, "subject": about}
    told = [{"text": line.get("text") or "No information available"} for line in each.get("dosageInstruction", ())]
    started, stopped = each.get("authoredOn", ""), _stopped(each)
    issued = each.get("dispenseRequest", {}).get("validityPeriod", {}).get("start", "")
    repeat = "courseOfTherapyType" in each
    status = "active" if each["status"] == "active" else "stopped" if stopped else "completed"
    period = {"start": started[:10] or issued, **({"end": stopped[:10]} if stopped else {})}
    kind = "repeat" if repeat else "acute"
    typed: FhirJson = {"url": f"{GPC}Extension-CareConnect-GPC-PrescriptionType-1", "valueCodeableConcept": {"coding": [
        {"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1", "code": kind,
         "display": kind.capitalize()}]}}  # fmt: skip
    extensions: list[FhirJson] = [typed]
    if repeat:
        extensions.append({"url": f"{GPC}Extension-CareConnect-GPC-MedicationRepeatInformation-1", "extension": [
            {"url": "numberOfRepeatPrescriptionsAllowed", "valuePositiveInt": 12},
            {"url": "numberOfRepeatPrescriptionsIssued", "valuePositiveInt": 11}]})  # fmt: skip
    if stopped:
        extensions.append({"url": f"{GPC}Extension-CareConnect-GPC-MedicationStatusReason-1", "extension": [
            {"url": "statusReason", "valueCodeableConcept": {"text": each.get("statusReason", {}).get("text", "Stopped")}},
            {"url": "statusChangeDate", "valueDateTime": stopped}]})  # fmt: skip
    supplied = each.get("dispenseRequest", {})
    supply = {key: supplied[key] for key in ("quantity", "expectedSupplyDuration") if key in supplied}
    common = {**drug, "recorder": writer.who(each.get("requester")), "dosageInstruction": told}
    plan = writer.made("MedicationRequest", f"plan/{each['id']}", {
        "extension": extensions, "status": status, "intent": "plan", "authoredOn": started, **common,
        "dispenseRequest": {"validityPeriod": period, **supply}, **({"note": each["note"]} if "note" in each else {}),
    })  # fmt: skip
    stated: list[FhirJson] = [{"url": f"{GPC}Extension-CareConnect-GPC-PrescribingAgency-1", "valueCodeableConcept": {"coding": [
        {"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescribingAgency-1",
         "code": "prescribed-at-gp-practice", "display": "Prescribed at GP practice"}]}}]  # fmt: skip
    if issued:
        stated.append({"url": f"{GPC}Extension-CareConnect-GPC-MedicationStatementLastIssueDate-1", "valueDateTime": issued})
    statement = writer.made("MedicationStatement", f"statement/{each['id']}", {
        "extension": stated, "basedOn": [{"reference": f"MedicationRequest/{plan['id']}"}], "status": status, **drug,
        "effectivePeriod": period, "dateAsserted": started, "taken": "unk", "dosage": told,
    })  # fmt: skip
    made = [statement, plan]
    if issued and issues:
        made.append(writer.made("MedicationRequest", f"issue/{each['id']}", {
            "extension": [typed], "basedOn": [{"reference": f"MedicationRequest/{plan['id']}"}], "status": "completed",
            "intent": "order", "authoredOn": issued, **common,
            "dispenseRequest": {"validityPeriod": {"start": issued}, **supply},
        }))  # fmt: skip
    return made


def problem(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    active = _code(each.get("clinicalStatus")) == "active"
    body: FhirJson = {
        "extension": [{"url": f"{CARE_CONNECT}Extension-CareConnect-ProblemSignificance-1",
                       "valueCode": "major" if active else "minor"}],
        "clinicalStatus": "active" if active else "inactive",
        "category": [{"coding": [{"system": "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-ConditionCategory-1",
                                  "code": "problem-list-item", "display": "Problem List Item"}]}],
        "code": writer.concept(each["code"]),
        "subject": about,
        **{name: each[name] for name in ("onsetDateTime", "abatementDateTime", "note") if name in each},
        "assertedDate": each.get("recordedDate", ""),
        "asserter": writer.who(each.get("recorder")),
    }  # fmt: skip
    return writer.made("Condition", each["id"], body, profile="ProblemHeader-Condition")


def observation(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    """Also a procedure, which GP Connect sends as an observation without a value. It has no categories."""
    kept = ("effectiveDateTime", "effectivePeriod", "valueQuantity", "valueString", "referenceRange")
    body: FhirJson = {
        "status": "final" if each["status"] == "completed" else each["status"],
        "code": writer.concept(each["code"]),
        "subject": about,
        **{name: each[name] for name in kept if name in each},
        "issued": each.get("issued") or each.get("meta", {}).get("lastUpdated", ""),
        "performer": [writer.who(None) if "identifier" in each.get("performer", [{}])[0] else writer.who(_performer(each))],
    }
    if "performedDateTime" in each:
        body["effectiveDateTime"] = each["performedDateTime"]
    if "valueCodeableConcept" in each:
        body["valueString"] = each["valueCodeableConcept"].get("text", "")
    if "interpretation" in each:
        body["interpretation"] = {"coding": [{"system": "http://hl7.org/fhir/v2/0078", "code": _code(each["interpretation"][0])}]}
    if "component" in each:
        body["component"] = [{**told, "code": writer.concept(told["code"])} for told in each["component"]]
    if "note" in each:
        body["comment"] = " ".join(note["text"] for note in each["note"])
    return writer.made("Observation", each["id"], body)


def _performer(each: FhirJson) -> Any:
    told = each.get("performer", [{}])[0]
    return told.get("actor", told)


def report(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    body: FhirJson = {
        "status": each["status"],
        "code": {"coding": [{"system": SNOMED, "code": "721981007", "display": "Diagnostic studies report"}],
                 "text": each["code"].get("text", "Report")},
        "subject": about,
        "issued": each.get("issued", ""),
        "result": [writer.reference(told["reference"]) for told in each.get("result", ())],
        **{name: each[name] for name in ("conclusion", "effectiveDateTime") if name in each},
    }  # fmt: skip
    return writer.made("DiagnosticReport", each["id"], body)


def encounter(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    doctor = writer.who(each.get("participant", [{}])[0].get("individual"))
    parts = [
        {"type": [{"coding": [{"system": f"{_V3}/ParticipationType", "code": "PPRF", "display": "primary performer"}]}],
         "individual": doctor},
        {"type": [{"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/GPConnect-ParticipantType-1", "code": "REC",
                               "display": "recorder"}]}], "individual": doctor},
    ]  # fmt: skip
    body = {
        "status": each["status"], "type": each.get("type", [{"text": "GP Surgery"}]), "subject": about, "participant": parts,
        "period": each.get("period", {}), "location": [{"location": {"reference": f"Location/{writer.id('site')}"}}],
        "serviceProvider": writer.practice,
    }  # fmt: skip
    return writer.made("Encounter", each["id"], body)


def comment(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    """What was said in a consultation stands in an observation of its own, coded as a comment."""
    body = {
        "status": "final", "code": {"coding": [{"system": SNOMED, "code": "37331000000100", "display": "Comment note"}]},
        "subject": about, "context": writer.reference(f"Encounter/{each['id']}"),
        "effectiveDateTime": each.get("period", {}).get("start", ""), "issued": each.get("meta", {}).get("lastUpdated", ""),
        "performer": [writer.who(each.get("participant", [{}])[0].get("individual"))],
        "comment": each["reasonCode"][0]["text"],
    }  # fmt: skip
    return writer.made("Observation", f"comment/{each['id']}", body)


def immunisation(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    given = writer.concept(each["vaccineCode"])
    procedure = {"url": f"{CARE_CONNECT}Extension-CareConnect-VaccinationProcedure-1", "valueCodeableConcept": given}
    recorded = {"url": f"{CARE_CONNECT}Extension-CareConnect-DateRecorded-1", "valueDateTime": each.get("recorded", "")}
    body: FhirJson = {
        "extension": [recorded, procedure], "status": "completed", "notGiven": False,
        "vaccineCode": {"coding": [{"system": f"{_V3}/NullFlavor", "code": "UNK", "display": "unknown"}]},
        "patient": about, "date": each.get("occurrenceDateTime", ""), "primarySource": True,
        "practitioner": [{"role": {"coding": [{"system": "http://hl7.org/fhir/v2/0443", "code": "AP"}]},
                          "actor": writer.who(each.get("performer", [{}])[0].get("actor"))}],
    }  # fmt: skip
    protocols = each.get("protocolApplied", ())
    if protocols:
        body["vaccinationProtocol"] = [
            {"doseSequence": told.get("doseNumberPositiveInt", 1), "targetDisease": told.get("targetDisease") or [{"text": "-"}],
             "doseStatus": {"coding": [{"system": "http://hl7.org/fhir/vaccination-protocol-dose-status", "code": "count"}]}}
            for told in protocols
        ]  # fmt: skip
    return writer.made("Immunization", each["id"], body)


def referral(writer: Writer, each: FhirJson, about: FhirJson) -> FhirJson:
    body = {
        "status": each.get("status", "unknown"), "intent": "order", "priority": each.get("priority", "routine"),
        "subject": about, "authoredOn": each.get("authoredOn", ""),
        "requester": {"agent": writer.who(each.get("requester")), "onBehalfOf": writer.practice},
        "serviceRequested": [each.get("code", {"text": "Referral"})], "reasonCode": each.get("reasonCode", []),
        "description": each.get("code", {}).get("text", ""),
    }  # fmt: skip
    return writer.made("ReferralRequest", each["id"], body)


def document(writer: Writer, each: FhirJson, about: FhirJson, base: str) -> FhirJson:
    attachment = each["content"][0]["attachment"]
    content: FhirJson = {
        "contentType": attachment.get("contentType", "text/plain").split(";")[0],
        "url": f"{base}/Binary/{writer.id(each['id'])}",
    }
    body = {
        "status": "current", "type": each.get("type", {"text": "Document"}), "subject": about,
        "created": each.get("date", ""), "indexed": each.get("date", ""), "author": [writer.who(each.get("author", [{}])[0])],
        "custodian": writer.practice, "description": each.get("description", ""), "content": [{"attachment": content}],
    }  # fmt: skip
    return writer.made("DocumentReference", each["id"], body)


def _code(told: Any) -> str:
    return str(next((each.get("code", "") for each in told.get("coding", ())), "")) if isinstance(told, dict) else ""


def _stopped(each: FhirJson) -> str:
    return str(
        next((told["valueDateTime"] for told in each.get("extension", ()) if "StatusChanged" in told.get("url", "")), "")
    )
