"""Does a mapping do what its author means? Its own test cases, run without any network, and what differs in plain words."""

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from carerecord.connectors.rest_json_mapping import BadMapping, Case, Supplier, mapping_of
from carerecord.connectors.rest_json_paths import BadPath, written
from carerecord.connectors.rest_json_take import answer_of, around_of, as_json, made_of, people_of, unknown_in
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.kit.turns import Turns


class Tried(Struct, frozen=True):
    """One test case."""

    request: str
    input: str
    expected: str = ""
    sent: int = 0  # items in the answer
    wrong: tuple[str, ...] = ()  # what differs from what was expected, and what cannot be read
    unknown: tuple[str, ...] = ()  # fields of the answer that the mapping does not know
    left_out: tuple[str, ...] = ()  # fields that it leaves out on purpose
    came: str = ""  # the resources that came out, as JSON

    @property
    def ok(self) -> bool:
        return not self.wrong and not self.unknown


async def tried(
    text: str, file: Callable[[str], bytes], faults: Callable[[Mapping[str, Any]], tuple[str, ...]]
) -> tuple[Tried, ...]:
    """Each test case of the mapping. `file` reads a file beside it; `faults` says how a resource breaks R4's structure.

    Raises:
        BadMapping: with every fault, each with its table and key.
    """
    supplier = mapping_of(text)
    if not supplier.cases:
        raise BadMapping(('it has no tests: add [[test]] tables with request = "…", input = "file", expected = "file"',))
    return tuple([await _one(supplier, case, file, faults) for case in supplier.cases])


async def _one(
    supplier: Supplier, case: Case, file: Callable[[str], bytes], faults: Callable[[Mapping[str, Any]], tuple[str, ...]]
) -> Tried:
    try:
        body = file(case.input)
    except OSError:
        return Tried(case.request, case.input, case.expected, wrong=(f"{case.input} cannot be read",))
    try:
        answer = await answer_of(body, supplier.answers, Turns())
        async with Turns().mine() as turn:
            if case.request == "person":
                resources, wrong, sent = people_of(supplier, answer), [], 1
                reads, left = supplier.person.reads, supplier.person.left_out
                unknown, left_out = unknown_in(reads, left, answer)
            else:
                request = next(each for each in supplier.requests if each.name == case.request)
                made = [each async for each in made_of(request, answer, around_of(supplier, answer), case.local_id, turn)]
                wrong = [f"{each.type} {place}: {each.fault}" for place, each in enumerate(made, 1) if each.fault]
                resources, sent = [parse(each.raw) for each in made if not each.fault], len(made)
                unknown, left_out = unknown_in(request.reads, request.left_out, answer)
    except (Unreadable, BadPath) as fault:
        return Tried(case.request, case.input, case.expected, wrong=(f"the answer cannot be read: {fault.reason}",))
    wrong += [f"{_name(each)} is not R4: {fault}" for each in resources for fault in faults(each)]
    came = _pretty(resources)
    wrong += _compared(case, file, resources)
    return Tried(
        case.request, case.input, case.expected, sent, tuple(wrong), tuple(sorted(written(each) for each in unknown)),
        tuple(sorted(written(each) for each in left_out)), came,
    )  # fmt: skip


def _compared(case: Case, file: Callable[[str], bytes], resources: list[dict[str, Any]]) -> list[str]:
    try:
        expected = parse(b'{"all":' + file(case.expected) + b"}")["all"]
    except OSError:
        return [f"{case.expected} is not there yet: write it by hand, or with --write once what came out has been read"]
    except Unreadable as fault:
        return [f"{case.expected} cannot be read: {fault.reason}"]
    wanted = {_name(each): each for each in expected} if isinstance(expected, list) else {}
    came = {_name(each): each for each in resources}
    found = [f"{name} was expected and did not come" for name in wanted if name not in came]
    found += [f"{name} came and was not expected" for name in came if name not in wanted]
    for name in wanted.keys() & came.keys():
        found += [f"{name} {each}" for each in _differences(wanted[name], came[name], "")]
    return sorted(found)


def _differences(wanted: Any, came: Any, at: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(came, dict):
        for key in dict.fromkeys((*wanted, *came)):
            yield from _differences(wanted.get(key), came.get(key), f"{at}.{key}" if at else str(key))
    elif isinstance(wanted, list) and isinstance(came, list):
        for place in range(max(len(wanted), len(came))):
            here, there = (each[place] if place < len(each) else None for each in (wanted, came))
            yield from _differences(here, there, f"{at}[{place}]")
    elif _said(wanted) != _said(came):
        yield f"{at}: expected {_said(wanted)}, came {_said(came)}"


def _said(value: Any) -> str:
    """As its digits stand: 1.10 differs from 1.1."""
    if value is None:
        return "nothing"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _name(resource: Any) -> str:
    return f"{resource.get('resourceType', '?')}/{resource.get('id', '?')}" if isinstance(resource, dict) else "?"


def _pretty(resources: list[dict[str, Any]]) -> str:
    raw = b"[" + b",".join(as_json(each) for each in resources) + b"]"
    return msgspec.json.format(raw, indent=2).decode() + "\n"
