"""Under which id is a thing of a sender's kept, whichever of its messages comes first?"""

import hashlib
from functools import lru_cache
from typing import Final

from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest.hl7v2.shapes import Sender


def stable_id(sender: Sender, type_: str, *identifiers: str) -> str:
    """An id made of whose thing it is and of the business identifiers by which its sender knows it: 32 letters and digits.

    It is a hash under the installation's own key, since ids stand in addresses, and whoever knows how a hash is made can try
    every NHS number there is.
    """
    said = "\x1f".join((sender.source, type_, *identifiers)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(said, digest_size=16, key=sender.id_key).hexdigest()


def patient_id(sender: Sender, local_id: str) -> str:
    """The id of somebody's Patient: the one under which all who read a copy look for it."""
    return _patient_ids(sender.id_key)(sender.source, local_id)


_patient_ids: Final = lru_cache(8)(PatientIds)  # an installation has one key
