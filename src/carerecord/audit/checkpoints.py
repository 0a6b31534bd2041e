"""How is it seen that the end of the book was cut off? A signed note of its length and hash, kept outside the database.

A chain alone cannot tell: a shorter chain is a good chain. One line in a file for each note (`SEQ HASH AT SIGNATURE`), signed
with Ed25519; the public key lies beside it, so that somebody else can check a copy. An operator who ships the file to another
machine, as the how-to says, is safe from a thief of this one too.
"""

import base64
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@dataclass(frozen=True)
class Checkpoint:
    seq: int
    hash: bytes
    at: str

    @property
    def text(self) -> str:
        return f"{self.seq} {self.hash.hex()} {self.at}"


class Checkpoints:
    """The notes of one book, in `folder`, signed with a key made from 32 secret bytes."""

    def __init__(self, folder: Path, seed: bytes) -> None:
        self._file, self._folder = folder / "checkpoints", folder
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def add(self, checkpoint: Checkpoint) -> None:
        """Written through to the disk when this returns."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        public = self._folder / "public-key"
        if not public.exists():
            public.write_text(base64.b64encode(self._public().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode() + "\n")
        signature = base64.b64encode(self._key.sign(checkpoint.text.encode())).decode()
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(handle, f"{checkpoint.text} {signature}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def all(self) -> tuple[tuple[Checkpoint, ...], int]:
        """The notes whose signature holds, by number, and how many lines of the file are no such note.

        A last line without its end is a write that a power cut stopped: it is not counted.
        """
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return (), 0
        whole = text.split("\n")[:-1]
        good = [found for line in whole if (found := self._read(line)) is not None]
        return tuple(sorted(good, key=lambda each: each.seq)), len(whole) - len(good)

    def _read(self, line: str) -> Checkpoint | None:
        try:
            seq, hash_, at, signature = line.split(" ")
            found = Checkpoint(int(seq), bytes.fromhex(hash_), at)
            self._public().verify(base64.b64decode(signature), found.text.encode())
        except (ValueError, InvalidSignature):
            return None
        return found

    def _public(self) -> Ed25519PublicKey:
        return self._key.public_key()
