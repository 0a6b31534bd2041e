"""A section is opened by a named person, on the evidence of a passing probe, and every change stands in the book."""

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from msgspec.structs import replace
from tests.conftest import migration_folders
from tests.sources.test_model import ELM

from carerecord.contracts.actors import Actor, Role
from carerecord.contracts.audit import Line
from carerecord.contracts.sources import Check, Probe, ProbeAsked, RegistryAsked, SharedSection, StageAsked
from carerecord.kit.errors import CareRecordError, NotAcceptable, NotFound, NotUnderstood, Refused
from carerecord.kit.events import Outbox
from carerecord.kit.log import log_for
from carerecord.kit.migrate import migrate
from carerecord.sources import service
from carerecord.sources.model import reached_as
from carerecord.sources.service import Keeper
from carerecord.sources.store.probes import add_probe

TESTER = (
    '[[safety_tester]]\nid = "rahman"\nname = "Dr A Rahman"\norganisation = "R9A"\n'
    'issuer = "https://idp.example"\nsubject = "7"\n'
)


def an_actor(code: str, subject: str = "1") -> Actor:
    return Actor("https://idp.example", subject, "Dr A Rahman", Role("1", code, code, "R9A", "Aldermoor"))


OFFICER, TESTING_GP, ANOTHER_GP = an_actor("clinical-safety-officer"), an_actor("gp", "7"), an_actor("gp", "8")


@dataclass
class Hands:
    """A clock that a test moves."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at


async def a_keeper(folder: Path, database, clock: Hands) -> Keeper:
    outbox = Outbox(database.pool, "sources", clock)
    keeper = Keeper(folder, database.pool, outbox, clock, log_for("sources"), lambda name: "")
    await keeper.read()
    return keeper


@pytest.fixture
async def keeper(tmp_path, service_database) -> Keeper:
    """Elm Bank, connected today, and one named tester."""
    (tmp_path / "elm.toml").write_text(ELM + TESTER)
    return await a_keeper(tmp_path, await service_database("sources"), Hands())


async def probed(keeper: Keeper, *, ok: bool = True, source: str = "elm-bank") -> str:
    """A probe of Elm Bank as it is reached now; its id."""
    found = Probe(source, ok, (Check("allergies", ok, "answers"),), uuid4().hex)
    await add_probe(keeper.db, found, reached_as(keeper.source("elm-bank")), keeper.clock.now())
    return found.id


def to(stage: str, section: str = "allergies", actor: Actor | None = OFFICER, **more) -> StageAsked:
    return StageAsked("elm-bank", section, stage, actor=actor, **more)


def stages(keeper: Keeper) -> dict[str, str]:
    return {each.section: each.stage for each in keeper.source("elm-bank").sections}


async def lines(keeper: Keeper, what: str) -> list[Line]:
    rows = await keeper.db.fetch("SELECT body FROM outbox ORDER BY id")
    return [line for row in rows if (line := msgspec.json.decode(row["body"], type=Line)).what == what]


async def test_a_new_source_is_open_to_nobody_until_somebody_opens_it(keeper: Keeper):
    assert stages(keeper) == {"allergies": "off", "medicines": "off"}
    before = keeper.registry.version
    done = await keeper.answer_stage(to("safety-testers", evidence=await probed(keeper)))
    assert done.sections[0] == SharedSection("allergies", "live", "safety-testers", (), "everyone")
    assert stages(keeper) == {"allergies": "safety-testers", "medicines": "off"}
    answered = (await keeper.answer_registry(RegistryAsked(before))).registry
    assert answered is not None, "whoever knew the registry hears that it has changed"
    assert not answered.closed_to(TESTING_GP) >= {("elm-bank", "allergies")}
    assert answered.closed_to(ANOTHER_GP) == {("elm-bank", "allergies"), ("elm-bank", "medicines")}


async def test_a_change_stands_in_the_book_with_who_what_and_on_which_evidence(keeper: Keeper):
    evidence = await probed(keeper)
    await keeper.answer_stage(to("organisations", "all", organisations=("R9A", "R9F"), evidence=evidence))
    (line,) = await lines(keeper, "stage-changed")
    assert line.actor == OFFICER
    assert line.sources == ("elm-bank",)
    assert line.states == ("elm-bank/allergies=off→organisations R9A R9F", "elm-bank/medicines=off→organisations R9A R9F")
    assert line.rule == "stage/safety-testers"
    assert evidence in line.reason


async def test_wider_needs_a_passing_probe_of_this_source_as_it_is_now_not_older_than_a_week(keeper: Keeper):
    good = await probed(keeper)

    async def refused(evidence: str) -> str:
        with pytest.raises(NotAcceptable) as caught:
            await keeper.answer_stage(to("everyone", evidence=evidence))
        return caught.value.says

    assert "needs a passing probe" in await refused("")
    assert "no probe of Elm Bank Surgery by that id" in await refused("made-up")
    assert "no probe of Elm Bank Surgery by that id" in await refused(await probed(keeper, source="another"))
    assert "found something wrong" in await refused(await probed(keeper, ok=False))
    keeper.clock.at += timedelta(days=7, seconds=1)  # type: ignore[attr-defined]
    assert "older than 7 days" in await refused(good)
    fresh = await probed(keeper)
    (keeper.folder / "elm.toml").write_text(ELM.replace("elm.example", "new.example") + TESTER)
    await keeper.read()
    assert "changed in the registry since that probe" in await refused(fresh)
    assert stages(keeper)["allergies"] == "off"
    assert await lines(keeper, "stage-changed") == []


async def test_to_close_needs_no_evidence_and_takes_effect_at_once(keeper: Keeper):
    await keeper.answer_stage(to("everyone", "all", evidence=await probed(keeper)))
    assert keeper.registry.closed_to(ANOTHER_GP) == frozenset()
    await keeper.answer_stage(to("off", "medicines"))
    assert keeper.registry.closed_to(ANOTHER_GP) == {("elm-bank", "medicines")}


async def test_more_organisations_are_wider_and_fewer_are_not(keeper: Keeper):
    await keeper.answer_stage(to("organisations", organisations=("R9A", "R9F"), evidence=await probed(keeper)))
    await keeper.answer_stage(to("organisations", organisations=("R9F",)))
    with pytest.raises(NotAcceptable, match="needs a passing probe"):
        await keeper.answer_stage(to("organisations", organisations=("R9F", "A99917")))
    assert keeper.source("elm-bank").sections[0].organisations == ("R9F",)


async def test_only_a_safety_officer_or_a_named_tester_opens_or_closes(keeper: Keeper):
    evidence = await probed(keeper)
    for code in ("administrator", "gp", "emergency-doctor", "privacy-officer"):
        with pytest.raises(Refused):
            await keeper.answer_stage(to("everyone", actor=an_actor(code, "99"), evidence=evidence))
    tried = await lines(keeper, "stage-changed")
    refused = {each.actor.role.code for each in tried if each.actor and each.outcome == "refused"}
    assert refused == {"administrator", "gp", "emergency-doctor", "privacy-officer"}
    await keeper.answer_stage(to("safety-testers", actor=TESTING_GP, evidence=evidence))
    assert stages(keeper)["allergies"] == "safety-testers"


async def test_at_the_command_line_a_tester_whom_the_files_name_is_named(keeper: Keeper):
    evidence = await probed(keeper)
    with pytest.raises(NotFound, match=r"The registry's files name: rahman\."):
        await keeper.answer_stage(to("everyone", actor=None, tester="nobody", evidence=evidence))
    await keeper.answer_stage(to("everyone", actor=None, tester="rahman", evidence=evidence))
    (line,) = await lines(keeper, "stage-changed")
    assert line.actor is not None
    assert (line.actor.name, line.actor.key) == ("Dr A Rahman", "https://idp.example|7")
    assert "command line" in line.reason


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (to("everybody"), "A stage is one of"),
        (to("off", "alergies"), "it shares allergies, medicines"),
        (to("organisations"), "to which organisations"),
        (to("organisations", organisations=("not one",)), "not an ODS code"),
        (to("everyone", organisations=("R9A",)), "only with the stage"),
        (StageAsked("nobody", "all", "off", actor=OFFICER), "No source is called nobody"),
    ],
)
async def test_what_is_not_understood_is_said_and_changes_nothing(keeper: Keeper, asked: StageAsked, says: str):
    with pytest.raises(CareRecordError, match=says) as caught:
        await keeper.answer_stage(asked)
    assert isinstance(caught.value, NotUnderstood | NotFound)
    assert set(stages(keeper).values()) == {"off"}


async def test_the_file_bounds_what_may_be_set_and_what_was_set_already(keeper: Keeper):
    await keeper.answer_stage(to("everyone", "all", evidence=await probed(keeper)))
    (keeper.folder / "elm.toml").write_text(ELM + 'stage_at_most = "organisations"\nopen_to = ["R9A"]\n' + TESTER)
    await keeper.read()
    assert keeper.registry.closed_to(an_actor("gp", "50")) == frozenset()
    other = Actor("https://idp.example", "9", "Dr B", Role("1", "gp", "GP", "A99917", "Elm Bank"))
    assert len(keeper.registry.closed_to(other)) == 2
    with pytest.raises(NotAcceptable, match="no more than: named organisations"):
        await keeper.answer_stage(to("everyone", evidence=await probed(keeper)))
    (keeper.folder / "elm.toml").write_text(ELM + 'stage_at_most = "off"\n' + TESTER)
    await keeper.read()
    assert set(stages(keeper).values()) == {"off"}


async def test_a_stage_that_was_set_outlives_a_restart_and_stands_above_what_the_file_says(keeper: Keeper):
    await keeper.answer_stage(to("safety-testers", evidence=await probed(keeper)))
    (keeper.folder / "elm.toml").write_text(ELM + 'stage = "everyone"\n' + TESTER)
    again = Keeper(keeper.folder, keeper.db, keeper.outbox, keeper.clock, keeper.log, keeper.secrets)
    await again.read()
    assert stages(again) == {"allergies": "safety-testers", "medicines": "everyone"}


async def test_another_process_hears_of_a_change_when_it_next_looks(keeper: Keeper):
    other = Keeper(keeper.folder, keeper.db, keeper.outbox, keeper.clock, keeper.log, keeper.secrets)
    await other.read()
    await keeper.answer_stage(to("everyone", evidence=await probed(keeper)))
    await other.read()
    assert stages(other)["allergies"] == "everyone"
    assert other.registry.version == keeper.registry.version


async def test_a_change_that_cannot_be_written_down_is_not_made(keeper: Keeper):
    evidence = await probed(keeper)
    await keeper.db.execute("ALTER TABLE outbox RENAME TO outbox_elsewhere")
    with pytest.raises(Exception):  # noqa: B017 - whatever the database says
        await keeper.answer_stage(to("everyone", evidence=evidence))
    await keeper.restage()
    assert stages(keeper)["allergies"] == "off"


async def test_a_probe_is_kept_with_who_asked_for_it_and_stands_in_the_book(keeper: Keeper, monkeypatch):
    async def well(source, secret) -> Probe:
        return Probe(source.id, True, (Check("capability statement", True, "FHIR 4.0.1"),))

    monkeypatch.setattr(service, "probe", well)
    found = await keeper.answer_probe(ProbeAsked("elm-bank", OFFICER))
    assert (found.by, found.at) == ("Dr A Rahman", "2026-11-22T12:00:00.000Z")
    (line,) = await lines(keeper, "source-probed")
    assert line.actor == OFFICER
    assert line.states == (f"elm-bank=passed {found.id}",)
    await keeper.answer_stage(to("everyone", evidence=found.id))
    assert stages(keeper)["allergies"] == "everyone"


async def test_what_was_in_force_before_there_were_stages_stays_open_and_what_comes_after_is_off(tmp_path, database):
    kit, own = migration_folders("sources")
    before = tmp_path / "sources" / "migrations"
    before.mkdir(parents=True)
    shutil.copy(own / "0001_registry.sql", before)
    await migrate(database.dsn, (kit, before))
    known = '{"elm-bank": "x", "gone": "y"}'
    await database.pool.execute("INSERT INTO registry_version (version, in_force_at, sources) VALUES ('1', now(), $1)", known)
    shutil.copy(own / "0002_stages.sql", before)
    await migrate(database.dsn, (kit, before))
    folder = tmp_path / "registry"
    folder.mkdir()
    (folder / "elm.toml").write_text(ELM)
    (folder / "oak.toml").write_text(ELM.replace("elm-bank", "oak"))
    keeper = await a_keeper(folder, database, Hands())

    assert stages(keeper) == {"allergies": "everyone", "medicines": "everyone"}
    assert {each.stage for each in keeper.source("oak").sections} == {"off"}
    (folder / "elm.toml").write_text(ELM.replace('"medicines"]', '"medicines", "problems"]'))
    (folder / "gone.toml").write_text(ELM.replace("elm-bank", "gone"))
    await keeper.read()
    assert stages(keeper)["problems"] == "off", "a section that is new is off, also there"
    assert {each.stage for each in keeper.source("gone").sections} == {"off"}


async def test_the_keeper_answers_while_it_reads_the_folder_anew(keeper: Keeper):
    """Nobody meets an empty registry between two versions of it."""
    (keeper.folder / "elm.toml").write_text(ELM.replace("elm.example", "new.example") + TESTER)
    reading = asyncio.create_task(keeper.read())
    while not reading.done():
        registry = (await keeper.answer_registry(RegistryAsked())).registry
        assert registry is not None
        assert registry.sources
        await asyncio.sleep(0)
    await reading
    assert replace(keeper.source("elm-bank"), sections=()).address == "https://new.example/fhir"
