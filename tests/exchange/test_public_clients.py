"""Do clients that others wrote work with this API as they are?"""

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from fhirclient.client import FHIRClient  # type: ignore[import-untyped]
from fhirclient.models.bundle import Bundle  # type: ignore[import-untyped]
from fhirclient.models.humanname import HumanName  # type: ignore[import-untyped]
from fhirclient.models.patient import Patient  # type: ignore[import-untyped]
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome
from joserfc.jwk import ECKey
from tests.exchange.conftest import Api
from tests.exchange.test_access import signed

ROOT = Path(__file__).parents[2]
KIT = ROOT / "node_modules" / "fhir-kit-client"


def entries() -> list[dict[str, Any]]:
    person = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"
    result = {"resourceType": "Observation", "status": "final", "code": {"text": "K"}, "subject": {"reference": person}}
    return [
        {"fullUrl": person, "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
        {"resource": result, "request": {"method": "POST", "url": "Observation"}},
    ]


async def test_fhirpy_works_as_it_is(api: Api) -> None:
    client = AsyncFHIRClient(api.base, authorization=f"Bearer {api.token}")
    patient = client.resource("Patient", name=[{"family": "Marlow", "given": ["Ada"]}])
    await patient.save()
    patient["birthDate"] = "1948-03-02"
    await patient.save()
    for code in range(5):
        await client.resource(
            "Observation", status="final", code={"text": f"K{code}"}, subject=patient.to_reference()
        ).save()
    results = client.resources("Observation").search(patient=patient.id)
    paged = [each["code"]["text"] async for each in results.limit(2)]
    patching = AsyncFHIRClient(
        api.base, authorization=f"Bearer {api.token}", extra_headers={"Content-Type": "application/json-patch+json"}
    )
    steps: Any = [{"op": "replace", "path": "/birthDate", "value": "1949-03-02"}]
    await patching.execute(f"Patient/{patient.id}", "patch", data=steps)
    done = await client.execute("", "post", data={"resourceType": "Bundle", "type": "transaction", "entry": entries()})

    assert sorted(paged) == ["K0", "K1", "K2", "K3", "K4"]
    found = await client.resources("Patient").search(family="marl").first()
    assert found is not None
    assert found["birthDate"] == "1949-03-02"
    assert await results.count() == 5
    assert len(done["entry"]) == 2
    everything = await patient.execute("$everything", "get")
    assert len(everything["entry"]) == 6
    await patient.delete()
    with pytest.raises(OperationOutcome):
        await client.resource("Patient", birthDate="MARLOW").save()


async def test_fhirclient_signs_in_by_its_key_and_works_as_it_is(api: Api) -> None:
    key = ECKey.generate_key("P-384", {"kid": "k1"})
    added = await api.client("system/*.cruds", jwks=json.dumps({"keys": [key.as_dict(private=False)]}))
    token = signed(key, added.client.id, f"{api.base}/oauth/token")
    settings = {"app_id": added.client.id, "api_base": api.base, "jwt_token": token, "scope": "system/*.cruds"}

    def use() -> tuple[str, int, str]:
        client = FHIRClient(settings=settings)
        if not client.ready:
            client.prepare()
            client.authorize()
        assert client.ready
        patient = Patient({"name": [{"family": "Marlow"}]})
        made = patient.create(client.server)
        read = Patient.read(made["id"], client.server)
        read.name = [HumanName({"family": "Marlowe"})]
        read.update()
        found = list(Patient.where({"family": "marlowe"}).perform_resources_iter(client.server))
        paged = list(Patient.where({"family": "marl", "_count": "1"}).perform_iter(client.server))
        bundle = Bundle({"type": "transaction", "entry": entries()})
        done = client.server.post_json("", bundle.as_json()).json()
        assert len(paged) == 1
        found[0].delete()
        return found[0].name[0].family, len(found), done["type"]

    assert await asyncio.to_thread(use) == ("Marlowe", 1, "transaction-response")


@pytest.mark.skipif(not KIT.exists() or not shutil.which("node", path=f"{ROOT}/.venv/bin:{os.environ['PATH']}"),
                    reason="fhir-kit-client comes with `make setup` for development")  # fmt: skip
async def test_fhir_kit_client_works_as_it_is(api: Api) -> None:
    key = ECKey.generate_key("P-384", {"kid": "k1"})
    added = await api.client("system/*.cruds", jwks=json.dumps({"keys": [key.as_dict(private=False)]}))
    told = {
        "base": api.base, "entries": entries(), "assertion": signed(key, added.client.id, f"{api.base}/oauth/token"),
    }  # fmt: skip
    node = shutil.which("node", path=f"{ROOT}/.venv/bin:{os.environ['PATH']}")
    assert node
    running = await asyncio.create_subprocess_exec(
        node, str(Path(__file__).with_name("fhir_kit.mjs")), json.dumps(told), stdout=-1, stderr=-1
    )
    out, err = await asyncio.wait_for(running.communicate(), 60)

    assert running.returncode == 0, err.decode()
    assert json.loads(out) == {
        "software": "carerecord", "updated": "1949-03-02", "patched": "1950-03-02", "found": 1, "pages": 3, "done": 2,
        "gone": 410,
    }  # fmt: skip
