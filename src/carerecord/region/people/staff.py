"""Who writes in each system, where a story names nobody?"""

from __future__ import annotations

from carerecord.region.people.chart import By

DOCTORS = {"A99917": ("Dr A Osei", "Dr P Lindqvist"), "A99924": ("Dr M Howe", "Dr T Bradwell"),
            "A99931": ("Dr N Kapoor", "Dr R Ferris")}  # fmt: skip
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
}


def staff_of(system: str) -> By:
    return _STAFF[system]
