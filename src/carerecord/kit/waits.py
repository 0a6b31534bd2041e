"""How long do most answers take? Waiting times counted in steps, each a tenth longer than the one before. Pure.

A count for each step adds up over processes and days, which a median does not, and tells any percentile to within a tenth.
"""

import math
from collections.abc import Iterable

SHORTEST_S = 0.001
GROWTH = 1.1
STEPS = 120  # the last is of 84 s and more: nobody waits so long


def step_of(waited_s: float) -> int:
    """The step into which this waiting time falls."""
    if waited_s <= SHORTEST_S:
        return 0
    return min(STEPS, math.ceil(math.log(waited_s / SHORTEST_S) / math.log(GROWTH) - 1e-9))


def longest_s(step: int) -> float:
    """The longest waiting time of this step."""
    return float(SHORTEST_S * GROWTH**step)


def percentile_s(counts: Iterable[tuple[int, int]], share: float) -> float | None:
    """The time within which this share of the answers came, by (step, count); None when there are none."""
    ordered = sorted(each for each in counts if each[1] > 0)
    needed = share * sum(count for _, count in ordered)
    reached = 0
    for step, count in ordered:
        reached += count
        if reached >= needed:
            return round(longest_s(step), 4)
    return None
