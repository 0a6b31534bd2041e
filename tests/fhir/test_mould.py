"""A text is known by the letters around its values, and by all of them."""

import random

import pytest

from carerecord.fhir.mould import Moulds

PARTS = ('{"id": "', '", "code": "potassium", "at": "', '", "value": ', ', "unit": "mmol/L"}')


def written(*values: str, parts: tuple[str, ...] = PARTS) -> tuple[str, list[tuple[int, int]]]:
    text, spans = parts[0], []
    for value, part in zip(values, parts[1:], strict=True):
        spans.append((len(text), len(text) + len(value)))
        text += value + part
    return text, spans


def test_a_text_of_the_same_letters_gives_its_values_and_one_of_others_gives_nothing() -> None:
    moulds: Moulds[str] = Moulds(10)
    moulds.learn(*written("a", "2026", "4.1"), "potassium")
    assert moulds.find(written("bcd", "2019-01", "-12.50")[0]) == ("potassium", ["bcd", "2019-01", "-12.50"])
    whole, spans = written("bcd", "2019-01", "5")
    for at in range(len(whole)):
        if not any(begins <= at < ends for begins, ends in spans):
            assert moulds.find(whole[:at] + "#" + whole[at + 1 :]) is None, at
            assert moulds.find(whole[:at] + whole[at + 1 :]) is None, at
    assert moulds.find(whole + " ") is None
    assert moulds.find(whole[:-1]) is None
    assert moulds.find("") is None


@pytest.mark.parametrize(
    "values", [("", "2026", "4"), ('a"b', "2026", "4"), ("a", "2026", "x"), ("a", "2026", ""), ("a", "2026", "04")]
)
def test_a_value_that_could_end_elsewhere_or_is_no_number_is_not_known(values: tuple[str, str, str]) -> None:
    moulds: Moulds[str] = Moulds(10)
    moulds.learn(*written("a", "2026", "4.1"), "potassium")
    assert moulds.find(written(*values)[0]) is None


def test_among_many_each_text_finds_what_was_learned_of_its_own_letters() -> None:
    chosen = random.Random(7)
    moulds: Moulds[int] = Moulds(1_000)
    texts = {}
    for number in range(300):
        parts = (
            f'{{"kind{number % 3}": "', f'", "{chosen.choice("xyz") * chosen.randint(1, 9)}": "', f'", "code": "{number}", "n": ',
            f', "end": "{chosen.choice(["", "a", "ab"])}"}}',
        )  # fmt: skip
        texts[number] = parts
        moulds.learn(*written("v", "w", "1", parts=parts), number)
    found = {number: moulds.find(written("other", "w2", "2.0", parts=parts)[0]) for number, parts in texts.items()}
    assert {number: each for number, each in found.items() if each != (number, ["other", "w2", "2.0"])} == {}


def test_of_many_that_only_their_last_letters_tell_apart_some_are_learned_and_none_is_mistaken() -> None:
    moulds: Moulds[int] = Moulds(1_000)
    parts = [('{"id": "', f'", "same": "same"{" " * number}, "n": {number}}}') for number in range(30)]
    for number, each in enumerate(parts):
        moulds.learn(*written("v", parts=each), number)
    found = [moulds.find(written("w", parts=each)[0]) for each in parts]
    assert all(each in (None, (number, ["w"])) for number, each in enumerate(found))
    assert found[0] is not None


def test_what_was_learned_is_gone_after_two_sweeps_and_no_more_than_so_many_are_kept() -> None:
    moulds: Moulds[str] = Moulds(2)
    old, young = written("a", parts=('{"old": "', '"}')), written("a", parts=('{"young": "', '"}'))
    moulds.learn(*old, "old")
    moulds.sweep()
    moulds.learn(*young, "young")
    moulds.learn(*written("a", parts=('{"third": "', '"}')), "third")
    assert [moulds.find(each[0]) is not None for each in (old, young)] == [True, True]
    assert moulds.find('{"third": "a"}') is None
    moulds.sweep()
    assert [moulds.find(each[0]) is not None for each in (old, young)] == [False, True]
    moulds.sweep()
    assert moulds.find(young[0]) is None
    moulds.learn(*old, "again")
    assert moulds.find(old[0]) == ("again", ["a"])


def test_a_way_that_is_learned_later_is_found_beside_one_that_is_taken_at_a_stroke() -> None:
    """Texts that only names stand between are looked at together: until a name that is known stands in the place of another."""
    moulds: Moulds[int] = Moulds(100)
    names = ["versionId", "at", "system", "value", "who", "number", "unit", "code", "by", "for", "from", "until"]
    ways = [names[:many] + [f"other{many}"] * (many < len(names)) + ["end"] for many in range(len(names), 0, -1)]
    for number, way in enumerate(ways):
        parts = ('{"' + way[0] + '": "', *(f'", "{name}": "' for name in way[1:]), '"}')
        values = [f"v{at}" for at in range(len(way))]
        moulds.learn(*written(*values, parts=parts), number)
        for known in range(number + 1):
            told = ways[known]
            others = [f"other {at}" for at in range(len(told))]
            around = ('{"' + told[0] + '": "', *(f'", "{name}": "' for name in told[1:]), '"}')
            text, _ = written(*others, parts=around)
            assert moulds.find(text) == (known, others)
            assert moulds.find(text.replace('"end"', '"eNd"')) is None
            assert moulds.find(text.replace("other 0", "")) is None
            assert moulds.find(text.replace('", "end', '",  "end')) is None
            assert moulds.find(text[:-1]) is None
