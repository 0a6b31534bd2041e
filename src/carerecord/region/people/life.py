"""What has befallen one person, and which systems wrote it down?

The practice knows everybody. Every other system knows those to whom something happened there: a clinic of a story, an
attendance, a blood test, a dispensed medicine. Nothing is written before birth, after death or after today.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from carerecord.region.organisations import GP_SYSTEM_BY_ODS, ORGANISATION_BY_ODS, QUAYSIDE, SYSTEM_BY_KEY
from carerecord.region.people import immunisations
from carerecord.region.people.chart import LONDON, By, Chart, medicine_name
from carerecord.region.people.codes import ALLERGIES, DRUGS, PROBLEMS, REACTIONS, TESTS, Term
from carerecord.region.people.patient import habits_of, open_chart
from carerecord.region.people.stories import STORIES, Clinic, Series, Story
from carerecord.region.shapes import FhirJson, Holding, RegionPerson

_DOCTORS = {"A99917": ("Dr A Osei", "Dr P Lindqvist"), "A99924": ("Dr M Howe", "Dr T Bradwell"),
            "A99931": ("Dr N Kapoor", "Dr R Ferris")}  # fmt: skip
BLOOD_PRESSURE = Term("Blood pressure", "75367002", "85354-9")
SYSTOLIC, DIASTOLIC = Term("Systolic blood pressure", "271649006", "8480-6"), Term(
    "Diastolic blood pressure", "271650006", "8462-4"
)
WEIGHT, PULSE = Term("Body weight", "27113001", "29463-7"), Term("Pulse rate", "78564009", "8867-4")
SATURATION = Term("Oxygen saturation", "431314004", "59408-5")
TEMPERATURE = Term("Body temperature", "386725007", "8310-5")
BREATHS = Term("Respiratory rate", "86290005", "9279-1")
COMA = Term("Glasgow coma score", "248241002", "9269-2")
_SMOKING = (Term("Never smoked tobacco", "266919005"), Term("Ex-smoker", "8517006"), Term("Smoker", "77176002"))
_CONSULTATIONS = (
    ("Upper respiratory infection", "Advice on fluids and rest"), ("Medication review", "Medicines reviewed"),
    ("Rash", "Seen and reassured"), ("Sprained ankle", "Rest, ice, compression"), ("Tired all the time", "Bloods sent"),
    ("Ear ache", "Wax seen"), ("Travel advice", "Vaccines discussed"), ("Form for work", "Statement issued"),
)  # fmt: skip
_NO_NAPROXEN = {PROBLEMS[name].text for name in ("asthma", "hypertension", "heart-failure", "ckd-3a", "atrial-fibrillation",
                                                 "pregnant")}  # fmt: skip
_JOBS = ("teacher", "warehouse worker", "care assistant", "electrician", "student", "shop worker", "retired",
         "engineer", "cleaner", "office worker", "lorry driver", "unemployed", "nurse", "farm worker")  # fmt: skip


@dataclass
class Life:
    """One person while the charts are being written."""

    person: RegionPerson
    number: int
    rng: random.Random
    now: datetime
    seed: int
    charts: dict[str, Chart] = field(default_factory=dict)

    @property
    def last(self) -> date:
        """The last day on which something can have happened."""
        return self.person.died or self.now.date()

    @property
    def age(self) -> int:
        return (self.last - self.person.born).days // 365

    def at(self, key: str) -> Chart:
        """The chart at one system, opened when first needed."""
        if key not in self.charts:
            system = SYSTEM_BY_KEY[key]
            by = By(_DOCTORS[system.ods][self.number % 2], "GP") if system.kind == "gp" else _STAFF[key]
            habits = habits_of(system, self.person, random.Random(f"habits {self.seed} {self.number} {key}"))
            self.charts[key] = open_chart(system, self.person, self.number, by, self.now, habits)
        return self.charts[key]

    @property
    def practice(self) -> Chart:
        return self.at(GP_SYSTEM_BY_ODS[self.person.practice])

    @property
    def trust(self) -> str:
        return "fenwick" if self.person.practice == QUAYSIDE else "aldermoor"

    def ago(self, days: float) -> date:
        """That many days before the last day, not before birth."""
        return max(self.person.born, self.last - timedelta(days=int(days)))

    def hour(self, day: date) -> datetime:
        moment = datetime.combine(day, time(8 + self.rng.randrange(10), self.rng.choice((0, 5, 10, 20, 35, 50))), LONDON)
        return min(moment, self.now - timedelta(hours=1))


_STAFF: dict[str, By] = {
    "aldermoor-epr": By("Dr L Brandt", "registrar"),
    "aldermoor-emergency": By("Dr S Idowu", "emergency medicine"),
    "aldermoor-pathology": By("Dr C Munro", "consultant chemical pathologist"),
    "aldermoor-radiology": By("Dr W Pask", "consultant radiologist"),
    "aldermoor-anticoagulation": By("Dr T Imrie", "consultant haematologist"),
    "aldermoor-maternity": By("K Halliwell", "midwife"),
    "fenwick-epr": By("Dr E Sandford", "consultant"),
    "fenwick-pathology": By("Dr J Moxon", "consultant haematologist"),
    "fenwick-radiology": By("Dr B Lisle", "consultant radiologist"),
    "north-fells-ambulance": By("Crew 2210", "paramedic"),
    "aldermoor-community": By("S Whelan", "physiotherapist"),
    "calder-vale": By("Dr N Farrow", "consultant psychiatrist"),
    "st-oswins": By("Dr I Merrow", "consultant in palliative medicine"),
    "aldermoor-council": By("G Ellershaw", "social worker"),
    "hartley-pharmacy": By("J Mistry", "pharmacist"),
}


def staff_of(system: str) -> By:
    return _STAFF[system]


def live(
    person: RegionPerson, number: int, rng: random.Random, now: datetime, household: Iterable[RegionPerson], seed: int
) -> tuple[RegionPerson, tuple[Holding, ...]]:
    """The person, with the names of the stories that befell them, and what each system holds."""
    life = Life(person, number, rng, now, seed)
    if person.test:
        life.practice.problem(PROBLEMS["asthma"], life.ago(900), note="Test patient: not a person.")
        return _told(life, ())
    stories = [story for story in STORIES if _befalls(story, life)]
    _practice_basics(life, household)
    for story in stories:
        _tell(story, life)
    _ordinary(life)
    return _told(life, stories)


def _told(life: Life, stories: Iterable[Story]) -> tuple[RegionPerson, tuple[Holding, ...]]:
    names = "+".join(story.key for story in stories) or "healthy"
    return replace(life.person, story=names), tuple(chart.holding() for chart in life.charts.values())


def _befalls(story: Story, life: Life) -> bool:
    low, high = story.ages
    right = low <= life.age <= high and story.sex in (None, life.person.sex)
    return right and life.rng.random() < story.share


# --- what every practice knows


def _practice_basics(life: Life, household: Iterable[RegionPerson]) -> None:
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
        where = life.at("hartley-pharmacy") if life.trust == "aldermoor" and rng.random() < 0.3 else chart
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


# --- the stories


def _tell(story: Story, life: Life) -> None:
    rng, chart = life.rng, life.practice
    low, high = story.years
    onset = life.ago(rng.uniform(low, high) * 365 + rng.randrange(30, 140))
    reference = next(chart.problem(PROBLEMS[name], onset) for name in story.problems)
    allergic = {code for each in chart.resources if each["resourceType"] == "AllergyIntolerance"
                for code in (each["code"]["text"],)}  # fmt: skip
    issued = life.ago(2 + life.number % 25)  # a person's repeats are issued together
    collected = datetime.combine(min(issued + timedelta(days=2), life.last), time(9 + life.number % 8, 12), LONDON)
    for course in story.courses:
        drug = DRUGS[course.drug]
        if rng.random() >= course.share or f"Allergy to {drug.substance}" in allergic or _taken(chart, drug.name):
            continue
        if course.drug == "naproxen" and _problems(chart) & _NO_NAPROXEN:
            continue
        started = min(issued, onset + timedelta(days=rng.randrange(5, 400)))
        died = life.person.died
        chart.prescribe(drug, course.text, started, dose=course.dose, times=course.times, issued=issued, stopped=died,
                        reason=reference, as_needed=course.as_needed, state="stopped" if died else "active",
                        why="Died" if died else "")  # fmt: skip
        if life.trust == "aldermoor" and rng.random() < 0.6:
            life.at("hartley-pharmacy").dispense(drug, course.text, min(collected, life.now), dose=course.dose,
                                                 times=course.times)  # fmt: skip
    if story.series:
        _bloods(life, story.series, onset)
    if story.clinic and rng.random() < story.clinic.share:
        _attends(life, story, story.clinic, onset)
    if story.plan and story.clinic and life.person.died is None:
        kind, lines = story.plan
        day = max(onset, life.ago(rng.randrange(30, 300)))
        life.at(_where(life, story.clinic)).plan(f"{kind}: {PROBLEMS[story.problems[0]].text}", day, kind=kind,
                                                 text=" ".join(lines), lines=lines)  # fmt: skip
    if story.flag and rng.random() < 0.6:
        chart.flag(story.flag, max(onset, life.ago(500)), category="Reasonable adjustment")
    if story.procedure:
        words, code = story.procedure
        day = min(life.last, onset + timedelta(days=40))
        life.at(f"{life.trust}-epr").procedure(Term(words, code) if code else words, day)


def _problems(chart: Chart) -> set[str]:
    return {each["code"]["text"] for each in chart.resources if each["resourceType"] == "Condition"}


def _taken(chart: Chart, name: str) -> bool:
    return any(each["resourceType"] == "MedicationRequest" and medicine_name(each) == name
               for each in chart.resources)  # fmt: skip


def _where(life: Life, clinic: Clinic) -> str:
    return f"{life.trust}-epr" if clinic.system == "hospital" else clinic.system


def _attends(life: Life, story: Story, clinic: Clinic, onset: date) -> None:
    rng, person = life.rng, life.person
    chart = life.at(_where(life, clinic))
    by = By(clinic.doctor, clinic.job)
    day = max(onset, life.ago(rng.randrange(15, 330)))
    problem = PROBLEMS[story.problems[0]]
    chart.problem(problem, onset, by=by)
    at = life.hour(day)
    chart.encounter(clinic.name, at, by=by, reason=problem.text)
    age = (day - person.born).days // 365
    words = clinic.letter.format(name=f"{person.title} {person.family}", age=age, problem=problem.text.lower())
    chart.letter(f"{clinic.name} letter", f"Dear {life.practice.by.name}\n\n{words}\n\n{clinic.doctor}, {clinic.job}",
                 at, by=by)  # fmt: skip
    chart.team(clinic.name, (By(clinic.doctor, clinic.job, ORGANISATION_BY_ODS[chart.system.ods].bypass_phone),), onset)
    life.practice.refer(clinic.name, problem.text, onset, state="completed")
    if person.died is None and rng.random() < 0.4:
        ahead = life.now.date() + timedelta(days=rng.randrange(5, 150))
        chart.appoint(clinic.name, datetime.combine(ahead, time(9 + rng.randrange(7), 40), LONDON), by=by)


def _bloods(life: Life, series: Iterable[Series], onset: date) -> None:
    """Years of tests at the laboratory of the trust; about half are filed at the practice as well."""
    rng, chart = life.rng, life.at(f"{life.trust}-pathology")
    for each in series:
        if any(line["resourceType"] == "Observation" and line["code"]["text"] == TESTS[each.test].text
               for line in chart.resources):  # fmt: skip
            continue
        first = max(onset, life.ago(4 * 365))
        gap = 365 / each.times_a_year
        count = min(12, int((life.last - first).days / gap) + 1)
        for back in range(count):
            day = life.last - timedelta(days=int(back * gap) + 3 + rng.randrange(14))
            if day < onset:
                break
            years = (day - first).days / 365
            value = max(0.1, each.start + each.per_year * years + rng.gauss(0, each.scatter))
            reference = chart.result(TESTS[each.test], value, life.hour(day))
            if rng.random() < 0.5:
                life.practice.echo(_found(chart, reference))


def _found(chart: Chart, reference: str) -> FhirJson:
    return next(each for each in reversed(chart.resources) if reference.endswith(f"/{each['id']}"))


# --- what happens to anybody


def _ordinary(life: Life) -> None:
    rng = life.rng
    for share, happen in _HAPPENINGS:
        if rng.random() < share * (0.5 + life.age / 60):
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
    chart = life.at("aldermoor-emergency" if life.trust == "aldermoor" else "fenwick-epr")
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
    chart = life.at("aldermoor-community")
    day = min(life.last, life.person.born + timedelta(days=12))
    chart.encounter("Health visitor new birth visit", life.hour(day) if day > life.person.born else day, kind="HH",
                    by=visitor)  # fmt: skip
    chart.team("Health visiting", (By(visitor.name, visitor.job, "01632 960 512"),), day)


_HAPPENINGS: tuple[tuple[float, Callable[[Life], None]], ...] = (
    (0.35, _attendance),
    (0.15, _admission),
    (0.3, _care_at_home),
    (0.3, _last_plans),
    (1.9, _new_baby),
)


def pressure(chart: Chart, at: datetime, systolic: int, diastolic: int, by: By | None = None) -> None:
    chart.observe(BLOOD_PRESSURE, at, parts=((SYSTOLIC, systolic, "mmHg", "mm[Hg]"),
                                             (DIASTOLIC, diastolic, "mmHg", "mm[Hg]")), by=by)  # fmt: skip

