"""Speaking to systems outside: tokens, links, sizes, patience."""

import asyncio

import pytest

from carerecord.connectors.fhir_r4_asks import searches
from carerecord.connectors.fhir_r4_offers import searched_types
from carerecord.connectors.site import Site
from carerecord.connectors.web import Web
from carerecord.connectors.web_trouble import Denied, Elsewhere, NoAnswer, NotTrusted, TooLarge
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import RunningServer, Serving, running
from tests.records.a_desk import a_system, chart, problem

BASE = "https://gp.example:8443/fhir"


@pytest.mark.parametrize(
    "link",
    [
        f"{BASE}?page=2", f"{BASE}/Condition?page=2", "Condition?page=2", "/fhir/Condition?page=2", "?page=2",
    ],
)  # fmt: skip
def test_a_link_below_the_source_is_followed(link: str):
    assert str(Site(BASE).within(link)).startswith(BASE)


@pytest.mark.parametrize(
    "link",
    [
        "http://gp.example:8443/fhir/Condition", "https://gp.example/fhir/Condition", "https://evil.example:8443/fhir/x",
        "//evil.example/fhir", "https://gp.example:8443/other", "https://gp.example:8443/fhirx", "../admin", "/fhir/../admin",
        "https://user@gp.example:8443/fhir/x", "https://gp.example:8443@evil.example/fhir/x", "file:///etc/passwd",
        "http://169.254.169.254/latest", "https://[oops",
    ],
)  # fmt: skip
def test_a_link_that_leads_anywhere_else_is_not(link: str):
    with pytest.raises(Elsewhere):
        Site(BASE).within(link)


def a_serving(*, needs_token: bool = False) -> Serving:
    from dataclasses import replace

    from carerecord.region.shapes import Holding

    system = replace(a_system("gp"), needs_token=needs_token)
    return Serving(system, [Holding("gp", "g1", "g1", "", chart("g1", problem("c1", "g1")))], latency_s=0)


def site(server: RunningServer) -> Site:
    return Site(server.address, server.token_address, server.client_id, "gp")


def soon(seconds: float = 3.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_one_token_serves_many_requests_and_is_fetched_once_for_all_who_wait():
    async with running([a_serving(needs_token=True)]) as servers:
        server = servers["gp"]
        web = Web(lambda _: server.secret)
        answers = await asyncio.gather(*(web.get(site(server), "Patient/g1", until=soon()) for _ in range(10)))
        await web.close()
        tokens = [each for each in server.asked if each.path.endswith("/oauth/token")]

    assert {each.status for each in answers} == {200}
    assert len(tokens) <= 1


async def test_a_token_that_was_withdrawn_is_fetched_again_once():
    async with running([a_serving(needs_token=True)]) as servers:
        server = servers["gp"]
        web = Web(lambda _: server.secret)
        first = await web.get(site(server), "Patient/g1", until=soon())
        server.reset()  # its tokens are forgotten
        second = await web.get(site(server), "Patient/g1", until=soon())
        await web.close()

    assert (first.status, second.status) == (200, 200)


async def test_credentials_that_are_not_accepted_are_said_to_be_so():
    async with running([a_serving(needs_token=True)]) as servers:
        web = Web(lambda _: "wrong")
        with pytest.raises(Denied) as refusal:
            await web.get(site(servers["gp"]), "Patient/g1", until=soon())
        await web.close()

    assert "wrong" not in refusal.value.says


async def test_more_than_may_be_taken_in_is_not_read():
    async with running([a_serving()]) as servers:
        web = Web(lambda _: "")
        with pytest.raises(TooLarge):
            await web.get(site(servers["gp"]), "Patient/g1", until=soon(), most_bytes=100)
        await web.close()


async def test_an_address_without_encryption_is_asked_on_the_loopback_alone():
    web = Web(lambda _: "")
    with pytest.raises(NotTrusted):
        await web.get(Site("http://gp.example/fhir"), "Patient/1", until=soon())
    await web.close()


async def test_silence_ends_at_the_moment_given():
    async with running([a_serving()]) as servers:
        servers["gp"].set(Habit("silent"))
        web = Web(lambda _: "")
        began = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer):
            await web.get(site(servers["gp"]), "Patient/g1", until=soon(0.3))
        took = asyncio.get_running_loop().time() - began
        await web.close()

    assert 0.25 < took < 3.0


def test_only_offered_types_are_asked_for_and_a_section_without_any_in_full():
    wanted = frozenset({"medicines", "plans"})
    asked = {search.type for search in searches(wanted, frozenset({"MedicationRequest", "Patient"}))}

    assert "MedicationRequest" in asked
    assert "MedicationStatement" not in asked
    assert "CarePlan" in asked
    assert {search.type for search in searches(wanted)} > asked


def test_a_capability_statement_names_what_can_be_searched():
    def can(type_: str, code: str) -> dict[str, object]:
        return {"type": type_, "interaction": [{"code": code}]}

    rest = [{"resource": [can("Condition", "search-type"), can("Binary", "read")]}]
    assert searched_types({"resourceType": "CapabilityStatement", "rest": rest}) == {"Condition"}
    assert searched_types({"resourceType": "Patient"}) == frozenset()
    assert searched_types("nonsense") == frozenset()
