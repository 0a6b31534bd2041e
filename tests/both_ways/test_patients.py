"""Patients and ingest answer the same in process and over a socket."""

import msgspec

from carerecord.contracts.ingest import (
    DISCARD,
    ENROL_SOURCE,
    ENROLMENTS,
    LEAVE_PERSON,
    MESSAGE,
    MESSAGES,
    PEOPLE_AGAIN,
    PEOPLE_WAITING,
    RECEIVE,
    REPLAY,
    SEEN_BY,
    TRY,
    WITHDRAWN,
    DiscardAsked,
    EnrolmentsAsked,
    EnrolSourceAsked,
    LeavePersonAsked,
    MessageAsked,
    MessagesAsked,
    PeopleAgainAsked,
    PeopleWaitingAsked,
    ReceiveAsked,
    ReplayAsked,
    SeenByAsked,
    TryAsked,
    WithdrawnAsked,
)
from carerecord.contracts.locator import LEARN
from carerecord.contracts.patients import (
    DEATHS,
    DECIDE,
    ENROL,
    ENTRIES,
    INSTRUCT,
    KNOWN_AS,
    LINEAGE,
    MATCH,
    PART,
    PEOPLE,
    QUEUE,
    RESTRICTED,
    REVIEWS,
    SEARCH,
    SEVER,
    TAKE,
    TRACED,
    UNDO,
    WHO,
    Claim,
    DeathsAsked,
    DecideAsked,
    EnrolAsked,
    Enrolled,
    Identifier,
    InstructAsked,
    Instruction,
    KnownAsAsked,
    LineageAsked,
    MatchAsked,
    PartAsked,
    PeopleAsked,
    QueueAsked,
    Review,
    ReviewsAsked,
    SearchAsked,
    SeverAsked,
    TakeAsked,
    Taken,
    TracedAsked,
    UndoAsked,
    WhoAsked,
)
from carerecord.contracts.restricted import EntriesAsked, RestrictedAsked
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, Source
from carerecord.fhir.patient_ids import PatientIds
from carerecord.ingest import api as ingest
from carerecord.kit.calls import Direct
from carerecord.kit.part import Part, answer
from carerecord.locator.service import Locator
from carerecord.patients import api as patients
from tests.both_ways.supplies import supplies_for
from tests.both_ways.ways import Said, agree
from tests.patients.people import DR_NAIR, At, nhs, stated

TWO = EnrolAsked((stated("a", "1", number=nhs(1)), stated("b", "1", given="Enid", number=nhs(1))))


def enrolled(answers: list[Said]) -> tuple[Enrolled, ...]:
    return msgspec.json.decode(answers[0].chunks[0], type=tuple[Enrolled, ...])


def review(answers: list[Said]) -> str:
    return msgspec.json.decode(answers[1].chunks[0], type=tuple[Review, ...])[0].id


async def test_patients(service_database, tmp_path):
    async def make(_) -> Part:
        return patients.build(supplies_for("patients", await service_database("patients"), data_dir=tmp_path))

    answers = await agree(
        make,
        [
            (ENROL, TWO),
            (REVIEWS, ReviewsAsked()),
            (DECIDE, lambda said: DecideAsked(review(said), same=True, actor=DR_NAIR)),
            (WHO, lambda said: WhoAsked(enrolled(said)[0].patient)),
            (PART, lambda said: PartAsked(enrolled(said)[1].patient, actor=DR_NAIR)),
            (PEOPLE, lambda said: PeopleAsked(tuple(each.patient for each in enrolled(said)))),
            (TRACED, lambda said: TracedAsked(enrolled(said)[1].patient, "not-found")),
            (SEARCH, SearchAsked("enid marlow 14 March 1948", actor=DR_NAIR)),
            (SEARCH, SearchAsked(nhs(2), actor=DR_NAIR)),
            (SEARCH, SearchAsked("edith marlow")),
            (WHO, WhoAsked("nobody")),
            (TRACED, TracedAsked("nobody", "not-found")),
            (PART, PartAsked("nobody")),
            (REVIEWS, ReviewsAsked(decided=True)),
            (UNDO, lambda said: UndoAsked(review(said), actor=DR_NAIR)),
            (UNDO, UndoAsked("none", actor=DR_NAIR)),
            (ENTRIES, lambda said: EntriesAsked(enrolled(said)[0].patient)),
        ],
    )
    assert [each.error for each in answers[9:13]] == ["NotSignedIn", "NotFound", "NotFound", "NotSignedIn"]
    assert [each.error for each in answers[13:]] == ["", "", "NotFound", ""]


async def test_matching_claims_and_instructions(service_database, tmp_path):
    async def make(_) -> Part:
        return patients.build(supplies_for("patients", await service_database("patients"), data_dir=tmp_path))

    first, second = Claim(stated("a", "1", number=nhs(1), local="L1")), Claim(stated("a", "2", given="Enid"))
    claims = TakeAsked((first, second, Claim(stated("a", ""))))
    merge = Instruction("merge", "a", "2", "a", "1")

    def taken(said: list[Said]) -> tuple[Taken, ...]:
        return msgspec.json.decode(said[0].chunks[0], type=tuple[Taken, ...])

    answers = await agree(
        make,
        [
            (TAKE, claims),
            (MATCH, MatchAsked(stated("", "", number=nhs(1)))),
            (KNOWN_AS, KnownAsAsked("https://a.test/Id", "L1")),
            (DEATHS, DeathsAsked(((Identifier("https://a.test/Id", "L1"),), ()))),
            (INSTRUCT, InstructAsked((merge, Instruction("merge", "a", "9", "a", "1")))),
            (LINEAGE, lambda said: LineageAsked(taken(said)[1].patient)),
            (QUEUE, QueueAsked()),
            (RESTRICTED, RestrictedAsked()),
            (SEVER, SeverAsked(nhs(1), nhs(2), actor=DR_NAIR)),
            (TAKE, TakeAsked((Claim(stated("a", "1"), recorded="yesterday"),))),
            (KNOWN_AS, KnownAsAsked("https://a.test/Id", "L9")),
            (INSTRUCT, InstructAsked((Instruction("swap", "a", "2", "a", "1"),))),
            (LINEAGE, LineageAsked("nobody")),
            (SEVER, SeverAsked(nhs(1), nhs(2))),
        ],
    )
    assert [each.error for each in answers[:9]] == [""] * 9
    assert [each.error for each in answers[9:]] == ["NotUnderstood", "NotFound", "NotUnderstood", "NotFound", "NotSignedIn"]


async def test_ingest(service_database, tmp_path):
    known = Source("elm-bank", "A99917", "Elm Bank", "Elm Bank", "GP", "gp", "fhir_r4", "http://127.0.0.1:9/fhir")

    async def registry(_) -> RegistryAnswer:
        return RegistryAnswer(Registry("1", (known,)))

    async def make(_) -> Part:
        locator = Locator((await service_database("locator")).pool, At(), PatientIds(b"k"))
        ways = {"sources": Direct([answer(REGISTRY, registry)]), "locator": Direct([answer(LEARN, locator.learn)])}
        database = await service_database("ingest")
        return ingest.build(supplies_for("ingest", database, data_dir=tmp_path, ways=ways))

    answers = await agree(
        make,
        [
            (ENROL_SOURCE, EnrolSourceAsked("elm-bank", actor=DR_NAIR)),
            (ENROLMENTS, EnrolmentsAsked()),
            (ENROL_SOURCE, EnrolSourceAsked("nobody")),
            (MESSAGES, MessagesAsked()),
            (MESSAGE, MessageAsked(1)),
            (REPLAY, ReplayAsked(everything=True)),
            (DISCARD, DiscardAsked(1, "It was a test.")),
            (TRY, TryAsked("aGVsbG8=", "nobody")),
            (RECEIVE, ReceiveAsked(("aGVsbG8=",), "nobody")),
            (RECEIVE, ReceiveAsked(("aGVsbG8=",), client="app")),
            (WITHDRAWN, WithdrawnAsked()),
            (SEEN_BY, SeenByAsked(1, "Why", DR_NAIR)),
            (SEEN_BY, SeenByAsked(1, "")),
            (PEOPLE_WAITING, PeopleWaitingAsked()),
            (PEOPLE_AGAIN, PeopleAgainAsked(everybody=True, actor=DR_NAIR)),
            (PEOPLE_AGAIN, PeopleAgainAsked("p1")),
            (LEAVE_PERSON, LeavePersonAsked("p1", "", DR_NAIR)),
            (LEAVE_PERSON, LeavePersonAsked("p1", "It was a test.", DR_NAIR)),
        ],
    )
    assert b'"waiting"' in answers[0].chunks[0]
    told = ["NotFound", "", "NotFound", "", "NotFound", "NotAcceptable", "NotFound", "Refused", "", "NotFound", "NotUnderstood"]
    told += ["", "", "NotFound", "NotUnderstood", "NotFound"]
    assert [each.error for each in answers[2:]] == told
