"""Does the same page twice change nothing, and does a batch cost the same number of statements however large it is?"""

import asyncio
import gc
import random
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest
from tests.patients.people import a_desk, nhs, stated

from carerecord.contracts.patients import Identifier, PatientEnrolled, PeopleAsked, SourcePatient, WhoAsked
from carerecord.kit.db import Pool, open_pool
from carerecord.kit.errors import NotFound
from carerecord.patients.enrol import Enrolling
from carerecord.patients.names import LONGEST, near_keys


async def test_a_page_twice_is_unchanged(desk):
    page = [stated("elm-bank", str(n), number=nhs(n), local=f"EB{n}") for n in range(1, 40)]

    first = await desk.enrol(*page)
    again = await desk.enrol(*page)

    assert {each.outcome for each in first} == {"new"}
    assert {each.outcome for each in again} == {"unchanged"}
    assert [each.patient for each in first] == [each.patient for each in again]
    assert await desk.db.fetchval("SELECT count(*) FROM patient") == 39
    events = await desk.db.fetch("SELECT body FROM outbox WHERE kind = 'PatientEnrolled'")
    assert [len(msgspec.json.decode(row["body"], type=PatientEnrolled).patients) for row in events] == [39]


async def test_what_is_longer_than_any_name_or_number_keeps_nobody_of_its_page_out(desk):
    """A word stands under itself with each letter left out: one of 20,000 letters would be 400 MB, and no index holds it."""
    long = random.Random(1).randbytes(10_000).hex().translate(str.maketrans("0123456789", "ghijklmnop"))
    numbered = (Identifier(f"urn:{long}", long), Identifier("urn:a\0b", f"{long}2"), Identifier("urn:x", "7"))
    page = [
        stated("a", "1", family="Marlow", number=nhs(1)),
        stated("a", "2", family=long, given=long),
        stated("a", "3", family=f"{long} {long}", given=" ".join([long] * 5), address=long, phone="1" * 9_000, postcode=long),
        msgspec.structs.replace(stated("a", "4", family="Hart"), identifiers=numbered),
    ]

    begun = time.process_time()
    assert [each.outcome for each in await desk.enrol(*page)] == ["new"] * 4
    assert [each.outcome for each in await desk.enrol(*page)] == ["unchanged"] * 4
    assert time.process_time() - begun < 2
    assert await desk.db.fetchval("SELECT max(length(word)) FROM word_key") == LONGEST
    digests = await desk.db.fetch("SELECT DISTINCT length(value), value FROM identifier WHERE length(value) > 10")
    assert [each["length"] for each in digests] == [48, 48], "neither is taken for the other, which begins alike"


async def test_a_change_is_taken_in_and_the_old_words_no_longer_find(desk):
    first, = await desk.enrol(stated("a", "1", given="Edith", family="Marlow", number=nhs(1)))

    changed, = await desk.enrol(stated("a", "1", given="Edith", family="Hart", number=nhs(1)))

    assert (changed.outcome, changed.patient) == ("changed", first.patient)
    assert (await desk.who(first.patient)).demographics.names[0].family == "Hart"
    assert not (await desk.search("edith marlow")).matches
    assert (await desk.search("edith hart")).matches


async def test_every_word_stands_under_itself_with_each_letter_left_out_as_those_who_search_reckon_it(desk):
    called = [("Aaron", "O'Neill"), ("Zoë Björk", "Szymański-Ng"), ("Edith", "Marlow"), ("Edith", "Hart"), ("Jo", "")]
    for place, (given, family) in enumerate(called):  # one after the other: what is known already is not written again
        await desk.enrol(stated("a", str(place), given=given, family=family))

    stand = {tuple(row) for row in await desk.db.fetch("SELECT key, word FROM word_key")}
    words = {row["word"] for row in await desk.db.fetch("SELECT word FROM name")}
    assert {"oneill", "bjork", "szymansking", "jo", "hart"} <= words
    assert stand == {(key, word) for word in words for key in near_keys(word)}


async def test_somebody_twice_on_one_page_is_one_entry(desk):
    one, other = await desk.enrol(stated("a", "1", number=nhs(1)), stated("a", "1", number=nhs(1), phone="01632 960001"))

    assert one.patient == other.patient
    assert (await desk.who(one.patient)).demographics.phone == "01632 960001"


async def test_three_hundred_people_cost_as_many_statements_as_three(service_database):
    dsn = (await service_database("patients")).dsn
    pool = await open_pool(dsn, service="patients", connections=1)
    said: list[str] = []
    desk = a_desk(pool)
    try:
        for n in (1, 2):  # what a connection asks once about types is not counted
            await desk.enrol(stated("a", str(n), number=nhs(1)))
        async with pool.acquire() as connection:
            with connection.query_logger(lambda record: said.append(record.query)):
                few = await _said_for(desk, said, connection, 3)
                many = await _said_for(desk, said, connection, 300)
    finally:
        await pool.close()

    assert few == many
    assert 5 < len(few) < 13


async def _said_for(desk, said, connection, people):
    """`desk` has one connection; it is lent to it for the while."""
    lent = Lent(connection)
    enrolling = Enrolling(cast(Pool, lent), desk.searching.outbox, desk.clock)
    await asyncio.sleep(0)
    said.clear()
    await enrolling.enrol([stated("a", f"{people}-{n}", number=nhs(people * 10 + n)) for n in range(people)])
    await asyncio.sleep(0)  # asyncpg tells its loggers in the loop's next turn
    return list(said)


class Lent:
    """A pool whose one connection is already held."""

    def __init__(self, connection):
        self._connection = connection

    @asynccontextmanager
    async def acquire(self):
        yield self._connection


async def test_two_sources_that_enrol_the_same_people_at_once_agree(desk):
    """Neither sees the other's rows before they are committed; the index makes them take turns."""
    pages = [[stated(source, str(n), number=nhs(n)) for n in range(60)] for source in ("a", "b", "c", "d")]

    await asyncio.gather(*(desk.enrol(*page) for page in pages))

    sets = await desk.db.fetch("SELECT count(*) AS ids FROM link WHERE until IS NULL GROUP BY person")
    assert [row["ids"] for row in sets] == [4] * 60


async def test_the_best_of_several_statements_is_shown_and_each_is_kept(desk):
    gp, _ = await desk.enrol(
        stated("elm-bank", "1", number=nhs(1), gp="A99917", gp_name="Elm Bank", postcode="ZZ1 1EB", address="1 Elm Road"),
        stated("aldermoor-epr", "2", number=nhs(1), postcode="ZZ9 9ZZ", phone="01632 960002", deceased="2026-01-01"),
    )

    person = await desk.who(gp.patient)
    shown = person.demographics

    assert (shown.gp, shown.gp_name, shown.phone, shown.deceased) == ("A99917", "Elm Bank", "01632 960002", "2026-01-01")
    assert (shown.address, shown.postcode) in (("1 Elm Road", "ZZ1 1EB"), ("", "ZZ9 9ZZ")), "one source's address, whole"
    assert {each.demographics.postcode for each in person.statements} == {"ZZ1 1EB", "ZZ9 9ZZ"}


async def test_what_locates_a_restricted_person_is_left_out(desk):
    one, = await desk.enrol(
        stated("elm-bank", "1", number=nhs(1), local="EB1", restricted=True, gp="A99917", postcode="ZZ1 1EB",
               address="1 Elm Road", phone="01632 960003")
    )  # fmt: skip
    person = await desk.who(one.patient)
    everything = msgspec.json.encode(person).decode()

    assert person.demographics.restricted
    for word in ("ZZ1 1EB", "A99917", "Elm Road", "960003", "EB1", "elm-bank"):
        assert word not in everything


async def test_many_are_asked_at_once_in_the_order_asked(desk):
    ids = [each.patient for each in await desk.enrol(*(stated("a", str(n), number=nhs(n)) for n in range(5)))]

    people = await desk.index.people(PeopleAsked((*reversed(ids), "nobody")))

    assert [person.patient for person in people] == list(reversed(ids))


async def test_an_unknown_id_is_not_found(desk):
    with pytest.raises(NotFound):
        await desk.index.who(WhoAsked("nobody"))


@pytest.mark.parametrize("before", ["DELETE FROM likeness", "UPDATE likeness SET folded = 1, keys = '{}'"])
async def test_entries_from_before_likeness_was_kept_or_of_an_older_rule_are_folded_and_found(desk, before):
    (first,) = await desk.enrol(stated("a", "1", number=nhs(1)))
    await desk.db.execute(before)
    await desk.db.execute("DELETE FROM likeness_key")

    await desk.index.enrolling.fold_all()
    (second,) = await desk.enrol(stated("b", "1", number=nhs(1), status="02"))

    assert set((await desk.who(second.patient)).ids) == {first.patient, second.patient}


@pytest.fixture
def collected() -> Iterator[None]:
    """As a service is once it has started: the collector of rings does not look at what was there before."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def test_a_page_of_five_hundred_people_whom_another_source_knows_leaves_the_event_loop_free(desk, collected):
    def page(source: str) -> list[SourcePatient]:
        return [
            stated(
                source, f"{n}", family=f"{'abcdefghijklmnopqrstuvwxyz'[n % 26]}arlow{n // 26}", number=nhs(n + 1), local=f"{n}",
                born=f"19{n % 90 + 10}-0{n % 9 + 1}-1{n % 10}", address=f"{n} Station Road", postcode="QX1 4AB",
            )
            for n in range(500)
        ]  # fmt: skip

    await desk.enrol(*page("a"))
    here, there = page("b"), page("c")
    longest, done = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not done:
            before = time.thread_time()  # what this thread works, whoever else has the machine
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    for people in (here, there):
        assert {each.outcome for each in await desk.enrol(*people)} == {"linked"}
    done = True
    await watching

    assert longest < 0.05
