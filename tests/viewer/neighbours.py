"""The services that the viewer asks, as small fakes with a memory, and the viewer built over them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import httpx
from jinja2 import Environment
from msgspec import structs
from starlette.applications import Starlette

from carerecord.contracts import audit, consent, identity, ingest, patients, policy, records, sources
from carerecord.contracts.actors import Actor, Attendance, Role
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.clock import Clock
from carerecord.kit.errors import NotFound, NotSignedIn, Refused
from carerecord.kit.log import log_for
from carerecord.kit.part import answer, answer_stream
from carerecord.pages.rendering import environment
from carerecord.viewer import api
from carerecord.viewer.settings import ViewerSettings
from carerecord.viewer.visit import SESSION_COOKIE, Face
from carerecord.viewer.web import routes
from tests.pages import edges, scenes, wide
from tests.pages.a_record import DOCTOR, NOW
from tests.pages.basic import basic
from tests.viewer import boards


@cache
def _environment() -> Environment:
    """Compiled once for a run."""
    return environment(Path(api.__file__).parent / "templates")


RECORDS: dict[str, Callable[[], records.Record]] = {
    "p-marlow": scenes.edith, "p-singh": scenes.harold, "p-barker": scenes.colin, "p-achebe": scenes.gwendolyn,
    "p-doyle": scenes.leanne, "p-iqbal": scenes.mismatched, "p-edge": edges.everything_at_once, "p-wide": wide.wide,
    "p-basic": basic,
}  # fmt: skip
PEOPLE = {name: make().person for name, make in RECORDS.items()}


def actor(code: str, name: str = "Dr Priya Nair", organisation: str = "R9A") -> Actor:
    return Actor(
        "https://aldermoor.example", code, name, Role(code, code, code.capitalize(), organisation, "Aldermoor Hospitals")
    )


class Stopped:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW


_TAKEN_BACK = ingest.WithdrawnItem(
    5, "Observation", "fenwick-lab", "fenwick", 17, "2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z",
    "withdrawn by its <b>sender</b>",
)


@dataclass
class Neighbours:
    """Everyone that the viewer asks. What they were asked stays in `asked`."""

    actors: dict[str, Actor | None] = field(default_factory=lambda: {"session-1": DOCTOR})
    attending: bool = True
    chunks: dict[str, list[tuple[float, records.Record]]] = field(default_factory=dict)  # seconds before each
    fails: dict[str, Exception] = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)
    may: dict[str, bool] = field(default_factory=dict)
    found: patients.Found | None = None
    decided: tuple[patients.Review, ...] = ()
    pairs: int = 1  # so many wait for review
    said: list[consent.Objection] = field(default_factory=list)  # objections in force
    put_off: list[ingest.PersonWaiting] = field(default_factory=list)  # whom clients wrote and the index did not take over
    unnamed: tuple[str, ...] = ()  # sources of which nobody is told
    restricted: tuple[str, ...] = ()  # ids of people whose whereabouts are protected
    book: audit.Looks | None = None  # what a privacy officer reads; None: one line
    new: records.News = field(default_factory=records.News)  # what has come since any record was opened
    touched: int = 0  # how often a session was kept alive
    closed: int = 0
    address: str = ""

    async def _hear(self, name: str, asked: object) -> None:
        self.asked.append(asked)
        if name in self.fails:
            raise self.fails[name]

    async def session(self, asked: identity.SessionAsked) -> identity.Session:
        self.touched += asked.touch
        if asked.session not in self.actors:
            raise NotSignedIn("Your session has ended.")
        who = self.actors[asked.session]
        roles = (who.role,) if who else (DOCTOR.role, actor("gp").role)
        return identity.Session(asked.session, who.name if who else "Dr", roles, who, "token-" + asked.session, "", "")

    async def providers(self, _: identity.ProvidersAsked) -> tuple[identity.Provider, ...]:
        return (
            identity.Provider("aldermoor", "R9A", "Aldermoor University Hospitals", "https://a.example"),
            identity.Provider("council", "991", "Aldermoor Council", "https://c.example"),
        )

    async def begin(self, asked: identity.BeginAsked) -> identity.Begun:
        await self._hear("begin", asked)
        return identity.Begun("https://a.example/authorize?x=1", "state-1")

    async def finish(self, asked: identity.FinishAsked) -> identity.Finished:
        await self._hear("finish", asked)
        return identity.Finished(await self.session(identity.SessionAsked("session-1")), "/patients/p-marlow/open")

    async def choose(self, asked: identity.ChooseAsked) -> identity.Session:
        await self._hear("choose", asked)
        self.actors[asked.session] = DOCTOR
        return await self.session(identity.SessionAsked(asked.session))

    async def sign_out(self, asked: identity.SessionAsked) -> identity.Ended:
        self.actors.pop(asked.session, None)
        return identity.Ended()

    async def may_do(self, asked: policy.MayDoAsked) -> policy.Decision:
        self.asked.append(asked)
        if asked.restricted and asked.actor.role.code not in ("emergency-doctor", "gp"):
            raise NotFound("Nobody is known by that id.")
        allowed = self.may.get(asked.action, True)
        return policy.Decision(allowed, f"{asked.action}/rule", "Your role may not do this.")

    async def told_nothing_of(self, _: policy.UnnamedAsked) -> tuple[str, ...]:
        return self.unnamed

    async def who(self, asked: patients.WhoAsked) -> patients.Person:
        await self._hear("who", asked)
        if asked.patient not in PEOPLE:
            raise NotFound("Nobody is known by that id.")
        person = PEOPLE[asked.patient]
        if asked.patient in self.restricted:
            return structs.replace(person, demographics=structs.replace(person.demographics, restricted=True))
        return person

    async def search(self, asked: patients.SearchAsked) -> patients.Found:
        await self._hear("search", asked)
        if self.found is not None:
            return self.found
        harold = patients.Match(PEOPLE["p-singh"], 0.97, True, ("family name same", "given name same", "birth date same"))
        weak = patients.Match(PEOPLE["p-barker"], 0.4, False, ("given name near",))
        return patients.Found((harold, weak))

    async def people(self, asked: patients.PeopleAsked) -> tuple[patients.Person, ...]:
        return tuple(PEOPLE[each] for each in asked.patients if each in PEOPLE)

    async def reviews(self, asked: patients.ReviewsAsked) -> tuple[patients.Review, ...]:
        left, right = PEOPLE["p-iqbal"], PEOPLE["p-doyle"]
        if asked.decided:
            return self.decided[asked.skip : asked.skip + asked.most]
        told = (patients.Weighed("birth date", "same", 13.6), patients.Weighed("given name", "differs", -5.0))
        against = ("given name differs",)
        review = patients.Review("r1", left, right, ("birth date same",), against, "2026-11-20T09:00:00Z", bits=8.6, weighed=told)
        every = range(1, self.pairs + 1)
        return tuple(structs.replace(review, id=f"r{place}") for place in every[asked.skip : asked.skip + asked.most])

    async def sever(self, asked: patients.SeverAsked) -> patients.Nothing:
        await self._hear("sever", asked)
        return patients.Nothing()

    async def queue(self, _: patients.QueueAsked) -> patients.Queue:
        return patients.Queue(max(3, self.pairs), "2026-11-20T09:00:00Z", 7200.0, 1, 5, 0)

    async def decide(self, asked: patients.DecideAsked) -> patients.Nothing:
        await self._hear("decide", asked)
        return patients.Nothing()

    async def undo(self, asked: patients.UndoAsked) -> patients.Nothing:
        await self._hear("undo", asked)
        return patients.Nothing()

    async def attends(self, asked: records.AttendingAsked) -> records.Attending:
        await self._hear("attending", asked)
        if not self.attending:
            return records.Attending()
        seen = Attendance(asked.actor.key, asked.patient, "R9A", "aldermoor-emergency", "Emergency department",
                          "2026-11-22T13:20:00Z", 0.0)  # fmt: skip
        return records.Attending(seen)

    async def open(self, asked: records.OpenAsked) -> AsyncIterator[records.Record]:
        await self._hear("open", asked)
        if asked.patient not in RECORDS:
            raise NotFound("Nobody is known by that id.")
        if asked.actor.role.code == "receptionist":
            yield scenes.receptionist()
            return
        try:
            for wait_s, chunk in self.chunks.get(asked.patient) or [(0.0, RECORDS[asked.patient]())]:
                await asyncio.sleep(wait_s)
                yield chunk
        finally:
            self.closed += 1

    async def again(self, asked: records.AgainAsked) -> AsyncIterator[records.Record]:
        await self._hear("again", asked)
        yield scenes.edith(gp=True, opening="o-edith-2") if asked.patient == "p-marlow" else RECORDS[asked.patient]()

    async def expand(self, asked: records.ExpandAsked) -> records.Expanded:
        await self._hear("expand", asked)
        if asked.document:
            return records.Expanded("{}", "2026-11-22T14:02:07Z", "Elm Bank", b"<script>letter</script>", "text/html")
        return records.Expanded(
            '{\n  "resourceType": "Observation",\n  "note": "<script>"\n}', "2026-11-22T14:02:07Z", "Elm Bank"
        )

    async def news(self, asked: records.NewsAsked) -> records.News:
        await self._hear("news", asked)
        return self.new

    async def counts(self, _: records.CountsAsked) -> tuple[records.TypeCount, ...]:
        return (records.TypeCount("elm-bank", "Observation", 15, 14, 1),)

    async def registry(self, _: sources.RegistryAsked) -> sources.RegistryAnswer:
        shared = tuple(sources.SharedSection(each) for each in ("allergies", "medicines", "plans"))
        one = sources.Source("elm-bank", "A99917", "Elm Bank Surgery", "Elm Bank Surgery", "GP", "gp", "fhir_r4",
                             "http://x.example", sections=shared)  # fmt: skip
        return sources.RegistryAnswer(sources.Registry("1", (one,), problems=("east.toml: a table has no name",)))

    async def probe(self, asked: sources.ProbeAsked) -> sources.Probe:
        await self._hear("probe", asked)
        checks = (sources.Check("connect", True, "answered"), sources.Check("allergies", False, "The certificate has expired."))
        return sources.Probe(asked.source, False, checks)

    async def board(self, _: sources.BoardAsked) -> sources.Board:
        return boards.BOARD

    async def stage(self, asked: sources.StageAsked) -> sources.Staged:
        await self._hear("stage", asked)
        return sources.Staged(asked.source, ())

    async def enrol(self, asked: ingest.EnrolSourceAsked) -> ingest.Enrolment:
        await self._hear("enrol", asked)
        return ingest.Enrolment(asked.source, "running")

    async def messages(self, asked: ingest.MessagesAsked) -> ingest.MessageQueue:
        await self._hear("messages", asked)
        stuck = ingest.StuckMessage(17, "fenwick-pas", "ADT^A01", "parked", "No <b>number</b>.", 3, "2026-11-22T09:00:00Z")
        says = "Nothing for 2 hours."
        pas = ingest.SenderState("fenwick-pas", "Fenwick PAS", "fenwick", 1, "2026-11-22T09:00:00Z", 40, True, says)
        return ingest.MessageQueue("2026-11-22T11:00:00Z", 12, "2026-11-22T10:59:00Z", 1, (stuck,), (pas,), False, 2575, True)

    async def message(self, asked: ingest.MessageAsked) -> ingest.MessageShown:
        await self._hear("message", asked)
        text = "MSH|^~\\&|PAS\nPID|1||M1||<script>alert(1)</script>"
        return ingest.MessageShown(asked.id, "fenwick-pas", "ADT^A01", "2026-11-22T09:00:00Z", text, "parked", "No number.")

    async def withdrawn(self, asked: ingest.WithdrawnAsked) -> ingest.WithdrawnItems:
        await self._hear("withdrawn", asked)
        return ingest.WithdrawnItems((_TAKEN_BACK,))

    async def seen_by(self, asked: ingest.SeenByAsked) -> ingest.SeenBy:
        await self._hear("seen-by", asked)
        return ingest.SeenBy(_TAKEN_BACK, (await self.looks(audit.LooksAsked())).lines, "2026-11-22T14:02:00Z")

    async def people_waiting(self, asked: ingest.PeopleWaitingAsked) -> ingest.PeopleWaiting:
        await self._hear("people-waiting", asked)
        return ingest.PeopleWaiting(len(self.put_off), tuple(self.put_off))

    async def mend(
        self, asked: ingest.ReplayAsked | ingest.DiscardAsked | ingest.PeopleAgainAsked | ingest.LeavePersonAsked
    ) -> ingest.QueueChanged:
        await self._hear("mend", asked)
        return ingest.QueueChanged(1)

    async def enrolments(self, _: ingest.EnrolmentsAsked) -> tuple[ingest.Enrolment, ...]:
        return (ingest.Enrolment("elm-bank", "done", 300, 290, 8, 0, 0, 2, 12, ended_at="2026-11-22T13:00:00Z"),)

    async def objections(self, asked: consent.ObjectionsAsked) -> tuple[consent.Objection, ...]:
        await self._hear("objections", asked)
        return tuple(each for each in self.said if each.patient in asked.person)

    async def object(self, asked: consent.ObjectAsked) -> consent.Objection:
        await self._hear("object", asked)
        made = consent.Objection(
            f"o{len(self.said)}", asked.patient, asked.section, asked.source, asked.organisation, "2026-11-22T14:02:00Z"
        )
        self.said.append(made)
        return made

    async def withdraw(self, asked: consent.WithdrawAsked) -> consent.Objection:
        await self._hear("withdraw", asked)
        gone = next(each for each in self.said if each.id == asked.objection)
        self.said.remove(gone)
        return gone

    async def looks(self, asked: audit.LooksAsked) -> audit.Looks:
        await self._hear("looks", asked)
        line = audit.Line("l1", "2026-11-22T14:02:07Z", "record-opened", "records", DOCTOR, ("p-marlow",), "direct-care", "fell")
        return self.book or audit.Looks((line,), "2026-11-22T14:02:00Z")

    async def aliases(self, asked: records.AliasesAsked) -> records.Aliases:
        await self._hear("aliases", asked)
        return records.Aliases((asked.patient,), ("k1",))

    async def verify(self, _: audit.VerifyAsked) -> audit.Verified:
        return audit.Verified(41, True, says="Checked against its checkpoints.")

    def calls(self) -> Calls:
        answers = [
            answer(identity.SESSION, self.session), answer(identity.PROVIDERS, self.providers),
            answer(identity.BEGIN, self.begin), answer(identity.FINISH, self.finish), answer(identity.CHOOSE, self.choose),
            answer(identity.SIGN_OUT, self.sign_out), answer(policy.MAY_DO, self.may_do),
            answer(policy.UNNAMED, self.told_nothing_of), answer(patients.WHO, self.who),
            answer(patients.SEARCH, self.search), answer(patients.PEOPLE, self.people), answer(patients.REVIEWS, self.reviews),
            answer(patients.DECIDE, self.decide), answer(patients.UNDO, self.undo), answer(patients.QUEUE, self.queue),
            answer(patients.SEVER, self.sever),
            answer(records.ATTENDING, self.attends), answer(records.EXPAND, self.expand),
            answer(records.NEWS, self.news), answer(records.ALIASES, self.aliases),
            answer(records.COUNTS, self.counts), answer_stream(records.OPEN, self.open),
            answer_stream(records.AGAIN, self.again), answer(sources.REGISTRY, self.registry),
            answer(sources.PROBE, self.probe), answer(sources.BOARD, self.board), answer(sources.STAGE, self.stage),
            answer(ingest.ENROL_SOURCE, self.enrol),
            answer(ingest.MESSAGES, self.messages), answer(ingest.MESSAGE, self.message),
            answer(ingest.WITHDRAWN, self.withdrawn), answer(ingest.SEEN_BY, self.seen_by),
            answer(ingest.REPLAY, self.mend), answer(ingest.DISCARD, self.mend),
            answer(ingest.PEOPLE_WAITING, self.people_waiting), answer(ingest.PEOPLE_AGAIN, self.mend),
            answer(ingest.LEAVE_PERSON, self.mend),
            answer(ingest.ENROLMENTS, self.enrolments), answer(audit.LOOKS, self.looks), answer(audit.VERIFY, self.verify),
            answer(consent.OBJECTIONS, self.objections), answer(consent.OBJECT, self.object),
            answer(consent.WITHDRAW, self.withdraw),
        ]  # fmt: skip
        everybody = Direct(answers, log=log_for("neighbours"), round_trip=True)
        return Calls("viewer", {each.question.service: everybody for each in answers})

    def app(self, clock: Clock | None = None) -> Starlette:
        face = Face(
            self.calls(), _environment(), clock or Stopped(), log_for("viewer"), ViewerSettings(), b"k" * 32, self.address
        )  # fmt: skip
        return Starlette(routes=list(routes(face)))

    def browser(self, session: str = "session-1") -> httpx.AsyncClient:
        """A browser that is signed in."""
        client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app()), base_url="http://front.test")
        if session:
            client.cookies.set(SESSION_COOKIE, session)
        return client


REFUSED = Refused("Your role opens no record.", rule="privacy-officer/book-only")
