"""Does everything that is to be included come, with this page or the next, or is it said that it does not?"""

import pytest
from tests.holdings.conftest import Desk, held, ids
from tests.holdings.test_keeping import PATIENT, potassium

from carerecord.contracts.holdings import Page
from carerecord.holdings import including

ENCOUNTER = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": "Patient/p1"}}


async def test_what_does_not_fit_beside_a_page_comes_beside_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(including, "MOST_INCLUDED", 3)
    await desk.put(PATIENT)
    for number in range(3):
        visit = held(await desk.create(ENCOUNTER | {"period": {"start": f"2026-01-0{number + 1}"}})).id
        for _ in range(2):
            await desk.create(potassium(4.4, "2026-01-01") | {"encounter": {"reference": f"Encounter/{visit}"}})

    pages: list[Page] = []
    link = ""
    while not pages or link:
        query = (("patient", "p1"), ("_revinclude", "Observation:encounter"), ("_count", "3"))
        pages.append(await desk.search("Encounter", *query, cursor=link))
        link = pages[-1].next

    shown = [each for page in pages for each in ids(page)]
    assert len(shown) == len(set(shown)) == 3
    assert [len(page.included) for page in pages] == [2, 2, 2]
    assert not any(page.cut for page in pages)
    for page in pages:
        assert all(f"Encounter/{page.matches[0].id}".encode() in each.text for each in page.included)


async def test_one_match_that_brings_more_than_a_page_holds_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(including, "MOST_INCLUDED", 3)
    await desk.put(PATIENT)
    for month in range(1, 5):
        await desk.create(potassium(4.4, f"2026-0{month}-01"))

    page = await desk.search("Patient", ("_id", "p1"), ("_revinclude", "Observation:patient"))
    monkeypatch.setattr(including, "MOST_INCLUDED", 4)
    fits = await desk.search("Patient", ("_id", "p1"), ("_revinclude", "Observation:patient"))

    assert (len(page.matches), len(page.included), page.cut, page.next) == (1, 3, True, "")
    assert (len(fits.included), fits.cut) == (4, False)
