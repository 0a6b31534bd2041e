"""What does a resource say whose letters are those of others of its kind? Its own values stand at known places in its text.

They are held to the same forms as where they are parsed (`own`); what has another form is read in another way.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
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
_UPDATED: Final = (("meta", "lastUpdated"),)


class Form(Struct, frozen=True, gc=False):
    """One kind, in one way of writing it: which of the values of a text is what."""

    kin: Kin
    ids: tuple[int, ...]  # to be checked as ids,
    moments: tuple[int, ...]  # as moments,
    times: tuple[int, ...]  # as moments or days,
    identifiers: tuple[tuple[int, int], ...]  # whose number it is, and the number
    days: tuple[tuple[str, int], ...]
    comparator: str
    id: int = _NOWHERE
    version: int = _NOWHERE
    updated: int = _NOWHERE
    subject: int = _NOWHERE
    at: int = _NOWHERE
    start: int = _NOWHERE
    end: int = _NOWHERE
    number: int = _NOWHERE


def form_of(kin: Kin, kind: Kind, found: tuple[Place, ...], quantity: Quantity) -> Form:
    """For one of this kind whose values stand at the places that were found."""
    where = {each.path: index for index, each in enumerate(found)}
    ids = [index for index, each in enumerate(found) if each.path in (("id",), ("meta", "versionId"))]
    moments = [index for index, each in enumerate(found) if each.path in _UPDATED or each.path[0] in kind.instants]
    times = [index for index, each in enumerate(found) if each.path[0] in kind.times or each.path[0] in kind.periods]
    number = where.get(("valueQuantity", "value"), _NOWHERE)
    about = ("subject", "reference") if ("subject", "reference") in where else ("patient", "reference")
    start, end = (kin.at, "start"), (kin.at, "end")
    return Form(
        kin,
        tuple(ids),
        tuple(moments),
        tuple(times),
        tuple([
            (where.get(("identifier", each.path[1], "system"), _NOWHERE), index)
            for index, each in enumerate(found) if each.path[0] == "identifier" and each.path[2] == "value"
        ]),
        tuple([(name, where[name,]) for name in kin.days if (name,) in where]),
        quantity.comparator.strip(),
        where.get(("id",), _NOWHERE),
        where.get(("meta", "versionId"), _NOWHERE),
        where.get(("meta", "lastUpdated"), _NOWHERE),
        where.get(about, _NOWHERE),
        where.get((kin.at,), where.get(start, where.get(end, _NOWHERE))),
        where.get(("period", "start"), _NOWHERE),
        where.get(("period", "end"), _NOWHERE),
        number,
    )


def filled(form: Form, values: list[str], now: Callable[[], datetime]) -> Facts | None:
    """None where a value is not in its ordinary form."""
    together = "".join(values)
    if not together.isprintable():
        return None
    plain = " " not in together and together.isascii()
    try:
        for index in form.ids:
            id_ = values[index]
            if len(id_) > LONGEST_ID or not (plain or (" " not in id_ and id_.isascii())):
                return None
        moment = ""
        for index in form.moments:
            if (value := values[index]) != moment:
                check_moment(value)
                moment = value
        for index in form.times:
            if (value := values[index]) != moment:
                check_time(value)
    except NOT_ORDINARY:
        return None
    values.append("")  # what stands nowhere
    kin, number = form.kin, None
    if form.number >= 0 and (number := digits_and_number(values[form.number])) is None:
        return None
    if len(form.identifiers) == 1:  # as nearly always
        ((whose, index),) = form.identifiers
        system, number_there = values[whose].strip(), values[index].strip()
        identifiers: tuple[str, ...] = (f"{ALIASES.get(system, system)}|{number_there}",) if number_there else ()
    else:
        identifiers = _identifiers(form, values)
    return retold(
        kin,
        values[form.id],
        identifiers,
        values[form.subject].strip(),
        values[form.version],
        values[form.updated],
        values[form.at],
        number,
        form.comparator,
        values[form.start],
        values[form.end],
        {name: values[index] for name, index in form.days} if form.days else _NO_DAYS,
        now,
    )


def _identifiers(form: Form, values: list[str]) -> tuple[str, ...]:
    return tuple([
        f"{ALIASES.get(system := values[whose].strip(), system)}|{value}"
        for whose, index in form.identifiers if (value := values[index].strip())
    ])
