"""What does a practice write down about everybody who is registered with it?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from carerecord.region.organisations import ORGANISATION_BY_ODS
from carerecord.region.people import immunisations
from carerecord.region.people.chart import LONDON, By
from carerecord.region.people.codes import ALLERGIES, REACTIONS, Term
from carerecord.region.people.lived import Life
from carerecord.region.people.signs import WEIGHT, pressure
from carerecord.region.shapes import RegionPerson

_SMOKING = (Term("Never smoked tobacco", "266919005"), Term("Ex-smoker", "8517006"), Term("Smoker", "77176002"))
_CONSULTATIONS = (
    ("Upper respiratory infection", "Advice on fluids and rest"), ("Medication review", "Medicines reviewed"),
    ("Rash", "Seen and reassured"), ("Sprained ankle", "Rest, ice, compression"), ("Tired all the time", "Bloods sent"),
    ("Ear ache", "Wax seen"), ("Travel advice", "Vaccines discussed"), ("Form for work", "Statement issued"),
)  # fmt: skip
_JOBS = ("teacher", "warehouse worker", "care assistant", "electrician", "student", "shop worker", "retired",
         "engineer", "cleaner", "office worker", "lorry driver", "unemployed", "nurse", "farm worker")  # fmt: skip


def practice_basics(life: Life, household: Iterable[RegionPerson]) -> None:
    rng, chart, person = life.rng, life.practice, life.person
    registered = life.ago(rng.randrange(200, 6000))
    _allergies(life)
    if life.age >= 16:
        chart.social(rng.choices(_SMOKING, (58, 27, 15))[0], "as recorded", life.ago(rng.randrange(30, 900)))
        chart.social("Occupation", "retired" if life.age > 67 else rng.choice(_JOBS), life.ago(rng.randrange(100, 1200)))
        day = life.ago(rng.randrange(10, 500))
        pressure(chart, life.hour(day), rng.randrange(112, 152), rng.randrange(66, 92))
        chart.observe(WEIGHT, life.hour(day), (round(rng.uniform(52, 108), 1), "kg", "kg"))
    if life.age >= 80:
        chart.social("Housing", rng.choice(("lives alone", "lives with family", "sheltered housing")), life.ago(300))
    if person.born.year >= 1992:
        immunisations.childhood(chart, person, life.last)
    if life.age >= 65:
        where = life.at(life.pharmacy) if rng.random() < 0.3 else chart
        immunisations.winter(where, person, life.last)
    for _ in range(rng.randrange(0, 2 + life.age // 22)):
        what, outcome = rng.choice(_CONSULTATIONS)
        chart.encounter("GP consultation", life.hour(life.ago(rng.randrange(5, 1400))), reason=what, outcome=outcome)
    surgery = ORGANISATION_BY_ODS[person.practice]
    doctor = chart.by
    chart.team("Practice team", (By(doctor.name, "usual GP", surgery.bypass_phone),
                                 By("Practice nurse", "nurse", surgery.phone)), registered)  # fmt: skip
    _next_of_kin(life, household, registered)
    if person.died is None and rng.random() < 0.25:
        day = life.now.date() + timedelta(days=rng.randrange(2, 40))
        chart.appoint("Practice nurse review", datetime.combine(day, time(9 + rng.randrange(8), 20), LONDON),
                      by=By("Practice nurse"))  # fmt: skip


def _next_of_kin(life: Life, household: Iterable[RegionPerson], when: date) -> None:
    person = life.person
    family = [other for other in household if other.key != person.key and other.died is None
              and (other.family == person.family)]  # fmt: skip
    adults = [other for other in family if (life.last - other.born).days > 18 * 365]
    if not adults:
        return
    kin = max(adults, key=lambda other: abs((other.born - person.born).days) < 7000)
    gap = (person.born - kin.born).days / 365
    if gap > 15:
        role = ("MTH", "mother") if kin.sex == "female" else ("FTH", "father")
    elif gap < -15:
        role = ("DAUC", "daughter") if kin.sex == "female" else ("SONC", "son")
    elif kin.sex != person.sex:
        role = ("WIFE", "wife") if kin.sex == "female" else ("HUSB", "husband")
    else:
        role = ("SIB", "sibling")
    life.practice.relative((kin.given[0], kin.family), role, kin.phone, when=max(when, kin.born), roles=("next of kin",))


def _allergies(life: Life) -> None:
    rng, chart = life.rng, life.practice
    day = life.ago(rng.randrange(60, 4000))
    chance = rng.random()
    if chance < 0.07:
        chart.allergy(ALLERGIES["penicillin"], day, reaction=REACTIONS["rash"], severity="mild", criticality="low")
    elif chance < 0.09:
        chart.allergy(ALLERGIES["penicillin"], day, reaction=REACTIONS["anaphylaxis"], severity="severe",
                      criticality="high")  # fmt: skip
    elif chance < 0.11:
        chart.allergy(ALLERGIES["peanut"], day, reaction=REACTIONS["anaphylaxis"], severity="severe", criticality="high")
    elif chance < 0.13:
        chart.allergy(ALLERGIES["erythromycin"], day, reaction=REACTIONS["vomiting"], severity="moderate")
    elif chance < 0.62:
        chart.allergy(ALLERGIES["none"], day)
