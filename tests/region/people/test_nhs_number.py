"""Are the numbers that the region makes up well formed?"""

import random

import pytest

from carerecord.fhir.identifiers import nhs_number
from carerecord.region.people.nhs_number import fixed, fresh, with_check_digit


@pytest.mark.parametrize(("nine", "ten"), [("943476591", "9434765919"), ("999217304", "9992173041")])
def test_the_check_digit_is_that_of_the_data_dictionary(nine: str, ten: str) -> None:
    assert with_check_digit(nine) == ten


def test_a_number_whose_check_digit_would_be_ten_is_never_made() -> None:
    none = [six for six in range(200) if with_check_digit(f"999{six:06d}") is None]

    assert none
    assert fixed(f"{none[0]:06d}")[:9] != f"999{none[0]:06d}"


def test_fresh_numbers_are_valid_and_never_repeat() -> None:
    taken: set[str] = set()
    numbers = [fresh(random.Random(1), taken), *(fresh(random.Random(1), taken) for _ in range(50))]

    assert len(set(numbers)) == 51
    assert all(nhs_number(number) for number in numbers)
