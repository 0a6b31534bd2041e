"""Entries as a test needs them: one line each."""

from typing import Any

from msgspec.structs import replace

from carerecord.connectors.reply import Reply, Said
from carerecord.contracts.records import Entry, SectionState
from carerecord.contracts.sources import SharedSection, Source
from carerecord.fhir.facts import Allergy, Facts, Flag, Measure, Medicine, Plan, Result
from carerecord.fhir.sections import SECTION_IDS


def entry(source: str, facts: Facts) -> Entry:
    facts = replace(facts, organisation=facts.organisation or source)
    return Entry(f"{source}/{facts.resource_type}/{facts.id}", facts, source)


def an_allergy(source: str, substance: str = "Penicillin", status: str = "active", *, negative: str = "", at: str = "2021-01-01",
               id: str = "a", **more: Any) -> Entry:  # fmt: skip
    known = Allergy(substance, substance.casefold(), status, negative, **more)
    return entry(source, Facts("AllergyIntolerance", id, "allergies", substance, status, at=at, allergy=known))


def a_medicine(source: str, substance: str, dose: str = "", *, kind: str = "order", current: bool = True, status: str = "active",
               at: str = "2026-01-01", id: str = "m", identifiers: tuple[str, ...] = (), **more: Any) -> Entry:  # fmt: skip
    known = Medicine(kind, substance, substance.casefold(), dose, current=current, **more)
    facts = Facts("MedicationRequest", id, "medicines", substance, status, at=at, medicine=known, identifiers=identifiers)
    return entry(source, facts)


def a_result(source: str, test: str, value: str, *, unit: str = "mmol/L", at: str = "2026-11-01T09:30:00Z", id: str = "r",
             method: str = "", warning: str = "", identifiers: tuple[str, ...] = (), flag: str = "") -> Entry:  # fmt: skip
    measure = Measure(test, value, unit, float(value), flag=flag, flag_from="source" if flag else "")
    code = test.casefold()
    result = Result(code, measure, method=method, comparable=f"{code}|{unit}|{method}")
    return entry(source, Facts("Observation", id, "results", test, "final", warning, at, result=result, identifiers=identifiers))


def a_plan(source: str, kind: str, at: str, *, id: str = "p", **more: Any) -> Entry:
    plan = Plan(kind, "Not for CPR", valid_from=at, **more)
    return entry(source, Facts("CarePlan", id, "plans", kind, "active", at=at, plan=plan))


def a_problem(source: str, title: str, status: str = "active", *, id: str = "c", subject: str = "") -> Entry:
    return entry(source, Facts("Condition", id, "problems", title, status, at="2020-01-01", subject=subject))


def a_flag(source: str, title: str, kind: str, *, active: bool = True) -> Entry:
    return entry(source, Facts("Flag", "f", "alerts", title, flag=Flag(kind, active)))


def a_source(id_: str, kind: str = "acute", *sections: str) -> Source:
    shared = tuple(SharedSection(each) for each in sections or SECTION_IDS)
    return Source(id_, "R9A", "Aldermoor", id_.title(), id_[:2].upper(), kind, "fhir_r4", "https://x", sections=shared)


def a_reply(source: str, *entries: Entry, state: str = "live", kind: str = "acute", said: tuple[Said, ...] | None = None,
            **more: Any) -> Reply:  # fmt: skip
    counts = {section: sum(each.facts.section == section for each in entries) for section in SECTION_IDS}
    sections = tuple(
        SectionState(each, state if state != "live" or counts[each] else "not recorded", counts[each]) for each in SECTION_IDS
    )
    who = (Said("x1", "9990000018", "1948-06-19", ("Edith",), ("Marlow",), "female"),) if said is None else said
    return Reply(a_source(source, kind), state, "", ("x1",), sections, tuple(entries), who, **more)
