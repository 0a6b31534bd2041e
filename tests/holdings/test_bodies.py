"""Does a body come back as it was written, whatever packed it, and nothing else?"""

import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import psutil
import pytest
from cryptography.exceptions import InvalidTag

from carerecord.holdings.bodies import Bodies, with_ours

TEXT = b'{"resourceType":"Observation","id":"k1","status":"final","valueQuantity":{"value":1.10},"note":[{"text":"caf\xc3\xa9"}]}'
WHERE = {"organisation": "R9A", "patient": "p1", "place": "Observation/k1/1"}


def test_what_is_packed_comes_back_byte_for_byte() -> None:
    bodies = Bodies(b"k" * 32)

    packed = bodies.pack(TEXT, **WHERE)

    assert bodies.unpack(packed, **WHERE) == TEXT
    assert b"final" not in packed
    assert len(packed) < len(TEXT)


def test_what_an_earlier_dictionary_packed_still_opens() -> None:
    bodies = Bodies(b"k" * 32)
    words = files("carerecord.holdings").joinpath("dictionary-1.txt").read_bytes()
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, words)
    small, nonce = deflate.compress(TEXT) + deflate.flush(), b"n" * 12

    earlier = bytes((1,)) + nonce + bodies._sealer("R9A", "p1").encrypt(nonce, small, b"Observation/k1/1")

    assert bodies.unpack(earlier, **WHERE) == TEXT


@pytest.mark.parametrize("changed", [{"organisation": "R9B"}, {"patient": "p2"}, {"place": "Observation/k1/2"}])
def test_a_body_opens_in_its_own_place_alone(changed: dict[str, str]) -> None:
    bodies = Bodies(b"k" * 32)

    with pytest.raises(InvalidTag):
        bodies.unpack(bodies.pack(TEXT, **WHERE), **{**WHERE, **changed})


def test_of_many_that_are_packed_at_once_each_opens_in_its_own_place_alone_and_no_two_are_sealed_alike() -> None:
    bodies = Bodies(b"k" * 32)
    lying = [("R1A", f"p{number % 3}", f"Observation/o{number}/1") for number in range(50)]

    packed = bodies.pack_all([TEXT] * 50, lying)

    for body, (organisation, patient, place) in zip(packed, lying, strict=True):
        assert bodies.unpack(body, organisation=organisation, patient=patient, place=place) == TEXT
    assert len({body[1:13] for body in packed}) == 50
    with pytest.raises(InvalidTag):
        bodies.unpack(packed[0], organisation="R1A", patient="p0", place=lying[3][2])


def test_several_threads_may_pack_and_open_at_once() -> None:
    bodies = Bodies(b"k" * 32)
    texts = [TEXT * (place % 7 + 1) for place in range(400)]

    def there_and_back(text: bytes) -> bytes:
        return bodies.unpack(bodies.pack(text, **WHERE), **WHERE)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(there_and_back, texts)) == texts


def test_our_id_version_and_time_go_in_and_every_other_byte_stays() -> None:
    sent = (
        b'{ "resourceType" : "Observation", "meta":{"profile":["urn:p"], "versionId":"9"}, '
        b'"value" : 1.10 , "id":"theirs","a":"\\u00e9"}'
    )

    text = with_ours(sent, id_="k1", version=2, at="2026-11-22T10:00:00.000Z")

    assert text == (
        b'{"resourceType":"Observation","id":"k1","meta":{"profile":["urn:p"],"versionId":"2",'
        b'"lastUpdated":"2026-11-22T10:00:00.000Z"},"value":1.10,"a":"\\u00e9"}'
    )


def test_the_keys_of_many_people_do_not_stay_in_memory() -> None:
    """A key at hand is 5 KB outside of Python's own count; a node meets millions of people."""
    bodies, me = Bodies(b"k" * 32), psutil.Process()

    def met(people: range) -> int:
        for each in people:
            where = WHERE | {"patient": f"p{each}"}
            assert bodies.unpack(bodies.pack(TEXT, **where), **where) == TEXT
        return me.memory_info().rss

    before = met(range(2_000))

    assert met(range(2_000, 12_000)) - before < 10_000_000
