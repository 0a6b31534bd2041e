"""How does a resource lie on the disk? The very text that came, with our id and version in it; made small, then sealed.

A thief of the table has neither a word nor a name: AES-256-GCM under a key of the organisation that sent it and of the patient id
there. A person has no key of their own, so a merge seals nothing anew.
"""

import hmac
import os
import threading
import zlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import msgspec
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Raw

# Each sealed body names the dictionary it was made small with; a new one gets the next number and the old ones stay. The first
# is of deflate; the second of Zstandard, trained by `scripts/train_dictionary.py`: half the size for a tenth of the time.
DEFLATED = 1
DICTIONARY = 2
_BEGINS = bytes((DICTIONARY,))
_LEVEL = 3
_NONCE = 12
_KEYS_AT_HAND = 1_000  # one that has sealed and opened holds 5 KB of OpenSSL's, and is derived anew in 7 µs

Lying = tuple[str, str, str]  # of which organisation, in whose record, in which place

_members = msgspec.json.Decoder(dict[str, Raw])
_written = msgspec.json.Encoder()


class Bodies:
    """Packs and unpacks. `key` is the service's own; the keys of organisations are derived from it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        folder = files("carerecord.holdings")
        self._deflated = folder.joinpath("dictionary-1.txt").read_bytes()
        self._words = zstandard.ZstdCompressionDict(folder.joinpath("dictionary-2.zstd").read_bytes())
        self._words.precompute_compress(level=_LEVEL)
        self._presses = threading.local()  # a press serves one thread at a time
        self._sealer = lru_cache(_KEYS_AT_HAND)(self._derived)

    def pack(self, text: bytes, *, organisation: str, patient: str, place: str) -> bytes:
        """Sealed for this place ("Observation/k1/3"): moved to another row it opens no more."""
        return self.pack_all([text], [(organisation, patient, place)])[0]

    def pack_all(self, texts: Sequence[bytes], lying: Sequence[Lying]) -> list[bytes]:
        """Many, one after the other: the press finds its words in the processor's cache but for the first, and is twice as
        fast as where other work comes between."""
        press, chance = self._press.compress, os.urandom(_NONCE * len(texts))
        small = [press(text) for text in texts]
        nonces = [chance[at : at + _NONCE] for at in range(0, len(chance), _NONCE)]
        return [
            _BEGINS + nonce + self._sealer(organisation, patient).encrypt(nonce, each, place.encode())
            for each, nonce, (organisation, patient, place) in zip(small, nonces, lying, strict=True)
        ]

    def unpack(self, body: bytes, *, organisation: str, patient: str, place: str) -> bytes:
        """The text. Raises cryptography's InvalidTag for what was changed or moved."""
        nonce, sealed = body[1 : 1 + _NONCE], body[1 + _NONCE :]
        small = self._sealer(organisation, patient).decrypt(nonce, sealed, place.encode())
        if body[0] == DEFLATED:
            inflate = zlib.decompressobj(-15, self._deflated)
            return inflate.decompress(small) + inflate.flush()
        return self._opener.decompress(small)

    @property
    def _press(self) -> zstandard.ZstdCompressor:
        try:
            return self._presses.press  # type: ignore[no-any-return]
        except AttributeError:
            press = zstandard.ZstdCompressor(_LEVEL, dict_data=self._words, write_checksum=False, write_dict_id=False)
            self._presses.press = press
            return press

    @property
    def _opener(self) -> zstandard.ZstdDecompressor:
        try:
            return self._presses.opener  # type: ignore[no-any-return]
        except AttributeError:
            opener = self._presses.opener = zstandard.ZstdDecompressor(dict_data=self._words)
            return opener

    def _derived(self, organisation: str, patient: str) -> AESGCM:
        of_organisation = hmac.digest(self._key, f"organisation/{organisation}".encode(), "sha256")
        return AESGCM(hmac.digest(of_organisation, f"patient/{patient}".encode(), "sha256"))


def with_ours(raw: bytes, *, id_: str, version: int, at: str) -> bytes:
    """The resource with our id, version and time; every other member byte for byte as it came, in its order.

    Of `meta` the client's profiles, tags, labels and source stay.
    """
    members: dict[str, Any] = _members.decode(raw)
    meta: dict[str, Any] = _members.decode(members.pop("meta")) if "meta" in members else {}
    meta["versionId"], meta["lastUpdated"] = str(version), at
    ours = {"resourceType": members.pop("resourceType"), "id": id_, "meta": meta}
    members.pop("id", None)
    return _written.encode(ours | members)
