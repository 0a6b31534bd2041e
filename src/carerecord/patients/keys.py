"""Which other entries are worth comparing? Those that share a key: several keys an entry, so that no single error hides a pair.

Each key joins what two statements of one person seldom both get wrong. The same keys stand in the database, as numbers, and in a
batch.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

from carerecord.patients import nicknames
from carerecord.patients.facts import Facts
from carerecord.patients.sounds import sound

MOST = 60  # entries under one key that are compared; a key that more share tells too little to look further


def keys(facts: Facts) -> tuple[str, ...]:
    """A number; a birth date with either name; both names with part of a birth date; a place or telephone with a name."""
    found: list[str] = []
    given, family, birth = facts.given[0] if facts.given else "", facts.family, facts.birth
    called, named = _root(given), sound(family)
    add = found.append
    if facts.nhs:
        add("n" + facts.nhs)
    if birth:
        year = birth[4:]
        if birth[:4] != "0000" and year != "0000":
            if called:
                add(f"b{birth}{called[0]}")
            if family:
                add(f"b{birth}{family[0]}")
            for former in facts.also_family:
                if former[0] != family[:1]:
                    add(f"b{birth}{former[0]}")
        if called and named:
            one, other = (called, named) if called < named else (named, called)  # given and family name may stand swapped
            add(f"y{year}{one}|{other}")
            add(f"d{birth[:4]}{one}|{other}")
    if called and named:
        one, other = (called, named) if called < named else (named, called)
        if facts.post:
            add(f"a{facts.post[:-3]}{one}|{other}")
        elif facts.place:
            add(f"w{one}|{other}")
    if facts.post:
        add(f"p{facts.post}{facts.house}{called[:1]}")
        if birth:
            add(f"q{facts.post}{birth[4:]}")
    elif facts.place:
        found += _unplaced(facts, called, named)
    for phone in facts.phones:
        add(f"t{phone}{called[:1]}")
    for number in facts.numbers:
        add(f"i{number}")
    return tuple(dict.fromkeys(found))


def candidates(facts: Sequence[Facts]) -> set[tuple[int, int]]:
    """Every pair of places (lesser first) that shares a key, but for two entries of one source, which holds nobody twice."""
    under: dict[str, list[int]] = {}
    for place, each in enumerate(facts):
        for key in keys(each):
            under.setdefault(key, []).append(place)
    return {
        (one, other)
        for places in under.values()
        if 1 < len(places) <= MOST
        for at, one in enumerate(places)
        for other in places[at + 1 :]
        if facts[one].source != facts[other].source
    }


def _unplaced(facts: Facts, called: str, named: str) -> Iterator[str]:
    """Without a postcode: two of the address's telling words, or one with a name or a year, for any word may be misspelt."""
    words = facts.place.split()
    telling = [sound(word) for word in sorted(words, key=lambda word: (-len(word), word))[:5] if len(word) > 3]
    numbers = facts.house.split()
    for at, word in enumerate(telling):
        for other in telling[at + 1 :]:
            yield f"s{min(word, other)}|{max(word, other)}{numbers[0] if numbers else ''}"
        if named:
            yield f"f{named}|{word}"
        if called:
            yield f"g{called}|{word}{numbers[-1] if numbers else ''}"
        if facts.birth:
            yield f"r{word}{facts.birth[4:]}"
            yield f"m{word}{facts.birth[:4]}"
    for number in numbers:
        if named:
            yield f"h{number}|{named}"
        if facts.birth:
            yield f"x{number}|{facts.birth[4:]}"
    if facts.birth:
        for name in (called, named):
            if name:
                yield f"v{name}|{facts.birth[4:]}"
                yield f"u{name}|{facts.birth[:4]}"


def numbered(key: str) -> int:
    """The key as the database keeps it: 64 bits, the same on every machine."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=1 << 16)
def _root(given: str) -> str:
    """How the full form of a given name sounds: Bill and William share it."""
    return sound(min(nicknames.full_forms(given) - {given}, default=given)) if given else ""
