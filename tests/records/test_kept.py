"""How a source takes part decides what is read: it is asked, its copy is read, or both; and a copy is never shown as current."""

from typing import Any

import pytest
from msgspec.structs import replace

from carerecord.connectors.reply import Reply
from carerecord.contracts.holdings import KeptEntry, RecordAsked
from carerecord.contracts.locator import Pointer
from carerecord.contracts.patients import SourcePatient, WhoAsked
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import AttendingAsked, ExpandAsked, Record, SectionState
from carerecord.contracts.sources import SharedSection
from carerecord.kit.clock import stamp
from carerecord.kit.errors import NotFound, Refused
from carerecord.records.kept import together
from carerecord.region.servers.habits import Habit
from tests.records.a_desk import (
    CARE,
    DR_NAIR,
    EDITH,
    WARD,
    World,
    a_world,
    allergy,
    chart,
    no_known_allergies,
    patient,
    patient_id,
    problem,
    section,
    serving,
    state,
    titles,
)
from tests.records.facts import a_source

HERE = patient_id("trust", "t1")
CAME_AT = "2026-11-01T09:30:00Z"


def arranged(world: World, arrangement: str, source: str = "trust", *sections: str, **more: Any) -> None:
    """The registry says that the source takes part so, with these sections or with all."""
    shared = tuple(SharedSection(each, arrangement if not sections or each in sections else "live") for each in WARD)
    world.change(source, sections=shared, **more)


def a_trust(*resources: Any) -> Any:
    return serving("trust", chart("t1", *resources))


def asked_of_holdings(world: World) -> list[RecordAsked]:
    return [each for each in world.neighbours.asked if isinstance(each, RecordAsked)]


def said(record: Record, name: str, source: str = "trust") -> tuple[str, str, str]:
    found = next(each for each in state(record, source).sections if each.section == name)
    return found.state, found.kept, found.as_at


async def test_a_source_that_is_a_copy_is_not_asked_and_says_as_at_when():
    async with a_world(a_trust(problem("c1", "t1", "Live asthma"))) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"))}
        record = await world.last()
        assert world.servers["trust"].asked == []

    assert titles(record, "problems") == ["Kept asthma"]
    trust = state(record, "trust")
    assert (trust.state, trust.kept, trust.copy_at) == ("copy", "copy", CAME_AT)
    assert said(record, "problems") == ("copy", "copy", CAME_AT)
    assert said(record, "allergies") == ("not recorded", "copy", CAME_AT)
    origin = section(record, "problems").entries[0].origin
    assert (origin.kept, origin.came_at) == ("copy", CAME_AT)
    assert origin.fetched_at > CAME_AT, "when it was read is another time than when it came"
    assert origin.recorded == "", "that it came here is no sign that it was changed then"


async def test_live_wins_while_the_source_answers_and_nothing_of_its_copy_is_shown():
    async with a_world(a_trust(problem("c1", "t1", "Live asthma"))) as world:
        arranged(world, "both")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"), allergy("k2", HERE))}
        record = await world.last()

    assert titles(record, "problems") == ["Live asthma"]
    assert titles(record, "allergies") == [], "the source says that it has none now: an old copy does not contradict it"
    assert (state(record, "trust").state, state(record, "trust").kept) == ("live", "")


async def test_the_copy_of_a_silent_source_answers_as_a_copy_and_counts_as_a_gap():
    async with a_world(a_trust(), serving("gp", chart("g1", no_known_allergies("n1", "g1")))) as world:
        arranged(world, "both")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"), allergy("k2", HERE, "Latex"))}
        await world.servers["trust"].listener.refuse()
        record = await world.last()

    assert titles(record, "problems") == ["Kept asthma"]
    trust = state(record, "trust")
    assert (trust.state, trust.kept, trust.copy_at) == ("out of date", "copy", CAME_AT)
    assert said(record, "problems") == ("out of date", "copy", CAME_AT)
    assert said(record, "medicines")[0] == "no answer", "an empty copy is no answer to what is in use now"
    assert "trust" in section(record, "problems").missing
    assert any(each.rule == "gap/source" and each.source == "trust" for each in record.attention)
    assert (record.allergies.title, record.allergies.incomplete) == ("Known allergies", True)


async def test_while_a_source_is_waited_for_its_copy_is_shown_and_its_answer_takes_the_copys_place():
    gp = serving("gp", chart("g1", problem("c9", "g1", "Gout")))
    async with a_world(a_trust(problem("c1", "t1", "Live asthma")), gp, first_paint_s=1.0) as world:
        arranged(world, "both")
        old = (problem("k1", HERE, "Kept asthma"), problem("k2", HERE, "Withdrawn since"), no_known_allergies("k3", HERE))
        world.neighbours.kept = {"trust": (patient(HERE), *old)}
        world.servers["trust"].set(Habit("slow", seconds=2.5))
        first, *_, last = await world.open()

    assert {"Kept asthma", "Withdrawn since"} <= set(titles(first, "problems"))
    assert (state(first, "trust").state, state(first, "trust").kept) == ("loading", "copy")
    assert said(first, "problems")[0] == "loading"
    assert "trust" in section(first, "problems").missing
    assert first.allergies.title == "Allergies unavailable", "a copy does not speak for a source that is still loading"
    assert not first.complete
    assert sorted(titles(last, "problems")) == ["Gout", "Live asthma"], "live wins, and nothing of the copy is left"
    assert (state(last, "trust").state, state(last, "trust").kept) == ("live", "")
    assert titles(last, "allergies") == []
    assert last.complete


async def test_no_known_allergies_in_the_copy_of_a_silent_source_is_not_said_of_the_person():
    async with a_world(a_trust()) as world:
        arranged(world, "both")
        world.neighbours.kept = {"trust": (patient(HERE), no_known_allergies("k1", HERE))}
        await world.servers["trust"].listener.refuse()
        record = await world.last()

    assert record.allergies.title == "Allergies unavailable"
    assert "copy" in record.allergies.says


async def test_what_is_kept_here_is_live_and_marked_so():
    async with a_world(a_trust()) as world:
        arranged(world, "master")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE))}
        record = await world.last()
        assert world.servers["trust"].asked == []

    assert (state(record, "trust").state, state(record, "trust").kept) == ("live", "here")
    assert said(record, "problems")[:2] == ("live", "here")
    assert said(record, "allergies")[:2] == ("not recorded", "here")
    assert section(record, "problems").entries[0].origin.kept == "here"


async def test_sections_of_one_source_may_take_part_differently():
    async with a_world(a_trust(problem("c1", "t1", "Live asthma"), allergy("a1", "t1", "Live latex"))) as world:
        arranged(world, "copy", "trust", "problems", "medicines")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"), allergy("k2", HERE, "Kept latex"))}
        record = await world.last()
        asked = {each.path.rsplit("/", 2)[-2] for each in world.servers["trust"].asked if "_search" in each.path}

    assert (titles(record, "problems"), titles(record, "allergies")) == (["Kept asthma"], ["Live latex"])
    assert not any(each.startswith("Medication") for each in asked)
    assert "AllergyIntolerance" in asked
    assert (said(record, "problems")[0], said(record, "allergies")[0]) == ("copy", "live")


async def test_one_question_for_all_copies_of_the_person_wanting_no_more_than_is_granted():
    hidden = Withheld("trust", "problems", "consent/objects", "Hidden.", "withheld")
    async with a_world(a_trust(), serving("lab", chart("l1"))) as world:
        arranged(world, "copy")
        arranged(world, "both", "lab", "allergies")
        world.neighbours.withheld = (hidden,)
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"), allergy("k2", HERE, "Latex"))}
        record = await world.last()

    (asked,) = asked_of_holdings(world)
    assert KeptEntry("trust", (HERE, "t1")) in asked.entries
    wanted = {(each.source, each.section) for each in asked.wanted}
    assert wanted == {("trust", each) for each in WARD if each != "problems"} | {("lab", "allergies")}
    assert titles(record, "problems") == [], "what came all the same is dropped"
    assert titles(record, "allergies") == ["Latex"]
    assert said(record, "problems")[0] == "withheld"


async def test_a_source_that_is_never_named_to_this_reader_has_no_copies_for_them_either():
    async with a_world(a_trust(), serving("gp", chart("g1"))) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE))}
        world.neighbours.unnamed = (Withheld("trust", "*", "unnamed/1", "Not named.", "unnamed"),)
        record = await world.last()

    assert asked_of_holdings(world) == []
    assert "trust" not in {each.source for each in record.states}
    assert titles(record, "problems") == []


async def test_a_copy_about_somebody_else_is_discarded_and_reported_and_the_live_answer_stays():
    async with a_world(a_trust(allergy("a1", "t1", "Live latex"))) as world:
        arranged(world, "copy", "trust", "problems")
        wrong = patient(HERE, number="9990000026", given="Agnes", born="1951-01-01")
        world.neighbours.kept = {"trust": (wrong, problem("k1", HERE))}
        record = await world.last()

    assert titles(record, "problems") == []
    assert titles(record, "allergies") == ["Live latex"]
    assert said(record, "problems")[0] == "discarded"
    assert any(each.what == "safety-alert" for each in world.outbox.lines)


async def test_a_copy_that_holds_no_word_of_who_it_is_about_waits_behind_a_warning():
    async with a_world(a_trust()) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (problem("k1", HERE),)}
        record = await world.last()

    assert [each.source for each in record.mismatches] == ["trust"]
    assert section(record, "problems").entries[0].mismatch


async def test_a_copy_of_which_nothing_has_come_is_a_gap_and_never_not_recorded():
    async with a_world(a_trust(), serving("gp", chart("g1", no_known_allergies("n1", "g1")))) as world:
        arranged(world, "copy")
        record = await world.last()

    assert state(record, "trust").state == "not asked"
    assert "nothing about this person has come" in state(record, "trust").says
    assert record.allergies.title == "Allergies unavailable"


async def test_when_what_is_kept_cannot_be_read_live_sources_answer_and_the_copies_are_named():
    async with a_world(a_trust(), serving("gp", chart("g1", problem("c1", "g1", "Gout")))) as world:
        arranged(world, "copy")
        arranged(world, "both", "gp")
        world.neighbours.down.add("holdings")
        record = await world.last()

    assert titles(record, "problems") == ["Gout"]
    assert state(record, "gp").state == "live"
    assert state(record, "trust").state == "no answer"
    assert "cannot be read" in state(record, "trust").says
    assert "The copy of Trust cannot be read" in {each.title for each in record.attention}


async def test_a_copy_older_than_its_limit_is_called_out_of_date():
    async with a_world(a_trust()) as world:
        arranged(world, "copy", copy_good_s=3600.0)
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE))}
        record = await world.last()

    assert said(record, "problems")[0] == "out of date"
    assert said(record, "allergies")[0] == "out of date", "an old copy that holds none says nothing of today"


async def test_a_source_that_refuses_this_record_is_not_gone_round_by_its_copy():
    source = a_source("gp")
    copy = Reply(source, "copy", sections=(SectionState("problems", "copy", 3, kept="copy", as_at=CAME_AT),), kept="copy")
    for word in ("withheld at source", "not given", "none held", "discarded", "registered elsewhere"):
        told = Reply(source, word, sections=(SectionState("problems", word),))
        assert together(told, copy, frozenset()) == told


async def test_an_item_of_a_copy_is_read_as_it_is_kept_and_its_source_is_not_asked():
    letter = {
        "resourceType": "DocumentReference", "id": "d1", "status": "current", "subject": {"reference": f"Patient/{HERE}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "SGVsbG8="}}],
    }  # fmt: skip
    async with a_world(a_trust(problem("k1", "t1"))) as world:
        shared = tuple(SharedSection(each, "copy") for each in (*WARD, "documents"))
        world.change("trust", sections=shared)
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"), letter)}
        item = await world.reader.expand(ExpandAsked(DR_NAIR, "p1", CARE, "trust", "Condition", "k1", kept=True))
        paper = ExpandAsked(DR_NAIR, "p1", CARE, "trust", "DocumentReference", "d1", document=True, kept=True)
        document = await world.reader.expand(paper)
        for wrong in (
            ExpandAsked(DR_NAIR, "p1", CARE, "trust", "Condition", "k1"),
            ExpandAsked(DR_NAIR, "p1", CARE, "trust", "Condition", "k9", kept=True),
        ):
            with pytest.raises(NotFound):
                await world.reader.expand(wrong)
        assert world.servers["trust"].asked == []

    assert '"Kept asthma"' in item.body
    assert item.came_at == CAME_AT
    assert (document.content, document.content_type) == (b"Hello", "text/plain")
    assert [each.what for each in world.outbox.lines] == ["item-expanded", "item-expanded"]


async def test_an_item_of_a_copy_that_is_withheld_is_not_read():
    async with a_world(a_trust()) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (patient(HERE), allergy("k1", HERE))}
        world.neighbours.withheld = (Withheld("trust", "allergies", "consent/objects", "Hidden.", "withheld"),)
        with pytest.raises(Refused):
            await world.reader.expand(ExpandAsked(DR_NAIR, "p1", CARE, "trust", "AllergyIntolerance", "k1", kept=True))
        assert asked_of_holdings(world) == []


async def test_whom_messages_say_to_be_there_now_attends_and_whom_an_old_one_says_does_not():
    here = {
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "subject": {"reference": f"Patient/{HERE}"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "EMER"},
        "period": {"start": "2026-11-22T09:10:00Z"},
    }  # fmt: skip
    async with a_world(a_trust()) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (patient(HERE), here)}
        old = (await world.reader.attending(AttendingAsked(DR_NAIR, "p1"))).attendance
        world.neighbours.came_at = stamp(world.desk.clock.now())
        seen = (await world.reader.attending(AttendingAsked(DR_NAIR, "p1"))).attendance
        assert world.servers["trust"].asked == []
        world.neighbours.down.add("holdings")
        silent = (await world.reader.attending(AttendingAsked(DR_NAIR, "p1"))).attendance

    assert old is None, "the message that said that they left may be lost"
    assert seen is not None
    assert (seen.what, seen.source) == ("Emergency department", "trust")
    assert silent is None


async def test_a_retired_source_is_asked_no_more_and_what_was_kept_of_it_stays():
    async with a_world(a_trust(problem("c1", "t1", "Live asthma"))) as world:
        shared = (SharedSection("problems", "both"), SharedSection("allergies", "live"))
        world.change("trust", sections=shared, retired=True)
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"))}
        record = await world.last()
        assert world.servers["trust"].asked == []

    assert titles(record, "problems") == ["Kept asthma"]
    assert said(record, "problems")[:2] == ("copy", "copy")
    assert [each.section for each in state(record, "trust").sections] == ["problems"]


async def test_a_retired_source_that_kept_nothing_is_named_nowhere():
    async with a_world(a_trust(problem("c1", "t1"))) as world:
        world.change("trust", retired=True)
        assert (await world.last()).states == ()
        world.change("trust", sections=(SharedSection("problems", "copy"),), retired=True)
        world.neighbours.pointers = ()
        assert (await world.last()).states == ()


async def test_with_the_locator_silent_copies_are_found_by_the_words_of_the_index():
    async with a_world(a_trust()) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE, "Kept asthma"))}
        world.neighbours.down.add("locator")
        stated = SourcePatient("trust", "t1", (), EDITH.demographics)
        world.neighbours.person = replace(EDITH, statements=(stated,))
        record = await world.last()

    assert WhoAsked("p1") in world.neighbours.asked
    assert titles(record, "problems") == ["Kept asthma"]


async def test_a_copy_teaches_the_locator_nothing_and_is_no_sign_that_the_source_answers():
    async with a_world(a_trust()) as world:
        arranged(world, "copy")
        world.neighbours.kept = {"trust": (patient(HERE), problem("k1", HERE))}
        await world.last()
        assert world.desk.teacher._told.empty()
        assert world.desk.gatherer.last_answer("trust") == ""


async def test_a_source_that_knows_nobody_here_has_no_copy_to_be_read():
    async with a_world(a_trust()) as world:
        arranged(world, "copy")
        world.neighbours.pointers = (Pointer("elsewhere", "x", "p1"),)
        record = await world.last()

    assert asked_of_holdings(world) == []
    assert state(record, "trust").state == "not asked"
