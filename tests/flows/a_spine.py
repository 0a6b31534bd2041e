"""GP practices beside a whole house: each answers GP Connect, a directory says where, and one table each connects them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from carerecord.region.servers.gp_connect_server import listed_at
from carerecord.region.servers.http import Listener, Reply
from carerecord.region.servers.running import RunningServer, Serving, running
from carerecord.region.servers.sds import OUR_ASID, Sds
from carerecord.region.shapes import FhirJson, Region, System

SECTIONS = ("allergies", "medicines", "problems", "results", "observations", "encounters", "immunisations", "documents",
            "appointments", "social", "other")  # fmt: skip


@dataclass(frozen=True)
class Practices:
    servers: Mapping[str, RunningServer]
    directory: Sds


@asynccontextmanager
async def practices(
    region: Region, habits: Mapping[str, str], *, prepared: Mapping[str, Mapping[str, bytes]] | None = None
) -> AsyncIterator[Practices]:
    """`habits` names the systems that answer GP Connect, each with its supplier's habit; `prepared` whole answers by number."""
    systems = [
        replace(each, connector="gp_connect", habit=habits[each.key]) for each in region.systems if each.key in habits
    ]
    answers = prepared or {}
    servings = [
        Serving(each, region.holdings.get(each.key, ()), latency_s=0.0, prepared=answers.get(each.key)) for each in systems
    ]
    async with running(servings) as servers:
        listener = Listener(lambda _: Reply(b"", 503))
        await listener.listen()
        listed = [listed_at(each, servers[each.key].listener.address) for each in systems]
        directory = listener.handler = Sds(listed, listener.address)
        try:
            yield Practices(servers, directory)
        finally:
            await listener.refuse()
        assert not listener.faults


def connect(folder: Path, systems: Sequence[System], directory: str) -> None:
    """One table for each, beside those that are there."""
    tables = [a_table(each.key, each.ods, each.name, each.mark, directory) for each in systems]
    (folder / "sources" / "practices.toml").write_text("\n".join(tables), encoding="utf-8")


def connect_any(folder: Path, directory: str) -> None:
    """One table for whichever practice a person is registered with."""
    table = a_table("gp", "QZ9", "Registered GP practice", "GP", directory) + "any_practice = true\n"
    (folder / "sources" / "practices.toml").write_text(table, encoding="utf-8")


def a_table(id_: str, ods: str, name: str, mark: str, directory: str) -> str:
    sections = ", ".join(f'"{each}"' for each in SECTIONS)
    return (
        f'[[source]]\nid = "{id_}"\norganisation = "{ods}"\nname = "{name}"\nmark = "{mark}"\nkind = "gp"\n'
        f'connector = "gp_connect"\naddress = "{directory}"\nasid = "{OUR_ASID}"\nknows_by = "nhs-number"\n'
        f'sections = [{sections}]\nstage = "everyone"\n'
    )


def registered_with(region: Region, person: str, ods: str) -> None:
    """From now on the national register names this practice."""
    number = next(each.nhs_number for each in region.people if each.key == person)
    patient: FhirJson = region.register[number]
    patient["generalPractitioner"] = [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": ods}}]
