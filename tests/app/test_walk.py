"""Does the walk read a page as a visitor without script would, and press the button that was meant?"""

import pytest

from carerecord.app.walk import read_page

PAGE = """<!DOCTYPE html><body><p>Two entries .</p>
<form method="post" action="/reviews"><input type="hidden" name="review" value="r1">
<button name="decision" value="same">One person: <b>link them</b></button>
<button name="decision" value="different">Two people: keep apart</button></form>
<form method="post" action="/sign-out"><button>Sign out</button></form>
<script>never read</script><template data-late="1"><p>came late</p></template></body>"""


def test_the_button_is_found_by_its_words_with_its_form() -> None:
    page = read_page("http://127.0.0.1/reviews", 200, PAGE)

    form, button = page.button("keep apart")
    assert (form.action, form.fields["review"]) == ("/reviews", "r1")
    assert (button.name, button.value) == ("decision", "different")
    assert page.button("link them")[1].value == "same"
    assert page.button("Sign out")[1].name == ""


def test_a_button_that_is_not_there_is_missed_aloud() -> None:
    with pytest.raises(LookupError, match="no button with 'Undo'"):
        read_page("http://127.0.0.1/reviews", 200, PAGE).button("Undo")


def test_late_words_are_told_from_the_first() -> None:
    page = read_page("http://127.0.0.1/reviews", 200, PAGE)

    assert page.lacks(("Two entries.", "came late")) == ()
    assert page.first_lacks(("came late",)) == ("came late",)
    assert page.holds(("never read",)) == ()
