"""A sender, messages as it writes them, and how all things stand once a number of them has come, in whatever order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import structs

from carerecord.fhir import gates
from carerecord.fhir.bundle import parse as json_of
from carerecord.fhir.reading import read
from carerecord.fhir.validate import load
from carerecord.ingest.hl7v2 import Filing, Heard, Put, mapped, parse, standing
from carerecord.ingest.senders import Sender

SENDER = Sender(id="fenwick-pas", source="fenwick", organisation="RX1", number_system="urn:fenwick:mrn", id_key=b"k")
NHS = "9990000018"
PID = f"PID|1||M7^^^RX1^MR~{NHS}^^^NHS^NH||Marlow^Edith^^^Mrs^^L||19480714|F|||1 Elm Road^^Hull^^HU1 2AA^GBR^H||01482 100100"


def message(
    trigger: str, *segments: str, at: str = "20261122120000", recorded: str = "", control: str = "1", pid: str = PID
) -> bytes:
    """`trigger` as "ADT^A01". The recorded time is EVN-2; results have no EVN."""
    code = trigger.partition("^")[0]
    lines = [rf"MSH|^~\&|PAS|RX1|ROUTE|RX1|{at}||{trigger}|{control}|P|2.4|||AL|NE|GBR|UNICODE||iTKv1.0"]
    if code in ("ADT", "MDM"):
        lines.append(f"EVN||{recorded or at}")
    if pid:
        lines.append(pid)
    return "\r".join([*lines, *segments, ""]).encode()


def pv1(visit: str = "V1", place: str = "WARD1", *, kind: str = "I", start: str = "", end: str = "") -> str:
    fields = [""] * 46
    fields[0], fields[1], fields[2], fields[3], fields[19] = (
        "PV1",
        "1",
        kind,
        f"{place}^^^RX1" if place else "",
        f"{visit}^^^RX1" if visit else "",
    )
    fields[44], fields[45] = start, end
    return "|".join(fields)


@lru_cache(256)
def filed(raw: bytes, sender: Sender = SENDER, received_at: datetime | None = None) -> Filing:
    return mapped(parse(raw, sender.charset), sender, received_at)


def stand(messages: Iterable[bytes], sender: Sender = SENDER) -> dict[str, Put]:
    """How every thing stands after these messages, by "Type/id"."""
    return settled(filed(each, sender) for each in messages)


def settled(filings: Iterable[Filing]) -> dict[str, Put]:
    """The same of what messages came to; settled anew at each of them, as filing does."""
    heard: dict[str, dict[bytes, Heard]] = defaultdict(dict)
    hangs: dict[str, set[str]] = defaultdict(set)
    rules: dict[str, list[Heard]] = defaultdict(list)
    puts: dict[str, Put] = {}
    for number, filing in enumerate(filings, 1):
        touched: dict[str, None] = {}
        for each in filing.statements:
            one = Heard(each.thread, each.local_id, each.says, (*filing.order, number))
            if known := heard[each.thread].get(bytes(each.says)):
                first = min(one.order[0], known.first or known.order[0])
                one = structs.replace(max(one, known, key=lambda each: each.order), first=first)
            heard[each.thread][bytes(each.says)] = one
            hangs[each.thread] |= set(each.hangs)
            touched[each.thread] = None
            if each.rules:
                rules[each.thread].append(one)
            if each.rules or each.thread.startswith("Encounter/"):
                touched.update(dict.fromkeys(thread for thread in list(hangs) if each.thread in _all_above(thread, hangs)))
        for thread in list(touched):
            touched |= dict.fromkeys(each for each in _all_above(thread, hangs) if _both_visits(thread, each))
        for thread in touched:
            above = [one for holder in _all_above(thread, hangs) for one in rules[holder]]
            became = [each for each in hangs if _both_visits(each, thread) and thread in _all_above(each, hangs)]
            words = [one for each in (thread, *became) for one in heard[each].values()]
            for put in standing(thread, words, above):
                puts[f"{put.type}/{put.id}"] = put
    return puts


def _all_above(thread: str, hangs: dict[str, set[str]]) -> list[str]:
    found: dict[str, None] = dict.fromkeys(sorted(hangs.get(thread, ())))
    while more := {high for each in found for high in hangs.get(each, ())} - {*found, thread}:
        found |= dict.fromkeys(sorted(more))
    return list(found)


def _both_visits(one: str, other: str) -> bool:
    return one != other and one.startswith("Encounter/") and other.startswith("Encounter/")


def resources(puts: dict[str, Put], type_: str) -> list[dict[str, Any]]:
    return [json_of(put.raw) for put in puts.values() if put.type == type_ and put.raw is not None]


def one(puts: dict[str, Put], type_: str) -> dict[str, Any]:
    (found,) = resources(puts, type_)
    return found


def the(messages: Sequence[bytes], type_: str, sender: Sender = SENDER) -> dict[str, Any]:
    return one(stand(messages, sender), type_)


def withdrawn(puts: dict[str, Put]) -> dict[str, str]:
    return {key: put.withdrawn for key, put in puts.items() if put.raw is None}


@lru_cache(1)
def _gates() -> gates.Gates:
    return gates.load()


@lru_cache(10_000)
def _faults(raw: bytes) -> tuple[Any, ...]:
    resource = json_of(raw)
    return (*load().faults(resource), *_gates().judge(resource, raw).faults)


def all_is_well(puts: dict[str, Put]) -> None:
    """Every resource is what FHIR says it is, to the letter, and a record can show it."""
    for put in puts.values():
        if put.raw is None:
            continue
        assert _faults(put.raw) == (), f"{put.type}: {_faults(put.raw)}"
        assert read(put.raw).title


def on_a_page(resource: dict[str, Any]) -> Any:
    """What a page shows of it."""
    return read(resource)
