"""One practice, one person, one opening, by GP Connect: what was asked, what came, and what does a refusal mean?"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec
from msgspec.structs import replace
from yarl import URL

from carerecord.connectors import gp_connect_asks as asks
from carerecord.connectors.fhir_content import ANY_TYPE, checked, content_of, decoded, media_type
from carerecord.connectors.fhir_r4_take import Read
from carerecord.connectors.gp_connect_html import pages_for
from carerecord.connectors.gp_connect_take import GpTaken, left_out, words_of
from carerecord.connectors.gp_connect_token import bearer
from carerecord.connectors.reply import Asking, Reply
from carerecord.connectors.sds import NotListed, Reached, Sds
from carerecord.connectors.site import Pairs, Site
from carerecord.connectors.talk import Lost, Talk, lost_by, refusal
from carerecord.connectors.web import FHIR_JSON, Answered, Web
from carerecord.connectors.web_trouble import NoAnswer, NotThere, WebTrouble
from carerecord.connectors.windows import Content, One
from carerecord.contracts.records import SectionState
from carerecord.contracts.sources import Source
from carerecord.fhir.bundle import Bundle, Entry, parse, split
from carerecord.fhir.codes import dict_in, dicts_in, text_in
from carerecord.fhir.errors import Unreadable
from carerecord.fhir.outcome import Issue, issues_of, state_of
from carerecord.fhir.sections import SECTION_IDS
from carerecord.fhir.stu3 import Converted, OutcomeInstead, conversion
from carerecord.kit.clock import Clock
from carerecord.kit.turns import Turns

WITHHELD, NOT_GIVEN, ELSEWHERE = "withheld at source", "not given", "registered elsewhere"
_SAYS: Final = {
    WITHHELD: "The practice keeps this record back: the person has said that it is not to be shared.",
    NOT_GIVEN: "This practice did not give a record. The person may have left, died, be marked as sensitive, or have an NHS "
    "number that is not verified there.",
    ELSEWHERE: "This person is registered with another practice now, and this one gives no record.",
}
# What is asked for with the documents: whom they are about and who wrote them (Access Document, search for documents).
_WITH_DOCUMENTS: Final[Pairs] = (
    ("_include", "DocumentReference:subject:Patient"),
    ("_include", "DocumentReference:custodian:Organization"),
    ("_include", "DocumentReference:author:Organization"),
    ("_include", "DocumentReference:author:Practitioner"),
    ("_revinclude:recurse", "PractitionerRole:practitioner"),
)


@dataclass(frozen=True)
class Spine:
    """What every conversation shares: the way there."""

    web: Web
    sds: Sds
    clock: Clock


class Refused(Exception):
    """The practice answered, and gives nothing. `state` is the record's word for it."""

    def __init__(self, state: str, says: str) -> None:
        super().__init__(state)
        self.state, self.says = state, says


class GpTalk(Talk):
    """`through` for an opening, `found` and `document` for what is looked at afterwards."""

    def __init__(self, spine: Spine, asking: Asking, until: float, read: Read, turns: Turns, now: str) -> None:
        super().__init__(spine.web, asking, until, read, turns, now)
        self._spine, self._now = spine, now
        self._taken: GpTaken = GpTaken(asking, read, now)
        self._practice = asking.practice if asking.source.any_practice else asking.source.organisation
        # Whoever's user asks is named, not who hosts us: each organisation has an ASID of its own.
        actor = asking.actor
        self._asid = dict(asking.source.asids).get(actor.organisation if actor else "", asking.source.asid)
        self._areas = asks.areas_for(asking.sections, asking.source.areas)
        self._made: list[Converted] = []
        self._sent: dict[str, Entry] = {}  # as received, by id: for who looks at one item
        self._patient: Entry | None = None

    async def through(self) -> Reply:
        source, number = self._source, self._asking.expected.nhs_number
        if not number or not self._practice:
            return Reply(source, "not asked", "The practice where this person is registered is not known.")
        if self._asking.actor is None:
            return Reply(source, "not asked", "A practice is asked on behalf of a named person alone.")
        try:
            try:
                await self._structured(number)
            except NotListed:
                return await self._pages(number)
        except Refused as refused:
            return self._nothing(refused.state, refused.says)
        except WebTrouble as trouble:
            self._spine.sds.forget(source, self._practice)
            lost = lost_by(trouble)
            return replace(self._nothing(lost.state, lost.says), failed=True)
        except Unreadable as fault:
            return self._nothing("unreadable", f"Its answer cannot be read: {fault.reason}.")
        if "documents" in self._asking.sections:
            await self._documents()
        return self._whole()

    # --- the structured record

    async def _structured(self, number: str) -> None:
        reached = await self._reach(asks.STRUCTURED)
        body = asks.structured_body(number, self._areas)
        answered = await self._ask(reached, asks.STRUCTURED, "Patient/$gpc.getstructuredrecord", body=body)
        if not answered.ok:
            raise self._refused(answered.status, issues_of(answered.body))
        self._bytes_left = max(0, self._bytes_left - len(answered.body))
        try:
            await self._convert(lambda: split(answered.body))
        except OutcomeInstead as instead:
            raise self._refused(answered.status, instead.issues) from None
        self._must_bear_the_number()
        self._answered += 1
        listed = {section for made in self._made for section in made.areas}
        for _, area in self._areas:
            if area.listed and area.listed not in listed:
                self._lose(area.sections, Lost("no answer", "Its answer says nothing about this."))

    async def _convert(self, opened: Callable[[], Bundle]) -> None:
        """Long work, in turns: an answer of three megabytes must not keep everybody else waiting."""
        async with self._turns.mine() as turn:
            bundle = opened()
            self._sent.update((entry.id, entry) for entry in bundle.entries if entry.id)
            self._patient = next((entry for entry in bundle.entries if entry.type == "Patient"), self._patient)
            await turn.over()
            work = conversion(bundle)
            for _ in work:
                await turn.over()
            self._made.append(work.converted)
            await self._taken.converted(work.converted, turn)
            self._taken.whole_left_out(work.converted)

    # --- documents

    async def _documents(self) -> None:
        """Their list alone; a document is fetched when it is opened. Found by the id that the structured record gave."""
        try:
            reached = await self._reach(asks.DOCUMENTS)
            path, params = f"Patient/{self._ids()[0]}/DocumentReference", _WITH_DOCUMENTS
            for _ in range(self._source.most_pages):
                answered = await self._ask(reached, asks.DOCUMENTS, path, params=params)
                if not answered.ok:
                    return self._lose(asks.DOCUMENT_SECTIONS, Lost("no answer", "It gave no list of its documents"))
                bundle = split(answered.body)
                if bundle.entries:
                    await self._convert(lambda found=bundle: self._with_patient(found))  # type: ignore[misc]
                if not bundle.next:
                    return None
                path, params = str(Site(reached.endpoint).within(bundle.next)), ()
            self._lose(asks.DOCUMENT_SECTIONS, Lost("incomplete", "It has more pages than are asked for."))
        except NotListed:
            self._lose(asks.DOCUMENT_SECTIONS, Lost("not shared", "It does not share its documents by GP Connect."))
        except WebTrouble as trouble:
            self._lose(asks.DOCUMENT_SECTIONS, lost_by(trouble))
        except Unreadable as fault:
            self._lose(asks.DOCUMENT_SECTIONS, Lost("unreadable", f"Its list of documents cannot be read: {fault.reason}."))

    def _with_patient(self, found: Bundle) -> Bundle:
        """Not every practice sends the Patient with its documents; the list is then about the one whose id was asked for."""
        if self._patient is None or any(entry.type == "Patient" for entry in found.entries):
            return found
        return replace(found, entries=(self._patient, *found.entries))

    async def document(self, reference: Mapping[str, Any]) -> Content:
        attachments = [dict_in(each, "attachment") for each in dicts_in(dict(reference), "content")]
        chosen = next((each for each in attachments if text_in(each, "data") or text_in(each, "url")), {})
        if text_in(chosen, "data") or not text_in(chosen, "url"):
            return await content_of(self._web, self._source, reference, until=self._until)
        reached = await self._reach(asks.BINARY)
        # The address must lie below the one that the directory gives: nobody is followed elsewhere.
        link = str(Site(reached.endpoint).within(text_in(chosen, "url")))
        answered = await self._ask(reached, asks.BINARY, link)
        if answered.status in (404, 410):
            raise NotThere("It no longer gives this document.")
        if not answered.ok:
            raise NoAnswer(refusal(answered.status))
        binary = parse(answered.body)
        if binary.get("resourceType") != "Binary":
            raise Unreadable("what came is no document")
        kind = media_type(text_in(binary, "contentType")) or ANY_TYPE
        return checked(Content(decoded(text_in(binary, "content") or text_in(binary, "data")), kind), chosen)

    # --- pages, where there is no structured record

    async def _pages(self, number: str) -> Reply:
        """Access Record HTML: each page is shown as a document, and no section is called whole for it."""
        if "documents" not in self._asking.sections:
            return self._nothing("not shared", "It gives its record as pages alone, which stand under Documents.")
        try:
            reached = await self._reach(asks.HTML)
        except NotListed:
            return self._nothing("no answer", "The directory lists no GP Connect record of this practice.")
        covered: set[str] = set()
        for code, sections in asks.PAGES:
            if not sections & self._asking.sections:
                continue
            path, kind = "Patient/$gpc.getcarerecord", "application/json+fhir"
            answered = await self._ask(reached, asks.HTML, path, body=asks.page_body(number, code), kind=kind)
            if not answered.ok:
                raise self._refused(answered.status, issues_of(answered.body))
            patient, entries = pages_for(code, answered.body, self._now)
            self._taken.patient(patient)
            self._sent.update((entry.id, entry) for entry in entries)
            async with self._turns.mine() as turn:
                await self._taken.page(Bundle("collection", entries, (), ()), "DocumentReference", turn)
            covered |= sections & self._asking.sections
        self._must_bear_the_number()
        self._answered += 1
        self._lose(covered, Lost("incomplete", "It gives this as a page alone: see Documents."))
        return self._whole(pages=True)

    # --- what it all means

    def found(self, resource_type: str, id_: str) -> One:
        """The item that `through` brought. Raises NotThere."""
        for made in self._made:
            for each in made.resources:
                if (each.get("resourceType"), each.get("id")) == (resource_type, id_):
                    sent = self._sent.get(id_)
                    written = msgspec.json.Encoder(decimal_format="number").encode(each)
                    return One(written, msgspec.json.format(sent.raw, indent=2).decode() if sent else "")
        if page := self._sent.get(id_):
            return One(page.raw)
        raise NotThere("It gives no such item now.")

    def _must_bear_the_number(self) -> None:
        """GP Connect is asked by NHS number alone, so an answer without one is about nobody who could be named."""
        if not self._taken.said or not all(said.nhs_number for said in self._taken.said):
            raise Unreadable("it does not bear the NHS number that was asked for")

    def _ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(said.local_id for said in self._taken.said if said.local_id))

    def _whole(self, *, pages: bool = False) -> Reply:
        wanted = self._asking.sections
        empty = asks.unfilled(wanted, (area for _, area in self._areas)) - frozenset(self._taken.shown_in)
        self._lose(empty, Lost("not shared", asks.NO_AREA))
        reply = self._reply(self._ids())
        words = {} if pages else words_of(each for made in self._made for each in made.warnings)
        sections = tuple(_warned(each, words.get(each.section, "")) for each in reply.sections)
        state, says = reply.state, reply.says
        if state in ("not recorded", "none held") and reply.warnings:
            state, says = "incomplete", "It says that its record is not complete, and nothing of it came"
        return replace(
            reply, source=self._named(), state=state, says=says, sections=sections, not_carried=left_out(self._made, wanted)
        )

    def _nothing(self, state: str, says: str) -> Reply:
        """The same state for every section that a practice can fill; about the others it has nothing to say in any case."""
        cannot = asks.unfilled(self._asking.sections, (area for _, area in self._areas))
        sections = tuple(
            SectionState(each, "not shared", says=asks.NO_AREA) if each in cannot else SectionState(each, state, says=says)
            for each in SECTION_IDS
            if each in self._asking.sections
        )
        return Reply(self._source, state, says, sections=sections)

    def _named(self) -> Source:
        """A practice without a table of its own is called what it calls itself."""
        if not self._source.any_practice:
            return self._source
        found = (each for made in self._made for each in made.resources if each.get("resourceType") == "Organization")
        own = (each for each in found if self._practice in {text_in(told, "value") for told in dicts_in(each, "identifier")})
        name = next((text_in(each, "name") for each in own), "") or f"{self._source.name} ({self._practice})"
        return replace(self._source, name=name, organisation=self._practice)

    def _refused(self, status: int, issues: Sequence[Issue]) -> Refused:
        """404 is that this practice gives no record, 403 by dissent that it is withheld; anything else is no answer."""
        codes = {each.details for each in issues}
        meaning = state_of(issues)
        if "NO_PATIENT_CONSENT" in codes:
            return Refused(WITHHELD, _SAYS[WITHHELD])
        if meaning == "unknown person":
            moved = bool(self._asking.practice) and self._asking.practice != self._practice
            return Refused(ELSEWHERE, _SAYS[ELSEWHERE]) if moved else Refused(NOT_GIVEN, _SAYS[NOT_GIVEN])
        if meaning == "withheld":
            return Refused("no answer", "It does not let us ask this.")
        if 200 <= status < 300:
            return Refused("no answer", "It answered that it cannot.")
        raise NoAnswer(refusal(status))

    # --- the way there

    async def _reach(self, interaction: str) -> Reached:
        return await self._spine.sds.find(self._source, self._practice, interaction, until=self._until)

    async def _ask(
        self, reached: Reached, interaction: str, path: str, *, body: bytes = b"", params: Pairs = (), kind: str = FHIR_JSON
    ) -> Answered:
        """Through the Spine Secure Proxy, where there is one: its address before that of the practice."""
        source = self._source
        whole = path if path.startswith(reached.endpoint) else f"{reached.endpoint}/{path}"
        url = URL(f"{source.proxy.rstrip('/')}/{whole}" if source.proxy else whole, encoded=True)
        url = url.with_query(tuple(params)) if params else url
        site = Site(reached.endpoint, ca_file=source.ca_file, certificate_file=source.certificate_file)

        def once() -> Awaitable[Answered]:
            headers = self._headers(reached, interaction)
            common: dict[str, Any] = {"headers": headers, "accept": kind, "until": self._until, "most_bytes": self._bytes_left}
            return self._web.post(site, url, body=body, kind=kind, **common) if body else self._web.get(site, url, **common)

        return await self._patiently(once)

    def _headers(self, reached: Reached, interaction: str) -> Pairs:
        """New for each request, also for a repeat of one."""
        assert self._asking.actor is not None
        now = self._spine.clock.now().timestamp()
        issuer = self._source.client_id
        token = bearer(self._asking.actor, audience=reached.endpoint, asid=self._asid, now=now, issuer=issuer)
        return (
            ("Ssp-TraceID", str(uuid4())),
            ("Ssp-From", self._asid),
            ("Ssp-To", reached.asid),
            ("Ssp-InteractionID", interaction),
            ("Authorization", token),
            ("Cache-Control", "no-store"),
        )


def _warned(state: SectionState, words: str) -> SectionState:
    """A list that says that it is not whole makes its section incomplete, in the words of the practice, shown with it."""
    if not words:
        return state
    says = " ".join(filter(None, (words.rstrip("."), state.says))) if state.state == "incomplete" else words.rstrip(".")
    return replace(state, state="incomplete", says=says) if state.state in _SAYABLE else state


_SAYABLE: Final = frozenset({"live", "not recorded", "none held", "incomplete"})


