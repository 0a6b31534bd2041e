"""A mapping and a registry table belong together; what is wrong with either is told when the registry is read."""

from pathlib import Path

from carerecord.region.servers.http import Asked, Listener, Reply, as_json
from carerecord.sources.model import read_registry
from carerecord.sources.probe import probe
from carerecord.sources.service import _fingerprint, _texts

MAPPING = (Path(__file__).parents[1] / "connectors" / "mappings" / "rivermead.toml").read_text(encoding="utf-8")
TABLE = """
[[source]]
id = "rivermead"
organisation = "RY901"
name = "Rivermead Community"
connector = "rest_json"
kind = "acute"
address = "https://rivermead.example/api"
knows_by = "nhs-number"
mapping = "rivermead.toml"
sections = ["allergies", "encounters"]
stage = "everyone"
"""
REGISTRY = """
[[source]]
id = "letters"
organisation = "RY901"
name = "Letters"
connector = "documents"
kind = "acute"
asks = "xds"
address = "https://letters.example/registry"
knows_by = "nhs-number"
sections = ["documents"]
repositories = [{ id = "1.2.3", address = "https://letters.example/repository" }]
"""


def test_a_mapping_comes_with_its_source_so_that_every_process_has_it():
    registry = read_registry({"a.toml": TABLE, "mappings/rivermead.toml": MAPPING})
    assert registry.problems == ()
    assert registry.sources[0].mapping == MAPPING


def test_a_changed_mapping_is_a_changed_registry():
    versions = {read_registry({"a.toml": TABLE, "mappings/rivermead.toml": MAPPING + more}).version for more in ("", "# a\n")}
    assert len(versions) == 2


def test_a_mistake_in_a_mapping_is_told_with_file_table_and_key_and_the_source_takes_no_part():
    wrong = MAPPING.replace('map = "allergy-risk"', 'map = "risks"')
    registry = read_registry({"a.toml": TABLE, "mappings/rivermead.toml": wrong})
    assert registry.sources == ()
    assert registry.problems == (
        "a.toml, rivermead: mappings/rivermead.toml: request allergies, item 1: fields.criticality: map names 'risks', "
        "and the mapping has no table codes.risks",
    )


def test_a_mapping_that_is_not_there_or_not_named_is_told():
    assert "no such file in the folder mappings" in read_registry({"a.toml": TABLE}).problems[0]
    unnamed = TABLE.replace('mapping = "rivermead.toml"\n', "")
    assert any("mapping is missing" in each for each in read_registry({"a.toml": unnamed}).problems)


def test_a_document_registry_says_where_its_repositories_are():
    registry = read_registry({"a.toml": REGISTRY})
    assert registry.problems == ()
    assert registry.sources[0].repositories[0].id == "1.2.3"
    without = "\n".join(line for line in REGISTRY.splitlines() if not line.startswith("repositories"))
    assert any("repositories is missing" in each for each in read_registry({"a.toml": without}).problems)
    assert any("asks says" in each for each in read_registry({"a.toml": REGISTRY.replace('"xds"', '"search"')}).problems)


def test_the_folder_of_mappings_is_read_and_watched(tmp_path: Path):
    (tmp_path / "mappings").mkdir()
    (tmp_path / "a.toml").write_text(TABLE, encoding="utf-8")
    before = _fingerprint(tmp_path)
    (tmp_path / "mappings" / "rivermead.toml").write_text(MAPPING, encoding="utf-8")
    assert _fingerprint(tmp_path) != before
    assert set(_texts(tmp_path)) == {"a.toml", "mappings/rivermead.toml"}


async def test_a_probe_asks_as_an_opening_does_about_a_number_of_nobody():
    asked: list[Asked] = []

    def answers(each: Asked) -> Reply:
        asked.append(each)
        return as_json({}, 404) if each.path == "/api/people/find" else as_json({}, 500)

    listener = Listener(answers)
    await listener.listen()
    try:
        there = read_registry({"a.toml": TABLE, "mappings/rivermead.toml": MAPPING}).sources[0]
        source = type(there)(**{**{name: getattr(there, name) for name in there.__struct_fields__},
                                "address": f"{listener.address}/api"})  # fmt: skip
        well = await probe(source, lambda _: "")
        listener.handler = lambda _: as_json({}, 500)
        badly = await probe(source, lambda _: "")
    finally:
        await listener.refuse()

    assert well.ok
    assert well.checks[0].says == "It answers (none held)."
    assert not badly.ok
    assert "try-mapping" in badly.checks[0].says
    assert all("9990000018" not in each.path for each in asked)
