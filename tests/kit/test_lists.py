"""Does a list come out of the one text in which it reaches PostgreSQL as it went in, whatever its words hold?"""

import pytest

from carerecord.kit.lists import by_column, numbers, words

ODD = (
    "", " ", "NULL", "null", ",", '"', '","', "\\", '\\"', "{}", "}", "a\nb\tc", "\x1f", "\x01", "Élodie", "'", "it's {a,b}",
)  # fmt: skip


async def test_every_word_and_every_number_arrives_as_it_is_and_in_its_place(service_database) -> None:
    db = (await service_database("holdings")).pool
    for told in ((), *((each,) for each in ODD), ODD):
        assert await db.fetchval("SELECT $1::text::text[]", words(told)) == list(told)
    for many in ((), (0,), (-(2**63), 2**63 - 1, 7)):
        assert await db.fetchval("SELECT $1::text::bigint[]", numbers(many)) == list(many)
    assert by_column([("a", "b"), ("c", "d")], 2) == [words(("a", "c")), words(("b", "d"))]


@pytest.mark.parametrize("odd", ["a\0b", "\0"])
def test_a_word_that_would_become_two_is_refused(odd: str) -> None:
    with pytest.raises(ValueError, match="code 0"):
        words(("x", odd))
