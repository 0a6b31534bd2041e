"""Scene 1: the general practice is silent, and it alone knows of the anaphylaxis."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, REACTIONS, TESTS
from carerecord.region.people.signs import COMA, PULSE, SATURATION, WEIGHT, pressure
from carerecord.region.scenes.cast import NAIR, Cast, Told, practice_team, winters
from carerecord.region.shapes import Fault, Scene


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 10)
    edith = cast.person("edith-marlow", "217304", "Mrs", "Edith", "Marlow", "female", cast.born(78, 6, 19),
                        ("12 Orchard Close", "Aldermoor", "ZZ1 3EM"), ELM_BANK)  # fmt: skip
    _practice(cast)
    _trust(cast)
    _others(cast)
    practice = next(chart for chart in cast.charts if chart.system.key == "elm-bank")
    scene = Scene(
        number=1,
        title="The GP is silent",
        story="Edith Marlow, 78, fell and hit her head; GCS 13, she cannot speak. Her GP holds a penicillin anaphylaxis, "
        "and is the one source that is down. Aldermoor wrote “no known allergies” in "
        f"{cast.years(7, 4, 5).year}.",
        user="priya.nair",
        patient=edith.key,
        nhs_number=edith.nhs_number,
        reason="Attending the emergency department now",
        look_for=("The title says Allergies unavailable and names the GP, with its last answer",
                  "Apixaban 5 mg twice a day, from the anticoagulation clinic's letter, is in sight",
                  "Retry turns the title to Known allergies, and says so"),
        must_show=("Allergies unavailable", "Elm Bank Surgery", "apixaban", "twice a day", "eGFR", "54"),
        must_not_show=("Known allergies",),
        at_first_paint=("Allergies unavailable",),
        after_retry=("Known allergies", "enicillin", "naphylaxis"),
        faults=(Fault("elm-bank", "unavailable", practice.patient_id, openings=1),),
    )  # fmt: skip
    return scene, cast.told()


def _practice(cast: Cast) -> None:
    edith = cast.people[0]
    gp = cast.chart(edith, "elm-bank")
    gp.allergy(ALLERGIES["penicillin"], cast.years(5, 9, 17), reaction=REACTIONS["anaphylaxis"], severity="severe",
               criticality="high", note="Given amoxicillin for a chest infection: collapse, adrenaline by ambulance.")
    rhythm = gp.problem(PROBLEMS["atrial-fibrillation"], cast.years(6, 1, 15))
    pressures = gp.problem(PROBLEMS["hypertension"], cast.years(14, 3, 2))
    gp.problem(PROBLEMS["macular"], cast.years(3, 7, 4))
    gp.problem(PROBLEMS["knee-arthritis"], cast.years(9, 5, 21))
    gp.problem(PROBLEMS["recurrent-falls"], cast.years(1, 12, 16))
    issued = cast.days(25)
    gp.prescribe(DRUGS["apixaban"], "5 mg twice a day", cast.years(6, 1, 22), dose=(5, "mg"), times=(2, 1, "d"),
                 issued=issued, reason=rhythm)
    gp.prescribe(DRUGS["bisoprolol-2.5"], "2.5 mg each morning", cast.years(6, 1, 22), dose=(2.5, "mg"),
                 times=(1, 1, "d"), issued=issued, reason=rhythm)
    gp.prescribe(DRUGS["amlodipine"], "5 mg once a day", cast.years(14, 3, 9), dose=(5, "mg"), times=(1, 1, "d"),
                 issued=issued, reason=pressures)
    for ago, systolic in ((25, 138), (190, 142), (400, 144)):
        pressure(gp, cast.at(ago, 9, 30), systolic, 78)
    gp.observe(WEIGHT, cast.at(25, 9, 30), (58.4, "kg", "kg"))
    for ago, why in ((25, "Medication review"), (61, "Dizzy on standing"), (150, "Knee pain"), (245, "Chest infection"),
                     (400, "Blood pressure check"), (610, "Cough")):
        gp.encounter("GP consultation", cast.at(ago, 9, 40), reason=why)
    gp.letter("Referral to falls clinic", "Third fall this year. Please assess. Takes apixaban.", cast.at(61, 12))
    gp.letter("Summary for care navigator", "Lives alone in a bungalow. Daughter visits daily.", cast.at(150, 12))
    winters(gp, cast, 6)
    gp.immunise("Shingles vaccine", cast.years(6, 5, 12), target="shingles")
    gp.social("Housing", "Lives alone in a bungalow; daughter visits daily", cast.days(150))
    practice_team(gp, cast.years(20, 4, 1))
    gp.relative(("Ann", "Marlow"), ("DAUC", "daughter"), "01632 960 877", when=cast.days(150), roles=("next of kin",))


def _trust(cast: Cast) -> None:
    edith = cast.people[0]
    pell = By("Dr R Pell", "registrar in medicine")
    epr = cast.chart(edith, "aldermoor-epr", pell)
    epr.allergy(ALLERGIES["none"], cast.years(7, 4, 5), note="Asked at pre-assessment for cataract surgery.")
    epr.problem(PROBLEMS["atrial-fibrillation"], cast.years(6, 1, 15))
    epr.encounter("Cataract surgery, day case", cast.years(7, 4, 12), reason="Cataract")
    epr.letter("Cardiology letter", "New atrial fibrillation. Start apixaban 5 mg twice a day and bisoprolol 2.5 mg.",
               cast.years(6, 1, 20), by=By("Dr L Brandt", "consultant cardiologist"))

    door = cast.chart(edith, "aldermoor-emergency", NAIR)
    arrived, seen = cast.minutes(42), cast.minutes(14)
    door.encounter("A&E attendance", arrived, kind="EMER", state="in-progress", reason="Fall, head injury, GCS 13")
    door.problem(PROBLEMS["head-injury"], seen, diagnosis=True, note="Fall from standing. Cannot speak.")
    door.flag("Cannot speak for herself today: GCS 13", seen, category="Clinical alert",
              note="Daughter Ann Marlow, 01632 960 877, next of kin.")
    door.observe(COMA, seen, (13, "score", "{score}"), note="Eyes 3, voice 4, movement 6")
    pressure(door, seen, 156, 84)
    door.observe(PULSE, seen, (88, "beats/min", "/min"))
    door.observe(SATURATION, seen, (96, "%", "%"), note="On air")
    door.relative(("Ann", "Marlow"), ("DAUC", "daughter"), "01632 960 877", when=arrived, roles=("next of kin",))

    clinic = cast.chart(edith, "aldermoor-anticoagulation")
    clinic.flag("On an anticoagulant: apixaban 5 mg twice a day", cast.at(284, 11), category="Clinical alert")
    clinic.takes(DRUGS["apixaban"], "5 mg twice a day", cast.years(6, 1, 22), dose=(5, "mg"), times=(2, 1, "d"),
                 asserted=cast.at(284, 11), reason=clinic.problem(PROBLEMS["atrial-fibrillation"], cast.years(6, 1, 15)))
    clinic.encounter("Anticoagulation clinic", cast.at(284, 11), reason="Review")
    clinic.encounter("Anticoagulation clinic", cast.at(102, 11, 20), reason="Review, no change")
    clinic.letter("Anticoagulation clinic letter",
                  "Mrs Marlow takes apixaban 5 mg twice a day for atrial fibrillation. eGFR 58 mL/min/1.73 m², weight "
                  "59 kg: the dose is right. Please check kidney function every six months.\n\nDr T Imrie, consultant "
                  "haematologist", cast.at(284, 14))

    lab = cast.chart(edith, "aldermoor-pathology", None, "upper-case", "no-address")
    today = cast.minutes(4)
    for test, value in (("haemoglobin", 121), ("inr", 1.2), ("sodium", 134), ("potassium", 4.3), ("creatinine", 88),
                        ("platelets", 231), ("white-cells", 8.9)):
        lab.result(TESTS[test], value, today)
    for ago, egfr, creatinine, haemoglobin in ((102, 54, 90, 122), (284, 58, 85, 124), (470, 60, 82, 126)):
        lab.result(TESTS["egfr"], egfr, cast.at(ago, 8, 50))
        lab.result(TESTS["creatinine"], creatinine, cast.at(ago, 8, 50))
        lab.result(TESTS["haemoglobin"], haemoglobin, cast.at(ago, 8, 50))
        lab.result(TESTS["potassium"], 4.4, cast.at(ago, 8, 50))
    gp = next(chart for chart in cast.charts if chart.system.key == "elm-bank")
    for sent in [each for each in lab.resources if each["resourceType"] == "Observation"][7:15]:
        gp.echo(sent)


def _others(cast: Cast) -> None:
    edith = cast.people[0]
    shop = cast.chart(edith, "hartley-pharmacy")
    shop.dispense(DRUGS["apixaban"], "one tablet twice a day", cast.at(19, 10, 12), dose=(5, "mg"), times=(2, 1, "d"))
    shop.dispense(DRUGS["bisoprolol-2.5"], "one each morning", cast.at(19, 10, 12), dose=(2.5, "mg"), times=(1, 1, "d"))
    crew = cast.chart(edith, "north-fells-ambulance", By("Crew 2214", "paramedic"), "untraced")
    found = cast.minutes(71)
    crew.encounter("Ambulance conveyance", found, kind="EMER", reason="Found on floor by daughter, head injury")
    crew.observe(COMA, found, (13, "score", "{score}"))
    pressure(crew, found, 162, 88)
    crew.observe(SATURATION, found, (95, "%", "%"), note="On air")
    falls = cast.chart(edith, "aldermoor-community")
    falls.problem(PROBLEMS["recurrent-falls"], cast.years(1, 12, 9))
    falls.encounter("Falls clinic", cast.at(17, 14), reason="Third fall this year")
    falls.letter("Falls clinic letter", "Third fall this year. Timed up and go 19 seconds. Strength and balance class "
                 "offered. Takes an anticoagulant: any head injury needs assessment.", cast.at(17, 16))
    falls.observe("Timed up and go", cast.at(17, 14), (19, "s", "s"), category="exam")
    eyes = cast.chart(edith, "fenwick-epr", By("Mr J Hobday", "consultant ophthalmologist"))
    eyes.problem(PROBLEMS["macular"], cast.years(3, 6, 20))
    eyes.encounter("Eye clinic", cast.years(3, 6, 20), reason="Macular degeneration")
    eyes.letter("Eye clinic letter", "Dry age-related macular degeneration in both eyes. Low-vision aids given.",
                cast.years(3, 6, 21))
    cast.chart(edith, "st-oswins")  # both know her name and hold nothing else
    cast.chart(edith, "aldermoor-council")
