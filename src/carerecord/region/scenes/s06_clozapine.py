"""Scene 6: fever on clozapine, which only the mental health trust knows of; and reception sees none of it."""

from datetime import datetime

from carerecord.region.organisations import QUAYSIDE
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, TESTS
from carerecord.region.people.signs import BREATHS, PULSE, SATURATION, TEMPERATURE, pressure
from carerecord.region.scenes.cast import Cast, Told, practice_team
from carerecord.region.shapes import Scene, View


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 60)
    leanne = cast.person("leanne-doyle", "604418", "Ms", "Leanne", "Doyle", "female", cast.born(41, 1, 23),
                         ("Flat 6, Ropewalk", "Fenwick", "ZZ4 3LD"), QUAYSIDE, ethnicity="White: Irish")  # fmt: skip
    farrow = By("Dr N Farrow", "consultant psychiatrist", "01632 960 604")
    nurse = By("T Ormerod", "care coordinator", "01632 960 607")
    mind = cast.chart(leanne, "calder-vale", farrow)
    illness = mind.problem(PROBLEMS["schizophrenia"], cast.years(17, 6, 6))
    mind.prescribe(DRUGS["clozapine"], "300 mg a day: 100 mg in the morning and 200 mg at night", cast.days(420),
                   dose=(300, "mg"), reason=illness, issued=cast.days(8),
                   note="Supplied by Calder Vale only, with blood monitoring.")
    mind.plan("Crisis plan", cast.days(95), kind="Crisis plan",
              text="If unwell: telephone T Ormerod in hours, the crisis line 01632 960 611 at night. Prefers a quiet room "
              "and her sister Gemma present. Clozapine must not be restarted at full dose after a gap of 48 hours.",
              lines=("Early signs: stops sleeping, stops answering the telephone", "Prefers a quiet room",
                     "Call her sister Gemma", "After a gap of 48 hours clozapine is not restarted at full dose"),
              by=nurse)
    mind.encounter("Clozapine clinic", cast.at(8, 10), reason="Monthly blood count and review", by=nurse)
    mind.letter("Clozapine clinic letter", "Well. Clozapine 300 mg a day. Monthly blood count taken. Practice: please add "
                "to the record as a hospital-only medicine.", cast.at(95, 15))
    mind.team("Fenwick community mental health team", (farrow, nurse), cast.years(17, 6, 6))
    mind.relative(("Gemma", "Doyle"), ("SIS", "sister"), "01632 960 873", when=cast.days(400), roles=("next of kin",))

    fenwick = cast.chart(leanne, "fenwick-pathology", None, "upper-case", "no-address")
    fenwick.result(TESTS["neutrophils"], 4.2, cast.at(36, 10, 20))
    fenwick.result(TESTS["white-cells"], 6.8, cast.at(36, 10, 20))
    fenwick.result(TESTS["neutrophils"], 2.1, cast.at(8, 10, 25))
    fenwick.result(TESTS["white-cells"], 4.1, cast.at(8, 10, 25))
    aldermoor = cast.chart(leanne, "aldermoor-pathology", None, "upper-case", "no-address")
    taken = cast.minutes(38)
    aldermoor.result(TESTS["neutrophils"], 0.9, taken, critical=True, note="Telephoned to the emergency department.")
    aldermoor.result(TESTS["white-cells"], 2.4, taken)
    aldermoor.result(TESTS["crp"], 142, taken)
    aldermoor.result(TESTS["haemoglobin"], 124, taken)

    gp = cast.chart(leanne, "quayside")
    gp.allergy(ALLERGIES["none"], cast.days(900))
    gp.problem(PROBLEMS["schizophrenia"], cast.years(17, 7, 1), note="Under Calder Vale")
    gp.problem(PROBLEMS["smoker"], cast.days(300), note="10 a day")
    lungs = gp.problem(PROBLEMS["asthma"], cast.years(25, 3, 3))
    gp.prescribe(DRUGS["salbutamol"], "two puffs when required", cast.years(20, 3, 3), dose=(2, "puff"), reason=lungs,
                 issued=cast.days(70), as_needed=True)
    gp.encounter("GP consultation", cast.at(70, 9, 50), reason="Asthma review")
    gp.appoint("Physical health check", cast.at(-12, 9, 30), by=By("Practice nurse"))
    gp.flag("Prefers a quiet room; may need more time to answer", cast.days(300), category="Reasonable adjustment")
    practice_team(gp, cast.days(3000))

    door = cast.chart(leanne, "aldermoor-emergency", By("Dr S Idowu", "emergency medicine registrar"))
    arrived = cast.minutes(74)
    door.encounter("A&E attendance", arrived, kind="EMER", state="in-progress", reason="Fever, sore throat")
    door.problem(PROBLEMS["fever"], arrived, diagnosis=True)
    door.problem(PROBLEMS["sore-throat"], arrived, diagnosis=True)
    door.observe(TEMPERATURE, arrived, (38.9, "°C", "Cel"))
    door.observe(PULSE, arrived, (118, "beats/min", "/min"))
    door.observe(BREATHS, arrived, (22, "breaths/min", "/min"))
    door.observe(SATURATION, arrived, (97, "%", "%"), note="On air")
    pressure(door, arrived, 104, 62)
    scene = Scene(
        number=6,
        title="Clozapine and a fever",
        story="Leanne Doyle, 41, has a sore throat and 38.9 °C. The mental health trust alone holds clozapine and her crisis "
        "plan. Her neutrophils fall, in two laboratories.",
        user="sam.idowu", patient=leanne.key, nhs_number=leanne.nhs_number,
        reason="Attending the emergency department now",
        look_for=("Clozapine: not in the GP record", "One neutrophil trend in one unit, both laboratories named",
                  "The crisis plan", "Sign in as the receptionist: none of it is there"),
        must_show=("clozapine", "300 mg", "ot in the GP record", "risis plan", "4.2", "2.1", "0.9", "Neutrophils",
                   "Fenwick Pathology", "Aldermoor Pathology", "38.9"),
        must_not_show=(),
        views=(View("leah.marsden", "as the receptionist", ("DOYLE", "quiet room"),
                    ("lozapine", "risis plan", "eutrophil", "chizophrenia", "38.9", "Calder Vale")),
               View("tim.ormerod", "as her care coordinator", ("clozapine", "risis plan", "Neutrophils"),
                    reason="I am her care coordinator; told of a fever"),
               View("jay.mistry", "as the community pharmacist", ("clozapine", "Neutrophils"),
                    ("quiet room and her sister Gemma",), reason="Supplying an antibiotic")),
    )  # fmt: skip
    return scene, cast.told()
