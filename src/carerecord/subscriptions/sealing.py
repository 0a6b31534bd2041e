"""How does lie on the disk what a client wrote of where to tell it, and with which secrets? Sealed, for one row."""

import hmac
import os
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12
_SHAPE: Final = b"\x01"  # AES-256-GCM; another shape gets another number


class Seals:
    """`key` is the service's own; those of organisations are derived from it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, text: bytes, *, organisation: str, id_: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return _SHAPE + nonce + self._sealer(organisation).encrypt(nonce, text, id_.encode())

    def open(self, body: bytes, *, organisation: str, id_: str) -> bytes:
        """Raises cryptography's InvalidTag for what was changed or moved to another row."""
        return self._sealer(organisation).decrypt(body[1 : 1 + _NONCE], body[1 + _NONCE :], id_.encode())

    def _sealer(self, organisation: str) -> AESGCM:
        return AESGCM(hmac.new(self._key, f"organisation/{organisation}".encode(), sha256).digest())
