"""What does a resource say whose letters are those of others of its kind? Its own values stand at known places in its text.

They are held to the same forms as where they are parsed (`own`); what has another form is read in another way.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Final

from msgspec import Struct

from carerecord.fhir.facts import Facts
from carerecord.fhir.identifiers import ALIASES
from carerecord.fhir.kindred import Kin, retold
from carerecord.fhir.numbers import digits_and_number
from carerecord.fhir.own import LONGEST_ID, NOT_ORDINARY, Kind, Quantity, check_moment, check_time
from carerecord.fhir.places import Place

_NOWHERE: Final = -1
_NO_DAYS: Final[Mapping[str, str]] = {}
_UPDATED: Final = ("meta", "lastUpdated")
_NUMBER: Final = ("valueQuantity", "value")


class Form(Struct, frozen=True, gc=False):
    """One kind, in one way of writing it: which of the values of a text is what."""

    kin: Kin
    usual: Callable[[list[str]], tuple[str, ...]]  # those that nearly every resource has, as `form_of` sets them in order
    is_measured: bool
    moments: tuple[int, ...]  # to be checked as moments, beside `meta.lastUpdated`,
    times: tuple[int, ...]  # as moments or days
    identifiers: tuple[tuple[int, int], ...]  # whose number it is, and the number; none where it is one, and so among the usual
    days: tuple[tuple[str, int], ...]
    comparator: str


def form_of(kin: Kin, kind: Kind, found: tuple[Place, ...], quantity: Quantity) -> Form:
    """For one of this kind whose values stand at the places that were found."""
    where = {each.path: index for index, each in enumerate(found)}
    times = [index for index, each in enumerate(found) if each.path[0] in kind.times or each.path[0] in kind.periods]
    identifiers = [
        (where.get(("identifier", each.path[1], "system"), _NOWHERE), index)
        for index, each in enumerate(found)
        if each.path[0] == "identifier" and each.path[2] == "value"
    ]
    about = ("subject", "reference") if ("subject", "reference") in where else ("patient", "reference")
    start, end = (kin.at, "start"), (kin.at, "end")
    usual = [
        where.get(("id",), _NOWHERE),
        where.get(("meta", "versionId"), _NOWHERE),
        where.get(_UPDATED, _NOWHERE),
        *(identifiers[0] if len(identifiers) == 1 else (_NOWHERE, _NOWHERE)),
        where.get(about, _NOWHERE),
        where.get((kin.at,), where.get(start, where.get(end, _NOWHERE))),
        where.get(("period", "start"), _NOWHERE),
        where.get(("period", "end"), _NOWHERE),
        where.get(_NUMBER, _NOWHERE),
    ]
    return Form(
        kin,
        itemgetter(*usual),
        _NUMBER in where,
        tuple([index for index, each in enumerate(found) if each.path[0] in kind.instants]),
        tuple(times),
        tuple(identifiers) if len(identifiers) != 1 else (),
        tuple([(name, where[name,]) for name in kin.days if (name,) in where]),
        quantity.comparator.strip(),
    )


def filled(form: Form, values: list[str], now: Callable[[], datetime]) -> Facts | None:
    """None where a value is not in its ordinary form, or where a sign in it may stand for another."""
    together = "".join(values)
    if "\\" in together or not together.isprintable():
        return None
    values.append("")  # what stands nowhere
    id_, version, updated, system, own_number, subject, at, start, end, digits = form.usual(values)
    if " " in together or not together.isascii():
        if " " in id_ or " " in version or not (id_.isascii() and version.isascii()):
            return None
        system, own_number, subject = system.strip(), own_number.strip(), subject.strip()
    if len(id_) > LONGEST_ID or len(version) > LONGEST_ID:
        return None
    try:
        if updated:
            check_moment(updated)
        for index in form.moments:
            check_moment(values[index])
        for index in form.times:
            if (value := values[index]) != updated:
                check_time(value)
    except NOT_ORDINARY:
        return None
    number = digits_and_number(digits) if form.is_measured else None
    if form.is_measured and number is None:
        return None
    identifiers = (f"{ALIASES.get(system, system)}|{own_number}",) if own_number else _identifiers(form, values)
    days = {name: values[index] for name, index in form.days} if form.days else _NO_DAYS
    return retold(
        form.kin, id_, identifiers, subject, version, updated, at, number, form.comparator, start, end, days, now
    )  # fmt: skip


def _identifiers(form: Form, values: list[str]) -> tuple[str, ...]:
    return tuple([
        f"{ALIASES.get(system := values[whose].strip(), system)}|{value}"
        for whose, index in form.identifiers if (value := values[index].strip())
    ])
