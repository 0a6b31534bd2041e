"""Which codes do the region's systems use for problems, medicines and tests?

Only codes that are known to be right stand here: SNOMED CT (UK edition), dm+d (within SNOMED CT) and LOINC. Where no
code is known, the systems send text and a code of their own, as real ones do.
"""

from typing import NamedTuple

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


class Term(NamedTuple):
    text: str
    code: str | None = None  # SNOMED CT concept
    loinc: str | None = None


class LabTest(NamedTuple):
    """A laboratory test: what it is called, in which unit, and between which limits it is usual."""

    text: str
    snomed: str | None
    loinc: str | None
    unit: str
    ucum: str
    low: float | None
    high: float | None
    decimals: int = 0



class Drug(NamedTuple):
    """A product as dm+d names it, with the substance, form and route that a page needs."""

    name: str
    substance: str
    form: str
    route: str = "oral"
    code: str | None = None  # dm+d VMP
    pack: float = 28


PROBLEMS: dict[str, Term] = {
    "diabetes-2": Term("Type 2 diabetes mellitus", "44054006"),
    "diabetes-1": Term("Type 1 diabetes mellitus", "46635009"),
    "ketoacidosis": Term("Diabetic ketoacidosis", "420422005"),
    "copd": Term("Chronic obstructive pulmonary disease", "13645005"),
    "atrial-fibrillation": Term("Atrial fibrillation", "49436004"),
    "hypertension": Term("Hypertension", "38341003"),
    "asthma": Term("Asthma", "195967001"),
    "ckd-3a": Term("Chronic kidney disease stage 3A", "700378005"),
    "ckd-3b": Term("Chronic kidney disease stage 3B", "700379002"),
    "heart-failure": Term("Heart failure with reduced ejection fraction", "703272007"),
    "rheumatoid": Term("Rheumatoid arthritis", "69896004"),
    "depression": Term("Depressive disorder", "35489007"),
    "schizophrenia": Term("Schizophrenia", "58214004"),
    "alzheimers": Term("Alzheimer's disease", "26929004"),
    "breast-cancer": Term("Malignant neoplasm of breast", "254837009"),
    "bone-metastases": Term("Secondary malignant neoplasm of bone", "94222008"),
    "pregnant": Term("Pregnant", "77386006"),
    "epilepsy": Term("Epilepsy", "84757009"),
    "hypothyroidism": Term("Hypothyroidism", "40930008"),
    "knee-arthritis": Term("Osteoarthritis of knee", "239873007"),
    "eczema": Term("Atopic eczema", "24079001"),
    "back-pain": Term("Low back pain", "279039007"),
    "migraine": Term("Migraine", "37796009"),
    "head-injury": Term("Head injury", "82271004"),
    "recurrent-falls": Term("Recurrent falls", "279992002"),
    "macular": Term("Age-related macular degeneration", "267718000"),
    "acute-kidney": Term("Acute kidney injury", "14669001"),
    "iron-anaemia": Term("Iron deficiency anaemia", "87522002"),
    "chest-pain": Term("Chest pain", "29857009"),
    "uti": Term("Urinary tract infection", "68566005"),
    "gout": Term("Gout", "90560007"),
    "fever": Term("Fever", "386661006"),
    "sore-throat": Term("Pain in throat", "162397003"),
    "smoker": Term("Smoker", "77176002"),
    "hay-fever": Term("Allergic rhinitis due to pollen", "21719001"),
    "urti": Term("Upper respiratory infection", "54150009"),
    "anxiety": Term("Mixed anxiety and depressive disorder", "231504006"),
}

ALLERGIES: dict[str, Term] = {
    "penicillin": Term("Allergy to penicillin", "91936005"),
    "aspirin": Term("Allergy to aspirin", "293586001"),
    "peanut": Term("Allergy to peanut", "91935009"),
    "warfarin": Term("Allergy to warfarin", "294881007"),
    "erythromycin": Term("Erythromycin adverse reaction", "419056004"),
    "cow-milk": Term("Intolerance to cow's milk", "738069006"),
    "none": Term("No known allergies", "716186003"),
}
REACTIONS: dict[str, Term] = {
    "anaphylaxis": Term("Anaphylaxis", "39579001"),
    "rash": Term("Rash", "271807003"),
    "bronchospasm": Term("Bronchospasm", "4386001"),
    "vomiting": Term("Vomiting", "422400008"),
}

TESTS: dict[str, LabTest] = {
    "potassium": LabTest("Potassium", "1000651000000109", "2823-3", "mmol/L", "mmol/L", 3.5, 5.3, 1),
    "sodium": LabTest("Sodium", "1000661000000107", "2951-2", "mmol/L", "mmol/L", 133, 146),
    "creatinine": LabTest("Creatinine", "1000731000000107", "14682-9", "µmol/L", "umol/L", 59, 104),
    "egfr": LabTest("eGFR", "1107411000000104", "62238-1", "mL/min/1.73 m²", "mL/min/{1.73_m2}", 60, None),
    "haemoglobin": LabTest("Haemoglobin", "1022431000000105", "718-7", "g/L", "g/L", 115, 165),
    "white-cells": LabTest("White cell count", "1022541000000102", "6690-2", "×10⁹/L", "10*9/L", 4.0, 11.0, 1),
    "neutrophils": LabTest("Neutrophils", "1022551000000104", "751-8", "×10⁹/L", "10*9/L", 1.7, 7.5, 1),
    "platelets": LabTest("Platelets", "1022651000000100", "777-3", "×10⁹/L", "10*9/L", 150, 400),
    "hba1c": LabTest("HbA1c", "999791000000106", "59261-8", "mmol/mol", "mmol/mol", None, 48),
    "cholesterol": LabTest("Total cholesterol", "1005671000000105", "14647-2", "mmol/L", "mmol/L", None, 5.0, 1),
    "alt": LabTest("ALT", "1018251000000107", "1742-6", "U/L", "U/L", None, 40),
    "tsh": LabTest("TSH", "1022791000000101", "3016-3", "mU/L", "m[IU]/L", 0.3, 4.5, 2),
    "crp": LabTest("C-reactive protein", "1001371000000100", "1988-5", "mg/L", "mg/L", None, 5),
    "inr": LabTest("INR", None, "6301-6", "ratio", "{ratio}", 0.9, 1.2, 1),
    "nt-probnp": LabTest("NT-proBNP", None, "33762-6", "ng/L", "ng/L", None, 400),
    "troponin-i": LabTest("High-sensitivity troponin I", None, "89579-7", "ng/L", "ng/L", None, 34),
    "troponin-t": LabTest("High-sensitivity troponin T", None, "67151-1", "ng/L", "ng/L", None, 14),
    "glucose": LabTest("Glucose", None, "14749-6", "mmol/L", "mmol/L", 4.0, 7.8, 1),
    "ketones": LabTest("Ketones", None, None, "mmol/L", "mmol/L", None, 0.6, 1),
    "ph": LabTest("Venous pH", None, "2746-6", "pH", "[pH]", 7.35, 7.45, 2),
    "bilirubin": LabTest("Total bilirubin", None, "14631-6", "µmol/L", "umol/L", None, 200),
    "pcr-urine": LabTest("Urine protein:creatinine ratio", None, None, "mg/mmol", "mg/mmol", None, 30),
    "ferritin": LabTest("Ferritin", None, "2276-4", "µg/L", "ug/L", 15, 300),
}

DRUGS: dict[str, Drug] = {
    "apixaban": Drug("Apixaban 5mg tablets", "apixaban", "tablet", code="42206511000001102", pack=56),
    "warfarin": Drug("Warfarin 3mg tablets", "warfarin", "tablet", code="319734000"),
    "bisoprolol-2.5": Drug("Bisoprolol 2.5mg tablets", "bisoprolol", "tablet"),
    "bisoprolol-5": Drug("Bisoprolol 5mg tablets", "bisoprolol", "tablet"),
    "amlodipine": Drug("Amlodipine 5mg tablets", "amlodipine", "tablet"),
    "amlodipine-10": Drug("Amlodipine 10mg tablets", "amlodipine", "tablet", code="319284000"),
    "ramipril": Drug("Ramipril 5mg capsules", "ramipril", "capsule"),
    "furosemide": Drug("Furosemide 40mg tablets", "furosemide", "tablet", code="42294811000001108"),
    "lokelma": Drug("Sodium zirconium cyclosilicate 5g oral powder", "sodium zirconium cyclosilicate", "oral powder"),
    "methotrexate": Drug("Methotrexate 2.5mg tablets", "methotrexate", "tablet", code="41792011000001100", pack=24),
    "folic-acid": Drug("Folic acid 5mg tablets", "folic acid", "tablet", pack=4),
    "clozapine": Drug("Clozapine 100mg tablets", "clozapine", "tablet", pack=84),
    "metformin": Drug("Metformin 500mg tablets", "metformin", "tablet", pack=112),
    "gliclazide": Drug("Gliclazide 80mg tablets", "gliclazide", "tablet", code="325242002"),
    "atorvastatin": Drug("Atorvastatin 20mg tablets", "atorvastatin", "tablet", code="320030001"),
    "atorvastatin-80": Drug("Atorvastatin 80mg tablets", "atorvastatin", "tablet"),
    "aspirin-75": Drug("Aspirin 75mg tablets", "aspirin", "tablet", code="319775004"),
    "aspirin-150": Drug("Aspirin 75mg dispersible tablets", "aspirin", "dispersible tablet", pack=56),
    "clopidogrel": Drug("Clopidogrel 300mg tablets", "clopidogrel", "tablet", pack=1),
    "gtn": Drug("Glyceryl trinitrate 400micrograms/dose sublingual spray", "glyceryl trinitrate", "spray", "sublingual",
                pack=1),
    "salbutamol": Drug("Salbutamol 100micrograms/dose inhaler CFC free", "salbutamol", "inhaler", "inhalation", pack=1),
    "beclometasone": Drug("Beclometasone 100micrograms/dose inhaler CFC free", "beclometasone", "inhaler",
                          "inhalation", pack=1),
    "tiotropium": Drug("Tiotropium bromide 18microgram inhalation powder capsules", "tiotropium bromide",
                       "inhalation powder", "inhalation", pack=30),
    "sertraline": Drug("Sertraline 100mg tablets", "sertraline", "tablet"),
    "citalopram": Drug("Citalopram 20mg tablets", "citalopram", "tablet", code="321987003"),
    "olanzapine": Drug("Olanzapine 10mg tablets", "olanzapine", "tablet"),
    "donepezil": Drug("Donepezil 10mg tablets", "donepezil", "tablet"),
    "letrozole": Drug("Letrozole 2.5mg tablets", "letrozole", "tablet"),
    "lamotrigine": Drug("Lamotrigine 100mg tablets", "lamotrigine", "tablet", pack=56),
    "levothyroxine": Drug("Levothyroxine sodium 100microgram tablets", "levothyroxine sodium", "tablet"),
    "paracetamol": Drug("Paracetamol 500mg tablets", "paracetamol", "tablet", code="322236009", pack=100),
    "naproxen": Drug("Naproxen 250mg tablets", "naproxen", "tablet"),
    "omeprazole": Drug("Omeprazole 20mg gastro-resistant capsules", "omeprazole", "gastro-resistant capsule",
                       code="317291008"),
    "emollient": Drug("Emollient cream", "emollient", "cream", "cutaneous", pack=1),
    "hydrocortisone": Drug("Hydrocortisone 1% cream", "hydrocortisone", "cream", "cutaneous", pack=1),
    "sumatriptan": Drug("Sumatriptan 50mg tablets", "sumatriptan", "tablet", pack=6),
    "ferrous": Drug("Ferrous fumarate 210mg tablets", "ferrous fumarate", "tablet", pack=84),
    "morphine-mr": Drug("Morphine 10mg modified-release tablets", "morphine", "modified-release tablet", pack=60),
    "morphine": Drug("Morphine sulfate 10mg/5ml oral solution", "morphine", "oral solution", pack=1),
    "degludec": Drug("Insulin degludec 100units/ml solution for injection 3ml pre-filled disposable devices",
                     "insulin degludec", "solution for injection", "subcutaneous", pack=5),
    "aspart": Drug("Insulin aspart 100units/ml solution for injection 3ml pre-filled disposable devices",
                   "insulin aspart", "solution for injection", "subcutaneous", pack=5),
    "anti-d": Drug("Anti-D (Rh0) immunoglobulin 1,500unit solution for injection", "anti-D (Rh0) immunoglobulin",
                   "solution for injection", "intramuscular", pack=1),
    "amoxicillin": Drug("Amoxicillin 500mg capsules", "amoxicillin", "capsule", code="39732411000001106", pack=15),
    "pregnancy-folic": Drug("Folic acid 400microgram tablets", "folic acid", "tablet", pack=90),
}  # fmt: skip

# SNOMED CT substances, for the systems that prescribe by substance and dose rather than by product.
SUBSTANCES: dict[str, str] = {
    "apixaban": "698090000",
    "amlodipine": "386864001",
    "aspirin": "387458008",
    "atorvastatin": "373444002",
    "bisoprolol": "386868003",
    "clopidogrel": "386952008",
    "clozapine": "387568001",
    "folic acid": "63718003",
    "furosemide": "387475002",
    "letrozole": "386911004",
    "metformin": "372567009",
    "methotrexate": "387381009",
    "morphine": "373529000",
    "olanzapine": "386849001",
    "paracetamol": "387517004",
    "ramipril": "386872004",
    "salbutamol": "372897005",
    "sertraline": "372594008",
}

ROUTES: dict[str, str] = {
    "oral": "26643006",
    "subcutaneous": "34206005",
    "intramuscular": "78421000",
    "sublingual": "37839007",
    "inhalation": "447694001",
    "cutaneous": "6064005",
}
