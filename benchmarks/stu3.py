"""What does an answer of GP Connect cost from its bytes to FHIR R4: a resource, the largest answer, the longest piece in one go?

CPU time, the least of many rounds (others keep this machine busy). The answer is invented here, in the proportions of those that
the two large suppliers of GP systems give; such answers are measured as well, where they are.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks.promises import Promise, tell
from carerecord.fhir.bundle import split
from carerecord.fhir.stu3 import conversion

RESOURCES_A_SECOND = 5_000  # the promise, on one core
LARGEST_BYTES = 3_000_000
LARGEST_MS = 250.0
LONGEST_MS = 50.0  # no piece of work keeps the event loop longer
REAL = Path(os.environ.get("CARERECORD_REAL_INPUTS") or Path(__file__).resolve().parents[2] / "shared" / "data")
SUPPLIERS = REAL / "gpconnect-structured-stu3"

CARE_CONNECT = "https://fhir.nhs.uk/STU3/StructureDefinition/"
SNOMED = "http://snomed.info/sct"
PERSON, DOCTOR = {"reference": "Patient/1"}, {"reference": "Practitioner/1"}


def a(type_: str, id_: str, **elements: Any) -> dict[str, Any]:
    identifier = [{"system": "https://provider.example/id", "value": f"{type_}-{id_}-4f1c9a3e8b"}]
    meta = {"versionId": "8017752596891037527", "profile": [f"{CARE_CONNECT}CareConnect-GPC-{type_}-1"]}
    return {"resourceType": type_, "id": id_, "meta": meta, "identifier": identifier, **elements}


def coded(code: str, display: str) -> dict[str, Any]:
    words = [{"url": "descriptionId", "valueId": f"{code}011"}, {"url": "descriptionDisplay", "valueString": display}]
    description = {"url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid", "extension": words}
    snomed = {"extension": [description], "system": SNOMED, "code": code, "display": display}
    return {"coding": [snomed, {"system": "http://read.info/readv2", "code": "XE1.00", "display": display, "userSelected": True}]}


def a_medicine(at: str) -> list[dict[str, Any]]:
    course = {
        "url": f"{CARE_CONNECT}Extension-CareConnect-GPC-PrescriptionType-1",
        "valueCodeableConcept": {
            "coding": [
                {
                    "system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-PrescriptionType-1",
                    "code": "repeat",
                    "display": "Repeat",
                }
            ]
        },
    }
    usual = {"extension": [course], "medicationReference": {"reference": "Medication/1"}, "subject": PERSON, "recorder": DOCTOR,
             "authoredOn": "2026-04-01T10:00:00+00:00", "dosageInstruction": [{"text": "One to be taken each day"}],
             "requester": {"agent": DOCTOR}, "dispenseRequest": {"validityPeriod": {"start": "2026-04-01", "end": "2026-04-28"},
             "quantity": {"value": 28, "unit": "tablet"}, "expectedSupplyDuration": {"value": 28, "unit": "day"}}}  # fmt: skip
    issued = {"url": f"{CARE_CONNECT}Extension-CareConnect-GPC-MedicationStatementLastIssueDate-1", "valueDateTime": "2026-04-01"}
    plan = a("MedicationRequest", f"plan-{at}", status="active", intent="plan", **usual)
    orders = [
        a("MedicationRequest", f"order-{at}-{n}", status="completed", intent="order",
          basedOn=[{"reference": f"MedicationRequest/plan-{at}"}], **usual)
        for n in range(3)
    ]  # fmt: skip
    statement = a("MedicationStatement", at, extension=[issued], basedOn=[{"reference": f"MedicationRequest/plan-{at}"}],
                  status="active", taken="unk", subject=PERSON, medicationReference={"reference": "Medication/1"},
                  effectivePeriod={"start": "2026-04-01"}, dosage=[{"text": "One to be taken each day"}])  # fmt: skip
    return [plan, *orders, statement]


def a_consultation(at: str) -> list[dict[str, Any]]:
    met = {"encounter": {"reference": f"Encounter/{at}"}, "subject": PERSON, "status": "current", "mode": "snapshot",
           "date": "2026-05-05T09:00:00+00:00"}  # fmt: skip
    entries = [
        a("Observation", f"{at}-{n}", status="final", code=coded("267032009", "Tired all the time"), subject=PERSON,
          context={"reference": f"Encounter/{at}"}, issued="2026-05-05T09:00:00+00:00", comment="worse in winter",
          performer=[DOCTOR], valueQuantity={"value": 37.10, "unit": "C"})
        for n in range(4)
    ]  # fmt: skip
    return [
        a("Encounter", at, status="finished", type=[{"text": "GP surgery"}], subject=PERSON, participant=[{"individual": DOCTOR}],
          period={"start": "2026-05-05T09:00:00+00:00"}),
        a("List", f"{at}-consultation", code=coded("325851000000107", "Consultation"),
          entry=[{"item": {"reference": f"List/{at}-topic"}}], **met),
        a("List", f"{at}-topic", title="Asthma", code=coded("25851000000105", "Topic (EHR)"),
          entry=[{"item": {"reference": f"List/{at}-history"}}], **met),
        a("List", f"{at}-history", title="History", code=coded("24781000000107", "Category (EHR)"),
          entry=[{"item": {"reference": f"Observation/{each['id']}"}} for each in entries], **met),
        a("Condition", at, clinicalStatus="active", code=coded("195967001", "Asthma"), subject=PERSON, asserter=DOCTOR,
          assertedDate="2026-05-05", extension=[{"url": f"{CARE_CONNECT}Extension-CareConnect-ProblemSignificance-1",
                                                 "valueCode": "major"}]),
        *entries,
    ]  # fmt: skip


def an_answer(size_bytes: int) -> bytes:
    """A structured record of at least `size_bytes`."""
    whose = [a("Patient", "1", birthDate="1970-05-04"), a("Practitioner", "1", name=[{"family": "Reed"}])]
    made = [json.dumps({"resource": each}) for each in (*whose, a("Medication", "1", code=coded("318135008", "Ramipril")))]
    size, number = 0, 0
    while size < size_bytes:
        more = [json.dumps({"resource": each}) for each in (*a_medicine(str(number)), *a_consultation(str(number)))]
        made += more
        size += sum(map(len, more))
        number += 1
    return ('{"resourceType":"Bundle","type":"collection","entry":[' + ",".join(made) + "]}").encode()


def cost(body: bytes, rounds: int) -> dict[str, float]:
    """CPU of the whole and of its longest piece (splitting the answer is one), the least of `rounds`."""
    whole = longest = float("inf")
    for _ in range(rounds):
        last = began = time.process_time()
        work = conversion(split(body))
        most = 0.0
        for _ in work:
            now = time.process_time()
            most, last = max(most, now - last), now
        ended = time.process_time()
        whole, longest = min(whole, ended - began), min(longest, max(most, ended - last))
    found = work.converted
    resources = sum(count for _, count in found.received)
    return {
        "bytes": len(body), "resources": resources,
        "whole_ms": round(whole * 1e3, 1), "longest_piece_ms": round(longest * 1e3, 2),
        "resources_a_second": round(resources / whole), "unread": len(found.unread), "not_carried": len(found.not_carried),
    }  # fmt: skip


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--rounds", type=int, default=15)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    found = {"largest": cost(an_answer(LARGEST_BYTES), args.rounds)}
    for file in sorted(SUPPLIERS.glob("*PWTP2.json")):
        found[file.stem[:4].lower()] = cost(file.read_bytes(), args.rounds)
    largest = found["largest"]
    slowest = min(found.values(), key=lambda each: each["resources_a_second"])
    promises = [
        Promise("one resource, of the slowest mix", round(1e6 / slowest["resources_a_second"], 1), "µs of CPU",
                1e6 / RESOURCES_A_SECOND),
        Promise(f"an answer of {largest['bytes'] / 1e6:.1f} MB, converted", largest["whole_ms"], "ms of CPU", LARGEST_MS),
        Promise("its longest piece in one go", largest["longest_piece_ms"], "ms of CPU", LONGEST_MS),
    ]  # fmt: skip
    tell(promises, found, compact=args.json)


if __name__ == "__main__":
    main()
