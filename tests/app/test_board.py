"""The board at a terminal: what was tested, to whom it is open, how it answers; in plain lines and without a person."""

from tests.viewer.boards import BOARD

from carerecord.app.board import board_lines


def test_the_board_says_of_each_source_what_was_tested_and_to_whom_it_is_open():
    said = "\n".join(board_lines(BOARD))
    for words in (
        "elm-bank  Elm Bank Surgery, Elm Bank Surgery (A99917)",
        "tested     passed, probe 3f2a9c11d0e4b765, 2026-11-21 09:30 by Dr Amina Rahman; evidence 3f2a9c11d0e4b765",
        "certificate good until 2026-12-02",
        "open to    everyone: allergies",
        "open to    organisations R9A, R9F: medicines",
        "open to    safety testers: problems",
        "answered   47 of 50 openings; half within 210 ms, 95 in 100 within 1900 ms; last 2026-11-22 13:58",
        "coverage   allergies 94% / 60%",
        "unmapped   41 items: 37 of https://elm.example/codes, 4 of no code at all",
        "tested     never; carerecord sources probe fenwick-epr",
        "cannot be read: east.csv, row 7: organisation is missing",
    ):
        assert words in said, words


def test_one_source_may_be_asked_for_alone():
    said = "\n".join(board_lines(BOARD, "fenwick-epr"))
    assert "elm-bank" not in said
    assert "cannot be read" not in said


def test_what_needs_somebody_stands_first_and_says_why():
    said = [line for line in board_lines(BOARD) if line]
    assert said[0].startswith("hartley-pharmacy")
    assert said[1].startswith("  TROUBLE    The last probe found something wrong; Its certificate is not trusted")
    assert "fenwick-epr" not in " ".join(said[:12])
