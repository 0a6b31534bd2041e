"""Does each row of an extract become what its mapping says, once, however often the file comes, and none of them nothing?"""

import gzip
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ingest.hl7v2.world import NHS, SENDER, all_is_well, on_a_page, one, resources, settled

from carerecord.fhir.person import person
from carerecord.ingest.extracts import NO_MAPPING, is_row, mapped, rows_of
from carerecord.ingest.hl7v2 import Filing, Unreadable, patient_id

MAPPING = """
name = "Allergies of Fenwick, weekly extract"
answers = "json"
zone = "Europe/London"
not_carried = ["rows.REGION"]

[person]
list = "rows"
id = "MRN"
read = { path = "-", json = { id = "{local_id}" } }

[person.fields]
"identifier[0].system" = { constant = "https://fhir.nhs.uk/Id/nhs-number", if = "NHS_NO" }
"identifier[0].value" = "NHS_NO"
"name[0].family" = "SURNAME"
birthDate = { date = "DOB", format = "%d/%m/%Y" }

[codes.state]
A = "active"
R = "resolved"

[[request]]
name = "allergies"
sections = ["allergies"]
path = "-"

[[request.item]]
list = "rows"
type = "AllergyIntolerance"
id = "ROW_ID"
person = "MRN"

[request.item.fields]
code = { concept = "CODE", system = "http://snomed.info/sct", text = "SUBSTANCE" }
"clinicalStatus.coding[0].code" = { code = "STATE", map = "state" }
"clinicalStatus.coding[0].system" = { constant = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical" }
"""
HEAD = "ROW_ID,MRN,NHS_NO,SURNAME,DOB,CODE,SUBSTANCE,STATE,REGION"
PENICILLIN = f"1,M7,{NHS},Marlow,14/07/1948,91936005,Penicillin,A,North"
LATEX = f'2,M7,{NHS},Marlow,14/07/1948,1003755004,"Latex, natural",A,North'
AT = "2026-11-22T02:00:00+00:00"


def rows(*lines: str, head: str = HEAD, at: str = AT) -> list[bytes]:
    return [row for _, row in read("\r\n".join([head, *lines, ""]).encode(), at=at)]


def read(body: bytes, *, at: str = AT, mapping: str = "") -> Iterator[tuple[int, bytes]]:
    return rows_of(BytesIO(body), "fenwick-allergies", at, mapping)


def filings(*lines: str, at: str = AT) -> list[Filing]:
    return [mapped(each, SENDER, MAPPING) for each in rows(*lines, at=at)]


def test_each_row_is_a_resource_of_the_person_whom_it_names():
    puts = settled(filings(PENICILLIN, LATEX))
    all_is_well(puts)

    assert {on_a_page(each).title for each in resources(puts, "AllergyIntolerance")} == {"Penicillin", "Latex, natural"}
    assert {each["patient"]["reference"] for each in resources(puts, "AllergyIntolerance")} == {
        f"Patient/{patient_id(SENDER, 'M7')}"
    }
    found = person(one(puts, "Patient"))
    assert (found.nhs_number, found.birth_date, found.names[0].family) == (NHS, "1948-07-14", "Marlow")


def test_the_same_file_twice_is_the_same_messages():
    assert rows(PENICILLIN, LATEX) == rows(PENICILLIN, LATEX)
    assert rows(LATEX, PENICILLIN) == list(reversed(rows(PENICILLIN, LATEX)))


def test_the_newest_extract_stands_whichever_is_read_first():
    old, new = filings(PENICILLIN), filings(PENICILLIN.replace(",A,", ",R,"), at="2026-11-29T02:00:00+00:00")
    for order in (old + new, new + old):
        assert one(settled(order), "AllergyIntolerance")["clinicalStatus"]["coding"][0]["code"] == "resolved"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_columns_may_be_parted_by_any_usual_sign(delimiter):
    found = rows(PENICILLIN.replace(",", delimiter), head=HEAD.replace(",", delimiter))

    assert mapped(found[0], SENDER, MAPPING).people[0].local_id == "M7"


def test_a_byte_order_mark_and_letters_of_windows_are_read():
    line = PENICILLIN.replace("Marlow", "O\u2019Brien")
    for body in (f"{HEAD}\n{line}\n".encode("utf-8-sig"), f"{HEAD}\n{line}\n".encode("cp1252")):
        ((_, row),) = read(body)
        assert mapped(row, SENDER, MAPPING).people[0].demographics.names[0].family == "O\u2019Brien"


@given(
    st.lists(
        st.tuples(
            st.integers(0, 400), st.integers(0, 3),
            st.sampled_from([b"\0", b'"', b'""', b"\xff", b"\xed\xa0\x80", b"\r", b"\n", b",", b";", b"\t", b"\x1f", b"\x1f\n",
                             b"1e400", b"\xd9\xa1", b"\xe2\x80\xa8", b"9" * 400]),
        ),
        max_size=6,
    ),
    st.integers(0, 400),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_a_file_wrong_or_cut_anywhere_is_rows_or_a_reason(changes, end):
    body = bytearray("\r\n".join([HEAD, PENICILLIN, LATEX, PENICILLIN.replace("Marlow", "Ren\u00e9e"), ""]).encode())
    for at, gone, put in changes:
        body[at : at + gone] = put
    with suppress(Unreadable):
        for _, row in read(bytes(body[:end]) if end < len(body) else bytes(body)):
            assert is_row(row)
            with suppress(Unreadable):
                assert mapped(row, SENDER, MAPPING).people


@pytest.mark.parametrize(
    "said",
    [b"", b"1}", b'"a","at":"\xff"}', b'"a","at":"\\ud800","row":{}}', b'"a","x":' + b"[" * 100_000, b'"a","row":{"a":1e400}}'],
)
def test_what_only_begins_like_a_row_is_told_so(said):
    with pytest.raises(Unreadable):
        mapped(b'{"extract":' + said, SENDER, MAPPING)


def test_one_byte_of_another_character_set_garbles_no_other_row():
    sound, odd = PENICILLIN.replace("Marlow", "Jos\u00e9"), PENICILLIN.replace("Marlow", "Ren\u00e9e")
    found = read(f"{HEAD}\n{sound}\n".encode() + f"{odd}\n".encode("cp1252"))
    families = [mapped(row, SENDER, MAPPING).people[0].demographics.names[0].family for _, row in found]
    assert families == ["Jos\u00e9", "Ren\u00e9e"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,M7,9990000018,Marlow", "4 columns"),
        (f"1,,{NHS},Marlow,14/07/1948,91936005,Penicillin,A,North", "nobody"),
        (PENICILLIN.replace("14/07/1948", "1948-07-14"), "DOB"),
        (PENICILLIN.replace(",A,", ",Q,"), "STATE"),
    ],
)
def test_a_row_that_cannot_be_read_waits_with_a_reason_that_names_columns_and_the_others_stand(line, why):
    good, bad = rows(PENICILLIN, line)

    assert mapped(good, SENDER, MAPPING).statements
    with pytest.raises(Unreadable, match=why) as refused:
        mapped(bad, SENDER, MAPPING)
    assert NHS not in refused.value.reason
    assert "Marlow" not in refused.value.reason


def test_a_column_that_the_mapping_does_not_know_is_named():
    (row,) = rows(f"{PENICILLIN},high", head=f"{HEAD},SEVERITY")

    assert mapped(row, SENDER, MAPPING).notes == ("SEVERITY is not carried",)


@pytest.mark.parametrize("rest", ["", "\n", "\n" + PENICILLIN, "\n" + "x" * 10_000_001])
def test_a_quotation_mark_that_is_never_closed_swallows_no_row_in_silence(rest):
    found = read(f'{HEAD}\n{PENICILLIN}\n3,M7,{NHS},Marlow,14/07/1948,1,Nuts,A,"North{rest}'.encode())

    line, row = next(found)
    assert (line, b"Penicillin" in row) == (2, True)
    with pytest.raises(Unreadable, match=r"in the row that begins in line 3 is .*never closed"):
        next(found)


@pytest.mark.parametrize("body", [f'"{HEAD}', ""])
def test_a_head_that_never_ends_or_is_none_is_refused(body):
    with pytest.raises(Unreadable):
        list(read(body.encode()))


def test_a_row_of_two_lines_is_one_row():
    assert len(rows(LATEX.replace("Latex, natural", "Latex,\r\nnatural"), PENICILLIN)) == 2


def test_a_file_that_does_not_name_its_columns_is_refused():
    for head in ("", "A,A", "A,,B"):
        with pytest.raises(Unreadable, match="first line"):
            list(read(head.encode()))


def test_an_extract_in_utf_16_is_read_and_what_is_no_text_is_refused_as_such():
    body = "\r\n".join([HEAD, PENICILLIN.replace("Marlow", "Ren\u00e9e"), ""])
    ((line, row),) = read(body.encode("utf-16"))

    assert (line, mapped(row, SENDER, MAPPING).people[0].demographics.names[0].family) == (2, "Ren\u00e9e")
    for odd, why in ((body.encode("utf-16-be"), "no text"), (gzip.compress(body.encode()), "packed"), (b"PK\3\4", "packed")):
        with pytest.raises(Unreadable, match=why):
            list(read(odd))


def test_a_column_that_the_mapping_reads_and_the_file_lacks_refuses_the_file_and_no_row_is_filed_without_it():
    without = HEAD.replace("DOB", "DATE_OF_BIRTH").replace("STATE", "STATUS")
    with pytest.raises(Unreadable, match="lacks what the mapping reads: DOB, STATE"):
        list(read(f"{without}\n{PENICILLIN}\n".encode(), mapping=MAPPING))
    assert len(list(read(f"MORE,{HEAD}\nx,{PENICILLIN}\n".encode(), mapping=MAPPING))) == 1


def test_a_source_without_a_mapping_says_so():
    with pytest.raises(Unreadable, match=NO_MAPPING):
        mapped(rows(PENICILLIN)[0], SENDER, "")


def test_a_row_is_told_from_every_other_message():
    assert is_row(rows(PENICILLIN)[0])
    assert not is_row(b'{"resourceType":"Bundle"}')
    assert not is_row(b"MSH|^~\\&|")
