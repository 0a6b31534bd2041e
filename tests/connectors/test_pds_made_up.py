"""Is an answer that the PDS would never give refused, or read for what it says, and its number never another's?"""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from carerecord.connectors.pds import Circuit, NotRegistered, Pds, Registered, Searched, Turns
from carerecord.connectors.web import Answered
from carerecord.connectors.web_trouble import NoAnswer
from carerecord.contracts.sources import Source
from carerecord.fhir.identifiers import is_nhs_number
from carerecord.ingest.people import demographics
from tests.attacks.mutated import as_json, mutated

BODIES: Final = Path(__file__).parents[1] / "data" / "pds"
READ, LISTED, WRONG = (
    msgspec.json.decode((BODIES / name).read_bytes())
    for name in (
        "patientResponses__patient_9693632109.json", "searchResponses__fuzzy_single_searchset.json",
        "errorResponses__INVALID_RESOURCE_ID.json",
    )
)  # fmt: skip
SOURCE: Final = Source("pds", "QZ9", "Board", "PDS", "PD", "gp", "pds", "https://pds.example")
ANSWERS: Final = st.tuples(
    st.sampled_from((200, 200, 200, 400, 404, 429, 500)),
    st.one_of(mutated(READ), mutated(LISTED), mutated(WRONG)).map(as_json) | st.binary(max_size=40),
    st.text(max_size=20),
)


class Played:
    """The web, which always says this."""

    def __init__(self, status: int, body: bytes, etag: str) -> None:
        self._said = Answered(status, body, "application/fhir+json", etag=etag)

    async def get(self, *_: Any, **__: Any) -> Answered:
        return self._said

    async def patiently(self, once: Any, **_: Any) -> Answered:
        answered: Answered = await once()
        return answered


def a_pds(said: tuple[int, bytes, str]) -> Pds:
    return Pds(Played(*said), Turns(1e9, lambda: 0.0), circuit=Circuit(lambda: 0.0))  # type: ignore[arg-type]


@given(ANSWERS)
@settings(max_examples=250, deadline=None)
def test_whatever_is_answered_to_a_number_is_a_person_by_a_number_or_nobody_or_no_answer(said):
    try:
        found = asyncio.run(a_pds(said).read(SOURCE, "9693632109"))
    except NoAnswer:
        return
    if isinstance(found, NotRegistered):
        assert found.why in ("RESOURCE_NOT_FOUND", "INVALIDATED_RESOURCE", "INVALID_RESOURCE_ID")
        return
    assert isinstance(found, Registered)
    assert is_nhs_number(found.person.id)
    assert found.superseded == (found.person.id != "9693632109")
    assert msgspec.json.encode(demographics(found.person)), "as the index is told of it"


@given(ANSWERS)
@settings(max_examples=250, deadline=None)
def test_whatever_is_answered_to_a_search_is_a_list_of_people_or_no_answer(said):
    try:
        found = asyncio.run(a_pds(said).search(SOURCE, family="Smith", birth_date="2000-05-05"))
    except NoAnswer:
        return
    assert isinstance(found, Searched)
    assert [each.score for each in found.found] == sorted((each.score for each in found.found), reverse=True)
