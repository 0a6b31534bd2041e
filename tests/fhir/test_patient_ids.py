"""The id of a Patient here is the same for all who work it out, and another for each entry of each source."""

from carerecord.fhir.patient_ids import PatientIds
from carerecord.holdings.finding import ID

patient_id = PatientIds(b"the key of one installation")


def test_nobody_without_the_key_works_out_an_id_from_a_number():
    assert PatientIds(b"another")("fenwick-pas", "MRN 0012") != patient_id("fenwick-pas", "MRN 0012")
    assert "installation" not in repr(patient_id)


def test_one_entry_of_one_source_has_one_id_for_ever():
    assert patient_id("fenwick-pas", "MRN 0012") == "eex7hfr4ogahoq7yc3zv2tnp5e", "another would lose all that is kept"
    assert ID.match(patient_id("fenwick-pas", "MRN 0012/ä"))


def test_no_two_entries_share_an_id_however_their_names_are_cut():
    entries = [("a", "b"), ("ab", ""), ("", "ab"), ("b", "a"), ("a", "B")]
    assert len({patient_id(*each) for each in entries}) == len(entries)
