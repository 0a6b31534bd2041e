"""What is one entry of the index, and what does a set of entries say together?

Where sources differ, the best per field is chosen by a fixed order (`_trust`): the Personal Demographics Service first, then
those whose NHS number is verified, then the one whose statement changed last, as its source recorded that, then by source and by
the number there: whatever the order in which they were heard of.
Every source's own words stay beside it in `Person.statements`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from carerecord.contracts.patients import Demographics, Identifier, Left, Person, SourcePatient
from carerecord.fhir.identifiers import NHS_NUMBER, is_nhs_number
from carerecord.kit.clock import stamp

PDS: Final = "pds"  # the source of entries that come from a trace
VERIFIED: Final = "01"
TO_TRACE: Final = frozenset(("", "02", "03", "06"))  # England's status codes that say: nobody has compared it with the PDS yet
_LOCATING: Final = ("address", "postcode", "phone", "gp", "gp_name")  # what would say where a restricted person is


class Entry(Struct, frozen=True):
    """One person as one source knows them, with what the index has found out of the NHS number."""

    id: str
    person: str  # the key of the set it belongs to; never leaves this service
    stated: SourcePatient
    nhs_number: str  # as stated where well formed, or the number that a trace found to have replaced it
    nhs_status: str  # as stated, or what a trace found
    enrolled_at: datetime
    changed_at: datetime  # since when its source states that, as it recorded it; where it does not say, since the index heard
    recorded_at: datetime | None = None  # when its source recorded what it states; None where it does not say
    replaced: bool = False  # merged into another: what it says of who the person is goes last. Read where a person is made of it

    @property
    def gone(self) -> bool:
        """Its source says nothing of it any more. It stays in its set: objections lie under its id."""
        return states_nothing(self.stated)

    @property
    def verified(self) -> bool:
        return self.nhs_status == VERIFIED and bool(self.nhs_number)

    @property
    def to_trace(self) -> bool:
        return bool(self.nhs_number) and self.stated.source != PDS and self.nhs_status in TO_TRACE


_NOTHING: Final = Demographics()


def states_nothing(stated: SourcePatient) -> bool:
    return not stated.identifiers and stated.demographics == _NOTHING


def number_stated(stated: SourcePatient) -> str:
    """The NHS number that the source states; "" where none is well formed."""
    number = stated.demographics.nhs_number
    return number if is_nhs_number(number) else ""


def restricted(entries: Iterable[Entry]) -> bool:
    """One source that says so is enough."""
    return any(entry.stated.demographics.restricted for entry in entries)


def known_at(entries: Iterable[Entry]) -> tuple[tuple[str, str], ...]:
    """Each source, and the id by which it knows or knew the person. The PDS's own entry is no source's."""
    return tuple(sorted({(each.stated.source, each.stated.local_id) for each in entries if each.stated.source != PDS}))


def person_of(entries: Sequence[Entry], asked: str = "", *, statements: bool = False) -> Person:
    """The set as one person; `asked`, or else the oldest id, comes first. What locates a restricted person is left out."""
    oldest_first = sorted(entries, key=_age)
    patient = asked or oldest_first[0].id
    ids = (patient, *(entry.id for entry in oldest_first if entry.id != patient))
    if restricted(entries):
        hidden = tuple(_unlocated(entry.stated) for entry in oldest_first) if statements else ()
        return Person(ids, patient, _hide(_together(entries)), statements=hidden, numbers=_numbers(oldest_first))
    local = {
        (each.system, each.value): each
        for entry in oldest_first
        for each in entry.stated.identifiers
        if each.system != NHS_NUMBER
    }
    return Person(
        ids=ids,
        patient=patient,
        demographics=_together(entries),
        identifiers=tuple(local.values()),
        known_by=tuple(dict.fromkeys(each.stated.source for each in oldest_first if each.stated.source != PDS and not each.gone)),
        statements=tuple(entry.stated for entry in oldest_first if not entry.gone) if statements else (),
        left=tuple(Left(entry.stated.source, stamp(entry.changed_at)) for entry in oldest_first if entry.gone),
        numbers=_numbers(oldest_first),
    )


def _numbers(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for entry in entries for each in (entry.nhs_number, number_stated(entry.stated)) if each))


def one_of(entry: Entry, entries: Sequence[Entry]) -> Person:
    """One entry of a set, in its own words, known by every source of the set. As restricted as the set."""
    if restricted(entries):
        return Person((entry.id,), entry.id, _hide(_together((entry,))), statements=(_unlocated(entry.stated),))
    alone = person_of((entry,), statements=True)
    others = person_of(entries).known_by
    return structs.replace(alone, known_by=tuple(dict.fromkeys((*alone.known_by, *others))))


def _age(entry: Entry) -> tuple[bool, datetime, str, str]:
    return entry.stated.source == PDS, entry.enrolled_at, entry.stated.source, entry.stated.local_id


def _trust(entry: Entry) -> tuple[bool, bool, bool, float, str, str]:
    """The PDS first. Of what nobody verified, an entry merged into another goes last: it may be "Unknown Male 47", born 1900."""
    newest_first = -entry.changed_at.timestamp()
    stated = entry.stated
    return stated.source != PDS, not entry.verified, entry.replaced, newest_first, stated.source, stated.local_id


def _together(entries: Iterable[Entry]) -> Demographics:
    """The best per field. An address and its postcode come from one entry; a practice bears a name that was given to it."""
    ranked = sorted(entries, key=_trust)
    stated = [entry.stated.demographics for entry in ranked]
    first = Demographics()
    placed = next((each for each in stated if each.postcode or each.address), first)
    registered = next((each for each in stated if each.gp), first)
    numbered = next((entry for entry in ranked if entry.verified), None) or next((e for e in ranked if e.nhs_number), None)

    def best(field: str) -> str:
        return next((value for each in stated if (value := getattr(each, field))), "")

    return Demographics(
        names=next((each.names for each in stated if each.names), ()),
        birth_date=best("birth_date"),
        gender=next((each.gender for each in stated if each.gender not in ("", "unknown")), best("gender")),
        nhs_number=numbered.nhs_number if numbered else "",
        nhs_number_status=numbered.nhs_status if numbered else "",
        address=placed.address,
        postcode=placed.postcode,
        phone=best("phone"),
        gp=registered.gp,
        gp_name=next((each.gp_name for each in stated if each.gp == registered.gp and each.gp_name), ""),
        deceased=best("deceased"),
        death_doubted=_death_doubted(ranked),
        multiple_birth=max((each.multiple_birth for each in stated), key=lambda said: (said.isdigit(), bool(said)), default=""),
        restricted=any(each.restricted for each in stated),
        test=any(each.test for each in stated),
        interpreter=best("interpreter"),
    )


def _death_doubted(entries: Sequence[Entry]) -> str:
    """Why a death that some entry tells of is no plain fact. A register that knows of none may be late, or right; where it knows
    of one, whoever took theirs back and has told of one since no longer contradicts it."""
    told = {entry.stated.source == PDS for entry in entries if entry.stated.demographics.deceased}
    if told == {False} and any(entry.stated.source == PDS and not entry.gone for entry in entries):
        return "register"
    stated = [entry.stated.demographics for entry in entries]
    return next((each.death_doubted for each in stated if each.death_doubted and not (True in told and each.deceased)), "")


def unlocated(stated: Demographics) -> Demographics:
    return structs.replace(stated, **dict.fromkeys(_LOCATING, ""))


def _hide(stated: Demographics) -> Demographics:
    return structs.replace(unlocated(stated), restricted=True)


def _unlocated(stated: SourcePatient) -> SourcePatient:
    numbers: tuple[Identifier, ...] = tuple(each for each in stated.identifiers if each.system == NHS_NUMBER)
    return structs.replace(stated, source="", local_id="", identifiers=numbers, demographics=_hide(stated.demographics))
