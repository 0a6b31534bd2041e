"""What does `carerecord demo` do? A pretend region, the house on top of it, its people enrolled, and the doors open."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from carerecord.app.apart import kept_apart
from carerecord.app.catalogue import CATALOGUE
from carerecord.app.engine import LOG_KEPT_BYTES, hold, private_folder, write_private
from carerecord.app.engines import Engines, engines
from carerecord.app.gate import Gate, told_settings
from carerecord.app.house import kept, reserved, stoppable, until_signalled
from carerecord.app.operator import operator_calls
from carerecord.app.runfile import RunFile, running_house
from carerecord.app.scenes import walk_scenes
from carerecord.contracts.ingest import ENROL_SOURCE, Enrolment, EnrolSourceAsked
from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.kit.calls import Calls
from carerecord.kit.errors import BadSetting, Unavailable
from carerecord.kit.log import configure
from carerecord.region.run import RegionFailed, RunningRegion, pretend_region

Say = Callable[[str], None]

MARK = "demo.json"
REGION = "Fells and Harbour shared care record"
# What a region writes, or what is kept of its people. Its secrets are written over at each start.
OF_A_REGION = (
    "postgres", "nats", "audit", "secret", "sources/region.toml", "sources/senders.toml", "sources/testers.toml",
    "sources/modules.toml", "providers/region.toml",
)  # fmt: skip
LOG = "carerecord.log"  # the terminal is for progress; what services say goes here


def run_demo(
    gate: Gate, *, people: int, real: Path | None, each: bool, seed: int, say: Say, apart: bool = False, sources: int = 0
) -> None:
    """Stay until a signal comes."""

    async def stay(found: Engines, region: RunningRegion) -> None:
        async with (opened_apart if apart else opened)(gate, found, region, say) as run:
            if apart:
                _tell_apart(run)
            _tell(run, region)
            await until_signalled()
            say("stopping")

    if (already := running_house(gate.data_dir)) is not None:
        raise BadSetting(f"A demo runs here already (pid {already.pid}), at {already.front}.")
    gate = _with_port(gate)
    messages = taken_at(told_settings(os.environ).get("ingest", {}))
    with started(gate, people=people, real=real, each=each, seed=seed, sources=sources, messages=messages, say=say) as (
        found, region,
    ):  # fmt: skip
        import uvloop

        uvloop.run(stoppable(stay(found, region)))


def _with_port(gate: Gate) -> Gate:
    """The front door's port is known before anything else starts: that it is taken is said now, not after ten seconds of work."""
    return gate.model_copy(update={"port": reserved(gate.port, gate.host)})


def taken_at(told: Mapping[str, str]) -> str:
    """Where messages are taken: as the environment says of `ingest`; "" = anywhere.

    Raises:
        BadSetting: encrypted, as no pretend trust sends.
    """
    if told.get("mllp_certificate") or told.get("mllp_clients_ca"):
        raise BadSetting(
            "The demo's pretend trusts send without encryption, to the one door there is. Leave out "
            "CARERECORD_INGEST_MLLP_CERTIFICATE and CARERECORD_INGEST_MLLP_CLIENTS_CA here; `carerecord serve` takes them."
        )
    return told.get("mllp", "")


@contextmanager
def started(
    gate: Gate, *, people: int, real: Path | None, each: bool, seed: int, say: Say, sources: int = 0, messages: str = ""
) -> Iterator[tuple[Engines, RunningRegion]]:
    """The engines and the pretend region, on a data folder that belongs to this region."""
    with ExitStack() as stack:
        # Ages in the scenes are exact to the day, so a region is of its day.
        made_of = {
            "seed": seed,
            "people": people,
            "real": str(real.absolute()) if real else "",
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
            "sources": sources,
        }
        stack.enter_context(hold(gate.data_dir))  # from now on: nobody clears away what another is about to start
        _claim(gate.data_dir, made_of, say)
        log = stack.enter_context(_log_in(gate.data_dir / LOG))
        configure(gate.log_level, log)
        say(f"starting a pretend region of {people} people")
        front = f"http://{gate.host}:{gate.port}"
        # Known to the region before either is up, as the front door is.
        messages = messages or f"127.0.0.1:{reserved(0, '127.0.0.1')}"
        try:
            region = stack.enter_context(
                pretend_region(
                    gate.data_dir, front=front, seed=seed, people=people, real=real, each=each, sources=sources, log=log,
                    messages=messages,
                )
            )
        except RegionFailed as error:
            raise Unavailable(str(error)) from None
        say("starting PostgreSQL and NATS")
        found = stack.enter_context(engines(gate.data_dir, CATALOGUE, databases={}, nats_url=""))
        yield found, region


def _claim(folder: Path, wanted: dict[str, object], say: Say) -> None:
    """The folder is this demo's: a demo of another region in it is cleared away, anything else is left alone.

    Raises:
        BadSetting: the folder holds something that is no demo.
    """
    mark = folder / MARK
    if mark.is_file():
        if json.loads(mark.read_text(encoding="utf-8")) == wanted:
            return
        say("another region was here; building this one anew from its seed, and leaving tables and secrets that are not its own")
        for part in OF_A_REGION:
            path = folder / part
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    elif (folder / "postgres").exists():
        raise BadSetting(f"{folder} holds a deployment that is no demo. Set CARERECORD_DATA_DIR to another folder.")
    private_folder(folder)
    write_private(mark, json.dumps(wanted))


@contextmanager
def _log_in(file: Path) -> Iterator[TextIO]:
    """For its owner's eyes alone; the previous one is kept once it is long."""
    if file.exists() and file.stat().st_size > LOG_KEPT_BYTES:
        file.rename(file.with_name(f"{file.name}.1"))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", buffering=1, encoding="utf-8") as log:
        yield log


@asynccontextmanager
async def opened(gate: Gate, found: Engines, region: RunningRegion, say: Say) -> AsyncIterator[RunFile]:
    """The house over the region, its people enrolled."""
    say("opening the house")
    told = {"viewer": {"tour": region.tour, "region": REGION}, "ingest": {"mllp": region.messages, "mllp_plaintext": "true"}}
    places = {"control": region.control, "tour": region.tour, "log": str(gate.data_dir / LOG)}
    async with kept(gate, CATALOGUE, found, **places, settings=told) as (house, run):
        await _enrolled(house.calls("viewer"), say)
        yield run


@asynccontextmanager
async def opened_apart(gate: Gate, found: Engines, region: RunningRegion, say: Say) -> AsyncIterator[RunFile]:
    """The same house, each of its services in a process of its own."""
    say("opening the house, a process for each service")
    told = {
        "CARERECORD_VIEWER_TOUR": region.tour, "CARERECORD_VIEWER_REGION": REGION,
        "CARERECORD_INGEST_MLLP": region.messages, "CARERECORD_INGEST_MLLP_PLAINTEXT": "true",
    }  # fmt: skip
    places = {"control": region.control, "tour": region.tour}
    async with kept_apart(gate, CATALOGUE, found, **places, settings=told, log=gate.data_dir / LOG, say=say) as (_, run):
        async with operator_calls(gate, deadline_s=600.0) as calls:
            await _enrolled(calls, say)
        yield run


async def _enrolled(calls: Calls, say: Say) -> None:
    began = time.monotonic()
    done = await enrol_everybody(calls)
    seen, new = sum(each.seen for each in done), sum(each.new for each in done)
    say(f"enrolled {seen} entries of {len(done)} sources ({new} new) in {time.monotonic() - began:.1f} s")
    for each in done:
        if each.state != "done":
            say(f"  {each.source}: {each.state}. {each.says}")


async def enrol_everybody(calls: Calls) -> list[Enrolment]:
    """By the one way in: each source's own Patient search, page by page."""
    registry = (await calls.ask(REGISTRY, RegistryAsked())).registry
    assert registry is not None
    wanted = [each.id for each in registry.sources if each.connector == "fhir_r4"]
    return list(await asyncio.gather(*(calls.ask(ENROL_SOURCE, EnrolSourceAsked(each, wait=True)) for each in wanted)))


def _tell_apart(run: RunFile) -> None:
    print()
    print("  Each service is a process of its own. Stop one, look at the record, start it again:")
    for each in CATALOGUE:
        print(f"    .venv/bin/carerecord apart stop {each.name:<9} {each.without}")
    print("    .venv/bin/carerecord apart start NAME     apart list says which run")


def _tell(run: RunFile, region: RunningRegion) -> None:
    print()
    print("  Sample users (the pretend sign-in asks for no password; choose a name):")
    for user in region.users:
        jobs = "; ".join(profile.job for profile in user.profiles)
        print(f"    {user.name:<22} {jobs}")
    print()
    print(f"  The tour of the scenes:   {region.tour}")
    print("  Probe a source:           .venv/bin/carerecord sources probe --all")
    print(f"  Takes HL7 v2 messages:    {region.messages} (MLLP, not encrypted)")
    if not run.services:
        print(f"  Health and metrics:       {run.inner}/health/ready  {run.inner}/metrics")
    print(f"  What the services log:    {run.log}")
    print()
    print(f"carerecord is ready at {run.front}", flush=True)


def check_demo(gate: Gate, *, people: int, real: Path | None, seed: int, scenes: Sequence[int], say: Say) -> int:
    """Walk these scenes, or all, in the demo that runs here or in one of its own; 0 when each shows what it must."""
    already = running_house(gate.data_dir)
    if already is not None and already.control:
        return asyncio.run(stoppable(walk_scenes(already.tour, already.control, scenes, say)))

    async def walk(found: Engines, region: RunningRegion, own: Gate) -> int:
        async with opened(own, found, region, say):
            return await walk_scenes(region.tour, region.control, scenes, say)

    with tempfile.TemporaryDirectory(prefix="carerecord-check-") as folder:
        own = _with_port(gate.model_copy(update={"data_dir": Path(folder) / "data", "port": 0}))
        with started(own, people=people, real=real, each=False, seed=seed, say=say) as (found, region):
            return asyncio.run(stoppable(walk(found, region, own)))
