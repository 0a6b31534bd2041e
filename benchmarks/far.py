"""Sources in a process of their own: prepared bytes over a raw asyncio protocol, so that serving costs next to nothing.

Run by the benchmarks: `python -m benchmarks.far COUNT ENTRIES SLOWEST_MS`; it prints its ports as one line of JSON, then for
each line of input how many requests came and what CPU it has used, and serves until its input closes. The last source never
answers when COUNT ends in "+hung".
"""

import asyncio
import json
import sys
import time
from typing import Any

NHS_NUMBER = "9990000018"
HL7, UCUM = "http://terminology.hl7.org/CodeSystem/", "http://unitsofmeasure.org"
ANALYTES = (("Potassium", "88480006"), ("Creatinine", "70901006"), ("Haemoglobin", "38082009"), ("Sodium", "39972003"))


def a_bundle(source: int, entries: int) -> bytes:
    """One person's answer of one source: the mix of a hospital system, about 900 bytes each."""
    resources: list[dict[str, Any]] = [
        {
            "resourceType": "Patient", "id": "p", "birthDate": "1948-06-19", "gender": "female",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER}],
            "name": [{"use": "official", "family": "Marlow", "given": ["Edith"]}],
        }
    ]  # fmt: skip
    resources += [_resource(source, number) for number in range(entries)]
    written = [
        {"fullUrl": f"urn:x:{source}:{n}", "resource": each, "search": {"mode": "match"}} for n, each in enumerate(resources)
    ]
    return json.dumps({"resourceType": "Bundle", "type": "searchset", "total": len(written), "entry": written}).encode()


def _resource(source: int, number: int) -> dict[str, Any]:
    kind = number % 25
    at = f"202{number % 6}-0{number % 9 + 1}-1{number % 10}T09:{number % 60:02d}:{source % 60:02d}+00:00"
    shared: dict[str, Any] = {
        "id": f"s{source}-{number}",
        "meta": {"versionId": "1", "lastUpdated": at},
        "identifier": [{"system": f"https://s{source}.example/Id", "value": f"{source}/{number}"}],
    }
    me = {"reference": "Patient/p"}
    if kind < 16:
        analyte, code = ANALYTES[kind % 4]
        return {
            "resourceType": "Observation", **shared, "status": "final",
            "category": [{"coding": [{"system": f"{HL7}observation-category", "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": code, "display": analyte}], "text": analyte},
            "subject": me, "effectiveDateTime": at, "performer": [{"display": f"Laboratory {source}"}],
            "valueQuantity": {"value": round(4 + number / 10 + source / 100, 2), "unit": "mmol/L", "system": UCUM},
            "referenceRange": [{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.3, "unit": "mmol/L"}}],
        }  # fmt: skip
    if kind < 20:
        drug = ["Ramipril", "Bisoprolol", "Atorvastatin", "Metformin"][kind % 4]
        return {
            "resourceType": "MedicationRequest", **shared, "status": "active", "intent": "order", "subject": me, "authoredOn": at,
            "medicationCodeableConcept": {
                "coding": [{"system": "https://dmd.nhs.uk", "code": f"31{kind}", "display": f"{drug} 5mg tablets"}]
            },
            "dosageInstruction": [
                {"text": "one tablet once a day", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                 "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}
            ],
        }  # fmt: skip
    if kind < 23:
        return {
            "resourceType": "Condition", **shared, "subject": me, "onsetDateTime": at[:10],
            "clinicalStatus": {"coding": [{"system": f"{HL7}condition-clinical", "code": "active"}]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": f"4943600{kind}", "display": f"Problem {kind}"}]},
        }  # fmt: skip
    if kind == 23:
        return {
            "resourceType": "Encounter", **shared, "status": "finished", "subject": me, "period": {"start": at},
            "class": {"system": f"{HL7}v3-ActCode", "code": "AMB"}, "type": [{"text": "Clinic"}],
        }  # fmt: skip
    return {
        "resourceType": "AllergyIntolerance", **shared, "patient": me, "recordedDate": at, "code": {"text": "Penicillin"},
        "clinicalStatus": {"coding": [{"system": f"{HL7}allergyintolerance-clinical", "code": "active"}]},
    }  # fmt: skip


class Source(asyncio.Protocol):
    """Answers every request with the same bytes, after the same time; one that hangs never does."""

    requests = 0  # to all sources

    def __init__(self, reply: bytes, latency_s: float, hangs: bool) -> None:
        self._reply, self._latency_s, self._hangs = reply, latency_s, hangs
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            _, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
            Source.requests += 1
            if not self._hangs:
                asyncio.get_running_loop().call_later(self._latency_s, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._reply)  # type: ignore[attr-defined]


def latencies(count: int, slowest_s: float) -> list[float]:
    """Spread evenly from a tenth of the slowest up to it: 50 to 500 ms."""
    return [slowest_s * (0.1 + 0.9 * n / max(1, count - 1)) for n in range(count)]


async def serve(count: int, entries: int, slowest_s: float, hung: bool) -> None:
    loop, ports = asyncio.get_running_loop(), []
    for number, latency_s in enumerate(latencies(count, slowest_s)):
        body = a_bundle(number, entries)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n" % len(body)
        hangs = hung and number == count - 1
        made = lambda reply=head + body, latency_s=latency_s, hangs=hangs: Source(reply, latency_s, hangs)  # noqa: E731
        server = await loop.create_server(made, "127.0.0.1", 0, backlog=1024)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    while await loop.run_in_executor(None, sys.stdin.buffer.readline):
        print(json.dumps({"requests": Source.requests, "cpu_s": round(time.process_time(), 3)}), flush=True)


if __name__ == "__main__":
    import uvloop

    how_many, _, more = sys.argv[1].partition("+")
    uvloop.run(serve(int(how_many), int(sys.argv[2]), float(sys.argv[3]) / 1000, more == "hung"))
