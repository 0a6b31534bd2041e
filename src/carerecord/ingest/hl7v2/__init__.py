"""HL7 v2: from the bytes of a message to what it says of whom, and from all that was said of a thing to how it stands.

Pure: no truth is kept and nobody is asked. `split` opens a batch, `parse` takes a message apart, `mapped` says what it comes to,
`standing` lays all statements of one thing together. What is not understood is listed, never dropped.
"""

from carerecord.ingest.hl7v2.ids import patient_id, stable_id
from carerecord.ingest.hl7v2.mapping import TRIGGERS, mapped
from carerecord.ingest.hl7v2.parse import Message, Segment, is_plain, parse, split, within
from carerecord.ingest.hl7v2.reading import Nearby
from carerecord.ingest.hl7v2.shapes import Filing, Heard, Merge, Order, Put, Sender, Statement, Unreadable
from carerecord.ingest.hl7v2.standing import enrolled, standing

__all__ = [
    "TRIGGERS",
    "Filing",
    "Heard",
    "Merge",
    "Message",
    "Nearby",
    "Order",
    "Put",
    "Segment",
    "Sender",
    "Statement",
    "Unreadable",
    "enrolled",
    "is_plain",
    "mapped",
    "parse",
    "patient_id",
    "split",
    "stable_id",
    "standing",
    "within",
]
