"""Which sections does a module bring?"""

from carerecord.fhir.modules import MODULES, served, strangers, takes_part
from carerecord.fhir.sections import SECTION_IDS


def test_every_section_is_brought_by_a_module_of_its_own_name():
    assert set(SECTION_IDS) <= set(MODULES)
    assert {section for brought in MODULES.values() for section in brought} == set(SECTION_IDS)


def test_modules_bring_their_sections_in_the_order_of_the_record_and_always_who_the_person_is():
    assert served(("radiology", "medicines", "pathology")) == ("medicines", "results", "demographics")


def test_flags_of_every_kind_come_together():
    assert {"alerts", "safeguarding", "adjustments"} <= set(served(("alerts",)))


def test_no_module_named_is_all_there_is():
    assert served(()) == ()
    assert takes_part("gp", ())


def test_a_departments_own_system_takes_part_with_its_own_module_or_the_whole_heading():
    assert [takes_part(kind, ("pathology",)) for kind in ("pathology", "radiology", "gp")] == [True, False, True]
    assert takes_part("radiology", ("results",))


def test_a_name_that_is_no_module_is_told():
    assert strangers(("medicines", "horoscopes")) == ("horoscopes",)
