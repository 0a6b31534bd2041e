"""Scene 15: a woman far from where she booked, whose record lies in another hospital's maternity system."""

from datetime import datetime

from carerecord.region.organisations import KIRKGATE
from carerecord.region.people.chart import By
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, TESTS
from carerecord.region.people.signs import PULSE, pressure
from carerecord.region.scenes.cast import Cast, Told, practice_team
from carerecord.region.shapes import Scene, View

_PREGNANT_DAYS = 34 * 7 + 2


def _week(week: int) -> int:
    """How many days ago that week of the pregnancy began."""
    return _PREGNANT_DAYS - week * 7


def tell(now: datetime) -> tuple[Scene, Told]:
    cast = Cast(now, 150)
    bronwen = cast.person("bronwen-pryce", "150771", "Mrs", "Bronwen", "Pryce", "female", cast.born(31, 10, 19),
                          ("2 Lower Fold", "North Fells", "ZZ7 2BP"), KIRKGATE, maiden="Parry")  # fmt: skip
    booked = cast.at(_week(9), 10)
    midwife = By("K Halliwell", "midwife", "01632 960 231")
    birth = cast.chart(bronwen, "aldermoor-maternity", midwife)
    baby = birth.problem(PROBLEMS["pregnant"], booked.date(), note="Estimated date of delivery from the dating scan")
    birth.encounter("Antenatal booking", booked, reason="First pregnancy, 9 weeks")
    birth.observe("Blood group", booked, "O RhD negative", category="laboratory")
    birth.observe("Gestation", cast.at(_week(28), 9), (28, "weeks", "wk"), category="exam")
    birth.give(DRUGS["anti-d"], "1,500 units into the muscle", cast.at(_week(28), 9, 30), (1500, "unit"))
    birth.prescribe(DRUGS["aspirin-150"], "150 mg at night until 36 weeks", cast.days(_week(12)), dose=(150, "mg"),
                    times=(1, 1, "d"), reason=baby, issued=cast.days(20))
    pressure(birth, cast.at(_week(28), 9), 118, 72)
    pressure(birth, booked, 108, 66)
    birth.plan("Personalised care and support plan: birth", cast.days(_week(28)),
               kind="Personalised care and support plan", text="Aspirin for risk of pre-eclampsia. Anti-D given at 28 weeks.",
               lines=("O RhD negative: anti-D again within 72 hours of birth", "Consultant-led unit"))
    birth.team("Aldermoor maternity", (midwife,), booked.date())
    gp = cast.chart(bronwen, "kirkgate")
    gp.allergy(ALLERGIES["none"], cast.days(600))
    gp.problem(PROBLEMS["pregnant"], cast.days(_week(7)))
    practice_team(gp, cast.days(2000))
    ward = cast.chart(bronwen, "fenwick-epr", By("Dr O Brandreth", "obstetric registrar"))
    ward.encounter("Maternity triage", cast.minutes(55), kind="EMER", state="in-progress", reason="Headache, 34+2 weeks")
    pressure(ward, cast.minutes(50), 162, 108)
    ward.observe(PULSE, cast.minutes(50), (96, "beats/min", "/min"))
    lab = cast.chart(bronwen, "fenwick-pathology", None, "upper-case", "no-address")
    for test, value in (("platelets", 92), ("alt", 118), ("pcr-urine", 86), ("creatinine", 78)):
        lab.result(TESTS[test], value, cast.minutes(22))
    scene = Scene(
        number=15,
        title="Another hospital's maternity record",
        story="Bronwen Pryce, 31, is 34+2 weeks pregnant and at Fenwick with a blood pressure of 162/108. She booked at "
        "Aldermoor's maternity department.",
        user="orla.brandreth", patient=bronwen.key, nhs_number=bronwen.nhs_number,
        reason="In maternity triage now",
        look_for=("Aldermoor's booking record, live: O RhD negative, anti-D at 28 weeks, aspirin at night",
                  "Beside it Fenwick's own: 162/108, platelets 92, ALT 118, PCR 86",
                  "The birth plan that she wrote with another hospital's midwife"),
        must_show=("O RhD negative", "nti-D", "1,500 units", "150 mg at night", "92", "118", "86", "162", "108",
                   "Aldermoor Maternity", "Consultant-led unit"),
        must_not_show=(),
        views=(View("dilys.roper", "as the midwife", ("O RhD negative", "nti-D", "150 mg at night", "162")),
               View("kath.halliwell", "as her own midwife", ("O RhD negative", "162", "Consultant-led unit"),
                    reason="I booked her; told that she is at Fenwick")),
    )  # fmt: skip
    return scene, cast.told()
