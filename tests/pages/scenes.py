"""The people of six scenes as records: what the screen must show is written in the tests that use them."""

from msgspec.structs import replace

from carerecord.contracts.permit import Withheld
from carerecord.contracts.records import AllergyTitle, Attention, Entry, Group, Mismatch, PlanLine, Record, SourceState
from carerecord.fhir.facts import Allergy, Appointment, Contact, Document, Flag, Measure, Phone, Plan, Result
from tests.pages.a_record import (
    ago,
    answered,
    day,
    entry,
    facts,
    lab,
    med,
    no_plans,
    person,
    plain,
    record,
    seen,
    stuck,
    trend,
)

EDITH = person("Marlow", "Edith", "Mrs", "1948-06-19", "female", "9990000018")
HAROLD = person("Singh", "Harold", "Mr", "1955-02-03", "male", "9990000026")
COLIN = person("Barker", "Colin", "Mr", "1974-05-30", "male", "9990000034")
GWENDOLYN = person("Achebe", "Gwendolyn", "Mrs", "1940-03-11", "female", "9990000042")
SUSAN = person("Whitfield", "Susan", "Ms", "1968-01-09", "female", "9990000050")
LEANNE = person("Doyle", "Leanne", "Miss", "1985-04-02", "female", "9990000069")
ALL_SOURCES = (
    "elm-bank",
    "aldermoor-epr",
    "aldermoor-emergency",
    "aldermoor-pathology",
    "fenwick-epr",
    "hartley-pharmacy",
    "aldermoor-community",
    "st-oswins",
    "aldermoor-council",
    "north-fells-ambulance",
)

UNAVAILABLE = AllergyTitle(
    "Allergies unavailable",
    "Elm Bank Surgery did not answer at 14:02. Do not rely on Aldermoor's “no known allergies” of 2019.",
    updated=ago(),
)


def keys(entries: list[Entry], title: str) -> tuple[str, ...]:
    return tuple(each.key for each in entries if each.facts.title == title)


def edith(*, gp: bool = False, opening: str = "o-edith") -> Record:
    """Scene 1. The GP is silent; with `gp` it answered when it was asked again."""
    negative = entry(
        "aldermoor-epr",
        facts(
            "AllergyIntolerance",
            "allergies",
            "No known allergies",
            "2019-04-05",
            author="Dr R Pell",
            at_means="stated",
            allergy=Allergy("No known allergies", "negative", "active", negative="all"),
            status="active",
        ),
    )
    penicillin = entry(
        "elm-bank",
        facts(
            "AllergyIntolerance",
            "allergies",
            "Penicillin",
            "2021-03-14",
            author="Dr A Osei",
            at_means="onset",
            status="active",
            allergy=Allergy(
                "Penicillin", "penicillin", "active", reactions=("Anaphylaxis",), severity="severe", criticality="high risk"
            ),
        ),
    )
    egfr = [
        lab("aldermoor-pathology", "eGFR", value, "mL/min/1.73 m²", day(days), 60)
        for value, days in (("61", 620), ("58", 262), ("57", 125), ("54", 102))
    ]
    haemoglobin = [
        lab("aldermoor-pathology", "Haemoglobin", value, "g/L", at, 115, 165)
        for value, at in (("128", day(262)), ("126", day(125)), ("121", ago(minutes=4)))
    ]
    sodium = [
        lab("aldermoor-pathology", "Sodium", value, "mmol/L", at, 133, 146)
        for value, at in (("139", day(262)), ("138", day(125)), ("137", day(41)), ("134", ago(minutes=4)))
    ]
    items: list[Entry] = [
        negative,
        *egfr,
        *haemoglobin,
        *sodium,
        lab("aldermoor-pathology", "INR", "1.2", "ratio", ago(minutes=4), 0.9, 1.2),
        med("aldermoor-epr", "apixaban", "5 mg", "twice a day", kind="statement", at="2026-02-11", dose="5mg BD"),
        med("hartley-pharmacy", "apixaban", "5 mg", "", kind="dispense", issued=day(19), quantity="56 tablets"),
        med(
            "hartley-pharmacy",
            "bisoprolol",
            "",
            "",
            kind="dispense",
            issued=day(19),
            quantity="28 × 2.5 mg tablets",
            dose="one each morning",
        ),
        plain(
            "aldermoor-emergency",
            "alerts",
            "Anticoagulated: apixaban",
            "2026-02-11",
            "Flag",
            flag=Flag("clinical"),
            status="active",
        ),
        plain("aldermoor-emergency", "problems", "Head injury, fall from standing", ago(minutes=14), status="active"),
        plain("aldermoor-epr", "problems", "Atrial fibrillation", "2020-01-15", status="active"),
        plain("aldermoor-community", "problems", "Recurrent falls", "2025-12-09", status="active"),
        plain("fenwick-epr", "problems", "Age-related macular degeneration", "2023-06", status="active"),
        plain("aldermoor-epr", "problems", "Fractured left wrist", "2011", status="resolved"),
        entry(
            "aldermoor-emergency",
            facts(
                "Observation",
                "observations",
                "Glasgow coma scale",
                ago(minutes=14),
                result=Result(
                    "gcs",
                    Measure("Glasgow coma scale", "13", "", 13.0),
                    (Measure("Eyes", "3"), Measure("Verbal", "4"), Measure("Motor", "6")),
                ),
            ),
        ),
        entry(
            "north-fells-ambulance",
            facts(
                "Observation",
                "observations",
                "Blood pressure",
                ago(hours=1.2),
                result=Result(
                    "bp",
                    Measure("Blood pressure", ""),
                    (Measure("Systolic", "158", "mmHg", 158.0), Measure("Diastolic", "84", "mmHg", 84.0)),
                ),
            ),
        ),
        seen("aldermoor-emergency", "emergency", "A&E attendance", ago(minutes=42), reason="Fall, head injury", going_on=True),
        seen("north-fells-ambulance", "ambulance", "Conveyed to A&E", ago(hours=1.2), reason="Found on floor"),
        seen("aldermoor-community", "community", "Falls clinic", day(17), planned=True, reason="Third fall this year"),
        seen("aldermoor-epr", "outpatient", "Anticoagulation clinic", day(102), planned=True),
        seen("aldermoor-epr", "outpatient", "Anticoagulation clinic", day(284), planned=True),
        seen("fenwick-epr", "outpatient", "Eye clinic", day(190), planned=True),
        plain(
            "aldermoor-epr",
            "documents",
            "Anticoagulation clinic letter",
            "2026-02-11",
            "DocumentReference",
            author="Dr T Imrie",
            document=Document(
                "Clinic letter",
                "text/plain",
                "Apixaban 5 mg twice a day for atrial fibrillation. eGFR 58.\nNext review in six months.",
            ),
        ),
        plain(
            "aldermoor-community",
            "documents",
            "Falls clinic letter",
            day(17),
            "DocumentReference",
            author="S Whelan, physiotherapist",
            document=Document("Clinic letter", "application/pdf", size_bytes=84_000),
        ),
        plain(
            "aldermoor-council",
            "professionals",
            "Ann Marlow",
            "",
            "RelatedPerson",
            contact=Contact(
                "Ann Marlow", "Daughter, next of kin", phones=(Phone("01632 960 877", "mobile"),), professional=False
            ),
        ),
        plain("aldermoor-council", "social", "Lives alone, key safe", "2026-08-14", "Observation"),
        plain(
            "aldermoor-council",
            "other",
            "Home visit risk assessment",
            "2026-08-14",
            "RiskAssessment",
            note="Loose rug in the hall; removed.",
        ),
    ]
    states: dict[str, SourceState] = {}
    if gp:
        items += [
            penicillin,
            med("elm-bank", "apixaban", "5 mg", "twice a day", course="repeat", issued=day(21)),
            med("elm-bank", "bisoprolol", "2.5 mg", "once a day", course="repeat", issued=day(21)),
            plain("elm-bank", "problems", "Atrial fibrillation", "2020-01-15", status="active"),
            seen("elm-bank", "general practice", "Surgery consultation", day(60), planned=True),
        ]
        title = AllergyTitle(
            "Known allergies",
            "Anaphylaxis, 2021, Elm Bank Surgery.",
            ("Penicillin",),
            ago(),
            announce="Elm Bank Surgery answered. Allergies now: Known allergies, penicillin.",
        )
    else:
        title = UNAVAILABLE
        states["elm-bank"] = stuck(
            "elm-bank", "no answer", "did not answer at 14:02", last="2026-11-02T09:10:00Z", phone="01632 960 114"
        )
    attention = [
        Attention(
            "danger",
            "On an anticoagulant: apixaban",
            "Aldermoor University Hospitals, 11-Feb-2026: DOSE 5 mg twice a day. Last dose taken: Not recorded.",
            "medicines/anticoagulant",
            "medicines",
        ),
        Attention(
            "info",
            "Glasgow coma scale 13",
            "Aldermoor A&E, today 13:48. Next of kin: Ann Marlow, 01632 960 877.",
            "observations/gcs",
            "observations",
        ),
    ]
    if not gp:
        attention.insert(
            0,
            Attention(
                "gap",
                "The GP record is missing from this page",
                "Elm Bank Surgery did not answer at 14:02. Its allergies, repeat "
                "medicines, problems and plans are not here. Surgery bypass 01632 960 114.",
                "sources/gp-silent",
                source="elm-bank",
            ),
        )
    groups = {
        "medicines": (
            Group("apixaban", "apixaban", "same", "", keys(items, "apixaban")),
            Group("bisoprolol", "bisoprolol", "same" if gp else "only here", "", keys(items, "bisoprolol")),
        ),
    }
    return record(
        EDITH,
        items,
        ALL_SOURCES,
        title=title,
        states=states,
        groups=groups,
        opening=opening,
        attention=tuple(attention),
        trends=(trend(egfr, "eGFR"), trend(haemoglobin, "Haemoglobin"), trend(items[12:13], "INR"), trend(sodium, "Sodium")),
        plans=no_plans("none recorded" if gp else "unavailable"),
        joined=("elm-bank",) if gp else (),
    )


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
