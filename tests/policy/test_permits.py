"""A permit is worth something only as policy made it, to the service that it names, for a minute."""

import msgspec
import pytest

from carerecord.app.catalogue import NAMES
from carerecord.contracts.actors import Actor, Attendance, Reason, Role
from carerecord.contracts.consent import OBJECTIONS, Objection, ObjectionsAsked
from carerecord.contracts.permit import Grant, Permit
from carerecord.contracts.policy import MayAsked, UnnamedAsked
from carerecord.contracts.sources import REGISTRY, Registry, RegistryAnswer, RegistryAsked, SharedSection, Source
from carerecord.contracts.sources import Tester as NamedTester
from carerecord.kit import permits
from carerecord.kit.calls import Calls, Direct
from carerecord.kit.clock import SystemClock
from carerecord.kit.errors import NotAcceptable, NotFound, Refused, Unavailable
from carerecord.kit.part import answer
from carerecord.kit.tokens import keys_for
from carerecord.policy.service import Judge
from carerecord.policy.stages import Stages
from tests.policy.test_rules import BOOK

SECRET = b"another secret of a test, 32 byte"
JUDGE_KEYS, RECORDS_KEYS, VIEWER_KEYS = (keys_for(SECRET, each, NAMES, ()) for each in ("policy", "records", "viewer"))
DOCTOR = Actor("https://idp.example", "1", "Dr A", Role("1", "emergency-doctor", "A&E doctor", "R9A", "Aldermoor"))
WANTED = (Grant("elm-bank", "allergies"), Grant("elm-bank", "medicines"), Grant("calder-vale", "medicines"))


class Registrar:
    """The registry of sources, as a test says; `silent` does not answer."""

    def __init__(self, *sources: Source) -> None:
        self.registry, self.silent = Registry("1", sources), False

    async def answer(self, asked: RegistryAsked) -> RegistryAnswer:
        if self.silent:
            raise Unavailable("The sources service does not answer.", service="sources")
        return RegistryAnswer(None if asked.known_version == self.registry.version else self.registry)


def a_judge(*objections: Objection, silent: bool = False, registrar: Registrar | None = None) -> Judge:
    async def said(_: ObjectionsAsked) -> tuple[Objection, ...]:
        if silent:
            raise Unavailable("consent does not answer", service="consent")
        return objections

    takes_part = (registrar or Registrar()).answer
    ways = {"consent": Direct((answer(OBJECTIONS, said),)), "sources": Direct((answer(REGISTRY, takes_part),))}
    calls = Calls("policy", ways)
    return Judge(BOOK, calls, JUDGE_KEYS, SystemClock(), Stages(calls))


def asked(**more: object) -> MayAsked:
    told = {"actor": DOCTOR, "person": ("p1", "p2"), "reason": Reason("direct-care", "Fell at home"), "relationship": "claimed"}
    return MayAsked(**{**told, "wanted": WANTED, "targets": ("records",), **more})  # type: ignore[arg-type]


async def test_a_permit_names_what_is_granted_and_the_rule():
    permit = permits.checked(await a_judge().may(asked()), RECORDS_KEYS)
    assert permit.grants == WANTED
    assert permit.rule == "emergency-doctor/all"


async def test_an_objection_is_obeyed_and_named_under_any_id_of_the_person():
    permit = await a_judge(Objection("o1", "p2", "medicines", source="calder-vale")).may(asked())
    assert permit.grants == WANTED[:2]
    (notice,) = permit.withheld
    assert (notice.source, notice.section, notice.rule, notice.kind) == (
        "calder-vale",
        "medicines",
        "consent/objection",
        "withheld",
    )


async def test_an_objection_to_one_organisation_binds_that_one():
    judge = a_judge(Objection("o1", "p1", "*", organisation="R9F"))
    assert (await judge.may(asked())).grants == WANTED


async def test_an_objection_to_all_leaves_a_permit_that_grants_nothing_and_says_so():
    permit = await a_judge(Objection("o1", "p1", "*")).may(asked())
    assert permit.grants == ()
    assert {each.rule for each in permit.withheld} == {"consent/objection"}


async def test_no_objection_hides_what_protects_somebody():
    wanted = (Grant("aldermoor-council", "safeguarding"), Grant("elm-bank", "medicines"))
    for said in ("*", "safeguarding"):
        permit = await a_judge(Objection("o1", "p1", said)).may(asked(wanted=wanted))
        assert wanted[0] in permit.grants


async def test_while_consent_is_silent_nothing_is_permitted_and_it_says_so():
    with pytest.raises(Unavailable, match="sharing cannot be known"):
        await a_judge(silent=True).may(asked())


async def test_a_claim_without_a_reason_is_asked_for_one():
    with pytest.raises(NotAcceptable) as caught:
        await a_judge().may(asked(reason=Reason("direct-care", ".")))
    assert caught.value.facts == {"rule": "reason/required"}


async def test_an_attendance_of_somebody_else_is_no_relationship():
    shown = Attendance("another user", "p1", "R9A", "aldermoor-emergency", "Emergency department", "", 4e9)
    with pytest.raises(NotAcceptable):
        await a_judge().may(asked(relationship="attending", reason=Reason("direct-care", "", shown)))
    mine = msgspec.structs.replace(shown, actor=DOCTOR.key)
    assert (await a_judge().may(asked(relationship="attending", reason=Reason("direct-care", "", mine)))).grants == WANTED


async def test_who_may_not_see_a_section_is_not_told_that_it_was_hidden():
    receptionist = msgspec.structs.replace(DOCTOR, role=Role("2", "receptionist", "Receptionist", "R9A", "Aldermoor"))
    wanted = (Grant("elm-bank", "appointments"), Grant("elm-bank", "medicines"))
    judge = a_judge(Objection("o1", "p1", "medicines"))
    permit = await judge.may(asked(actor=receptionist, wanted=wanted, reason=Reason("administration", "Booking a scan")))
    assert [(each.section, each.kind) for each in permit.withheld] == [("medicines", "not-permitted")]


async def test_a_section_kept_back_from_every_source_is_told_once():
    permit = await a_judge(Objection("o1", "p1", "medicines")).may(asked())
    assert [(each.source, each.section) for each in permit.withheld] == [("", "medicines")]


async def test_a_protected_person_is_unknown_at_the_front_desk():
    receptionist = msgspec.structs.replace(DOCTOR, role=Role("2", "receptionist", "Receptionist", "R9A", "Aldermoor"))
    with pytest.raises(NotFound, match="There is no such person in the index"):
        await a_judge().may(asked(actor=receptionist, restricted=True))


async def a_permit() -> Permit:
    return await a_judge().may(asked())


async def test_a_permit_with_more_written_into_it_is_refused():
    permit = msgspec.structs.replace(await a_permit(), grants=(*WANTED, Grant("calder-vale", "plans")))
    with pytest.raises(Refused) as caught:
        permits.checked(permit, RECORDS_KEYS)
    assert caught.value.facts == {"rule": "permit/seal"}


async def test_a_permit_for_another_person_is_refused():
    with pytest.raises(Refused):
        permits.checked(msgspec.structs.replace(await a_permit(), person=("p9",)), RECORDS_KEYS)


async def test_a_permit_for_another_service_is_refused():
    with pytest.raises(Refused):
        permits.checked(await a_permit(), VIEWER_KEYS)


async def test_only_policy_can_seal():
    with pytest.raises(KeyError):
        permits.sealed(await a_permit(), RECORDS_KEYS, ("records",))


async def test_a_permit_dies_after_a_minute():
    permit = await a_permit()
    with pytest.raises(Refused) as caught:
        permits.checked(permit, RECORDS_KEYS, now=permit.made_at + permits.LIFE_S + 1)
    assert caught.value.facts == {"rule": "permit/age"}


async def test_with_the_guard_taken_away_the_attack_succeeds(monkeypatch: pytest.MonkeyPatch):
    """So that the tests above are known to test the guard."""
    monkeypatch.setattr(permits, "holds", lambda *_: True)
    forged = msgspec.structs.replace(await a_permit(), person=("p9",))
    assert permits.checked(forged, RECORDS_KEYS).person == ("p9",)


def at_stage(stage: str, *organisations: str, section: str = "medicines") -> Registrar:
    """Calder Vale, with one section at this stage; Elm Bank is open to everyone."""
    sources = []
    for id_ in ("elm-bank", "calder-vale"):
        staged = SharedSection(section, "live", stage if id_ == "calder-vale" else "everyone", organisations)
        others = tuple(SharedSection(each) for each in ("allergies", "medicines") if each != section)
        sources.append(Source(id_, "A99917", id_, id_, "XX", "gp", "fhir_r4", "https://x.example", sections=(staged, *others)))
    return Registrar(*sources)


@pytest.mark.parametrize(
    ("registrar", "granted"),
    [
        (at_stage("off"), WANTED[:2]),
        (at_stage("safety-testers"), WANTED[:2]),
        (at_stage("organisations", "R9F"), WANTED[:2]),
        (at_stage("organisations", "R9F", "R9A"), WANTED),
        (at_stage("everyone"), WANTED),
    ],
)
async def test_what_is_not_open_to_this_actor_is_not_granted(registrar: Registrar, granted: tuple[Grant, ...]):
    permit = await a_judge(registrar=registrar).may(asked())
    assert permit.grants == granted
    closed = [(each.source, each.section, each.rule, each.kind) for each in permit.withheld]
    assert closed == ([] if granted == WANTED else [("calder-vale", "medicines", "stage/not-open", "not-open")])


async def test_a_named_tester_sees_before_others_what_is_being_tested_and_nothing_that_is_off():
    for stage, granted in (("off", WANTED[:2]), ("safety-testers", WANTED), ("organisations", WANTED)):
        registrar = at_stage(stage, "R9F")
        me = NamedTester("a", DOCTOR.name, "R9A", DOCTOR.issuer, DOCTOR.subject)
        registrar.registry = msgspec.structs.replace(registrar.registry, testers=(me,))
        assert (await a_judge(registrar=registrar).may(asked())).grants == granted, stage


async def test_a_role_that_would_not_see_it_anyway_is_not_told_that_it_is_not_switched_on():
    desk = msgspec.structs.replace(DOCTOR, role=Role("1", "receptionist", "Receptionist", "R9A", "Aldermoor"))
    wanted = (Grant("", "demographics"), *WANTED)
    permit = await a_judge(registrar=at_stage("off")).may(asked(actor=desk, wanted=wanted))
    assert {each.kind for each in permit.withheld} == {"not-permitted"}


async def test_what_everybody_wants_of_one_source_that_is_off_is_still_said_of_that_source():
    permit = await a_judge(registrar=at_stage("off")).may(asked(wanted=WANTED[1:]))
    assert [each.source for each in permit.withheld] == ["calder-vale"]


async def test_while_the_registry_is_silent_its_last_word_holds_and_without_one_nothing_is_permitted():
    registrar = at_stage("off")
    judge = a_judge(registrar=registrar)
    await judge.may(asked())
    registrar.silent = True
    assert (await judge.may(asked())).grants == WANTED[:2]
    with pytest.raises(Unavailable, match="switched on for whom cannot be known"):
        await a_judge(registrar=registrar).may(asked())


def with_a_clinic(organisation: str) -> Registrar:
    """A sexual-health clinic beside the sources of `WANTED`."""
    shared = (SharedSection("medicines"), SharedSection("allergies"))
    kinds = (("elm-bank", "gp", "A99917"), ("calder-vale", "mental-health", "R9V"), ("harbour", "sexual-health", organisation))
    return Registrar(
        *(Source(id_, ods, id_, id_, "XX", kind, "fhir_r4", "https://x.example", sections=shared) for id_, kind, ods in kinds)
    )


async def test_of_a_sexual_health_clinic_nobody_is_told_but_its_own_staff():
    wanted = (*WANTED, Grant("harbour", "medicines"))
    permit = await a_judge(registrar=with_a_clinic("R9S")).may(asked(wanted=wanted))
    assert permit.grants == WANTED
    assert permit.withheld == ()
    assert [(each.source, each.rule) for each in permit.unnamed] == [("harbour", "sensitive/sexual-health")]
    own = await a_judge(registrar=with_a_clinic(DOCTOR.organisation)).may(asked(wanted=wanted))
    assert own.grants == wanted
    assert own.unnamed == ()


async def test_the_permit_says_the_same_of_the_clinic_whether_or_not_it_knows_the_person():
    judge = a_judge(registrar=with_a_clinic("R9S"))
    knows, does_not = await judge.may(asked(wanted=(*WANTED, Grant("harbour", "medicines")))), await judge.may(asked())
    assert (knows.grants, knows.withheld, knows.unnamed) == (does_not.grants, does_not.withheld, does_not.unnamed)
    assert await judge.unnamed(UnnamedAsked(DOCTOR)) == ("harbour",)


async def test_an_emergency_is_no_exception():
    permit = await a_judge(registrar=with_a_clinic("R9S")).may(
        asked(wanted=(*WANTED, Grant("harbour", "medicines")), reason=Reason("emergency", "Unconscious"))
    )
    assert "harbour" not in {each.source for each in permit.grants}
