"""A system asks the FHIR API for a person's record: live, kept or both, with every source's state, as the role it acts for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.app.serve import bound, front_app, port_of, server_on
from carerecord.contracts.audit import LOOKS, LooksAsked
from carerecord.contracts.consent import OBJECT, OBJECTIONS, WITHDRAW, ObjectAsked, ObjectionsAsked, WithdrawAsked
from carerecord.contracts.identity import ADD_CLIENT, ISSUE, AddClientAsked, IssueAsked
from carerecord.kit.errors import NotAcceptable
from tests.flows.a_house import Whole, a_whole_house, an_actor
from tests.flows.test_arrangements import HAROLD, TRUST, arrange, arranged, file_all, registry

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
OTHER = "aldermoor-pathology"
GP = an_actor("gp", "A99920", "0042")
WHY = {"Care-Reason": "Discharge letter is being written"}


class Api:
    """The API of a whole house, at a port."""

    def __init__(self, whole: Whole, web: aiohttp.ClientSession, base: str) -> None:
        self.whole, self._web, self.base = whole, web, base

    async def token(self, acts_for: str = "emergency-doctor", *scopes: str) -> str:
        calls = self.whole.house.calls("exchange")
        added = await calls.ask(ADD_CLIENT, AddClientAsked("An EPR", "RY9", scopes or ("system/*.rs",), acts_for=acts_for))
        return (await calls.ask(ISSUE, IssueAsked(added.client.id, 600.0))).access_token

    async def get(self, path: str, token: str, **headers: str) -> tuple[int, Any]:
        async with self._web.get(f"{self.base}{path}", headers={"Authorization": f"Bearer {token}"} | headers) as reply:
            return reply.status, json.loads(await reply.read())

    async def patient(self) -> str:
        return (await self.whole.find(HAROLD)).patient


@asynccontextmanager
async def serving(whole: Whole) -> AsyncIterator[Api]:
    listening = bound(0)
    server, _ = server_on(front_app(whole.house), listening)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    async with aiohttp.ClientSession() as web:
        yield Api(whole, web, f"http://127.0.0.1:{port_of(listening)}/fhir")
    server.should_exit = True
    await task


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_api(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    folder = tmp_path_factory.mktemp("record_by_api")
    async with a_whole_house(cluster, folder, systems=(TRUST, OTHER), nats_url=nats.url) as made:
        await file_all(made, TRUST)
        async with serving(made) as api:
            yield api


@pytest_asyncio.fixture(loop_scope="module")
async def api(one_api: Api) -> AsyncIterator[Api]:
    whole = one_api.whole
    written = registry(whole).read_text()
    for server in whole.servers.values():
        server.reset()
        server.asked.clear()
    yield one_api
    await arranged(whole, written)


def of(bundle: Any, mode: str = "match") -> list[Any]:
    return [each for each in bundle["entry"] if each["search"]["mode"] == mode]


def states(bundle: Any) -> dict[str, str]:
    outcomes = [each["resource"] for each in of(bundle, "outcome") if "id" in each["resource"]]
    return {each["id"]: each["issue"][0]["details"]["coding"][0]["code"] for each in outcomes}


def content(bundle: Any) -> list[str]:
    """What the resources say, whoever holds them under which id and with which codes of its own beside."""
    resources = [each["resource"] for each in of(bundle)]
    return sorted(f"{each['resourceType']} {each.get('code', {}).get('text', '')}" for each in resources)


async def test_everything_is_answered_by_arrangement_with_an_entry_for_the_state_of_every_source(api: Api):
    token, path = await api.token(), f"/Patient/{await api.patient()}/$everything"
    status, live = await api.get(path, token, **WHY)
    assert status == 200
    assert states(live) == {TRUST: "live", OTHER: "live"}
    assert {each["resource"]["resourceType"] for each in of(live)} >= {"Patient", "Condition"}
    assert len({each["fullUrl"] for each in of(live)}) == len(of(live)) == live["total"]

    await arrange(api.whole, "copy")
    api.whole.servers[TRUST].asked.clear()
    _, copy = await api.get(path, token, **WHY)
    assert api.whole.servers[TRUST].asked == []
    assert states(copy)[TRUST] == "copy"
    assert content(copy) == content(live)
    told = next(each["resource"]["issue"][0] for each in of(copy, "outcome") if each["resource"].get("id") == TRUST)
    assert told["diagnostics"].startswith("Copy as at ")


async def test_the_copy_of_a_silent_source_says_so_in_its_entry(api: Api):
    token, path = await api.token(), f"/Patient/{await api.patient()}/$everything"
    await arrange(api.whole, "both")
    await api.whole.servers[TRUST].listener.refuse()
    _, found = await api.get(path, token, **WHY)
    await api.whole.servers[TRUST].listener.listen()
    issue = next(each["resource"]["issue"][0] for each in of(found, "outcome") if each["resource"].get("id") == TRUST)
    assert (issue["severity"], issue["code"], states(found)[TRUST]) == ("warning", "incomplete", "out-of-date")
    assert "Copy as at " in issue["diagnostics"]


async def test_a_search_in_a_record_asks_the_sources_for_its_type_and_takes_the_parameters_of_the_type(api: Api):
    token, patient = await api.token(), await api.patient()
    _, every = await api.get(f"/Patient/{patient}/Observation", token, **WHY)
    assert {each["resource"]["resourceType"] for each in of(every)} == {"Observation"}
    asked = {each.path.rsplit("/", 2)[-2] for each in api.whole.servers[TRUST].asked if "_search" in each.path}
    assert "AllergyIntolerance" not in asked

    code = next(each["resource"]["code"]["coding"][0]["code"] for each in of(every) if "coding" in each["resource"]["code"])
    _, one = await api.get(f"/Patient/{patient}/Observation?code={code}", token, **WHY)
    codes = [coding["code"] for each in of(one) for coding in each["resource"]["code"]["coding"]]
    assert code in codes
    assert 0 < len(of(one)) < len(of(every))
    assert states(one) == states(every), "that nothing was found is said with whom was heard"

    for wrong in ("colour=red", "_sort=code", "subject.name=x", "_include=Observation:encounter"):
        assert (await api.get(f"/Patient/{patient}/Observation?{wrong}", token, **WHY))[0] == 400


async def test_a_record_is_handed_over_in_pages_that_show_what_stood_at_the_first_and_each_names_every_source(api: Api):
    token, path = await api.token(), f"/Patient/{await api.patient()}/$everything"
    _, whole = await api.get(path, token, **WHY)
    _, first = await api.get(f"{path}?_count=3", token, **WHY)
    following = next(each["url"] for each in first["link"] if each["relation"] == "next").removeprefix(api.base)
    await api.whole.servers[TRUST].listener.refuse()
    pages = [first]
    try:
        while following:
            status, page = await api.get(following, token, **WHY)
            assert status == 200
            pages.append(page)
            following = next((each["url"].removeprefix(api.base) for each in page["link"] if each["relation"] == "next"), "")
    finally:
        await api.whole.servers[TRUST].listener.listen()
    shown = [each["fullUrl"] for page in pages for each in of(page)]
    assert shown == [each["fullUrl"] for each in of(whole)]
    assert {len(of(page)) for page in pages[:-1]} == {3}
    assert all(states(page) == states(whole) for page in pages)
    assert {page["total"] for page in pages} == {len(shown)}

    link = next(each["url"] for each in first["link"] if each["relation"] == "next").removeprefix(api.base)
    assert (await api.get(link, await api.token(), **WHY))[0] == 400, "it is another client's"
    assert (await api.get(link[:-1], token, **WHY))[0] == 400
    assert (await api.get(link, token, **WHY | {"Care-Reason": "Another one"}))[0] == 400
    assert (await api.get(link, token))[0] == 400, "without its reason it is no link at all"


async def test_without_a_role_a_reason_a_scope_or_leave_nobody_is_asked(api: Api):
    path = f"/Patient/{await api.patient()}/$everything"
    assert (await api.get(path, await api.token(""), **WHY))[0] == 403
    assert (await api.get(path, await api.token("privacy-officer"), **WHY))[0] == 403
    assert (await api.get(path, await api.token(), **{"Care-Reason": " "}))[0] == 403
    assert (await api.get(path, await api.token(), **WHY | {"Care-Purpose": "curiosity"}))[0] in (403, 422)
    assert (await api.get("/Patient/nobody/$everything", await api.token(), **WHY))[0] == 404
    assert (await api.get(path, await api.token()))[0] == 404, "without the header it asks for what is kept under an id of ours"
    assert [each for server in api.whole.servers.values() for each in server.asked] == []

    for elsewhere in (f"/Observation?patient={await api.patient()}", "/Patient/nobody"):
        assert (await api.get(elsewhere, await api.token(), **WHY))[0] == 400, "never answered from less than was asked for"

    narrow = await api.token("emergency-doctor", "system/Condition.rs", "system/Patient.r")
    _, found = await api.get(path, narrow, **WHY)
    assert {each["resource"]["resourceType"] for each in of(found)} == {"Condition", "Patient"}
    with pytest.raises(NotAcceptable):
        await api.token("surgeon-general")


async def test_what_the_person_hides_is_not_in_it_and_the_look_is_in_the_book_with_its_reason(api: Api):
    token, person = await api.token(), await api.whole.find(HAROLD)
    path = f"/Patient/{person.patient}/$everything"
    calls = api.whole.calls
    await calls.ask(OBJECT, ObjectAsked(GP, person.patient, "problems", "", ""))
    try:
        _, found = await api.get(path, token, **WHY)
    finally:
        for each in await calls.ask(OBJECTIONS, ObjectionsAsked(person.ids)):
            await calls.ask(WITHDRAW, WithdrawAsked(GP, each.id))
    assert "Condition" not in {each["resource"]["resourceType"] for each in of(found)}
    assert any(each["code"] == "suppressed" for entry in of(found, "outcome") for each in entry["resource"]["issue"])
    for _ in range(100):
        lines = (await calls.ask(LOOKS, LooksAsked(person=person.ids))).lines
        if mine := [each for each in lines if each.reason == WHY["Care-Reason"] and each.what == "record-opened"]:
            break
        await asyncio.sleep(0.1)
    assert mine[0].actor is not None
    assert (mine[0].actor.name, mine[0].actor.role.code) == ("An EPR", "emergency-doctor")
