"""The door of records."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from carerecord.connectors.documents import Documents
from carerecord.connectors.fhir_r4 import FhirR4
from carerecord.connectors.gp_connect import GpConnect
from carerecord.connectors.pds import Pds
from carerecord.connectors.pds import Turns as PdsTurns
from carerecord.connectors.rest_json import RestJson
from carerecord.connectors.web import Web
from carerecord.connectors.windows import Windows
from carerecord.contracts.permit import Permit
from carerecord.contracts.records import AGAIN, ALIASES, ATTENDING, COUNTS, EXPAND, GATHER, NEWS, OPEN, CountsAsked, TypeCount
from carerecord.fhir.kin import Kinds
from carerecord.fhir.patient_ids import PatientIds
from carerecord.fhir.validate import load
from carerecord.kit.part import Job, Part, Supplies, answer, answer_stream
from carerecord.kit.permits import checked
from carerecord.kit.settings import read as told
from carerecord.kit.turns import Turns
from carerecord.records.aliases import Namer
from carerecord.records.gather import Gatherer
from carerecord.records.gathered import Fetcher
from carerecord.records.news import Messenger
from carerecord.records.practices import Practices
from carerecord.records.reading import Reader
from carerecord.records.recent import Recent
from carerecord.records.service import Desk
from carerecord.records.settings import RecordsSettings
from carerecord.records.teaching import Teacher

SHARE_S = 0.25  # of the event loop: several times what an opening of 2,000 items needs
FORGET_S = 25.0  # what is learned of a kind of resource is gone after twice this, within the minute


def build(supplies: Supplies) -> Part:
    settings = told(RecordsSettings, supplies.settings)
    checks = _Checks()
    kinds = Kinds(checks, supplies.clock.now)
    reader = kinds.read
    web = Web(supplies.secrets)
    turns = Turns(share_s=SHARE_S)
    window = Windows({
        "fhir_r4": FhirR4(web, supplies.clock, kinds.unknown, turns, known=kinds.known),
        "gp_connect": GpConnect(web, supplies.clock, reader, supplies.secrets, turns),
        "rest_json": RestJson(web, supplies.clock, reader, turns),
        "documents": Documents(web, supplies.clock, reader, turns),
    })
    gatherer = Gatherer(
        window, supplies.clock, supplies.log, supplies.metrics, at_once=settings.sources_at_once,
        first_paint_s=settings.first_paint_s, last_call_s=settings.last_call_s,
    )  # fmt: skip

    def check(permit: Permit) -> None:
        checked(permit, supplies.keys, now=supplies.clock.now().timestamp())

    teacher = Teacher(
        supplies.calls, gatherer, supplies.outbox, supplies.clock, supplies.log, settings.sweep_share, check
    )
    recent = Recent(time.monotonic)
    turns_here = PdsTurns(settings.register_a_second / supplies.processes, time.monotonic)
    register = Pds(web, turns_here, settings.register_within_s)
    practices = Practices(register, settings.register_within_s, settings.register_kept_s)
    desk = Desk(
        supplies.calls, supplies.outbox, supplies.clock, supplies.log, gatherer, teacher, settings, check, read=reader,
        attendance_key=supplies.keys.own_key("attendance"), pseudonym_key=supplies.keys.own_key("pseudonym"), recent=recent,
        news_key=supplies.keys.own_key("news"), patient_id=PatientIds(supplies.keys.entries),
        practices=practices,
        turns=turns,
    )  # fmt: skip
    beside = Reader(desk, window)

    async def counts(_: CountsAsked) -> tuple[TypeCount, ...]:
        return desk.counts.all()

    async def empty_the_shelf() -> None:
        while True:
            await asyncio.sleep(1.0)
            recent.sweep()
            practices.sweep()

    async def forget_kinds() -> None:
        while True:
            await asyncio.sleep(FORGET_S)
            kinds.sweep()

    async def observe() -> None:
        await desk.observing.tell(supplies.calls, turns, supplies.log)

    async def stop() -> None:
        recent.clear()
        practices.clear()
        await window.close()
        await web.close()

    return Part(
        supplies.name,
        answers=(
            answer_stream(OPEN, desk.open),
            answer_stream(AGAIN, desk.again),
            answer(EXPAND, beside.expand),
            answer(ATTENDING, beside.attending),
            answer(GATHER, Fetcher(desk).gather),
            answer(ALIASES, Namer(supplies.calls, PatientIds(supplies.keys.entries)).aliases),
            answer(NEWS, Messenger(desk, time.monotonic).news),
            answer(COUNTS, counts),
        ),
        jobs=(
            Job("records.teach", teacher.tell),
            Job("records.sweep", teacher.sweep),
            Job("records.shelf", empty_the_shelf),
            Job("records.observe", observe),
            Job("records.forget", forget_kinds),
        ),
        start=checks.load,
        stop=stop,
    )


class _Checks:
    """Validation, once it is compiled: before the first question, off the event loop."""

    def __init__(self) -> None:
        self._check: Callable[[dict[str, Any]], None] | None = None

    async def load(self) -> None:
        self._check = (await asyncio.to_thread(load)).check

    def __call__(self, resource: dict[str, Any]) -> None:
        if self._check is None:
            raise LookupError("records has not been started")
        self._check(resource)
