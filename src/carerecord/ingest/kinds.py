"""Of which kind is a message, and what does one of that kind come to: HL7 v2, an event in FHIR, a row of an extract?"""

from datetime import datetime
from typing import Final

from carerecord.ingest import extracts, fhir_messages, hl7v2
from carerecord.ingest.head import Form, Head, read
from carerecord.ingest.hl7v2 import Filing
from carerecord.ingest.senders import Sender

_ENVELOPE: Final = (b"FHS", b"BHS", b"BTS", b"FTS")
_BOM: Final = b"\xef\xbb\xbf"
# By which the journal and its pages call one that has no MSH.
FHIR_HEAD: Final = Head(Form(b"|", b"^~\\&", type=b"FHIR", trigger=b"MSG"))
ROW_HEAD: Final = Head(Form(b"|", b"^~\\&", type=b"ROW"))
END_HEAD: Final = Head(Form(b"|", b"^~\\&", type=b"ROW", trigger=b"END"))
BATCH_HEAD: Final = Head(Form(b"|", b"^~\\&", type=b"BATCH"))  # of an envelope whose messages are kept by themselves
MOST_MAPPED_TWICE: Final = 250_000  # bytes of an event: some milliseconds
NO_MESSAGE: Final = "There is no message in it."
ENVELOPE: Final = "it is an envelope, and nothing in it is left to file: ask its sender for what is missing, then discard it"


def is_fhir(raw: bytes) -> bool:
    return raw[:64].removeprefix(_BOM).lstrip()[:1] in (b"{", b"<")


def head_of(raw: bytes) -> Head:
    """Raises Unheaded: it is of no kind that is known here."""
    if extracts.is_row(raw):
        return END_HEAD if extracts.is_end(raw) else ROW_HEAD
    if is_fhir(raw):
        return FHIR_HEAD
    return BATCH_HEAD if raw[:3] in _ENVELOPE and b"MSH" not in raw else read(raw)


def filings(
    raw: bytes, sender: Sender, at: datetime, *, notes: bool = False, nearby: hl7v2.Nearby | None = None
) -> tuple[Filing, ...]:
    """What a message comes to; of a batch, each of its messages. `notes`: with what of it was not carried, for a person who asks.
    `nearby`: what those that are read together with it have said, where they are.

    Raises hl7v2.Unreadable.
    """
    if extracts.is_row(raw):
        return (extracts.mapped(raw, sender, sender.mapping, at),)
    if is_fhir(raw):
        return (fhir_messages.mapped(raw.removeprefix(_BOM), sender, at),)
    read = [hl7v2.parse(each, sender.charset) for each in hl7v2.split(raw)]
    if not read:
        raise hl7v2.Unreadable(ENVELOPE)
    return tuple([hl7v2.mapped(each, sender, at, notes=notes, nearby=nearby) for each in read])


def fault_in(raw: bytes, charset: str = "") -> str:
    """Why its content cannot be read, for a person; "" = it can. Asked at the door: what cannot be read is kept, and said so."""
    if hl7v2.is_plain(raw):
        return ""
    try:
        if extracts.is_row(raw):
            extracts.opened(raw)
            return ""
        if is_fhir(raw):
            fhir_messages.opened(raw.removeprefix(_BOM))
            return ""
        found = hl7v2.split(raw)
        for each in found:
            hl7v2.parse(each, charset)
    except hl7v2.Unreadable as fault:
        return fault.reason[:1].upper() + fault.reason[1:]
    except Exception:
        return ""  # a fault of ours is not the sender's: it is taken, and whoever files it meets the fault and says so
    return "" if found else NO_MESSAGE


def judged(raw: bytes, head: Head, sender: Sender) -> tuple[str, str]:
    """Why it will not be filed, as far as it can be told at the door by what it says and how its sender is known; and what of it
    will not be, where the rest is. "" = it may be, and all of it.

    So whoever sends an event is told that it is about two people, and the receipt of an extract says which rows cannot be read.
    """
    if head is not ROW_HEAD and (head is not FHIR_HEAD or len(raw) > MOST_MAPPED_TWICE):
        return fault_in(raw, sender.charset), ""
    try:
        if head is ROW_HEAD:
            extracts.mapped(raw, sender, sender.mapping)
        else:
            left_out = fhir_messages.mapped(raw.removeprefix(_BOM), sender).left_out
            return "", f"Not carried, and to be seen in the message alone: {', '.join(left_out)}." if left_out else ""
    except hl7v2.Unreadable as fault:
        return fault.reason[:1].upper() + fault.reason[1:], ""
    except Exception:
        return "", ""  # as above
    return "", ""
