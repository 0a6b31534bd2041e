"""Are references found however they are written, and is only their text put in another's place?"""

from carerecord.holdings.drafts import references, renamed

WRITTEN = (
    rb'{"subject":{"reference":"urn:a"},"a":[{"reference": "urn:b"},{"reference" :' b"\n\t" rb'"urn:c"},{"reference":"x\"y"},'
    rb'{"reference":""},{"reference":7},{"reference":{"reference":"urn:d"}}],"text":"\"reference\":\"urn:e\"","z":"reference"}'
)


def test_references_are_found_as_they_are_written_and_within_a_text_there_are_none() -> None:
    assert references(WRITTEN) == [b"urn:a", b"urn:b", b"urn:c", rb"x\"y", b"", b"urn:d"]
    assert references(b'{"reference":"cut off') == references(b"{}") == references(b"") == []


def test_a_named_reference_is_put_in_the_others_place_and_every_other_byte_stays() -> None:
    names = {b"urn:a": b"Patient/1", b"urn:c": b"Patient/3", rb"x\"y": b"Patient/4", b"urn:d": b"Patient/5", b"urn:e": b"P/6"}
    expected = WRITTEN
    for name in (b"urn:a", b"urn:c", b"urn:d"):
        expected = expected.replace(b'"%s"' % name, b'"%s"' % names[name])
    assert renamed(WRITTEN, names) == expected.replace(rb'"x\"y"', b'"Patient/4"')
    assert renamed(WRITTEN, {}) == WRITTEN
