"""How a source takes part is said of all its sections, or of one; what cannot be is refused in words."""

import pytest

from carerecord.sources.model import read_registry
from carerecord.sources.modules import narrowed
from carerecord.sources.probe import probe

LAB = """
[[source]]
id = "lab"
organisation = "R9A"
name = "Aldermoor laboratory"
kind = "pathology"
connector = "fhir_r4"
address = "https://lab.example/fhir"
sections = ["results", "documents", "alerts"]
stage = "everyone"
"""
SENDS = LAB.replace('connector = "fhir_r4"\naddress = "https://lab.example/fhir"', 'connector = "none"')


def arrangements(text: str) -> dict[str, str]:
    registry = read_registry({"a.toml": text})
    assert registry.problems == ()
    return {each.section: each.arrangement for each in registry.sources[0].sections}


def problems(text: str) -> str:
    return " ".join(read_registry({"a.toml": text}).problems)


def test_one_arrangement_for_all_and_another_where_a_section_differs():
    assert arrangements(LAB) == {"results": "live", "documents": "live", "alerts": "live", "safeguarding": "live"}
    text = LAB + 'arrangement = "both"\narrangements = { documents = "copy", alerts = "master" }\n'
    assert arrangements(text) == {"results": "both", "documents": "copy", "alerts": "master", "safeguarding": "master"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAB + 'arrangement = "cached"\n', "arrangement is 'cached'; it is one of live, copy, both, master"),
        (LAB + 'arrangements = { results = "cached" }\n', "arrangements.results is 'cached'"),
        (LAB + 'arrangements = { plans = "copy" }\n', "arrangements names 'plans', which it does not share"),
        (LAB + 'arrangements = "copy"\n', "arrangements is a table of sections"),
        (LAB + "copy_good_s = -1\n", "copy_good_s is a number of seconds"),
        (LAB.replace('address = "https://lab.example/fhir"', ""), "address is missing"),
        (SENDS, "connector is none, so nobody is asked: results, documents, alerts, safeguarding can be copy or master"),
    ],
)
def test_what_cannot_be_is_refused_in_words(text: str, words: str):
    assert words in problems(text)


async def test_a_source_that_only_sends_has_no_address_and_a_probe_says_so():
    text = SENDS + 'arrangement = "copy"\n'
    assert set(arrangements(text).values()) == {"copy"}
    found = await probe(read_registry({"a.toml": text}).sources[0], lambda _: "")
    assert found.ok
    assert "is not asked" in found.checks[0].says


def test_a_spreadsheet_says_it_too():
    sheet = (
        "id,organisation,name,kind,connector,address,sections,arrangement,arrangements\n"
        "lab,R9A,Lab,pathology,fhir_r4,https://lab.example,results;documents,both,documents=copy\n"
    )
    registry = read_registry({"a.csv": sheet})
    assert registry.problems == ()
    assert {each.section: each.arrangement for each in registry.sources[0].sections} == {"results": "both", "documents": "copy"}


def test_what_a_module_that_is_switched_off_kept_is_read_as_copies_where_that_is_wanted():
    lab = LAB + 'arrangements = { documents = "both" }\n'
    off = read_registry({"a.toml": lab, "modules.toml": 'modules = ["pathology"]'})
    kept = read_registry({"a.toml": lab, "modules.toml": 'modules = ["pathology"]\ncopies_of = ["documents", "alerts"]'})

    def left(registry):
        (lab,) = narrowed(registry.sources, registry.modules, registry.copies_of)
        return {each.section: each.arrangement for each in lab.sections}

    assert left(off) == {"results": "live"}
    assert left(kept) == {"results": "live", "documents": "copy"}, "of flags nothing was kept, so nothing stays"
    assert "documents" in kept.served
    assert "documents" not in off.served
    assert off.version != kept.version


def test_a_module_whose_copies_are_named_and_does_not_exist_is_told():
    told = " ".join(read_registry({"a.toml": 'copies_of = ["medicine"]'}).problems)
    assert "copies_of names 'medicine', which there is not" in told
