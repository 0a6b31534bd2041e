"""How does a message lie on the disk? As it came, compressed, then sealed under a key of the organisation that sent it.

AES-256-GCM; the seal holds for one sender and one digest, so a body that is moved to another row opens no more.
"""

import hmac
import os
import threading
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Final

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12
_SHAPE: Final = b"\x01"  # Zstandard, then AES-256-GCM; another shape gets another number
DIGEST: Final = 16


class Seals:
    """Seals and opens. `key` is the service's own; the keys of organisations are derived from it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._digest_key = hmac.new(key, b"digest", sha256).digest()
        self._thread = threading.get_ident()
        self._small, self._whole = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()
        self._sealer = lru_cache(10_000)(self._derived)

    def seal(self, text: bytes, *, organisation: str, place: bytes) -> bytes:
        # One for each thread: it keeps what it works with.
        here = self._small if threading.get_ident() == self._thread else zstandard.ZstdCompressor(level=1)
        small = here.compress(text)
        nonce = os.urandom(_NONCE)
        return _SHAPE + nonce + self._sealer(organisation).encrypt(nonce, small, place)

    def open(self, body: bytes, *, organisation: str, place: bytes) -> bytes:
        """The text. Raises cryptography's InvalidTag for what was changed or moved."""
        small = self._sealer(organisation).decrypt(body[1 : 1 + _NONCE], body[1 + _NONCE :], place)
        return self._whole.decompress(small)

    def digest(self, *parts: bytes) -> bytes:
        """Keyed, so that who steals the table cannot try out what a message might have said."""
        told = b"".join([piece for each in parts for piece in (len(each).to_bytes(4), each)])
        return blake2b(told, key=self._digest_key, digest_size=DIGEST).digest()

    def _derived(self, organisation: str) -> AESGCM:
        return AESGCM(hmac.new(self._key, f"organisation/{organisation}".encode(), sha256).digest())
