"""Bytes made by coverage, for as long as one has: do framing and reading end in an answer or a reason, never a crash or a hang?

`python -m tests.ingest.fuzz NAME -max_total_time=600`, by atheris, in a process of its own since a fuzzer ends with its process.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import atheris

with atheris.instrument_imports(include=["carerecord.ingest", "carerecord.fhir"]):
    from carerecord.ingest import fhir_messages, hl7v2
    from carerecord.ingest.framing import Framing
    from carerecord.ingest.kinds import fault_in, filings
    from carerecord.ingest.senders import Sender

SENDER: Final = Sender("lab", "fenwick", "R1A", number_system="https://fenwick.test/Id/number", id_key=b"k")
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
MSH: Final = b"MSH|^~\\&|LAB|R1A|CARE|ROUTE|20261122120000||%s|1|P|2.4\r"


def framing(data: bytes) -> None:
    """However a stream is cut, the same messages come out of it."""
    whole, cut = Framing(100_000), Framing(100_000)
    at_once = [each.raw for each in whole.feed(data)]
    in_pieces = [each.raw for byte in range(0, len(data), 7) for each in cut.feed(data[byte : byte + 7])]
    if at_once != in_pieces:
        raise AssertionError("a message depends on how its stream was cut")


def parser(data: bytes) -> None:
    _filed(data)


def message(data: bytes) -> None:
    """Behind a head that is whole: the mapping of what follows."""
    kinds = (b"ADT^A01", b"ADT^A40", b"ORU^R01", b"MDM^T02", b"SIU^S12", b"OMP^O09", b"VXU^V04", b"ADT^A42")
    _filed(MSH % kinds[data[:1][0] % len(kinds)] + b"PID|1||M1^^^R1A^MR\r" + data[1:] if data else b"")


def xml(data: bytes) -> None:
    _filed(b"<" + data)


def _filed(raw: bytes) -> None:
    fault_in(raw)
    if hl7v2.is_plain(raw):
        hl7v2.parse(raw)  # which the door then takes for granted
    try:
        found = filings(raw, SENDER, NOW)
    except hl7v2.Unreadable:
        return
    except Exception as error:
        if type(error).__name__ != "Unheaded":
            raise
        return
    for filing in found:
        for each in filing.statements:
            heard = hl7v2.Heard(each.thread, each.local_id, each.says, (*filing.order, 1))
            hl7v2.standing(each.thread, [heard])


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "framing": framing, "parser": parser, "message": message, "xml": xml,
}  # fmt: skip


if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    fhir_messages.warmed()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
