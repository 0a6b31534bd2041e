"""Scene 1 as a record: what stands on the page while the GP is silent, and once it has answered?"""

from carerecord.contracts.records import AllergyTitle, Attention, Entry, Group, Record, SourceState
from carerecord.fhir.facts import Allergy, Contact, Document, Flag, Measure, Phone, Result
from tests.pages.a_record import ago, day, entry, facts, lab, med, no_plans, plain, record, seen, stuck, trend
from tests.pages.scenes.cast import ALL_SOURCES, EDITH, UNAVAILABLE, keys


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
