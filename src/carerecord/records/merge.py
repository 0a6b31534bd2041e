"""How do many answers become one record? By section, newest first, doubles joined, differences side by side, gaps named."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from carerecord.connectors.reply import MISSING, Reply
from carerecord.contracts.actors import Reason
from carerecord.contracts.patients import Person
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import AllergyTitle, Entry, Group, Mismatch, Record, Section, SectionState, SourceState, Trend
from carerecord.contracts.sources import Source
from carerecord.fhir.sections import ALL
from carerecord.kit.clock import stamp
from carerecord.kit.turns import Turns
from carerecord.records.allergies import NOT_SERVED, Sharing, allergy_title
from carerecord.records.attention import attention
from carerecord.records.doubles import Together
from carerecord.records.groups import Company, allergy_groups, medicine_groups, problem_groups
from carerecord.records.plans import in_force_first, plan_lines
from carerecord.records.sheets import Sheet, digest, sheet_of
from carerecord.records.trends import trends

MEASURED = frozenset({"results", "observations"})
GROUPED = frozenset({"medicines", "allergies", "problems"})

_Share = tuple[Reply, SectionState]  # one source that shares a section, and the state of that section there


class Frame(Struct, frozen=True):
    """What is true of an opening whatever the sources answer."""

    opening: str
    person: Person
    reason: Reason
    withheld: tuple[Withheld, ...] = ()
    degraded: tuple[str, ...] = ()  # ids of attention rules about our own services
    served: tuple[str, ...] = ()  # the sections that this deployment serves; none: all there are
    left: tuple[tuple[Source, str], ...] = ()  # who took back an entry of this person, and when
    merges: tuple[Source, ...] = ()  # who told of another entry as this person's, while a human is asked

    def serves(self, section: str) -> bool:
        return not self.served or section in self.served


@dataclass
class _Heading:
    """One section as far as it has come; what does not change from one chunk to the next is kept."""

    together: Together = field(default_factory=Together)
    entries: tuple[Entry, ...] = ()
    trends: tuple[Trend, ...] = ()
    changed: bool = False
    seen_by: tuple[object, ...] = ()  # what the section that stands was made from, its entries apart
    section: Section | None = None


class Merging:
    """One opening: sheets are added as sources answer, and the record is drawn whenever it is to be shown."""

    def __init__(self, frame: Frame, turns: Turns) -> None:
        self._frame, self._turns = frame, turns
        self._headings = {each.id: _Heading() for each in ALL}
        self._digests: dict[str, str] = {}
        self._meanwhile: dict[str, Sheet] = {}  # copies that are shown while their source is waited for
        self._sheets: list[Sheet] = []
        self.late: set[str] = set()

    def meanwhile(self, sheet: Sheet) -> None:
        """A copy, shown while its source is waited for; whatever that then says takes its place."""
        self.add(sheet)
        self._meanwhile[sheet.reply.source.id] = sheet

    def add(self, sheet: Sheet) -> None:
        source = sheet.reply.source.id
        if source in self._meanwhile:
            self._take_back(self._meanwhile.pop(source))
        self._sheets.append(sheet)
        if sheet.digest:
            self._digests[source] = sheet.digest
        if sheet.late:
            self.late.add(source)
        for section, parts in sheet.headings.items():
            heading = self._headings[section]
            heading.changed = True
            for laid in parts:
                heading.together.add(laid)

    def _take_back(self, gone: Sheet) -> None:
        self._sheets.remove(gone)
        self._digests.pop(gone.reply.source.id, None)
        for section in gone.headings:
            heading = self._headings[section]
            heading.together, heading.changed = Together(), True
            for other in self._sheets:
                for laid in other.headings.get(section, ()):
                    heading.together.add(laid)

    @property
    def digest(self) -> str:
        return digest(self._digests)

    async def drawn(
        self, replies: Sequence[Reply], *, at: datetime, complete: bool, before: AllergyTitle | None = None,
        joined_now: tuple[str, ...] = (),
    ) -> Record:  # fmt: skip
        """The record of all that was added. Others get their turn between two sections.

        `replies` are those of every source that takes part, also those that are loading, were not asked, or are withheld.
        `before` is what the allergy title said at the first paint; `joined_now` are the sources that are new in this chunk.
        """
        frame, today = self._frame, stamp(at)
        sections: dict[str, Section] = {}
        async with self._turns.mine() as turn:
            sharing = _sharing(replies)
            for each in ALL:
                sections[each.id] = self._section(each.id, each.title, sharing.get(each.id, ()), today)
                await turn.over()
        standing = tuple([each for each in sections.values() if frame.serves(each.id)])
        served_plans = frame.serves("plans")
        plans = plan_lines(sections["plans"].entries, _heard(sharing, "plans"), today) if served_plans else ()
        return Record(
            opening=frame.opening,
            person=frame.person,
            reason=frame.reason,
            at=today,
            complete=complete,
            first_paint=before is None,
            states=tuple([_state(reply, reply.source.id in self.late) for reply in replies]),
            sections=standing,
            allergies=allergy_title(sections["allergies"].entries, _heard(sharing, "allergies"), before)
            if frame.serves("allergies")
            else NOT_SERVED,
            plans=plans,
            attention=attention(
                replies, standing, plans, degraded=frame.degraded, left=frame.left, merges=frame.merges,
                death_doubted=frame.person.demographics.death_doubted,
            ),
            mismatches=tuple(
                Mismatch(reply.source.id, what, here, there, tuple(each.key for each in reply.entries))
                for reply in replies
                for what, here, there in reply.mismatches
            ),
            withheld=frame.withheld,
            tally=_tally(replies),
            joined=joined_now,
            served=frame.served,
        )

    def _section(self, id_: str, title: str, shares: Sequence[_Share], today: str) -> Section:
        heading = self._headings[id_]
        missing = tuple([reply.source.id for reply, said in shares if said.state in MISSING])
        company = _company(shares) if id_ in GROUPED and (heading.entries or heading.changed) else None
        if heading.section and not heading.changed and heading.seen_by == (missing, company):
            return heading.section
        if heading.changed:
            heading.entries = heading.together.newest_first()
            if id_ == "plans":
                heading.entries = in_force_first(heading.entries, today)
            heading.trends = trends(heading.entries) if id_ in MEASURED else ()
        heading.section = Section(
            id=id_,
            title=title,
            entries=heading.entries,
            groups=_groups(id_, heading.entries, company) if company else (),
            trends=heading.trends,
            missing=missing,
            withheld=sum(1 for each in self._frame.withheld if each.section in (id_, "*")),
        )
        heading.changed, heading.seen_by = False, (missing, company)
        return heading.section


async def merge(frame: Frame, replies: Iterable[Reply], *, at: datetime) -> Record:
    """One record of replies that are all there."""
    all_of_them, turns = tuple(replies), Turns()
    merging = Merging(frame, turns)
    for reply in all_of_them:
        merging.add(await sheet_of(reply, turns))
    return await merging.drawn(all_of_them, at=at, complete=True)


def _sharing(replies: Sequence[Reply]) -> dict[str, list[_Share]]:
    """For each section, the sources that share it, with the state of that section there."""
    found: dict[str, list[_Share]] = {each.id: [] for each in ALL}
    for reply in replies:
        for each in reply.sections:
            if each.state != "not shared":
                found[each.section].append((reply, each))
    return found


def _heard(sharing: Mapping[str, Sequence[_Share]], section: str) -> tuple[Sharing, ...]:
    # A source that only ever knew this person by name, or nobody, has nothing to say and leaves no gap.
    return tuple(
        Sharing(reply.source.name, said.state, said.says, reply.last_answer) for reply, said in sharing.get(section, ())
    )


def _company(shares: Sequence[_Share]) -> Company:
    heard = [reply.source for reply, said in shares if said.state in ("live", "copy", "not recorded", "incomplete")]
    return Company(
        heard=frozenset([each.id for each in heard]),
        gps_heard=frozenset([each.id for each in heard if each.kind == "gp"]),
        gps_missing=tuple([reply.source.name for reply, said in shares if reply.source.kind == "gp" and said.state in MISSING]),
    )


def _groups(section: str, entries: Sequence[Entry], company: Company) -> tuple[Group, ...]:
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
        sent=sum([each.sent for each in reply.tally]),
        unreadable=sum([each.unreadable for each in reply.tally]),
        elapsed_s=round(reply.elapsed_s, 3),
        as_at=reply.as_at,
        last_answer=reply.last_answer,
        late=late,
        phone=source.phone,
        warnings=reply.warnings,
        sections=reply.sections,
        choices=reply.choices,
        organisation_name=source.organisation_name,
        not_carried=reply.not_carried,
        kept=reply.kept,
        copy_at=reply.copy_at,
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
