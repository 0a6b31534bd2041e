"""Scene 4: the hospital stopped a medicine, the practice has not filed the letter, the pharmacy dispensed it."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, TESTS
from carerecord.region.people.signs import BREATHS, PULSE, SATURATION, WEIGHT, pressure
from carerecord.region.scenes.cast import NAIR, Cast, Told, monthly, practice_team, winters
from carerecord.region.shapes import Scene

_BLOODS = (  # minutes or days ago, potassium, creatinine, eGFR, sodium
    (9, 5.1, 196, 29, 135), (10, 5.5, 224, 24, 134), (13, 5.9, 251, 21, 133), (14, 6.1, 268, 20, 132),
    (102, 4.8, 150, 40, 138), (192, 4.6, 146, 41, 138), (300, 4.6, 144, 42, 139), (470, 4.5, 139, 44, 140),
)  # fmt: skip


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 40)
    harold = cast.person("harold-singh", "041276", "Mr", "Harold", "Singh", "male", cast.born(71, 2, 3),
                         ("7 Weavers Row", "Aldermoor", "ZZ1 4HS"), ELM_BANK,
                         ethnicity="Asian or Asian British: Indian")  # fmt: skip
    _practice(cast)
    _trust(cast)
    _others(cast)
    scene = Scene(
        number=4,
        title="Reconciliation",
        story="Harold Singh, 71, has heart failure and chronic kidney disease stage 3b. Aldermoor stopped his ramipril at "
        "discharge 9 days ago; his pharmacy dispensed it 4 days ago; his practice has data awaiting filing.",
        user="priya.nair", patient=harold.key, nhs_number=harold.nhs_number,
        reason="Attending the emergency department now",
        look_for=("Ramipril: stopped here, dispensed since", "Bisoprolol differs: 5 mg and 2.5 mg",
                  "The practice warns that data are awaiting filing", "Nothing is replaced by inference"),
        must_show=("ramipril", "topped here, dispensed since", "bisoprolol", "iffers", "2.5 mg", "furosemide",
                   "waiting filing", "5.0", "178", "32", "No known allergies"),
        must_not_show=(),
    )  # fmt: skip
    return scene, cast.told()


def _practice(cast: Cast) -> None:
    gp = cast.chart(cast.people[0], "elm-bank")
    gp.allergy(ALLERGIES["none"], cast.years(2, 3, 14))
    heart = gp.problem(PROBLEMS["heart-failure"], cast.years(5, 5, 11), note="Ejection fraction 32%")
    gp.problem(PROBLEMS["ckd-3b"], cast.years(4, 2, 2))
    gp.problem(PROBLEMS["hypertension"], cast.years(18, 6, 1))
    gp.problem(PROBLEMS["iron-anaemia"], cast.years(1, 10, 7))
    started, issued = cast.years(5, 5, 20), cast.days(20)
    medicines = [
        gp.prescribe(DRUGS["ramipril"], "5 mg once a day", started, dose=(5, "mg"), times=(1, 1, "d"), issued=issued,
                     reason=heart),
        gp.prescribe(DRUGS["bisoprolol-5"], "5 mg once a day", started, dose=(5, "mg"), times=(1, 1, "d"), issued=issued,
                     reason=heart),
        gp.prescribe(DRUGS["furosemide"], "40 mg once a day", started, dose=(40, "mg"), times=(1, 1, "d"), issued=issued,
                     reason=heart),
    ]
    gp.listing("933361000000108", "Medications and medical devices", "data-awaiting-filing", medicines)
    gp.prescribe(DRUGS["amlodipine"], "5 mg once a day", cast.years(9, 3, 1), dose=(5, "mg"), times=(1, 1, "d"),
                 state="stopped", stopped=cast.years(5, 5, 20), why="Ankle swelling", reason=heart)
    for ago, why in ((20, "Medication review"), (55, "Breathless on stairs"), (102, "Blood test"), (150, "Flu and weight"),
                     (230, "Iron tablets"), (300, "Blood pressure"), (400, "Cough"), (520, "Ankle swelling")):
        gp.encounter("GP consultation", cast.at(ago, 10, 10), reason=why)
    for ago, systolic in ((20, 118), (102, 124), (300, 128)):
        pressure(gp, cast.at(ago, 10, 15), systolic, 70)
    for ago, weight in ((20, 81.0), (102, 80.2), (230, 79.8)):
        gp.observe(WEIGHT, cast.at(ago, 10, 15), (weight, "kg", "kg"))
    gp.letter("Referral to heart failure nurse", "Breathless on stairs. Please review diuretic.", cast.at(55, 13))
    gp.letter("Anaemia work-up", "Ferritin low, stool test negative. Iron started.", cast.at(230, 13))
    winters(gp, cast, 8)
    gp.immunise("Pneumococcal polysaccharide vaccine", cast.years(6, 11, 3), target="pneumococcus")
    practice_team(gp, cast.years(22, 1, 9))
    gp.relative(("Jasbir", "Singh"), ("SONC", "son"), "01632 960 845", when=cast.years(3, 1, 9), roles=("next of kin",))


def _trust(cast: Cast) -> None:
    harold = cast.people[0]
    brandt = By("Dr L Brandt", "cardiology registrar")
    epr = cast.chart(harold, "aldermoor-epr", brandt)
    left = cast.at(9, 15, 40)
    stay = epr.encounter("In-patient stay", cast.at(14, 20, 30), kind="IMP", end=left,
                         reason="Acute kidney injury, potassium 6.1", outcome="Discharged home")
    epr.problem(PROBLEMS["acute-kidney"], cast.days(14), diagnosis=True, note="Stage 2. Discharge diagnosis.",
                encounter=stay)
    heart = epr.problem(PROBLEMS["heart-failure"], cast.years(5, 5, 11), note="Ejection fraction 32%")
    epr.problem(PROBLEMS["ckd-3b"], cast.years(4, 2, 2))
    epr.prescribe(DRUGS["ramipril"], "5 mg once a day", cast.days(14), dose=(5, "mg"), times=(1, 1, "d"),
                  state="stopped", repeat=False, stopped=left, reason=heart,
                  why="Potassium 6.1 mmol/L, acute kidney injury. Do not restart before review.",
                  note="Stopped at discharge: potassium 6.1 mmol/L, creatinine 268 from 150 µmol/L.")
    epr.prescribe(DRUGS["bisoprolol-2.5"], "2.5 mg once a day", left, dose=(2.5, "mg"), times=(1, 1, "d"), repeat=False,
                  reason=heart, note="Reduced from 5 mg: pulse 48.")
    epr.prescribe(DRUGS["furosemide"], "40 mg once a day", left, dose=(40, "mg"), times=(1, 1, "d"), repeat=False,
                  reason=heart)
    epr.prescribe(DRUGS["lokelma"], "5 g once a day", left, dose=(5, "g"), times=(1, 1, "d"), repeat=False, reason=heart)
    for ago, pulse, systolic in ((14, 46, 98), (13, 48, 102), (12, 52, 104), (11, 54, 108), (10, 56, 110), (9, 58, 112)):
        epr.observe(PULSE, cast.at(ago, 8), (pulse, "beats/min", "/min"))
        pressure(epr, cast.at(ago, 8), systolic, 62)
    epr.letter("Discharge summary, cardiology",
               "Admitted with acute kidney injury on CKD 3b: potassium 6.1 mmol/L, creatinine 268 µmol/L (usual 150).\n"
               "Ramipril STOPPED: do not restart before review. Bisoprolol reduced to 2.5 mg. Furosemide 40 mg continues. "
               "Sodium zirconium cyclosilicate 5 g once a day started.\nPlease repeat kidney function in one week.",
               left, kind="Discharge summary")
    epr.letter("Echocardiogram report", "Ejection fraction 32%. Moderate mitral regurgitation.", cast.at(12, 14))
    epr.procedure("Echocardiography", cast.at(12, 13))
    epr.appoint("Heart failure clinic", cast.at(-8, 10, 20), by=By("Dr L Brandt", "cardiology"))
    epr.team("Cardiology", (By(brandt.name, brandt.job, "01632 960 214"),), cast.years(5, 5, 11))

    door = cast.chart(harold, "aldermoor-emergency", NAIR)
    door.encounter("A&E attendance", cast.minutes(207), kind="EMER", state="in-progress", reason="Breathless")
    door.observe(SATURATION, cast.minutes(200), (92, "%", "%"), note="On 2 L oxygen")
    door.observe(BREATHS, cast.minutes(200), (24, "breaths/min", "/min"))
    pressure(door, cast.minutes(200), 112, 66)

    lab = cast.chart(harold, "aldermoor-pathology", None, "upper-case", "no-address")
    today = cast.minutes(172)
    for test, value, low, high in (("potassium", 5.0, None, None), ("creatinine", 178, None, None),
                                   ("egfr", 32, None, None), ("sodium", 136, None, None), ("haemoglobin", 118, 130, 180)):
        lab.result(TESTS[test], value, today, low=low, high=high)
    for ago, potassium, creatinine, egfr, sodium in _BLOODS:
        at = cast.at(ago, 20, 52) if ago == 14 else cast.at(ago, 6, 30)
        for test, value in (("potassium", potassium), ("creatinine", creatinine), ("egfr", egfr), ("sodium", sodium)):
            lab.result(TESTS[test], value, at)
    lab.result(TESTS["nt-probnp"], 2140, cast.at(13, 6, 30))
    lab.result(TESTS["ferritin"], 11, cast.at(230, 9))
    gp = next(chart for chart in cast.charts if chart.system.key == "elm-bank")
    for sent in [each for each in lab.resources if each["resourceType"] == "Observation"]:
        if sent["effectiveDateTime"] < cast.days(90).isoformat():
            gp.echo(sent)


def _others(cast: Cast) -> None:
    harold = cast.people[0]
    shop = cast.chart(harold, "hartley-pharmacy")
    for drug, text, dose in (("ramipril", "one capsule once a day", 5.0), ("bisoprolol-5", "one tablet once a day", 5.0),
                             ("furosemide", "one tablet once a day", 40.0)):
        monthly(shop, drug, text, (4, 32), cast, dose=(dose, "mg"), times=(1, 1, "d"))
    nurse = cast.chart(harold, "aldermoor-community", By("S Devlin", "heart failure nurse", "01632 960 521"))
    nurse.encounter("Heart failure nurse visit", cast.at(2, 11), kind="HH", reason="Weight up 3.1 kg in ten days")
    nurse.observe(WEIGHT, cast.at(2, 11), (84.1, "kg", "kg"))
    nurse.problem("Lives alone, carer daily", cast.days(53))
    nurse.letter("Heart failure nurse letter", "Weight up 3.1 kg. Ankles swollen to the knee. Asked to attend if breathless.",
                 cast.at(2, 15))
    nurse.team("Community heart failure service", (nurse.by,), cast.days(200))
    crew = cast.chart(harold, "north-fells-ambulance", By("Crew 2207", "paramedic"))
    crew.encounter("Ambulance conveyance", cast.minutes(241), kind="EMER", reason="Breathless at rest")
    crew.observe(SATURATION, cast.minutes(241), (90, "%", "%"), note="On air")
    heart = cast.chart(harold, "fenwick-epr", By("Dr M Ravel", "consultant cardiologist"))
    heart.problem(PROBLEMS["heart-failure"], cast.years(5, 5, 11))
    heart.encounter("Cardiology second opinion", cast.years(2, 9, 18), reason="Device therapy considered")
    heart.letter("Cardiology letter", "Device therapy discussed and declined for now.", cast.years(2, 9, 19))
    cast.chart(harold, "st-oswins")
    cast.chart(harold, "aldermoor-council")
