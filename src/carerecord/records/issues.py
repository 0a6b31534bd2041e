"""When was an order last issued, by all that its own source sent? GP Connect says it in the issues, not in the order."""

from datetime import datetime

from msgspec.structs import replace

from carerecord.contracts.records import Entry
from carerecord.fhir.facts import Medicine
from carerecord.fhir.read.current import is_recent, recently
from carerecord.fhir.times import when
from carerecord.records.order import moment


def with_issues(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The entries of one answer, each order with the day of its newest issue; one that was unsure for want of a recent day alone
    is current where its issues give one. Nothing of another source is looked at."""
    newest: dict[str, str] = {}
    for entry in entries:
        medicine = entry.facts.medicine
        if medicine is None or not medicine.orders or entry.facts.warning == "entered in error":
            continue
        for order in medicine.orders:
            if moment(medicine.issued) > moment(newest.get(order, "")):
                newest[order] = medicine.issued
    return tuple([_issued(entry, newest) for entry in entries]) if newest else entries


def _issued(entry: Entry, newest: dict[str, str]) -> Entry:
    medicine = entry.facts.medicine
    if medicine is None or medicine.kind not in ("order", "statement"):
        return entry
    orders = (f"MedicationRequest/{entry.facts.id}",) if medicine.kind == "order" else medicine.orders
    at = max((newest.get(order, "") for order in orders), key=moment, default="")
    if moment(at) <= moment(medicine.issued):
        return entry
    now = when(entry.fetched_at)
    return replace(entry, facts=replace(entry.facts, medicine=_reissued(medicine, at, now)))


def _reissued(medicine: Medicine, at: str, now: datetime | None) -> Medicine:
    if medicine.stale and now is not None and is_recent(at, now):
        return replace(medicine, issued=at, unsure=False, stale=False, because=recently(medicine.course, "issued", at))
    return replace(medicine, issued=at)
