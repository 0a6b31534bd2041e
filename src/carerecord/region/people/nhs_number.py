"""Which NHS numbers may an invented person bear? Those of the range 999, which is kept for tests."""

import random


def with_check_digit(nine: str) -> str | None:
    """The ten digits, or None where the modulus-11 check digit would be ten (such a number is never issued)."""
    check = 11 - sum(int(digit) * weight for digit, weight in zip(nine, range(10, 1, -1), strict=True)) % 11
    if check == 10:
        return None
    return nine + str(0 if check == 11 else check)


def fixed(six: str) -> str:
    """A scene's number: 999, then `six` or the next six digits that have a check digit."""
    start = int(six)
    numbers = (with_check_digit(f"999{start + step:06d}") for step in range(10))
    return next(number for number in numbers if number)


def fresh(rng: random.Random, taken: set[str]) -> str:
    """A number that nobody has yet; it is added to `taken`."""
    while True:
        number = with_check_digit(f"999{rng.randrange(1_000_000):06d}")
        if number and number not in taken:
            taken.add(number)
            return number
