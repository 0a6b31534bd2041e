"""A registry is read from TOML, and what cannot be read is said in words that help."""

from carerecord.sources.model import changes, digests, read_registry

ELM = """
[[source]]
id = "elm-bank"
organisation = "A99917"
name = "Elm Bank Surgery"
connector = "fhir_r4"
kind = "acute"
address = "https://elm.example/fhir"
sections = ["allergies", "medicines"]
"""


def test_connecting_a_source_is_one_table():
    registry = read_registry({"elm.toml": ELM})
    (source,) = registry.sources
    assert (source.id, source.name, source.mark) == ("elm-bank", "Elm Bank Surgery", "EL")
    assert [(each.section, each.arrangement) for each in source.sections] == [("allergies", "live"), ("medicines", "live")]
    assert registry.problems == ()


def test_the_same_words_make_the_same_version():
    assert read_registry({"a.toml": ELM}).version == read_registry({"b.toml": ELM + "\n# a remark\n"}).version


def test_a_table_that_cannot_be_read_leaves_the_others_standing():
    registry = read_registry({"broken.toml": "[[source]", "elm.toml": ELM})
    assert [each.id for each in registry.sources] == ["elm-bank"]
    assert registry.problems[0].startswith("broken.toml is not TOML")


def test_every_fault_is_told_at_once_with_what_to_write():
    registry = read_registry(
        {
            "x.toml": '[[source]]\nid = "x"\nname = "X"\nconnector = "ftp"\naddress = "nowhere"\n'
            'sections = ["alergies"]\ndeadline_s = 90\n'
        }
    )
    told = " ".join(registry.problems)
    assert registry.sources == ()
    for words in (
        "organisation is missing",
        "kind is missing; it is one of gp, acute",
        "one of fhir_r4, ",
        "not an http",
        "'alergies' is not known",
        "at most 30 seconds",
    ):
        assert words in told


def test_two_tables_of_one_id_are_a_problem_and_the_first_stands():
    registry = read_registry({"a.toml": ELM, "b.toml": ELM.replace("Elm Bank Surgery", "Another")})
    assert [each.name for each in registry.sources] == ["Elm Bank Surgery"]
    assert "another table has this id" in registry.problems[0]


def test_changes_are_told_by_id_alone():
    before = digests(read_registry({"a.toml": ELM}).sources)
    after = digests(read_registry({"a.toml": ELM.replace("elm.example", "new.example")}).sources)
    assert changes(before, after) == ("elm-bank changed",)
    assert changes({}, after) == ("elm-bank added",)
    assert changes(after, {}) == ("elm-bank removed",)


def test_a_table_that_names_no_stage_is_open_to_nobody():
    (source,) = read_registry({"a.toml": ELM}).sources
    assert {each.stage for each in source.sections} == {"off"}


def test_sections_of_one_table_may_stand_at_stages_of_their_own():
    stages = 'stage = "safety-testers"\nstages = { allergies = "organisations" }\n'
    text = ELM + stages + 'open_to = ["R9A"]\nstage_at_most = "organisations"\n'
    registry = read_registry({"a.toml": text})
    assert registry.problems == ()
    assert [(each.section, each.stage, each.organisations, each.ceiling) for each in registry.sources[0].sections] == [
        ("allergies", "organisations", ("R9A",), "organisations"),
        ("medicines", "safety-testers", ("R9A",), "organisations"),
    ]


def test_a_stage_that_is_misspelt_is_told_and_opens_nothing():
    for wrong, says in (
        ('stage = "everybody"', "one of off, safety-testers, organisations, everyone"),
        ('stages = { allergy = "off" }', "'allergy', which it does not share"),
        ('stage = "organisations"', "open_to names none"),
        ('stage = "everyone"\nstage_at_most = "organisations"\nopen_to = ["R9A"]', "wider than stage_at_most"),
        ('stage = "organisations"\nopen_to = ["not one"]', "not an ODS code"),
    ):
        registry = read_registry({"a.toml": ELM + wrong + "\n"})
        assert registry.sources == ()
        assert says in " ".join(registry.problems), wrong


def test_safety_testers_are_named_in_a_file():
    text = (
        '[[safety_tester]]\nid = "rahman"\nname = "Dr A Rahman"\norganisation = "R9A"\n'
        'issuer = "https://idp.example"\nsubject = "7"\n'
    )
    registry = read_registry({"a.toml": ELM, "b.toml": text, "c.toml": '[[safety_tester]]\nid = "x"\n'})
    assert [each.key for each in registry.testers] == ["https://idp.example|7"]
    assert "c.toml, safety_tester 1" in registry.problems[0]


def test_a_practice_that_speaks_gp_connect_says_in_whose_name_it_is_asked():
    table = ELM.replace("fhir_r4", "gp_connect")
    assert "twelve digits" in read_registry({"elm.toml": table}).problems[0]
    assert "pairs" in read_registry({"elm.toml": table + 'asid = "200000000115"\nasids = [["R9A"]]\n'}).problems[0]
    (source,) = read_registry({"elm.toml": table + 'asid = "200000000115"\nany_practice = true\n'}).sources
    assert (source.connector, source.asid, source.any_practice) == ("gp_connect", "200000000115", True)
