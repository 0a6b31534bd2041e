"""The index row and the text of a resource that is known by its letters are those that reading it gives."""

from typing import Any

import pytest
from tests.fhir.lettered_texts import OFTEN, others, written
from tests.holdings.conftest import Desk, held, raw

from carerecord.contracts.holdings import Change, Client
from carerecord.fhir import gates
from carerecord.fhir.bundle import parse
from carerecord.fhir.lettered import EVERY, Letters, as_written
from carerecord.fhir.search import parameters
from carerecord.holdings.bodies import with_ours
from carerecord.holdings.index import Index
from carerecord.holdings.lettered import Known, Plan, letters
from carerecord.holdings.reaching import confidential

HOSPITAL = Client("hospital", "R9A", "Aldermoor", chooses_ids=True, on_invalid="annotate")
RESULT = OFTEN[0]


LABELLED = OFTEN[5] | {"meta": OFTEN[5]["meta"] | {"lastUpdated": "2026-05-04T10:00:00Z"}}  # as it was read here before
NOTED = RESULT | {"note": [{"text": "Rested\nfor an hour"}]}


@pytest.fixture(scope="module")
def index() -> Index:
    return Index(parameters.load(), b"k" * 32)


@pytest.fixture(scope="module")
def known_letters(index: Index) -> Letters[Plan]:
    found = letters(gates.load(), index)
    for each in (*OFTEN, LABELLED, NOTED):
        for _ in range(EVERY):
            found.met(written(each))
    return found


@pytest.mark.parametrize("often", OFTEN, ids=[each["resourceType"] for each in OFTEN])
def test_its_row_its_label_and_whose_it_is_are_those_of_the_resource(
    index: Index, known_letters: Letters[Plan], often: dict[str, Any]
):
    checked = 0
    for text in (written(often), *others(written(often))):
        if (found := known_letters.find(text)) is None:
            continue
        known, parsed, type_ = Known(found[0].plan, found[1]), parse(text), often["resourceType"]
        assert (known.plan.type, known.id) == (type_, parsed["id"])
        assert known.row == (index.row(parsed, type_), confidential(parsed)), text
        assert known.whose == index.whose(parsed, type_), text
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("often", [*OFTEN, LABELLED, NOTED], ids=lambda each: each["resourceType"])
@pytest.mark.parametrize("id_", ["", "of-our-making"])
def test_its_text_with_our_id_version_and_time_is_that_of_the_resource(
    known_letters: Letters[Plan], often: dict[str, Any], id_: str
):
    checked = 0
    for text in (written(often), *others(written(often))):
        if (found := known_letters.find(text)) is None:
            continue
        known = Known(found[0].plan, found[1])
        ours: dict[str, Any] = {"version": 3, "at": "2026-11-22T10:00:00.000Z"}
        made = as_written(known.text(id_ or known.id, **ours), text)
        assert made == with_ours(text, id_=id_ or known.id, **ours), text
        checked += 1
    assert checked > 20


def test_a_sign_that_stands_for_the_end_of_a_line_here_is_never_taken_for_one(known_letters: Letters[Plan]):
    both, one = (written(RESULT | {"note": [{"text": told}]}) for told in ("A sign ¶\nof the press", "A sign ¶"))

    assert known_letters.find(both) is None
    assert (found := known_letters.find(one)) is not None
    assert b'"A sign \xc2\xb6"' in as_written(Known(found[0].plan, found[1]).text("o1", 1, "2026-11-22T10:00:00.000Z"), one)


async def test_the_last_of_many_is_found_by_its_own_words_and_one_with_a_fault_among_them_says_so(desk: Desk):
    many = 3 * EVERY
    for number in range(many):
        own: dict[str, Any] = {"id": f"o{number}", "subject": {"reference": f"Patient/p{number % 2}"}}
        own["identifier"] = [{"system": "urn:order", "value": f"f-{number}"}]
        assert (await desk.put(RESULT | own, client=HOSPITAL)).status == 201
    assert desk.keeper.writer.drafting.letters.find(written(RESULT)) is not None

    page = await desk.search("Observation", ("identifier", f"urn:order|f-{many - 1}"))
    assert [each.id for each in page.matches] == [f"o{many - 1}"]
    theirs = await desk.search("Observation", ("patient", "p1"), ("code", "K"), ("date", "2026-05-04"), ("encounter", "e1"))
    assert {each.id for each in theirs.matches} == {f"o{number}" for number in range(1, many, 2)}

    faulty = await desk.put(RESULT | {"id": "bad", "issued": "2026-02-30T10:00:00Z"}, client=HOSPITAL)
    assert [each.severity for each in faulty.issues] == ["warning"]
    assert (await desk.put(RESULT | {"id": "bad", "issued": "2026-02-30T10:00:00Z"})).status == 422
    another = Change("update", "Observation", "o1", raw(RESULT | {"id": "o2"}))
    assert (await desk.write(another))[0].status == 400


@pytest.mark.parametrize("said", [{}, {"id": "somebody-else"}])
async def test_a_new_patient_lies_in_a_record_of_its_own_whatever_id_was_sent_with_it(desk: Desk, said: dict[str, str]):
    for number in range(3 * EVERY):
        told = {"resourceType": "Patient", "name": [{"family": f"Marlow-{number}"}], "gender": "female"} | said
        (made,) = await desk.write(Change("create", "Patient", raw=raw(told)))
        id_ = held(made).id
        assert (await desk.database.pool.fetchval("SELECT patient FROM address WHERE id = $1", id_)) == id_
