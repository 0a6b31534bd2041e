"""Where did this come from? For each message a Provenance: what it changed, who sent it, which message of the journal it was."""

from collections.abc import Sequence
from typing import Final

import msgspec

from carerecord.ingest.hl7v2 import Filing, Put
from carerecord.ingest.journal.store.filing import Kept
from carerecord.ingest.senders import Sender
from carerecord.kit.clock import stamp

MESSAGE: Final = "urn:carerecord:message"
_ODS: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
_ENTERER: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "transmitter"}]
}
_most: Final = 500  # targets of one Provenance


def provenance(
    kept: Kept, sender: Sender, filing: Filing, place: int, targets: Sequence[Put], person: str
) -> tuple[bytes, str]:
    """The resource and its id; nothing where the message is about nobody and changed nothing.

    `place` tells the messages of one batch apart. The same message gives the same bytes: to file it again changes nothing.
    """
    told = dict.fromkeys([*([f"Patient/{person}"] if person else []), *[f"{each.type}/{each.id}" for each in targets]])
    if not told:
        return b"", ""
    id_ = f"m{kept.id}" if place == 0 else f"m{kept.id}-{place}"
    made = {
        "resourceType": "Provenance",
        "id": id_,
        "target": [{"reference": each} for each in list(told)[:_most]],
        "recorded": stamp(kept.at),
        "activity": {"text": filing.trigger},
        "agent": [
            {
                "type": _ENTERER,
                "who": {"identifier": {"system": _ODS, "value": sender.organisation}, "display": sender.name},
            }
        ],
        "entity": [{"role": "source", "what": {"identifier": {"system": MESSAGE, "value": str(kept.id)}}}],
    }
    return msgspec.json.encode(made), id_
