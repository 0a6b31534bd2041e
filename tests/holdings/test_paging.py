"""Does a page link go on with what stood when the first page was made, whatever is written meanwhile?"""

import asyncio
from typing import Any

import pytest
from tests.holdings.conftest import Desk, held, ids
from tests.holdings.test_keeping import PATIENT, potassium

from carerecord.contracts.holdings import Change, Client, EverythingAsked, FindAsked, HistoryAsked, Reach
from carerecord.kit.errors import NotUnderstood

WHOSE = ("patient", "p1")


async def five(desk: Desk) -> list[str]:
    """Five results, newest first."""
    await desk.put(PATIENT)
    made = []
    for month in range(1, 6):
        made.append(await desk.create(potassium(4.0 + month / 10, f"2026-0{month}-01")))
        await asyncio.sleep(0.002)  # a moment is told in milliseconds: no two of them share one
    return [held(each).id for each in reversed(made)]


@pytest.mark.parametrize("more", [(), (("_sort", "-date"),), (("_total", "accurate"),)], ids=["index", "sorted", "counted"])
async def test_pages_show_what_stood_at_the_first_though_others_write_between(
    desk: Desk, more: tuple[tuple[str, str], ...]
) -> None:
    newest, second, third, fourth, oldest = await five(desk)
    first = await desk.search("Observation", WHOSE, ("_count", "2"), *more)
    # Meanwhile one comes, one is changed so that its place would be another, one is deleted, one shown is changed.
    await desk.create(potassium(9.9, "2026-02-15"))
    await desk.put({**potassium(7.7, "2026-12-24"), "id": third})
    await desk.write(Change("delete", "Observation", fourth))
    await desk.put({**potassium(7.7, "2020-01-01"), "id": newest})
    rest = await desk.search("Observation", WHOSE, ("_count", "9"), *more)
    assert third in ids(rest)
    pages, link = [first], first.next
    while link:
        pages.append(await desk.search("Observation", WHOSE, ("_count", "2"), *more, cursor=link))
        link = pages[-1].next

    shown = [each for page in pages for each in page.matches]
    assert [each.id for each in shown] == [newest, second, third, fourth, oldest]
    assert {each.version for each in shown} == {1}
    assert b"7.7" not in b"".join(each.text for each in shown)


async def test_pages_over_many_people_go_on_as_of_the_first_too(desk: Desk) -> None:
    people = [f"m{number}" for number in range(5)]
    for each in people:
        await desk.put({**PATIENT, "id": each})
    for query in (("identifier", "urn:hospital|H-1"), ("_id", ",".join(people))):
        shown, link = [], ""
        while True:
            page = await desk.search("Patient", query, ("_count", "2"), cursor=link)
            shown += [(each.id, each.version) for each in page.matches]
            link = page.next
            if not link:
                break
            await desk.put({**PATIENT, "id": people[-1], "active": True})
        standing = (await desk.read("Patient", people[-1])).version - 2
        assert shown == [*((each, 1) for each in people[:-1]), (people[-1], standing)]


async def test_a_link_edited_or_used_by_another_client_is_refused(desk: Desk) -> None:
    await five(desk)
    asked = FindAsked("Observation", (WHOSE, ("_count", "2")), Reach(), client=Client("one", "R9A"))
    link = (await desk.keeper.search(asked)).next
    for wrong in (link[:-1] + ("0" if link[-1] != "0" else "1"), "A" + link[1:], "1", "é.é", "\x00"):
        with pytest.raises(NotUnderstood, match="page link"):
            await desk.keeper.search(FindAsked(asked.type, asked.query, Reach(), client=asked.client, cursor=wrong))
    with pytest.raises(NotUnderstood, match="page link"):
        await desk.keeper.search(FindAsked(asked.type, asked.query, Reach(), client=Client("two", "R9A"), cursor=link))


async def test_no_more_is_opened_than_a_page_needs_and_the_total_is_told_where_it_is_known(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await five(desk)
    opened: list[str] = []
    unpack = desk.keeper.finder.bodies.unpack

    def counted_up(body: bytes, **told: str) -> bytes:
        opened.append(told["place"])
        return unpack(body, **told)

    monkeypatch.setattr(desk.keeper.finder.bodies, "unpack", counted_up)
    part = await desk.search("Observation", WHOSE, ("_count", "2"))
    assert (part.total, len(opened)) == (None, 3)
    counted = await desk.search("Observation", WHOSE, ("_count", "2"), ("_total", "accurate"))
    whole = await desk.search("Observation", WHOSE, ("_count", "5"))
    assert (counted.total, whole.total) == (5, 5)


async def test_everything_goes_on_as_of_its_first_page(desk: Desk) -> None:
    found = await five(desk)
    first = await desk.keeper.everything(EverythingAsked("p1", Reach(), most=2))
    fresh = held(await desk.create(potassium(9.9, "2026-02-15"))).id
    for each in found:
        await desk.write(Change("delete", "Observation", each))
    shown, link = list(first.matches), first.next
    while link:
        page = await desk.keeper.everything(EverythingAsked("p1", Reach(), most=2, cursor=link))
        shown, link = [*shown, *page.matches], page.next

    assert sorted(each.id for each in shown) == sorted([*found, "p1"])
    assert ids(await desk.keeper.everything(EverythingAsked("p1", Reach()))) == [fresh, "p1"]


async def test_everything_between_two_dates_holds_what_happened_then_and_what_has_no_date(desk: Desk) -> None:
    found = await five(desk)
    between = await desk.keeper.everything(EverythingAsked("p1", Reach(), start="2026-02", end="2026-03"))
    later = await desk.keeper.everything(EverythingAsked("p1", Reach(), start="2026-05-01", most=1))

    assert sorted(ids(between)) == sorted([found[3], found[2], "p1"])
    assert len(later.matches) == 1
    assert later.next
    with pytest.raises(NotUnderstood, match="start"):
        await desk.keeper.everything(EverythingAsked("p1", Reach(), start="tomorrow"))


async def test_everything_since_a_moment_holds_what_was_written_from_then_on(desk: Desk) -> None:
    found = await five(desk)
    moment = (await desk.read("Observation", found[1])).at

    assert sorted(ids(await desk.keeper.everything(EverythingAsked("p1", Reach(), since=moment)))) == sorted(found[:2])


async def test_the_history_of_a_type_and_of_everything_is_newest_first_and_pages_to_the_end(desk: Desk) -> None:
    found = await five(desk)
    await desk.put({**potassium(7.7, "2026-12-24"), "id": found[2]})
    await desk.write(Change("delete", "Observation", found[0]))

    async def whole(**more: Any) -> list[tuple[str, int, str]]:
        shown, link = [], ""
        while True:
            page = await desk.keeper.history(HistoryAsked(Reach(), most=3, cursor=link, **more))
            shown += [(each.id, each.version, each.method) for each in page.matches]
            link = page.next
            if not link:
                return shown
            await desk.put({**PATIENT, "active": len(shown) % 2 == 0})  # nobody waits for a reader

    results = await whole(type="Observation")
    assert results == [
        (found[0], 2, "DELETE"), (found[2], 2, "PUT"), *((each, 1, "POST") for each in found),
    ]  # fmt: skip
    assert [each for each in await whole() if each[0] != "p1"] == results
    since = (await desk.read("Observation", found[2])).at
    assert await whole(type="Observation", since=since) == results[:2]


async def test_no_history_shows_what_a_read_refuses(desk: Desk) -> None:
    await desk.put(PATIENT)
    label = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}
    plain = await desk.create(potassium(4.0, "2026-01-01"))
    await desk.put({**potassium(4.0, "2026-01-01"), "id": held(plain).id, "meta": label})
    for asked in (HistoryAsked(Reach(), "Observation"), HistoryAsked(Reach())):
        assert held(plain).id not in ids(await desk.keeper.history(asked))
    everyone = Reach(most_confidential="V")
    assert len((await desk.keeper.history(HistoryAsked(everyone, "Observation"))).matches) == 2
    await desk.write(Change("delete", "Observation", held(plain).id), reach=everyone)
    for asked in (HistoryAsked(Reach(), "Observation"), HistoryAsked(Reach())):
        assert [each.version for each in (await desk.keeper.history(asked)).matches if each.id == held(plain).id] == []
    assert ids(await desk.keeper.history(HistoryAsked(Reach(patients=("p2",))))) == []
