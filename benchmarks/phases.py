"""Where does the CPU of opening one record go? Phase by phase, in one process and without sockets; then the page of it.

Milliseconds of CPU, each the least of several rounds. What `openings` finds more for an opening is the forty requests, the
questions to the neighbours, the line in the book, and the bytes on their way out.
"""

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import carerecord.viewer
from benchmarks.far import NHS_NUMBER, a_bundle
from benchmarks.near import CARE, DOCTOR, SECTIONS
from benchmarks.promises import tell
from carerecord.connectors.fhir_r4_take import Taken
from carerecord.connectors.reply import Asking, Expected, Reply
from carerecord.contracts.identity import Session
from carerecord.contracts.patients import Demographics, Name, Person
from carerecord.contracts.records import Record, SectionState
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import split
from carerecord.fhir.kin import Kinds
from carerecord.fhir.sections import SECTION_IDS
from carerecord.fhir.validate import load
from carerecord.kit.question import encode
from carerecord.kit.turns import Turns
from carerecord.pages.formatting import Formatter
from carerecord.pages.rendering import environment
from carerecord.records.merge import Frame, Merging
from carerecord.records.right_person import judged
from carerecord.records.sheets import Sheet, sheet_of
from carerecord.viewer.first_screen import screen_of
from carerecord.viewer.record_page import RecordPage

READING = "split, parsed, checked, read and filed"
NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
WHO = Demographics(names=(Name("Marlow", ("Edith",)),), birth_date="1948-06-19", gender="female", nhs_number=NHS_NUMBER)
PERSON = Person(("p",), "p", WHO)


class Clocked:
    """CPU by phase; the least of all rounds."""

    def __init__(self) -> None:
        self.least: dict[str, float] = {}

    async def on(self, phase: str, work: Coroutine[Any, Any, Any] | Callable[[], Any]) -> Any:
        began = time.process_time()
        made = work() if callable(work) else await work
        took = (time.process_time() - began) * 1000
        self.least[phase] = min(took, self.least.get(phase, took))
        return made


def a_source(number: int) -> Source:
    return Source(
        id=f"s{number}", organisation=f"X{number:02d}", organisation_name=f"Organisation {number}", name=f"Source {number}",
        mark="S", kind="acute", connector="fhir_r4", address="http://127.0.0.1:9/fhir", sections=(),
    )  # fmt: skip


async def taken(bodies: list[bytes], kinds: Kinds, turns: Turns) -> list[Reply]:
    """Each answer split, read and filed, as its connector does it."""
    replies = []
    for number, body in enumerate(bodies):
        here = Taken(Asking(a_source(number), ("p",), frozenset(SECTIONS), Expected()), kinds.unknown, "2026-11-22T14:00:00.000Z")
        async with turns.mine() as turn:
            await here.page(split(body, kinds.known), "", turn)
        states = tuple(SectionState(each, "live", here.shown_in[each]) for each in SECTION_IDS if each in SECTIONS)
        replies.append(
            Reply(a_source(number), "live", "", ("p",), states, tuple(here.entries), tuple(here.said), here.tally())
        )
    return replies


async def laid_out(replies: list[Reply], turns: Turns) -> list[Sheet]:
    return [await sheet_of(reply, turns) for reply in replies]


async def opened(bodies: list[bytes], kinds: Kinds, clocked: Clocked) -> Record:
    turns = Turns()
    replies = await clocked.on(READING, taken(bodies, kinds, turns))
    replies = await clocked.on("judged: about this person?", lambda: [judged(PERSON, each) for each in replies])
    sheets = await clocked.on("laid out and digested", laid_out(replies, turns))
    merging = Merging(Frame("opening", PERSON, CARE), turns)

    async def joined() -> Record:
        for sheet in sheets:
            merging.add(sheet)
        return await merging.drawn([each.reply for each in sheets], at=NOW, complete=True)

    record: Record = await clocked.on("joined, ordered, compared", joined())
    await clocked.on("written for the socket", lambda: encode(record))
    return record


async def measure(sources: int, entries: int, rounds: int) -> dict[str, Any]:
    bodies = [a_bundle(number, entries) for number in range(sources)]
    check, clocked, unfamiliar = load().check, Clocked(), Clocked()
    kinds = Kinds(check, lambda: NOW)
    for _ in range(rounds):
        await opened(bodies, Kinds(check, lambda: NOW), unfamiliar)
        record = await opened(bodies, kinds, clocked)
    env = environment(Path(carerecord.viewer.__file__).parent / "templates")
    session = Session("bench", DOCTOR.name, (DOCTOR.role,), DOCTOR, "token", "", "")
    size = 0
    for _ in range(max(3, rounds // 3)):
        base = {"nonce": "n", "region": "Bench", "session": session, "sharing": False, "links": screen_of(DOCTOR.role.code).links,
                "fmt": Formatter(NOW), "opening": "opening", "bare": False}  # fmt: skip
        html = await clocked.on("page", RecordPage(env, session, "p", base).whole(record))
        size = len(html)
    page = clocked.least.pop("page")
    return {
        "sources": sources, "entries": sources * entries,
        "cpu_ms": {name: round(took, 1) for name, took in clocked.least.items()},
        "cpu_ms_together": round(sum(clocked.least.values()), 1),
        "cpu_ms_read_where_no_kind_was_met_before": round(unfamiliar.least[READING], 1),
        "page_cpu_ms": round(page, 1), "page_bytes": size,
    }  # fmt: skip


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--sources", type=int, default=40)
    told.add_argument("--entries", type=int, default=50)
    told.add_argument("--rounds", type=int, default=15)
    told.add_argument("--json", action="store_true")
    args = told.parse_args()
    tell((), asyncio.run(measure(args.sources, args.entries, args.rounds)), compact=args.json)


if __name__ == "__main__":
    main()
