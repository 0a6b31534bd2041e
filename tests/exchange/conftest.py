"""The FHIR API on a real port, with identity, holdings and the audit book behind it on real databases."""

import asyncio
import io
import json
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.conftest import template_of
from tests.flows.a_house import drop_databases, own_databases
from tests.patients.people import nhs

from carerecord.app.catalogue import service
from carerecord.app.postgres import Cluster
from carerecord.app.serve import bound, front_app, port_of, server_on
from carerecord.app.wire import Deployment, House, running
from carerecord.contracts.identity import ADD_CLIENT, ISSUE, AddClientAsked, ClientAdded, IssueAsked
from carerecord.contracts.patients import ENROL, Demographics, EnrolAsked, Identifier, Name, SourcePatient
from carerecord.fhir.identifiers import NHS_NUMBER
from carerecord.fhir.patient_ids import PatientIds
from carerecord.holdings import exporting
from carerecord.kit.tokens import derive

SECRET = secrets.token_bytes(32)
patient_id = PatientIds(derive(SECRET, "entries"))
SERVICES = ("identity", "holdings", "audit", "consent", "patients", "policy", "exchange")
KEEPERS = ("identity", "holdings", "audit", "consent", "patients")


_numbers = iter(range(100, 1_000))


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        """As it was written; but a Bundle of nothing, which has no entry, has a list of none to go through."""
        told = json.loads(self.body)
        if isinstance(told, dict) and told.get("resourceType") == "Bundle":
            assert told.get("entry") != [], "FHIR knows no empty list"
            told.setdefault("entry", [])
        return told


@dataclass
class Api:
    """A client of the API: by default a trusted system that may do everything."""

    house: House
    web: aiohttp.ClientSession
    base: str
    token: str

    async def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        shown = self.token if token is None else token
        if shown:
            sent.setdefault("Authorization", f"Bearer {shown}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json-patch+json" if method == "PATCH" else "application/fhir+json")
        data: Any = body if isinstance(body, bytes | str) or body is None else json.dumps(body)
        if isinstance(data, bytes) and len(data) > 1_000_000:
            data = io.BytesIO(data)  # aiohttp warns of what it would send at once
        async with self.web.request(method, f"{self.base}{path}", data=data, headers=sent) as reply:
            return Answer(reply.status, reply.headers, await reply.read())

    async def client(self, *scopes: str, **more: Any) -> ClientAdded:
        asked = AddClientAsked("A client of this test", "R9A", scopes, **more)
        return await self.house.calls("exchange").ask(ADD_CLIENT, asked)

    async def token_with(self, *scopes: str, **more: Any) -> str:
        return await self.issued(await self.client(*scopes, **more))

    async def issued(self, added: ClientAdded) -> str:
        return (await self.house.calls("exchange").ask(ISSUE, IssueAsked(added.client.id, 600.0))).access_token


@pytest.fixture
async def api(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Api]:
    async with serving(cluster, tmp_path) as made:
        yield made


@asynccontextmanager
async def serving(cluster: Cluster, tmp_path: Path, *more: str) -> AsyncIterator[Api]:
    """The API, with more services beside those that it cannot do without."""
    keepers = tuple(dict.fromkeys((*KEEPERS, *more)))
    for name in ("providers", "sources", "secrets"):
        (tmp_path / name).mkdir()
    prefix = f"api_{uuid.uuid4().hex[:10]}"
    assert await template_of(cluster, "holdings")
    databases = await own_databases(cluster, prefix, keepers)
    told = Deployment(data_dir=tmp_path, secret=SECRET, databases=databases)
    try:
        async with AsyncExitStack() as stack:
            # All clocks of a test are one clock: no export waits for that of another machine.
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(exporting, "_SETTLES", timedelta(milliseconds=20))
            house = await stack.enter_async_context(running(told, [service(each) for each in dict.fromkeys((*more, *SERVICES))]))
            listening = bound(0)
            server, _ = server_on(front_app(house), listening)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.005)
            web = await stack.enter_async_context(aiohttp.ClientSession())
            made = Api(house, web, f"http://127.0.0.1:{port_of(listening)}/fhir", "")
            made.token = await made.token_with("system/*.cruds")
            yield made
            server.should_exit = True
            await serving
    finally:
        await drop_databases(cluster, prefix, keepers)


async def kept(api: Api, resource: dict[str, Any]) -> str:
    """The id of what was made of it."""
    made = await api.ask("POST", f"/{resource['resourceType']}", resource)
    assert made.status == 201, made.body
    return str(made.json["id"])


async def enrolled(api: Api) -> tuple[str, str]:
    """Somebody whom the index knows by a source: their id there, and their NHS number."""
    number = nhs(next(_numbers))
    stated = Demographics((Name("Marlow", (f"Enid{number}",)),), "1948-03-02", "female", number, "01")
    person = SourcePatient("elm-bank", number, (Identifier(NHS_NUMBER, number),), stated)
    (told,) = await api.house.calls("exchange").ask(ENROL, EnrolAsked((person,)))
    return told.patient, number
