"""Which results may share an axis? One test, one unit, one method; two laboratories may, where all three agree."""

import re
from collections.abc import Iterable

from carerecord.contracts.records import Entry, Trend
from carerecord.fhir.facts import Measure

# Shown on the summary: the analytes of the Royal College of Pathologists' list of results to be told without delay
# (G158, "The communication of critical and unexpected pathology results"), with eGFR, HbA1c and CRP.
KEY_RESULTS = "trend/key-result"
_KEY = re.compile(
    r"\b(?:creatinine|egfr|glomerular filtration|potassium|sodium|calcium|glucose|ketone|ph\b|lactate|troponin|ha?emoglobin|"
    r"neutrophil|white (?:blood )?cell|wbc|wcc|leucocyte|leukocyte|platelet|inr|international normali[sz]ed|hba1c|"
    r"c-?reactive|crp|bilirubin|alanine|alt\b|lithium|digoxin|amylase|lipase|d-dimer)",
    re.IGNORECASE,
)
_Point = tuple[Entry, Measure]
_NOT_DRAWN = frozenset({"entered in error", "cancelled", "no result yet", "not done"})


def trends(entries: Iterable[Entry]) -> tuple[Trend, ...]:
    """Every series of two or more numbers, and a key result that stands alone: the first may be the one that matters.

    Important ones first. `entries` come newest first; a trend is oldest first.
    """
    series: dict[tuple[str, str], list[_Point]] = {}
    for entry in entries:
        facts = entry.facts
        result = facts.result
        if result is None or entry.mismatch or facts.warning in _NOT_DRAWN:
            continue
        measure = result.measure
        if result.comparable and measure.number is not None:
            key = (result.comparable, "")
            points = series.get(key)
            if points is None:
                points = series[key] = []
            points.append((entry, measure))
        for part in result.components:
            if part.number is not None:
                # Parts of one measurement, such as systolic and diastolic: each a line of its own, never mixed.
                key = (f"{result.test}|{part.name}|{part.unit}|{result.method.casefold()}", part.name)
                series.setdefault(key, []).append((entry, part))
    made = [_trend(key, component, points) for (key, component), points in series.items()]
    told = (each for each in made if each.important or len(each.entries) > 1)
    return tuple(sorted(told, key=lambda each: (not each.important, each.title.casefold(), each.key)))


def _trend(key: str, component: str, newest_first: list[_Point]) -> Trend:
    newest, measure = newest_first[0]
    ranged = next((each for _, each in newest_first if each.low is not None or each.high is not None), measure)
    important = bool(_KEY.search(newest.facts.title)) and newest.facts.section == "results"
    return Trend(
        key=key,
        title=newest.facts.title,
        unit=measure.unit,
        entries=tuple([entry.key for entry, _ in reversed(newest_first)]),
        component=component,
        low=ranged.low,
        high=ranged.high,
        method=newest.facts.result.method if newest.facts.result else "",
        important=important,
        rule=KEY_RESULTS if important else "",
    )
