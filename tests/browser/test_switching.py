"""Can a late answer ever put one person's words on another's page?"""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Front, open_record
from tests.pages import scenes

pytestmark = pytest.mark.browser


@pytest.mark.timeout(600)
def test_switching_patients_200_times_under_late_answers_never_mixes_two(page: Page, front: Front) -> None:
    people = {"p-marlow": "MARLOW", "p-barker": "BARKER", "p-singh": "SINGH"}
    own = {"p-marlow": "999 000 0018", "p-barker": "999 000 0034", "p-singh": "999 000 0026"}
    first = {"p-marlow": scenes.edith(), "p-barker": scenes.colin(complete=False), "p-singh": scenes.receptionist()}
    last = {"p-marlow": scenes.edith(gp=True), "p-barker": scenes.colin(), "p-singh": scenes.receptionist()}
    for patient in people:
        open_record(page, front, patient)  # each reason is given once
        front.neighbours.chunks[patient] = [(0.0, first[patient]), (0.05, last[patient])]
    mixed = []
    try:
        for turn in range(200):
            patient = tuple(people)[turn % 3]
            page.goto(f"{front.address}/patients/{patient}/record", wait_until="commit")
            page.wait_for_selector("#record")
            if turn % 3:
                page.wait_for_timeout(turn % 7 * 25)  # leave before, amid and after the late answers
            text = page.content()
            strangers = [number for other, number in own.items() if other != patient and number in text]
            if people[patient] not in text or strangers:
                mixed.append((turn, patient, strangers))
    finally:
        front.neighbours.chunks.clear()
    assert mixed == []
