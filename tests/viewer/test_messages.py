"""The page of messages: what could not be filed and why; what one says only for a reason, and never as markup."""

import pytest

from carerecord.contracts.ingest import (
    DiscardAsked,
    LeavePersonAsked,
    MessageAsked,
    PeopleAgainAsked,
    PersonWaiting,
    ReplayAsked,
    SeenByAsked,
)
from tests.viewer.neighbours import Neighbours, actor

ACTORS = {"quality": actor("data-quality-officer", "Ms Okoro"), "admin": actor("administrator", "Mr Owen Tranter")}


@pytest.fixture
def neighbours() -> Neighbours:
    return Neighbours(actors=dict(ACTORS))


def form(session: str, **fields: str) -> dict[str, str]:
    return {"csrf": f"token-{session}", **fields}


async def test_what_is_stuck_is_shown_with_its_reason_and_who_is_silent_and_that_the_way_is_open(neighbours: Neighbours):
    page = (await neighbours.browser("admin").get("/ingest")).text

    for words in (
        "12 wait to be filed", "1 could not be filed", "No &lt;b&gt;number&lt;/b&gt;.", "Parked after 3 tries",
        "Fenwick PAS is silent", "Nothing for 2 hours.", "Messages come without encryption",
    ):  # fmt: skip
        assert words in page, words


async def test_a_message_is_read_only_with_a_reason_and_shown_as_text(neighbours: Neighbours):
    browser = neighbours.browser("quality")

    unsaid = await browser.post("/ingest/read", data=form("quality", message="17", reason=" "))
    shown = await browser.post("/ingest/read", data=form("quality", message="17", reason="Its sender rang"))

    assert unsaid.status_code == 400
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown.text
    assert "<script>alert" not in shown.text
    assert [each for each in neighbours.asked if isinstance(each, MessageAsked)] == [
        MessageAsked(17, "Its sender rang", ACTORS["quality"])
    ]


async def test_who_may_not_read_is_offered_nothing_to_read(neighbours: Neighbours):
    neighbours.may["message-read"] = False
    browser = neighbours.browser("admin")

    assert "Why you read it" not in (await browser.get("/ingest")).text
    refused = await browser.post("/ingest/read", data=form("admin", message="17", reason="I want to"))
    assert refused.status_code == 403
    assert not any(isinstance(each, MessageAsked) for each in neighbours.asked)


@pytest.mark.parametrize(
    ("path", "sent", "asked"),
    [
        ("replay", {"what": "one", "message": "17"}, ReplayAsked(17, "", False, ACTORS["admin"])),
        ("replay", {"what": "sender", "sender": "fenwick-pas"}, ReplayAsked(0, "fenwick-pas", False, ACTORS["admin"])),
        ("replay", {"what": "all"}, ReplayAsked(0, "", True, ACTORS["admin"])),
        ("discard", {"message": "17", "reason": "A test"}, DiscardAsked(17, "A test", ACTORS["admin"])),
    ],
)
async def test_what_is_mended_is_told_with_who_did_it(neighbours: Neighbours, path: str, sent: dict[str, str], asked: object):
    browser = neighbours.browser("admin")

    done = await browser.post(f"/ingest/{path}", data=form("admin", **sent))
    forged = await browser.post(f"/ingest/{path}", data=sent)

    assert done.status_code == 303
    said = {"replay": "Set to be tried again.", "discard": "Taken out of the queue."}[path]
    assert 'role="status" tabindex="-1" autofocus>' in (page := (await browser.get(done.headers["location"])).text)
    assert said in page
    assert forged.status_code >= 400
    assert [each for each in neighbours.asked if isinstance(each, ReplayAsked | DiscardAsked)] == [asked]


PUT_OFF = PersonWaiting("p<1>", "elm-bank", "2026-11-20T09:00:00Z", "Somebody <b>else</b>.", 4, "2026-11-22T15:00:00Z")


async def test_people_whom_the_index_did_not_take_over_are_shown_and_asked_about_again(neighbours: Neighbours):
    neighbours.put_off.append(PUT_OFF)
    browser = neighbours.browser("admin")
    page = (await browser.get("/ingest")).text
    for words in (
        "People whom the index did not take over", "p&lt;1&gt;", "Somebody &lt;b&gt;else&lt;/b&gt;.", "20-Nov-2026",
        "Asked 4 times",
    ):  # fmt: skip
        assert words in page, words

    for path, sent in (
        ("again", {"person": "p1"}), ("again", {}), ("leave", {"person": "p1", "reason": "A test of theirs"}),
    ):  # fmt: skip
        done = await browser.post(f"/ingest/people/{path}", data=form("admin", **sent))
        assert (done.status_code, done.headers["location"].partition("?")[0]) == (303, "/ingest")
        assert (await browser.post(f"/ingest/people/{path}", data=sent)).status_code >= 400
    actor = ACTORS["admin"]
    assert [each for each in neighbours.asked if isinstance(each, PeopleAgainAsked | LeavePersonAsked)] == [
        PeopleAgainAsked("p1", False, actor), PeopleAgainAsked("", True, actor),
        LeavePersonAsked("p1", "A test of theirs", actor),
    ]  # fmt: skip

    neighbours.may["messages-mend"] = False
    assert "Ask again" not in (await browser.get("/ingest")).text
    assert (await browser.post("/ingest/people/again", data=form("admin", person="p1"))).status_code == 403


async def test_what_was_taken_back_is_listed_and_who_saw_it_is_told_for_a_reason(neighbours: Neighbours):
    browser = neighbours.browser("quality")

    listed = (await browser.get("/ingest/withdrawn")).text
    unsaid = await browser.post("/ingest/withdrawn/seen", data=form("quality", item="5", reason=" "))
    told = await browser.post("/ingest/withdrawn/seen", data=form("quality", item="5", reason="Two samples were mixed up"))

    assert "withdrawn by its &lt;b&gt;sender" in listed
    assert "09:00" in listed
    assert unsaid.status_code == 400
    assert "Opened the record" in told.text
    assert [each for each in neighbours.asked if isinstance(each, SeenByAsked)] == [
        SeenByAsked(5, "Two samples were mixed up", ACTORS["quality"])
    ]


async def test_who_saw_it_is_not_told_to_whoever_may_read_no_message(neighbours: Neighbours):
    neighbours.may["message-read"] = False
    browser = neighbours.browser("admin")

    assert "Why you ask who saw it" not in (await browser.get("/ingest/withdrawn")).text
    assert (await browser.post("/ingest/withdrawn/seen", data=form("admin", item="5", reason="I want to"))).status_code == 403
