"""How are messages filed? Each once, in its order, whatever fails in between, and nothing is ever stuck in silence."""

from typing import Any

from tests.ingest.a_hospital import a_hospital, adt

from carerecord.ingest.head import Verdict


async def test_a_message_becomes_a_patient_with_where_it_came_from(service_database: Any):
    async with a_hospital(service_database) as hospital:
        assert await hospital.put(adt("A28")) == [Verdict.TAKEN]
        await hospital.file_all()

        (patient,) = await hospital.history("Patient")
        (provenance,) = await hospital.history("Provenance")

    assert b"MARLOW" in patient.text.upper()
    assert f"Patient/{patient.id}".encode() in provenance.text
    assert b'"value":"1"' in provenance.text, "the number of the message in the journal"
