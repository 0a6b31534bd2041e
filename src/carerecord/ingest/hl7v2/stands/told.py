"""What is known of one resource before it is written as FHIR?"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from carerecord.ingest.hl7v2.shapes import Order


class Told(Struct, frozen=True):
    type: str
    id: str
    patient: str  # the id of the Patient resource that it belongs to now
    local_id: str
    facts: dict[str, Any]  # key -> value as it stands; None = taken away
    events: tuple[tuple[str, Order, Any], ...]  # key, when recorded, value; in the order of recording
    withdrawn: str
    renumbered: Mapping[str, str]
    was: tuple[str, str] = ("", "")  # whose it was before it was moved: a local id and the id of a Patient
    since: str = ""  # of a Patient: since when its sender has said the last of that
