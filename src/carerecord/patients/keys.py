"""Which other entries are worth comparing? Those that share a key: several keys an entry, so that no single error hides a pair.

Each key joins what two statements of one person seldom both get wrong. The same keys stand in the database, as numbers, and in a
batch.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations

from carerecord.patients import nicknames
from carerecord.patients.facts import Facts
from carerecord.patients.names import AT_HAND
from carerecord.patients.sounds import sound

FOLDED = 5  # raised whenever what is folded of an entry changes, its facts or its keys: the index then folds everybody anew
MOST = 60  # entries under one key that are compared; a key that more share tells too little to look further


def keys(facts: Facts) -> tuple[str, ...]:
    """A number; a birth date with either name; both names with part of a birth date; a place or telephone with a name.

    One may come twice: whoever looks them up does not mind, and telling them apart would be a good part of making them.
    """
    found: list[str] = []
    given, family, birth, post = facts.given[0] if facts.given else "", facts.family, facts.birth, facts.post
    called, named = _root(given), sound(family)
    # Given and family name may stand swapped, so both together stand in order.
    both = f"{called}|{named}" if called < named else f"{named}|{called}"
    add = found.append
    if facts.nhs:
        add("n" + facts.nhs)
    if birth:
        if birth[:4] != "0000" and birth[4:] != "0000":
            if called:
                add(f"b{birth}{called}")
            if named:
                add(f"b{birth}{named}")
            first = called[:1]
            for name in (family, *facts.also_family):
                letter = name[:1]
                add(f"l{birth}{first}{letter}" if first < letter else f"l{birth}{letter}{first}")
        if called and named:  # a slip leaves two of day, month and year as they are
            add(f"y{birth[2:]}{both}")
            add(f"z{birth[:2]}{birth[4:]}{both}")
            add(f"d{birth[:4]}{both}")
    if post:
        add(f"p{post}{facts.house}{called[:1]}")
        if called and named:
            add(f"a{post}{both}")
        if birth:
            add(f"q{post}{birth[4:]}")
    else:
        if birth[:4] not in ("", "0000"):
            found += [f"e{birth}{name[0]}" for name in (called, family) if name]
        if called and named:
            add("w" + both)
        if facts.place:
            found += _unplaced(facts, called, named)
        elif facts.stays:
            found += [f"f{name}|{word}" for word in _telling(facts.stays) for name in (called, named) if name]
        if birth:
            for name in (called, named):
                if name:
                    found += (f"v{name}|{birth[4:]}", f"u{name}|{birth[:4]}")
    for phone in facts.phones:
        add(f"t{phone}{called[:1]}")
    for number in facts.numbers:
        add(f"i{number}")
    return tuple(found)


def candidates(facts: Sequence[Facts]) -> set[tuple[int, int]]:
    """Every pair of places (lesser first) that shares a key, but for two entries of one source, which holds nobody twice."""
    under: defaultdict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(facts):
        for key in keys(each):
            under[key].append(place)
    source = [each.source for each in facts]
    found: set[tuple[int, int]] = set()
    for places in under.values():
        if len(places) == 2:
            one, other = places
            if source[one] != source[other]:
                found.add((one, other))
        elif 2 < len(places) <= MOST:
            found.update(pair for pair in combinations(places, 2) if source[pair[0]] != source[pair[1]])
    return found


def _unplaced(facts: Facts, called: str, named: str) -> Iterator[str]:
    """Without a postcode: two of the address's telling words, or one with a name or a year, for any word may be misspelt."""
    telling = _telling(facts.place)
    numbers = facts.house.split()
    for at, word in enumerate(telling):
        for other in telling[at + 1 :]:
            pair = f"s{min(word, other)}|{max(word, other)}"
            yield from (pair + number for number in numbers[:2])
            yield pair
        for name in (called, named):
            if name:
                yield f"f{name}|{word}"
        if facts.birth:
            yield f"r{word}{facts.birth[4:]}"
            yield f"m{word}{facts.birth[:4]}"
    for number in numbers:
        for name in (called, named):
            if name:
                yield f"h{number}|{name}"
        if facts.birth:
            yield f"x{number}|{facts.birth[4:]}"


def _telling(place: str) -> list[str]:
    return [sound(word) for word in sorted(place.split(), key=lambda word: (-len(word), word))[:5] if len(word) > 3]


def numbered(key: str) -> int:
    """The key as the database keeps it: 64 bits, the same on every machine."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


@lru_cache(maxsize=AT_HAND)
def _root(given: str) -> str:
    """How the full form of a given name sounds: Bill and William share it."""
    return sound(min(nicknames.full_forms(given) - {given}, default=given)) if given else ""
