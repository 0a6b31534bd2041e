"""Scene 7: the record is between two practices, and the insulin is known elsewhere."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import DRUGS, PROBLEMS, TESTS
from carerecord.region.people.signs import BREATHS, PULSE, pressure
from carerecord.region.scenes.cast import NAIR, Cast, Told
from carerecord.region.shapes import Fault, Scene


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 70)
    aisha = cast.person("aisha-rahman", "711905", "Miss", "Aisha", "Rahman", "female", cast.born(19, 4, 6),
                        ("18 Albert Terrace", "Aldermoor", "ZZ1 8AR"), ELM_BANK,
                        ethnicity="Asian or Asian British: Bangladeshi")  # fmt: skip
    new = cast.chart(aisha, "elm-bank")
    new.listing("933361000000108", "Medications and medical devices", "data-in-transit")
    new.listing("886921000000105", "Allergies and adverse reactions", "data-in-transit")
    old = cast.chart(aisha, "quayside")
    clinic = cast.chart(aisha, "fenwick-diabetes", By("Dr F Ahmadi", "consultant diabetologist", "01632 960 331"))
    sugar = clinic.problem(PROBLEMS["diabetes-1"], cast.years(8, 1, 30))
    clinic.prescribe(DRUGS["degludec"], "18 units at night", cast.days(120), dose=(18, "unit"), times=(1, 1, "d"),
                     reason=sugar, issued=cast.days(40))
    clinic.prescribe(DRUGS["aspart"], "with meals, 1 unit for each 10 g of carbohydrate", cast.days(120), reason=sugar,
                     issued=cast.days(40), times=(3, 1, "d"))
    clinic.encounter("Young adult diabetes clinic", cast.at(40, 14), reason="Review")
    clinic.letter("Diabetes clinic letter", "Insulin degludec 18 units at night, insulin aspart with meals. HbA1c 71.",
                  cast.at(40, 16))
    door = cast.chart(aisha, "aldermoor-emergency", NAIR)
    arrived = cast.minutes(52)
    door.encounter("A&E attendance", arrived, kind="EMER", state="in-progress", reason="Vomiting, drowsy, known diabetes")
    door.problem(PROBLEMS["ketoacidosis"], cast.minutes(30), diagnosis=True)
    door.observe(PULSE, arrived, (124, "beats/min", "/min"))
    door.observe(BREATHS, arrived, (30, "breaths/min", "/min"))
    pressure(door, arrived, 98, 58)
    lab = cast.chart(aisha, "aldermoor-pathology", None, "upper-case", "no-address")
    for test, value in (("glucose", 27.4), ("ketones", 5.8), ("ph", 7.14), ("potassium", 5.2)):
        lab.result(TESTS[test], value, cast.minutes(36), critical=test in ("ph", "ketones"))
    scene = Scene(
        number=7,
        title="Record in transit",
        story="Aisha Rahman, 19, has ketoacidosis. She moved practice 6 days ago: the old practice no longer answers for her, "
        "the new one is still empty. Fenwick's diabetes clinic holds her insulin.",
        user="priya.nair", patient=aisha.key, nhs_number=aisha.nhs_number, reason="Attending the emergency department now",
        look_for=("The transfer is not finished, the GP record may be incomplete; never “no medicines”",
                  "Insulin degludec and aspart are in sight"),
        must_show=("insulin degludec", "18 units at night", "insulin aspart", "ransfer not finished, may be incomplete",
                   "27.4", "7.14"),
        must_not_show=("No medicines",),
        faults=(Fault("quayside", "gone", old.patient_id),),
    )  # fmt: skip
    return scene, cast.told()
