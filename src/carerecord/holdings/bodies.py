"""How does a resource lie on the disk? The very text that came, with our id and version in it; deflated, then sealed.

A thief of the table has neither a word nor a name: AES-256-GCM under a key of the organisation that sent it and of the patient id
there. A person has no key of their own, so a merge seals nothing anew.
"""

import hmac
import os
import zlib
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Raw

# Each sealed body names the dictionary it was deflated with; a new one gets the next number and the old ones stay.
DICTIONARY = 1
_NONCE = 12
_KEYS_AT_HAND = 20_000

_members = msgspec.json.Decoder(dict[str, Raw])
_written = msgspec.json.Encoder()


class Bodies:
    """Packs and unpacks. `key` is the service's own; the keys of organisations are derived from it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._dictionaries = {1: files("carerecord.holdings").joinpath("dictionary-1.txt").read_bytes()}
        self._sealer = lru_cache(_KEYS_AT_HAND)(self._derived)

    def pack(self, text: bytes, *, organisation: str, patient: str, place: str) -> bytes:
        """Sealed for this place ("Observation/k1/3"): moved to another row it opens no more."""
        deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, self._dictionaries[DICTIONARY])
        small = deflate.compress(text) + deflate.flush()
        nonce = os.urandom(_NONCE)
        return bytes((DICTIONARY,)) + nonce + self._sealer(organisation, patient).encrypt(nonce, small, place.encode())

    def unpack(self, body: bytes, *, organisation: str, patient: str, place: str) -> bytes:
        """The text. Raises cryptography's InvalidTag for what was changed or moved."""
        nonce, sealed = body[1 : 1 + _NONCE], body[1 + _NONCE :]
        small = self._sealer(organisation, patient).decrypt(nonce, sealed, place.encode())
        inflate = zlib.decompressobj(-15, self._dictionaries[body[0]])
        return inflate.decompress(small) + inflate.flush()

    def _derived(self, organisation: str, patient: str) -> AESGCM:
        of_organisation = hmac.new(self._key, f"organisation/{organisation}".encode(), sha256).digest()
        return AESGCM(hmac.new(of_organisation, f"patient/{patient}".encode(), sha256).digest())


def with_ours(raw: bytes, *, id_: str, version: int, at: str) -> bytes:
    """The resource with our id, version and time; every other member byte for byte as it came, in its order.

    Of `meta` the client's profiles, tags, labels and source stay.
    """
    members = _members.decode(raw)
    meta = _members.decode(members["meta"]) if "meta" in members else {}
    meta["versionId"] = Raw(b'"%d"' % version)
    meta["lastUpdated"] = Raw(_written.encode(at))
    told = {"resourceType": members["resourceType"], "id": Raw(_written.encode(id_)), "meta": Raw(_written.encode(meta))}
    return _written.encode(told | {name: each for name, each in members.items() if name not in told})
