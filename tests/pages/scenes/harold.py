"""Scene 4 as a record: what do sources say of Harold's medicines, and where do they disagree?"""

from msgspec.structs import replace

from carerecord.contracts.records import AllergyTitle, Attention, Group, Record
from carerecord.fhir.facts import Allergy, Appointment, Document, Flag
from tests.pages.a_record import ago, answered, day, entry, facts, lab, med, plain, record, seen, trend
from tests.pages.scenes.cast import ALL_SOURCES, HAROLD, keys


def harold() -> Record:
    """Scene 4. Three sources disagree about ramipril and bisoprolol."""
    potassium = [
        lab("aldermoor-pathology", "Potassium", value, "mmol/L", at, 3.5, 5.3)
        for value, at in (
            ("4.6", day(315)),
            ("4.8", day(215)),
            ("4.9", day(111)),
            ("6.1", ago(14)),
            ("5.5", ago(12)),
            ("5.1", ago(10)),
            ("4.9", ago(9)),
            ("5.0", ago(hours=2.4)),
        )
    ]
    creatinine = [
        lab("aldermoor-pathology", "Creatinine", value, "µmol/L", at, 59, 104)
        for value, at in (
            ("146", day(315)),
            ("150", day(215)),
            ("150", day(111)),
            ("268", ago(14)),
            ("231", ago(12)),
            ("196", ago(10)),
            ("184", ago(9)),
            ("178", ago(hours=2.4)),
        )
    ]
    egfr = [
        lab("aldermoor-pathology", "eGFR", value, "mL/min/1.73 m²", at, 60)
        for value, at in (
            ("41", day(315)),
            ("40", day(215)),
            ("40", day(111)),
            ("20", ago(14)),
            ("24", ago(12)),
            ("32", ago(0.1)),
        )
    ]
    bnp = [lab("aldermoor-pathology", "NT-proBNP", "2140", "ng/L", ago(13), None, 400)]
    items = [
        *potassium,
        *creatinine,
        *egfr,
        *bnp,
        entry(
            "elm-bank",
            facts(
                "AllergyIntolerance",
                "allergies",
                "No known allergies",
                "2024-03-14",
                author="Dr A Osei",
                allergy=Allergy("No known allergies", "negative", "active", negative="all"),
                status="active",
            ),
        ),
        med("elm-bank", "ramipril", "5 mg", "once a day", form="capsule", course="repeat", issued=day(20)),
        med(
            "aldermoor-epr",
            "ramipril",
            "5 mg",
            "once a day",
            form="capsule",
            current=False,
            ended=day(9),
            course="hospital",
            stopped="K 6.1, AKI. Do not restart before review.",
        ),
        med(
            "hartley-pharmacy",
            "ramipril",
            "5 mg",
            "once a day",
            form="capsule",
            kind="dispense",
            issued=ago(4, hours=4),
            quantity="28 capsules",
        ),
        med("elm-bank", "bisoprolol", "5 mg", "once a day", course="repeat", issued=day(20)),
        med("aldermoor-epr", "bisoprolol", "2.5 mg", "once a day", course="hospital", at=day(9)),
        med(
            "hartley-pharmacy", "bisoprolol", "5 mg", "once a day", kind="dispense", issued=ago(4, hours=4), quantity="28 tablets"
        ),
        med("elm-bank", "furosemide", "40 mg", "once a day", course="repeat", issued=day(20)),
        med("aldermoor-epr", "furosemide", "40 mg", "once a day", course="hospital", at=day(9)),
        med(
            "hartley-pharmacy",
            "furosemide",
            "40 mg",
            "once a day",
            kind="dispense",
            issued=ago(4, hours=4),
            quantity="28 tablets",
        ),
        med(
            "aldermoor-epr",
            "sodium zirconium cyclosilicate",
            "5 g",
            "once a day",
            form="oral powder",
            course="hospital",
            at=day(9),
        ),
        med("elm-bank", "amlodipine", "5 mg", "once a day", current=False, ended=day(51), stopped="Ankle swelling"),
        *(
            plain(source, "problems", title, at, status="active")
            for source, title, at in (
                ("aldermoor-epr", "Acute kidney injury stage 2", day(14)),
                ("elm-bank", "Heart failure with reduced ejection fraction", "2021-05-11"),
                ("aldermoor-epr", "Heart failure with reduced ejection fraction", "2021-05-11"),
                ("elm-bank", "Chronic kidney disease stage 3b", "2022-02-02"),
                ("elm-bank", "Hypertension", "2008"),
            )
        ),
        seen("aldermoor-emergency", "emergency", "A&E attendance", ago(hours=3), reason="Breathless", going_on=True),
        seen("north-fells-ambulance", "ambulance", "Conveyed to A&E", ago(hours=3.5), late=True),
        seen("aldermoor-epr", "inpatient", "Cardiology ward", ago(14), ago(9), reason="Acute kidney injury, hyperkalaemia"),
        seen("aldermoor-community", "home", "Heart failure nurse", ago(2), planned=True, reason="Weight up 3.1 kg"),
        *(seen("elm-bank", "general practice", "Surgery consultation", day(each), planned=True) for each in (20, 80, 200, 320)),
        plain(
            "aldermoor-epr",
            "documents",
            "Discharge summary, cardiology",
            day(9),
            "DocumentReference",
            author="Dr L Bryce",
            document=Document(
                "Discharge summary",
                "text/plain",
                "Ramipril STOPPED 13 November for potassium 6.1 mmol/L.\nBisoprolol reduced to 2.5 mg.",
            ),
        ),
        plain(
            "elm-bank",
            "appointments",
            "Heart failure review",
            "2026-11-30T10:20:00Z",
            "Appointment",
            appointment=Appointment("appointment", "2026-11-30T10:20:00Z", place="Elm Bank Surgery", future=True),
        ),
        plain("elm-bank", "immunisations", "Influenza vaccine", day(51), "Immunization"),
        plain(
            "elm-bank",
            "adjustments",
            "Hearing loss: speak to the left side",
            "2025-01-06",
            "Flag",
            flag=Flag("reasonable-adjustment"),
        ),
    ]
    gp = answered("elm-bank", items)
    states = {
        "elm-bank": replace(gp, warnings=("Data awaiting filing since 13-Nov-2026",)),
        "north-fells-ambulance": answered("north-fells-ambulance", items, late=True, elapsed_s=6.1),
    }
    groups = {
        "medicines": (
            Group(
                "ramipril",
                "ramipril",
                "stopped here, dispensed since",
                "Aldermoor stopped it 13-Nov-2026; dispensed 18-Nov-2026",
                keys(items, "ramipril"),
            ),
            Group("bisoprolol", "bisoprolol", "differs", "dose: 5 mg, 2.5 mg", keys(items, "bisoprolol")),
            Group(
                "szc", "sodium zirconium cyclosilicate", "only here", "Aldermoor", keys(items, "sodium zirconium cyclosilicate")
            ),
            Group("furosemide", "furosemide", "same", "", keys(items, "furosemide")),
            Group("amlodipine", "amlodipine", "only here", "", keys(items, "amlodipine"), current=False),
        ),
        "problems": (
            Group(
                "hf",
                "Heart failure with reduced ejection fraction",
                "same",
                "",
                keys(items, "Heart failure with reduced ejection fraction"),
            ),
        ),
    }
    attention = (
        Attention(
            "danger",
            "Ramipril stopped, dispensed since",
            "Aldermoor stopped it 13-Nov-2026 for potassium 6.1 mmol/L. Hartley Pharmacy dispensed 28 capsules on 18-Nov-2026.",
            "medicines/stopped-dispensed",
            "medicines",
        ),
        Attention(
            "gap",
            "GP data awaiting filing",
            "Elm Bank Surgery warns that letters received since 13-Nov-2026 are not yet filed. "
            "Its list may not show the discharge.",
            "sources/warning",
            source="elm-bank",
        ),
        Attention(
            "differs",
            "bisoprolol: dose differs",
            "5 mg (Elm Bank Surgery, Hartley Pharmacy), 2.5 mg (Aldermoor).",
            "medicines/differs",
            "medicines",
        ),
    )
    title = AllergyTitle("No known allergies", "Stated by Dr A Osei, Elm Bank Surgery", updated="2024-03-14")
    return record(
        HAROLD,
        items,
        ALL_SOURCES,
        title=title,
        states=states,
        groups=groups,
        attention=attention,
        opening="o-harold",
        trends=tuple(trend(each, each[0].facts.title) for each in (potassium, creatinine, egfr, bnp)),
        joined=("north-fells-ambulance",),
    )
