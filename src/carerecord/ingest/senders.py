"""Whose message is it? By the certificate that was shown and MSH-3 and MSH-4, from rows of the registry of sources."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from msgspec import Struct
from msgspec.structs import asdict, replace

from carerecord.contracts import sources
from carerecord.contracts.sources import Registry
from carerecord.ingest.head import Head

_ANY: Final = "*"
_SHORT: Final = {
    NameOID.COMMON_NAME: "CN", NameOID.ORGANIZATION_NAME: "O", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C", NameOID.LOCALITY_NAME: "L", NameOID.STATE_OR_PROVINCE_NAME: "ST",
}  # fmt: skip
_AS_ANOTHER: Final = re.compile(r", *[\w.]+ *=")  # a value that reads as if another part of the subject began in it


class Sender(sources.Sender, frozen=True):
    """A row of the registry, with the key under which ids are made of the numbers that it sends. Never leaves this service."""

    id_key: bytes = b""


class Proof(Struct, frozen=True):
    """What a connection showed of itself. Nothing: the way is not encrypted, or it showed no certificate."""

    names: tuple[str, ...] = ()  # as a sender's row writes them


class Refusal(Struct, frozen=True):
    """Why a message or a connection is not taken; for the other end and for the audit book."""

    sender: str  # whose name was used, where that is known
    rule: str
    says: str
    ends: bool = False  # the connection ends
    shown: tuple[str, ...] = ()  # its certificate, as a sender's row writes it
    at: str = ""  # from which address it came


def proof_of(certificate: bytes) -> Proof:
    if not certificate:
        return Proof()
    subject = x509.load_der_x509_certificate(certificate).subject
    parts = [(_SHORT.get(each.oid, each.oid.dotted_string), str(each.value)) for each in subject]
    named = f"subject:{','.join(f'{name}={value}' for name, value in parts)}"
    shown = () if any(_AS_ANOTHER.search(value) for _, value in parts) else (named,)
    return Proof((f"sha256:{sha256(certificate).hexdigest()}", *shown))


@dataclass
class Senders:
    """The rows as the registry has them now."""

    id_key: bytes = field(repr=False)
    registry_version: str = ""
    rows: tuple[Sender, ...] = ()
    _found: dict[tuple[bytes, bytes, Proof], Sender | Refusal] = field(default_factory=dict)

    def take(self, registry: Registry) -> None:
        self.registry_version = registry.version
        mappings = {each.id: each.mapping for each in registry.sources}
        told = (each if each.mapping else replace(each, mapping=mappings.get(each.source, "")) for each in registry.senders)
        self.rows = tuple(Sender(**{**asdict(each), "id_key": self.id_key}) for each in told if not each.retired)
        self._found.clear()

    def by_id(self) -> Mapping[str, Sender]:
        return {each.id: each for each in self.rows}

    def knows(self, proof: Proof) -> bool:
        return any(name in each.certificates for each in self.rows for name in proof.names)

    def of(self, head: Head, proof: Proof) -> Sender | Refusal:
        """The sender whose message this is, or why it is nobody's who may send here by this way."""
        key = (head.form.application, head.form.facility, proof)
        found = self._found.get(key)
        if found is None:
            if len(self._found) > 10_000:
                self._found.clear()
            found = self._found[key] = _of(self.rows, head, proof)
        return found


def sends(sender: sources.Sender, head: Head) -> bool:
    """Whether MSH-3 and MSH-4 are among those that its row names."""
    said = (head.form.application.decode("utf-8", "replace"), head.form.facility.decode("utf-8", "replace"))
    return any(_alike(said, pair) for pair in sender.sends_as)


def _of(rows: Iterable[Sender], head: Head, proof: Proof) -> Sender | Refusal:
    said = (head.form.application.decode("utf-8", "replace"), head.form.facility.decode("utf-8", "replace"))
    rows = [each for each in rows if each.sends_as]  # one without any sends files, or over HTTP
    named = [each for each in rows if any(_alike(said, pair) for pair in each.sends_as)]
    if proof.names:
        mine = [each for each in rows if any(name in each.certificates for name in proof.names)]
        here = [each for each in named if each in mine]
        if not here and len(mine) == 1 and said == ("", ""):
            return mine[0]  # an MSH that cannot be read, over a connection that can only be one sender's
        others = [each for each in named if each not in mine]
        if not here and others:
            says = "MSH-3 and MSH-4 are those of another sender than this connection's certificate."
            return Refusal(others[0].id, "sender/another", says, ends=True)
    else:
        here = [each for each in named if not each.certificates]
        if not here and named:
            says = "This sender is taken over a connection with its certificate alone."
            return Refusal(named[0].id, "sender/certificate", says, ends=True)
        if not here and said == ("", "") and (plain := [each for each in rows if not each.certificates]) and len(plain) == 1:
            return plain[0]
    if not here:
        return Refusal("", "sender/unknown", "MSH-3 and MSH-4 are those of no sender in the registry of sources.")
    here.sort(key=lambda each: min(pair.count(_ANY) for pair in each.sends_as if _alike(said, pair)))
    return here[0]  # the one who says it most exactly


def _alike(said: tuple[str, str], pair: tuple[str, str]) -> bool:
    return all(wanted in (_ANY, word) for word, wanted in zip(said, pair, strict=True))
