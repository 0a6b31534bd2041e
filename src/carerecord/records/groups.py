"""What do several sources say of one substance or problem? Side by side, the difference named, nothing hidden by inference."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from carerecord.contracts.records import Entry, Group
from carerecord.fhir.facts import Medicine
from carerecord.fhir.identifiers import SNOMED
from carerecord.records.alike import alike as medicines_alike
from carerecord.records.order import before, moment, place

SAME, DIFFERS, ONLY_HERE, POSSIBLY = "same", "differs", "only here", "possibly replaced"
DISPENSED_SINCE, CONFLICT = "stopped here, dispensed since", "conflict"


class Company(Struct, frozen=True):
    """Which sources share the section and answered: "only here" means something only where others were heard."""

    heard: frozenset[str]
    gps_heard: frozenset[str]
    gps_missing: tuple[str, ...] = ()  # names


def medicine_groups(entries: Sequence[Entry], company: Company) -> tuple[Group, ...]:
    """By substance: those in use first, in the order of their newest entry; then those of which nobody can say whether they are;
    past ones apart.

    Where one source's statement is current, those that are unsure stand beside it: nothing is compared without its neighbour.
    """
    current, unsure, past = [], [], []
    for each in medicines_alike(entries):
        in_use = [entry for entry in each.entries if _is_current(entry)]
        over = [entry for entry in each.entries if not _is_current(entry)]
        stops = [entry for entry in over if in_use and _contradicted(entry, in_use)]
        if in_use:
            group = replace(_in_use(each.name, in_use, stops, over, company), by_code=each.by_code)
            if all(_is_unsure(entry) for entry in in_use):
                unsure.append(replace(group, unsure=True))
            else:
                current.append(group)
        rest = [entry for entry in over if entry not in stops]
        if rest:
            past.append(replace(_past(each.name, rest, in_use), by_code=each.by_code))
    return (*current, *unsure, *past)


def allergy_groups(entries: Sequence[Entry], company: Company) -> tuple[Group, ...]:
    """By substance. One source's refutation never takes another's active entry away: both stand, as a conflict."""
    real = [each for each in entries if each.facts.allergy and not each.facts.allergy.negative]
    groups = []
    for key, alike in _by(real, lambda each: each.facts.allergy.group if each.facts.allergy else "").items():
        allergies = [each.facts.allergy for each in alike if each.facts.allergy]
        active = [each for each in allergies if each.status in ("active", "unconfirmed")]
        over = [each for each in allergies if each.status not in ("active", "unconfirmed")]
        if active and over and len(_sources(alike)) > 1:
            label, says = CONFLICT, " and ".join(dict.fromkeys(each.status for each in (*active, *over)))
        elif len(_sources(alike)) == 1:
            label, says = (ONLY_HERE if len(company.heard) > 1 else ""), ""
        else:
            differing = [name for name in ("status", "severity", "reactions") if _vary(getattr(a, name) for a in allergies)]
            label, says = (DIFFERS, ", ".join(differing)) if differing else (SAME, "")
        groups.append(Group(key, alike[0].facts.title, label, says, _keys(alike), bool(active)))
    return tuple(sorted(groups, key=lambda each: not each.current))


def problem_groups(entries: Sequence[Entry], company: Company) -> tuple[Group, ...]:
    """By SNOMED CT code, else by the words."""
    groups = []
    for key, alike in _by(entries, _problem_key).items():
        statuses = {each.facts.status for each in alike if each.facts.status}
        active = any(_is_active(each) for each in alike)
        if len(_sources(alike)) == 1:
            label, says = (ONLY_HERE if len(company.heard) > 1 else ""), ""
        elif active and any(not _is_active(each) for each in alike):
            label, says = DIFFERS, "status: " + ", ".join(sorted(statuses))
        else:
            label, says = SAME, ""
        groups.append(Group(key, alike[0].facts.title, label, says, _keys(alike), active))
    return tuple(sorted(groups, key=lambda each: not each.current))


def _in_use(key: str, in_use: list[Entry], stops: list[Entry], over: list[Entry], company: Company) -> Group:
    alike = [*in_use, *stops]
    keys = _keys(sorted(alike, key=place, reverse=True) if stops else in_use)
    for stop in stops:
        if any(_supplied_since(stop, each) for each in (*in_use, *over)):
            return Group(key, key, DISPENSED_SINCE, "", keys)
    if stops:
        return Group(key, key, DIFFERS, "stopped by one source, in use at another", keys)
    if len(_sources(in_use)) == 1:
        return Group(key, key, ONLY_HERE if len(company.heard) > 1 else "", _beyond_the_gp(in_use, company), keys)
    differing = _differing([each.facts.medicine for each in in_use if each.facts.medicine])
    return Group(key, key, DIFFERS if differing else SAME, ", ".join(differing) or _beyond_the_gp(in_use, company), keys)


def _past(key: str, over: list[Entry], in_use: list[Entry]) -> Group:
    """Past entries. "Possibly replaced" is said where one of the same substance began elsewhere as this one ended."""
    replaced = any(
        _ended(old) and moment(_ended(old))[:10] <= moment(_started(new))[:10] and _source(old) != _source(new)
        for old in over
        for new in in_use
    )
    return Group(f"{key}|past", key, POSSIBLY if replaced else "", "", _keys(over), False)


def _is_current(entry: Entry) -> bool:
    medicine = entry.facts.medicine
    return medicine is not None and medicine.current and entry.facts.warning != "entered in error"


def _is_unsure(entry: Entry) -> bool:
    return entry.facts.medicine is not None and entry.facts.medicine.unsure


def _contradicted(over: Entry, in_use: list[Entry]) -> bool:
    """A stop that another source's current entry does not know of: that entry began before the stop."""
    medicine = over.facts.medicine
    if medicine is None or over.facts.warning == "entered in error":
        return False
    if not (over.facts.status == "stopped" or medicine.stopped_reason):
        return False
    ended = _ended(over) or over.facts.at
    return any(_source(each) != _source(over) and not before(ended, _started(each)) for each in in_use) or any(
        _supplied_since(over, each) for each in in_use
    )


def _supplied_since(stop: Entry, supply: Entry) -> bool:
    medicine = supply.facts.medicine
    if medicine is None or medicine.kind != "dispense" or _source(stop) == _source(supply):
        return False
    return before(_ended(stop) or stop.facts.at, medicine.issued or supply.facts.at)


def _differing(medicines: list[Medicine]) -> list[str]:
    """What differs: dose, frequency, route. Words are compared only where the structured parts are missing on a side."""
    doses = _as_said(each.amount for each in medicines)
    often = _as_said(each.frequency for each in medicines)
    routes = _as_said(each.route for each in medicines)
    found = []
    if len(doses) > 1:
        found.append("dose")
    if len(often) > 1:
        found.append("frequency")
    structured = all(each.amount and each.frequency for each in medicines if each.dose)
    if not found and not structured and len(_as_said(each.dose for each in medicines)) > 1:
        found.append("dose as written")
    if len(routes) > 1:
        found.append("route")
    return found


def _beyond_the_gp(alike: list[Entry], company: Company) -> str:
    """Prescribed elsewhere and unknown to the practice: only said when the practice was heard."""
    if not _sources(alike) & company.gps_heard and company.gps_heard and not company.gps_missing:
        return "not in the GP record"
    return ""


def _problem_key(entry: Entry) -> str:
    for code in entry.facts.codes:
        if code.system == SNOMED:
            return code.code
    return " ".join(entry.facts.title.casefold().split())


def _is_active(entry: Entry) -> bool:
    return entry.facts.status not in ("resolved", "inactive", "remission", "refuted", "entered in error")


def _by(entries: Iterable[Entry], key: Callable[[Entry], str]) -> dict[str, list[Entry]]:
    """Entries by key, in order of first appearance; what waits behind a mismatch warning is set beside nothing."""
    grouped: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if not entry.mismatch and (found := key(entry)):
            grouped[found].append(entry)
    return grouped


def _keys(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple([each.key for each in entries])


def _source(entry: Entry) -> str:
    return entry.source


def _sources(entries: Sequence[Entry]) -> frozenset[str]:
    also = [origin.source for each in entries if each.also for origin in each.also]
    return frozenset([*[each.source for each in entries], *also])


def _started(entry: Entry) -> str:
    return (entry.facts.medicine.started if entry.facts.medicine else "") or entry.facts.at


def _ended(entry: Entry) -> str:
    return entry.facts.medicine.ended if entry.facts.medicine else ""


def _as_said(words: Iterable[str]) -> set[str]:
    """The different wordings, case and spacing apart."""
    return {_plain(each) for each in set(words) if each}


def _plain(words: str) -> str:
    return " ".join(words.casefold().rstrip(".").split())


def _vary(values: Iterable[object]) -> bool:
    return len({value for value in values if value}) > 1
