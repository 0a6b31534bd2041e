"""A system keeps its flags in one drawer: who shares alerts shares those of safeguarding and safety, at the same stage."""

from carerecord.sources.model import read_registry

TABLE = """
[[source]]
id = "elm-bank"
organisation = "A99917"
name = "Elm Bank"
connector = "fhir_r4"
kind = "acute"
address = "https://elm-bank.example/fhir"
sections = {sections}
stage = "everyone"
{more}
"""


def shared(sections: str, more: str = "") -> list[tuple[str, str]]:
    registry = read_registry({"a.toml": TABLE.format(sections=sections, more=more)})
    assert registry.problems == ()
    return [(each.section, each.stage) for each in registry.sources[0].sections]


def test_safeguarding_is_shared_with_alerts_and_follows_their_stage():
    assert shared('["alerts", "plans"]') == [("alerts", "everyone"), ("safeguarding", "everyone"), ("plans", "everyone")]
    assert shared('["alerts"]', 'stages = { alerts = "safety-testers" }') == [
        ("alerts", "safety-testers"),
        ("safeguarding", "safety-testers"),
    ]


def test_safeguarding_may_have_a_stage_of_its_own_and_be_shared_by_itself():
    assert shared('["alerts"]', 'stages = { safeguarding = "off" }') == [("alerts", "everyone"), ("safeguarding", "off")]
    assert shared('["safeguarding"]') == [("safeguarding", "everyone")]
    assert shared('["plans"]') == [("plans", "everyone")]
