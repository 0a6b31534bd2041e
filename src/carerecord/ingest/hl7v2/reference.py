"""What of HL7 v2 is mapped, and to what: the page that is made of the tables by which it is done."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from carerecord.ingest.hl7v2 import (
    appointments,
    charsets,
    directives,
    documents,
    medicines,
    obx,
    orders,
    people,
    results,
    systems,
    visits,
)
from carerecord.ingest.hl7v2.mapping import TRIGGERS

# Which fields become what. A test holds that none of them is listed as left.
FIELDS: Final[tuple[tuple[str, tuple[int, ...], str], ...]] = (
    ("PID", (2, 3, 4), "Patient.identifier; the number by which the sender knows the person"),
    ("PID", (5, 9), "Patient.name"),
    ("PID", (6,), "mother's maiden name (extension)"),
    ("PID", (7,), "Patient.birthDate"),
    ("PID", (8,), "Patient.gender"),
    ("PID", (10, 22), "ethnic category (UK Core extension); PID-22 before PID-10"),
    ("PID", (11,), "Patient.address"),
    ("PID", (13, 14), "Patient.telecom"),
    ("PID", (15,), "Patient.communication"),
    ("PID", (16,), "Patient.maritalStatus"),
    ("PID", (17,), "religion (extension)"),
    ("PID", (18,), "the account on which a visit hangs (A35, A36, A44)"),
    ("PID", (23,), "place of birth (extension)"),
    ("PID", (24, 25), "Patient.multipleBirth"),
    ("PID", (29, 30), "Patient.deceased; one that was taken back says so in an extension"),
    ("PID", (32,), "NHS number status, `NSTS01` to `NSTS08` or `01` to `08`; without it 02, present but not traced"),
    ("PD1", (3, 4), "Patient.generalPractitioner"),
    ("PD1", (7, 15), "Flag, one for each directive, with when it was verified (PD1-22); a newer list of the field stands alone"),
    ("NK1", (2, 3, 4, 5, 6, 7, 13), "Patient.contact; a message that names some names all"),
    ("MRG", (1, 4), "the number that is given up, or moves"),
    ("MRG", (3, 5), "the account, the visit that moves or gets another number"),
    ("PV1", (2,), "Encounter.class"),
    ("PV1", (3,), "Encounter.location, one for each place"),
    ("PV1", (4,), "admission method (UK Core extension)"),
    ("PV1", (5,), "Encounter.hospitalization.preAdmissionIdentifier"),
    ("PV1", (7, 8, 9, 17), "Encounter.participant: attender, referrer, consultant, admitter"),
    ("PV1", (10,), "Encounter.serviceType"),
    ("PV1", (14, 36, 37), "Encounter.hospitalization: from where, discharged how, to where"),
    ("PV1", (18,), "Encounter.type"),
    ("PV1", (19, 50), "Encounter.identifier; which field holds the number is data of the sender"),
    ("PV1", (44, 45), "Encounter.period"),
    ("PV2", (3, 12), "Encounter.reasonCode"),
    ("AL1", (2, 3, 4, 5, 6), "AllergyIntolerance"),
    ("IAM", (2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 17, 20), "AllergyIntolerance; IAM-6 `D` withdraws it"),
    ("DG1", (3, 4, 5, 6, 16, 20, 21), "Condition, a diagnosis of the visit; DG1-21 `D` withdraws it"),
    ("PR1", (3, 4, 5, 8, 11, 12, 19, 20), "Procedure"),
    ("ORC", (1, 2, 3, 4, 5, 9, 12, 16), "ServiceRequest, MedicationRequest: status, identifier, who and when"),
    ("ORC", (7,), "of a medicine: how often and when, where neither TQ1 nor RXE-1 says so"),
    ("OBR", (2, 3, 4), "DiagnosticReport.identifier and code; the id of the report"),
    ("OBR", (5, 6, 13, 16, 27, 31, 36), "ServiceRequest: priority, when, why, by whom"),
    ("OBR", (7, 8), "effective[x] of the report and of its observations"),
    ("OBR", (14, 15), "Specimen, where no SPM comes"),
    ("OBR", (22,), "issued"),
    ("OBR", (24,), "DiagnosticReport.category; laboratory or imaging for its observations"),
    ("OBR", (25,), "DiagnosticReport.status; `W` or `D` withdraws the report with all its results"),
    ("OBR", (26,), "of which finding (of the culture in OBR-29) these results tell more: a note, and part of the report's id"),
    ("OBR", (32, 33), "DiagnosticReport.resultsInterpreter"),
    ("OBX", (2, 5, 6), "Observation.value[x]; a document for `ED`, `RP` and a PDF in a text, its pieces joined"),
    ("OBX", (3, 4), "Observation.code, OBR-4 where it is empty; with OBX-4 the id of the result within its report"),
    ("OBX", (7,), "Observation.referenceRange, in the words that were sent"),
    ("OBX", (8,), "Observation.interpretation"),
    ("OBX", (11,), "Observation.status; `W` or `D` withdraws the result. An OBX of an ADT that has none stays with the message"),
    ("OBX", (14,), "Observation.effectiveDateTime"),
    ("OBX", (15, 16, 23, 25), "Observation.performer"),
    ("OBX", (17, 18, 20), "Observation: method, device, bodySite"),
    ("OBX", (21,), "Observation.identifier"),
    ("OBX", (2, 3, 5, 11), "Immunization (VXU): note, reasonCode, statusReason, for LOINC 30945-0, 59785-6, 31044-1, 59784-9"),
    ("SPM", (2, 4, 7, 8, 14, 15, 16, 17, 18, 20, 21, 24), "Specimen; SPM-21 is why it was rejected, SPM-16 its risk"),
    ("NTE", (3,), "the note of what it stands behind; around OBR the report's conclusion; a file's description; part of a text"),
    ("TXA", (2, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 17, 18, 19, 22), "DocumentReference"),
    ("SCH", (1, 2, 6, 7, 8, 9, 10, 11, 25), "Appointment"),
    ("AIS", (3, 4, 7, 8), "Appointment.serviceType and its time"),
    ("AIP", (3,), "Appointment.participant"),
    ("AIL", (3,), "Appointment.participant, a place"),
    ("RXO", (1, 2, 3, 4, 7, 11, 12, 13, 17, 20, 21, 22), "MedicationRequest"),
    ("RXE", (1, 2, 3, 4, 5, 7, 10, 11, 12, 13, 21, 22, 23, 24, 27), "MedicationRequest; the sender's own words are its dose"),
    ("RXR", (1, 2), "route and site"),
    ("RXC", (1, 2, 3, 4, 5, 6), "what a medicine is mixed of: a note of the MedicationRequest"),
    ("RXD", (1, 2, 3, 4, 5, 7, 9, 10, 15), "MedicationDispense"),
    ("RXA", (2, 3, 4, 5, 6, 7, 9, 10, 18, 20, 21), "MedicationAdministration"),
    ("RXA", (3, 5, 6, 7, 9, 10, 11, 15, 16, 17, 18, 20, 21), "Immunization (VXU)"),
    ("TQ1", (2, 3, 4, 6, 7, 8, 9, 10, 11), "how much, how often and at which hours, from when to when, if what, how urgent"),
    ("PRB", (1, 3, 4, 7, 9, 13, 14, 16, 17), "Condition, an entry of the problem list"),
)  # fmt: skip

_PAGE: Final = """# HL7 v2

Written by `carerecord catalogue --hl7v2` from the tables by which messages are mapped; a test fails when this page is out of
date. How one message stands against another: [what a hospital says, and when it
stands](../explanation/what-a-hospital-says.md).

Versions 2.1 to 2.8 come apart alike, and the ITK's 2.4. The trigger event is MSH-9.2, or EVN-1 where that is empty; MSH-9.3
decides nothing. Segments end in CR, LF or both; a batch (FHS, BHS) is opened. What has no place below, local segments (Z…)
included, stays with the message, which is kept as it came, and is named by its place when the message is tried.

## Trigger events

{events}

Any other event is kept as it came, and says so; one that holds results (OBX) waits under *Messages* for somebody to see to it.

## Fields

{fields}

`""` takes away what was there; an empty field keeps it. Results, orders, documents and appointments repeat a person's details
and visit in passing: those are believed where no administrative message has spoken.

## NHS numbers

A repetition of PID-3 (or PID-2, PID-4) holds an NHS number where CX.4 is `NHS`, `NH` or `NHSNBR` (or its OID), or CX.5 is
`NH` or `NHSNMBR`, or the sender's table of authorities says so; and its check digit agrees, and it is not one digit ten
times. `HN` or ten digits alone prove nothing. Whoever CX.4 names, a CX.5 of `MR` or `MRN`, or one that begins with `Hosp`, is
the hospital's own number. Two that differ are both marked as a conflict (05).

## Codes

{codes}

## Code systems by their names

{names}

A name that is neither here nor in the sender's own table gets a system of that sender's, `urn:carerecord:code:…`.

## Character sets

{sets}

Bytes that contradict MSH-18 are read as UTF-8 where they are well-formed UTF-8, else as Windows-1252, and the message says so.
"""


def page() -> str:
    """The whole page, in Markdown."""
    events = ((f"`{code}^{event}`", each.title, each.makes) for (code, event), each in TRIGGERS.items())
    fields = ((_numbers(name, numbers), becomes) for name, numbers, becomes in FIELDS)
    sets = ((f"`{name or '(empty)'}`", codec or "UTF-8, else Windows-1252") for name, codec in charsets.CODECS.items())
    names = ((f"`{name}`", f"`{uri}`") for name, uri in systems.CODES.items())
    codes = (
        ("PV1-2", "Encounter.class", {code: known for code, (known, _) in visits.CLASSES.items()}),
        ("PID-8", "Patient.gender", people.GENDERS),
        ("PD1-7", "Flag", directives.LIVING_WILL),
        ("PD1-15", "Flag (any other as it is named)", directives.DIRECTIVE),
        ("OBX-11", "Observation.status", {**obx.STATUS, **dict.fromkeys(obx.WITHDRAWS, "withdrawn")}),
        ("OBR-25", "DiagnosticReport.status", {**results.STATUS, **dict.fromkeys(results.WITHDRAWS, "withdrawn")}),
        ("ORC-1", "ServiceRequest.status", {key: said or "as ORC-5 says" for key, said in orders.CONTROLS.items()}),
        ("ORC-5", "ServiceRequest.status", orders.STATES),
        ("ORC-1", "MedicationRequest.status (any other: active)", medicines.STATUS),
        ("TXA-17", "DocumentReference.docStatus", documents.COMPLETE),
        ("SCH-25", "Appointment.status", appointments.STATES),
    )
    return _PAGE.format(
        events=_table(("event", "what it says", "what it makes"), events),
        fields=_table(("field", "becomes"), fields),
        codes="\n\n".join(_codes(*each) for each in codes),
        names=_table(("name", "system"), names),
        sets=_table(("MSH-18", "read as"), sets),
    )


def _numbers(name: str, numbers: tuple[int, ...]) -> str:
    return f"`{name}-{numbers[0]}`" + "".join(f", {number}" for number in numbers[1:])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join((f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)))


def _codes(field: str, element: str, codes: Mapping[str, Any]) -> str:
    """One line for each thing that codes mean."""
    by_meaning: dict[str, list[str]] = {}
    for code, meaning in codes.items():
        by_meaning.setdefault(str(meaning), []).append(f"`{code}`" if code else "(empty)")
    said = "; ".join(f"{', '.join(found)} {meaning}" for meaning, found in by_meaning.items())
    return f"**{field}** → {element}: {said}."
