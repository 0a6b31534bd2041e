"""Scene 9: one source answers for somebody else, one breaks an item, one is late, one is not asked."""

from datetime import datetime

from carerecord.region.organisations import ELM_BANK, QUAYSIDE
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, REACTIONS, TESTS
from carerecord.region.people.signs import PULSE, SATURATION, WEIGHT, pressure
from carerecord.region.scenes.cast import NAIR, Cast, Told, practice_team, winters
from carerecord.region.shapes import Fault, Scene


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 90)
    colin = cast.person("colin-barker", "350186", "Mr", "Colin", "Barker", "male", cast.born(52, 5, 30),
                        ("64 Tannery Yard", "Aldermoor", "ZZ1 5CB"), ELM_BANK)  # fmt: skip
    cast.person("calvin-barrow", "350792", "Mr", "Calvin", "Barrow", "male", cast.born(64, 11, 2),
                ("9 Harbour Street", "Fenwick", "ZZ4 7CB"), QUAYSIDE)  # fmt: skip
    _practice(cast)
    _trust(cast)
    _community(cast)
    _others(cast)
    radiology, stranger = _radiology(cast)
    crew = next(chart.patient_id for chart in cast.charts if chart.system.key == "north-fells-ambulance")
    scene = Scene(
        number=9,
        title="Sources misbehave",
        story="Colin Barker, 52, has chest pain. Radiology answers for somebody else, community sends one broken item of 15, "
        "the ambulance service takes 6 seconds, and the council is not asked.",
        user="priya.nair", patient=colin.key, nhs_number=colin.nhs_number,
        reason="Attending the emergency department now",
        look_for=("Troponin I and troponin T: two trends, never one", "Radiology's answer is discarded, with a safety alert",
                  "Community: 14 of 15 shown", "The ambulance joins in place, late", "The council: not asked, ask anyway"),
        must_show=("roponin I", "41", "roponin T", "iscarded", "14 of 15", "oined", "ot asked", "sk anyway",
                   "Known allergies", "aspirin"),
        must_not_show=("BARROW", "Calvin", "Nodule in the right upper lobe"),
        faults=(Fault("aldermoor-radiology", "wrong-patient", radiology, other=stranger),
                Fault("north-fells-ambulance", "slow", crew, seconds=6.0)),
        not_asked=("aldermoor-physiotherapy", "aldermoor-council", "aldermoor-child-protection"),
        others=("calvin-barrow",),
    )  # fmt: skip
    return scene, cast.told()


def _practice(cast: Cast) -> None:
    gp = cast.chart(cast.people[0], "elm-bank")
    gp.allergy(ALLERGIES["aspirin"], cast.years(15, 7, 4), reaction=REACTIONS["bronchospasm"], severity="severe",
               criticality="high")
    sugar = gp.problem(PROBLEMS["diabetes-2"], cast.years(9, 2, 21))
    gp.problem(PROBLEMS["asthma"], cast.years(37, 1, 1))
    gp.problem(PROBLEMS["smoker"], cast.days(69), note="15 a day")
    gp.problem(PROBLEMS["back-pain"], cast.years(6, 8, 9), active=False, ended=cast.years(5, 1, 20))
    issued = cast.days(15)
    gp.prescribe(DRUGS["metformin"], "1 g twice a day", cast.years(9, 3, 1), dose=(1, "g"), times=(2, 1, "d"),
                 issued=issued, reason=sugar)
    gp.prescribe(DRUGS["atorvastatin"], "20 mg once a day", cast.years(8, 4, 3), dose=(20, "mg"), times=(1, 1, "d"),
                 issued=issued, reason=sugar)
    for ago, hba1c, creatinine in ((69, 61, 80), (250, 58, 79), (431, 57, 81)):
        gp.result(TESTS["hba1c"], hba1c, cast.at(ago, 8, 40))
        gp.result(TESTS["creatinine"], creatinine, cast.at(ago, 8, 40))
        gp.result(TESTS["cholesterol"], 4.9, cast.at(ago, 8, 40))
    for ago, why in ((6, "Chest tightness on stairs, referred"), (69, "Diabetes review"), (160, "Inhaler check"),
                     (250, "Diabetes review"), (330, "Cough"), (431, "Diabetes review"), (600, "Back pain")):
        gp.encounter("GP consultation", cast.at(ago, 9, 10), reason=why)
    for ago in (69, 250):
        pressure(gp, cast.at(ago, 9, 15), 138, 84)
        gp.observe(WEIGHT, cast.at(ago, 9, 15), (94.2, "kg", "kg"))
    gp.letter("Referral to rapid-access chest pain clinic", "Chest tightness on stairs for two weeks. Diabetes, smokes.",
              cast.at(6, 13))
    gp.refer("Rapid-access chest pain clinic", "Chest tightness on stairs", cast.days(6))
    winters(gp, cast, 6)
    practice_team(gp, cast.years(12, 5, 5))
    gp.relative(("Jean", "Barker"), ("WIFE", "wife"), "01632 960 871", when=cast.days(600), roles=("next of kin",))


def _trust(cast: Cast) -> None:
    colin = cast.people[0]
    door = cast.chart(colin, "aldermoor-emergency", NAIR)
    arrived = cast.minutes(222)
    door.encounter("A&E attendance", arrived, kind="EMER", state="in-progress", reason="Chest pain since 09:30")
    pain = door.problem(PROBLEMS["chest-pain"], arrived, diagnosis=True)
    door.give(DRUGS["clopidogrel"], "300 mg once", cast.minutes(192), (300, "mg"), by=By("B Sayer", "staff nurse"))
    door.takes(DRUGS["gtn"], "one or two puffs under the tongue when required for chest pain", arrived, reason=pain)
    for ago, systolic in ((220, 152), (150, 144), (40, 138)):
        pressure(door, cast.minutes(ago), systolic, 88)
        door.observe(PULSE, cast.minutes(ago), (84, "beats/min", "/min"))
    cast.chart(colin, "aldermoor-epr").encounter("Day case", cast.years(4, 6, 7), kind="IMP", reason="Hernia repair")
    lab = cast.chart(colin, "aldermoor-pathology", None, "upper-case", "no-address")
    early, late = cast.minutes(217), cast.minutes(34)
    method = "Abbott Architect high-sensitivity troponin I"
    lab.result(TESTS["troponin-i"], 6, early, method=method)
    lab.result(TESTS["troponin-i"], 41, late, method=method, note="Telephoned to the emergency department.")
    for test, value in (("creatinine", 82), ("egfr", 92), ("potassium", 4.4), ("sodium", 139), ("haemoglobin", 151),
                        ("white-cells", 9.2), ("platelets", 262), ("crp", 4), ("glucose", 9.6)):
        lab.result(TESTS[test], value, early)


def _community(cast: Cast) -> None:
    """Fifteen items and a Patient: ten observations, of which one is broken, two contacts, three documents."""
    foot = cast.chart(cast.people[0], "aldermoor-community", By("P Lowe", "podiatrist"))
    last = cast.at(5, 10, 15)
    for ago, when in ((5, last), (190, cast.at(190, 10, 15)), (380, cast.at(380, 10, 30))):
        foot.observe("Foot pulses", when, "present, both feet", category="exam")
        foot.observe("Monofilament sensation", when, "normal, both feet", category="exam")
        foot.observe(PULSE, when, (76 + ago % 5, "beats/min", "/min"))
    foot.observe("Ankle brachial pressure index", last, (1.1, "ratio", "{ratio}"), category="exam")
    broken = foot.resources[-1]
    broken["valueQuantity"] = {"value": "1,1"}  # as a real one was once sent: text for a number, and no unit
    del broken["code"]
    foot.encounter("Podiatry", last, reason="Diabetic foot check, no ulcer")
    foot.encounter("Podiatry", cast.at(190, 10, 15), reason="Diabetic foot check")
    for ago in (5, 190, 380):
        foot.letter("Podiatry letter", "Diabetic foot check: low risk. No ulcer. Seen again in six months.",
                    cast.at(ago, 12))


def _others(cast: Cast) -> None:
    colin = cast.people[0]
    crew = cast.chart(colin, "north-fells-ambulance", By("Crew 2210", "paramedic"))
    met = cast.minutes(241)
    crew.encounter("Ambulance conveyance", met, kind="EMER", reason="Chest pain")
    pressure(crew, met, 148, 92)
    crew.observe(PULSE, met, (88, "beats/min", "/min"))
    crew.observe(SATURATION, met, (97, "%", "%"), note="On air")
    crew.observe("12-lead ECG", met, "sinus rhythm, no ST elevation", category="exam")
    crew.give(DRUGS["gtn"], "two puffs under the tongue", cast.minutes(236), (2, "puff"))
    crew.letter("Ambulance care record", "Central chest pain since 09:30, 7 of 10. ECG sinus rhythm. GTN given with "
                "relief. Aspirin withheld: allergy.", cast.minutes(225))
    fenwick = cast.chart(colin, "fenwick-epr", By("Dr M Ravel", "consultant cardiologist"))
    pain = fenwick.problem(PROBLEMS["chest-pain"], cast.days(400), active=False, ended=cast.days(313))
    fenwick.takes(DRUGS["atorvastatin-80"], "80 mg once a day", cast.days(313), dose=(80, "mg"), times=(1, 1, "d"),
                  reason=pain, note="Clinic letter: please increase atorvastatin to 80 mg.")
    fenwick.encounter("Cardiology clinic", cast.at(313, 14), reason="Chest pain, discharged to GP")
    fenwick.letter("Cardiology clinic letter", "Non-cardiac chest pain. Please increase atorvastatin to 80 mg once a day. "
                   "Discharged.", cast.at(313, 16))
    pressure(fenwick, cast.at(313, 14), 134, 82)
    lab = cast.chart(colin, "fenwick-pathology", None, "upper-case", "no-address")
    lab.result(TESTS["troponin-t"], 9, cast.at(400, 16, 2), method="Roche Elecsys high-sensitivity troponin T")
    picture = cast.chart(colin, "fenwick-radiology", None, "upper-case", "no-address")
    picture.report("Chest X-ray", cast.at(400, 17), (), "Heart and lungs normal.", category="RAD")
    shop = cast.chart(colin, "hartley-pharmacy")
    shop.dispense(DRUGS["metformin"], "two tablets twice a day", cast.at(13, 11), dose=(1, "g"), times=(2, 1, "d"))
    shop.dispense(DRUGS["atorvastatin"], "one tablet once a day", cast.at(13, 11), dose=(20, "mg"), times=(1, 1, "d"))


def _radiology(cast: Cast) -> tuple[str, str]:
    """Colin's own holding, and that of the stranger for whom radiology answers."""
    colin, stranger = cast.people
    own = cast.chart(colin, "aldermoor-radiology")
    own.report("Chest X-ray", cast.minutes(180), (), "Heart size normal. Lungs clear.", category="RAD")
    other = cast.chart(stranger, "aldermoor-radiology")
    other.report("Chest X-ray", cast.at(3, 15), (), "Nodule in the right upper lobe. CT advised.", category="RAD")
    cast.chart(stranger, "quayside").allergy(ALLERGIES["none"], cast.days(100))
    return own.patient_id, other.patient_id
