"""Whom to ask: which sources know the person or must always be asked, and what of theirs may be fetched? Pure."""

from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.gp_connect_asks import FILLED
from carerecord.connectors.reply import Asking, Expected, Reply, worst
from carerecord.contracts.actors import Actor
from carerecord.contracts.locator import Pointer
from carerecord.contracts.patients import Person
from carerecord.contracts.permit import Grant, Permit
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import Registry, Source
from carerecord.fhir.sections import SECTION_IDS
from carerecord.records.practices import Practice, by_registration

LIVE = frozenset({"live", "both"})
KEPT = frozenset({"copy", "both", "master"})
NO_SIGN = "No sign that it knows this person."
WITHHELD, NOT_PERMITTED, NOT_OPEN = "withheld", "not permitted", "not switched on"
_STATES = {"withheld": WITHHELD, "not-open": NOT_OPEN}  # what a page says for each kind of refusal
_NOT_ENROLLED = frozenset({"rest_json", "documents"})  # their people cannot be listed, so no absence of a sign means anything
_BESIDE = frozenset({"demographics"})  # who the person is: looked at with every answer, a section of none


class Choice(Struct, frozen=True):
    """One source that takes part, and whether it is asked."""

    source: Source
    sections: frozenset[str]  # those that it shares
    local_ids: tuple[str, ...]
    asked: bool
    why_not: str = ""
    state: str = "not asked"  # the record's word for a source that is not asked
    kept: frozenset[str] = frozenset()  # of these, what is kept here
    unasked: frozenset[str] = frozenset()  # of what is kept here, what the source itself is not asked for
    left: str = ""  # when it took back an entry of this person

    @property
    def live(self) -> frozenset[str]:
        return self.sections - self.unasked


def choose(
    registry: Registry, pointers: Sequence[Pointer], person: Person, *, always: bool, all_of_them: bool = False,
    practice: Practice = Practice(),  # noqa: B008 - frozen
    only: str = "", local_id: str = "", closed: Container[tuple[str, str]] = (),
) -> tuple[Choice, ...]:  # fmt: skip
    """For each source that shares anything: is it asked, or what is kept of it read, and by which of its own ids?

    Asked is who is known to know the person; with `always` (unscheduled care) also who shares one of the region's
    `always_ask` sections; with `all_of_them` (the locator is silent) everyone who can be asked; and `only`, the one that a
    user insists on. Asked is also whoever cannot list its people. A source that knows people only by its own numbers cannot be
    asked for a stranger. A practice that speaks GP Connect is asked when the person is registered with it now (`practice`).

    What is kept here (arrangement copy, both or master) is read wherever the source is known to know the person, also of a source
    that is retired: it is asked no more, and what was kept of it stays.

    `closed` is what is not open to this reader. A source of which nothing is open to them takes no part, unless it is known to
    know the person: then the record says that it is not switched on. What of the others is closed, policy says.
    """
    ids: dict[str, list[str]] = {}
    for pointer in pointers:
        ids.setdefault(pointer.source, []).append(pointer.local_id)
    for each in person.doubted:  # what may be another's is asked for only where nothing is known to be this person's
        if all(pointer.source != each.source for pointer in pointers):
            ids.setdefault(each.source, []).append(each.local_id)
    choices = []
    for source in registry.sources:
        live, kept = _shared(source, LIVE), _shared(source, KEPT)
        if source.retired:
            live = frozenset()
        sections = live | kept
        if source.connector == "pds" or not sections:
            continue
        local_ids = (local_id,) if local_id and source.id == only else tuple(dict.fromkeys(ids.get(source.id, ())))
        nothing_open = not local_ids and bool(closed) and all((source.id, each) in closed for each in sections)
        if nothing_open and source.connector != "gp_connect":
            continue
        alone = kept - live  # read from what is kept, and never asked for
        if not live:
            if local_ids or not source.retired:  # nobody is told of a retired source that kept nothing of them
                why = "" if local_ids else NO_SIGN
                choices.append(Choice(source, kept, local_ids, bool(local_ids), why, kept=kept, unasked=kept))
            continue
        if source.connector == "gp_connect":
            numbered = bool(person.demographics.nhs_number)
            found = by_registration(
                source, registry, practice, numbered=numbered, known=bool(local_ids), insisted=source.id == only
            )
            if kept and local_ids and (found is None or not found.asked):
                # It is not asked, and gave copies once: they are read, and say as at when.
                choices.append(Choice(source, kept, local_ids, True, kept=kept, unasked=kept))
            elif found is not None and (found.asked or not nothing_open):
                # Of what no practice can fill, one that is not asked leaves no gap.
                at_stake = sections if found.asked else sections & FILLED
                choices.append(
                    Choice(
                        source, at_stake, local_ids, found.asked, found.why_not, found.state, kept & at_stake, alone & at_stake
                    )
                )
            continue
        wanted = all_of_them or source.id == only or (always and bool(live.intersection(registry.always_ask)))
        wanted = wanted or source.connector in _NOT_ENROLLED
        can = source.knows_by != "local" and bool(person.demographics.nhs_number)
        if local_ids or (wanted and can):
            choices.append(Choice(source, sections, local_ids, True, kept=kept, unasked=alone))
        elif wanted and not can:
            why = "It knows people only by its own numbers, and has none for this person." if source.knows_by == "local" else (
                "It is asked by NHS number, and none is known for this person.")  # fmt: skip
            choices.append(Choice(source, sections, (), False, why, kept=kept, unasked=alone))
        else:
            choices.append(Choice(source, sections, (), False, NO_SIGN, kept=kept, unasked=alone))
    left = {each.source: each.at for each in sorted(person.left, key=lambda each: each.at)}
    return tuple(replace(each, left=left.get(each.source.id, "")) for each in choices) if left else tuple(choices)


def keeps(registry: Registry) -> bool:
    """Whether anything of any source is kept here."""
    return any(each.arrangement in KEPT for source in registry.sources for each in source.sections)


def _shared(source: Source, arrangements: frozenset[str]) -> frozenset[str]:
    return frozenset(each.section for each in source.sections if each.arrangement in arrangements) - _BESIDE


def wanted(choices: Iterable[Choice]) -> tuple[Grant, ...]:
    """What policy is asked to permit: who the person is, and every section of every source that would be asked.

    Of one that took its entry back too: only who might have read it there is told that it did.
    """
    sought = (
        Grant(each.source.id, section) for each in choices if each.asked or each.left for section in sorted(each.sections)
    )
    return (Grant("", "demographics"), *sought)


def askings(
    choices: Iterable[Choice], permit: Permit, person: Person, actor: Actor | None = None, practice: str = ""
) -> tuple[Asking, ...]:
    """What is asked of whom: only what the permit grants is fetched. `practice` is where the person is registered."""
    granted = granted_by_source(permit)
    expected = expected_of(person)
    return tuple(
        Asking(each.source, each.local_ids, sections, expected, actor, practice)
        for each in choices
        if each.asked and (sections := each.sections & granted.get(each.source.id, frozenset()))
    )


def granted_by_source(permit: Permit) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for grant in permit.grants:
        if grant.source in found:
            found[grant.source].add(grant.section)
        else:
            found[grant.source] = {grant.section}
    return {source: frozenset(sections) for source, sections in found.items()}


def not_asked(choice: Choice) -> Reply:
    sections = tuple(SectionState(each, choice.state, says=choice.why_not) for each in SECTION_IDS if each in choice.sections)
    return Reply(choice.source, choice.state, choice.why_not, sections=sections)


def whole(choice: Choice, permit: Permit, granted: Mapping[str, frozenset[str]], reply: Reply | None) -> Reply:
    """The source's reply with a state for every section that it shares: also for those that may not be seen.

    `reply` is None for a source of which nothing may be fetched. What came of a section without a grant is dropped here once
    more, so that a reply kept from a moment ago obeys the permit of now.
    """
    here = granted.get(choice.source.id, frozenset()) & choice.sections
    refused = {each: _refusal(permit, choice.source.id, each) for each in choice.sections - here}
    if reply is None:
        reply = Reply(choice.source, worst(tuple(each.state for each in refused.values())))
    elif refused and any(each.facts.section in refused for each in reply.entries):
        kept = tuple(each for each in reply.entries if each.facts.section not in refused)
        reply = replace(reply, entries=kept, dropped=reply.dropped + len(reply.entries) - len(kept))
    if reply.state == "none held":
        # It says that it knows nobody of this number: what is not switched on there holds nothing of them either.
        refused = {id_: each for id_, each in refused.items() if each.state != NOT_OPEN}
    if not refused:
        return reply
    states = {each.section: each for each in reply.sections} | refused
    says = reply.says or (next(iter(refused.values())).says if not here else "")
    return replace(reply, says=says, sections=tuple(states[each] for each in SECTION_IDS if each in states))


def _refusal(permit: Permit, source: str, section: str) -> SectionState:
    for each in permit.withheld:
        if each.source in ("", source) and each.section in (section, "*"):
            return SectionState(section, _STATES.get(each.kind, NOT_PERMITTED), says=each.says)
    return SectionState(section, NOT_PERMITTED)


def expected_of(person: Person) -> Expected:
    known = person.demographics
    name = known.names[0] if known.names else None
    return Expected(
        nhs_number=known.nhs_number,
        birth_date=known.birth_date,
        family=name.family if name else "",
        given=name.given[0] if name and name.given else "",
        gender=known.gender,
    )
