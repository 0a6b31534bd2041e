"""Is the page about HL7 v2 the one that its tables make, and is each field that it names really read?"""

from pathlib import Path

import pytest
from tests.ingest.hl7v2.world import PID, filed, message

from carerecord.ingest.hl7v2.reference import FIELDS, page

PAGE = Path(__file__).parents[2] / "docs/reference/hl7v2.md"
# For each segment: an event that brings it, what must stand around it, and what it cannot be without.
AROUND: dict[str, tuple[str, tuple[str, ...], dict[int, str]]] = {
    "PID": ("ADT^A28", (), {3: "M7^^^RX1^MR"}), "PD1": ("ADT^A28", (), {}), "NK1": ("ADT^A28", (), {2: "Marlow^Tom"}),
    "PV1": ("ADT^A01", (), {19: "V1"}), "PV2": ("ADT^A01", ("PV1|1|I",), {}), "AL1": ("ADT^A01", (), {3: "^Latex"}),
    "IAM": ("ADT^A60", (), {3: "^Latex"}), "DG1": ("ADT^A01", (), {3: "J18"}), "PR1": ("ADT^A01", (), {3: "K40"}),
    "MRG": ("ADT^A44", (), {1: "M8^^^RX1^MR", 3: "A8"}), "ORC": ("ORM^O01", ("OBR|1|||UE",), {2: "P1"}),
    "OBR": ("ORU^R01", (), {2: "P1", 4: "UE", 15: "BLD"}), "OBX": ("ORU^R01", ("OBR|1|P1||UE",), {2: "ST", 3: "K", 5: "4"}),
    "SPM": ("ORU^R01", ("OBR|1|P1||UE",), {}), "NTE": ("ORU^R01", ("OBR|1|P1||UE",), {}), "TXA": ("MDM^T02", (), {12: "D1"}),
    "SCH": ("SIU^S12", (), {2: "A1"}), "AIS": ("SIU^S12", ("SCH||A1",), {3: "DERM"}), "AIP": ("SIU^S12", ("SCH||A1",), {}),
    "AIL": ("SIU^S12", ("SCH||A1",), {}), "RXO": ("OMP^O09", ("ORC|NW|P1",), {1: "R5"}),
    "RXE": ("RDE^O11", ("ORC|NW|P1",), {2: "R5"}),
    "RXR": ("RDE^O11", ("ORC|NW|P1", "RXE||R5"), {}), "RXD": ("RDS^O13", ("ORC|NW|P1",), {2: "R5"}),
    "RXA": ("RAS^O17", ("ORC|NW|P1",), {3: "20261122", 5: "R5"}), "TQ1": ("RDE^O11", ("ORC|NW|P1", "RXE||R5"), {}),
    "RXC": ("RDE^O11", ("ORC|NW|P1", "RXE||R5"), {2: "N9"}), "PRB": ("PPR^PC1", (), {3: "38341003"}),
}  # fmt: skip
# Where a field is read in another event, or holds a code that must be known to be one.
OTHERWISE = {
    **dict.fromkeys((("OBR", number) for number in (5, 6, 13, 16, 27, 31, 36)), "ORM^O01"), ("PID", 18): "ADT^A01",
    ("MRG", 5): "ADT^A45", ("MRG", 4): "ADT^A40",
    ("TQ1", 9): "ORM^O01", ("ORC", 7): "OMP^O09", **dict.fromkeys((("RXA", number) for number in (11, 15, 16, 17)), "VXU^V04"),
}  # fmt: skip
CODES = {
    ("ORC", 7): "^BD", ("OBR", 5): "S", ("OBR", 27): "^^^^^S", ("TQ1", 9): "S", ("AL1", 2): "DA", ("IAM", 2): "DA",
    ("RXA", 9): "00",
}  # fmt: skip


def test_the_page_of_hl7_is_the_one_that_its_tables_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "out of date: carerecord catalogue --hl7v2 > docs/reference/hl7v2.md"


def notes_about(name: str, number: int) -> tuple[str, ...]:
    """What a message that holds this field says it left."""
    trigger, beside, needed = AROUND[name]
    trigger = OTHERWISE.get((name, number), trigger)
    if trigger == "ORM^O01":
        beside = ("ORC|NW|P1",) if name == "OBR" else ("ORC|NW|P1", "OBR|1|P1||UE") if name == "TQ1" else beside
    if (name, number) == ("ORC", 7):
        beside = ("RXO|R5",)
    held = {**needed, number: needed.get(number) or CODES.get((name, number), "1")}
    segment = "|".join([name, *(held.get(at, "") for at in range(1, max(held) + 1))])
    if name == "PID":
        return filed(message(trigger, pid=segment)).notes
    lines = (segment, *beside) if name == "ORC" else (*beside, segment)
    return filed(message(trigger, *lines, pid=PID)).notes


@pytest.mark.parametrize(("name", "numbers"), [(name, numbers) for name, numbers, _ in FIELDS])
def test_every_field_that_the_page_names_is_read(name: str, numbers: tuple[int, ...]) -> None:
    assert [number for number in numbers if f"{name}-{number} is not carried" in notes_about(name, number)] == []


def test_a_field_that_is_not_read_would_be_seen() -> None:
    assert "PID-27 is not carried" in notes_about("PID", 27)
