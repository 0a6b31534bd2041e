"""What does one system hold, as bytes ready to send? Each resource is written once, when its patient is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from carerecord.region.servers.speaking import PRODUCT, spoken
from carerecord.region.shapes import Dialect, Holding, System

# Where the moment of a resource stands, best first. Nested words are joined by a dot.
_MOMENTS = (
    "effectiveDateTime", "effectivePeriod.start", "authoredOn", "onsetDateTime", "recordedDate", "performedDateTime",
    "performedPeriod.start", "occurrenceDateTime", "period.start", "start", "date",
    "created", "issued", "dateAsserted", "whenHandedOver", "assertedDate",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One resource on the shelf."""

    type: str
    id: str
    resource: Mapping[str, Any]
    raw: bytes  # as the system writes it; `resource` is what it means, by which it is searched
    entry: bytes  # as it stands in a searchset
    beside: Item | None = None  # the Medication that it refers to, where the system keeps those apart

    @cached_property
    def when(self) -> str:
        return next((found for path in _MOMENTS if isinstance(found := _at(self.resource, path), str)), "")

    @property
    def updated(self) -> str:
        return str(_at(self.resource, "meta.lastUpdated") or "")

    @property
    def version(self) -> str:
        return str(_at(self.resource, "meta.versionId") or "1")


def _at(resource: Mapping[str, Any], path: str) -> Any:
    value: Any = resource
    for word in path.split("."):
        value = value.get(word) if isinstance(value, Mapping) else None
    return value


def item_of(base: str, resource: Mapping[str, Any], system: System, *, mode: str = "match") -> Item:
    told, product = spoken(resource, system, datetime.now(UTC).date())
    beside = _item(base, product, product, system.dialect, "include") if product else None
    return replace(_item(base, resource, told, system.dialect, mode), beside=beside)


def _item(base: str, resource: Mapping[str, Any], told: Mapping[str, Any], dialect: Dialect, mode: str) -> Item:
    raw = orjson.dumps(told)
    kind, name = str(resource.get("resourceType", "")), str(resource.get("id", ""))
    parts = [b'"resource":' + raw]
    if dialect.urls == "http":
        parts.insert(0, f'"fullUrl":"{base}/{kind}/{name}"'.encode())
    elif dialect.urls == "urn":
        parts.insert(0, f'"fullUrl":"urn:uuid:{uuid5(NAMESPACE_URL, f"{base}/{kind}/{name}")}"'.encode())
    if dialect.modes:
        parts.append(f'"search":{{"mode":"{mode}"}}'.encode())
    return Item(kind, name, resource, raw, b"{" + b",".join(parts) + b"}")


class Shelf:
    """The holdings of one system, found by patient, by identifier and by id."""

    def __init__(self, base: str, holdings: Sequence[Holding], system: System) -> None:
        self.base, self._system = base, system
        self._holdings = {holding.patient_id: holding for holding in holdings}
        self._prepared: dict[str, dict[str, tuple[Item, ...]]] = {}
        self._patients: dict[str, Item] = {}
        self._by_identifier: dict[tuple[str, str], list[str]] = {}
        for holding in holdings:
            for identifier in holding.resources[0].get("identifier", ()):
                key = (identifier.get("system", ""), identifier.get("value", ""))
                self._by_identifier.setdefault(key, []).append(holding.patient_id)

    def patient(self, patient: str) -> Item | None:
        found = self._patients.get(patient)
        if found is None and (holding := self._holdings.get(patient)) is not None:
            found = self._patients[patient] = item_of(self.base, holding.resources[0], self._system)
        return found

    def patients(self) -> Iterator[Item]:
        for patient in self._holdings:
            if (item := self.patient(patient)) is not None:
                yield item

    def known_as(self, system: str, value: str) -> list[str]:
        """Ids of the patients with this identifier; with no system, with this value under any."""
        if system:
            return list(self._by_identifier.get((system, value), ()))
        return [patient for (_, other), found in self._by_identifier.items() if other == value for patient in found]

    def of(self, patient: str, type: str) -> tuple[Item, ...]:
        return self._about(patient).get(type, ())

    def everything(self, patient: str, types: Iterable[str] = ()) -> tuple[Item, ...]:
        wanted = set(types)
        return tuple(item for type, items in self._about(patient).items() if not wanted or type in wanted for item in items)

    def read(self, type: str, name: str) -> Item | None:
        if type == "Patient":
            return self.patient(name)
        patient = self._by_product.get(name) if type == "Medication" else self._whose.get((type, name))
        return None if patient is None else next((item for item in self.of(patient, type) if item.id == name), None)

    def whose(self, type: str, name: str) -> str:
        """The patient that a resource is about, or nothing."""
        return name if type == "Patient" else self._whose.get((type, name), "")

    @cached_property
    def types(self) -> tuple[str, ...]:
        return tuple(
            sorted(
                {str(each.get("resourceType")) for holding in self._holdings.values() for each in holding.resources}
                | {"Patient"}
                | ({"Medication"} if self._system.dialect.medicines == "referenced" else set())
            )
        )

    @cached_property
    def _whose(self) -> dict[tuple[str, str], str]:
        return {
            (str(each.get("resourceType")), str(each.get("id"))): holding.patient_id
            for holding in self._holdings.values()
            for each in holding.resources[1:]
        }

    @cached_property
    def _by_product(self) -> dict[str, str]:
        return {f"{name}{PRODUCT}": patient for (_, name), patient in self._whose.items()}

    def _about(self, patient: str) -> dict[str, tuple[Item, ...]]:
        found = self._prepared.get(patient)
        if found is None:
            holding, sorted_out = self._holdings.get(patient), dict[str, list[Item]]()
            for resource in holding.resources if holding else ():
                item = item_of(self.base, resource, self._system)
                sorted_out.setdefault(item.type, []).append(item)
                if item.beside:
                    sorted_out.setdefault("Medication", []).append(item.beside)
            found = self._prepared[patient] = {type: tuple(items) for type, items in sorted_out.items()}
        return found
