"""Does the locator come to know, by itself, what a source has sent to be kept?"""

import asyncio
import secrets
import uuid
from pathlib import Path

import msgspec

from carerecord.app.catalogue import service
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.app.wire import Deployment, running
from carerecord.contracts.holdings import WRITE, Change, Client, Reach, WriteAsked
from carerecord.contracts.locator import LEARN, WHERE, LearnAsked, Pointer, WhereAsked
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit.tokens import derive
from tests.flows.a_house import drop_databases, own_databases

KEEPERS = ("holdings", "locator")
ACTIVE = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"


async def test_what_a_source_sends_reaches_the_locator(cluster: Cluster, nats: NatsServer, tmp_path: Path) -> None:
    prefix = f"heard_{uuid.uuid4().hex[:10]}"
    databases = await own_databases(cluster, prefix, KEEPERS)
    secret = secrets.token_bytes(32)
    told = Deployment(data_dir=tmp_path, secret=secret, databases=databases, nats_url=nats.url)
    lies = PatientIds(derive(secret, "entries"))("elm-bank", "1")
    resource = {
        "resourceType": "AllergyIntolerance", "id": "a1", "patient": {"reference": f"Patient/{lies}"},
        "code": {"text": "Penicillin"}, "clinicalStatus": {"coding": [{"system": ACTIVE, "code": "active"}]},
    }  # fmt: skip
    try:
        async with running(told, [service(each) for each in KEEPERS]) as house:
            locator, holdings = house.part("locator"), house.part("holdings")
            learn, where = ({each.question.name: each.handler for each in locator.answers}[word.name] for word in (LEARN, WHERE))
            write = {each.question.name: each.handler for each in holdings.answers}[WRITE.name]
            await learn(LearnAsked((Pointer("elm-bank", "1", "p1"),)))
            sender = Client("c1", "A81001", "Elm Bank", chooses_ids=True, source="elm-bank")
            change = Change("update", "AllergyIntolerance", "a1", msgspec.Raw(msgspec.json.encode(resource)))
            (done,) = await write(WriteAsked(sender, Reach(), (change,)))
            assert done.status == 201
            for _ in range(600):
                (pointer,) = await where(WhereAsked(("p1",)))
                if pointer.sections:
                    break
                await asyncio.sleep(0.05)
        assert pointer.sections == ("allergies",)
    finally:
        await drop_databases(cluster, prefix, KEEPERS)
