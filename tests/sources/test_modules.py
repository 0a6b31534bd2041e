"""What is left of the sources when a deployment serves some modules alone?"""

from msgspec.structs import replace
from tests.sources.test_model import ELM
from tests.sources.test_service import a_keeper, said

from carerecord.contracts.sources import RegistryAsked, SharedSection, Source
from carerecord.sources.model import read_registry
from carerecord.sources.modules import narrowed

GP = Source(
    "elm-bank", "A99917", "Elm Bank", "Elm Bank", "GP", "gp", "fhir_r4", "https://elm.example",
    sections=tuple(SharedSection(each) for each in ("demographics", "medicines", "results")),
)  # fmt: skip
LAB = replace(GP, id="lab", kind="pathology", sections=(SharedSection("results"),))
XRAY = replace(LAB, id="xray", kind="radiology")


def shared(sources: tuple[Source, ...]) -> dict[str, list[str]]:
    return {each.id: [section.section for section in each.sections] for each in sources}


def test_a_source_keeps_the_sections_that_are_served_and_no_others():
    assert shared(narrowed((GP, LAB, XRAY), ("demographics", "pathology"))) == {
        "elm-bank": ["demographics", "results"], "lab": ["results"], "xray": [],
    }  # fmt: skip


def test_without_modules_nothing_is_taken_away():
    assert narrowed((GP, LAB), ()) == (GP, LAB)


def test_the_registry_names_its_modules_and_what_they_bring_and_a_name_that_is_none_is_a_problem():
    registry = read_registry({"elm.toml": ELM, "modules.toml": 'modules = ["pathology", "horoscopes"]'})
    assert registry.modules == ("pathology",)
    assert registry.served == ("results", "demographics")
    assert "'horoscopes', which there is not; they are" in registry.problems[0]
    assert registry.version != read_registry({"elm.toml": ELM}).version
    assert read_registry({"elm.toml": ELM}).served == ()


def test_a_file_whose_modules_are_no_list_is_a_problem_and_narrows_nothing():
    registry = read_registry({"modules.toml": 'modules = "pathology"'})
    assert (registry.modules, registry.problems) == ((), ("modules.toml: modules is a list of names",))


async def test_a_module_joins_without_a_restart_and_that_is_written_down(tmp_path, service_database):
    (tmp_path / "elm.toml").write_text(ELM)
    (tmp_path / "modules.toml").write_text('modules = ["pathology"]')
    keeper = await a_keeper(tmp_path, service_database)
    await keeper.read()
    first = (await keeper.answer_registry(RegistryAsked())).registry
    assert first is not None
    (tmp_path / "modules.toml").write_text('modules = ["pathology", "medicines"]')
    await keeper.read()
    second = (await keeper.answer_registry(RegistryAsked(first.version))).registry
    assert second is not None
    assert second.served == ("medicines", "results", "demographics")
    assert "module:medicines added" in (await said(keeper))[-1]
