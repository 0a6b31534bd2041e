"""Is what the region sends FHIR R4, but for the one item that is broken on purpose?"""

from carerecord.fhir.errors import Unreadable
from carerecord.fhir.reading import read
from carerecord.fhir.sections import SECTIONS, section_of
from carerecord.fhir.validate import load
from carerecord.region.shapes import Region


def test_every_resource_has_the_structure_of_its_type_but_the_broken_one(region: Region) -> None:
    validators = load()
    wrong = []
    for key, held in region.holdings.items():
        for holding in held:
            for each in holding.resources:
                faults = validators.faults(each)
                if faults:
                    wrong.append((key, holding.person, each["resourceType"], str(faults[0])))

    assert len(wrong) == 1, wrong[:5]
    assert wrong[0][:3] == ("aldermoor-community", "colin-barker", "Observation")


def test_the_product_can_read_every_resource_but_the_broken_one(region: Region) -> None:
    unreadable, untitled = [], []
    for key, held in region.holdings.items():
        for holding in held:
            for each in holding.resources:
                try:
                    facts = read(each, now=region.now)
                except Unreadable:
                    unreadable.append((key, holding.person))
                    continue
                if not facts.title:
                    untitled.append((key, each["resourceType"]))

    assert unreadable == [("aldermoor-community", "colin-barker")]
    assert not untitled


def test_the_register_answers_with_patients_of_the_right_structure(region: Region) -> None:
    validators = load(("Patient",))

    assert not [fault for entry in region.register.values() for fault in validators.faults(entry)]


def test_a_system_shares_only_sections_that_exist_and_holds_only_what_it_shares(region: Region) -> None:
    for system in region.systems:
        assert set(system.sections) <= set(SECTIONS)
        held = {section_of(each) for holding in region.holdings[system.key] for each in holding.resources}
        assert held <= set(system.sections), (system.key, held - set(system.sections))
