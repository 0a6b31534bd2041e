"""Who may send messages, and how do they write? Tables `[[sender]]` of the registry's files, and their faults in words. Pure."""

import codecs
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from carerecord.contracts.sources import Sender, Source
from carerecord.fhir.identifiers import is_ods_code

ANY: Final = "*"
ACKNOWLEDGE: Final = ("as-asked", "original")
UNABLE: Final = ("AR", "AE", "silence")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_FIELD: Final = re.compile(r"[A-Z][A-Z0-9]{2}-[1-9][0-9]?(/PID-3)?")
_OIDS: Final = {  # as openssl names them, and not the door
    "DC": "0.9.2342.19200300.100.1.25", "GN": "2.5.4.42", "SN": "2.5.4.4", "UID": "0.9.2342.19200300.100.1.1",
    "emailAddress": "1.2.840.113549.1.9.1", "organizationIdentifier": "2.5.4.97", "serialNumber": "2.5.4.5", "title": "2.5.4.12",
}  # fmt: skip
# Of a subject: CN=…, or O = "…" where a comma stands in it.
_PART: Final = re.compile(rf'(^|,) *([A-Z]+|[0-9]+(?:\.[0-9]+)+|{"|".join(_OIDS)}) *= *("(?:[^"\\]|\\.)*" *(?=,|$))?')
_FINGERPRINT: Final = re.compile(r"sha256:[0-9a-f]{64}")
_known = {each.name for each in msgspec.structs.fields(Sender)}


def read_senders(
    tables: Sequence[tuple[str, Mapping[str, Any]]], sources: Mapping[str, Source]
) -> tuple[tuple[Sender, ...], list[str]]:
    """The senders, by id, and what is wrong with the tables that are left out. Each comes with the name it has in its file."""
    found: dict[str, Sender] = {}
    problems: list[str] = []
    for named, table in tables:
        sender, faults = _read(table, sources)
        if sender is not None and sender.id in found:
            faults.append("another table has this id")
        if sender is not None and not faults:
            faults += _clashes(sender, found)
        problems += [f"{named}: {fault}" for fault in faults]
        if sender is not None and not faults:
            found[sender.id] = sender
    return tuple(found[each] for each in sorted(found)), problems


def _read(table: Mapping[str, Any], sources: Mapping[str, Source]) -> tuple[Sender | None, list[str]]:
    faults = [f"{name} is missing" for name in ("id", "source") if not table.get(name)]
    faults += [f"{name} is not a field of a sender" for name in table if name not in _known]
    if faults:
        return None, faults
    try:
        sender = msgspec.convert(table, Sender)
    except msgspec.ValidationError as error:
        return None, [str(error)]
    source = sources.get(sender.source)
    if source is None:
        return None, [f"source names {sender.source!r}, which is not in the registry"]
    sender = replace(
        sender,
        organisation=sender.organisation or source.organisation,
        name=sender.name or source.name,
        number_system=sender.number_system or source.number_system,
        certificates=tuple(_spelt(each) for each in sender.certificates),
    )
    return sender, list(_oddities(sender))


def _spelt(certificate: str) -> str:
    """A fingerprint as openssl prints it, with colons and capitals, is the same one; a subject with its blanks too."""
    kind, _, rest = certificate.partition(":")
    if kind == "subject":
        return "subject:" + _PART.sub(_part_spelt, rest).strip()
    return f"sha256:{rest.replace(':', '').strip().lower()}" if kind.lower() == "sha256" else certificate


def _part_spelt(found: re.Match[str]) -> str:
    begins, name, quoted = found.groups(default="")
    return f"{begins}{_OIDS.get(name, name)}=" + re.sub(r"\\(.)", r"\1", quoted.rstrip()[1:-1])


def _oddities(sender: Sender) -> Iterator[str]:
    if not _ID.fullmatch(sender.id):
        yield "id is at most 40 small letters, digits and hyphens"
    if not is_ods_code(sender.organisation):
        yield "organisation is not an ODS code"
    if sender.acknowledge not in ACKNOWLEDGE:
        yield f"acknowledge is {sender.acknowledge!r}; it is one of {', '.join(ACKNOWLEDGE)}"
    if sender.unable not in UNABLE:
        yield f"unable is {sender.unable!r}; it is one of {', '.join(UNABLE)}"
    if not _FIELD.fullmatch(sender.visit_number):
        yield "visit_number is a field, such as PV1-19 or PID-18; PV1-19/PID-3 where numbers count anew for each person"
    if not sender.number_system:
        yield "number_system is missing, and its source has none: in which identifier system do its local numbers lie?"
    if not 0 <= sender.silent_after_s < math.inf:
        yield "silent_after_s is a number of seconds, or 0"
    for each in sender.certificates:
        if not _FINGERPRINT.fullmatch(each) and not each.startswith("subject:"):
            yield 'certificates holds "sha256:" and 64 hexadecimal digits, or "subject:" and the subject as CN=…,O=…'
    try:
        ZoneInfo(sender.zone)
    except (OSError, ValueError, LookupError):
        yield f"zone {sender.zone!r} is not known; Europe/London is"
    if sender.charset:
        try:
            codecs.lookup(sender.charset)
        except (LookupError, ValueError):
            yield f"charset {sender.charset!r} is not known; utf-8, latin-1 and cp1252 are"


def _clashes(sender: Sender, others: Mapping[str, Sender]) -> Iterator[str]:
    """No message may be anybody's but one sender's."""
    for other in others.values():
        if sender.retired or other.retired:
            continue
        apart = sender.certificates and other.certificates and not set(sender.certificates) & set(other.certificates)
        both = set(sender.sends_as) & set(other.sends_as)
        if both and not apart:
            name = "/".join(sorted(both)[0])
            yield f"sends_as has {name}, which {other.id} uses too; give each its own, or a certificate of its own"
