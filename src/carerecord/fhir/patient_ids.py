"""Under which id does somebody's Patient resource lie here, whom a source knows by an id of its own?"""

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"  # base 32 (RFC 4648), lower case and without padding
_PAIRS: Final = tuple([high + low for high in _LETTERS for low in _LETTERS])
_PLACES: Final = range(120, -1, -10)  # of the pairs, in 128 bits followed by two that are nought


@dataclass(frozen=True)
class PatientIds:
    """Ids under the installation's own key: they stand in addresses, and hospital numbers are few enough to try them all.

    Those who file, find and read what a source sends hold the key, and nobody else does. An opening needs one for each source.
    """

    key: bytes = field(repr=False)

    def __call__(self, source: str, local_id: str) -> str:
        """The same for the same entry of the same source, whoever works it out: who files what a source sends, and who reads it.

        One for each entry and none for a person, so that a merge re-keys nothing.
        """
        made = self._keyed.copy()
        made.update(f"Patient\0{source}\0{local_id}".encode())
        bits = int.from_bytes(made.digest()) << 2
        return "".join([_PAIRS[bits >> place & 1023] for place in _PLACES])

    @cached_property
    def _keyed(self) -> blake2b:
        return blake2b(digest_size=16, key=self.key)
