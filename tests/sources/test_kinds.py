"""A source's kind decides who is told of it: a word that is none is a fault, and the source takes no part until it is mended."""

from carerecord.sources.model import read_registry

TABLE = """
[[source]]
id = "harbour"
organisation = "R9S"
name = "Harbour Sexual Health"
connector = "fhir_r4"
address = "https://harbour.example/fhir"
sections = ["medicines"]
stage = "everyone"
kind = "{}"
"""


def test_a_misspelt_kind_opens_nothing():
    registry = read_registry({"a.toml": TABLE.format("sexual health")})
    assert registry.sources == ()
    assert "kind is 'sexual health'; it is one of" in registry.problems[0]
    assert read_registry({"a.toml": TABLE.format("sexual-health")}).problems == ()
