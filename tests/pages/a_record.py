"""Records of the scenes' people as the records desk would answer them, for pages to be drawn from."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from carerecord.contracts.actors import Actor, Attendance, Reason, Role
from carerecord.contracts.patients import Demographics, Name, Person
from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import (
    AllergyTitle,
    Attention,
    Entry,
    Group,
    Mismatch,
    PlanLine,
    Record,
    Section,
    SectionState,
    SourceState,
    Trend,
)
from carerecord.fhir.facts import Encounter, Facts, Measure, Medicine, Result
from carerecord.fhir.sections import ALL

NOW = datetime(2026, 11, 22, 14, 2, 7, tzinfo=UTC)
DOCTOR = Actor(
    "https://aldermoor.example",
    "1",
    "Dr Priya Nair",
    Role("r1", "emergency-doctor", "Emergency medicine consultant", "R9A", "Aldermoor University Hospitals"),
)

SOURCES = {
    "elm-bank": ("Elm Bank Surgery", "GP", "gp", "A99917"),
    "aldermoor-epr": ("Aldermoor University Hospitals", "AH", "acute", "R9A"),
    "aldermoor-emergency": ("Aldermoor A&E", "AE", "emergency", "R9A"),
    "aldermoor-pathology": ("Aldermoor Pathology", "AP", "pathology", "R9A"),
    "aldermoor-radiology": ("Aldermoor Radiology", "AR", "radiology", "R9A"),
    "fenwick-epr": ("Fenwick General Hospital", "FG", "acute", "R9F"),
    "fenwick-pathology": ("Fenwick Pathology", "FP", "pathology", "R9F"),
    "hartley-pharmacy": ("Hartley Pharmacy", "RX", "pharmacy", "FZ991"),
    "aldermoor-community": ("Aldermoor Community Health", "CH", "community", "R9C"),
    "st-oswins": ("St Oswin's Hospice", "HO", "hospice", "8HX91"),
    "aldermoor-council": ("Aldermoor Council", "SC", "social-care", "991"),
    "north-fells-ambulance": ("North Fells Ambulance", "AM", "ambulance", "R9M"),
    "calder-vale": ("Calder Vale Mental Health", "MH", "mental-health", "R9V"),
}
UNSEEN = ("no answer", "loading", "unreadable", "incomplete", "withheld", "not asked")
_CLINICAL = ("alerts", "allergies", "medicines", "problems", "observations", "encounters", "documents", "plans")
SHARES = {
    "elm-bank": (*_CLINICAL, "results", "immunisations", "procedures", "appointments", "professionals", "social", "adjustments"),
    "aldermoor-epr": (*_CLINICAL, "procedures", "appointments"),
    "aldermoor-emergency": ("alerts", "medicines", "problems", "observations", "encounters", "documents"),
    "aldermoor-pathology": ("results",),
    "aldermoor-radiology": ("results", "documents"),
    "fenwick-epr": (*_CLINICAL, "procedures", "appointments"),
    "fenwick-pathology": ("results",),
    "hartley-pharmacy": ("medicines", "immunisations"),
    "aldermoor-community": (*_CLINICAL, "appointments", "professionals"),
    "st-oswins": ("alerts", "allergies", "medicines", "problems", "documents", "plans", "professionals"),
    "aldermoor-council": ("encounters", "documents", "professionals", "social"),
    "north-fells-ambulance": ("observations", "encounters", "documents"),
    "calder-vale": (*_CLINICAL, "professionals"),
}


def ago(days: float = 0, hours: float = 0, minutes: float = 0) -> str:
    return (NOW - timedelta(days=days, hours=hours, minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(days: int) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%d")


_next = iter(range(1, 100_000))


def entry(source: str, facts: Facts, *, late: bool = False, superseded_by: str = "", mismatch: str = "") -> Entry:
    key = f"{source}/{facts.resource_type}/{facts.id}"
    return Entry(key, facts, source, ago(), late=late, superseded_by=superseded_by, mismatch=mismatch)


def facts(resource_type: str, section: str, title: str, at: str = "", **more: object) -> Facts:
    return Facts(resource_type, f"{section}-{next(_next)}", section, title, at=at, **more)  # type: ignore[arg-type]


def med(
    source: str,
    group: str,
    amount: str,
    frequency: str,
    *,
    form: str = "tablet",
    kind: str = "order",
    current: bool = True,
    issued: str = "",
    ended: str = "",
    stopped: str = "",
    dose: str = "",
    quantity: str = "",
    course: str = "",
    at: str = "",
    late: bool = False,
) -> Entry:
    medicine = Medicine(
        kind,
        group,
        group,
        dose=dose,
        amount=amount,
        form=form,
        route="oral",
        frequency=frequency,
        current=current,
        course=course,
        ended=ended,
        stopped_reason=stopped,
        issued=issued,
        quantity=quantity,
    )
    types = {"order": "MedicationRequest", "dispense": "MedicationDispense", "statement": "MedicationStatement"}
    status = "active" if current else "stopped"
    return entry(
        source,
        facts(
            types[kind],
            "medicines",
            group,
            at or issued or ended or day(9),
            status=status,
            medicine=medicine,
            author="Dr A Osei" if source == "elm-bank" else "",
        ),
        late=late,
    )


def lab(
    source: str,
    test: str,
    value: str,
    unit: str,
    at: str,
    low: float | None = None,
    high: float | None = None,
    *,
    flag: str = "",
    method: str = "",
    warning: str = "",
    section: str = "results",
) -> Entry:
    number = float(value)
    if not flag and low is not None and number < low:
        flag = "low"
    if not flag and high is not None and number > high:
        flag = "high"
    words = (
        f"{low:g} to {high:g}"
        if low is not None and high is not None
        else f"above {low:g}"
        if low is not None
        else f"below {high:g}"
        if high is not None
        else ""
    )
    measure = Measure(test, value, unit, number, low, high, words, flag, "range" if flag else "")
    result = Result(test, measure, laboratory=SOURCES[source][0], method=method, comparable=f"{test}|{unit}|{method}")
    return entry(
        source, facts("Observation", section, test, at, at_means="taken", status="final", warning=warning, result=result)
    )


def seen(
    source: str,
    kind: str,
    title: str,
    at: str,
    ended: str = "",
    *,
    reason: str = "",
    planned: bool | None = None,
    going_on: bool = False,
    late: bool = False,
) -> Entry:
    encounter = Encounter(kind, at, ended, going_on, planned, SOURCES[source][0], reason)
    return entry(source, facts("Encounter", "encounters", title, at, encounter=encounter, status="finished"), late=late)


def plain(source: str, section: str, title: str, at: str, kind: str = "Condition", late: bool = False, **more: object) -> Entry:
    return entry(source, facts(kind, section, title, at, **more), late=late)


def trend(entries: Iterable[Entry], title: str, *, important: bool = True) -> Trend:
    items = sorted(entries, key=lambda each: each.facts.at)
    first = items[0].facts.result
    assert first is not None
    return Trend(
        first.comparable,
        title,
        first.measure.unit,
        tuple(each.key for each in items),
        low=first.measure.low,
        high=first.measure.high,
        method=first.method,
        important=important,
        rule="results/key",
    )


def person(family: str, given: str, prefix: str, born: str, gender: str, number: str, **more: object) -> Person:
    demographics = Demographics(
        names=(Name(family, (given,), prefix),),
        birth_date=born,
        gender=gender,
        nhs_number=number,
        nhs_number_status="01",
        address="14 Weir Lane, Aldermoor",
        postcode="ZZ1 4AB",
        phone="01632 960 011",
        gp="A99917",
        gp_name="Elm Bank Surgery",
        **more,  # type: ignore[arg-type]
    )
    return Person(("p-" + family.lower(),), "p-" + family.lower(), demographics, known_by=tuple(SOURCES)[:5])


def record(
    who: Person,
    entries: Iterable[Entry],
    sources: Iterable[str],
    *,
    title: AllergyTitle,
    states: Mapping[str, SourceState] | None = None,
    groups: Mapping[str, tuple[Group, ...]] | None = None,
    trends: tuple[Trend, ...] = (),
    plans: tuple[PlanLine, ...] = (),
    attention: tuple[Attention, ...] = (),
    mismatches: tuple[Mismatch, ...] = (),
    withheld: tuple[Withheld, ...] = (),
    complete: bool = True,
    opening: str = "o-1",
    reason: Reason | None = None,
    only: tuple[str, ...] = (),
    joined: tuple[str, ...] = (),
) -> Record:
    """Put entries under their headings and derive the state of every source from them, unless one is given."""
    items = tuple(entries)
    told = tuple((states or {}).get(each) or answered(each, items) for each in sources)
    sections = []
    for section in ALL:
        if only and section.id not in only:
            continue
        mine = tuple(
            sorted((each for each in items if each.facts.section == section.id), key=lambda each: each.facts.at, reverse=True)
        )
        missing = tuple(
            state.source for state in told for each in state.sections if each.section == section.id and each.state in UNSEEN
        )
        drawn = tuple(each for each in trends if {entry.key for entry in mine} & set(each.entries))
        sections.append(Section(section.id, section.title, mine, (groups or {}).get(section.id, ()), drawn, missing))
    attendance = Attendance(DOCTOR.key, who.patient, "R9A", "aldermoor-emergency", "Emergency department", ago(minutes=42), 0.0)
    return Record(
        opening,
        who,
        reason or Reason("direct-care", attendance=attendance),
        ago(),
        complete,
        not complete,
        told,
        tuple(sections),
        title,
        plans or no_plans(),
        attention,
        mismatches,
        withheld,
        joined=joined,
    )


def answered(source: str, entries: Iterable[Entry], *, late: bool = False, elapsed_s: float = 0.6) -> SourceState:
    mine = [each for each in entries if each.source == source]
    states = []
    for section in SHARES[source]:
        count = sum(each.facts.section == section for each in mine)
        states.append(SectionState(section, "live" if count else "not recorded", count))
    name, mark, kind, ods = SOURCES[source]
    return SourceState(
        source,
        name,
        ods,
        mark,
        kind,
        "live" if mine else "none held",
        count=len(mine),
        sent=len(mine),
        elapsed_s=elapsed_s,
        as_at=ago(),
        late=late,
        sections=tuple(states),
    )


def stuck(source: str, state: str, says: str = "", *, last: str = "", phone: str = "") -> SourceState:
    """A source of which nothing can be seen."""
    name, mark, kind, ods = SOURCES[source]
    sections = tuple(SectionState(each, state) for each in SHARES[source])
    return SourceState(
        source, name, ods, mark, kind, state, says, as_at=ago(), last_answer=last, phone=phone, elapsed_s=8.0, sections=sections
    )


def no_plans(state: str = "none recorded") -> tuple[PlanLine, ...]:
    titles = (("respect", "ReSPECT"), ("dnacpr", "DNACPR"), ("advance-decision", "Advance decision"))
    return tuple(PlanLine(kind, title, state) for kind, title in titles)
