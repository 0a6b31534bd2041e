"""The records of which a page needs one thing each: two plans, a role that sees little, somebody else's answer."""

from msgspec.structs import replace

from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import AllergyTitle, Attention, Group, Mismatch, PlanLine, Record, SourceState
from carerecord.fhir.facts import Plan
from tests.pages.a_record import ago, answered, day, entry, facts, lab, med, person, plain, record, trend
from tests.pages.scenes.cast import ALL_SOURCES, GWENDOLYN, HAROLD, LEANNE
from tests.pages.scenes.harold import harold


def gwendolyn() -> Record:
    """Scene 3. The new ReSPECT form first, the old DNACPR form superseded; she has died in one variant of no scene."""
    respect = entry(
        "st-oswins",
        facts(
            "CarePlan",
            "plans",
            "ReSPECT",
            day(70),
            author="Dr H Lowe",
            at_means="signed",
            status="active",
            plan=Plan("respect", "Not for CPR. Comfort is the priority. Stay at home; hospital only for a broken bone.", day(70)),
        ),
    )
    old = entry(
        "aldermoor-epr",
        facts(
            "DocumentReference",
            "plans",
            "DNACPR form",
            day(1490),
            author="Dr P Quill",
            status="current",
            plan=Plan("dnacpr", "Do not attempt CPR", day(1490)),
        ),
        superseded_by=respect.key,
    )
    plans = (
        PlanLine("respect", "ReSPECT", "present", respect.key, (), "not for CPR"),
        PlanLine("dnacpr", "DNACPR", "present", respect.key, (old.key,), "in the ReSPECT form; an older form is superseded"),
        PlanLine("advance-decision", "Advance decision", "none recorded"),
    )
    items = [
        respect,
        old,
        plain("st-oswins", "problems", "Metastatic breast cancer", "2024-05", status="active"),
        med("st-oswins", "morphine sulfate modified-release", "10 mg", "every 12 hours"),
    ]
    groups = {"medicines": (Group("m", "morphine sulfate modified-release", "only here", "", (items[3].key,)),)}
    return record(
        GWENDOLYN,
        items,
        ALL_SOURCES,
        plans=plans,
        groups=groups,
        opening="o-gwendolyn",
        title=AllergyTitle("Allergies not recorded", "in 5 sources, 14:02", updated=ago()),
    )


def leanne() -> Record:
    """Scene 6. Neutrophils from two laboratories on one trend; clozapine is not in the GP record."""
    neutrophils = [
        lab(source, "Neutrophils", value, "10⁹/L", at, 2.0, 7.5, flag="critically low" if value == "0.9" else "")
        for source, value, at in (
            ("fenwick-pathology", "4.2", day(62)),
            ("fenwick-pathology", "2.1", day(20)),
            ("aldermoor-pathology", "0.9", ago(minutes=9)),
        )
    ]
    items = [
        *neutrophils,
        med("calder-vale", "clozapine", "300 mg", "a day", dose="300 mg a day: 100 mg in the morning, 200 mg at night"),
        entry("calder-vale", facts("CarePlan", "plans", "Crisis plan", day(120), plan=Plan("crisis", "Call the crisis team."))),
        entry(
            "elm-bank",
            facts("Condition", "problems", "Paranoid schizophrenia", "2009", status="active", warning="entered in error"),
        ),
    ]
    sources = ("elm-bank", "aldermoor-epr", "aldermoor-pathology", "fenwick-pathology", "calder-vale")
    attention = (
        Attention(
            "danger",
            "clozapine: not in the GP record",
            "Calder Vale Mental Health alone holds it.",
            "medicines/only-here",
            "medicines",
        ),
    )
    groups = {"medicines": (Group("clozapine", "clozapine", "only here", "not in the GP record", (items[3].key,)),)}
    return record(
        LEANNE,
        items,
        sources,
        trends=(trend(neutrophils, "Neutrophils"),),
        attention=attention,
        groups=groups,
        title=AllergyTitle("Allergies not recorded", "in 3 sources, 14:02"),
        opening="o-leanne",
    )


def receptionist() -> Record:
    """What a receptionist is given of Harold: appointments, adjustments, demographics; everything else is said to be withheld."""
    whole = harold()
    allowed = ("adjustments", "appointments", "demographics")
    kept = [each for section in whole.sections if section.id in allowed for each in section.entries]
    withheld = tuple(
        Withheld("", section.id, "role/receptionist", "Your role does not show clinical content.", "not-permitted")
        for section in whole.sections
        if section.id not in allowed
    )
    return record(
        HAROLD,
        kept,
        ("elm-bank", "aldermoor-epr"),
        title=AllergyTitle("Allergies unavailable", "Not shown in your role."),
        withheld=withheld,
        only=allowed,
        opening="o-reception",
        plans=(PlanLine("respect", "ReSPECT", "unavailable"),),
        states={each: _only(answered(each, kept), allowed) for each in ("elm-bank", "aldermoor-epr")},
    )


def mismatched() -> Record:
    """A twin whose sibling's result was filed under her number: held behind a warning with both values."""
    zara = person("Iqbal", "Zara", "", "2026-10-25", "female", "9990000077", multiple_birth="1")
    held = lab("aldermoor-pathology", "Bilirubin", "268", "µmol/L", ago(hours=5), None, 200)
    held = entry("aldermoor-pathology", held.facts, mismatch="given name")
    return record(
        zara,
        [held],
        ("elm-bank", "aldermoor-pathology"),
        opening="o-zara",
        title=AllergyTitle("Allergies not recorded"),
        mismatches=(Mismatch("aldermoor-pathology", "given name", "Zara", "Zoya", (held.key,)),),
    )


def _only(state: SourceState, allowed: tuple[str, ...]) -> SourceState:
    kept = tuple(each for each in state.sections if each.section in allowed)
    return replace(state, sections=kept)
