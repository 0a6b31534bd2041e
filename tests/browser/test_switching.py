"""Can a late answer ever put one person's words on another's page?"""

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page

from carerecord.contracts.records import Record
from tests.browser.conftest import Front, open_record
from tests.pages import scenes

pytestmark = pytest.mark.browser

NUMBERS = {"p-achebe": "999 000 0042", "p-barker": "999 000 0034", "p-doyle": "999 000 0069"}
NAMES = {"p-achebe": "ACHEBE", "p-barker": "BARKER", "p-doyle": "DOYLE"}


def few(record: Record) -> Record:
    """The same person with little of each section: what is tried is whose words they are, not how many."""
    sections = tuple(replace(each, entries=each.entries[:1], groups=(), trends=()) for each in record.sections[:6])
    return replace(record, sections=sections, states=record.states[:4], plans=(), attention=())


@pytest.mark.timeout(300)
def test_switching_patients_200_times_under_late_answers_never_mixes_two(page: Page, front: Front) -> None:
    last = {"p-achebe": few(scenes.gwendolyn()), "p-barker": few(scenes.colin()), "p-doyle": few(scenes.leanne())}
    first = {patient: replace(record, complete=False, sections=record.sections[:3]) for patient, record in last.items()}
    for patient in last:
        open_record(page, front, patient)  # each reason is given once
    mixed, joined = [], 0
    try:
        for turn in range(200):
            patient = tuple(last)[turn % 3]
            leaves_before_them = turn % 4 == 0
            late_s = 10.0 if leaves_before_them else 0.05
            front.neighbours.chunks[patient] = [(0.0, first[patient]), (late_s, last[patient])]
            page.goto(f"{front.address}/patients/{patient}/record", wait_until="commit")
            page.wait_for_selector("#record")
            if not leaves_before_them:
                page.wait_for_timeout(turn % 7 * 20)  # amid the late answers, and after them
            seen = page.evaluate(
                "said => { const html = document.documentElement.innerHTML;"
                " return [said.filter(each => html.includes(each)), html.includes('Every source has answered')] }",
                [*NUMBERS.values(), *NAMES.values()],
            )
            joined += seen[1]
            if set(seen[0]) != {NUMBERS[patient], NAMES[patient]}:
                mixed.append((turn, patient, seen[0]))
    finally:
        front.neighbours.chunks.clear()
    assert mixed == []
    assert 20 < joined < 200, "late answers arrived on some pages and not on others, or nothing was tried"
