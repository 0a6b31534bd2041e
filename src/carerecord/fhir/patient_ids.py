"""Under which id does somebody's Patient resource lie here, whom a source knows by an id of its own?"""

from base64 import b32encode
from hashlib import blake2b


def patient_id(source: str, local_id: str) -> str:
    """The same for the same entry of the same source, whoever works it out: who files what a source sends, and who reads it.

    One for each entry and none for a person, so that a merge re-keys nothing.
    """
    made = blake2b(f"Patient\0{source}\0{local_id}".encode(), digest_size=16).digest()
    return b32encode(made).decode().rstrip("=").lower()
