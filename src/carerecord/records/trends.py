"""Which results may share an axis? One test, one unit, one method; two laboratories may, where all three agree."""

import re
from collections import defaultdict
from collections.abc import Iterable

from carerecord.contracts.records import Entry, Trend
from carerecord.fhir.facts import Measure
from carerecord.records.order import moment

# Shown on the summary: the analytes of the Royal College of Pathologists' list of results to be told without delay
# (G158, "The communication of critical and unexpected pathology results"), with eGFR, HbA1c and CRP.
KEY_RESULTS = "trend/key-result"
_KEY = re.compile(
    r"\b(?:creatinine|egfr|glomerular filtration|potassium|sodium|calcium|glucose|ketone|ph\b|lactate|troponin|ha?emoglobin|"
    r"neutrophil|white (?:blood )?cell|wbc|wcc|leucocyte|leukocyte|platelet|inr|international normali[sz]ed|hba1c|"
    r"c-?reactive|crp|bilirubin|alanine|alt\b|lithium|digoxin|amylase|lipase|d-dimer)",
    re.IGNORECASE,
)
_NOT_DRAWN = frozenset({"entered in error", "cancelled", "no result yet", "not done"})


def trends(entries: Iterable[Entry]) -> tuple[Trend, ...]:
    """Every series of two or more numbers, the important ones first; entries oldest first."""
    series: dict[tuple[str, str], list[tuple[Entry, Measure]]] = defaultdict(list)
    for entry in entries:
        result = entry.facts.result
        if result is None or entry.mismatch or entry.facts.warning in _NOT_DRAWN:
            continue
        if result.comparable and result.measure.number is not None:
            series[result.comparable, ""].append((entry, result.measure))
        for part in result.components:
            if part.number is not None:
                # Parts of one measurement, such as systolic and diastolic: each a line of its own, never mixed.
                key = f"{result.test}|{part.name}|{part.unit}|{result.method.casefold()}"
                series[key, part.name].append((entry, part))
    made = [_trend(key, component, points) for (key, component), points in series.items() if len(points) > 1]
    return tuple(sorted(made, key=lambda each: (not each.important, each.title.casefold(), each.key)))


def _trend(key: str, component: str, points: list[tuple[Entry, Measure]]) -> Trend:
    points = sorted(points, key=lambda each: (moment(each[0].facts.at), each[0].key))
    newest, measure = points[-1]
    ranged = next((each for _, each in reversed(points) if each.low is not None or each.high is not None), measure)
    important = bool(_KEY.search(newest.facts.title)) and newest.facts.section == "results"
    return Trend(
        key=key,
        title=newest.facts.title,
        unit=measure.unit,
        entries=tuple(entry.key for entry, _ in points),
        component=component,
        low=ranged.low,
        high=ranged.high,
        method=newest.facts.result.method if newest.facts.result else "",
        important=important,
        rule=KEY_RESULTS if important else "",
    )
