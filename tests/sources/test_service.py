"""The registry follows its folder, and writes down each change before it takes effect."""

from pathlib import Path

from tests.sources.test_model import ELM

from carerecord.contracts.sources import RegistryAsked
from carerecord.kit.clock import SystemClock
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.sources.service import Keeper


async def a_keeper(folder: Path, service_database) -> Keeper:
    database = await service_database("sources")
    clock = SystemClock()
    outbox = Outbox(database.pool, "sources", clock)
    return Keeper(folder, database.pool, outbox, clock, log_for("sources"), lambda name: "")


async def said(keeper: Keeper) -> list[str]:
    rows = await keeper.db.fetch("SELECT convert_from(body, 'UTF8') AS body FROM outbox ORDER BY id")
    return [row["body"] for row in rows]


async def test_a_change_takes_effect_without_a_restart_and_is_written_down(tmp_path, service_database):
    keeper = await a_keeper(tmp_path, service_database)
    (tmp_path / "elm.toml").write_text(ELM)
    await keeper.read()
    first = (await keeper.answer_registry(RegistryAsked())).registry
    assert first is not None
    (tmp_path / "elm.toml").write_text(ELM.replace("elm.example", "new.example"))
    await keeper.read()
    second = (await keeper.answer_registry(RegistryAsked(first.version))).registry
    assert second is not None
    assert second.sources[0].address == "https://new.example/fhir"
    lines = await said(keeper)
    assert ["registry-changed" in line for line in lines] == [True, True]
    assert "elm-bank added" in lines[0]
    assert "elm-bank changed" in lines[1]


async def test_nothing_new_is_answered_with_nothing(tmp_path, service_database):
    keeper = await a_keeper(tmp_path, service_database)
    (tmp_path / "elm.toml").write_text(ELM)
    await keeper.read()
    version = keeper.registry.version
    assert (await keeper.answer_registry(RegistryAsked(version))).registry is None


async def test_a_restart_on_an_unchanged_folder_writes_nothing(tmp_path, service_database):
    keeper = await a_keeper(tmp_path, service_database)
    (tmp_path / "elm.toml").write_text(ELM)
    await keeper.read()
    again = Keeper(tmp_path, keeper.db, keeper.outbox, keeper.clock, keeper.log, keeper.secrets)
    await again.read()
    assert len(await said(keeper)) == 1
