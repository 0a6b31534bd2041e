"""A house in which things change, and an endpoint on a real port that waits to be told."""

import asyncio
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from carerecord.app.catalogue import CATALOGUE, service
from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.app.serve import bound, front_app, port_of, server_on
from carerecord.app.wire import Deployment, House, running
from carerecord.contracts.identity import ADD_CLIENT, ISSUE, AddClientAsked, ClientRow, IssueAsked
from tests.flows.a_house import drop_databases, own_databases
from tests.subscriptions.alone import QUICK
from tests.subscriptions.asked import asking

SERVICES = ("identity", "sources", "patients", "consent", "holdings", "audit", "policy", "subscriptions", "exchange")
KEEPERS = tuple(each for each in SERVICES if service(each).keeps)
assert [each.name for each in CATALOGUE if each.name in SERVICES] == list(SERVICES)
SCOPES = ("system/*.cruds", "system/Subscription.cruds")
@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def parameters(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads(self.body)["entry"][0]["resource"]["parameter"]
        return told

    @property
    def kind(self) -> str:
        if not self.body:
            return ""
        return next(str(each["valueCode"]) for each in self.parameters if each["name"] == "type")

    @property
    def events(self) -> list[tuple[int, str]]:
        """Number and what it is about ("Observation/o1"), in their order."""
        found = []
        for each in self.parameters:
            if each["name"] == "notification-event":
                parts = {part["name"]: part for part in each["part"]}
                about = parts["focus"]["valueReference"]["reference"].split("/fhir/")[1] if "focus" in parts else ""
                found.append((int(parts["event-number"]["valueString"]), about))
        return found


@dataclass
class Hook:
    """An endpoint. `answer` decides what it says to each."""

    address: str = ""
    got: list[Got] = field(default_factory=list)
    status: int = 200
    before: Callable[[Got], Awaitable[None]] | None = None

    @property
    def events(self) -> list[tuple[int, str]]:
        return [event for each in self.got if each.kind == "event-notification" for event in each.events]

    async def take(self, request: web.Request) -> web.Response:
        got = Got(request.path, dict(request.headers), await request.read())
        if self.before is not None:
            await self.before(got)
        if self.status < 300:
            self.got.append(got)
        location = {"Location": f"{self.address}/elsewhere"} if 300 <= self.status < 400 else {}
        return web.Response(status=self.status, headers=location)

    async def until(self, good: Callable[["Hook"], bool], within_s: float = 15.0) -> None:
        for _ in range(int(within_s / 0.02)):
            if good(self):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"got {[(each.kind, each.body[:80]) for each in self.got]}")


@asynccontextmanager
async def listening() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", hook.take)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    hook.address = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield hook
    finally:
        await runner.cleanup()


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with listening() as made:
        yield made


@dataclass
class Told:
    """The house, as a client of its API that waits for changes."""

    house: House
    web: ClientSession
    base: str
    client: ClientRow
    token: str
    databases: dict[str, str]

    async def ask(self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {token or self.token}", "Content-Type": "application/fhir+json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        async with self.web.request(method, f"{self.base}{path}", data=data, headers=sent) as reply:
            text = await reply.read()
            return reply.status, json.loads(text) if text else None

    async def another(self, *scopes: str, organisation: str = "R9A") -> tuple[ClientRow, str]:
        calls = self.house.calls("exchange")
        added = await calls.ask(ADD_CLIENT, AddClientAsked("A client of this test", organisation, scopes))
        return added.client, (await calls.ask(ISSUE, IssueAsked(added.client.id, 600.0))).access_token

    async def subscribe(
        self, hook: Hook, criteria: str = "Observation", *, token: str = "", active: bool = True, **channel: Any
    ) -> str:
        status, made = await self.ask("POST", "/Subscription", asking(f"{hook.address}/told", criteria, **channel), token=token)
        assert status == 201, made
        assert made["status"] == "requested"
        if active:
            await self.until(made["id"], "active", token=token)
        return str(made["id"])

    async def until(self, id_: str, status: str, *, token: str = "") -> dict[str, Any]:
        for _ in range(500):
            _, found = await self.ask("GET", f"/Subscription/{id_}", token=token)
            if found["status"] == status:
                return dict(found)
            await asyncio.sleep(0.02)
        raise AssertionError(found)

    async def put(self, resource: dict[str, Any]) -> None:
        status, told = await self.ask("PUT", f"/{resource['resourceType']}/{resource['id']}", resource)
        assert status in (200, 201), told


def patient(id_: str = "p1", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Marlow"}], **more}


def result(id_: str, code: str = "2823-3", whose: str = "p1", **more: Any) -> dict[str, Any]:
    coding = [{"system": "http://loinc.org", "code": code}]
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "code": {"coding": coding},
        "subject": {"reference": f"Patient/{whose}"}, **more,
    }  # fmt: skip


@asynccontextmanager
async def a_house(
    cluster: Cluster, nats: NatsServer, folder: Path, *, settings: dict[str, str] | None = None,
    databases: dict[str, str] | None = None, secret: bytes = b"", without: str = "",
) -> AsyncIterator[Told]:  # fmt: skip
    prefix = f"told_{uuid.uuid4().hex[:10]}"
    for name in ("providers", "sources", "secrets"):
        (folder / name).mkdir(exist_ok=True)
    own = databases or await own_databases(cluster, prefix, KEEPERS)
    told = Deployment(
        data_dir=folder, secret=secret or secrets.token_bytes(32), databases=own, nats_url=nats.url,
        settings={"subscriptions": QUICK | (settings or {})},
    )  # fmt: skip
    try:
        async with AsyncExitStack() as stack:
            house = await stack.enter_async_context(running(told, [service(each) for each in SERVICES if each != without]))
            socket = bound(0)
            server, _ = server_on(front_app(house), socket)
            serving = asyncio.create_task(server.serve(sockets=[socket]))
            while not server.started:
                await asyncio.sleep(0.005)
            session = await stack.enter_async_context(ClientSession())
            calls = house.calls("exchange")
            added = await calls.ask(ADD_CLIENT, AddClientAsked("A ward board", "R9A", SCOPES))
            token = (await calls.ask(ISSUE, IssueAsked(added.client.id, 600.0))).access_token
            yield Told(house, session, f"http://127.0.0.1:{port_of(socket)}/fhir", added.client, token, own)
            server.should_exit = True
            await serving
    finally:
        if databases is None:
            await drop_databases(cluster, prefix, KEEPERS)


@pytest.fixture
async def told(cluster: Cluster, nats: NatsServer, tmp_path: Path) -> AsyncIterator[Told]:
    async with a_house(cluster, nats, tmp_path) as made:
        await made.put(patient())
        yield made
