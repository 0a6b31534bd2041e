"""Is the page about the FHIR API the one that the code makes?"""

from pathlib import Path

from carerecord.exchange.reference import page

PAGE = Path(__file__).parents[2] / "docs/reference/fhir-api.md"


def test_the_page_of_the_api_is_the_one_that_its_code_makes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "out of date: carerecord catalogue --fhir > docs/reference/fhir-api.md"


def test_an_operation_that_is_added_would_be_seen() -> None:
    assert page().replace("| `$meta` |", "| `$export` |", 1) != PAGE.read_text(encoding="utf-8")
