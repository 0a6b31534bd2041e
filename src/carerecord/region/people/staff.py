"""Who writes in each system, where a story names nobody?"""

from __future__ import annotations

from carerecord.region.people.chart import By

DOCTORS = {"A99917": ("Dr A Osei", "Dr P Lindqvist"), "A99924": ("Dr M Howe", "Dr T Bradwell"),
            "A99931": ("Dr N Kapoor", "Dr R Ferris"), "A99948": ("Dr J Hallam", "Dr Y Adewale"),
            "A99962": ("Dr C Pryor", "Dr S Mukherjee")}  # fmt: skip
_STAFF: dict[str, By] = {
    "aldermoor-epr": By("Dr L Brandt", "registrar"),
    "aldermoor-emergency": By("Dr S Idowu", "emergency medicine"),
    "aldermoor-pathology": By("Dr C Munro", "consultant chemical pathologist"),
    "aldermoor-radiology": By("Dr W Pask", "consultant radiologist"),
    "aldermoor-anticoagulation": By("Dr T Imrie", "consultant haematologist"),
    "aldermoor-maternity": By("K Halliwell", "midwife"),
    "fenwick-epr": By("Dr E Sandford", "consultant"),
    "fenwick-pathology": By("Dr J Moxon", "consultant haematologist"),
    "fenwick-radiology": By("Dr B Lisle", "consultant radiologist"),
    "north-fells-ambulance": By("Crew 2210", "paramedic"),
    "aldermoor-community": By("S Whelan", "physiotherapist"),
    "calder-vale": By("Dr N Farrow", "consultant psychiatrist"),
    "st-oswins": By("Dr I Merrow", "consultant in palliative medicine"),
    "aldermoor-council": By("G Ellershaw", "social worker"),
    "hartley-pharmacy": By("J Mistry", "pharmacist"),
    "fenwick-emergency": By("Dr O Hartshorn", "emergency medicine"),
    "fenwick-rheumatology": By("Dr E Sandford", "consultant rheumatologist"),
    "fenwick-diabetes": By("Dr F Ahmadi", "consultant diabetologist"),
    "fells-out-of-hours": By("Dr E Strand", "out-of-hours GP"),
    "aldermoor-physiotherapy": By("S Whelan", "physiotherapist"),
    "fells-health-visiting": By("R Heald", "health visitor"),
    "rowan-court": By("G Okello", "nurse in charge"),
    "aldermoor-child-protection": By("J Whitham", "social worker"),
    "quay-pharmacy": By("L Fairweather", "pharmacist"),
    "harbour-sexual-health": By("Dr T Amis", "consultant in sexual health"),
}


def staff_of(system: str) -> By:
    return _STAFF[system]
