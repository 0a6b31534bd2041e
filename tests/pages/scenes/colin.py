"""Scene 9 as a record: what is left of it when sources misbehave?"""

from msgspec.structs import replace

from carerecord.contracts.records import AllergyTitle, Attention, Group, Record
from carerecord.fhir.facts import Allergy
from tests.pages.a_record import ago, answered, day, entry, facts, lab, med, plain, record, seen, stuck, trend
from tests.pages.scenes.cast import COLIN, keys


def colin(*, complete: bool = True) -> Record:
    """Scene 9. A wrong answer discarded, one item unreadable, one source late, one not asked."""
    troponin_i = [
        lab("aldermoor-pathology", "hs-troponin I", value, "ng/L", at, None, 34, method="Abbott Architect")
        for value, at in (("6", ago(hours=3.1)), ("41", ago(minutes=4)))
    ]
    troponin_t = [
        lab("fenwick-pathology", "hs-troponin T", "9", "ng/L", "2025-10-18T16:02:00Z", None, 14, method="Roche Elecsys")
    ]
    items = [
        *troponin_i,
        *troponin_t,
        entry(
            "elm-bank",
            facts(
                "AllergyIntolerance",
                "allergies",
                "Aspirin",
                "2011-07-04",
                author="Dr A Osei",
                status="active",
                allergy=Allergy("Aspirin", "aspirin", "active", reactions=("Bronchospasm",), severity="moderate"),
            ),
        ),
        med("elm-bank", "atorvastatin", "20 mg", "once a day", course="repeat", issued=day(13)),
        med("fenwick-epr", "atorvastatin", "80 mg", "once a day", kind="statement", at="2026-01-13"),
        med("aldermoor-emergency", "clopidogrel", "300 mg", "once only", at=ago(hours=2.5)),
        plain("aldermoor-emergency", "problems", "Chest pain", ago(hours=3.2), status="active"),
        plain("elm-bank", "problems", "Type 2 diabetes mellitus", "2017-02-21", status="active"),
        seen("aldermoor-emergency", "emergency", "A&E attendance", ago(hours=3.2), reason="Chest pain", going_on=True),
        *(plain("aldermoor-community", "observations", f"Foot check {each}", day(5), "Observation") for each in range(9)),
    ]
    if complete:
        items.append(seen("north-fells-ambulance", "ambulance", "Conveyed to A&E", ago(hours=3.7), late=True))
        items.append(
            plain("north-fells-ambulance", "observations", "ECG: sinus rhythm", ago(hours=3.7), "Observation", late=True)
        )
    community = answered("aldermoor-community", items)
    ambulance = stuck("north-fells-ambulance", "loading", "still loading (1 s)")
    states = {
        "aldermoor-radiology": stuck("aldermoor-radiology", "discarded", "answered about another person"),
        "aldermoor-council": stuck("aldermoor-council", "not asked", "No sign that it knows this person, as at 21-Nov-2026."),
        "aldermoor-community": replace(
            community,
            state="incomplete",
            says="14 of 15 shown",
            count=14,
            sent=15,
            unreadable=1,
            sections=tuple(
                type(each)("observations", "incomplete", 9, 1, 10, "9 of 10 shown") if each.section == "observations" else each
                for each in community.sections
            ),
        ),
        "north-fells-ambulance": answered("north-fells-ambulance", items, late=True, elapsed_s=6.0) if complete else ambulance,
    }
    sources = (
        "elm-bank",
        "aldermoor-epr",
        "aldermoor-emergency",
        "aldermoor-pathology",
        "aldermoor-radiology",
        "fenwick-epr",
        "fenwick-pathology",
        "hartley-pharmacy",
        "aldermoor-community",
        "north-fells-ambulance",
        "aldermoor-council",
    )
    attention = (
        Attention(
            "danger",
            "An answer about another person was discarded",
            "Aldermoor Radiology was asked for this NHS number and "
            "birth date and answered for a different one. None of it is shown. A safety alert was sent.",
            "sources/wrong-patient",
            source="aldermoor-radiology",
        ),
        Attention(
            "danger",
            "hs-troponin I 41 ng/L, high",
            "6 to 41 ng/L in 3 h. Two tests: I and T are never drawn on one scale.",
            "results/troponin",
            "results",
        ),
        Attention(
            "gap",
            "Aldermoor Community Health: 14 of 15 shown",
            "It sent one item that could not be read.",
            "sources/incomplete",
            "observations",
            "aldermoor-community",
        ),
        Attention(
            "info",
            "Not asked: Aldermoor Council",
            "No sign that it knows this person.",
            "sources/not-asked",
            source="aldermoor-council",
        ),
    )
    groups = {
        "medicines": (
            Group("atorvastatin", "atorvastatin", "differs", "dose: 20 mg, 80 mg", keys(items, "atorvastatin")),
            Group("clopidogrel", "clopidogrel", "only here", "", keys(items, "clopidogrel")),
        )
    }
    return record(
        COLIN,
        items,
        sources,
        states=states,
        attention=attention,
        groups=groups,
        complete=complete,
        opening="o-colin",
        title=AllergyTitle(
            "Known allergies", "Bronchospasm, 04-Jul-2011, Elm Bank Surgery.", ("Aspirin",), ago(), incomplete=True
        ),
        trends=(trend(troponin_i, "hs-troponin I"), trend(troponin_t, "hs-troponin T")),
        joined=("north-fells-ambulance",) if complete else (),
    )
