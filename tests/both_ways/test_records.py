"""Records answers the same in process and over a socket: every chunk of a record, every small read, every refusal."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from carerecord.app.catalogue import NAMES
from carerecord.contracts.locator import Pointer
from carerecord.contracts.patients import Person, WhoAsked
from carerecord.contracts.permit import Permit
from carerecord.contracts.policy import MayAsked
from carerecord.contracts.records import (
    AGAIN,
    ALIASES,
    ATTENDING,
    COUNTS,
    EXPAND,
    GATHER,
    NEWS,
    OPEN,
    AgainAsked,
    AliasesAsked,
    Attending,
    AttendingAsked,
    CountsAsked,
    ExpandAsked,
    GatherAsked,
    NewsAsked,
    OpenAsked,
    Record,
)
from carerecord.contracts.sources import Registry
from carerecord.kit.errors import NotFound, Refused
from carerecord.kit.part import Part
from carerecord.kit.permits import sealed
from carerecord.kit.tokens import keys_for
from carerecord.records import api as records
from carerecord.region.servers.habits import Habit
from carerecord.region.servers.running import running
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import SECRET, agree
from tests.conftest import TestDatabase
from tests.records.a_desk import A_GP, CARE, DR_NAIR, Neighbours, allergy, chart, problem, serving, source

HERE = "Encounter", "e1"


def in_the_department(id_: str, of: str) -> Any:
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    return {
        "resourceType": "Encounter",
        "id": id_,
        "status": "in-progress",
        "class": {"system": act, "code": "EMER"},
        "subject": {"reference": f"Patient/{of}"},
        "period": {"start": "2026-11-22T08:00:00Z"},
    }


class Judged(Neighbours):
    """Neighbours whose policy holds the keys of this test, refuses a GP, and whose index does not know everybody."""

    async def who(self, asked: WhoAsked) -> Person:
        if asked.patient == "nobody":
            raise NotFound("There is no such person in the index.")
        return await super().who(asked)

    async def may(self, asked: MayAsked) -> Permit:
        if asked.actor == A_GP:
            raise Refused("No relationship with this person is known.", rule="relationship/none")
        permit = replace(await super().may(asked), seals=())
        return sealed(permit, keys_for(SECRET, "policy", NAMES, ()), asked.targets)


async def test_records(service_database: Callable[[str], Awaitable[TestDatabase]], tmp_path: Path) -> None:
    ward = serving("ward", chart("w1", allergy("a1", "w1"), in_the_department("e1", "w1")))
    slow = serving("slow", chart("s1", problem("c1", "s1")))
    gone = serving("gone", chart("g1"))
    async with running([ward, slow, gone]) as servers:
        servers["slow"].set(Habit("slow", seconds=2.0))
        servers["gone"].set(Habit("html"))
        known = tuple(Pointer(each.system.key, each.holdings[0].patient_id, "p1") for each in (ward, slow, gone))
        registry = Registry("1", tuple(replace(source(each), deadline_s=6.0) for each in servers.values()))

        async def make(_: AsyncExitStack) -> Part:
            supplies = supplies_for(
                "records",
                await service_database("records"),
                data_dir=tmp_path,
                ways=Judged(registry, pointers=known).calls()._ways,
                settings={"first_paint_s": "1.0", "sweep_share": "0"},
            )
            return records.build(supplies)

        answers = await agree(
            make,
            [
                (OPEN, OpenAsked(DR_NAIR, "p1", CARE)),
                (AGAIN, lambda said: AgainAsked(DR_NAIR, "p1", CARE, "gone", the_record(said[0].chunks).opening)),
                (OPEN, OpenAsked(DR_NAIR, "nobody", CARE)),
                (OPEN, OpenAsked(A_GP, "p1", CARE)),
                (AGAIN, AgainAsked(A_GP, "p1", CARE, "ward", "")),
                (EXPAND, ExpandAsked(DR_NAIR, "p1", CARE, "ward", *HERE)),
                (EXPAND, ExpandAsked(DR_NAIR, "p1", CARE, "ward", "Encounter", "../Patient/w1")),
                (ATTENDING, AttendingAsked(DR_NAIR, "p1")),
                (ATTENDING, AttendingAsked(A_GP, "p1")),
                (ATTENDING, AttendingAsked(DR_NAIR, "nobody")),
                (COUNTS, CountsAsked()),
                (GATHER, GatherAsked(DR_NAIR, "p1", CARE)),
                (GATHER, GatherAsked(A_GP, "p1", CARE)),
                (NEWS, lambda said: NewsAsked(DR_NAIR, "p1", CARE, the_record(said[0].chunks).heard)),
                (NEWS, lambda said: NewsAsked(A_GP, "p1", CARE, the_record(said[0].chunks).heard)),
                (NEWS, NewsAsked(DR_NAIR, "p1", CARE, "made up")),
                (ALIASES, AliasesAsked("p1")),
                (ALIASES, AliasesAsked("nobody")),
            ],
        )

    assert [each.error for each in answers] == [
        "", "", "NotFound", "Refused", "Refused", "", "NotUnderstood", "", "", "NotFound", "", "", "Refused",
        "", "Refused", "NotUnderstood", "", "NotFound",
    ]  # fmt: skip
    assert len(answers[0].chunks) == 2, "the first paint, and then the late source"
    record = the_record(answers[0].chunks)
    assert {state.source: state.state for state in record.states} == {"ward": "live", "slow": "live", "gone": "unreadable"}
    assert answers[3].facts == (("rule", "relationship/none"),)
    assert msgspec.json.decode(answers[7].chunks[0], type=Attending).attendance is not None
    assert msgspec.json.decode(answers[8].chunks[0], type=Attending).attendance is None


def the_record(chunks: tuple[bytes, ...]) -> Record:
    return msgspec.json.decode(chunks[-1], type=Record)
