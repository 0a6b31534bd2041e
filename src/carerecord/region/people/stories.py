"""Which illnesses run through the region, with what medicines, tests and clinics?

A table to be read: doses and tests are those that a British practice would be seen to use. Nothing here advises anybody.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Course:
    """A medicine of a story, as a repeat at the practice."""

    drug: str
    text: str
    dose: tuple[float, str] | None
    times: tuple[int, int, str] | None
    share: float = 1.0  # of those who have the story
    as_needed: bool = False


@dataclass(frozen=True)
class Series:
    """A test that is repeated: where it starts, how it moves in a year, how it scatters."""

    test: str
    start: float
    per_year: float
    scatter: float
    times_a_year: float


@dataclass(frozen=True)
class Clinic:
    """Where a story is followed up. `system` "hospital" is the trust of the person's own practice, a speciality its clinic."""

    system: str
    name: str
    doctor: str
    job: str
    letter: str  # may use {name}, {age}, {problem}
    share: float = 1.0


@dataclass(frozen=True)
class Story:
    key: str
    problems: tuple[str, ...]
    ages: tuple[int, int]
    share: float  # of the people of those ages
    years: tuple[int, int]  # how long ago it began
    courses: tuple[Course, ...] = ()
    series: tuple[Series, ...] = ()
    clinic: Clinic | None = None
    sex: Literal["male", "female"] | None = None
    plan: tuple[str, tuple[str, ...]] | None = None  # kind, lines
    flag: str = ""
    procedure: tuple[str, str] | None = None  # words, SNOMED code


_KIDNEYS = (Series("creatinine", 84, 1.5, 5, 1.5), Series("egfr", 78, -1.8, 3, 1.5), Series("potassium", 4.5, 0.02, 0.3, 1.5))

STORIES: tuple[Story, ...] = (
    Story("hypertension", ("hypertension",), (42, 100), 0.24, (2, 14), (
        Course("amlodipine", "5 mg once a day", (5, "mg"), (1, 1, "d"), 0.6),
        Course("ramipril", "5 mg once a day", (5, "mg"), (1, 1, "d"), 0.6),
    ), _KIDNEYS),
    Story("diabetes-2", ("diabetes-2",), (38, 100), 0.11, (2, 16), (
        Course("metformin", "1 g twice a day with meals", (1, "g"), (2, 1, "d")),
        Course("gliclazide", "80 mg once a day with breakfast", (80, "mg"), (1, 1, "d"), 0.3),
        Course("atorvastatin", "20 mg at night", (20, "mg"), (1, 1, "d"), 0.8),
    ), (Series("hba1c", 58, 0.8, 5, 2), Series("cholesterol", 4.6, -0.1, 0.4, 1), *_KIDNEYS[:2]),
        Clinic("diabetes", "Diabetes clinic", "Dr F Ahmadi", "consultant diabetologist",
               "I reviewed {name} ({age}) for type 2 diabetes. Feet: pulses present, sensation normal. Retinal screening "
               "is up to date. No change to treatment; HbA1c to be repeated in three months.", 0.3)),
    Story("copd", ("copd",), (48, 95), 0.05, (2, 12), (
        Course("tiotropium", "inhale one capsule once a day", (18, "microgram"), (1, 1, "d")),
        Course("salbutamol", "two puffs when required for breathlessness", (2, "puff"), None, 1.0, True),
    ), (), Clinic("aldermoor-community", "Community respiratory team", "J Rigby", "respiratory nurse",
                  "Home visit to {name} ({age}). Inhaler technique good. Breathless on hills, MRC grade 3. Rescue pack "
                  "discussed; uses the stairs at home.", 0.5), procedure=("Spirometry", "127783003")),
    Story("atrial-fibrillation", ("atrial-fibrillation",), (62, 100), 0.09, (1, 9), (
        Course("apixaban", "5 mg twice a day", (5, "mg"), (2, 1, "d")),
        Course("bisoprolol-2.5", "2.5 mg once a day", (2.5, "mg"), (1, 1, "d"), 0.8),
    ), (*_KIDNEYS, Series("haemoglobin", 134, -0.6, 5, 1)),
        Clinic("aldermoor-anticoagulation", "Anticoagulation clinic", "Dr T Imrie", "consultant haematologist",
               "{name} ({age}) takes apixaban 5 mg twice a day for atrial fibrillation. Kidney function and weight "
               "checked: the dose remains right. No bleeding reported.", 0.6)),
    Story("asthma", ("asthma",), (6, 75), 0.1, (2, 20), (
        Course("beclometasone", "two puffs twice a day", (2, "puff"), (2, 1, "d")),
        Course("salbutamol", "two puffs when required", (2, "puff"), None, 1.0, True),
    ), ()),
    Story("ckd", ("ckd-3a",), (66, 100), 0.08, (2, 9), (),
          (Series("creatinine", 122, 4, 6, 2), Series("egfr", 52, -1.5, 2, 2), Series("haemoglobin", 121, -1, 4, 1)),
          Clinic("hospital", "Renal clinic", "Dr S Whitlow", "consultant nephrologist",
                 "{name} ({age}) has stable chronic kidney disease. Please avoid non-steroidal anti-inflammatory "
                 "medicines and repeat the blood tests in six months.", 0.4)),
    Story("heart-failure", ("heart-failure",), (64, 100), 0.04, (1, 7), (
        Course("bisoprolol-5", "5 mg once a day", (5, "mg"), (1, 1, "d")),
        Course("furosemide", "40 mg in the morning", (40, "mg"), (1, 1, "d")),
        Course("ramipril", "5 mg once a day", (5, "mg"), (1, 1, "d"), 0.7),
    ), (*_KIDNEYS, Series("nt-probnp", 1800, 60, 200, 1)),
        Clinic("hospital", "Heart failure clinic", "Dr L Brandt", "consultant cardiologist",
               "{name} ({age}) is stable in New York Heart Association class II. Weight steady. Echocardiogram: ejection "
               "fraction 36%. To be seen again in six months.", 0.9), procedure=("Echocardiography", "40701008")),
    Story("rheumatoid", ("rheumatoid",), (34, 88), 0.015, (2, 15), (
        Course("methotrexate", "15 mg once a week, on the same day each week", (15, "mg"), (1, 1, "wk")),
        Course("folic-acid", "5 mg once a week, on a different day from methotrexate", (5, "mg"), (1, 1, "wk")),
    ), (Series("white-cells", 6.1, -0.1, 0.6, 4), Series("alt", 26, 0.5, 5, 4), Series("crp", 9, -0.3, 3, 4)),
        Clinic("rheumatology", "Rheumatology clinic", "Dr E Sandford", "consultant rheumatologist",
               "{name} ({age}) has seropositive rheumatoid arthritis in low disease activity. Blood monitoring every "
               "twelve weeks continues.", 1.0), flag="Difficulty with stairs: offer a ground-floor room"),
    Story("depression", ("depression",), (18, 85), 0.1, (1, 9), (
        Course("sertraline", "100 mg once a day", (100, "mg"), (1, 1, "d"), 0.6),
    )),
    Story("anxiety", ("anxiety",), (18, 70), 0.04, (1, 6), (
        Course("citalopram", "20 mg once a day", (20, "mg"), (1, 1, "d")),)),
    Story("schizophrenia", ("schizophrenia",), (20, 75), 0.012, (3, 20), (
        Course("olanzapine", "10 mg at night", (10, "mg"), (1, 1, "d")),
    ), (Series("hba1c", 40, 0.4, 2, 1),),
        Clinic("calder-vale", "Community mental health team", "Dr N Farrow", "consultant psychiatrist",
               "{name} ({age}) remains well on olanzapine. No risk concerns. Physical health check requested from the "
               "practice.", 1.0),
        plan=("Crisis plan", ("Early signs: sleeps less than four hours, stops answering the telephone.",
                              "First call: care coordinator in hours, crisis line 01632 960 611 at night."))),
    Story("dementia", ("alzheimers",), (72, 100), 0.07, (1, 7), (
        Course("donepezil", "10 mg at night", (10, "mg"), (1, 1, "d"), 0.8),
    ), (), Clinic("calder-vale", "Memory service", "Dr P Oyelaran", "consultant psychiatrist of old age",
                  "{name} ({age}) has Alzheimer's disease of moderate severity. Lives with support. Lasting power of "
                  "attorney for health is held by the next of kin.", 0.8),
        plan=("Personalised care and support plan", ("Carers four times a day.", "Likes to be called by first name.",
                                                     "Wanders at dusk: door sensor fitted.")),
        flag="Needs a familiar person present; short sentences"),
    Story("breast-cancer", ("breast-cancer",), (46, 90), 0.03, (1, 8), (
        Course("letrozole", "2.5 mg once a day", (2.5, "mg"), (1, 1, "d")),
    ), (Series("haemoglobin", 128, 0, 5, 2),),
        Clinic("hospital", "Breast clinic", "Ms H Garside", "consultant breast surgeon",
               "{name} ({age}) is well after wide local excision and radiotherapy. Mammogram clear. Annual review until "
               "five years.", 1.0), sex="female", procedure=("Wide local excision of breast lesion", "")),
    Story("pregnancy", ("pregnant",), (19, 42), 0.06, (0, 0), (
        Course("pregnancy-folic", "400 micrograms once a day until week 12", (400, "microgram"), (1, 1, "d")),
    ), (Series("haemoglobin", 122, 0, 4, 6),),
        Clinic("aldermoor-maternity", "Antenatal clinic", "K Halliwell", "midwife",
               "Booking visit for {name} ({age}). Low-risk pathway. Blood group and antibodies sent. Scan dated.", 1.0),
        sex="female", plan=("Personalised care and support plan", ("Birth place: midwife-led unit.",
                                                                   "Partner to be present."))),
    Story("epilepsy", ("epilepsy",), (8, 80), 0.015, (2, 20), (
        Course("lamotrigine", "100 mg twice a day", (100, "mg"), (2, 1, "d")),
    ), (), Clinic("hospital", "Epilepsy clinic", "Dr V Stannard", "consultant neurologist",
                  "{name} ({age}) has had no seizure for fourteen months. Lamotrigine unchanged. Driving and bathing "
                  "advice repeated.", 0.9), flag="Seizures: first-aid plan in the record"),
    Story("hypothyroidism", ("hypothyroidism",), (28, 100), 0.05, (2, 20), (
        Course("levothyroxine", "100 micrograms each morning before food", (100, "microgram"), (1, 1, "d")),
    ), (Series("tsh", 2.6, 0.05, 0.8, 1),)),
    Story("osteoarthritis", ("knee-arthritis",), (55, 100), 0.15, (2, 12), (
        Course("paracetamol", "1 g up to four times a day when required", (1, "g"), (4, 1, "d"), 0.7, True),
    ), (), Clinic("hospital", "Orthopaedic clinic", "Mr D Ashworth", "consultant orthopaedic surgeon",
                  "{name} ({age}) has osteoarthritis of the knee. Listed for physiotherapy first; to be seen again if "
                  "walking is below 200 metres.", 0.3)),
    Story("eczema", ("eczema",), (1, 12), 0.15, (0, 4), (
        Course("emollient", "apply freely several times a day", None, None),
        Course("hydrocortisone", "apply thinly once a day to inflamed areas", None, (1, 1, "d"), 0.5),
    )),
    Story("back-pain", ("back-pain",), (22, 70), 0.08, (0, 4), (
        Course("naproxen", "250 mg twice a day with food when required", (250, "mg"), (2, 1, "d"), 0.4, True),
        Course("omeprazole", "20 mg once a day", (20, "mg"), (1, 1, "d"), 0.4),
    ), (), Clinic("aldermoor-physiotherapy", "Musculoskeletal physiotherapy", "S Whelan", "physiotherapist",
                  "{name} ({age}) seen for low back pain. No red flags. Exercise programme given, six sessions.", 0.5)),
    Story("migraine", ("migraine",), (16, 60), 0.07, (1, 12), (
        Course("sumatriptan", "50 mg at the start of an attack, not more than two in 24 hours", (50, "mg"), None, 1.0,
               True),)),
)  # fmt: skip
