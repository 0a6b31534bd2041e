"""Does everything that `make test` runs fit into 25 minutes on two cores?

`tests/durations.json` says how long each file took when it was last timed: `pytest --record-durations`, of everything or of
a part, on a machine that does nothing else. A file that nobody has timed counts as ten seconds, which is more than most take.
Two files run at once (`scripts/tests`), and the last of them alone.
"""

import json

from tests.conftest import DURATIONS

MOST_S = 25 * 60
UNTIMED_S = 10
AT_ONCE = 2
HERE = DURATIONS.parent


def seconds(known: dict[str, float], there: set[str]) -> float:
    each = [known.get(file, UNTIMED_S) for file in there]
    return sum(each) / AT_ONCE + max(each, default=0)


def test_the_suite_fits_into_25_minutes_on_two_cores():
    recorded = json.loads(DURATIONS.read_text(encoding="utf-8"))
    there = {str(file.relative_to(HERE.parent)) for file in HERE.rglob("test_*.py")}
    slowest = sorted(recorded["seconds"].items(), key=lambda each: -each[1])[:8]
    assert recorded["cores"] <= 2, "timed on a larger machine than promised"
    assert seconds(recorded["seconds"], there) < MOST_S, f"untimed: {sorted(there - set(recorded['seconds']))}; {slowest}"


def test_a_suite_that_is_too_long_would_be_seen():
    assert seconds({"tests/a.py": MOST_S}, {"tests/a.py", "tests/new.py"}) > MOST_S
    assert seconds({"tests/a.py": MOST_S, "tests/b.py": MOST_S}, {"tests/a.py", "tests/b.py"}) > MOST_S
