"""Under which id does somebody's Patient resource lie here, whom a source knows by an id of its own?"""

from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import blake2b


@dataclass(frozen=True)
class PatientIds:
    """Ids under the installation's own key: they stand in addresses, and hospital numbers are few enough to try them all.

    Those who file, find and read what a source sends hold the key, and nobody else does.
    """

    key: bytes = field(repr=False)

    def __call__(self, source: str, local_id: str) -> str:
        """The same for the same entry of the same source, whoever works it out: who files what a source sends, and who reads it.

        One for each entry and none for a person, so that a merge re-keys nothing.
        """
        made = blake2b(f"Patient\0{source}\0{local_id}".encode(), digest_size=16, key=self.key).digest()
        return b32encode(made).decode().rstrip("=").lower()
