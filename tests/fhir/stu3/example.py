"""One invented person's answer in STU3, in the form of GP Connect, with nearly every element that a type may carry."""

from typing import Any

from carerecord.fhir.bundle import Bundle, split
from carerecord.fhir.stu3 import Converted, convert, written

Resource = dict[str, Any]
NHS = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-CareConnect-GPC-"
UK = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-"
SNOMED = "http://snomed.info/sct"
PERSON = {"reference": "Patient/1"}
DOCTOR = {"reference": "Practitioner/1"}
MEETING = {"reference": "Encounter/1"}
ACTIVE, ENDED, UNCATEGORISED = "886921000000105", "1103671000000101", "826501000000100"


def coded(code: str, display: str, **more: Any) -> Resource:
    return {"coding": [{"system": SNOMED, "code": code, "display": display}], **more}


def chosen(code: str, display: str, words: str) -> Resource:
    """A concept with the words that the clinician chose for it, as CareConnect nests them."""
    inner = [{"url": "descriptionId", "valueId": f"{code}011"}, {"url": "descriptionDisplay", "valueString": words}]
    description = {"url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid", "extension": inner}
    return {"coding": [{"extension": [description], "system": SNOMED, "code": code, "display": display}]}


def extension(url: str, **value: Any) -> Resource:
    return {"url": url, **value}


def identified(type_: str, id_: str, **elements: Any) -> Resource:
    profile = f"https://fhir.nhs.uk/STU3/StructureDefinition/CareConnect-GPC-{type_}-1"
    identifier = {"system": "https://provider.example/id", "value": f"{type_}-{id_}-business"}
    bears_one = type_ in ("Composition", "QuestionnaireResponse")
    return {"resourceType": type_, "id": id_, "meta": {"versionId": f"v{id_}{type_}", "profile": [profile]},
            "identifier": identifier if bears_one else [identifier], **elements}  # fmt: skip


def allergy(id_: str, status: str = "active", words: str = "Peanut allergy", **elements: Any) -> Resource:
    given = {
        "clinicalStatus": status, "verificationStatus": "unconfirmed", "type": "allergy", "category": ["food"],
        "criticality": "high", "code": chosen("91935009", "Allergy to peanut", words), "patient": PERSON,
        "onsetDateTime": "2001-02", "assertedDate": "2001-03-04T05:06:07+00:00", "recorder": DOCTOR, "asserter": DOCTOR,
        "lastOccurrence": "2011-03", "note": [{"text": "carries a pen"}],
        "reaction": [{"manifestation": [coded("247472004", "Hives")], "severity": "severe", "description": "within minutes"}],
    }  # fmt: skip
    return identified("AllergyIntolerance", id_, **{**given, **elements})


def a_list(code: str, title: str, *items: str, id_: str = "", **elements: Any) -> Resource:
    made: Resource = {
        "resourceType": "List", "status": "current", "mode": "snapshot", "title": title, "code": coded(code, title),
        "subject": PERSON, "date": "2026-11-22T09:00:00+00:00", "entry": [{"item": {"reference": item}} for item in items],
        **elements,
    }  # fmt: skip
    if not items:
        made.pop("entry")
    return {**made, "id": id_} if id_ else made


def warned(*codes: str) -> list[Resource]:
    return [extension(f"{NHS}ListWarningCode-1", valueCode=code) for code in codes]


def dosage() -> Resource:
    return {
        "sequence": 1, "text": "One to be taken each morning", "patientInstruction": "with water",
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN"]}}, "asNeededBoolean": False,
        "route": coded("26643006", "Oral"), "doseQuantity": {"value": 2.50, "unit": "mg"},
        "rateQuantity": {"value": 1, "unit": "/d"}, "maxDosePerLifetime": {"value": 9, "unit": "g"},
    }  # fmt: skip


def medicines() -> list[Resource]:
    repeat = extension(
        f"{NHS}PrescriptionType-1",
        valueCodeableConcept={"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1",
                                          "code": "repeat", "display": "Repeat"}]},
    )  # fmt: skip
    stopped = extension(
        f"{NHS}MedicationStatusReason-1",
        extension=[
            extension("statusReason", valueCodeableConcept={"text": "Dizzy on standing"}),
            extension("statusChangeDate", valueDateTime="2026-05-06T07:08:09+01:00"),
        ],
    )
    issued = extension(
        f"{NHS}MedicationRepeatInformation-1",
        extension=[extension("numberOfRepeatPrescriptionsIssued", valueUnsignedInt=7)],
    )
    in_words = extension(f"{NHS}MedicationQuantityText-1", valueString="one pack")
    supply = {
        "validityPeriod": {"start": "2026-04-01", "end": "2026-04-28"}, "numberOfRepeatsAllowed": 6,
        "quantity": {"value": 28, "unit": "tablet", "extension": [in_words]},
        "expectedSupplyDuration": {"value": 28, "unit": "day", "system": "http://unitsofmeasure.org", "code": "d"},
        "performer": {"reference": "Organization/1"},
    }  # fmt: skip
    about = {"medicationReference": {"reference": "Medication/1"}, "subject": PERSON}
    return [
        {"resourceType": "Medication", "id": "1", "code": coded("318135008", "Ramipril 2.5mg capsules"), "status": "active",
         "isBrand": False, "isOverTheCounter": True, "manufacturer": {"reference": "Organization/1"}, "form": {"text": "capsule"},
         "ingredient": [{"itemCodeableConcept": {"text": "Ramipril"}, "isActive": True,
                         "amount": {"numerator": {"value": 2.5, "unit": "mg"}, "denominator": {"value": 1}}}],
         "package": {"container": {"text": "blister"}, "batch": [{"lotNumber": "L-77", "expirationDate": "2027-08"}]},
         "image": [{"contentType": "image/png", "url": "https://provider.example/pill"}]},
        identified("MedicationRequest", "plan", extension=[repeat, issued, stopped], status="stopped", intent="plan",
                   category={"text": "community"}, priority="routine", context=MEETING, authoredOn="2026-03-01", recorder=DOCTOR,
                   definition=[{"display": "an activity"}], groupIdentifier={"value": "G-1"}, note=[{"text": "watch potassium"}],
                   requester={"agent": DOCTOR, "onBehalfOf": {"reference": "Organization/1"}}, dosageInstruction=[dosage()],
                   dispenseRequest=supply, substitution={"allowed": True, "reason": {"text": "cost"}},
                   reasonCode=[coded("38341003", "Hypertension")], priorPrescription={"reference": "MedicationRequest/order"},
                   detectedIssue=[{"reference": "DetectedIssue/1"}], **about),
        identified("MedicationRequest", "order", extension=[repeat], status="completed", intent="order", recorder=DOCTOR,
                   basedOn=[{"reference": "MedicationRequest/plan"}], authoredOn="2026-04-01", dosageInstruction=[dosage()],
                   dispenseRequest=supply, **about),
        identified("MedicationStatement", "1",
                   extension=[extension(f"{NHS}MedicationStatementLastIssueDate-1", valueDateTime="2026-04-01"),
                              extension(f"{UK}MedicationStatementDosageLastChanged-1", valueDateTime="2026-03-02"),
                              extension(f"{NHS}PrescribingAgency-1",
                                        valueCodeableConcept={"coding": [{"code": "prescribed-at-gp-practice"}]})],
                   basedOn=[{"reference": "MedicationRequest/plan"}], status="active", taken="unk", context=MEETING,
                   effectivePeriod={"start": "2026-03-01"}, dateAsserted="2026-03-01", reasonNotTaken=[{"text": "forgets"}],
                   note=[{"text": "in a dosette box"}], dosage=[dosage()], **about),
    ]  # fmt: skip


def problems() -> list[Resource]:
    def linked(kind: str, to: str) -> Resource:
        target = extension("target", valueReference={"reference": to})
        return extension(f"{UK}RelatedProblemHeader-1", extension=[extension("type", valueCode=kind), target])

    usual = {"category": [{"coding": [{"system": "http://hl7.org/fhir/condition-category", "code": "problem-list-item"}]}],
             "subject": PERSON, "context": MEETING, "asserter": DOCTOR, "assertedDate": "2019-01-02"}  # fmt: skip
    return [
        identified("Condition", "a", clinicalStatus="active", verificationStatus="confirmed", severity={"text": "moderate"},
                   code=chosen("195967001", "Asthma", "Asthma since childhood"), onsetDateTime="1980",
                   note=[{"text": "reviewed"}],
                   extension=[extension(f"{UK}ProblemSignificance-1", valueCode="major"), linked("child", "Condition/b"),
                              extension(f"{NHS}ActualProblem-1", valueReference={"reference": "Observation/fact"})],
                   stage={"summary": {"text": "step 3"}}, evidence=[{"detail": [{"reference": "Observation/fact"}]}], **usual),
        identified("Condition", "b", clinicalStatus="inactive", code=coded("49727002", "Cough"), abatementBoolean=True,
                   extension=[extension(f"{UK}ProblemSignificance-1", valueCode="minor"), linked("parent", "Condition/a")],
                   **usual),
        identified("DetectedIssue", "1", status="final", category={"text": "interaction"}, severity="high", patient=PERSON,
                   date="2026-02-03", author=DOCTOR, detail="two that do not go together",
                   implicated=[{"reference": "MedicationRequest/plan"}]) | {"identifier": {"value": "issue-1"}},
    ]  # fmt: skip


def results() -> list[Resource]:
    lab = {"subject": PERSON, "status": "final", "issued": "2026-05-05T10:00:00+00:00", "context": MEETING}
    return [
        identified("DiagnosticReport", "1", category={"text": "pathology"}, code=coded("721981007", "Diagnostic studies report"),
                   specimen=[{"reference": "Specimen/1"}], basedOn=[{"reference": "ProcedureRequest/7"}],
                   performer=[{"role": {"text": "laboratory"}, "actor": {"reference": "Organization/1"}}],
                   result=[{"reference": "Observation/group"}, {"reference": "Observation/filed"}],
                   image=[{"comment": "blood film", "link": {"display": "film"}}], codedDiagnosis=[{"text": "anaemia"}],
                   conclusion="see film", **lab),
        identified("Observation", "group", code=coded("26604007", "Full blood count"), related=[
                   {"type": "has-member", "target": {"reference": "Observation/hb"}},
                   {"type": "derived-from", "target": {"display": "an image"}},
                   {"type": "sequel-to", "target": {"display": "the last one"}},
                   {"type": "qualified-by", "target": {"display": "a remark"}}], **lab),
        identified("Observation", "hb", code=coded("1022431000000105", "Haemoglobin"), valueQuantity={"value": 1.10,
                   "unit": "g/dL"},
                   specimen={"reference": "Specimen/1"}, interpretation={"coding": [{"system": "http://hl7.org/fhir/v2/0078",
                   "code": "L"}]}, referenceRange=[{"low": {"value": 11.50}}], comment="repeat please", performer=[DOCTOR],
                   **lab),
        identified("Observation", "filed", code=coded("37331000000100", "Comment note"), comment="normal, file", **lab),
        identified("Observation", "fact", code=coded("267032009", "Tired all the time"), effectiveDateTime="2026-05-05",
                   comment="worse in winter", **lab),
        identified("Observation", "bp", code=coded("75367002", "Blood pressure"), component=[
                   {"code": {"text": "Systolic"}, "valueQuantity": {"value": 120.0, "unit": "mm[Hg]"},
                    "interpretation": {"text": "fine"}}], **lab),
        identified("Specimen", "1", status="available", type=coded("122555007", "Venous blood"), subject=PERSON,
                   receivedTime="2026-05-04", collection={"collectedDateTime": "2026-05-03T08:00:00+00:00"}),
        identified("QuestionnaireResponse", "1", parent=[{"reference": "Observation/fact"}], status="completed", subject=PERSON,
                   context=MEETING, authored="2026-05-05", questionnaire={"reference": "Questionnaire/9"},
                   item=[{"linkId": "mood", "text": "How is your mood?", "subject": PERSON,
                          "answer": [{"valueString": "low", "item": [{"linkId": "since",
                          "answer": [{"valueDate": "2026-01"}]}]}]}]),
    ]  # fmt: skip


def visits() -> list[Resource]:
    plan = {"subject": PERSON, "context": MEETING, "status": "active", "authoredOn": "2026-05-05",
            "requester": {"agent": DOCTOR}}  # fmt: skip
    return [
        identified("Encounter", "1", status="finished", type=[{"text": "GP surgery"}], subject=PERSON,
                   priority={"text": "routine"},
                   participant=[{"type": [{"coding": [{"system": "http://hl7.org/fhir/v3/ParticipationType", "code": "PPRF"}]}],
                                 "individual": DOCTOR}], period={"start": "2026-05-05T09:00:00+01:00"},
                   incomingReferral=[{"reference": "ReferralRequest/7"}], appointment={"reference": "Appointment/1"},
                   reason=[{"text": "tired"}], diagnosis=[{"condition": {"reference": "Condition/a"}, "role": {"text": "billing"},
                   "rank": 1}], length={"value": 10, "unit": "min"}, location=[{"location": {"reference": "Location/1"}}],
                   serviceProvider={"reference": "Organization/1"}),
        identified("ProcedureRequest", "7", intent="order", code=coded("26604007", "Full blood count"), performer=DOCTOR,
                   definition=[{"display": "protocol"}], doNotPerform=False, category=[{"text": "blood"}], **plan),
        identified("ProcedureRequest", "8", intent="plan", code=coded("86198006", "Influenza vaccination"),
                   occurrenceDateTime="2027-10-01", note=[{"text": "recall"}], **plan),
        identified("ReferralRequest", "7", intent="order", type={"text": "outpatient"}, priority="urgent",
                   description="Wheeze at night",
                   serviceRequested=[coded("183561008", "Referral to chest clinic"), {"text": "and lung function"}],
                   groupIdentifier={"value": "UBRN-1"}, specialty={"text": "respiratory"}, recipient=[{"display": "Dr Far"}],
                   reasonCode=[{"text": "uncontrolled asthma"}], definition=[{"display": "pathway"}], **{**plan,
                   "status": "cancelled"}),
        identified("Appointment", "1", status="booked", serviceCategory={"text": "GP"}, reason=[{"text": "review"}],
                   indication=[{"reference": "Condition/a"}], description="ten minutes", start="2026-12-01T09:00:00Z",
                   incomingReferral=[{"reference": "ReferralRequest/7"}], participant=[{"actor": PERSON, "status": "accepted"}],
                   comment="ground floor", slot=[{"reference": "Slot/1"}]),
        identified("Slot", "1", serviceCategory={"text": "GP"}, schedule={"reference": "Schedule/1"}, status="busy",
                   start="2026-12-01T09:00:00Z", end="2026-12-01T09:10:00Z"),
        identified("Schedule", "1", active=True, serviceCategory={"text": "GP"}, actor=[{"reference": "Location/1"}]),
        identified("Immunization", "1", status="completed", notGiven=False, patient=PERSON, encounter=MEETING, primarySource=True,
                   vaccineCode={"coding": [{"system": "http://hl7.org/fhir/v3/NullFlavor", "code": "UNK"}]}, date="2026-01-05",
                   extension=[extension(f"{UK}VaccinationProcedure-1", valueCodeableConcept=coded("38598009", "MMR vaccination")),
                              extension(f"{UK}DateRecorded-1", valueDateTime="2026-01-06"),
                              extension(f"{UK}ParentPresent-1", valueBoolean=True)],
                   lotNumber="LOT-9", doseQuantity={"value": 0.50, "unit": "ml"},
                   practitioner=[{"role": {"coding": [{"system": "http://hl7.org/fhir/v2/0443", "code": "AP"}]},
                   "actor": DOCTOR}],
                   explanation={"reason": [{"text": "due"}]},
                   vaccinationProtocol=[{"doseSequence": 1, "seriesDoses": 2, "description": "catch-up", "series": "childhood",
                                         "targetDisease": [{"text": "measles"}], "doseStatus": {"text": "counts"},
                                         "doseStatusReason": {"text": "in time"}}]),
        identified("Composition", "1", status="final", type={"text": "Discharge summary"}, subject=PERSON, date="2026-02-01",
                   title="Inpatient discharge", author=[DOCTOR], confidentiality="N", encounter=MEETING,
                   **{"class": {"text": "letter"}}, attester=[{"mode": ["personal", "legal"], "time": "2026-02-02"}],
                   event=[{"code": [{"text": "discharge"}]}],
                   section=[{"title": "Plan", "text": {"status": "generated", "div": "<div>Rest</div>"}, "mode": "working",
                             "section": [{"title": "Further", "emptyReason": {"text": "unavailable"}}]}]),
        identified("DocumentReference", "1", status="current", type={"text": "Clinic letter"}, subject=PERSON,
                   created="2026-02-01",
                   indexed="2026-02-03T10:00:00+00:00", description="Chest clinic, seen", author=[DOCTOR],
                   **{"class": {"text": "letter"}},
                   custodian={"reference": "Organization/1"}, content=[{"attachment": {"contentType": "text/plain", "size": 13}}],
                   context={"encounter": MEETING, "practiceSetting": {"text": "chest"},
                            "related": [{"identifier": {"value": "REL-1"}, "ref": {"display": "the film"}}]}),
        identified("Procedure", "1", status="completed", notDone=False, code=coded("80146002", "Appendicectomy"), subject=PERSON,
                   context=MEETING, performedDateTime="1999", performer=[{"role": {"text": "surgeon"}, "actor": DOCTOR}],
                   definition=[{"display": "protocol"}]),
    ]  # fmt: skip


def people() -> list[Resource]:
    verified = extension(f"{NHS}NHSNumberVerificationStatus-1", valueCodeableConcept={"coding": [{"code": "01"}]})
    number = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018", "extension": [verified]}
    return [
        {"resourceType": "Patient", "id": "1", "active": True, "identifier": [number], "birthDate": "1970-05-04",
                   "gender": "female",
         "name": [{"use": "official", "family": "Thistle", "given": ["Ada"]}], "generalPractitioner": [DOCTOR],
         "extension": [extension(f"{UK}EthnicCategory-1", valueCodeableConcept={"text": "not stated"})],
         "contact": [{"name": {"text": "Bo Thistle"}}], "animal": {"species": {"text": "none"}}},
        identified("Organization", "1", name="Elm Surgery", type=[{"text": "GP practice"}]),
        identified("Practitioner", "1", name=[{"family": "Reed", "prefix": ["Dr"]}], gender="male"),
        identified("PractitionerRole", "1", practitioner=DOCTOR, organization={"reference": "Organization/1"},
                   code=[{"text": "GP"}]),
        identified("Location", "1", name="Elm Surgery, room 2", type={"text": "room"}, status="active"),
        identified("HealthcareService", "1", name="Clinic", category={"text": "GP"}, programName=["asthma"],
                   eligibilityNote="registered people"),
    ]  # fmt: skip


def lists() -> list[Resource]:
    met = {"encounter": MEETING}
    inside = "Consultations - uncategorised data contained in consultations"
    return [
        a_list(ACTIVE, "Allergies and adverse reactions", "AllergyIntolerance/1"),
        a_list(ENDED, "Ended allergies", "#gone", contained=[ended()]),
        a_list("933361000000108", "Medications and medical devices", "MedicationStatement/1",
               extension=warned("confidential-items"), note=[{"text": "Items excluded at the patient's wish"}]),
        a_list("1102181000000102", "Immunisations", "Immunization/1", extension=warned("data-in-transit",
        "data-awaiting-filing")),
        a_list("792931000000107", "Outbound referral", note=[{"text": "Information not available"}], emptyReason={"coding": [
               {"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-ListEmptyReasonCode-1",
                          "code": "no-content-recorded"}]}),
        a_list("714311000000108", "Patient recall administration", "ProcedureRequest/8"),
        a_list(UNCATEGORISED, "Uncategorised data", "Observation/fact", "Observation/bp"),
        a_list("325851000000107", "GP surgery", "List/topic", id_="consultation", **met),
        a_list("25851000000105", "Asthma", "List/heading", "List/heading2", id_="topic", **met),
        a_list("24781000000107", "History", "Observation/fact", id_="heading", **met),
        a_list("24781000000107", "Plan", "ReferralRequest/7", id_="heading2", **met),
        a_list("consultations-uncategorised-data-contained-in-consultations", inside, "Observation/fact"),
    ]  # fmt: skip


def ended() -> Resource:
    over = extension(
        f"{NHS}AllergyIntoleranceEnd-1",
        extension=[extension("endDate", valueDateTime="2016-11-01"), extension("reasonEnded", valueString="Desensitised")],
    )
    return allergy("gone", "resolved", "Latex allergy", extension=[over])


def whole() -> list[Resource]:
    return [*people(), allergy("1"), *medicines(), *problems(), *results(), *visits(), *lists()]


def bundle(*resources: Resource) -> Bundle:
    return split(body(*resources))


def body(*resources: Resource) -> bytes:
    return written({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in resources]})


def converted(*resources: Resource) -> Converted:
    """With a patient, where none is given."""
    with_patient = any(each.get("resourceType") == "Patient" for each in resources)
    return convert(bundle(*(() if with_patient else people()[:1]), *resources))


def only(*resources: Resource) -> Resource:
    """The one resource, beside the patient, that became of these."""
    found = [each for each in converted(*resources).resources if each["resourceType"] != "Patient"]
    assert len(found) == 1
    return found[0]
