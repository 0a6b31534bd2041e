"""How does a thing stand, all that was ever said of it being laid together?

The answer depends on what was said and on when it was recorded, never on the order of arrival: each fact stands by its own key,
the one recorded last; what was withdrawn, moved or renumbered is so for all that had been recorded before, and for nothing later.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

from msgspec.structs import replace

from carerecord.contracts.patients import SourcePatient
from carerecord.fhir.person import person
from carerecord.ingest.hl7v2.adt import DELETED_PERSON
from carerecord.ingest.hl7v2.saying import WITHDRAWN, Facts, Rule, Said, read, written
from carerecord.ingest.hl7v2.shapes import Heard, Order, Put
from carerecord.ingest.hl7v2.stands import appointment, encounter, observation, patient, plain
from carerecord.ingest.hl7v2.stands.told import Told
from carerecord.ingest.people import stated

_OF_A_KIND: Final[Mapping[str, Callable[[Told], Facts]]] = {
    "Patient": patient.standing,
    "Encounter": encounter.standing,
    "Observation": observation.standing,
    "Appointment": appointment.standing,
}
# Where a resource names the person it is about.
_SUBJECT: Final = {"AllergyIntolerance": "patient", "Immunization": "patient"}
_NOBODYS: Final = frozenset(("Patient", "Appointment"))
# What says who somebody is and where they live; none of it is their number in a system.
_OF_A_PERSON: Final = ("name", "birthDate", "gender", "address", "telecom", "deceased", "multipleBirth", "generalPractitioner")
_WHO: Final = (*_OF_A_PERSON, *(f"?{each}" for each in _OF_A_PERSON), "whole")

BECAME: Final = "it is one with another visit of its sender"

_Heard = tuple[Order, Said, str, str]  # when recorded, what, a local id, and when it was first recorded
_Placed = tuple[Set[str], str, str]  # things, the visit in which a statement puts them, and one that it believes less
_ORDER: Final = itemgetter(0)
_NEVER: Final[Order] = ("", "", 0)


def standing(thread: str, heard: Sequence[Heard], above: Sequence[Heard] = ()) -> tuple[Put, ...]:
    """The resources of a thread as they stand now.

    `heard` holds every statement of the thread, and of visits that became one with it; `above` those with `rules` of the threads
    on which it hangs, and its own where they are not in `heard`. A resource that was withdrawn comes back without content, and
    says why.
    """
    said = _read([each for each in (*heard, *above) if each.thread == thread])
    others = [each for each in heard if each.thread != thread]
    rules = _rules(said)
    if above:
        rules += _rules(_read([each for each in above if each.thread != thread]))
    if others:
        rules += [each for each in _rules(_read(others)) if each[1].kind == "renumbered"]
    rules.sort(key=_ORDER)
    renumbered = _renumberings(rules) if rules else {}
    things = said[0][1].things if len(said) == 1 else {thing for _, each, _, _ in said for thing in each.things}
    absorbed = {thing: _absorbed(thing, others, renumbered) for thing in things} if others else {}
    placed = _placed(said) if any(rule.within for _, rule in rules) else []
    told = [_told(thing, said, rules, renumbered, absorbed.get(thing), placed) for thing in sorted(things)]
    gone = {f"{each.type}/{each.id}" for each in told if each.withdrawn}
    return tuple([_put(each, gone) for each in told])


def enrolled(put: Put, source: str) -> SourcePatient | None:
    """What the patient index is told of a Patient as it stands; None of one that was withdrawn, and of any other type."""
    if put.type != "Patient" or put.raw is None:
        return None
    made = stated(source, person(put.raw))
    return SourcePatient(source, put.local_id, made.identifiers, made.demographics, made.version)


def _read(heard: Sequence[Heard]) -> list[_Heard]:
    """In the order of recording; what was recorded in one moment in the order of its letters."""
    said: list[_Heard] = [(each.order, read(each.says), each.local_id, each.first or each.order[0]) for each in heard]
    if any(one[0] >= other[0] for one, other in pairwise(said)):
        said.sort(key=lambda each: (each[0], written(each[1].things)))
    return said


def _rules(said: list[_Heard]) -> list[tuple[Order, Rule]]:
    return [(order, _named(each.rule, each.patient)) for order, each, _, _ in said if each.rule is not None]


def _named(rule: Rule, patient: str) -> Rule:
    """A deletion of a person as older builds wrote it down does not say whose: it is of whom it was about."""
    return replace(rule, of=patient) if rule.why == DELETED_PERSON and not rule.of else rule


def _absorbed(thing: str, others: Sequence[Heard], renumbered: Mapping[str, str]) -> list[tuple[Order, Facts]]:
    """What was said of visits that are this one now, but for what was withdrawn before."""
    found = []
    for other in dict.fromkeys(each.thread for each in others):
        if _leads(other, renumbered) != thing:
            continue
        said = _read([each for each in others if each.thread == other])
        gone = max((order for order, each, _, _ in said if each.rule is not None and each.rule.kind == "withdrawn"), default=None)
        found += [(order, each.things.get(other, {})) for order, each, _, _ in said if gone is None or order > gone]
    return sorted(found, key=lambda each: (each[0], written(each[1])))


def _renumberings(rules: list[tuple[Order, Rule]]) -> dict[str, str]:
    """Which thread took the place of which; who is named as the survivor stands for itself from then on."""
    found: dict[str, str] = {}
    for _, rule in rules:
        if rule.kind == "renumbered":
            found.pop(rule.to, None)
            found[rule.of] = rule.to
    return found


def _leads(thread: str, became: Mapping[str, str]) -> str:
    """To the end of a chain."""
    return [thread, *_followed(thread, became)][-1]


def _followed(thread: str, became: Mapping[str, str]) -> list[str]:
    """Which took its place, one after the other; a circle ends where it began."""
    passed: list[str] = []
    while (following := became.get(passed[-1] if passed else thread)) not in (None, thread, *passed):
        passed.append(str(following))
    return passed


def _told(
    thing: str,
    said: list[_Heard],
    rules: list[tuple[Order, Rule]],
    renumbered: Mapping[str, str],
    absorbed: list[tuple[Order, Facts]] | None,
    placed: list[_Placed],
) -> Told:
    facts: dict[str, Any] = {}
    believed_less: dict[str, Any] = {}
    log: dict[str, tuple[Order, Any]] = {}
    newest = _NEVER
    owner = local_id = ""
    was = ("", "")
    for order, each, whose, _ in said:
        if (stated_facts := each.things.get(thing)) is None:
            continue
        for key, value in stated_facts.items():
            mark = key[0]
            if mark == "@":
                log[key] = (order, value)
            elif mark == "?":
                believed_less[key[1:]] = value
            else:
                facts[key] = value
        if not each.passing or newest == _NEVER:
            if owner not in ("", each.patient):
                was = (local_id, owner)
            owner, local_id = each.patient, whose
        if not each.passing:
            newest = max(newest, order)
    if believed_less:
        facts = believed_less | facts
    withdrawn = str(facts.pop(WITHDRAWN, "") or "")
    if absorbed:
        _fill(facts, log, absorbed)
    for order, rule in rules:
        if rule.kind == "renumbered" or order < newest or _is_elsewhere(thing, rule.within, placed, renumbered):
            continue
        elif _takes(rule, owner, is_later=order > newest):
            withdrawn = rule.why
        elif rule.kind == "moved" and rule.of == owner and thing != f"Patient/{owner}":  # what is theirs moves; they do not
            was = (local_id, owner)
            owner, local_id = rule.to, rule.to_local_id
    if thing in renumbered:
        withdrawn = BECAME
    type_, _, id_ = thing.partition("/")
    since = _since(thing, said) if type_ == "Patient" else ""
    return Told(type_, id_, owner, local_id, facts, _in_order(log) if log else (), withdrawn, renumbered, was, since)


def _since(thing: str, said: list[_Heard]) -> str:
    """Since when all that stands of who they are has been said: since the last of it was first said, or last said otherwise."""
    since = min([first for _, _, _, first in said])
    if len(said) == 1:
        return since
    told = [(order[0], first, each.things.get(thing, {})) for order, each, _, first in said]
    stands: Facts = {}
    for _, _, facts in told:
        stands |= facts
    for key, value in stands.items():
        if not key.startswith(_WHO) or (key[0] == "?" and key[1:] in stands):
            continue
        begun = min(first for _, first, facts in told if key in facts and facts[key] == value)
        otherwise = (last for last, _, facts in told if key in facts and facts[key] != value)
        since = max(since, begun, *otherwise)
    return since


def _takes(rule: Rule, owner: str, *, is_later: bool) -> bool:
    """Whether a thing of `owner` goes: it is withdrawn, or is not on a newer list that names all there are."""
    if rule.kind == "only":
        return is_later and rule.of == owner
    return rule.kind == "withdrawn" and rule.of in ("", owner)


def _placed(said: list[_Heard]) -> list[_Placed]:
    return [(each.things.keys(), _visit_in(each, ""), _visit_in(each, "?")) for _, each, _, _ in said]


def _is_elsewhere(thing: str, visit: str, placed: list[_Placed], renumbered: Mapping[str, str]) -> bool:
    """Whether its sender has put it into another visit: the number was wrong, and goes once nothing is under it any more."""
    if visit in ("", thing):
        return False
    own = beside = ""
    for things, named, named_beside in placed:
        if thing in things:
            own, beside = named or own, named_beside or beside
    last = own or beside
    return last != "" and visit not in (last, *_followed(last, renumbered))


def _visit_in(said: Said, mark: str) -> str:
    """The visit that a statement names: a report for all that is in it."""
    for facts in said.things.values():
        named = [facts.get(f"{mark}encounter"), facts.get(f"{mark}context"), *(facts.get(f"{mark}context:encounter") or ())]
        for each in named:
            if type(each) is dict:
                return str(each.get("reference", ""))
    return ""


def _in_order(log: dict[str, tuple[Order, Any]]) -> tuple[tuple[str, Order, Any], ...]:
    """Events, by when they were recorded."""
    return tuple([(key[1:], *found) for key, found in sorted(log.items(), key=lambda each: (each[1][0], each[0]))])


def _fill(facts: Facts, log: dict[str, tuple[Order, Any]], absorbed: list[tuple[Order, Facts]]) -> None:
    """What the thing itself leaves open is as it was said of those that became one with it; their numbers are its old ones."""
    more: Facts = {}
    for order, each in absorbed:
        for key, value in each.items():
            if key[0] == "@":
                log.setdefault(key, (order, value))
            elif key != WITHDRAWN:
                is_number = key.startswith("+identifier/") and value is not None
                more[key.removeprefix("?")] = {**value, "use": "old"} if is_number else value
    for key, value in more.items():
        facts.setdefault(key, value)


def _put(told: Told, gone: set[str]) -> Put:
    if told.withdrawn:
        one_with = f"{told.type}/{told.id}" in told.renumbered
        return Put(told.type, told.id, told.local_id, None, told.withdrawn, one_with, ("", "") if one_with else told.was)
    made = _OF_A_KIND.get(told.type, plain.standing)(told)
    made["resourceType"], made["id"] = told.type, told.id
    if told.type == "Appointment" and "whole" not in told.facts:
        person_there = {"actor": {"reference": f"Patient/{told.patient}"}, "status": "accepted"}
        made["participant"] = [person_there, *made.get("participant", ())]
    elif "whole" in told.facts:
        _whose(made, told.patient)
    elif told.type not in _NOBODYS:
        made[_SUBJECT.get(told.type, "subject")] = {"reference": f"Patient/{told.patient}"}
    if told.renumbered:
        made = _renumbered(made, told.renumbered)
    if gone and "result" in made:
        made["result"] = [each for each in made["result"] if each.get("reference") not in gone]
        if not made["result"]:
            del made["result"]
    return Put(told.type, told.id, told.local_id, written(made), was=told.was, since=told.since)


def _whose(made: Facts, patient: str) -> None:
    """A resource that came as one says itself where it names the person, and one of nobody says it nowhere."""
    for element in ("subject", "patient", "for"):
        named = made.get(element)
        if type(named) is dict and (element != "for" or "Patient" in str(named.get("reference", ""))):
            made[element] = {"reference": f"Patient/{patient}"}


def _renumbered(node: Any, to: Mapping[str, str]) -> Any:
    """Every reference to a thread that another took the place of, led on to that one."""
    if type(node) is list:
        return [_renumbered(each, to) for each in node]
    if type(node) is not dict:
        return node
    out = {key: _renumbered(value, to) for key, value in node.items()}
    reference = out.get("reference")
    if type(reference) is str:
        out["reference"] = _leads(reference, to)
    return out
