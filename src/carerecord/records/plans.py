"""Is there a ReSPECT form, a CPR decision, an advance decision: present, none recorded or unavailable? Which plan is newest?"""

from collections.abc import Sequence

from msgspec.structs import replace

from carerecord.connectors.reply import MISSING
from carerecord.contracts.records import Entry, PlanLine
from carerecord.fhir.plans import ADVANCE_DECISION, DNACPR, PLAN_KINDS, RESPECT
from carerecord.records.allergies import Sharing
from carerecord.records.order import moment

# A ReSPECT form carries the recommendation on resuscitation, so a newer one stands before an older CPR form and the reverse
# (Resuscitation Council UK, ReSPECT: the most recent recommendation is followed).
_ONE_QUESTION = frozenset({RESPECT, DNACPR})
NAMED = 7  # sources in one sentence; the strip has them all
LINES = (RESPECT, DNACPR, ADVANCE_DECISION)


def in_force_first(entries: Sequence[Entry], today: str) -> tuple[Entry, ...]:
    """The plans, valid ones first and newest first, each older one naming the newer that stands before it.

    Superseded means: its source says so, a newer plan names it, or a newer one answers the same question. Care plans of
    several teams stand beside each other unless one names the other, and so does what has no date: nobody knows it to be older.
    """
    ordered = sorted(entries, key=lambda each: (_starts(each), each.key), reverse=True)
    named = {_link(each, link): each.key for each in ordered if each.facts.plan for link in each.facts.plan.replaces}
    marked: list[Entry] = []
    newest: dict[str, str] = {}
    for entry in ordered:
        newer = _named_by(entry, named)
        kind = _question(entry)
        if not newer and kind and not is_over(entry, today):
            newer = newest.get(kind, "") if _starts(entry) else ""
            newest.setdefault(kind, entry.key)
        marked.append(replace(entry, superseded_by=newer) if newer and newer != entry.key else entry)
    return tuple(sorted(marked, key=lambda each: bool(each.superseded_by) or is_over(each, today)))


def is_over(entry: Entry, today: str) -> bool:
    plan = entry.facts.plan
    if plan is None or plan.superseded or entry.facts.warning == "entered in error":
        return True
    return bool(plan.valid_until) and moment(plan.valid_until)[:10] < today[:10]


def plan_lines(entries: Sequence[Entry], sharing: Sequence[Sharing], today: str) -> tuple[PlanLine, ...]:
    """One line for each kind that a reader must be able to rely on. `entries` come from `in_force_first`."""
    return tuple(_line(kind, entries, sharing, today) for kind in LINES)


def _line(kind: str, entries: Sequence[Entry], sharing: Sequence[Sharing], today: str) -> PlanLine:
    of_kind = [each for each in entries if each.facts.plan and each.facts.plan.kind == kind and not each.mismatch]
    standing = [each for each in of_kind if not is_over(each, today) and not each.superseded_by]
    replaced = [each for each in of_kind if not is_over(each, today) and each.superseded_by]
    gaps = [each.name for each in sharing if each.state in MISSING]
    who = ", ".join(gaps) if len(gaps) <= NAMED else f"{', '.join(gaps[:NAMED])} and {len(gaps) - NAMED} more"
    missing = f"Not heard: {who}." if gaps else ""
    title = PLAN_KINDS[kind]
    if standing:
        older = tuple(each.key for each in of_kind if each.key != standing[0].key)
        newer = f"A newer one may exist. {missing}" if missing else ""
        return PlanLine(kind, title, "present", standing[0].key, older, newer)
    if replaced:
        says = "Superseded by a newer plan."
        return PlanLine(kind, title, "present", replaced[0].key, tuple(each.key for each in of_kind[1:]), says)
    older = tuple(each.key for each in of_kind)
    if gaps or not sharing:
        return PlanLine(kind, title, "unavailable", "", older, missing or "No source that was asked shares plans.")
    return PlanLine(kind, title, "none recorded", "", older)


def _question(entry: Entry) -> str:
    """Plans that answer one question between them; "" for those that stand side by side."""
    kind = entry.facts.plan.kind if entry.facts.plan else ""
    if kind in _ONE_QUESTION:
        return "cpr"
    return kind if kind == ADVANCE_DECISION else ""


def _named_by(entry: Entry, named: dict[str, str]) -> str:
    links = (*entry.facts.identifiers, f"{entry.facts.resource_type}/{entry.facts.id}")
    return next((named[link] for each in links if (link := _link(entry, each)) in named), "")


def _link(entry: Entry, link: str) -> str:
    """A business identifier holds everywhere, a reference only within its own source."""
    return link if "|" in link else f"{entry.source} {link}"


def _starts(entry: Entry) -> str:
    plan = entry.facts.plan
    return moment((plan.valid_from if plan else "") or entry.facts.at)
