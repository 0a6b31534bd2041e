"""Do the pages let in whom they should, ask why, and show what the services answered?"""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from carerecord.contracts import audit, patients, records
from carerecord.contracts.identity import BeginAsked
from carerecord.kit.errors import Unavailable
from carerecord.viewer.reviews import gist
from carerecord.viewer.visit import SESSION_COOKIE, path_of_ours
from tests.pages import scenes
from tests.viewer.neighbours import PEOPLE, REFUSED, Neighbours, actor

TOKEN = {"csrf": "token-session-1"}


async def opened(browser: httpx.AsyncClient, patient: str = "p-marlow", **told: str) -> httpx.Response:
    """Say why, and arrive at the record."""
    form = {**TOKEN, "purpose": "attending", **told}
    reply = await browser.post(f"/patients/{patient}/open", data=form)
    assert reply.status_code == 303, reply.text
    return await browser.get(reply.headers["location"])


async def test_without_a_session_one_is_led_to_sign_in_and_back_to_the_same_patient() -> None:
    reply = await Neighbours().browser("").get("/patients/p-marlow/record")
    assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in?after=/patients/p-marlow/record")


@pytest.mark.parametrize("patient", ["p-marlow", "p-singh", "p-iqbal", "p-edge"])
async def test_no_id_stands_twice_on_a_record_and_what_is_named_by_one_has_it(patient: str) -> None:
    page = (await opened(Neighbours().browser(), patient)).text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert {each for each in ids if ids.count(each) > 1} == set()
    named = {each for many in re.findall(r'\saria-(?:labelledby|describedby)="([^"]+)"', page) for each in many.split()}
    assert named - set(ids) == set()


async def test_a_mismatch_leads_to_where_its_items_wait() -> None:
    page = (await opened(Neighbours().browser(), "p-iqbal")).text
    warning = page[page.index('aria-label="Name mismatch"') : page.index('class="cr-glance"')]
    assert re.search(r'href="#results">See results</a>', warning)


async def test_a_header_cannot_name_a_user() -> None:
    hostile = {"X-User": "dr", "X-Remote-User": "dr", "X-Forwarded-User": "dr", "Authorization": "Bearer x"}
    reply = await Neighbours().browser("").get("/search", headers=hostile)
    assert reply.headers["location"].startswith("/sign-in")


async def test_the_organisation_is_chosen_once_and_remembered() -> None:
    neighbours = Neighbours()
    browser = neighbours.browser("")
    assert "Choose your organisation" in (await browser.get("/sign-in")).text
    begun = await browser.get("/sign-in?provider=aldermoor&after=/patients/p-marlow/open&login_hint=priya.nair")
    assert begun.headers["location"] == "https://a.example/authorize?x=1"
    assert neighbours.asked == [
        BeginAsked("aldermoor", "http://front.test/sign-in/callback", "/patients/p-marlow/open", "priya.nair")
    ]
    assert "Sign in with Aldermoor University Hospitals" in (await browser.get("/sign-in")).text


async def test_signing_in_sets_a_session_cookie_out_of_reach_of_scripts() -> None:
    reply = await Neighbours().browser("").get("/sign-in/callback?code=c&state=state-1")
    cookie = next(each for each in reply.headers.get_list("set-cookie") if each.startswith(SESSION_COOKIE))
    assert reply.headers["location"] == "/patients/p-marlow/open"
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_several_roles_are_a_choice() -> None:
    neighbours = Neighbours(actors={"session-1": None})
    browser = neighbours.browser()
    assert (await browser.get("/search")).headers["location"] == "/sign-in/role"
    page = await browser.get("/sign-in/role")
    assert "Which role is this work for?" in page.text
    chosen = await browser.post("/sign-in/role", data={**TOKEN, "role": "r1", "after": "/search"})
    assert chosen.headers["location"] == "/search"


@pytest.mark.parametrize(
    "hostile", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/a\nb", ""]
)
def test_after_sign_in_nobody_is_led_to_another_site(hostile: str) -> None:
    assert path_of_ours(hostile) == "/"


async def test_a_form_without_its_token_does_nothing() -> None:
    neighbours = Neighbours()
    reply = await neighbours.browser().post("/search", data={"text": "singh", "csrf": "token-of-another"})
    assert reply.status_code == 400
    assert neighbours.asked == []


async def test_a_form_from_another_site_does_nothing() -> None:
    neighbours = Neighbours()
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        reply = await neighbours.browser().post("/search", data={**TOKEN, "text": "singh"}, headers=headers)
        assert reply.status_code == 400
    assert neighbours.asked == []


async def test_no_page_is_kept_framed_or_open_to_another_host() -> None:
    browser = Neighbours().browser()
    for reply in (await browser.get("/search"), await opened(browser), await browser.get("/sign-in")):
        assert reply.headers["cache-control"] == "no-store"
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', reply.text)
        assert " style=" not in reply.text


@pytest.mark.parametrize("role", ["emergency-doctor", "gp", "social-worker", "receptionist", "administrator"])
async def test_the_search_page_is_there_before_anything_was_typed(role: str) -> None:
    browser = Neighbours(actors={"session-1": actor(role)}).browser()
    page = await browser.get("/search")
    assert page.status_code == 200
    assert "Name, NHS number or local number" in page.text
    assert (await browser.head("/search")).status_code == 200


async def test_a_search_says_why_each_matched_and_masks_what_was_not_typed() -> None:
    reply = await Neighbours().browser().post("/search", data={**TOKEN, "text": "singh harold", "birth_date": "3 2 55"})
    assert "SINGH," in reply.text
    assert "birth date same" in reply.text
    assert "9990000026" not in reply.text.replace(" ", "")
    assert "ends 0026" in reply.text
    assert "ZZ1 4AB" not in reply.text
    assert "ZZ1 •••" in reply.text


async def test_a_number_that_was_typed_is_shown_whole() -> None:
    reply = await Neighbours().browser().post("/search", data={**TOKEN, "text": "999 000 0026"})
    assert "999 000 0026" in reply.text


async def test_a_weak_match_is_checked_first_and_nothing_opens_by_itself() -> None:
    neighbours = Neighbours()
    reply = await neighbours.browser().post("/search", data={**TOKEN, "text": "singh"})
    assert "Check first" in reply.text
    assert not any(isinstance(each, records.OpenAsked) for each in neighbours.asked)


async def test_too_many_shows_no_list() -> None:
    neighbours = Neighbours(found=patients.Found((), True, "A birth date would leave about 3."))
    reply = await neighbours.browser().post("/search", data={**TOKEN, "text": "smith"})
    assert "A birth date would leave about 3." in reply.text
    assert "cr-hit" not in reply.text


async def test_while_the_index_is_away_a_record_opens_by_exact_number() -> None:
    neighbours = Neighbours(fails={"search": Unavailable("The patients service does not answer.")})
    browser = neighbours.browser()
    reply = await browser.post("/search", data={**TOKEN, "text": "singh"})
    assert reply.status_code == 503
    assert "/patients/direct/open" in reply.text
    told = {**TOKEN, "purpose": "emergency", "text": "unconscious", "nhs_number": "9990000026", "birth_date": "1955-02-03"}
    begun = await browser.post("/patients/direct/open", data=told)
    await browser.get(begun.headers["location"])
    asked = next(each for each in neighbours.asked if isinstance(each, records.OpenAsked))
    assert (asked.patient, asked.nhs_number, asked.birth_date) == ("", "9990000026", "1955-02-03")


async def test_an_attendance_fills_in_the_reason() -> None:
    neighbours = Neighbours()
    browser = neighbours.browser()
    page = await browser.get("/patients/p-marlow/open")
    assert "Attending now" in page.text
    assert 'value="attending" checked' in page.text
    await opened(browser)
    asked = next(each for each in neighbours.asked if isinstance(each, records.OpenAsked))
    assert asked.reason.attendance is not None
    assert asked.reason.purpose == "direct-care"


async def test_without_an_attendance_the_reason_is_required_in_words() -> None:
    neighbours = Neighbours(attending=False)
    browser = neighbours.browser()
    for told in ({}, {"purpose": "attending"}, {"purpose": "direct-care"}, {"purpose": "nosiness", "text": "x"}):
        reply = await browser.post("/patients/p-marlow/open", data={**TOKEN, **told})
        assert reply.status_code == 422
        assert "There is a problem" in reply.text
    assert not any(isinstance(each, records.OpenAsked) for each in neighbours.asked)


async def test_a_reason_is_good_for_one_patient_one_user_and_one_sign_in() -> None:
    neighbours = Neighbours(actors={"session-1": actor("gp"), "session-2": actor("gp"), "session-3": actor("social-worker")})
    browser = neighbours.browser()
    page = await opened(browser)
    assert page.status_code == 200
    sealed = browser.cookies.get("carerecord_reason", path="/patients/p-marlow")
    assert sealed is not None
    for session, patient in (("session-1", "p-singh"), ("session-2", "p-marlow"), ("session-3", "p-marlow")):
        other = neighbours.browser(session)
        other.cookies.set("carerecord_reason", sealed)
        assert (await other.get(f"/patients/{patient}/record")).headers["location"] == f"/patients/{patient}/open"


async def test_a_typed_reason_cannot_be_read_from_the_cookie() -> None:
    browser = Neighbours().browser()
    await opened(browser, purpose="direct-care", text="overdose")
    assert "overdose" not in str(dict(browser.cookies))


async def test_a_refusal_names_its_rule() -> None:
    reply = await opened(Neighbours(fails={"open": REFUSED}).browser())
    assert reply.status_code == 403
    assert "privacy-officer/book-only" in reply.text


async def test_a_service_that_is_away_is_said_in_plain_words() -> None:
    reply = await opened(Neighbours(fails={"open": Unavailable("The policy service does not answer.")}).browser())
    assert reply.status_code == 503
    assert "The policy service does not answer." in reply.text


async def test_a_fault_of_ours_tells_nothing_of_its_inside() -> None:
    reply = await Neighbours(fails={"who": RuntimeError("secret 9990000018")}).browser().get("/patients/p-marlow/open")
    assert reply.status_code == 500
    assert "9990000018" not in reply.text


async def test_late_sources_come_in_the_same_answer_bound_to_patient_and_opening() -> None:
    first, last = scenes.colin(complete=False), scenes.colin()
    neighbours = Neighbours(chunks={"p-barker": [(0.0, first), (0.0, last)]})
    text = (await opened(neighbours.browser(), "p-barker")).text
    page, late = text.split("<template data-late", 1)
    assert "still loading" in page
    assert "North Fells Ambulance joined" in late
    assert 'data-into="encounters"' in late
    assert 'data-into="immunisations"' not in late  # it did not change
    bound = re.findall(r'data-patient="([^"]*)" data-opening="([^"]*)"', "<template data-late" + late)
    assert set(bound) == {("p-barker", "o-colin")}
    assert late.rstrip().endswith("</html>")
    assert neighbours.closed == 1


async def test_a_stream_that_breaks_leaves_what_has_arrived_and_says_so() -> None:
    class Breaks(Neighbours):
        async def open(self, asked: records.OpenAsked) -> AsyncIterator[records.Record]:
            yield scenes.colin(complete=False)
            raise Unavailable("The records service does not answer.")

    text = (await opened(Breaks().browser(), "p-barker")).text
    assert "The record stopped arriving" in text
    assert text.rstrip().endswith("</html>")


async def test_asking_again_answers_whole_to_htmx_and_names_the_change() -> None:
    neighbours = Neighbours()
    browser = neighbours.browser()
    await opened(browser)
    told = {**TOKEN, "source": "elm-bank", "opening": "o-edith"}
    reply = await browser.post("/patients/p-marlow/again", data=told, headers={"HX-Request": "true"})
    assert reply.headers["x-carerecord-patient"] == "p-marlow"
    assert "Known allergies" in reply.text
    assert 'data-say="Elm Bank Surgery: answered. Elm Bank Surgery answered. Allergies now: Known allergies' in reply.text
    plain = await browser.post("/patients/p-marlow/again", data=told)
    assert "Known allergies" in plain.text


async def test_an_item_as_sent_is_text_whatever_it_holds() -> None:
    browser = Neighbours().browser()
    await opened(browser)
    reply = await browser.post("/patients/p-marlow/as-sent", data={**TOKEN, "item": "elm-bank|Observation|o1"})
    assert "&lt;script&gt;" in reply.text


async def test_a_document_is_handed_over_as_a_file_and_never_opened_within_our_pages() -> None:
    browser = Neighbours().browser()
    await opened(browser)
    page = await browser.post("/patients/p-marlow/as-sent", data={**TOKEN, "item": "elm-bank|DocumentReference|d1"})
    assert 'name="document" value="1"' in page.text
    asked = {**TOKEN, "item": "elm-bank|DocumentReference|d1", "document": "1"}
    reply = await browser.post("/patients/p-marlow/as-sent", data=asked)
    assert reply.content == b"<script>letter</script>"
    assert reply.headers["content-disposition"].startswith("attachment;")
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "marlow" not in reply.headers["content-disposition"].lower()


async def test_a_receptionist_sees_no_clinical_word_and_is_told_so() -> None:
    neighbours = Neighbours(actors={"session-1": actor("receptionist")})
    text = (await opened(neighbours.browser(), "p-singh")).text
    for word in ("ramipril", "bisoprolol", "kidney", "Potassium", "No known allergies"):
        assert word not in text
    assert "Not shown in your role" in text
    assert "Hearing loss: speak to the left side" in text
    assert "role/receptionist" in text


async def test_pages_for_officers_obey_policy() -> None:
    neighbours = Neighbours(may={"sources-read": False, "audit-read": False, "review": False, "search": False})
    for path in ("/sources", "/audit", "/reviews", "/search"):
        reply = await neighbours.browser().get(path)
        assert reply.status_code == 403
        assert "/rule" in reply.text


async def test_an_administrator_probes_enrols_and_reads_the_counts() -> None:
    neighbours = Neighbours(actors={"session-1": actor("administrator")})
    browser = neighbours.browser()
    assert (await browser.get("/")).headers["location"] == "/sources"
    page = (await browser.get("/sources")).text
    assert "300 seen, 290 new" in page
    assert "east.toml: a table has no name" in page
    probed = (await browser.post("/sources/elm-bank/probe", data=TOKEN)).text
    assert "The certificate has expired." in probed
    assert (await browser.post("/sources/elm-bank/enrol", data=TOKEN)).headers["location"] == "/sources#elm-bank"


async def test_two_entries_in_review_stand_side_by_side_and_a_human_decides() -> None:
    neighbours = Neighbours(actors={"session-1": actor("administrator")})
    browser = neighbours.browser()
    page = (await browser.get("/reviews")).text
    assert "given name differs" in page
    assert "birth date same: strongly for one person" in page
    assert "given name differs: clearly against one person" in page
    assert "3 waiting, half of them longer than 2 hours" in page
    assert "1 longer than a week" in page
    await browser.post("/reviews", data={**TOKEN, "review": "r1", "decision": "different"})
    decided = next(each for each in neighbours.asked if isinstance(each, patients.DecideAsked))
    assert (decided.review, decided.same) == ("r1", False)


def test_a_line_of_the_queue_says_what_agrees_how_strongly_and_why_the_two_are_not_linked() -> None:
    told = (
        patients.Weighed("birth date", "same", 13.6), patients.Weighed("sex", "same", 1.0),
        patients.Weighed("given name", "differs", -5.0), patients.Weighed("address", "not stated", 0.0),
    )  # fmt: skip
    why = "A human looks first."
    left, right = PEOPLE["p-iqbal"], PEOPLE["p-doyle"]
    review = patients.Review("r1", left, right, (), (why, "given name differs"), "2026-11-20T09:00:00Z", weighed=told)
    assert gist(review) == ("birth date strongly; sex slightly", "A human looks first; given name clearly")


async def test_two_histories_are_kept_apart_for_good_by_their_numbers_and_a_wrong_number_is_told() -> None:
    neighbours = Neighbours(actors={"session-1": actor("administrator")})
    browser = neighbours.browser()
    typed = {**TOKEN, "decision": "sever", "one": "999 000 0018", "other": "9990000026"}
    reply = await browser.post("/reviews", data=typed)
    wrong = await browser.post("/reviews", data={**typed, "other": "9990000027"})

    severed = [each for each in neighbours.asked if isinstance(each, patients.SeverAsked)]
    assert [(each.one, each.other, each.undo) for each in severed] == [("9990000018", "9990000026", False)]
    assert severed[0].actor is not None
    assert reply.headers["location"] == "/reviews?done=sever"
    assert "Kept apart for good" in (await browser.get("/reviews?done=sever")).text
    assert wrong.status_code == 400
    assert "two valid NHS numbers" in wrong.text


async def test_a_decision_stands_on_the_page_of_reviews_until_it_is_undone() -> None:
    neighbours = Neighbours(actors={"session-1": actor("administrator")})
    browser = neighbours.browser()
    assert "Undo this decision" not in (await browser.get("/reviews")).text
    left, right = PEOPLE["p-iqbal"], PEOPLE["p-doyle"]
    neighbours.decided = (patients.Review("r7", left, right, (), (), "2026-11-20T09:00:00Z", "same", "2026-11-21T10:00:00Z"),)

    page = (await browser.get("/reviews")).text
    reply = await browser.post("/reviews", data={**TOKEN, "review": "r7", "decision": "undo"})

    assert "One person: linked" in page
    assert "Undo this decision" in page
    assert reply.headers["location"] == "/reviews?done=undo"
    assert next(each.review for each in neighbours.asked if isinstance(each, patients.UndoAsked)) == "r7"


async def test_what_was_just_decided_is_said_above_the_next_pair_with_its_undo() -> None:
    neighbours = Neighbours(actors={"session-1": actor("administrator")})
    browser = neighbours.browser()
    left, right = PEOPLE["p-iqbal"], PEOPLE["p-doyle"]
    at = ("2026-11-20T09:00:00Z", "same", "2026-11-21T10:00:00Z")
    neighbours.decided = tuple(patients.Review(f"r{n}", left, right, (), (), *at) for n in range(9))
    reply = await browser.post("/reviews", data={**TOKEN, "review": "r1", "decision": "same"})
    page = (await browser.get(reply.headers["location"])).text

    said = page.split("One person or two?")[0]
    assert "Linked: they are one person." in said
    assert 'role="status" tabindex="-1" autofocus>' in said, "from here a keyboard is three stops from the next decision"
    assert 'name="review" value="r0"' in said, "the last that was decided, by name, to be undone in one click"
    assert "Those that have waited longest stand here" in said, "3 pairs wait, and one is shown"
    assert "Show 7 older" in page
    assert "Linked" not in (await browser.get("/reviews?done=<b>")).text.split("One person or two?")[0]


async def test_a_pair_that_cannot_be_decided_yet_keeps_nobody_from_those_that_wait_behind_it() -> None:
    neighbours = Neighbours(actors={"session-1": actor("data-quality-officer")}, pairs=120)
    at = ("2026-11-20T09:00:00Z", "same", "2026-11-21T10:00:00Z")
    decided = [patients.Review(f"d{n}", PEOPLE["p-iqbal"], PEOPLE["p-doyle"], (), (), *at) for n in range(60)]
    neighbours.decided = tuple(decided)
    browser = neighbours.browser()

    first, second, third = [(await browser.get(f"/reviews?from={at}")).text for at in (0, 50, 100)]

    shown = [re.findall(r'value="(r[0-9]+)"', each)[0] for each in (first, second, third)]
    assert shown == ["r1", "r51", "r101"]
    assert [re.findall(r'class="cr-btn" href="(/reviews[^"#]*)"', each) for each in (first, second, third)] == [
        ["/reviews?from=50"], ["/reviews", "/reviews?from=100"], ["/reviews?from=50"],
    ]  # fmt: skip
    assert "51 to 100 stand here" in second
    back = await browser.post("/reviews", data={**TOKEN, "review": "r51", "decision": "different", "from": "50"})
    assert back.headers["location"] == "/reviews?done=different&from=50", "to where the officer was"
    assert 'href="/reviews?decided=50#decided"' in first
    assert 'value="d59"' in (await browser.get("/reviews?decided=50")).text, "and can be undone"
    assert (await browser.get("/reviews?from=-1")).status_code == 400
    decisions = [each for each in neighbours.asked if isinstance(each, patients.DecideAsked)]
    assert (await browser.post("/reviews", data={**TOKEN, "review": "r51", "decision": "same", "from": "x"})).status_code == 400
    assert [each for each in neighbours.asked if isinstance(each, patients.DecideAsked)] == decisions, "and nothing is decided"


async def test_the_privacy_officer_reads_who_looked_when_and_why() -> None:
    neighbours = Neighbours(actors={"session-1": actor("privacy-officer")})
    browser = neighbours.browser()
    page = (await browser.get("/audit")).text
    assert "Opened the record" in page
    assert "MARLOW, Edith (Mrs)" in page
    assert "“fell”" in page
    assert "No line has been changed or lost" in (await browser.post("/audit/verify", data=TOKEN)).text


async def test_the_privacy_officer_reads_who_looked_at_one_patient() -> None:
    neighbours = Neighbours(actors={"session-1": actor("privacy-officer")})
    browser = neighbours.browser()
    assert 'name="about" value="p-marlow"' in (await browser.get("/audit")).text
    page = (await browser.post("/audit", data={**TOKEN, "about": "p-marlow"})).text

    assert "Who looked at MARLOW, Edith (Mrs)" in page
    asked = [each.person for each in neighbours.asked if isinstance(each, audit.LooksAsked)]
    assert asked == [(), (*PEOPLE["p-marlow"].ids, "k1")], "and under the id by which systems read them"


async def test_the_book_lies_in_days_and_narrows_by_who_looked_from_where_in_which_role_and_when() -> None:
    neighbours = Neighbours(actors={"session-1": actor("privacy-officer")})
    browser = neighbours.browser()
    typed = {"name": "nair", "organisation": "R9A", "role": "emergency-doctor", "since": "22/11/2026", "until": "22-Nov-2026"}
    page = (await browser.post("/audit", data={**TOKEN, **typed, "about": "p-marlow"})).text

    (asked,) = [each for each in neighbours.asked if isinstance(each, audit.LooksAsked)]
    assert (asked.name, asked.organisation, asked.role) == ("nair", "R9A", "emergency-doctor")
    assert (asked.since, asked.before) == ("2026-11-22T00:00:00+00:00", "2026-11-23T00:00:00+00:00")
    assert asked.person, "within the lines about one patient"
    assert re.search(r'scope="rowgroup".*22-Nov-2026', page)
    assert 'value="nair"' in page


async def test_a_book_of_which_a_part_was_read_is_not_said_to_hold_no_line_that_fits() -> None:
    read = audit.Looks((), "2026-11-22T14:02:00Z", next="2026-11-20T09:30:00+00:00 17")
    neighbours = Neighbours(actors={"session-1": actor("privacy-officer")}, book=read)
    page = (await neighbours.browser().post("/audit", data={**TOKEN, "name": "nair"})).text
    assert "No line that was read so far fits" in page
    assert "read back to 20-Nov-2026 09:30" in page
    assert 'name="before" value="2026-11-20T09:30:00+00:00 17"' in page
    assert "No line fits" not in page


@pytest.mark.parametrize("typed", [{"since": "yesterday"}, {"since": "22-Nov-2026", "until": "21-Nov-2026"}])
async def test_a_day_that_is_none_is_said_beside_its_field(typed: dict[str, str]) -> None:
    neighbours = Neighbours(actors={"session-1": actor("privacy-officer")})
    page = (await neighbours.browser().post("/audit", data={**TOKEN, **typed})).text
    field = list(typed)[-1]
    assert f'href="#{field}"' in page
    assert f'value="{typed[field]}"' in page
    assert ("The first day cannot be read, so it leaves no line out" in page) == (typed["since"] == "yesterday")


async def test_what_systems_read_is_said_to_be_missing_while_it_cannot_be_listed() -> None:
    neighbours = Neighbours(actors={"session-1": actor("privacy-officer")}, fails={"aliases": Unavailable("It is away.")})
    page = (await neighbours.browser().post("/audit", data={**TOKEN, "about": "p-marlow"})).text
    assert "cannot be listed just now" in page
    assert [each.person for each in neighbours.asked if isinstance(each, audit.LooksAsked)] == [PEOPLE["p-marlow"].ids]


async def test_signing_out_ends_the_session() -> None:
    neighbours = Neighbours()
    browser = neighbours.browser()
    reply = await browser.post("/sign-out", data=TOKEN)
    assert reply.headers["location"] == "/sign-in?out=1"
    assert neighbours.actors == {}


async def test_static_files_may_be_kept_for_ever_only_by_their_hash() -> None:
    browser = Neighbours().browser("")
    assert "immutable" in (await browser.get("/static/site.css?v=1")).headers["cache-control"]
    assert (await browser.get("/static/site.css")).headers["cache-control"] == "no-cache"
    assert (await browser.get("/static/../rendering.py")).status_code == 404


async def test_no_count_is_one_too_high_where_the_reader_is_not_told_of_a_source() -> None:
    known_by = PEOPLE["p-singh"].known_by
    hidden = Neighbours(unnamed=(known_by[0],)).browser()
    for make, all_of_them in ((hidden, len(known_by) - 1), (Neighbours().browser(), len(known_by))):
        found = await make.post("/search", data={**TOKEN, "text": "singh harold"})
        assert f"{all_of_them} source" in found.text
        confirm = await make.get("/patients/p-singh/open")
        assert f"<dt>Known at</dt><dd>{all_of_them} source" in confirm.text


@pytest.mark.parametrize("address", ["/nowhere", "/patients", "/patients/p-marlow/records"])
async def test_an_address_that_leads_nowhere_is_a_page_from_which_one_finds_back(address: str):
    reply = await Neighbours().browser().get(address)
    assert reply.status_code == 404
    assert "There is no such page" in reply.text
    assert 'href="/">Back to the start' in reply.text
    assert "no-store" in reply.headers["cache-control"]
    unknown = await Neighbours().browser("").get(address)
    assert unknown.status_code == 404
    assert 'href="/sign-in">Sign in' in unknown.text


async def test_a_stroke_at_the_end_of_an_address_leads_to_its_page_and_nowhere_else():
    async with Neighbours().browser() as browser:
        reply = await browser.get("/ingest/?after=3")
        assert (reply.status_code, reply.headers["location"]) == (303, "/ingest?after=3")
        assert (await browser.get("/elsewhere/")).status_code == 404


async def test_an_address_that_only_a_button_leads_to_says_so():
    reply = await Neighbours().browser().get("/audit/verify")
    assert reply.status_code == 405
    assert "Only a button leads to this address." in reply.text


@pytest.mark.parametrize("form", ["again", "as-sent"])
async def test_a_forms_own_address_opened_from_the_history_leads_back_to_the_record(form: str):
    reply = await Neighbours().browser().get(f"/patients/p-marlow/{form}")
    assert (reply.status_code, reply.headers["location"]) == (303, "/patients/p-marlow/record")


async def test_a_review_marks_what_the_two_entries_say_otherwise_and_not_what_only_one_says():
    browser = Neighbours(actors={"session-1": actor("data-quality-officer")}).browser()
    html = (await browser.get("/reviews")).text
    left = html[html.index('<div class="cr-idcard">') :].split("</dl>")[0]
    marked = re.findall(r'<div class="cr-apart"><dt>([^<]*)</dt>', left)
    mine, theirs = PEOPLE["p-iqbal"].demographics, PEOPLE["p-doyle"].demographics
    assert ("Born" in marked) is (mine.birth_date != theirs.birth_date)
    assert ("Gender" in marked) is (mine.gender != theirs.gender)
    assert "Address" not in marked, "both live at one address"
    assert "Differs: </span>" in left.split("</h3>")[0], "their names"
