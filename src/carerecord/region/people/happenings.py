"""What may befall anybody: an attendance, an admission, care at home, last plans, a new baby, an evening call?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from carerecord.region.people.chart import By
from carerecord.region.people.codes import Term
from carerecord.region.people.lived import Life
from carerecord.region.people.signs import PULSE, SATURATION, TEMPERATURE, pressure


def ordinary(life: Life) -> None:
    rng = life.rng
    for share, happen in _HAPPENINGS:
        if rng.random() < share * (0.5 + life.age / 60):
            happen(life)
    if "Rowan Court" in life.person.address.lines[0]:
        _in_a_home(life)
    for share, happen in _SELDOM:
        if rng.random() < share:
            happen(life)


def _attendance(life: Life) -> None:
    rng = life.rng
    at = life.hour(life.ago(rng.randrange(20, 900)))
    what, term, advice = rng.choice((
        ("Fall, wrist pain", "Injury of wrist", "No fracture seen. Splint for one week."),
        ("Chest pain", "Chest pain", "ECG and bloods normal. Discharged to GP."),
        ("Abdominal pain", "Abdominal pain", "Settled. Discharged."),
        ("Laceration of hand", "Laceration of hand", "Wound closed, tetanus up to date."),
    ))  # fmt: skip
    chart = life.at(f"{life.trust}-emergency")
    by = By("Dr S Idowu", "emergency medicine") if life.trust == "aldermoor" else By("Dr O Brandreth", "emergency medicine")
    chart.encounter("A&E attendance", at, kind="EMER", end=min(at + timedelta(hours=3), life.now), reason=what, by=by,
                    outcome="Discharged home")  # fmt: skip
    chart.problem(term, at, diagnosis=True, active=False, ended=at.date(), by=by)
    pressure(chart, at, rng.randrange(110, 160), rng.randrange(64, 94), by=by)
    chart.observe(PULSE, at, (rng.randrange(58, 108), "beats/min", "/min"), by=by)
    chart.letter("A&E discharge letter", f"Attended with: {what.lower()}. {advice}", at, kind="Discharge letter", by=by)
    if rng.random() < 0.5:
        picture = life.at(f"{life.trust}-radiology")
        picture.report("X-ray", at, (), "No fracture or other acute abnormality.", category="RAD")
    if rng.random() < 0.35:
        crew = life.at("north-fells-ambulance")
        before = at - timedelta(minutes=55)
        crew.encounter("Ambulance conveyance", before, kind="EMER", reason=what)
        crew.observe(SATURATION, before, (rng.randrange(93, 100), "%", "%"))
        pressure(crew, before, rng.randrange(105, 165), rng.randrange(60, 95))


def _admission(life: Life) -> None:
    rng, chart = life.rng, life.at(f"{life.trust}-epr")
    start = life.ago(rng.randrange(40, 1500))
    stay = min(life.last, start + timedelta(days=rng.randrange(1, 9)))
    what, code, why = rng.choice((
        ("Cholecystectomy", "38102005", "gallstones"), ("Extraction of cataract", "54885007", "cataract"),
        ("Appendectomy", "80146002", "appendicitis"), ("Colonoscopy", "73761001", "change of bowel habit"),
    ))  # fmt: skip
    chart.encounter("In-patient stay", life.hour(start), kind="IMP", end=life.hour(stay), reason=why.capitalize())
    chart.procedure(Term(what, code), start)
    chart.letter("Discharge summary", f"Admitted for {why}. {what} without complication. No change to medicines.",
                 life.hour(stay), kind="Discharge summary")  # fmt: skip


def _care_at_home(life: Life) -> None:
    if life.age < 70:
        return
    day = life.ago(life.rng.randrange(20, 400))
    council = life.at("aldermoor-council")
    council.encounter("Care needs assessment", life.hour(day), kind="HH", reason="Help with washing and meals")
    council.social("Care package", "Two visits a day, meals at lunchtime", day)
    council.team("Adult social care", (By("G Ellershaw", "social worker", "01632 960 704"),), day)
    nurse = life.at("aldermoor-community")
    nurse.encounter("District nurse visit", life.hour(life.ago(9)), kind="HH", reason="Leg ulcer dressing",
                    by=By("M Tordoff", "district nurse"))  # fmt: skip


def _last_plans(life: Life) -> None:
    if life.age < 84:
        return
    day = life.ago(life.rng.randrange(40, 700))
    life.at(f"{life.trust}-epr").plan(
        "Do not attempt cardiopulmonary resuscitation", day, kind="DNACPR",
        text="Not for cardiopulmonary resuscitation. Other treatment to be decided at the time.",
    )  # fmt: skip


def _new_baby(life: Life) -> None:
    if life.age >= 5:
        return
    visitor = By("R Heald", "health visitor")
    chart = life.at("fells-health-visiting")
    day = min(life.last, life.person.born + timedelta(days=12))
    chart.encounter("Health visitor new birth visit", life.hour(day) if day > life.person.born else day, kind="HH",
                    by=visitor)  # fmt: skip
    chart.team("Health visiting", (By(visitor.name, visitor.job, "01632 960 512"),), day)


def _in_a_home(life: Life) -> None:
    home = life.at("rowan-court")
    home.social("Mobility", life.rng.choice(("walks with a frame", "transfers with one carer", "hoist for all transfers")),
                life.ago(40))  # fmt: skip
    home.encounter("Moved in", life.hour(life.ago(life.rng.randrange(90, 900))), kind="HH")
    pressure(home, life.hour(life.ago(6)), life.rng.randrange(104, 148), life.rng.randrange(58, 84))
    home.letter("Hospital passport", "What matters to me, how I communicate, how I take my medicines.", life.ago(30),
                kind="Hospital passport")  # fmt: skip
    home.team("Rowan Court", (By("G Okello", "nurse in charge", "01632 960 774"),), life.ago(900))


def _evening_call(life: Life) -> None:
    what, advice = life.rng.choice((("Fever in the evening", "Viral illness, fluids, call again if drowsy."),
                                    ("Back pain", "No red flags. Simple analgesia."),
                                    ("Earache", "Paracetamol; see own practice in three days.")))  # fmt: skip
    chart, at = life.at("fells-out-of-hours"), life.hour(life.ago(life.rng.randrange(4, 700)))
    chart.encounter("Out-of-hours consultation", at, kind="VR", reason=what, outcome="Advice given")
    chart.observe(TEMPERATURE, at, (round(life.rng.uniform(36.4, 38.9), 1), "°C", "Cel"))
    chart.letter("Out-of-hours report", f"{what}. {advice}", at)


def _sexual_health(life: Life) -> None:
    if not 16 <= life.age < 50:
        return
    chart, day = life.at("harbour-sexual-health"), life.ago(life.rng.randrange(15, 900))
    chart.encounter("Sexual health clinic", life.hour(day), reason="Routine screen")
    chart.letter("Sexual health clinic letter", "Routine screen. All results negative. Not copied to the practice, as asked.",
                 day)  # fmt: skip


def _at_risk(life: Life) -> None:
    if life.age >= 16:
        return
    chart, day = life.at("aldermoor-child-protection"), life.ago(life.rng.randrange(20, 300))
    chart.flag("Child protection plan: neglect", day, category="Safeguarding",
               note="Out of hours: emergency duty team 01632 960 709.")  # fmt: skip
    chart.encounter("Child protection conference", life.hour(day), kind="HH")
    chart.team("Core group", (By("J Whitham", "social worker", "01632 960 706"),), day)


_SELDOM: tuple[tuple[float, Callable[[Life], None]], ...] = (
    (0.22, _evening_call),
    (0.12, _sexual_health),
    (0.05, _at_risk),
)
_HAPPENINGS: tuple[tuple[float, Callable[[Life], None]], ...] = (
    (0.35, _attendance),
    (0.15, _admission),
    (0.3, _care_at_home),
    (0.3, _last_plans),
    (1.9, _new_baby),
)
