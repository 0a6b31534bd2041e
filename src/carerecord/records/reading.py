"""Small reads beside the record: one item as its source holds it now, and who is attending now."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from carerecord.connectors.fhir_content import inline
from carerecord.connectors.reply import Asking
from carerecord.connectors.web_trouble import NotThere, WebTrouble
from carerecord.connectors.windows import Content, One, Window
from carerecord.contracts.actors import Attendance, Reason
from carerecord.contracts.audit import Line
from carerecord.contracts.holdings import PRESENT, KeptEntry, PresentAsked
from carerecord.contracts.locator import Pointer
from carerecord.contracts.patients import Person
from carerecord.contracts.policy import MAY_DO, MayDoAsked
from carerecord.contracts.records import Attending, AttendingAsked, ExpandAsked, Expanded, OpenAsked
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import parse
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.reading import read
from carerecord.fhir.sections import ALL
from carerecord.kit import request as requests
from carerecord.kit.clock import stamp
from carerecord.kit.errors import CareRecordError, NotFound, NotUnderstood, Refused, Unavailable
from carerecord.records.choosing import LIVE, Choice, expected_of, granted_by_source
from carerecord.records.kept import kept_ids, kept_one
from carerecord.records.relationship import sealed
from carerecord.records.right_person import is_about, judged
from carerecord.records.service import Desk, Opened

_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.")  # a FHIR id
_NO_ITEM = "There is no such item about this person."
_PRESENT_FOR = timedelta(days=2)  # a message of discharge may be lost: what came longer ago is no sign that somebody is there
_KINDS = {"emergency": "Emergency department", "inpatient": "Inpatient stay", "outpatient": "Outpatient visit"}


@dataclass
class Reader:
    """Leans on the desk for who, where and may I: every read has a permit and a line of its own."""

    desk: Desk
    window: Window

    async def expand(self, asked: ExpandAsked) -> Expanded:
        """One item exactly as its source holds it now, laid out for reading, no digit of it changed.

        Raises:
            Refused: its section may not be seen.
            NotFound: there is no such item about this person.
            Unavailable: the source does not answer, or the read could not be written down.
        """
        if not (_PLAIN.issuperset(asked.id) and asked.resource_type.isalpha() and 0 < len(asked.id) <= 64):
            raise NotUnderstood("That is not the id of an item.")
        person, _ = await self.desk.who(OpenAsked(asked.actor, asked.patient, asked.reason))
        opened = await self.desk.permitted(asked.actor, person, asked.reason, request=requests.current(), only=asked.source)
        choice = _choice(opened.choices, asked.source)
        granted = granted_by_source(opened.permit).get(asked.source, frozenset())
        # What may not be seen is not fetched: a type that stands under no granted heading is settled before the source is asked.
        headings = frozenset(each.id for each in ALL if any(search.type == asked.resource_type for search in each.searches))
        if not granted or (headings and not headings & granted):
            raise await self._kept_back(opened, asked.source, headings)
        until = asyncio.get_running_loop().time() + self.desk.settings.last_call_s
        sections = granted & (choice.kept if asked.kept else choice.live)
        if not sections:  # what is a copy is not asked for, whoever insists
            raise NotFound(_NO_ITEM)
        about = Asking(choice.source, choice.local_ids, sections, expected_of(person), asked.actor, opened.practice)
        if not about.local_ids and not asked.kept:
            about = await self._introduced(person, about, until)
        came_at = ""
        try:
            if asked.kept:
                held = await kept_one(
                    self.desk.calls, opened.permit, about, asked.resource_type, asked.id, self.desk.patient_id
                )
                one, came_at = One(held.text), held.at
            else:
                one = await self.window.read_one(about, asked.resource_type, asked.id, until=until)
            parsed = parse(one.resource)
            facts = read(parsed)
        except (NotThere, NotFound):
            raise NotFound(_NO_ITEM) from None
        except WebTrouble as trouble:
            raise Unavailable(f"{choice.source.name}: {trouble.says}", service="records") from None
        except Unreadable as fault:
            raise Unavailable(f"{choice.source.name}: its answer cannot be read: {fault.reason}.", service="records") from None
        numbers = frozenset({person.demographics.nhs_number} - {""})
        ids = kept_ids(self.desk.patient_id, asked.source, about.local_ids) if asked.kept else about.local_ids
        if not is_about(facts.subject, ids, numbers) or (facts.resource_type, facts.id) != (asked.resource_type, asked.id):
            raise NotFound(_NO_ITEM)
        if facts.section not in granted:
            raise await self._kept_back(opened, asked.source, frozenset({facts.section}))
        line = Line(
            id="", at=stamp(self.desk.clock.now()), what="item-expanded", service="records", actor=asked.actor,
            patients=(person.patient,), purpose=asked.reason.purpose, reason=asked.reason.text, rule=opened.permit.rule,
            sources=(asked.source,), sections=(facts.section,), request=opened.request,
        )  # fmt: skip
        # A document is fetched once all this has been settled, and written down before it is handed over.
        content = Content(b"", "")
        if asked.document:
            content = self._kept_document(about, parsed) if asked.kept else await self._document(about, parsed, until)
        await self.desk.outbox.announce("Line", line)
        return Expanded(
            one.as_sent or msgspec.json.format(one.resource, indent=2).decode(), stamp(self.desk.clock.now()), choice.source.name,
            content.body, content.content_type, came_at,
        )  # fmt: skip

    async def _introduced(self, person: Person, about: Asking, until: float) -> Asking:
        """Under which of its ids does the source know this person? Asked where nobody knows yet: the locator learns from an
        opening a moment after it, and a reader may be quicker.

        Raises:
            NotFound: it does not know the person, or knows several, or answers about somebody else.
            Unavailable: it does not answer.
        """
        reply = judged(person, await self.window.ask(replace(about, sections=frozenset()), until=until))
        # A registry that is asked by NHS number alone has nothing to say of people: it answers with the number, unasked.
        if not reply.local_ids and (reply.failed or reply.state in ("no answer", "unreadable")):
            raise Unavailable(f"{about.source.name}: {reply.says or 'It did not answer.'}", service="records")
        if not reply.local_ids or reply.choices or reply.danger:
            raise NotFound(_NO_ITEM)
        return replace(about, local_ids=reply.local_ids)

    async def _document(self, about: Asking, reference: Mapping[str, Any], until: float) -> Content:
        source = about.source
        try:
            return await self.window.document(about, reference, until=until)
        except NotThere as gone:
            raise NotFound(f"{source.name}: {gone.says}") from None
        except WebTrouble as trouble:
            raise Unavailable(f"{source.name}: {trouble.says}", service="records") from None
        except Unreadable as fault:
            raise Unavailable(f"{source.name}: {fault.reason}.", service="records") from None

    def _kept_document(self, about: Asking, reference: Mapping[str, Any]) -> Content:
        """What lies within its DocumentReference: of a copy, no address is followed anywhere."""
        try:
            return inline(reference)
        except NotThere:
            raise NotFound(f"{about.source.name}: the document itself is not kept here.") from None
        except Unreadable as fault:
            raise Unavailable(f"{about.source.name}: {fault.reason}.", service="records") from None

    async def _kept_back(self, opened: Opened, source: str, headings: frozenset[str]) -> CareRecordError:
        """What to say of an item that may not be seen, once that is written down.

        Where the person objects, a reader who would see it otherwise hears the rule. To a role that never sees it, it is not
        there: the answer for an item that exists is the answer for one that does not.
        """
        notices = (each for each in opened.permit.withheld if each.source in ("", source) and each.section in headings)
        told = next((each for each in notices if each.kind == "withheld"), None)
        line = Line(
            id="", at=stamp(self.desk.clock.now()), what="refused", service="records", actor=opened.actor,
            patients=(opened.person.patient,), purpose=opened.reason.purpose, reason=opened.reason.text, outcome="refused",
            rule=told.rule if told else opened.permit.rule, sources=(source,), request=opened.request,
        )  # fmt: skip
        await self.desk.outbox.announce("Line", line)
        return Refused(f"This item is not shown to you. {told.says}", rule=told.rule) if told else NotFound(_NO_ITEM)

    async def attending(self, asked: AttendingAsked) -> Attending:
        """Is this person with the actor's own organisation now? Only that organisation's systems are asked, for a second.

        What comes back is a class of contact and its start, never a complaint, sealed for this actor and this person.
        """
        person, _ = await self.desk.who(OpenAsked(asked.actor, asked.patient, Reason("direct-care")))
        if not (await self.desk.calls.ask(MAY_DO, MayDoAsked(asked.actor, "open"))).allowed:
            return Attending()
        registry = await self.desk.registry()
        pointers, _ = await self.desk.where(person)
        closed = registry.closed_to(asked.actor)
        own = {
            each.id: each
            for each in registry.sources
            if each.organisation == asked.actor.organisation and each.shares("encounters") and not each.retired
            and (each.id, "encounters") not in closed
        }  # fmt: skip
        live = frozenset(each.id for each in own.values() if _arranged(each, "encounters") in LIVE)
        kept = own.keys() - live  # of what is asked, that answer alone counts: nobody attends by an old copy
        askable = [(own[pointer.source], pointer.local_id) for pointer in pointers if pointer.source in live]
        asking = tuple(sorted({pointer.source for pointer in pointers if pointer.source in own}))
        if not asking:
            return Attending()
        line = Line(
            id="", at=stamp(self.desk.clock.now()), what="attendance-asked", service="records", actor=asked.actor,
            patients=(person.patient,), sources=asking, request=requests.current(),
        )  # fmt: skip
        await self.desk.outbox.announce("Line", line)
        until = asyncio.get_running_loop().time() + self.desk.settings.attending_within_s
        answers = await asyncio.gather(*(self.window.attending(source, id_, until=until) for source, id_ in askable))
        found = [
            (source, encounter)
            for (source, id_), encounters in zip(askable, answers, strict=True)
            for encounter in encounters
            if is_about(_subject(encounter), (id_,), frozenset())
        ]
        found += await self._present(own, [each for each in pointers if each.source in kept])
        return Attending(self._newest(asked, found))

    async def _present(self, own: Mapping[str, Source], pointers: Sequence[Pointer]) -> list[tuple[Source, Mapping[str, Any]]]:
        """What messages of these systems say is in progress; none where what is kept cannot be read."""
        id_of = self.desk.patient_id
        entries = tuple(KeptEntry(each.source, kept_ids(id_of, each.source, (each.local_id,))) for each in pointers)
        if not entries:
            return []
        try:
            async with asyncio.timeout(self.desk.settings.attending_within_s):
                found = await self.desk.calls.ask(PRESENT, PresentAsked(entries))
            since = stamp(self.desk.clock.now() - _PRESENT_FOR)
            return [(own[each.source], parse(held.text)) for each in found for held in each.resources if held.at >= since]
        except (Unavailable, TimeoutError, Unreadable):
            return []

    def _newest(self, asked: AttendingAsked, found: Sequence[tuple[Source, Mapping[str, Any]]]) -> Attendance | None:
        seen = []
        for source, encounter in found:
            try:
                facts = read(dict(encounter))
            except Unreadable:
                continue
            if facts.encounter is None or not facts.encounter.in_progress:
                continue
            what = _KINDS.get(facts.encounter.kind, "Current contact")
            until = self.desk.clock.now().timestamp() + self.desk.settings.attendance_good_s
            seen.append(
                Attendance(
                    asked.actor.key, asked.patient, source.organisation, source.id, what, facts.encounter.started, until
                )
            )
        if not seen:
            return None
        return sealed(replace(max(seen, key=lambda each: each.since)), self.desk.attendance_key)


def _choice(choices: Sequence[Choice], source: str) -> Choice:
    for each in choices:
        if each.source.id == source and each.asked:
            return each
    raise NotFound("This source holds nothing about this person, as far as is known.")


def _arranged(source: Source, section: str) -> str:
    return next((each.arrangement for each in source.sections if each.section == section), "")


def _subject(encounter: Mapping[str, Any]) -> str:
    subject = encounter.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    return reference if isinstance(reference, str) else ""
