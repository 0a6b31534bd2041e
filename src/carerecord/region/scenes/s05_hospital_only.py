"""Scene 5: only another hospital's clinic knows of the methotrexate."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, TESTS
from carerecord.region.people.signs import PULSE, TEMPERATURE, pressure
from carerecord.region.scenes.cast import Cast, Told, practice_team, winters
from carerecord.region.shapes import Scene


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 50)
    susan = cast.person("susan-whitfield", "552031", "Mrs", "Susan", "Whitfield", "female", cast.born(58, 9, 27),
                        ("31 Moor View", "Aldermoor", "ZZ1 2SW"), ELM_BANK)  # fmt: skip
    sandford = By("Dr E Sandford", "consultant rheumatologist", "01632 960 322")
    clinic = cast.chart(susan, "fenwick-rheumatology", sandford)
    joints = clinic.problem(PROBLEMS["rheumatoid"], cast.years(3, 4, 18), note="Seropositive, erosive")
    started = cast.years(3, 5, 9)
    clinic.prescribe(DRUGS["methotrexate"], "15 mg once a week", started, dose=(15, "mg"), times=(1, 1, "wk"),
                     reason=joints, issued=cast.days(26), note="Hospital only: supplied by Fenwick out-patient pharmacy.")
    clinic.prescribe(DRUGS["folic-acid"], "5 mg once a week, on a different day from methotrexate", started,
                     dose=(5, "mg"), times=(1, 1, "wk"), reason=joints, issued=cast.days(26))
    clinic.encounter("Rheumatology clinic", cast.at(26, 10, 40), reason="Review: low disease activity")
    clinic.letter("Rheumatology clinic letter",
                  "Mrs Whitfield has rheumatoid arthritis in low disease activity.\nMethotrexate 15 mg once a week (Mondays); "
                  "folic acid 5 mg once a week (Thursdays). Supplied by this hospital.\nThe white cell count is lower than "
                  "before: to be repeated in four weeks.\n\nDr E Sandford", cast.at(26, 15))
    clinic.appoint("Rheumatology clinic", cast.at(-30, 10, 40), by=sandford)
    clinic.team("Rheumatology", (sandford, By("A Pickles", "rheumatology nurse", "01632 960 323")), started)

    lab = cast.chart(susan, "fenwick-pathology", None, "upper-case", "no-address")
    for ago, white, egfr, alt in ((26, 3.4, 72, 31), (89, 4.2, 73, 28), (152, 5.1, 75, 27)):
        at = cast.at(ago, 9, 15)
        lab.result(TESTS["white-cells"], white, at)
        lab.result(TESTS["egfr"], egfr, at)
        lab.result(TESTS["alt"], alt, at)

    gp = cast.chart(susan, "elm-bank")
    gp.allergy(ALLERGIES["none"], cast.days(700))
    gp.problem(PROBLEMS["rheumatoid"], cast.years(3, 4, 30), note="Under Fenwick rheumatology")
    thyroid = gp.problem(PROBLEMS["hypothyroidism"], cast.years(8, 2, 12))
    gp.prescribe(DRUGS["levothyroxine"], "100 micrograms each morning", cast.years(8, 2, 20), dose=(100, "microgram"),
                 times=(1, 1, "d"), reason=thyroid, issued=cast.days(16))
    gp.encounter("GP consultation", cast.at(16, 9, 20), reason="Thyroid check")
    gp.encounter("Telephone consultation", cast.at(200, 12), kind="VR", reason="Sore hands")
    winters(gp, cast, 3)
    practice_team(gp, cast.days(4000))
    gp.relative(("Martin", "Whitfield"), ("HUSB", "husband"), "01632 960 851", when=cast.days(700), roles=("next of kin",))

    door = cast.chart(susan, "aldermoor-emergency", By("Dr S Idowu", "emergency medicine registrar"))
    arrived = cast.minutes(96)
    door.encounter("A&E attendance", arrived, kind="EMER", state="in-progress", reason="Urinary symptoms, loin pain")
    door.problem(PROBLEMS["uti"], cast.minutes(48), diagnosis=True,
                 note="Plan: trimethoprim, not yet prescribed; medicines history from the patient: thyroid tablets only.")
    door.observe(TEMPERATURE, arrived, (37.9, "°C", "Cel"))
    door.observe(PULSE, arrived, (92, "beats/min", "/min"))
    pressure(door, arrived, 124, 72)
    cast.chart(susan, "hartley-pharmacy").dispense(
        DRUGS["levothyroxine"], "one each morning", cast.at(14, 16, 5), dose=(100, "microgram"), times=(1, 1, "d"))
    scene = Scene(
        number=5,
        title="A hospital-only medicine",
        story="Susan Whitfield, 58, has a urinary infection and is about to be given trimethoprim. Only Fenwick's "
        "rheumatology clinic holds her methotrexate, once a week.",
        user="sam.idowu", patient=susan.key, nhs_number=susan.nhs_number,
        reason="Attending the emergency department now",
        look_for=("Methotrexate and folic acid: only here, Fenwick", "The dose text, word for word: once a week",
                  "White cells 5.1, 4.2, 3.4: the falling trend"),
        must_show=("methotrexate", "15 mg once a week", "nly here", "folic acid", "5 mg once a week", "5.1", "4.2",
                   "3.4", "72", "White cell count"),
        must_not_show=("15 mg once a day",),
    )  # fmt: skip
    return scene, cast.told()
