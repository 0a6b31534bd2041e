"""Is what came later in time later in the order too?"""

import pytest

from carerecord.records.order import before, moment


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("0999-12-31T10:00:00+01:00", "1001-01-01"),
        ("0999-12-31T10:00:00+01:00", "0999-12-31T10:00:00Z"),
        ("2026-11-22T10:00:00+01:00", "2026-11-22T09:30:00Z"),
        ("2026-11-22", "2026-11-22T00:00:00Z"),
    ],
)
def test_what_came_first_stands_before(first: str, second: str) -> None:
    assert moment(first) < moment(second)
    assert before(first, second)
    assert not before(second, first)


def test_the_year_is_of_four_digits_in_every_key() -> None:
    assert moment("0999-12-31T10:00:00+01:00") == "0999-12-31T09:00:00"
