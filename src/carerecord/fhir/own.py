"""Which elements are a resource's own, where the rest of it says what others of its kind say; and in which form are they read?

The forms are those in which such elements nearly always come, and are narrower than the schema: what has one of them would pass
it. Anything else is `NotOrdinary`, which says nothing against it: the resource is then read whole.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct

from carerecord.fhir.identifiers import ALIASES


class NotOrdinary(Exception):
    """Not in a form that is known here."""


NOT_ORDINARY: Final = (NotOrdinary, msgspec.MsgspecError, ValueError, RecursionError)
_NOTHING: Final = Raw()
_DIGITS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_MOMENTS: Final = frozenset(
    b"0000-00-00T00:00:00" + part + zone for part in (b"", b".000", b".000000") for zone in (b"Z", b"+00:00", b"-00:00")
)
_DAY: Final = b"0000-00-00"
LONGEST_ID: Final = 128
_ID: Final = re.compile(r"[!-~]+").fullmatch
_number = msgspec.json.Decoder(float_hook=Decimal).decode


class _Part(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """An element in its ordinary form. `marks` says how many quotation marks it then has: one more, and a name was given twice
    or a text is empty."""


class Meta(_Part, frozen=True):
    versionId: str = ""
    lastUpdated: str = ""
    source: str = ""
    profile: Raw = _NOTHING  # shared by many
    tag: Raw = _NOTHING  # shared by many

    def marks(self) -> int:
        found = 0
        if self.versionId:
            check_id(self.versionId)
            found = 4
        if self.lastUpdated:
            check_moment(self.lastUpdated)
            found += 4
        if self.source:
            found += 4
        if self.profile is not _NOTHING:
            found += 2
        return found + 2 if self.tag is not _NOTHING else found


class Identifier(_Part, frozen=True):
    system: str = ""
    value: str = ""
    use: Literal["", "usual", "official", "secondary"] = ""


class Reference(_Part, frozen=True):
    reference: str = ""
    display: str = ""
    type: str = ""

    def marks(self) -> int:
        found = 4 if self.reference else 0
        if self.display:
            found += 4
        return found + 4 if self.type else found


class Period(_Part, frozen=True):
    start: str = ""
    end: str = ""

    def marks(self) -> int:
        for each in (self.start, self.end):
            if each:
                check_time(each)
        return 4 * ((self.start != "") + (self.end != ""))


class Quantity(_Part, frozen=True):
    value: Raw
    unit: str = ""
    system: str = ""
    code: str = ""
    comparator: str = ""

    def marks(self) -> int:
        found = 6 if self.unit else 2
        if self.system:
            found += 4
        if self.code:
            found += 4
        return found + 4 if self.comparator else found

    @property
    def shared(self) -> tuple[str, ...]:
        return self.unit, self.system, self.code, self.comparator

    @property
    def number(self) -> int | Decimal | None:
        """None where it is no number at all."""
        try:
            found = _number(self.value)
        except NOT_ORDINARY:
            return None
        return found if type(found) is Decimal or type(found) is int else None


_NOBODY, NO_META, NO_PERIOD, NO_QUANTITY = Reference(), Meta(), Period(), Quantity(_NOTHING)


class Own(Struct, frozen=True, gc=False):
    """The elements that are any resource's own. The others of it are passed over."""

    id: str = ""
    meta: Meta = NO_META
    identifier: tuple[Identifier, ...] = ()
    subject: Reference = _NOBODY
    patient: Reference = _NOBODY
    encounter: Reference = _NOBODY

    @property
    def identifiers(self) -> tuple[str, ...]:
        """As `Facts.identifiers`."""
        if len(self.identifier) == 1:  # as nearly always
            one = self.identifier[0]
            system, value = one.system.strip(), one.value.strip()
            return (f"{ALIASES.get(system, system)}|{value}",) if value else ()
        return tuple([
            f"{ALIASES.get(system := each.system.strip(), system)}|{value}"
            for each in self.identifier
            if (value := each.value.strip())
        ])  # fmt: skip

    def marks(self) -> int:
        """The quotation marks in all of these.

        Raises:
            NotOrdinary: an id or a time is written in another form, or it is about two.
        """
        found = 0
        if self.id:
            check_id(self.id)
            found = 2
        if self.meta is not NO_META:
            found += self.meta.marks()
        for each in self.identifier:
            if each.system:
                found += 4
            if each.value:
                found += 4
            if each.use:
                found += 4
        if self.subject is not _NOBODY:
            found += self.subject.marks()
        if self.patient is not _NOBODY:
            if self.subject is not _NOBODY:
                raise NotOrdinary
            found += self.patient.marks()
        if self.encounter is not _NOBODY:
            found += self.encounter.marks()
        return found


def check_id(text: str) -> None:
    if len(text) > LONGEST_ID or not _ID(text):
        raise NotOrdinary


def check_moment(text: str) -> None:
    """A moment to the second, with its zone."""
    if text.encode().translate(_DIGITS) not in _MOMENTS:
        raise NotOrdinary
    datetime.fromisoformat(text)


def check_time(text: str) -> None:
    """The same, or a day."""
    form = text.encode().translate(_DIGITS)
    if form not in _MOMENTS and form != _DAY:
        raise NotOrdinary
    datetime.fromisoformat(text)


class Kind:
    """How the own elements of one type are taken out of it."""

    def __init__(
        self, *times: str, instants: tuple[str, ...] = (), periods: tuple[str, ...] = (), measured: bool = False
    ) -> None:
        fields: list[Any] = [(name, str, "") for name in (*times, *instants)]
        fields += [(name, Period, NO_PERIOD) for name in periods]
        fields += [("valueQuantity", Quantity, NO_QUANTITY)] if measured else []
        shape = msgspec.defstruct("Own", fields, bases=(Own,), frozen=True, gc=False)
        self.names = tuple(each.name for each in msgspec.structs.fields(shape))
        self.decode: Callable[[bytes], Any] = msgspec.json.Decoder(shape).decode
        self.times, self.instants, self.periods, self.measured = times, instants, periods, measured

    def marks(self, own: Any) -> int:
        """As `Own.marks`, with those of this type."""
        found: int = own.marks()
        for name in self.times:
            if text := getattr(own, name):
                check_time(text)
                found += 2
        for name in self.instants:
            if text := getattr(own, name):
                check_moment(text)
                found += 2
        for name in self.periods:
            if (period := getattr(own, name)) is not NO_PERIOD:
                found += period.marks()
        return found + own.valueQuantity.marks() if self.measured and own.valueQuantity is not NO_QUANTITY else found


# By the text of `resourceType`. A type is here when its times mean nothing else to its reader than `Facts.at`, or `kin` says
# what.
KINDS: Final = {
    f'"{type_}"'.encode(): kind
    for type_, kind in {
        "AllergyIntolerance": Kind("recordedDate"),
        "Condition": Kind("onsetDateTime", "recordedDate", periods=("onsetPeriod",)),
        "DiagnosticReport": Kind("effectiveDateTime", instants=("issued",), periods=("effectivePeriod",)),
        "Encounter": Kind(periods=("period",)),
        "Immunization": Kind("occurrenceDateTime", "recorded"),
        "MedicationDispense": Kind("whenHandedOver", "whenPrepared"),
        "MedicationRequest": Kind("authoredOn"),
        "MedicationStatement": Kind("effectiveDateTime", "dateAsserted"),
        "Observation": Kind("effectiveDateTime", instants=("issued",), periods=("effectivePeriod",), measured=True),
        "Procedure": Kind("performedDateTime", periods=("performedPeriod",)),
    }.items()
}
