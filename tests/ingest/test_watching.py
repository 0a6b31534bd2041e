"""Is a file that a source lays into a folder taken once and whole, with a receipt, whatever breaks off?"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from structlog.testing import capture_logs
from tests.ingest.a_hospital import FENWICK, PAS, Hospital, a_hospital
from tests.ingest.hl7v2.world import NHS, message
from tests.ingest.test_extracts import HEAD, LATEX, MAPPING, PENICILLIN
from tests.ingest.test_fhir_messages import VACCINE, event

from carerecord.contracts.ingest import Received
from carerecord.contracts.sources import Registry, Sender
from carerecord.ingest import laid
from carerecord.ingest.extracts import rows_of
from carerecord.ingest.head import Head, Verdict
from carerecord.ingest.journal.arrivals import Journal
from carerecord.ingest.laid import Held
from carerecord.ingest.receive import Receiver
from carerecord.ingest.senders import Senders
from carerecord.ingest.watching import Watcher, _Counts
from carerecord.kit.clock import SystemClock, stamp
from carerecord.kit.log import log_for
from carerecord.kit.turns import Turns

SENDER = msgspec.structs.replace(PAS, mapping=MAPPING)
EXTRACT = "\n".join([HEAD, PENICILLIN, LATEX, "4,M8", ""])


@pytest.fixture
async def hospital(service_database: Any):
    async with a_hospital(service_database, senders=(SENDER,)) as made:
        yield made


@dataclass
class Porter(Receiver):
    """One with a memory in place of a journal."""

    kept: list[bytes] = field(default_factory=list)
    away: bool = False

    async def taken(self, arrivals: Sequence[tuple[bytes, Head, Sender, Verdict, str]]) -> tuple[Received, ...]:
        if self.away:
            return tuple(Received("unable") for _ in arrivals)
        self.kept += [each[0] for each in arrivals if each[0] not in self.kept]
        return tuple(Received("taken" if each[3] is Verdict.TAKEN else "unreadable", each[4]) for each in arrivals)


@pytest.fixture
def porter() -> Porter:
    senders = Senders(b"k")
    senders.take(Registry("1", (FENWICK,), senders=(SENDER,)))
    return Porter(cast(Journal, None), senders, Turns(), lambda _: None)


def watcher_of(receiver: Receiver, folder: Path) -> Watcher:
    return Watcher(folder, receiver, SystemClock(), log_for("ingest"))


async def taken(receiver: Receiver, folder: Path) -> None:
    watcher = watcher_of(receiver, folder)
    await watcher.look()
    await watcher.look()


def at(hospital: Hospital) -> Receiver:
    return Receiver(hospital.journal, hospital.senders, Turns(), lambda _: None)


def lay(folder: Path, name: str, content: str | bytes) -> Path:
    own = folder / SENDER.id
    own.mkdir(parents=True, exist_ok=True)
    path = own / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (1_795_305_600, 1_795_305_600))
    return path


def receipt(folder: Path, name: str, where: str = "done") -> dict[str, Any]:
    return dict(json.loads((folder / SENDER.id / where / f"{name}.receipt.json").read_text()))


async def test_each_row_is_filed_a_broken_one_waits_and_the_receipt_adds_up(hospital: Hospital, tmp_path: Path) -> None:
    lay(tmp_path, "allergies.csv", EXTRACT)
    with capture_logs() as said:
        await taken(at(hospital), tmp_path)
    await hospital.file_all()

    told = receipt(tmp_path, "allergies.csv")
    assert (told["messages"], told["taken"], told["unreadable"]) == (3, 2, 1)
    assert len(await hospital.history("AllergyIntolerance")) == 2
    assert not (tmp_path / SENDER.id / "allergies.csv").exists()
    assert NHS not in str(said)


async def test_a_file_that_lies_where_no_sender_is_looked_for_is_said_once(porter: Porter, tmp_path: Path) -> None:
    (tmp_path / "fenwik").mkdir()
    (tmp_path / "fenwik" / "monday.csv").write_text(EXTRACT)
    (tmp_path / "tuesday.csv").write_text(EXTRACT)
    for name in ("aaa", "lost+found", "zzz"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")  # as a folder that may not be opened: whichever comes first
    with capture_logs() as said:
        await taken(porter, tmp_path)

    assert [(each["event"], each["files"]) for each in said] == [("folder.of_nobody", 2)]
    assert porter.kept == []


async def test_one_folder_or_file_that_cannot_be_read_holds_up_no_other(porter: Porter, tmp_path: Path) -> None:
    (tmp_path / "a-fenwick").write_text("a file in the place of a folder")
    porter.senders.take(Registry("2", (FENWICK,), senders=(msgspec.structs.replace(SENDER, id="a-fenwick"), SENDER)))
    lay(tmp_path, "a.csv", EXTRACT)
    lay(tmp_path, "b.csv", EXTRACT.replace("M7", "M9"))
    watcher, found = watcher_of(porter, tmp_path), laid.held

    def odd(path: Path, *told: str) -> Iterator[Held]:
        if path.name == "a.csv":
            raise ValueError
        return found(path, *told)

    with pytest.MonkeyPatch.context() as patch, capture_logs() as said:
        patch.setattr(laid, "held", odd)
        for _ in range(2):
            await watcher.look()

    assert receipt(tmp_path, "b.csv")["messages"] == 3
    told = [(each["event"], each["sender"]) for each in said]
    assert told == [("folder.closed", "a-fenwick"), ("folder.failed", SENDER.id), ("folder.taken", SENDER.id)]


async def test_a_name_that_is_no_utf_8_keeps_no_file_from_being_read(porter: Porter, tmp_path: Path) -> None:
    lay(tmp_path, os.fsdecode(b"pr\xe9sence.csv"), EXTRACT)
    await taken(porter, tmp_path)

    assert len(porter.kept) == 3


async def test_the_same_file_twice_changes_nothing(porter: Porter, tmp_path: Path) -> None:
    for name in ("monday.csv", "again.csv"):
        os.utime(lay(tmp_path, name, EXTRACT), (1_795_400_000, 1_795_400_000 if name == "monday.csv" else 1_795_500_000))
        await taken(porter, tmp_path)

    assert len(porter.kept) == 3
    assert receipt(tmp_path, "again.csv")["same_as"] == "monday.csv"


async def test_a_file_that_broke_off_is_read_again_and_nothing_is_taken_twice(hospital: Hospital, tmp_path: Path) -> None:
    lay(tmp_path, "allergies.csv", EXTRACT)
    watcher = watcher_of(at(hospital), tmp_path)
    await watcher.look()
    await watcher._taken(SENDER.id, iter(extract_rows()[:2]), _Counts())
    # killed here: two rows are durable, the file lies where it lay
    await taken(at(hospital), tmp_path)
    await hospital.file_all()

    assert await hospital.journalled() == 3
    assert receipt(tmp_path, "allergies.csv")["messages"] == 3


def extract_rows() -> list[Held]:
    rows = rows_of(BytesIO(EXTRACT.encode()), "allergies", stamp(datetime.fromtimestamp(1_795_305_600, UTC)))
    return [(line, row, "") for line, row in rows]


async def test_a_file_that_still_grows_is_left_alone(porter: Porter, tmp_path: Path) -> None:
    watcher = watcher_of(porter, tmp_path)
    path = lay(tmp_path, "allergies.csv", EXTRACT)
    await watcher.look()
    path.write_text(EXTRACT + LATEX.replace("2,M7", "5,M9"))
    await watcher.look()
    lay(tmp_path, "copying.csv.part", EXTRACT)
    await watcher.look()

    assert (tmp_path / SENDER.id / "copying.csv.part").exists()
    assert receipt(tmp_path, "allergies.csv")["messages"] == 4


async def test_messages_and_events_may_lie_in_files_too(porter: Porter, tmp_path: Path) -> None:
    lay(
        tmp_path,
        "batch.hl7",
        b"FHS|^~\\&|A\r" + message("ADT^A28") + message("ADT^A31", control="2", at="20261122130000") + b"FTS|1\r",
    )
    lay(tmp_path, "events.ndjson", event(VACCINE) + b"\n" + event(VACCINE, kind="update", at="2026-11-22T11:00:00+00:00") + b"\n")
    await taken(porter, tmp_path)

    assert receipt(tmp_path, "batch.hl7")["taken"] == 2
    assert receipt(tmp_path, "events.ndjson")["taken"] == 2


async def test_what_nobody_can_read_is_set_apart_with_its_reason(porter: Porter, tmp_path: Path) -> None:
    lay(tmp_path, "letter.docx", b"PK")
    lay(tmp_path, "empty.csv", b"")
    await taken(porter, tmp_path)

    assert "ends in none" in receipt(tmp_path, "letter.docx", "refused")["why"]
    assert "first line" in receipt(tmp_path, "empty.csv", "refused")["why"]


async def test_a_journal_that_is_away_leaves_the_file_where_it_is(porter: Porter, tmp_path: Path) -> None:
    path = lay(tmp_path, "allergies.csv", EXTRACT)
    porter.away = True
    await taken(porter, tmp_path)
    assert path.exists()
    porter.away = False
    await taken(porter, tmp_path)

    assert not path.exists()
    assert len(porter.kept) == 3


async def test_the_receipt_says_in_which_lines_what_could_not_be_read_and_holds_nothing_of_it(
    porter: Porter, tmp_path: Path
) -> None:
    odd = PENICILLIN.replace("14/07/1948", "1948-07-14")
    lay(tmp_path, "allergies.csv", "\n".join([HEAD, LATEX, "", odd, "4,M8", ""]))
    await taken(porter, tmp_path)

    told = receipt(tmp_path, "allergies.csv")
    assert (told["messages"], told["taken"], told["unreadable"]) == (3, 1, 2)
    assert [each["line"] for each in told["faults"]] == [4, 5]
    assert "DOB holds a date" in told["faults"][0]["says"]
    assert "1948" not in str(told["faults"])


async def test_what_was_taken_before_a_file_could_not_be_read_on_stands_in_its_receipt(porter: Porter, tmp_path: Path) -> None:
    never_closed = LATEX.replace('natural"', "natural")
    lay(tmp_path, "allergies.csv", "\n".join([HEAD, PENICILLIN, never_closed, PENICILLIN]))
    await taken(porter, tmp_path)

    told = receipt(tmp_path, "allergies.csv", "refused")
    assert "line 3 is never closed" in told["why"]
    assert (told["messages"], len(porter.kept)) == (1, 1)


@dataclass
class Slow(Porter):
    """To whom something happens while a file is read."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    async def taken(self, arrivals: Sequence[tuple[bytes, Head, Sender, Verdict, str]]) -> tuple[Received, ...]:
        while self.meanwhile:
            self.meanwhile.pop()()
        return await super().taken(arrivals)


@pytest.mark.parametrize("way", ["written on", "replaced", "gone"])
async def test_a_file_that_is_another_when_it_has_been_read_is_read_again_and_none_of_it_is_lost(
    porter: Porter, tmp_path: Path, way: str
) -> None:
    more = LATEX.replace("2,M7", "5,M9")
    path = lay(tmp_path, "allergies.csv", EXTRACT)

    def replaced() -> None:
        other = lay(tmp_path, "other.part", f"{HEAD}\n{more}\n")
        other.rename(path)

    ways = {"written on": lambda: path.write_text(f"{EXTRACT}{more}\n"), "replaced": replaced, "gone": path.unlink}
    slow = Slow(porter.journal, porter.senders, porter.turns, porter.refused, meanwhile=[ways[way]])
    watcher = watcher_of(slow, tmp_path)
    for _ in range(5):
        await watcher.look()

    done = {each.name for each in (tmp_path / SENDER.id).glob("done/*")}
    if way == "gone":
        assert not done
    else:
        assert done == {"allergies.csv", "allergies.csv.receipt.json"}
        assert any(b"M9" in each for each in slow.kept)
        assert receipt(tmp_path, "allergies.csv")["messages"] == (4 if way == "written on" else 1)


async def test_a_file_that_is_written_on_when_it_is_done_goes_back_and_is_read_whole(porter: Porter, tmp_path: Path) -> None:
    lay(tmp_path, "allergies.csv", EXTRACT)
    watcher = watcher_of(porter, tmp_path)
    for _ in range(2):
        await watcher.look()
    with (tmp_path / SENDER.id / "done" / "allergies.csv").open("a") as still_open:
        still_open.write(LATEX.replace("2,M7", "5,M9") + "\n")
    for _ in range(2):
        await watcher.look()

    assert receipt(tmp_path, "allergies.csv")["messages"] == 4
    assert any(b"M9" in each for each in porter.kept)


async def test_a_folder_that_is_closed_behind_a_file_that_is_done_holds_up_no_other(porter: Porter, tmp_path: Path) -> None:
    done = lay(tmp_path, "allergies.csv", EXTRACT).parent / "done"
    watcher, stat = watcher_of(porter, tmp_path), Path.stat
    for _ in range(2):
        await watcher.look()
    with (done / "allergies.csv").open("a") as still_open:
        still_open.write(LATEX.replace("2,M7", "5,M9") + "\n")
    lay(tmp_path, "other.csv", EXTRACT.replace("M7", "M3"))

    def closed(path: Path, **how: bool) -> os.stat_result:
        if path == done / "allergies.csv":
            raise PermissionError
        return stat(path, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "stat", closed)
        for _ in range(2):
            await watcher.look()
    assert receipt(tmp_path, "other.csv")["messages"] == 3

    for _ in range(2):
        await watcher.look()
    assert receipt(tmp_path, "allergies.csv")["messages"] == 4, "it is looked at again once its folder is open"


async def test_killed_between_the_receipt_and_the_move_a_file_is_read_again_and_its_receipt_adds_up(
    porter: Porter, tmp_path: Path
) -> None:
    path = lay(tmp_path, "allergies.csv", EXTRACT)
    await taken(porter, tmp_path)
    (tmp_path / SENDER.id / "done" / "allergies.csv").rename(path)
    await taken(porter, tmp_path)

    assert receipt(tmp_path, "allergies.csv")["messages"] == 3
    assert len(porter.kept) == 3


async def test_a_bulk_export_is_refused_as_such_and_an_ending_may_be_in_capitals(porter: Porter, tmp_path: Path) -> None:
    lay(tmp_path, "Patient.ndjson", '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n')
    lay(tmp_path, "ALLERGIES.CSV", EXTRACT)
    lay(tmp_path, "none.hl7", b"")
    await taken(porter, tmp_path)

    assert "$import" in receipt(tmp_path, "Patient.ndjson", "refused")["why"]
    assert receipt(tmp_path, "ALLERGIES.CSV")["messages"] == 3
    assert receipt(tmp_path, "none.hl7", "refused")["why"] == "it is empty"


async def test_of_a_line_that_is_larger_than_a_message_may_be_the_beginning_is_kept(
    porter: Porter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laid, "MOST_MESSAGE", 2_000)
    large = event(VACCINE).replace(b"Influenza vaccine", b"x" * 200_000)
    lay(tmp_path, "events.ndjson", event(VACCINE) + b"\n" + large + b"\n" + event(VACCINE, kind="update") + b"\n")
    await taken(porter, tmp_path)

    told = receipt(tmp_path, "events.ndjson")
    assert (told["messages"], told["taken"], told["faults"][0]["line"]) == (3, 2, 2)
    assert "larger than" in told["faults"][0]["says"]
    assert max(len(each) for each in porter.kept) < 100_000
