"""Turns an answer of GP Connect (FHIR STU3) into FHIR R4 as UK Core writes it, and says of each element whether it was carried.

No truth is kept and nobody is asked. `conversion(split(body))` is driven piece by piece, `convert` does it in one go; what comes
out is `Converted`. `entries_of` gives its resources in the form in which `fhir.bundle` hands over those of an R4 source.
"""

from carerecord.fhir.stu3.convert import Conversion, conversion, convert, entries_of, written
from carerecord.fhir.stu3.converted import (
    Converted,
    EmptyList,
    ListWarning,
    NoPatient,
    NotCarried,
    OutcomeInstead,
    SeveralPatients,
    Unread,
)

__all__ = [
    "Conversion",
    "Converted",
    "EmptyList",
    "ListWarning",
    "NoPatient",
    "NotCarried",
    "OutcomeInstead",
    "SeveralPatients",
    "Unread",
    "conversion",
    "convert",
    "entries_of",
    "written",
]
