"""People at the edge of what a page must hold: everything that can stand beside a name at once, and more of it than fits."""

from msgspec.structs import replace

from carerecord.contracts.patients import Name, Person
from carerecord.contracts.records import AllergyTitle, Choice, Record
from carerecord.fhir.facts import Allergy
from tests.pages.a_record import ago, day, entry, facts, lab, person, plain, record, stuck, trend

ALLERGIES = ("Penicillin", "Trimethoprim", "Latex", "Iodinated contrast media", "Chlorhexidine gluconate")


def everything_at_once() -> Record:
    """Died, a test patient, one of twins, restricted, a long name with a preferred one, five allergies, two entries."""
    allergies = [
        entry("elm-bank", facts("AllergyIntolerance", "allergies", each, day(400), allergy=Allergy(each, each.lower(), "active")))
        for each in ALLERGIES
    ]
    flags = [plain("elm-bank", "alerts", f"Flag number {each}, at some length", day(each), "Flag") for each in range(9)]
    crowded = [
        lab("aldermoor-pathology", "Potassium", f"{3.5 + each % 5 / 2:.1f}", "mmol/L", ago(hours=each * 2), 3.5, 5.3)
        for each in range(24)
    ]
    old = [lab("aldermoor-pathology", "Ferritin", "12", "µg/L", day(2900), 15, 300)]
    two = replace(
        stuck("aldermoor-radiology", "incomplete", "2 entries for one number"),
        choices=(
            Choice("R-1", "OKONKWO-FEATHERSTONEHAUGH, Maximiliana", "1931-03-02", "female"),
            Choice("R-2", "OKONKWO, Max", "1931-03-02", "male"),
        ),
    )
    return record(
        _long_named(),
        [*allergies, *flags, *crowded, *old],
        ("elm-bank", "aldermoor-pathology", "aldermoor-radiology"),
        opening="o-edge",
        title=AllergyTitle("Known allergies", "", ALLERGIES, day(400)),
        trends=(trend(crowded, "Potassium"), trend(old, "Ferritin")),
        states={"aldermoor-radiology": two},
    )


def _long_named() -> Person:
    plain_one = person("Edge", "Max", "Mrs", "1931-03-02", "female", "9990000085")
    demographics = replace(
        plain_one.demographics,
        names=(
            Name("Okonkwo-Featherstonehaugh-Wolstenholme", ("Maximiliana", "Alexandrina", "Persephone"), "Professor Dame"),
            Name("", ("Max",), use="nickname"),
        ),
        deceased="2026-11-20",
        multiple_birth="2",
        restricted=True,
        test=True,
        interpreter="British Sign Language",
    )
    return replace(plain_one, demographics=demographics)
