"""Open one person's record: who, where, may I, gather, merge, write it down."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from carerecord.connectors.fhir_r4_take import Read
from carerecord.connectors.reply import Asking, Reply
from carerecord.contracts.actors import Actor, Reason
from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import KeptMark
from carerecord.contracts.locator import WHERE, Pointer, WhereAsked
from carerecord.contracts.patients import WHO, Demographics, Person, WhoAsked
from carerecord.contracts.permit import Grant, Permit
from carerecord.contracts.policy import MAY, MayAsked
from carerecord.contracts.records import AgainAsked, AllergyTitle, OpenAsked, Record
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAsked
from carerecord.fhir.identifiers import is_nhs_number
from carerecord.fhir.patient_ids import PatientIds
from carerecord.kit import request as requests
from carerecord.kit.calls import Calls
from carerecord.kit.clock import Clock, stamp
from carerecord.kit.errors import NotFound, Refused, Unavailable
from carerecord.kit.events import Outbox
from carerecord.kit.log import Log
from carerecord.kit.tokens import seal
from carerecord.kit.turns import Turns
from carerecord.records.choosing import Choice, askings, choose, keeps, wanted
from carerecord.records.counts import Counts
from carerecord.records.drawing import Drawing
from carerecord.records.gather import Gatherer
from carerecord.records.heard import heard, kept_sections
from carerecord.records.kept import Kept
from carerecord.records.observing import Observing
from carerecord.records.practices import Practice, Practices
from carerecord.records.recent import Opening, Recent
from carerecord.records.relationship import relationship
from carerecord.records.settings import RecordsSettings
from carerecord.records.teaching import Swept, Teacher


class Opened(Struct, frozen=True):
    """All that one opening knows before the first source is asked."""

    id: str
    actor: Actor
    reason: Reason
    person: Person
    choices: tuple[Choice, ...]
    permit: Permit
    degraded: tuple[str, ...]
    request: str
    swept: Choice | None = None  # a skipped source that is asked afterwards, to learn how often skipping errs
    practice: str = ""  # ODS code of the practice where the person is registered
    served: tuple[str, ...] = ()  # the sections that this deployment serves; none: all there are
    pointers: tuple[Pointer, ...] = ()
    chosen: bool = False  # of several entries at one source, a human has chosen one: nothing is told of what comes later


@dataclass
class Desk:
    """All that opening a record leans on; built once, in `api.build`."""

    calls: Calls
    outbox: Outbox
    clock: Clock
    log: Log
    gatherer: Gatherer
    teacher: Teacher
    settings: RecordsSettings
    check: Callable[[Permit], None]  # raises Refused for a permit that was not made for this service, or is over
    attendance_key: bytes
    pseudonym_key: bytes
    news_key: bytes
    patient_id: PatientIds
    read: Read  # validates and reads one resource
    practices: Practices | None = None  # None: no source here is asked by registration
    turns: Turns = field(default_factory=Turns)
    counts: Counts = field(default_factory=Counts)
    observing: Observing = field(default_factory=Observing)
    recent: Recent = field(default_factory=lambda: Recent(time.monotonic))
    _registry: Registry | None = None

    async def open(self, asked: OpenAsked) -> AsyncGenerator[Record, None]:
        """The record as it stands at the first paint, then again each time late sources have joined; the last is complete.

        A source that does not answer in time becomes a named gap, never an error: nineteen answers and one named gap are
        better than a blank page. Each chunk is written down before it leaves.

        Raises:
            Refused: policy permits nothing, or could not be asked.
            NotFound: no such person, for this asker.
            Unavailable: what was to be shown could not be written down.
        """
        person, degraded = await self.who(asked)
        opened = await self.permitted(asked.actor, person, asked.reason, request=asked.request, degraded=degraded)
        async with aclosing(self.chunks(opened, "record-opened", None, "")) as chunks:
            async for record in chunks:
                yield record

    async def again(self, asked: AgainAsked) -> AsyncGenerator[Record, None]:
        """Ask one source again, or one that was not asked; a read of its own, with its own permit and line in the book."""
        person, degraded = await self.who(OpenAsked(asked.actor, asked.patient, asked.reason))
        opened = await self.permitted(
            asked.actor, person, asked.reason,
            request=asked.request, degraded=degraded, only=asked.source, local_id=asked.local_id,
        )  # fmt: skip
        kept = self.recent.find(asked.opening, asked.actor.key, asked.patient)
        async with aclosing(self.chunks(opened, "source-retried", kept, asked.source)) as chunks:
            async for record in chunks:
                yield record

    # --- who, where, may I

    async def who(self, asked: OpenAsked) -> tuple[Person, tuple[str, ...]]:
        """The person, and what is down. With the index silent a treating role may go on by exact NHS number and birth date."""
        try:
            return await self.calls.ask(WHO, WhoAsked(asked.patient, statements=False)), ()
        except Unavailable:
            treating = asked.actor.role.code in self.settings.treating_roles
            if not (treating and is_nhs_number(asked.nhs_number) and asked.birth_date):
                raise
        # Objections are kept under ids of the index. Without an id from there nobody's objection can be found, so it is marked.
        id_ = asked.patient or "nhs-" + seal(self.pseudonym_key, asked.nhs_number.encode())[:32]
        return Person((id_,), id_, Demographics(nhs_number=asked.nhs_number, birth_date=asked.birth_date)), ("gap/index",)

    async def permitted(
        self, actor: Actor, person: Person, reason: Reason, *, request: str, degraded: tuple[str, ...] = (),
        only: str = "", local_id: str = "",
    ) -> Opened:  # fmt: skip
        """Everything that is settled before a source is asked; a refusal is written down and raised."""
        (registry, practice), (pointers, silent) = await asyncio.gather(
            self._registry_and_practice(person, actor.organisation), self.where(person)
        )
        if silent and keeps(registry):
            pointers = await self._stated(person)
        choices = choose(
            registry, pointers, person, all_of_them=silent, only=only, local_id=local_id, practice=practice,
            always=actor.role.code in self.settings.always_ask_roles, closed=registry.closed_to(actor),
        )  # fmt: skip
        swept = self.teacher.pick(choices)
        opened = Opened(
            str(uuid.uuid4()), actor, reason, person, choices, _NO_PERMIT, (*degraded, *(("gap/locator",) if silent else ())),
            request or requests.current() or requests.new(), swept, practice.ods, registry.served, pointers, bool(local_id),
        )  # fmt: skip
        try:
            copies = any(each.asked and each.kept for each in choices)
            permit = await self.permit(
                actor, person, reason, wanted((*choices, *((swept,) if swept else ()))), ("holdings",) if copies else ()
            )
        except (Refused, NotFound) as refusal:
            rule = refusal.facts.get("rule", "")
            await self.outbox.announce("Line", self._line(opened, "refused", outcome="refused", rule=rule))
            raise
        return _told_of(replace(opened, permit=permit))

    async def _registry_and_practice(self, person: Person, organisation: str) -> tuple[Registry, Practice]:
        registry = await self.registry()
        return registry, await self.practices.of(person, registry, organisation) if self.practices else Practice()

    async def registry(self) -> Registry:
        """Who takes part: asked each time, sent only when it has changed; the last known one while the registry is down."""
        try:
            answer = await self.calls.ask(REGISTRY, RegistryAsked(self._registry.version if self._registry else ""))
            if answer.registry is not None:
                self._registry = answer.registry
        except Unavailable:
            if self._registry is None:
                raise
        if self._registry is None:
            raise Unavailable("The list of sources is not known yet. Try again in a moment.", service="sources")
        return self._registry

    async def where(self, person: Person) -> tuple[tuple[Pointer, ...], bool]:
        try:
            return await self.calls.ask(WHERE, WhereAsked(person.ids)), False
        except Unavailable:
            return (), True

    async def _stated(self, person: Person) -> tuple[Pointer, ...]:
        """By which ids sources know the person, in the words of the index: what is kept of them can be found by nothing else."""
        try:
            who = await self.calls.ask(WHO, WhoAsked(person.patient))
        except (NotFound, Unavailable):
            return ()
        return tuple(Pointer(each.source, each.local_id, person.patient) for each in who.statements)

    async def permit(
        self, actor: Actor, person: Person, reason: Reason, sought: tuple[Grant, ...], others: tuple[str, ...] = ()
    ) -> Permit:
        """For this service, and for `others` that rely on it too."""
        now = self.clock.now().timestamp()
        shown = relationship(actor, person, reason, key=self.attendance_key, now=now)
        restricted = person.demographics.restricted
        asked = MayAsked(actor, person.ids, reason, shown, sought, ("records", *others), restricted)
        try:
            permit = await self.calls.ask(MAY, asked)
        except Unavailable as silence:
            if silence.facts.get("service") in ("consent", "sources"):  # policy says in its own words that one of them is silent
                raise Refused(silence.says, rule=f"{silence.facts['service']}/unavailable") from None
            says = "Who may see this could not be checked, so nothing is shown. Try again in a moment."
            raise Refused(says, rule="policy/unavailable") from None
        self.check(permit)
        if (permit.actor, permit.person) != (actor.key, person.ids):
            raise Refused("The permit is for somebody else.", rule="permit/other")
        return permit

    # --- gather, merge, write it down

    async def chunks(self, opened: Opened, what: str, kept: Opening | None, only: str) -> AsyncGenerator[Record, None]:
        permit = opened.permit
        asked = {each.source.id: each for each in askings(opened.choices, permit, opened.person, opened.actor, opened.practice)}
        drawing = Drawing(opened.id, opened.person, opened.reason, permit, opened.choices, asked, opened.degraded,
                          self.turns, painted=kept is not None, served=opened.served)  # fmt: skip
        unnamed = tuple(dict.fromkeys(replace(each, source="") for each in permit.unnamed))
        held = {each.source.id: each for each in kept.replies} if kept else {}
        to_ask = [each for id_, each in asked.items() if id_ == only or id_ not in held]
        for each in to_ask:
            held.pop(each.source.id, None)
        for reply in held.values():
            await drawing.keep(reply)
        title = kept.title if kept else None
        first = True
        choices = {each.source.id: each for each in opened.choices}
        copies = Kept(
            self.calls, self.gatherer, self.clock, self.turns, self.read, opened.person, permit, choices, tuple(to_ask),
            self.patient_id,
        )
        gathered = self.gatherer.all_of(to_ask, drawing.arrived, insist=only, request=opened.request, one=copies.one)
        async with aclosing(copies), aclosing(gathered) as batches:
            async for batch in batches:
                if first:
                    for copy in copies.meanwhile():
                        await drawing.meanwhile(copy)
                record = await drawing.drawn(batch, before=title, at=self.clock.now())
                knows = self._heard(opened, asked.values(), copies, kept, complete=record.complete)
                record = replace(record, unnamed=unnamed, heard=knows)
                arrived = [sheet.reply for sheet in batch]
                asked_now = to_ask if first else ()
                await self._write_down(opened, what if first else "record-joined", record, drawing.digest, arrived, asked_now)
                title, first = record.allergies, False
                if record.complete:
                    fresh = [copies.live.get(id_) or drawing.replies[id_] for id_ in map(_source, filter(copies.asked, to_ask))]
                    self._afterwards(opened, fresh, drawing.replies, title, _marks(copies, kept) or ())
                yield record

    def _heard(
        self, opened: Opened, asked: Collection[Asking], copies: Kept, kept: Opening | None, *, complete: bool
    ) -> str:
        """What this page knows, for NEWS; nothing while copies are being read, or where entries cannot be known."""
        marks = _marks(copies, kept)
        if (marks is None and not complete) or opened.degraded or opened.chosen:
            return ""
        sections = kept_sections(asked, {each.source.id: each for each in opened.choices})
        return heard(self.news_key, opened.person, opened.pointers, sections, marks or ())

    async def _write_down(
        self, opened: Opened, what: str, record: Record, digest: str, arrived: Sequence[Reply], asked: Sequence[Asking]
    ) -> None:
        """The line is durable in our outbox before the chunk leaves; when that fails nobody sees it."""
        line = self._line(
            opened, what, id_=opened.id if what != "record-joined" else "",
            sources=tuple(each.source.id for each in asked) or tuple(reply.source.id for reply in arrived),
            sections=tuple(section.id for section in record.sections if section.entries),
            states=tuple([f"{state.source}={state.state}" for state in record.states]),
            digest=digest,
        )  # fmt: skip
        alerts = [reply for reply in arrived if reply.danger or reply.strangers]
        for reply in alerts:
            self.log.error("safety.wrong_patient", source=reply.source.id, differs=reply.danger or "items about somebody else")
        await asyncio.gather(
            self.outbox.announce("Line", line, event=line.id),
            *(self.outbox.announce("Line", self._alert(opened, reply)) for reply in alerts),
        )

    def _alert(self, opened: Opened, reply: Reply) -> Line:
        return self._line(
            opened, "safety-alert", sources=(reply.source.id,), states=(f"{reply.source.id}={reply.state}",),
            rule="danger/wrong-patient",
        )  # fmt: skip

    def _line(
        self, opened: Opened, what: str, *, id_: str = "", outcome: str = "success", rule: str = "",
        sources: tuple[str, ...] = (), sections: tuple[str, ...] = (), states: tuple[str, ...] = (), digest: str = "",
    ) -> Line:  # fmt: skip
        return Line(
            id=id_, at=stamp(self.clock.now()), what=what, service="records", actor=opened.actor,
            patients=(opened.person.patient,), purpose=opened.reason.purpose, reason=opened.reason.text, outcome=outcome,
            rule=rule or opened.permit.rule, sources=sources, sections=sections, states=states, request=opened.request,
            digest=digest,
        )  # fmt: skip

    def _afterwards(
        self, opened: Opened, fresh: list[Reply], replies: dict[str, Reply], title: AllergyTitle, marks: tuple[KeptMark, ...]
    ) -> None:
        """What the reader need not wait for: counts, what the locator learns, the shelf for a retry."""
        self.counts.add(fresh)
        self.observing.saw(fresh)
        self.recent.keep(opened.id, opened.actor.key, opened.person.ids, tuple(replies.values()), title, marks)
        # An entry that may be another's is no sign that the source knows this person: a human finds that.
        doubted = {(each.source, each.local_id) for each in opened.person.doubted}
        sure = [each for each in fresh if doubted.isdisjoint((each.source.id, local_id) for local_id in each.local_ids)]
        self.teacher.learned(opened.person.patient, opened.pointers, sure)
        if opened.swept:
            self.teacher.sweep_later(Swept(opened.person, opened.swept, opened.permit, opened.request))


def _source(asking: Asking) -> str:
    return asking.source.id


def _marks(copies: Kept, kept: Opening | None) -> tuple[KeptMark, ...] | None:
    """Of all copies that are shown: read now, or a moment ago for the opening of which one source is asked again."""
    now = copies.marks()
    if now is None or kept is None:
        return now
    asked = {each.source.id for each in copies.askings}
    return (*now, *(each for each in kept.marks if each.source not in asked))


def _told_of(opened: Opened) -> Opened:
    """The opening without the sources of which this reader is not told: not that they take part, nor whether they were asked."""
    unnamed = frozenset(each.source for each in opened.permit.unnamed)
    if not unnamed:
        return opened
    choices = tuple(each for each in opened.choices if each.source.id not in unnamed)
    swept = opened.swept if opened.swept and opened.swept.source.id not in unnamed else None
    known_by = tuple(each for each in opened.person.known_by if each not in unnamed)
    left = tuple(each for each in opened.person.left if each.source not in unnamed)
    merges = tuple(each for each in opened.person.merges if each not in unnamed)
    person = replace(opened.person, known_by=known_by, left=left, merges=merges)
    return replace(opened, choices=choices, swept=swept, person=person)


_NO_PERMIT = Permit("", "", "", (), "", "", (), (), 0.0, 0.0)

