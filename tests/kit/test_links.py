"""A place that travels through a client comes back as it was, or not at all."""

from hashlib import sha256
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec import json

from carerecord.kit import links


class Place(NamedTuple):
    asked: str
    after: int


def ours(text: bytes) -> str:
    return sha256(b"a key of ours" + text).hexdigest()


@given(st.text(), st.integers(-(2**53), 2**53))
def test_what_was_written_is_read_again(asked, after):
    place = Place(asked, after)
    assert links.place(links.written(json.encode(place), ours), ours, Place) == place


@given(st.integers(0, 200), st.characters())
def test_no_edit_leads_anywhere_else(at, letter):
    link = links.written(json.encode(Place("question", 20)), ours)
    at %= len(link)
    assert links.place(link[:at] + letter + link[at + 1 :], ours, Place) in (None, Place("question", 20))


@given(st.binary(min_size=1), st.text("0123456789abcdef", max_size=64))
def test_nothing_that_we_did_not_seal_is_read(text, mac):
    link = links.written(text, lambda _: mac)
    assert links.opened(link, ours) is None


def test_a_link_of_another_make_is_not_read_as_a_place():
    assert links.place(links.written(b'{"other":1}', ours), ours, Place) is None
    assert links.place("", ours, Place) is None
    assert links.place("é.ü", ours, Place) is None
