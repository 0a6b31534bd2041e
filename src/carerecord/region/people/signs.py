"""Which signs are measured at a bedside, and by which codes?"""

from __future__ import annotations

from datetime import datetime

from carerecord.region.people.chart import By, Chart
from carerecord.region.people.codes import Term

BLOOD_PRESSURE = Term("Blood pressure", "75367002", "85354-9")
SYSTOLIC, DIASTOLIC = Term("Systolic blood pressure", "271649006", "8480-6"), Term(
    "Diastolic blood pressure", "271650006", "8462-4"
)
WEIGHT, PULSE = Term("Body weight", "27113001", "29463-7"), Term("Pulse rate", "78564009", "8867-4")
SATURATION = Term("Oxygen saturation", "431314004", "59408-5")
TEMPERATURE = Term("Body temperature", "386725007", "8310-5")
BREATHS = Term("Respiratory rate", "86290005", "9279-1")
COMA = Term("Glasgow coma score", "248241002", "9269-2")


def pressure(chart: Chart, at: datetime, systolic: int, diastolic: int, by: By | None = None) -> None:
    chart.observe(BLOOD_PRESSURE, at, parts=((SYSTOLIC, systolic, "mmHg", "mm[Hg]"),
                                             (DIASTOLIC, diastolic, "mmHg", "mm[Hg]")), by=by)  # fmt: skip
