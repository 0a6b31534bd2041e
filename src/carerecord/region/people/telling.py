"""How does an illness come into the charts: its problem, medicines, tests, clinic and plan?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from carerecord.region.organisations import ORGANISATION_BY_ODS
from carerecord.region.people.chart import LONDON, By, Chart, medicine_name
from carerecord.region.people.codes import DRUGS, PROBLEMS, TESTS, Term
from carerecord.region.people.lived import Life
from carerecord.region.people.stories import Clinic, Series, Story
from carerecord.region.shapes import FhirJson

_NO_NAPROXEN = {PROBLEMS[name].text for name in ("asthma", "hypertension", "heart-failure", "ckd-3a", "atrial-fibrillation",
                                                 "pregnant")}  # fmt: skip


def tell_story(story: Story, life: Life) -> None:
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
        if rng.random() < 0.6:
            life.at(life.pharmacy).dispense(drug, course.text, min(collected, life.now), dose=course.dose,
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
    """A speciality has a system of its own at Fenwick, and is part of the hospital's at Aldermoor."""
    if clinic.system in ("rheumatology", "diabetes"):
        return f"fenwick-{clinic.system}" if life.trust == "fenwick" else "aldermoor-epr"
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
