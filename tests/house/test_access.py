"""Is the page that says who sees what the one that the rules make?"""

from pathlib import Path

from carerecord.policy.api import book_in
from carerecord.policy.matrix import page

PAGE = Path(__file__).parents[2] / "docs/reference/access.md"


def test_the_matrix_in_the_documents_is_the_matrix_of_the_rules():
    assert PAGE.read_text(encoding="utf-8") == page(book_in()), "out of date: make access"


def test_a_rule_that_changes_would_be_seen():
    changed = page(book_in()).replace("| CES |", "| CE |", 1)
    assert changed != PAGE.read_text(encoding="utf-8")
