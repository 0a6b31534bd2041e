"""Is the page about the settings the one that the settings make, and does it say what each means?"""

from dataclasses import fields
from pathlib import Path

import pytest

from carerecord.app.catalogue import CATALOGUE
from carerecord.app.settings_page import page, settings_of

PAGE = Path(__file__).parents[2] / "docs/reference/settings.md"
READ = [(each.name, kind) for each in CATALOGUE if (kind := settings_of(each.name)) is not None]


def test_the_page_is_the_one_that_the_settings_make():
    assert PAGE.read_text(encoding="utf-8") == page(), "out of date: carerecord settings > docs/reference/settings.md"


def test_every_setting_of_every_service_says_what_it_means():
    silent = [line for line in page().splitlines() if line.startswith("| `CARERECORD_") and line.endswith("|  |")]
    assert silent == []
    assert page().count("| `CARERECORD_RECORDS_") == len(fields(dict(READ)["records"]))


@pytest.mark.parametrize("service", [each.name for each in CATALOGUE])
def test_a_service_that_reads_settings_is_on_the_page(service: str):
    house = Path(__file__).parents[2] / "src" / "carerecord" / service
    reads = any("supplies.settings" in file.read_text(encoding="utf-8") for file in house.glob("*.py"))
    assert reads == (settings_of(service) is not None)
