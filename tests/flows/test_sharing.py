"""What a person has said about sharing is obeyed from the next opening, in every place of it, and is a line of the book."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from carerecord.app.nats import NatsServer
from carerecord.app.postgres import Cluster
from carerecord.contracts.actors import Reason
from carerecord.contracts.audit import LOOKS, Line, LooksAsked
from carerecord.contracts.consent import OBJECT, OBJECTIONS, WITHDRAW, ObjectAsked, Objection, ObjectionsAsked, WithdrawAsked
from carerecord.contracts.patients import Person
from carerecord.contracts.policy import MAY_DO, MayDoAsked
from carerecord.contracts.records import AGAIN, EXPAND, AgainAsked, ExpandAsked, Record, SectionState
from carerecord.kit.errors import CareRecordError, NotFound, Refused
from carerecord.kit.question import encode
from tests.flows.a_house import DR_NAIR, EMERGENCY, Whole, a_whole_house, an_actor

pytestmark = [pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]
LEANNE, MIND = "leanne-doyle", "calder-vale"
GP = an_actor("gp", "A99920", "0042")
RULE = "consent/objection"
MEDICINE_TYPES = {"MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_house(cluster: Cluster, nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    async with a_whole_house(cluster, tmp_path_factory.mktemp("sharing"), nats_url=nats.url) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def whole(one_house: Whole) -> AsyncIterator[Whole]:
    """The house of this file, nothing asked yet; what a test hides is shown again after it."""
    for server in one_house.servers.values():
        server.reset()
        server.asked.clear()
    yield one_house
    for person in (LEANNE, "harold-singh"):
        ids = (await one_house.find(person)).ids
        for each in await one_house.calls.ask(OBJECTIONS, ObjectionsAsked(ids)):
            await one_house.calls.ask(WITHDRAW, WithdrawAsked(GP, each.id))


async def hide(whole: Whole, section: str, source: str = "", *, organisation: str = "", person: str = LEANNE) -> Objection:
    patient = (await whole.find(person)).patient
    return await whole.calls.ask(OBJECT, ObjectAsked(GP, patient, section, source, organisation))


async def opened(whole: Whole, person: str = LEANNE) -> Record:
    return (await whole.open(person))[-1]


def state(record: Record, source: str, section: str) -> SectionState:
    (found,) = (each for each in record.states if each.source == source)
    return next(each for each in found.sections if each.section == section)


def keys(record: Record, source: str, section: str) -> list[str]:
    entries = next(each for each in record.sections if each.id == section).entries
    return [each.key for each in entries if source in {origin.source for origin in each.origins}]


def types_asked(whole: Whole, source: str) -> set[str]:
    return {each.path.split("/fhir/")[-1].split("/")[0].split("?")[0] for each in whole.servers[source].asked}


async def lines(whole: Whole, person: Person, what: str) -> list[Line]:
    for _ in range(150):
        looks = await whole.calls.ask(LOOKS, LooksAsked(person=person.ids))
        if found := [line for line in looks.lines if line.what == what]:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"the book has no line {what}")


async def test_what_was_said_is_obeyed_at_the_very_next_opening_and_named_with_its_rule(whole: Whole):
    before = await opened(whole)
    assert keys(before, MIND, "medicines"), "the scene rests on it"
    whole.servers[MIND].asked.clear()
    await hide(whole, "medicines", MIND)
    record = await opened(whole)
    assert keys(record, MIND, "medicines") == []
    assert state(record, MIND, "medicines").state == "withheld"
    (told,) = (each for each in record.withheld if each.rule == RULE)
    assert (told.source, told.section, told.kind) == (MIND, "medicines", "withheld")
    assert types_asked(whole, MIND).isdisjoint(MEDICINE_TYPES), "what may not be seen is not fetched"
    assert types_asked(whole, MIND), "its other sections are"


async def test_other_sources_and_other_sections_are_shown_as_before(whole: Whole):
    before = await opened(whole)
    await hide(whole, "medicines", MIND)
    record = await opened(whole)
    assert keys(record, "quayside", "medicines") == keys(before, "quayside", "medicines")
    assert sorted(keys(record, MIND, "plans")) == sorted(keys(before, MIND, "plans"))


async def test_no_count_trend_group_or_attention_speaks_of_what_is_hidden(whole: Whole):
    before = await opened(whole)
    hidden = keys(before, MIND, "medicines")
    await hide(whole, "medicines", MIND)
    record = await opened(whole)
    text = encode(record).decode()
    assert not [key for key in hidden if key in text]
    assert state(record, MIND, "medicines").count == state(record, MIND, "medicines").sent == 0
    count, sent = ({each.source: (each.count, each.sent) for each in shown.states}[MIND] for shown in (before, record))
    assert sent[0] == count[0] - len(hidden)
    assert sent[1] < count[1]
    spoken = [f"{each.title} {each.says}" for each in record.attention]
    spoken += [f"{group.title} {group.says}" for section in record.sections for group in section.groups]
    spoken += [trend.title for section in record.sections for trend in section.trends]
    assert not [each for each in spoken if "lozapine" in each]
    tallies = {name: told for name, *told in record.tally}
    assert tallies["MedicationRequest"][0] < {name: told for name, *told in before.tally}["MedicationRequest"][0]


async def test_hidden_as_a_whole_a_source_leaves_no_word_of_it_in_the_record(whole: Whole):
    assert "lozapine" in encode(await opened(whole)).decode()
    whole.servers[MIND].asked.clear()
    await hide(whole, "*", MIND)
    record = await opened(whole)
    assert "lozapine" not in encode(record).decode()
    # No objection hides what protects somebody: its flags are asked for, and nothing else.
    assert {asked.path.split("/")[2] for asked in whole.servers[MIND].asked} <= {"Patient", "Flag"}
    states = {each.source: each for each in record.states}
    assert {each.state for each in states[MIND].sections if each.section != "safeguarding"} <= {"withheld", "not shared"}
    assert states[MIND].count == 0


async def test_while_allergies_are_hidden_the_title_is_unavailable_and_never_none_known(whole: Whole):
    assert (await opened(whole)).allergies.title == "No known allergies"
    await hide(whole, "allergies")
    first, *_ = chunks = await whole.open(LEANNE)
    for record in (first, chunks[-1]):
        assert record.allergies.title == "Allergies unavailable"
        assert record.allergies.substances == ()
        assert not [key for source in whole.servers for key in keys(record, source, "allergies")]


async def test_an_allergy_that_is_hidden_is_named_nowhere(whole: Whole):
    before = await opened(whole, "harold-singh")
    await hide(whole, "*", person="harold-singh")
    record = await opened(whole, "harold-singh")
    assert record.allergies.title == "Allergies unavailable"
    assert not [each for section in record.sections for each in section.entries]
    text = encode(record).decode()
    titles = {entry.facts.title for section in before.sections for entry in section.entries if section.id != "demographics"}
    assert titles
    assert not [title for title in titles if len(title) > 8 and title in text]
    assert {each.state for each in record.plans} == {"unavailable"}


async def test_asking_again_obeys_what_was_said_since_the_opening(whole: Whole):
    before = await opened(whole)
    hidden = keys(before, MIND, "medicines")
    await hide(whole, "medicines", MIND)
    for source in ("aldermoor-emergency", MIND):
        whole.servers[MIND].asked.clear()
        asked = AgainAsked(DR_NAIR, before.person.patient, EMERGENCY, source, before.opening)
        record = [chunk async for chunk in whole.calls.stream(AGAIN, asked)][-1]
        text = encode(record).decode()
        assert not [key for key in hidden if key in text], f"asking {source} again showed it"
        assert RULE in {each.rule for each in record.withheld}
        assert types_asked(whole, MIND).isdisjoint(MEDICINE_TYPES)


async def test_an_item_that_was_hidden_since_is_not_read_as_sent(whole: Whole):
    before = await opened(whole)
    source, kind, id_ = keys(before, MIND, "medicines")[0].split("/")
    asked = ExpandAsked(DR_NAIR, before.person.patient, EMERGENCY, source, kind, id_)
    assert "lozapine" in (await whole.calls.ask(EXPAND, asked)).body
    await hide(whole, "medicines", MIND)
    whole.servers[MIND].asked.clear()
    with pytest.raises(Refused) as caught:
        await whole.calls.ask(EXPAND, asked)
    assert caught.value.facts["rule"] == RULE
    assert whole.servers[MIND].asked == [], "nor is it fetched"


async def test_to_a_role_that_never_sees_it_an_item_is_not_there_whether_it_is_or_not(whole: Whole):
    before = await opened(whole)
    source, kind, id_ = keys(before, MIND, "medicines")[0].split("/")
    desk, why = an_actor("receptionist"), Reason("administration", "Booking")
    said = []
    for each in (id_, "no-such-item"):
        with pytest.raises(CareRecordError) as caught:
            await whole.calls.ask(EXPAND, ExpandAsked(desk, before.person.patient, why, source, kind, each))
        said.append((type(caught.value), caught.value.says, caught.value.facts))
    assert said[0] == said[1]


async def test_a_receptionist_is_not_told_that_something_was_hidden(whole: Whole):
    async def at_the_desk() -> Record:
        return (await whole.open(LEANNE, an_actor("receptionist"), Reason("administration", "Booking")))[-1]

    before = await at_the_desk()
    await hide(whole, "medicines", MIND)
    await hide(whole, "*", MIND)
    await hide(whole, "allergies")
    record = await at_the_desk()
    clinical = {"medicines", "allergies", "plans", "documents", "problems"}
    assert [each for each in record.withheld if each.section in clinical] == [
        each for each in before.withheld if each.section in clinical
    ]
    assert not [each for each in record.withheld if each.rule == RULE and each.section not in ("appointments", "adjustments")]


async def test_an_objection_to_one_organisation_is_obeyed_for_that_one_alone(whole: Whole):
    await hide(whole, "medicines", MIND, organisation="R9A")
    assert keys(await opened(whole), MIND, "medicines") == []
    elsewhere = an_actor("gp", "A99920", "0043")
    record = (await whole.open(LEANNE, elsewhere, Reason("direct-care", "Telephone advice")))[-1]
    assert keys(record, MIND, "medicines")


async def test_withdrawn_it_is_shown_again(whole: Whole):
    said = await hide(whole, "medicines", MIND)
    assert keys(await opened(whole), MIND, "medicines") == []
    await whole.calls.ask(WITHDRAW, WithdrawAsked(GP, said.id))
    record = await opened(whole)
    assert keys(record, MIND, "medicines")
    assert RULE not in {each.rule for each in record.withheld}


async def test_making_reading_and_withdrawing_are_lines_of_the_book(whole: Whole):
    person = await whole.find(LEANNE)
    said = await hide(whole, "medicines", MIND)
    await whole.calls.ask(OBJECTIONS, ObjectionsAsked(person.ids, GP))
    await whole.calls.ask(WITHDRAW, WithdrawAsked(GP, said.id))
    for what in ("objection-made", "objections-read", "objection-withdrawn"):
        line = (await lines(whole, person, what))[0]
        assert line.actor is not None
        assert line.actor.key == GP.key
        assert set(line.patients) <= set(person.ids)
    made = (await lines(whole, person, "objection-made"))[0]
    assert (made.sections, made.sources) == (("medicines",), (MIND,))


@pytest.mark.parametrize(
    ("role", "known"), [("emergency-doctor", True), ("gp", True), ("receptionist", False), ("administrator", False)]
)
async def test_who_is_restricted_is_unknown_to_those_who_do_not_treat(whole: Whole, role: str, known: bool):
    asked = MayDoAsked(an_actor(role), "open", restricted=True)
    if known:
        assert (await whole.calls.ask(MAY_DO, asked)).allowed
    else:
        with pytest.raises(NotFound, match="There is no such person in the index"):
            await whole.calls.ask(MAY_DO, asked)
