"""May this actor see these sections of this person, for this reason? Facts, choices and rules become a permit."""

import asyncio
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from carerecord.contracts.actors import Actor
from carerecord.contracts.consent import OBJECTIONS, TOLD, Objection, ObjectionsAsked, ToldAsked
from carerecord.contracts.patients import PersonIds
from carerecord.contracts.permit import Grant, Permit, Withheld
from carerecord.contracts.policy import (
    Decision,
    MayAsked,
    MayDoAsked,
    MayTellAsked,
    Places,
    PlacesAsked,
    Rule,
    RulesAsked,
    UnnamedAsked,
    Veil,
    Veils,
    VeilsAsked,
)
from carerecord.contracts.sources import Registry
from carerecord.fhir.sections import SECTION_IDS
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock
from carerecord.kit.errors import NotAcceptable, NotFound, Refused, Unavailable
from carerecord.kit.permits import LIFE_S, sealed
from carerecord.kit.tokens import Keys
from carerecord.policy.model import Book, Case, Verdict, reason_given
from carerecord.policy.stages import NOT_OPEN, Stages

EVERY_SECTION = "*"
SYSTEM = "system-client"  # the role in which a client of the FHIR API reads by its scopes alone
DEMOGRAPHICS = "demographics"
TELLS = Rule(
    "notice/ids", "A system is told by ids alone that something changed which it may see anyway.", "Caldicott principle 3"
)


@dataclass(frozen=True)
class Judge:
    book: Book
    calls: Calls
    keys: Keys
    clock: Clock
    stages: Stages

    async def may(self, asked: MayAsked) -> Permit:
        """A permit for what is permitted, naming what is withheld and by which rule.

        Raises:
            Refused: nothing is permitted; with the rule that decided.
            NotAcceptable: a reason must be stated first.
            NotFound: the person is not to be told apart from one who is unknown.
            Unavailable: what the person has said about sharing, or what is switched on, cannot be known. Nothing is shown then.
        """
        case = Case(
            role=asked.actor.role.code,
            relationship=self._relationship(asked),
            purpose=asked.reason.purpose,
            restricted=asked.restricted,
            reason_given=reason_given(asked.reason.text),
        )
        if (whole := self.book.whole(case)) is not None:
            _refuse(whole)
        objections, registry = await asyncio.gather(self._objections(asked.person), self.stages.registry())
        closed, unnamed = registry.closed_to(asked.actor), self._unnamed(asked.actor, registry)
        if unnamed:
            silent = frozenset(each.source for each in unnamed)
            asked = replace(asked, wanted=tuple([each for each in asked.wanted if each.source not in silent]))
        verdicts = self._verdicts(case, asked, objections, closed)
        grants = tuple([each for each, verdict in verdicts if verdict.then == "permit"])
        withheld = _notices(verdicts)
        if not grants and all(each.kind == "not-permitted" for each in withheld):
            _refuse(verdicts[0][1] if verdicts else self.book.section(case))
        now = self.clock.now().timestamp()
        permit = Permit(
            actor=asked.actor.key,
            organisation=asked.actor.organisation,
            role=asked.actor.role.code,
            person=asked.person,
            purpose=asked.reason.purpose,
            rule=next((verdict.rule.id for _, verdict in verdicts if verdict.then == "permit"), verdicts[0][1].rule.id),
            grants=grants,
            withheld=withheld,
            unnamed=unnamed,
            made_at=now,
            ends_at=now + LIFE_S,
        )
        return sealed(permit, self.keys, asked.targets)

    def _verdicts(
        self, case: Case, asked: MayAsked, objections: Sequence[Objection], closed: Container[tuple[str, str]]
    ) -> list[tuple[Grant, Verdict]]:
        """One verdict for each wanted; sources differ only in what the person has said of them, so few are worked out.

        What is not switched on is said to be so where the rules would permit it, and to nobody else.
        """
        known: dict[tuple[str, bool], Verdict] = {}
        verdicts = []
        here = [said for said in objections if said.organisation in ("", asked.actor.organisation)]
        for each in asked.wanted:
            objected = bool(here) and any(_covers(said, each) for said in here)
            verdict = known.get((each.section, objected))
            if verdict is None:
                verdict = known[each.section, objected] = self.book.section(_of_section(case, each.section, objected))
            if verdict.then != "deny" and (each.source, each.section) in closed:
                verdict = NOT_OPEN
            verdicts.append((each, verdict))
        return verdicts

    def _relationship(self, asked: MayAsked) -> str:
        """What the asker can show: an attendance counts for this user, person and organisation, until it ends."""
        if asked.relationship != "attending":
            return asked.relationship
        shown = asked.reason.attendance
        good = (
            shown is not None
            and shown.actor == asked.actor.key
            and shown.organisation == asked.actor.organisation
            and shown.patient in asked.person
            and shown.until > self.clock.now().timestamp()
        )
        return "attending" if good else "claimed"

    async def _objections(self, person: PersonIds) -> tuple[Objection, ...]:
        try:
            return await self.calls.ask(OBJECTIONS, ObjectionsAsked(person))
        except Unavailable:
            raise Unavailable(
                "What this person has said about sharing cannot be known, because the consent service does not answer. "
                "Nothing is shown until it does.",
                service="consent",
            ) from None

    async def veils(self, asked: VeilsAsked) -> Veils:
        """What each objection keeps back from a system, whoever's it is.

        Raises:
            Unavailable: what people have said about sharing cannot be known. Nothing is shown then.
        """
        try:
            told = await self.calls.ask(TOLD, ToldAsked(asked.after, asked.most))
        except Unavailable:
            raise Unavailable(
                "What people have said about sharing cannot be known, because the consent service does not answer. "
                "Nothing is shown until it does.",
                service="consent",
            ) from None
        return Veils(tuple([self._veil(each) for each in told.objections]), told.upto, told.good_for_s)

    def _veil(self, said: Objection) -> Veil:
        about = [] if said.ends_at else [each for each in SECTION_IDS if said.section in (each, EVERY_SECTION)]
        sections, rule = self._kept_back([Case(role=SYSTEM, section=each, objected=True) for each in about])
        return Veil(said.id, said.patient, sections, said.source, said.organisation, rule.id, rule.says)

    async def places(self, _: PlacesAsked) -> Places:
        """What the rules withhold of a restricted person. A Patient is shown, without what tells where they are."""
        about = [each for each in SECTION_IDS if each != DEMOGRAPHICS]
        sections, rule = self._kept_back([Case(role=SYSTEM, section=each, restricted=True) for each in about])
        return Places(sections, rule.id, rule.says)

    def _kept_back(self, cases: Iterable[Case]) -> tuple[tuple[str, ...], Rule]:
        found = [(each.section, verdict.rule) for each in cases if (verdict := self.book.withholds(each)) is not None]
        return tuple([section for section, _ in found]), found[0][1] if found else Rule("", "", "")

    async def may_do(self, asked: MayDoAsked) -> Decision:
        """Whether a rule permits it.

        Raises:
            NotFound: it is about a person who is not to be told apart from one who is unknown.
        """
        if asked.restricted:
            whole = self.book.whole(Case(role=asked.actor.role.code, restricted=True))
            if whole is not None and whole.then == "absent":
                _refuse(whole)
        verdict = self.book.action(Case(role=asked.actor.role.code, action=asked.action))
        return Decision(verdict.then == "permit", verdict.rule.id, verdict.rule.says)

    async def may_tell(self, asked: MayTellAsked) -> Decision:
        """Whether no rule keeps it back: what a person has said holds for a notice as it does for an opening.

        Raises:
            Unavailable: what the person has said about sharing cannot be known. Nobody is told anything then.
        """
        case = Case(role=asked.actor.role.code, section=asked.about.section, restricted=asked.restricted)
        if (whole := self.book.whole(case)) is not None:
            return Decision(False, whole.rule.id, whole.rule.says)
        said = await self._objections(asked.person)
        objected = any(each.organisation in ("", asked.actor.organisation) and _covers(each, asked.about) for each in said)
        if (kept_back := self.book.withholds(_of_section(case, case.section, objected))) is not None:
            return Decision(False, kept_back.rule.id, kept_back.rule.says)
        return Decision(True, TELLS.id, TELLS.says)

    async def unnamed(self, asked: UnnamedAsked) -> tuple[str, ...]:
        """Sources of which this actor is not told, whoever the person is.

        Raises:
            Unavailable: the registry has said nothing yet.
        """
        return tuple(each.source for each in self._unnamed(asked.actor, await self.stages.registry()))

    def _unnamed(self, actor: Actor, registry: Registry) -> tuple[Withheld, ...]:
        """One for each source, whether or not it knows the person: who is told of none learns nothing from a name that lacks."""
        found = []
        for each in registry.sources:
            own = each.organisation == actor.organisation
            if rule := self.book.unnamed(Case(role=actor.role.code, kind=each.kind, own=own)):
                found.append(Withheld(each.id, EVERY_SECTION, rule.id, rule.says, "unnamed"))
        return tuple(found)

    async def rules(self, _: RulesAsked) -> tuple[Rule, ...]:
        return tuple(each.rule for each in self.book.rules)


def _of_section(case: Case, section: str, objected: bool) -> Case:
    return Case(case.role, case.relationship, case.purpose, section, "", case.restricted, case.reason_given, objected)


def _covers(objection: Objection, wanted: Grant) -> bool:
    """Whether what was said speaks of this section of this source."""
    return objection.section in (wanted.section, EVERY_SECTION) and objection.source in ("", wanted.source)


def _notices(verdicts: Sequence[tuple[Grant, Verdict]]) -> tuple[Withheld, ...]:
    """What may be told of what is kept back: once for a section where every source of it is meant, else by source."""
    kept: dict[tuple[str, str], tuple[Verdict, list[str]]] = {}
    for grant, verdict in verdicts:
        if verdict.then != "permit":
            kept.setdefault((grant.section, verdict.rule.id), (verdict, []))[1].append(grant.source)
    if not kept:
        return ()
    wanted: dict[str, set[str]] = {}
    for grant, _ in verdicts:
        wanted.setdefault(grant.section, set()).add(grant.source)
    notices = []
    for (section, rule), (verdict, sources) in kept.items():
        kind = {"withhold": "withheld", "not-open": "not-open"}.get(verdict.then, "not-permitted")
        for source in [""] if kind != "not-open" and set(sources) == wanted[section] else sources:
            notices.append(Withheld(source, section, rule, verdict.rule.says, kind))
    return tuple(notices)


def _refuse(verdict: Verdict) -> None:
    rule = verdict.rule
    if verdict.then == "ask-reason":
        raise NotAcceptable(f"Say why you look. {rule.says}", rule=rule.id)
    if verdict.then == "absent":
        raise NotFound("There is no such person in the index.")
    raise Refused(f"Not permitted under rule {rule.id}: {rule.says}", rule=rule.id)
