"""How do many answers become one record? By section, newest first, doubles joined, differences side by side, gaps named. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.reply import MISSING, Reply
from carerecord.contracts.actors import Reason
from carerecord.contracts.patients import Person
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import AllergyTitle, Entry, Group, Mismatch, Record, Section, SourceState
from carerecord.fhir.sections import ALL
from carerecord.kit.clock import stamp
from carerecord.records.allergies import Sharing, allergy_title
from carerecord.records.attention import attention
from carerecord.records.doubles import joined
from carerecord.records.groups import Company, allergy_groups, medicine_groups, problem_groups
from carerecord.records.order import newest_first
from carerecord.records.plans import in_force_first, plan_lines
from carerecord.records.trends import trends

MEASURED = frozenset({"results", "observations"})


class Frame(Struct, frozen=True):
    """What is true of an opening whatever the sources answer."""

    opening: str
    person: Person
    reason: Reason
    withheld: tuple[Withheld, ...] = ()
    degraded: tuple[str, ...] = ()  # ids of attention rules about our own services
    first_title: AllergyTitle | None = None  # what the allergy title said at first paint


def merge(
    frame: Frame, replies: Sequence[Reply], *, at: datetime, complete: bool, late: frozenset[str] = frozenset(),
    joined_now: tuple[str, ...] = (),
) -> Record:  # fmt: skip
    """One record of all replies: of every source that takes part, also those that are loading, were not asked, or are withheld.

    `late` are the sources that answered after the first paint; `joined_now` those that are new in this chunk.
    """
    held = {reply.source.id: reply.mismatches for reply in replies if reply.mismatches}
    by_section: dict[str, list[Entry]] = defaultdict(list)
    for reply in replies:
        is_late, mismatch = reply.source.id in late, _in_words(held.get(reply.source.id, ()))
        for entry in reply.entries:
            if is_late or mismatch:
                entry = replace(entry, late=is_late, mismatch=mismatch)
            by_section[entry.facts.section].append(entry)
    sharing = _sharing(replies)
    today = stamp(at)
    sections = tuple(
        _section(each.id, each.title, by_section.get(each.id, []), sharing.get(each.id, ()), replies, frame.withheld, today)
        for each in ALL
    )
    by_id = {section.id: section for section in sections}
    plans = plan_lines(by_id["plans"].entries, _heard(sharing, "plans"), today)
    return Record(
        opening=frame.opening,
        person=frame.person,
        reason=frame.reason,
        at=today,
        complete=complete,
        first_paint=frame.first_title is None,
        states=tuple(_state(reply, reply.source.id in late) for reply in replies),
        sections=sections,
        allergies=allergy_title(by_id["allergies"].entries, _heard(sharing, "allergies"), frame.first_title),
        plans=plans,
        attention=attention(replies, sections, plans, degraded=frame.degraded),
        mismatches=tuple(
            Mismatch(reply.source.id, what, here, there, tuple(each.key for each in reply.entries))
            for reply in replies
            for what, here, there in reply.mismatches
        ),
        withheld=frame.withheld,
        tally=_tally(replies),
        joined=joined_now,
    )


class _Share(Struct, frozen=True):
    reply: Reply
    state: str
    says: str


def _sharing(replies: Sequence[Reply]) -> dict[str, list[_Share]]:
    """For each section, the sources that share it, with the state of that section there."""
    found: dict[str, list[_Share]] = defaultdict(list)
    for reply in replies:
        for each in reply.sections:
            if each.state != "not shared":
                found[each.section].append(_Share(reply, each.state, each.says))
    return found


def _heard(sharing: dict[str, list[_Share]], section: str) -> tuple[Sharing, ...]:
    # A source that only ever knew this person by name, or nobody, has nothing to say and leaves no gap.
    return tuple(
        Sharing(each.reply.source.name, each.state, each.says, each.reply.last_answer) for each in sharing.get(section, ())
    )


def _section(
    id_: str, title: str, entries: list[Entry], sharing: Iterable[_Share], replies: Sequence[Reply],
    withheld: tuple[Withheld, ...], today: str,
) -> Section:  # fmt: skip
    shares = list(sharing)
    ordered = newest_first(joined(entries)) if entries else ()
    if id_ == "plans" and ordered:
        ordered = in_force_first(ordered, today)
    return Section(
        id=id_,
        title=title,
        entries=ordered,
        groups=_groups(id_, ordered, shares),
        trends=trends(ordered) if id_ in MEASURED else (),
        missing=tuple(each.reply.source.id for each in shares if each.state in MISSING),
        withheld=sum(1 for each in withheld if each.section in (id_, "*")),
    )


def _groups(section: str, entries: Sequence[Entry], shares: list[_Share]) -> tuple[Group, ...]:
    if section not in ("medicines", "allergies", "problems") or not entries:
        return ()
    heard = [each.reply.source for each in shares if each.state in ("live", "not recorded", "incomplete")]
    gps = [each for each in shares if each.reply.source.kind == "gp"]
    company = Company(
        heard=frozenset(each.id for each in heard),
        gps_heard=frozenset(each.id for each in heard if each.kind == "gp"),
        gps_missing=tuple(each.reply.source.name for each in gps if each.state in MISSING),
    )
    if section == "medicines":
        return medicine_groups(entries, company)
    return allergy_groups(entries, company) if section == "allergies" else problem_groups(entries, company)


def _state(reply: Reply, late: bool) -> SourceState:
    source = reply.source
    return SourceState(
        source=source.id,
        name=source.name,
        organisation=source.organisation,
        mark=source.mark,
        kind=source.kind,
        state=reply.state,
        says=reply.says,
        count=len(reply.entries),
        sent=sum(each.sent for each in reply.tally),
        unreadable=sum(each.unreadable for each in reply.tally),
        elapsed_s=round(reply.elapsed_s, 3),
        as_at=reply.as_at,
        last_answer=reply.last_answer,
        late=late,
        phone=source.phone,
        warnings=reply.warnings,
        sections=reply.sections,
        choices=reply.choices,
    )


def _tally(replies: Sequence[Reply]) -> tuple[tuple[str, int, int, int], ...]:
    sent: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    unreadable: Counter[str] = Counter()
    for reply in replies:
        for each in reply.tally:
            sent[each.resource_type] += each.sent
            shown[each.resource_type] += each.shown
            unreadable[each.resource_type] += each.unreadable
    return tuple((type_, sent[type_], shown[type_], unreadable[type_]) for type_ in sorted(sent))


def _in_words(mismatches: tuple[tuple[str, str, str], ...]) -> str:
    return ", ".join(what for what, _, _ in mismatches)
