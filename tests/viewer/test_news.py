"""A page asks behind its reader's back whether something has come: it is told a sentence, and nobody is kept signed in by it."""

import re

import httpx
import pytest
from msgspec.structs import replace

from carerecord.contracts.records import News, NewsAsked, NewsItem
from carerecord.kit.errors import CareRecordError, Refused, TooMany, Unavailable
from carerecord.pages.formatting import Formatter
from carerecord.viewer.news import sentence
from tests.pages import scenes
from tests.pages.a_record import NOW
from tests.viewer.neighbours import Neighbours
from tests.viewer.test_pages import TOKEN, opened

ADDRESS = "/patients/p-marlow/news"
FMT = Formatter(NOW)
SENT = NewsItem("sent", "pas", "Aldermoor Patient Administration", "2026-11-22T09:31:00Z")
ASKED = {**TOKEN, "heard": "h1"}


async def asked(browser: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await browser.post(ADDRESS, data={**ASKED, **form})


async def test_the_page_bears_what_it_knows_and_the_answer_is_a_sentence() -> None:
    neighbours = Neighbours(new=News((SENT,)))
    neighbours.chunks["p-marlow"] = [(0.0, replace(scenes.edith(), heard="h1"))]
    browser = neighbours.browser()
    page = (await opened(browser)).text
    assert re.search(r'<form id="heard" method="post" action="/patients/p-marlow/news" hidden>', page)
    assert '<input type="hidden" name="heard" value="h1">' in page
    assert 'src="/static/news.js' in page

    reply = await asked(browser)
    assert reply.json() == {"says": "Aldermoor Patient Administration has sent something new at 09:31."}
    assert reply.headers["cache-control"] == "no-store"
    told = neighbours.asked[-1]
    assert isinstance(told, NewsAsked)
    assert (told.patient, told.heard, told.reason.purpose) == ("p-marlow", "h1", "direct-care")


async def test_to_ask_keeps_no_session_alive() -> None:
    neighbours = Neighbours()
    browser = neighbours.browser()
    await opened(browser)
    touched = neighbours.touched
    for _ in range(3):
        assert (await asked(browser)).status_code == 200
    assert neighbours.touched == touched
    await browser.get("/search")
    assert neighbours.touched == touched + 1


async def test_whoever_is_not_signed_in_or_gave_no_reason_or_no_token_is_told_a_status_and_nothing_else() -> None:
    neighbours = Neighbours(new=News((SENT,)))
    browser = neighbours.browser()
    assert (await asked(browser)).status_code == 403, "no reason was given for this person"
    await opened(browser, "p-singh")
    assert (await asked(browser)).status_code == 403, "… but for another"
    await opened(browser)
    for form, status in (({"csrf": "other"}, 400), ({}, 200)):
        reply = await asked(browser, **form)
        assert (reply.status_code, b"Aldermoor" in reply.content) == (status, status == 200)
    neighbours.actors.clear()
    ended = await asked(browser)
    assert (ended.status_code, ended.content) == (401, b"")


@pytest.mark.parametrize("error", [Unavailable("Down."), Refused("No.", rule="x/y"), TooMany("Wait.")])
async def test_an_error_is_a_status_alone(error: CareRecordError) -> None:
    neighbours = Neighbours(fails={"news": error})
    browser = neighbours.browser()
    await opened(browser)
    reply = await asked(browser)
    assert (reply.status_code, reply.content) == (error.status, b"")


def test_everything_new_is_said_in_few_words_and_nothing_where_nothing_is_new() -> None:
    assert sentence((), FMT) == ""
    lab = NewsItem("sent", "lab", "Laboratory")
    assert sentence((SENT, lab), FMT).endswith("at 09:31. Laboratory has sent something new.")
    many = tuple(replace(SENT, source=str(each)) for each in range(4))
    assert sentence(many, FMT) == "4 sources have sent something new, the last at 09:31."
    both = (NewsItem("joined"), NewsItem("parted"))
    assert sentence(both[:1], FMT) == "Who this person is has changed: an entry was joined."
    assert sentence(both, FMT) == "Who this person is has changed: an entry was joined and an entry was parted."
    assert sentence((NewsItem("sharing"),), FMT) == "What may be shown to you of this record has changed."
